// Internet sockets. They are the instance host's alone: a thread there (socket_service.cpp) makes every call
// of winsock, and the other processes post requests in the host section. docs/decisions/nt-sockets.md says
// why.
#pragma once

#include "abi/poll.hpp"
#include "abi/socket.hpp"
#include "host/nt/handles.hpp"
#include "host/nt/poll_waiters.hpp"

namespace host::nt {

inline constexpr u32 kMaxSockets = 2048;
inline constexpr u32 kMaxSocketRequests = 48; // under way at a time
inline constexpr u32 kSocketDataBytes = 64 * 1024;
inline constexpr u32 kSocketControlBytes = 256;

// ---- readiness ----

// What a socket can be watched for.
enum SocketGroup : u32 {
    kInputGroup = 1,  // data, the end of it, or a connection
    kHangUpGroup = 2, // the peer writes no more
    kUrgentGroup = 4,
    kOutputGroup = 8,
    kErrorGroup = 16, // and errors, which count in every group
    kAllGroups = 31,
};

// One word, so that all of it is seen as of one moment. A group that is neither ready nor watched is unknown.
// The instance host alone changes it.
struct SocketReadiness {
    u16 events;      // abi::POLL* that hold
    u8 ready_groups; // of which something holds
    u8 watched;      // groups of which nothing holds; a change of that will be told
    // Changed whenever the guest has found the socket empty, or full: what is ready next is news to
    // edge-triggered members.
    u16 input_turns, output_turns;
};
static_assert(sizeof(SocketReadiness) == sizeof(u64));

inline u32 groups_of(u32 events) {
    u32 groups = 0;
    if (events & (abi::POLLIN | abi::POLLRDNORM))
        groups |= kInputGroup;
    if (events & abi::POLLRDHUP)
        groups |= kHangUpGroup;
    if (events & (abi::POLLPRI | abi::POLLRDBAND))
        groups |= kUrgentGroup;
    if (events & (abi::POLLOUT | abi::POLLWRNORM | abi::POLLWRBAND))
        groups |= kOutputGroup;
    return groups ? groups : u32{kErrorGroup};
}

struct alignas(64) SocketRecord {
    // Handles, and one for the instance host until it has closed the socket; 0: free.
    std::atomic<u32> users;
    std::atomic<u64> readiness; // SocketReadiness
    PollWaiters waiters;
};

// ---- requests ----

enum class SocketCall : u32 {
    Create,   // arguments: family, type, protocol. Result: the handle, as of Accept
    Bind,     // address
    Connect,  // address
    Listen,   // backlog
    Accept,   // address comes back
    Shutdown, // how
    LocalAddress,
    PeerAddress,
    GetOption, // level, option; data comes back, its length is the result
    SetOption, // level, option; data
    Send,      // flags; address, control, data. Result: bytes sent
    Receive,   // flags; bytes: room. Address, control, data and message_flags come back. Result: bytes
             // received, as of a recv(2) with MSG_TRUNC; `bytes`: those in `data`
    BytesAvailable,
    IsAtMark,
    ConnectLocal, // data: host::connect_local()'s name. Result: the handle, of no socket (channels.hpp)
    Close,
    Ask, // data: SocketQuestion::Item[]. Afterwards each group is known, unless somebody has changed that
};

// All in the way of Linux.
struct alignas(64) SocketRequest {
    std::atomic<u64> owner; // thread id << 32 | slot + 1 of the thread that uses it; 0: free
    enum State : u32 { Idle, Posted, Taken, Done };
    std::atomic<u32> state;
    SocketCall call;
    u32 socket; // index of its record
    i32 arguments[3];
    u32 address_length, control_length, message_flags;
    i32 error; // an Errno
    u64 bytes; // of `data`
    u64 result;
    u8 address[sizeof(abi::sockaddr_storage)];
    alignas(8) u8 control[kSocketControlBytes];
    alignas(64) u8 data[kSocketDataBytes];
};

struct SocketTable {
    std::atomic<u32> posted; // changed with each request
    std::atomic<u32> freed;  // changed when a request is free again
    SocketRecord records[kMaxSockets];
    SocketRequest requests[kMaxSocketRequests];
};
inline constexpr u64 kSocketsAddress = kFilesArea + kFilesAreaBytes;
static_assert(kSocketsAddress + sizeof(SocketTable) <= kSharedBase + kSharedBytes - base::kPageSize);
inline SocketTable& sockets() {
    return *reinterpret_cast<SocketTable*>(kSocketsAddress);
}

// HandleEntry::extra of a socket is its index.
inline SocketReadiness readiness_of_socket(u64 index) {
    return __builtin_bit_cast(SocketReadiness, sockets().records[index].readiness.load());
}

// Sockets whose readiness is asked for together.
class SocketQuestion {
public:
    struct Item {
        u32 socket, groups;
    };
    LXSS_NO_COPY(SocketQuestion);
    SocketQuestion() = default;
    ~SocketQuestion();
    void add(u64 socket, u32 groups);
    // Waits for the answers to what was added since.
    void ask();

private:
    SocketRequest* m_request = nullptr;
    u32 m_count = 0;
};

// The bytes that a message's vectors hold; ~0 for more than there can be.
inline u64 total_of(const abi::msghdr& message) {
    const auto* vectors = reinterpret_cast<const abi::iovec*>(message.msg_iov);
    u64 total = 0;
    for (u64 i = 0; i < message.msg_iovlen; ++i)
        if (__builtin_add_overflow(total, vectors[i].iov_len, &total))
            return ~u64{0};
    return total;
}

void keep_socket(u64 index); // one more handle
void end_socket(u64 index);  // one less

// In the instance host: starts the thread that serves requests. Winsock is loaded with the first one.
void start_socket_service();

} // namespace host::nt
