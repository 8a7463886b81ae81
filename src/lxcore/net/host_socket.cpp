// Sockets of the host: AF_INET, AF_INET6, and AF_NETLINK with NETLINK_ROUTE. See ip(7), tcp(7), udp(7), netlink(7).
//
// The host's socket is non-blocking; a blocking operation tries, and after EAGAIN sleeps on the handle. Data goes
// straight between guest memory and the host. What could name things of the host process (control messages with
// descriptors, options that take pointers or descriptors) is refused.
#include <optional>

#include "abi/prctl.hpp"
#include "abi/netdevice.hpp"
#include "abi/netlink.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/net/message_ranges.hpp"
#include "lxcore/net/socket.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u32 kUserFlags = abi::MSG_OOB | abi::MSG_PEEK | abi::MSG_DONTROUTE | abi::MSG_TRUNC | abi::MSG_EOR |
                           abi::MSG_CONFIRM | abi::MSG_ERRQUEUE | abi::MSG_MORE | abi::MSG_FASTOPEN | abi::MSG_CTRUNC;
constexpr usize kMaxControl = 20480; // net.core.optmem_max

// The instance's own rule, ip(7): the host's user may be allowed more than the guest's. Both address families keep the port
// behind the family, in network byte order.
Result<void> check_privileged_port(const SocketAddress& address) {
    constexpr u32 kFirstUnprivileged = 1024;
    const auto* bytes = reinterpret_cast<const u8*>(&address.storage);
    if (address.length < 4)
        return {};
    const u32 family = bytes[0] | u32{bytes[1]} << 8;
    if (family != abi::AF_INET && family != abi::AF_INET6)
        return {};
    const u32 port = u32{bytes[2]} << 8 | bytes[3];
    if (port != 0 && port < kFirstUnprivileged && !current().credentials->has_capability(abi::CAP_NET_BIND_SERVICE))
        return Errno::EACCES;
    return {};
}

class HostSocket final : public Socket {
public:
    explicit HostSocket(host::Handle handle) : m_handle(handle) {}
    ~HostSocket() override { host::close(m_handle); }

    u32 poll(PollTable* table) override;
    Result<i64> control(u32 request, u64 argument) override;
    Result<void> bind(const SocketAddress& address) override {
        TRY(check_privileged_port(address));
        return host::bind(m_handle, &address.storage, address.length);
    }
    Result<void> connect(const SocketAddress& address) override;
    Result<void> listen(i32 backlog) override { return host::listen(m_handle, backlog); }
    Result<RefPtr<Socket>> accept(SocketAddress* peer) override;
    Result<void> local_address(SocketAddress& out) override {
        out.length = sizeof(out.storage);
        return host::local_address(m_handle, &out.storage, &out.length);
    }
    Result<void> peer_address(SocketAddress& out) override {
        out.length = sizeof(out.storage);
        return host::peer_address(m_handle, &out.storage, &out.length);
    }
    Result<usize> send(SocketMessage& message) override;
    Result<usize> receive(SocketMessage& message) override;
    Result<void> shutdown(i32 how) override { return host::shutdown(m_handle, how); }
    Result<void> set_option(i32 level, i32 option, const void* value, u32 length) override;
    Result<u32> get_option(i32 level, i32 option, void* value, u32 capacity) override;
    host::Handle host_handle() override { return m_handle; }

private:
    // EAGAIN at the deadline; the error for an interrupted operation.
    Result<void> wait_for(u32 events, u64 deadline, u64 timeout) {
        if (deadline == kNoWait)
            return Errno::EAGAIN;
        auto waited = wait_for_host_handle(m_handle, events, deadline);
        if (waited.is_error() && waited.error() == Errno::EINTR)
            return interrupted_socket(timeout);
        return waited;
    }
    Result<i64> interface_list(u64 argument);

    host::Handle m_handle;
};

} // namespace

Result<RefPtr<Socket>> make_host_socket(i32 family, i32 type, i32 protocol) {
    if (family == abi::AF_NETLINK && protocol != abi::NETLINK_ROUTE)
        return Errno::EPROTONOSUPPORT;
    const host::Handle handle = TRY(host::socket(family, type, protocol));
    auto made = make_ref<HostSocket>(handle);
    if (made.is_error()) {
        host::close(handle);
        return made.error();
    }
    auto socket = made.release_value();
    socket->family = family;
    socket->type = type;
    socket->protocol = protocol;
    if (protocol == 0 && family != abi::AF_NETLINK)
        socket->protocol = type == abi::SOCK_STREAM  ? static_cast<i32>(abi::IPPROTO_TCP)
                           : type == abi::SOCK_DGRAM ? static_cast<i32>(abi::IPPROTO_UDP)
                                                     : 0;
    socket->flags.store(abi::O_RDWR, std::memory_order_relaxed);
    TRY(attach_anonymous_inode(*socket, "socket", abi::S_IFSOCK | 0777));
    return RefPtr<Socket>(std::move(socket));
}

namespace {

u32 HostSocket::poll(PollTable* table) {
    constexpr u32 kAll = abi::POLLIN | abi::POLLRDNORM | abi::POLLRDBAND | abi::POLLPRI | abi::POLLOUT |
                         abi::POLLWRNORM | abi::POLLWRBAND | abi::POLLRDHUP;
    if (table) {
        table->add_host(m_handle, kAll);
        return 0;
    }
    host::PollItem item{m_handle, static_cast<i16>(kAll), 0};
    if (host::poll_now(&item, 1).is_error())
        return 0;
    return static_cast<u16>(item.returned);
}

// ---- connections ----

Result<void> HostSocket::connect(const SocketAddress& address) {
    auto connected = host::connect(m_handle, &address.storage, address.length);
    if (connected.is_ok())
        return {};
    const u64 deadline = deadline_of(send_timeout_ns, 0);
    // EALREADY comes from a restarted call, whose first attempt goes on.
    if ((connected.error() != Errno::EINPROGRESS && connected.error() != Errno::EALREADY) || deadline == kNoWait)
        return connected.error();
    for (;;) {
        auto waited = wait_for(abi::POLLOUT, deadline, send_timeout_ns);
        if (waited.is_error())
            return waited.error() == Errno::EAGAIN ? Errno::EINPROGRESS : waited.error();
        host::PollItem item{m_handle, static_cast<i16>(abi::POLLOUT), 0};
        if (TRY(host::poll_now(&item, 1)) == 0)
            continue; // a wake-up for something else
        i32 error = 0;
        TRY(host::get_option(m_handle, abi::SOL_SOCKET, abi::SO_ERROR, &error, sizeof(error)));
        if (error != 0)
            return static_cast<Errno>(error);
        return {};
    }
}

Result<RefPtr<Socket>> HostSocket::accept(SocketAddress* peer) {
    const u64 deadline = deadline_of(receive_timeout_ns, 0);
    for (;;) {
        u32 length = sizeof(peer->storage);
        auto accepted = host::accept(m_handle, peer ? &peer->storage : nullptr, peer ? &length : nullptr);
        if (accepted.is_ok()) {
            if (peer)
                peer->length = length;
            auto made = make_ref<HostSocket>(accepted.value());
            if (made.is_error()) {
                host::close(accepted.value());
                return made.error();
            }
            auto socket = made.release_value();
            socket->family = family;
            socket->type = type;
            socket->protocol = protocol;
            TRY(attach_anonymous_inode(*socket, "socket", abi::S_IFSOCK | 0777));
            return RefPtr<Socket>(std::move(socket));
        }
        if (accepted.error() != Errno::EAGAIN)
            return accepted.error();
        TRY(wait_for(abi::POLLIN, deadline, receive_timeout_ns));
    }
}

// ---- transfers ----

// Control messages that go to the host: of protocols only. Those of SOL_SOCKET that Linux knows beside SCM_RIGHTS and
// SCM_CREDENTIALS (SO_MARK, SO_TIMESTAMPING) carry plain numbers.
Result<void> check_control(const char* control, usize length) {
    usize at = 0;
    while (length - at >= sizeof(abi::cmsghdr)) {
        abi::cmsghdr header;
        __builtin_memcpy(&header, control + at, sizeof(header));
        if (header.cmsg_len < sizeof(header) || header.cmsg_len > length - at)
            return Errno::EINVAL;
        if (header.cmsg_level == static_cast<i32>(abi::SOL_SOCKET) &&
            (header.cmsg_type == static_cast<i32>(abi::SCM_RIGHTS) ||
             header.cmsg_type == static_cast<i32>(abi::SCM_CREDENTIALS)))
            return Errno::EINVAL;
        at += base::min<usize>(abi::CMSG_ALIGN(header.cmsg_len), length - at);
    }
    return {};
}

Result<usize> HostSocket::send(SocketMessage& message) {
    const u64 deadline = deadline_of(send_timeout_ns, message.flags);
    IoBuffer& data = *message.data;
    std::optional<PageBuffer> control;
    abi::msghdr header{};
    if (message.address) {
        header.msg_name = reinterpret_cast<u64>(&message.address->storage);
        header.msg_namelen = static_cast<i32>(message.address->length);
    }
    if (message.control_length != 0) {
        if (message.control_length > kMaxControl)
            return Errno::ENOBUFS;
        control.emplace((message.control_length + base::kPageSize - 1) / base::kPageSize);
        if (!*control)
            return Errno::ENOMEM;
        TRY(copy_from_user(control->data(), message.control, message.control_length));
        TRY(check_control(control->data(), message.control_length));
        header.msg_control = reinterpret_cast<u64>(control->data());
        header.msg_controllen = message.control_length;
    }
    usize total = 0;
    for (;;) {
        MessageRanges ranges;
        TRY(ranges.take(data));
        header.msg_iov = ranges.address();
        header.msg_iovlen = ranges.count();
        auto sent = host::send_message(m_handle, &header, static_cast<i32>(message.flags & kUserFlags));
        Errno error = Errno::OK;
        if (sent.is_ok()) {
            data.advance(sent.value());
            total += sent.value();
            // A blocking stream takes everything.
            if (data.left() == 0 || type != static_cast<i32>(abi::SOCK_STREAM) || sent.value() == 0)
                return total;
            continue;
        }
        error = sent.error();
        if (error == Errno::EAGAIN) {
            auto waited = wait_for(abi::POLLOUT, deadline, send_timeout_ns);
            if (waited.is_ok())
                continue;
            error = waited.error();
        }
        if (total != 0)
            return total;
        if (error == Errno::EPIPE && !(message.flags & abi::MSG_NOSIGNAL))
            send_kernel_signal_to_task(current(), abi::SIGPIPE);
        return error;
    }
}

Result<usize> HostSocket::receive(SocketMessage& message) {
    const u64 deadline = deadline_of(receive_timeout_ns, message.flags);
    const u32 flags = message.flags;
    IoBuffer& data = *message.data;
    abi::msghdr header{};
    usize total = 0;
    // WAITALL is our own loop, as the host never waits. It has no meaning for datagrams.
    const bool wait_for_all = (flags & abi::MSG_WAITALL) && type == static_cast<i32>(abi::SOCK_STREAM) &&
                              !(flags & (abi::MSG_PEEK | abi::MSG_ERRQUEUE | abi::MSG_OOB));
    for (;;) {
        MessageRanges ranges;
        TRY(ranges.take(data));
        header.msg_iov = ranges.address();
        header.msg_iovlen = ranges.count();
        header.msg_name = message.address ? reinterpret_cast<u64>(&message.address->storage) : 0;
        header.msg_namelen = message.address ? static_cast<i32>(sizeof(message.address->storage)) : 0;
        header.msg_control = message.control_length ? message.control : 0;
        header.msg_controllen = message.control_length;
        auto received = host::receive_message(m_handle, &header, static_cast<i32>(flags & kUserFlags));
        Errno error = Errno::OK;
        if (received.is_ok()) {
            const usize bytes = received.value();
            total += bytes;
            data.advance(base::min(bytes, data.left()));
            if (!wait_for_all || bytes == 0 || data.left() == 0) {
                if (message.address)
                    message.address->length = static_cast<u32>(header.msg_namelen);
                message.control_length = header.msg_controllen;
                message.flags = header.msg_flags & ~(abi::MSG_CMSG_CLOEXEC | abi::MSG_DONTWAIT);
                return total;
            }
            continue;
        }
        error = received.error();
        if (error == Errno::EAGAIN && !(flags & abi::MSG_ERRQUEUE)) {
            auto waited = wait_for((flags & abi::MSG_OOB) ? abi::POLLPRI : abi::POLLIN, deadline, receive_timeout_ns);
            if (waited.is_ok())
                continue;
            error = waited.error();
        }
        message.control_length = 0;
        message.flags = 0;
        if (total != 0)
            return total;
        return error;
    }
}

// ---- options ----

// Options whose value names something of the calling process, or that would let the guest do more at the host than the
// family's protocols: programs for filters, pointers, descriptors.
bool is_refused(i32 level, i32 option) {
    if (level == static_cast<i32>(abi::SOL_SOCKET)) {
        switch (option) {
        case abi::SO_ATTACH_FILTER:
        case abi::SO_ATTACH_BPF:
        case 51: // SO_ATTACH_REUSEPORT_CBPF
        case 52: // SO_ATTACH_REUSEPORT_EBPF
        case abi::SO_PEERCRED:
        case abi::SO_PEERSEC:
        case abi::SO_PEERPIDFD:
        case abi::SO_PASSPIDFD:
        case abi::SO_ZEROCOPY: return true;
        default: return false;
        }
    }
    if (level == static_cast<i32>(abi::SOL_TCP))
        // TCP_REPAIR.., TCP_ULP, TCP_ZEROCOPY_RECEIVE
        return (option >= 19 && option <= 22) || option == static_cast<i32>(abi::TCP_ULP) || option == 35;
    // The iptables interface at SOL_IP and SOL_IPV6.
    if ((level == static_cast<i32>(abi::SOL_IP) || level == static_cast<i32>(abi::SOL_IPV6)) && option >= 64 &&
        option < 100 && !(level == static_cast<i32>(abi::SOL_IPV6) && option < 96 && option >= 66))
        return true;
    return false;
}

Result<void> HostSocket::set_option(i32 level, i32 option, const void* value, u32 length) {
    if (TRY(set_common_option(level, option, value, length)))
        return {};
    if (is_refused(level, option))
        return Errno::ENOPROTOOPT;
    return host::set_option(m_handle, level, option, value, length);
}

Result<u32> HostSocket::get_option(i32 level, i32 option, void* value, u32 capacity) {
    if (is_refused(level, option) || (level == static_cast<i32>(abi::SOL_SOCKET) &&
                                      option == static_cast<i32>(abi::SO_ATTACH_FILTER)))
        return Errno::ENOPROTOOPT;
    u32 stored = 0;
    // The host knows better what protocol the socket has.
    if (!(level == static_cast<i32>(abi::SOL_SOCKET) &&
          (option == static_cast<i32>(abi::SO_DOMAIN) || option == static_cast<i32>(abi::SO_TYPE) ||
           option == static_cast<i32>(abi::SO_PROTOCOL))) &&
        TRY(get_common_option(level, option, value, capacity, stored)))
        return stored;
    return host::get_option(m_handle, level, option, value, capacity);
}

// ---- ioctl: netdevice(7) ----

// SIOCGIFCONF: the interfaces with an address.
Result<i64> HostSocket::interface_list(u64 argument) {
    auto list = TRY(UserPtr<abi::ifconf>(argument).read());
    if (list.ifc_len < 0)
        return Errno::EINVAL;
    if (list.ifc_req && !base::is_guest_range(list.ifc_req, static_cast<u64>(list.ifc_len)))
        return Errno::EFAULT;
    TRY(host::socket_control(m_handle, abi::SIOCGIFCONF, &list));
    TRY(UserPtr<abi::ifconf>(argument).write(list));
    return i64{0};
}

Result<i64> HostSocket::control(u32 request, u64 argument) {
    switch (request) {
    case abi::SIOCINQ:
    case abi::SIOCOUTQ:
    case abi::SIOCATMARK: {
        i32 value = 0;
        TRY(host::socket_control(m_handle, request, &value));
        TRY(UserPtr<i32>(argument).write(value));
        return i64{0};
    }
    case abi::SIOCGSTAMP:
    case abi::SIOCGSTAMPNS: {
        abi::timespec time{};
        TRY(host::socket_control(m_handle, request, &time));
        TRY(UserPtr<abi::timespec>(argument).write(time));
        return i64{0};
    }
    case abi::SIOCGIFCONF: return interface_list(argument);
    case abi::SIOCGIFNAME:
    case abi::SIOCGIFFLAGS:
    case abi::SIOCGIFADDR:
    case abi::SIOCGIFDSTADDR:
    case abi::SIOCGIFBRDADDR:
    case abi::SIOCGIFNETMASK:
    case abi::SIOCGIFMETRIC:
    case abi::SIOCGIFMTU:
    case abi::SIOCGIFHWADDR:
    case abi::SIOCGIFINDEX:
    case abi::SIOCGIFTXQLEN:
    case abi::SIOCGIFMAP: {
        auto value = TRY(UserPtr<abi::ifreq>(argument).read());
        TRY(host::socket_control(m_handle, request, &value));
        TRY(UserPtr<abi::ifreq>(argument).write(value));
        return i64{0};
    }
    // The host's network is not the guest's to configure.
    case abi::SIOCSIFFLAGS:
    case abi::SIOCSIFADDR:
    case abi::SIOCSIFNETMASK:
    case abi::SIOCSIFMTU:
    case abi::SIOCADDRT:
    case abi::SIOCDELRT: return Errno::EPERM;
    default: return Errno::ENOTTY;
    }
}

} // namespace

} // namespace lxcore
