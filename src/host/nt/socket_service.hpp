// Sockets as the instance host has them: what its files for sockets share.
#pragma once

#include "host/nt/sockets.hpp"
#include "host/nt/winsock.hpp"

namespace host::nt {

// ---- watching for readiness (socket_watches.cpp)

// IOCTL_AFD_POLL's structures, which no header has: one socket in a request.
struct AfdPoll {
    i64 timeout; // 100 ns, negative: relative
    u32 count;
    u32 is_exclusive;
    HANDLE socket;
    u32 events;
    NTSTATUS status;
};

struct ServedSocket;

// A request for news of some groups of a socket that is under way.
struct SocketWatch {
    IO_STATUS_BLOCK io;
    AfdPoll poll;
    ServedSocket* socket;
    u8 groups; // 0: not under way
    u8 stale;  // of which the guest has changed something since: what is told of them may not hold any more
};

struct ServedSocket {
    SRWLOCK lock; // guards all that follows, and changes of the record
    SOCKET handle;
    HANDLE base; // what AFD knows the socket by
    i32 family, type, protocol;
    enum class Phase : u8 { Fresh, Listening, Connecting, Connected, Failed, Closed } phase;
    bool is_read_shut, is_write_shut;
    bool has_peer_shut;     // seen by a watch
    bool is_broken;         // reset, or never connected
    bool reuses_address;    // a stream's SO_REUSEADDR, which winsock has no equal of
    bool reports_errors;    // IP_RECVERR
    i32 pending_error;      // an Errno: SO_ERROR, and of the next transfer
    SocketWatch watches[5]; // at most one for each group

    bool is_stream() const { return type == ws::kSockStream; }
    u32 index() const;
    SocketRecord& record() const { return sockets().records[index()]; }
};
// kMaxSockets of them; null before the first.
extern ServedSocket* g_served;
inline u32 ServedSocket::index() const {
    return static_cast<u32>(this - g_served);
}

// A thread of the instance host; it takes its slot itself.
bool start_service_thread(LPTHREAD_START_ROUTINE main);

// EOPNOTSUPP when the host's sockets cannot be watched.
Result<void> prepare_watches();
// What AFD knows a socket by.
HANDLE base_of(SOCKET handle);

// With the socket's lock, as all that follow.
// Makes the groups known. `exactly`: also those that are watched.
void learn_readiness(ServedSocket& socket, u32 groups, bool exactly);
// The guest has changed the groups: they are unknown. `is_exhausted`: it has found nothing more to read, or
// no room.
void forget_readiness(ServedSocket& socket, u32 groups, bool is_exhausted = false);
// Something has become ready by what the guest has done itself.
void publish_readiness(ServedSocket& socket);
// Asks for the end of its watches, which may take a while: has_watches().
void end_watches(ServedSocket& socket);
bool has_watches(const ServedSocket& socket);

// udp(7): ICMP errors are told to sockets with a peer, or IP_RECVERR, alone; winsock tells all by default.
void tell_of_unreachable_ports(const ServedSocket& socket, bool tells);

// ---- addresses and options (socket_options.cpp)

// As Linux's connect(2) and bind(2) want them: EINVAL, EAFNOSUPPORT. The length of what is in `out`.
Result<i32> to_host_address(const ServedSocket& socket, const u8* address, u32 length, sockaddr_storage& out);
// The length of what is in `out`.
u32 to_guest_address(const sockaddr_storage& address, i32 length, u8* out);

// Of a socket, with its lock. ENOPROTOOPT, EINVAL.
Result<void> set_socket_option(ServedSocket& socket, i32 level, i32 option, const u8* value, u32 length);
// The length of the value.
Result<u32> get_socket_option(ServedSocket& socket, i32 level, i32 option, u8* value);

} // namespace host::nt
