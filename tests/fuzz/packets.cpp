// Packets of lxss to lxssd, and of lxss-host to lxss-interop; the first byte says which.
#include "interop/run_request.hpp"
#include "manager/packet.hpp"

#include <cstdlib>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0 || size > lxss::kMaxPacketBytes)
        return 0;
    const char* bytes = reinterpret_cast<const char*>(data) + 1;
    if (data[0] & 1) {
        lxss::Packet packet;
        packet.bytes.assign(bytes, bytes + size - 1);
        const auto decoded = lxss::decode_client_packet(std::move(packet));
        if (decoded && decoded->header.version == lxss::kClientProtocolVersion &&
            (decoded->arguments.size() != decoded->header.argument_count ||
             decoded->environment.size() != decoded->header.environment_count))
            std::abort();
        return 0;
    }
    interop_header header;
    if (size - 1 < sizeof header)
        return 0;
    std::memcpy(&header, bytes, sizeof header);
    lxss::HostProgramStart start;
    if (lxss::parse_run_request(header, {bytes + sizeof header, size - 1 - sizeof header}, start) &&
        start.words.size() != header.argument_count)
        std::abort();
    return 0;
}
