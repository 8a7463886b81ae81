// UNIX sockets that have connected to one of the host's: where they differ from those of the instance.
#include "lxcore/net/host_connection.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

UnixSocketFile::~UnixSocketFile() {
    m_core->close();
    if (HostConnection* host = host_connection())
        host->unref();
}

void UnixSocketFile::adopt_host_connection(RefPtr<HostConnection> connection) {
    UnixSocket& self = *m_core;
    LockGuard guard(self.lock);
    self.peer_credentials = connection->peer_credentials();
    self.state = UnixSocket::State::Connected;
    m_host.store(connection.leak(), std::memory_order_release);
}

Result<void> UnixSocketFile::connect_to_host(const HostSocketName& name, u64 deadline) {
    auto connection = HostConnection::open(name, type, deadline);
    if (connection.is_error())
        return connection.error() == Errno::EINTR ? interrupted_socket(send_timeout_ns) : connection.error();
    adopt_host_connection(connection.release_value());
    return {};
}

host::Handle UnixSocketFile::host_handle() {
    HostConnection* const host = host_connection();
    return host ? host->handle() : host::kNoHandle;
}

Result<usize> UnixSocketFile::send_to_host(HostConnection& connection, SocketMessage& message,
                                           UnixControl& control, u64 deadline) {
    if (message.address)
        return Errno::EISCONN;
    auto sent = connection.send(message, control, deadline);
    if (sent.is_ok())
        return sent;
    if (sent.error() == Errno::EINTR)
        return interrupted_socket(send_timeout_ns);
    if (sent.error() == Errno::EPIPE && !(message.flags & abi::MSG_NOSIGNAL))
        send_kernel_signal_to_task(current(), abi::SIGPIPE);
    return sent;
}

Result<usize> UnixSocketFile::receive_from_host(HostConnection& connection, SocketMessage& message,
                                                u64 deadline) {
    PassedFiles* files = nullptr;
    auto received = connection.receive(message, files, deadline);
    if (received.is_error()) {
        message.control_length = 0;
        return received.error() == Errno::EINTR ? interrupted_socket(receive_timeout_ns) : received.error();
    }
    put_received_control(message, m_core->peer_credentials, files);
    return received;
}

Result<RefPtr<File>> make_connected_file(host::Handle handle) {
    i32 family = 0, type = 0;
    const bool known =
        host::get_option(handle, abi::SOL_SOCKET, abi::SO_DOMAIN, &family, sizeof(family)).is_ok() &&
        host::get_option(handle, abi::SOL_SOCKET, abi::SO_TYPE, &type, sizeof(type)).is_ok();
    if (!known || family != abi::AF_UNIX || (type != abi::SOCK_STREAM && type != abi::SOCK_SEQPACKET)) {
        host::close(handle);
        return Errno::EOPNOTSUPP;
    }
    auto connection = make_ref<HostConnection>(handle, type);
    if (connection.is_error()) {
        host::close(handle);
        return connection.error();
    }
    auto core = TRY(make_ref<UnixSocket>(type));
    auto file = TRY(UnixSocketFile::create(std::move(core)));
    file->adopt_host_connection(connection.release_value());
    return RefPtr<File>(std::move(file));
}

} // namespace lxcore
