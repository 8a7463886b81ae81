// send(2), recv(2) and their relatives.
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/net/calls.hpp"
#include "lxcore/net/socket.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u64 kMaxTransfer = 0x7fff'f000;

Result<HeldFile> get_socket_file(i32 fd) {
    HeldFile file = TRY(get_file(fd));
    if (!file->socket())
        return Errno::ENOTSOCK;
    return file;
}

// A msghdr of the guest with what it points to, except the data and the control messages themselves.
Result<usize> send_one(Socket& socket, const abi::msghdr& header, u32 flags) {
    SocketAddress address;
    SocketMessage message;
    message.flags = flags;
    if (header.msg_name && header.msg_namelen != 0) {
        if (header.msg_namelen < 0)
            return Errno::EINVAL;
        const i32 length = base::min(header.msg_namelen, static_cast<i32>(sizeof(address.storage)));
        TRY(SocketAddress::read(address, header.msg_name, length));
        message.address = &address;
    }
    if (header.msg_iovlen > 1024)
        return Errno::EMSGSIZE;
    auto vectors = TRY(UserVectors::copy(UserPtr<abi::iovec>(header.msg_iov), static_cast<i64>(header.msg_iovlen)));
    IoBuffer data = vectors.buffer();
    message.data = &data;
    if (header.msg_controllen != 0) {
        if (header.msg_controllen > 0x7fff'ffff)
            return Errno::ENOBUFS;
        if (!base::is_guest_range(header.msg_control, header.msg_controllen))
            return Errno::EFAULT;
        message.control = header.msg_control;
        message.control_length = header.msg_controllen;
    }
    return socket.send(message);
}

Result<usize> receive_one(Socket& socket, u64 user, u32 flags) {
    const auto header = TRY(UserPtr<abi::msghdr>(user).read());
    SocketAddress address;
    SocketMessage message;
    message.flags = flags & ~abi::MSG_CMSG_CLOEXEC;
    const bool close_on_exec = (flags & abi::MSG_CMSG_CLOEXEC) != 0;
    if (header.msg_name) {
        if (header.msg_namelen < 0)
            return Errno::EINVAL;
        message.address = &address;
    }
    if (header.msg_iovlen > 1024)
        return Errno::EMSGSIZE;
    auto vectors = TRY(UserVectors::copy(UserPtr<abi::iovec>(header.msg_iov), static_cast<i64>(header.msg_iovlen)));
    IoBuffer data = vectors.buffer();
    message.data = &data;
    message.control = header.msg_control;
    message.control_length = header.msg_control ? static_cast<usize>(header.msg_controllen) : 0;
    if (message.control_length != 0 && !base::is_guest_range(message.control, message.control_length))
        message.control_length = base::is_guest_range(message.control, 0x7fff'ffff) ? 0x7fff'ffff : 0;
    if (close_on_exec)
        message.flags |= abi::MSG_CMSG_CLOEXEC;
    const usize received = TRY(socket.receive(message));
    if (header.msg_name) {
        const u32 bytes = base::min(address.length, static_cast<u32>(header.msg_namelen));
        if (bytes != 0)
            TRY(copy_to_user(header.msg_name, &address.storage, bytes));
        TRY(copy_to_user(user + offsetof(abi::msghdr, msg_namelen), &address.length, sizeof(address.length)));
    }
    const u64 control_length = message.control_length;
    const u32 result_flags = (message.flags & ~abi::MSG_CMSG_CLOEXEC) | (close_on_exec ? abi::MSG_CMSG_CLOEXEC : 0);
    TRY(copy_to_user(user + offsetof(abi::msghdr, msg_controllen), &control_length, sizeof(control_length)));
    TRY(copy_to_user(user + offsetof(abi::msghdr, msg_flags), &result_flags, sizeof(result_flags)));
    return received;
}

} // namespace

Result<i64> sys_sendto(Fd fd, InBuffer data, u64 length, HexFlags flags, UserPtr<abi::sockaddr> user,
                       i32 address_length) {
    auto file = TRY(get_socket_file(fd));
    SocketAddress address;
    SocketMessage message;
    message.flags = static_cast<u32>(flags.value);
    if (user) {
        TRY(SocketAddress::read(address, user.address(), address_length));
        message.address = &address;
    }
    IoBuffer buffer = IoBuffer::user(data, base::min(length, kMaxTransfer));
    message.data = &buffer;
    return static_cast<i64>(TRY(file->socket()->send(message)));
}

Result<i64> sys_recvfrom(Fd fd, OutBuffer data, u64 length, HexFlags flags, UserPtr<abi::sockaddr> user,
                         UserPtr<i32> address_length) {
    auto file = TRY(get_socket_file(fd));
    SocketAddress address;
    SocketMessage message;
    message.flags = static_cast<u32>(flags.value);
    if (user)
        message.address = &address;
    IoBuffer buffer = IoBuffer::user(data, base::min(length, kMaxTransfer));
    message.data = &buffer;
    const usize received = TRY(file->socket()->receive(message));
    if (user)
        TRY(address.write(user.address(), address_length));
    return static_cast<i64>(received);
}

Result<i64> sys_sendmsg(Fd fd, UserPtr<abi::msghdr> message, HexFlags flags) {
    auto file = TRY(get_socket_file(fd));
    return static_cast<i64>(TRY(send_one(*file->socket(), TRY(message.read()), static_cast<u32>(flags.value))));
}

Result<i64> sys_recvmsg(Fd fd, UserPtr<abi::msghdr> message, HexFlags flags) {
    auto file = TRY(get_socket_file(fd));
    return static_cast<i64>(TRY(receive_one(*file->socket(), message.address(), static_cast<u32>(flags.value))));
}

Result<i32> sys_sendmmsg(Fd fd, UserPtr<abi::mmsghdr> messages, u32 count, HexFlags flags) {
    auto file = TRY(get_socket_file(fd));
    count = base::min(count, 1024u);
    for (u32 i = 0; i < count; ++i) {
        const auto header = messages.offset(i).cast<abi::msghdr>().read();
        auto sent = header.is_error() ? Result<usize>(header.error())
                                      : send_one(*file->socket(), header.value(), static_cast<u32>(flags.value));
        if (sent.is_error()) {
            if (i == 0)
                return sent.error();
            return static_cast<i32>(i);
        }
        const u32 length = static_cast<u32>(sent.value());
        if (copy_to_user(messages.offset(i).address() + offsetof(abi::mmsghdr, msg_len), &length, sizeof(length))
                .is_error()) {
            if (i == 0)
                return Errno::EFAULT;
            return static_cast<i32>(i);
        }
    }
    return static_cast<i32>(count);
}

Result<i32> sys_recvmmsg(Fd fd, UserPtr<abi::mmsghdr> messages, u32 count, HexFlags flags,
                         UserPtr<abi::timespec> timeout) {
    auto file = TRY(get_socket_file(fd));
    count = base::min(count, 1024u);
    // The timeout is looked at after each message only: recvmmsg(2), "Bugs".
    u64 deadline = host::kNoDeadline;
    if (timeout)
        deadline = TRY(deadline_after(TRY(timeout.read())));
    u32 message_flags = static_cast<u32>(flags.value) & ~abi::MSG_WAITFORONE;
    u32 done = 0;
    Errno error = Errno::OK;
    while (done < count) {
        const u64 user = messages.offset(done).address();
        auto received = receive_one(*file->socket(), user, message_flags);
        if (received.is_error()) {
            error = received.error();
            break;
        }
        const u32 length = static_cast<u32>(received.value());
        if (copy_to_user(user + offsetof(abi::mmsghdr, msg_len), &length, sizeof(length)).is_error()) {
            error = Errno::EFAULT;
            break;
        }
        ++done;
        if (flags & abi::MSG_WAITFORONE)
            message_flags |= abi::MSG_DONTWAIT;
        if (deadline != host::kNoDeadline && host::monotonic_ns() >= deadline)
            break;
    }
    if (timeout && deadline != kNoWait) {
        const u64 now = host::monotonic_ns();
        const u64 left = deadline > now ? deadline - now : 0;
        (void)timeout.write({static_cast<i64>(left / abi::NSEC_PER_SEC), static_cast<i64>(left % abi::NSEC_PER_SEC)})
            .is_ok();
    }
    if (done == 0 && error != Errno::OK)
        return error;
    return static_cast<i32>(done);
}

} // namespace lxcore
