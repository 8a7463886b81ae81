// socket(2) and the calls that set a socket up. Transfers are in transfer_calls.cpp.
#include <optional>

#include "lxcore/fs/fd_table.hpp"
#include "lxcore/net/calls.hpp"
#include "lxcore/net/socket.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

struct HeldSocket {
    HeldFile file;
    Socket* socket;
    Socket* operator->() const { return socket; }
};

Result<HeldSocket> get_socket(i32 fd) {
    HeldFile file = TRY(get_file(fd));
    Socket* socket = file->socket();
    if (!socket)
        return Errno::ENOTSOCK;
    return HeldSocket{std::move(file), socket};
}

Result<void> check_type(i32 type) {
    if (static_cast<u32>(type) & ~(abi::SOCK_TYPE_MASK | abi::SOCK_NONBLOCK | abi::SOCK_CLOEXEC))
        return Errno::EINVAL;
    return {};
}

void set_status(Socket& socket, i32 flags) {
    socket.flags.store(abi::O_RDWR | (static_cast<u32>(flags) & abi::SOCK_NONBLOCK), std::memory_order_relaxed);
}

} // namespace

Result<i32> sys_socket(i32 family, i32 type, i32 protocol) {
    TRY(check_type(type));
    auto socket = TRY(make_socket(family, type & static_cast<i32>(abi::SOCK_TYPE_MASK), protocol));
    set_status(*socket, type);
    return current().files->install(std::move(socket), (type & abi::SOCK_CLOEXEC) != 0);
}

Result<i32> sys_socketpair(i32 family, i32 type, i32 protocol, UserPtr<i32> user) {
    TRY(check_type(type));
    if (family != abi::AF_UNIX)
        return family == abi::AF_INET || family == abi::AF_INET6 ? Errno::EOPNOTSUPP : Errno::EAFNOSUPPORT;
    if (protocol != 0 && protocol != abi::AF_UNIX)
        return Errno::EPROTONOSUPPORT;
    RefPtr<Socket> sockets[2];
    TRY(make_unix_pair(type & static_cast<i32>(abi::SOCK_TYPE_MASK), sockets[0], sockets[1]));
    FdTable& table = *current().files;
    i32 fds[2];
    for (usize i = 0; i < 2; ++i) {
        set_status(*sockets[i], type);
        auto fd = table.install(std::move(sockets[i]), (type & abi::SOCK_CLOEXEC) != 0);
        if (fd.is_error()) {
            if (i == 1)
                (void)table.close(fds[0]).is_ok();
            return fd.error();
        }
        fds[i] = fd.value();
    }
    if (auto written = user.write_array(fds, 2); written.is_error()) {
        (void)table.close(fds[0]).is_ok();
        (void)table.close(fds[1]).is_ok();
        return written.error();
    }
    return 0;
}

Result<i32> sys_bind(Fd fd, UserPtr<abi::sockaddr> user, i32 length) {
    auto socket = TRY(get_socket(fd));
    SocketAddress address;
    TRY(SocketAddress::read(address, user.address(), length));
    TRY(socket->bind(address));
    return 0;
}

Result<i32> sys_connect(Fd fd, UserPtr<abi::sockaddr> user, i32 length) {
    auto socket = TRY(get_socket(fd));
    SocketAddress address;
    TRY(SocketAddress::read(address, user.address(), length));
    TRY(socket->connect(address));
    return 0;
}

Result<i32> sys_listen(Fd fd, i32 backlog) {
    auto socket = TRY(get_socket(fd));
    TRY(socket->listen(backlog));
    return 0;
}

Result<i32> sys_accept4(Fd fd, UserPtr<abi::sockaddr> user, UserPtr<i32> length, i32 flags) {
    if (static_cast<u32>(flags) & ~(abi::SOCK_NONBLOCK | abi::SOCK_CLOEXEC))
        return Errno::EINVAL;
    auto listener = TRY(get_socket(fd));
    SocketAddress peer;
    auto connection = TRY(listener->accept(user ? &peer : nullptr));
    set_status(*connection, flags);
    if (user)
        TRY(peer.write(user.address(), length));
    return current().files->install(std::move(connection), (flags & abi::SOCK_CLOEXEC) != 0);
}

Result<i32> sys_accept(Fd fd, UserPtr<abi::sockaddr> user, UserPtr<i32> length) {
    return sys_accept4(fd, user, length, 0);
}

Result<i32> sys_getsockname(Fd fd, UserPtr<abi::sockaddr> user, UserPtr<i32> length) {
    auto socket = TRY(get_socket(fd));
    SocketAddress address;
    TRY(socket->local_address(address));
    TRY(address.write(user.address(), length));
    return 0;
}

Result<i32> sys_getpeername(Fd fd, UserPtr<abi::sockaddr> user, UserPtr<i32> length) {
    auto socket = TRY(get_socket(fd));
    SocketAddress address;
    TRY(socket->peer_address(address));
    TRY(address.write(user.address(), length));
    return 0;
}

Result<i32> sys_shutdown(Fd fd, i32 how) {
    auto socket = TRY(get_socket(fd));
    if (how < 0 || how > static_cast<i32>(abi::SHUT_RDWR))
        return Errno::EINVAL;
    TRY(socket->shutdown(how));
    return 0;
}

namespace {
// Longer values (multicast source lists, IP options of rare kinds) are passed in a page.
constexpr u32 kInlineOption = 256;
} // namespace

Result<i32> sys_setsockopt(Fd fd, i32 level, i32 option, u64 user, i32 length) {
    if (length < 0)
        return Errno::EINVAL;
    auto socket = TRY(get_socket(fd));
    const u32 bytes = static_cast<u32>(length);
    if (bytes <= kInlineOption) {
        alignas(8) u8 value[kInlineOption] = {};
        TRY(copy_from_user(value, user, bytes));
        TRY(socket->set_option(level, option, value, bytes));
        return 0;
    }
    if (bytes > base::kPageSize)
        return Errno::EINVAL;
    PageBuffer value;
    if (!value)
        return Errno::ENOMEM;
    TRY(copy_from_user(value.data(), user, bytes));
    TRY(socket->set_option(level, option, value.data(), bytes));
    return 0;
}

Result<i32> sys_getsockopt(Fd fd, i32 level, i32 option, u64 user, UserPtr<i32> user_length) {
    auto socket = TRY(get_socket(fd));
    const i32 capacity = TRY(user_length.read());
    if (capacity < 0)
        return Errno::EINVAL;
    std::optional<PageBuffer> page;
    alignas(8) u8 small[kInlineOption] = {};
    void* value = small;
    if (capacity > static_cast<i32>(kInlineOption)) {
        page.emplace();
        if (!*page)
            return Errno::ENOMEM;
        value = page->data();
    }
    const u32 limit = base::min(static_cast<u32>(capacity), static_cast<u32>(base::kPageSize));
    const u32 stored = TRY(socket->get_option(level, option, value, limit));
    TRY(copy_to_user(user, value, stored));
    TRY(user_length.write(static_cast<i32>(stored)));
    return 0;
}

} // namespace lxcore
