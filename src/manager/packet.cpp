#include "manager/packet.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace lxss {

bool send_packet(int socket, std::span<const char> bytes, std::span<const int> descriptors) {
    if (bytes.size() > kMaxPacketBytes || descriptors.size() > kMaxPacketDescriptors) {
        errno = EMSGSIZE;
        return false;
    }
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPacketDescriptors)]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(bytes.size());
}

ReceiveStatus receive_packet(int socket, Packet& packet) {
    // One buffer for all, in pages that are touched only as far as packets reach. Both programs have one
    // thread.
    static char buffer[kMaxPacketBytes];
    iovec part{buffer, sizeof buffer};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPacketDescriptors)];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t received;
    do {
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0)
        return errno == EAGAIN ? ReceiveStatus::WouldBlock : ReceiveStatus::Closed;

    packet.descriptors.clear();
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int descriptor;
            std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            packet.descriptors.emplace_back(descriptor);
        }
    }
    if (received == 0) {
        errno = 0;
        return ReceiveStatus::Closed;
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        errno = EBADMSG;
        return ReceiveStatus::Closed;
    }
    packet.bytes.assign(buffer, buffer + received);
    return ReceiveStatus::Received;
}

void append_strings(std::vector<char>& bytes, const std::vector<std::string>& strings) {
    for (const std::string& string : strings) {
        const char* text = string.c_str();
        bytes.insert(bytes.end(), text, text + std::strlen(text) + 1);
    }
}

bool send_client_packet(int socket, ClientHeader header, const std::vector<std::string>& arguments,
                        const std::vector<std::string>& environment, std::span<const int> descriptors) {
    std::vector<char> bytes(sizeof header);
    append_strings(bytes, arguments);
    append_strings(bytes, environment);
    header.version = kClientProtocolVersion;
    header.argument_count = static_cast<uint32_t>(arguments.size());
    header.environment_count = static_cast<uint32_t>(environment.size());
    header.strings_bytes = static_cast<uint32_t>(bytes.size() - sizeof header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return send_packet(socket, bytes, descriptors);
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
