// Packets of the protocol between launcher and manager. Needs no library beyond the C++ standard one, so that
// the launcher stays small.
#pragma once

#include "manager/client_protocol.hpp"
#include "manager/os/connection.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lxss {

struct ClientPacket {
    ClientHeader header{};
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    std::vector<UniqueFd> descriptors;
};

// Fills in version, counts and lengths, and sends.
SendStatus send_client_packet(Connection& connection, ClientHeader header,
                              const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment = {},
                              std::span<const HostDescriptor> descriptors = {});

// Returns nothing when the packet is malformed. Packets of another version decode to their header alone, so
// that the caller can say so.
std::optional<ClientPacket> decode_client_packet(Packet packet);

// Appends each string with its NUL. Strings end at their first NUL.
void append_strings(std::vector<char>& bytes, const std::vector<std::string>& strings);

// Linux wait statuses, as the instance reports them, whatever the host.
constexpr bool ended_by_signal(uint32_t wait_status) {
    return (wait_status & 0x7f) != 0;
}
constexpr int signal_of(uint32_t wait_status) {
    return static_cast<int>(wait_status & 0x7f);
}
constexpr int exit_code_of(uint32_t wait_status) {
    return static_cast<int>(wait_status >> 8 & 0xff);
}

} // namespace lxss
