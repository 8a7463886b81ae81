// A connection that carries packets with descriptors, as both protocols use it. Needs no library beyond the
// C++ standard one, so that the launcher stays small.
#pragma once

#include "manager/unique_fd.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lxss {

// Holds any packet of either protocol; a sender checks against it before it sends.
constexpr size_t kMaxPacketBytes = 192 * 1024;
constexpr size_t kMaxPacketDescriptors = 4;

struct Packet {
    std::vector<char> bytes;
    std::vector<UniqueFd> descriptors;
};

enum class SendStatus {
    Sent,
    WouldBlock, // no room at present; only on a non-blocking connection
    TooLong,    // above kMaxPacketBytes or kMaxPacketDescriptors
    PeerGone,
    Failed, // last_error() says why
};
enum class ReceiveStatus {
    Received,
    WouldBlock, // only on a non-blocking connection
    Closed,     // in order
    Broken,     // the peer ended without reading all that was sent to it, or does not follow the protocol
};

class Connection {
public:
    Connection();
    ~Connection();
    Connection(Connection&& other) noexcept;
    Connection& operator=(Connection&& other) noexcept;

    explicit operator bool() const { return state_ != nullptr; }
    void reset();

    // Both ends of a connection within this process. False with last_error() set.
    static bool make_pair(Connection& left, Connection& right);

    // Sends one packet whole or not at all. The descriptors stay the caller's.
    SendStatus send(std::span<const char> bytes, std::span<const HostDescriptor> descriptors = {});
    // Receives one packet. Its descriptors are not inherited by processes started later.
    ReceiveStatus receive(Packet& packet);
    void set_non_blocking();

    // For wait_for() (events.hpp).
    HostDescriptor waitable() const;
    // Why the last operation failed, for the user.
    std::string last_error() const;

    struct State; // of the host
    explicit Connection(std::unique_ptr<State> state);
    State* state() const { return state_.get(); }

private:
    std::unique_ptr<State> state_;
};

} // namespace lxss
