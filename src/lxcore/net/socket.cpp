// What all socket families share.
#include "abi/prctl.hpp"
#include "lxcore/net/socket.hpp"

#include "lxcore/ipc/poll.hpp"
#include "lxcore/net/sockets.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

Result<void> initialize_sockets() {
    kernel().sockets = TRY(make<SocketState>());
    return {};
}

Result<RefPtr<Socket>> make_socket(i32 family, i32 type, i32 protocol) {
    switch (family) {
    case abi::AF_UNIX:
        if (protocol != 0 && protocol != abi::AF_UNIX)
            return Errno::EPROTONOSUPPORT;
        if (type == abi::SOCK_RAW)
            type = abi::SOCK_DGRAM; // as Linux has it
        return make_unix_socket(type);
    case abi::AF_INET:
    case abi::AF_INET6:
        if (type == abi::SOCK_RAW && !current().credentials->has_capability(abi::CAP_NET_RAW))
            return Errno::EPERM;
        [[fallthrough]];
    case abi::AF_NETLINK:
        return make_host_socket(family, type, protocol);
    case abi::AF_PACKET:
        return Errno::EPERM;
    default:
        return Errno::EAFNOSUPPORT;
    }
}

// ---- addresses ----

Result<void> SocketAddress::read(SocketAddress& out, u64 address, i32 length) {
    if (length < 0 || static_cast<usize>(length) > sizeof(out.storage))
        return Errno::EINVAL;
    out.length = static_cast<u32>(length);
    return copy_from_user(&out.storage, address, out.length);
}

Result<void> SocketAddress::write(u64 address, UserPtr<i32> user_length) const {
    const i32 capacity = TRY(user_length.read());
    if (capacity < 0)
        return Errno::EINVAL;
    const u32 bytes = base::min(length, static_cast<u32>(capacity));
    if (bytes != 0)
        TRY(copy_to_user(address, &storage, bytes));
    return user_length.write(static_cast<i32>(length));
}

// ---- read and write ----

Result<usize> Socket::read(IoBuffer& buffer, i64) {
    SocketMessage message;
    message.data = &buffer;
    return receive(message);
}

Result<usize> Socket::write(IoBuffer& buffer, i64) {
    SocketMessage message;
    message.data = &buffer;
    return send(message);
}

u64 Socket::deadline_of(u64 timeout_ns, u32 message_flags) const {
    if (is_nonblocking() || (message_flags & abi::MSG_DONTWAIT))
        return kNoWait;
    if (timeout_ns == host::kNoDeadline)
        return host::kNoDeadline;
    return host::monotonic_ns() + timeout_ns;
}

// ---- options ----

namespace {

Result<u64> timeout_from(const void* value, u32 length) {
    abi::timeval time;
    if (length < sizeof(time))
        return Errno::EINVAL;
    __builtin_memcpy(&time, value, sizeof(time));
    if (time.tv_usec < 0 || time.tv_usec >= 1'000'000)
        return Errno::EDOM;
    if (time.tv_sec < 0)
        return u64{1};
    if ((time.tv_sec == 0 && time.tv_usec == 0) || time.tv_sec > 1'000'000'000)
        return host::kNoDeadline;
    return static_cast<u64>(time.tv_sec) * abi::NSEC_PER_SEC + static_cast<u64>(time.tv_usec) * 1000;
}

u32 store_option(void* to, u32 capacity, const void* value, u32 length) {
    const u32 bytes = base::min(capacity, length);
    __builtin_memcpy(to, value, bytes);
    return bytes;
}

} // namespace

Result<bool> Socket::set_common_option(i32 level, i32 option, const void* value, u32 length) {
    if (level != abi::SOL_SOCKET)
        return false;
    switch (option) {
    case abi::SO_RCVTIMEO:
    case abi::SO_RCVTIMEO_NEW:
        receive_timeout_ns = TRY(timeout_from(value, length));
        return true;
    case abi::SO_SNDTIMEO:
    case abi::SO_SNDTIMEO_NEW:
        send_timeout_ns = TRY(timeout_from(value, length));
        return true;
    default:
        return false;
    }
}

Result<bool> Socket::get_common_option(i32 level, i32 option, void* value, u32 capacity, u32& stored) {
    if (level != abi::SOL_SOCKET)
        return false;
    i32 number = 0;
    switch (option) {
    case abi::SO_RCVTIMEO:
    case abi::SO_RCVTIMEO_NEW:
    case abi::SO_SNDTIMEO:
    case abi::SO_SNDTIMEO_NEW: {
        const bool receive = option == abi::SO_RCVTIMEO || option == abi::SO_RCVTIMEO_NEW;
        const u64 timeout = receive ? receive_timeout_ns : send_timeout_ns;
        abi::timeval time{};
        if (timeout != host::kNoDeadline)
            time = {static_cast<i64>(timeout / abi::NSEC_PER_SEC),
                    static_cast<i64>(timeout % abi::NSEC_PER_SEC / 1000)};
        stored = store_option(value, capacity, &time, sizeof(time));
        return true;
    }
    case abi::SO_DOMAIN: number = family; break;
    case abi::SO_TYPE: number = type; break;
    case abi::SO_PROTOCOL: number = protocol; break;
    default: return false;
    }
    stored = store_option(value, capacity, &number, sizeof(number));
    return true;
}

// ---- control messages ----

void put_control(SocketMessage& message, usize& used, i32 level, i32 type, const void* data, usize length) {
    const usize left = message.control_length - base::min(message.control_length, used);
    if (!message.control || left < sizeof(abi::cmsghdr)) {
        message.flags |= abi::MSG_CTRUNC;
        return;
    }
    if (left < abi::CMSG_LEN(length)) {
        message.flags |= abi::MSG_CTRUNC;
        length = left - sizeof(abi::cmsghdr);
    }
    const abi::cmsghdr header{abi::CMSG_LEN(length), level, type};
    if (copy_to_user(message.control + used, &header, sizeof(header)).is_error() ||
        copy_to_user(message.control + used + sizeof(header), data, length).is_error()) {
        message.flags |= abi::MSG_CTRUNC;
        return;
    }
    used += base::min<usize>(abi::CMSG_SPACE(length), left);
}

} // namespace lxcore
