#include "manager/packet.hpp"

#include <cstring>

namespace lxss {

void append_strings(std::vector<char>& bytes, const std::vector<std::string>& strings) {
    for (const std::string& string : strings) {
        const char* text = string.c_str();
        bytes.insert(bytes.end(), text, text + std::strlen(text) + 1);
    }
}

SendStatus send_client_packet(Connection& connection, ClientHeader header,
                              const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment,
                              std::span<const HostDescriptor> descriptors) {
    std::vector<char> bytes(sizeof header);
    append_strings(bytes, arguments);
    append_strings(bytes, environment);
    header.version = kClientProtocolVersion;
    header.argument_count = static_cast<uint32_t>(arguments.size());
    header.environment_count = static_cast<uint32_t>(environment.size());
    header.strings_bytes = static_cast<uint32_t>(bytes.size() - sizeof header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return connection.send(bytes, descriptors);
}

// Takes `count` strings off the front of `text`; false when it holds fewer.
static bool take_strings(std::string_view& text, uint32_t count, std::vector<std::string>& strings) {
    for (uint32_t i = 0; i < count; ++i) {
        const size_t end = text.find('\0');
        if (end == text.npos)
            return false;
        strings.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return true;
}

std::optional<ClientPacket> decode_client_packet(Packet packet) {
    ClientPacket result;
    if (packet.bytes.size() < sizeof result.header)
        return std::nullopt;
    std::memcpy(&result.header, packet.bytes.data(), sizeof result.header);
    result.descriptors = std::move(packet.descriptors);
    if (result.header.version != kClientProtocolVersion)
        return result;
    std::string_view text(packet.bytes.data() + sizeof result.header,
                          packet.bytes.size() - sizeof result.header);
    if (text.size() != result.header.strings_bytes ||
        !take_strings(text, result.header.argument_count, result.arguments) ||
        !take_strings(text, result.header.environment_count, result.environment) || !text.empty())
        return std::nullopt;
    return result;
}

} // namespace lxss
