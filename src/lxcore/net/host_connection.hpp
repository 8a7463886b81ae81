// Connections to UNIX sockets of the host: the X server's, a compositor's, interop's.
//
// A mount of type "hostsocket" stands for such a socket: its source is the socket's name on the host, its
// root a socket. When a socket of the instance connects to it, its file talks to the host from then on
// (UnixSocketFile). Files in messages (SCM_RIGHTS) are translated: what the host has a handle for goes out as
// that handle, and a handle that comes in becomes a file.
#pragma once

#include "lxcore/net/unix_socket.hpp"

namespace lxcore {

// What a mount of type hostsocket leads to.
struct HostSocketName final : public SharedObject {
    String name; // as host::connect_local() takes it
};

// The name behind an inode that is the root of a hostsocket mount; null for any other inode.
RefPtr<HostSocketName> host_socket_name(const Inode& inode);
// Called by boot() where interop is on: mount(2) knows the type from then on.
Result<void> register_host_socket_type();

class HostConnection final : public SharedObject {
public:
    HostConnection(host::Handle handle, i32 socket_type) : m_handle(handle), m_type(socket_type) {}
    ~HostConnection() override { host::close(m_handle); }

    // Waits for room until `deadline`. Errors of connect(2); EAGAIN at the deadline.
    static Result<RefPtr<HostConnection>> open(const HostSocketName& name, i32 type, u64 deadline);

    u32 poll(PollTable* table);
    // EINVAL when the message holds a file that the host has no handle for: a pipe, terminal or memory of the
    // instance.
    Result<usize> send(SocketMessage& message, UnixControl& control, u64 deadline);
    // `files`: those that came with the message, as many as message.control has room for; null for none.
    Result<usize> receive(SocketMessage& message, PassedFiles*& files, u64 deadline);
    Result<void> shutdown(i32 how) { return host::shutdown(m_handle, how); }
    // The other side as the host knows it, but that the host user is the caller's own: see there.
    abi::ucred peer_credentials() const;
    Result<i32> take_error(); // SO_ERROR
    Result<i64> control(u32 request, u64 argument);
    host::Handle handle() const { return m_handle; }

private:
    // EAGAIN at the deadline, EINTR when interrupted.
    Result<void> wait_for(u32 events, u64 deadline);

    const host::Handle m_handle;
    const i32 m_type;
};

// A file for a handle that came from the host; takes the handle over, also on failure. EOPNOTSUPP for what
// the instance has no use for (a directory, a device of the host).
Result<RefPtr<File>> make_received_file(host::Handle handle);
// A connected UNIX socket over a handle of the host.
Result<RefPtr<File>> make_connected_file(host::Handle handle);

} // namespace lxcore
