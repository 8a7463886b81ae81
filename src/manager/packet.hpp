// Packets with descriptors over SOCK_SEQPACKET UNIX sockets, as both protocols use them. Needs no library
// beyond the C++ standard one, so that the launcher stays small.
#pragma once

#include "manager/client_protocol.hpp"
#include "manager/unique_fd.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lxss {

// Holds any packet of either protocol; a sender checks against it before it sends.
constexpr size_t kMaxPacketBytes = 192 * 1024;
constexpr size_t kMaxPacketDescriptors = 4;

struct Packet {
    std::vector<char> bytes;
    std::vector<UniqueFd> descriptors;
};

enum class ReceiveStatus { Received, WouldBlock, Closed };

// Sends one packet whole, or fails with errno set (EAGAIN on a full non-blocking socket, EPIPE when the peer
// has gone, EMSGSIZE above kMaxPacketBytes). Raises no SIGPIPE.
bool send_packet(int socket, std::span<const char> bytes, std::span<const int> descriptors = {});

// Receives one packet. Descriptors arrive close-on-exec. A packet that was cut short counts as Closed: the
// peer does not follow the protocol. On Closed errno holds the reason, or 0 after an orderly close.
ReceiveStatus receive_packet(int socket, Packet& packet);

struct ClientPacket {
    ClientHeader header{};
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    std::vector<UniqueFd> descriptors;
};

// Fills in version, counts and lengths, and sends.
bool send_client_packet(int socket, ClientHeader header, const std::vector<std::string>& arguments,
                        const std::vector<std::string>& environment = {},
                        std::span<const int> descriptors = {});

// Returns nothing when the packet is malformed. Packets of another version decode to their header alone, so
// that the caller can say so.
std::optional<ClientPacket> decode_client_packet(Packet packet);

// Appends each string with its NUL. Strings end at their first NUL.
void append_strings(std::vector<char>& bytes, const std::vector<std::string>& strings);

} // namespace lxss
