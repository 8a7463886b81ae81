// UNIX sockets as files: connecting, accepting, options, readiness.
#include "abi/netdevice.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/net/host_connection.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

UnixSocketFile::UnixSocketFile(RefPtr<UnixSocket> core) : m_core(std::move(core)) {
    family = abi::AF_UNIX;
    type = m_core->type;
}

Result<RefPtr<UnixSocketFile>> UnixSocketFile::create(RefPtr<UnixSocket> core) {
    auto file = TRY(make_ref<UnixSocketFile>(std::move(core)));
    file->flags.store(abi::O_RDWR, std::memory_order_relaxed);
    TRY(attach_anonymous_inode(*file, "socket", abi::S_IFSOCK | 0777));
    return file;
}

Result<RefPtr<Socket>> make_unix_socket(i32 type) {
    if (type != abi::SOCK_STREAM && type != abi::SOCK_DGRAM && type != abi::SOCK_SEQPACKET)
        return Errno::ESOCKTNOSUPPORT;
    auto core = TRY(make_ref<UnixSocket>(type));
    return RefPtr<Socket>(TRY(UnixSocketFile::create(std::move(core))));
}

Result<void> make_unix_pair(i32 type, RefPtr<Socket>& first, RefPtr<Socket>& second) {
    first = TRY(make_unix_socket(type));
    second = TRY(make_unix_socket(type));
    UnixSocket& left = static_cast<UnixSocketFile&>(*first).core();
    UnixSocket& right = static_cast<UnixSocketFile&>(*second).core();
    left.peer = RefPtr<UnixSocket>(&right);
    right.peer = RefPtr<UnixSocket>(&left);
    left.state = right.state = UnixSocket::State::Connected;
    left.peer_credentials = right.peer_credentials = current_ucred();
    left.peer_full_credentials = right.peer_full_credentials = current().credentials;
    if (left.is_datagram()) {
        right.clients.push_back(left);
        left.clients.push_back(right);
    }
    return {};
}

Result<void> UnixSocketFile::sleep(Waiter&, u64 deadline, u64 timeout) {
    switch (current().sleep(deadline)) {
    case SleepResult::Interrupted: return interrupted_socket(timeout);
    case SleepResult::TimedOut: return Errno::EAGAIN;
    case SleepResult::Woken: break;
    }
    return {};
}

// ---- connections ----

Result<void> UnixSocketFile::connect_datagram(const SocketAddress& target) {
    UnixSocket& self = *m_core;
    if (target.length >= sizeof(u16) && target.family() == abi::AF_UNSPEC) {
        self.disconnect_datagram();
        return {};
    }
    auto other = TRY(UnixSocket::find(target));
    if (other->type != self.type)
        return Errno::EPROTOTYPE;
    if (self.pass_credentials)
        TRY(self.autobind());
    {
        LockGuard guard(other->lock);
        if (other->peer && other->peer.get() != &self)
            return Errno::EPERM;
    }
    self.disconnect_datagram();
    {
        LockGuard guard(self.lock);
        self.peer = other;
        self.state = UnixSocket::State::Connected;
    }
    LockGuard guard(other->lock);
    if (!self.client_node.is_linked())
        other->clients.push_back(self);
    return {};
}

Result<void> UnixSocketFile::connect(const SocketAddress& target) {
    UnixSocket& self = *m_core;
    if (self.is_datagram())
        return connect_datagram(target);
    {
        LockGuard guard(self.lock);
        switch (self.state) {
        case UnixSocket::State::Unconnected: break;
        case UnixSocket::State::Connecting: return Errno::EALREADY;
        case UnixSocket::State::Connected: return Errno::EISCONN;
        case UnixSocket::State::Listening: return Errno::EINVAL;
        }
        self.state = UnixSocket::State::Connecting;
    }
    // Undone by whoever returns without a connection.
    struct Attempt {
        UnixSocket& self;
        ~Attempt() {
            LockGuard guard(self.lock);
            if (self.state == UnixSocket::State::Connecting)
                self.state = UnixSocket::State::Unconnected;
        }
    } attempt{self};

    if (self.pass_credentials)
        TRY(self.autobind());
    auto embryo = TRY(make_ref<UnixSocket>(self.type));
    embryo->is_accepted = true;
    embryo->state = UnixSocket::State::Connected;
    embryo->peer_credentials = current_ucred();
    embryo->peer_full_credentials = current().credentials;
    const u64 deadline = deadline_of(send_timeout_ns, 0);
    for (;;) {
        // Looked up anew each time: the listener may be replaced while this waits.
        RefPtr<HostSocketName> host;
        auto listener = TRY(UnixSocket::find(target, &host));
        if (host)
            return connect_to_host(*host, deadline);
        Waiter waiter(current());
        {
            LockGuard listener_guard(listener->lock);
            if (listener->type != self.type)
                return Errno::EPROTOTYPE;
            if (listener->is_closed || listener->state != UnixSocket::State::Listening ||
                (listener->shut & UnixSocket::kReceiveShut))
                return Errno::ECONNREFUSED;
            if (listener->pending_count <= listener->backlog) {
                embryo->address = listener->address;
                embryo->pass_credentials = listener->pass_credentials;
                embryo->send_buffer = listener->send_buffer;
                embryo->peer = RefPtr<UnixSocket>(&self);
                LockGuard guard(self.lock);
                self.peer = embryo;
                self.peer_credentials = listener->peer_credentials;
                self.peer_full_credentials = listener->peer_full_credentials;
                self.state = UnixSocket::State::Connected;
                listener->pending.push_back(*embryo);
                (void)embryo.leak(); // the list's reference
                ++listener->pending_count;
                guard.unlock();
                listener_guard.unlock();
                listener->changed.wake(abi::POLLIN | abi::POLLRDNORM);
                self.changed.wake(abi::POLLOUT | abi::POLLWRNORM, ~0u);
                return {};
            }
            if (deadline == kNoWait)
                return Errno::EAGAIN;
            waiter.attach_exclusive(listener->space);
        }
        if (auto slept = sleep(waiter, deadline, send_timeout_ns); slept.is_error()) {
            waiter.detach();
            listener->space.wake(); // the room may have been meant for another
            return slept.error();
        }
    }
}

Result<void> UnixSocketFile::listen(i32 backlog) {
    UnixSocket& self = *m_core;
    if (self.is_datagram())
        return Errno::EOPNOTSUPP;
    LockGuard guard(self.lock);
    if (!self.address)
        return Errno::EINVAL;
    if (self.state != UnixSocket::State::Unconnected && self.state != UnixSocket::State::Listening)
        return Errno::EINVAL;
    self.state = UnixSocket::State::Listening;
    self.backlog = base::min(static_cast<u32>(backlog), static_cast<u32>(abi::SOMAXCONN));
    self.peer_credentials = current_ucred();
    self.peer_full_credentials = current().credentials;
    const bool has_room = self.pending_count <= self.backlog;
    guard.unlock();
    if (has_room)
        self.space.wake_all();
    return {};
}

Result<RefPtr<Socket>> UnixSocketFile::accept(SocketAddress* peer) {
    UnixSocket& self = *m_core;
    if (self.is_datagram())
        return Errno::EOPNOTSUPP;
    const u64 deadline = deadline_of(receive_timeout_ns, 0);
    Waiter waiter(current(), abi::POLLIN | abi::POLLHUP);
    RefPtr<UnixSocket> connection;
    for (;;) {
        {
            LockGuard guard(self.lock);
            if (self.state != UnixSocket::State::Listening || (self.shut & UnixSocket::kReceiveShut))
                return Errno::EINVAL;
            if (UnixSocket* first = self.pending.pop_front()) {
                connection = RefPtr<UnixSocket>::adopt(first);
                --self.pending_count;
                break;
            }
            if (deadline == kNoWait)
                return Errno::EAGAIN;
            if (!waiter.is_attached())
                waiter.attach_exclusive(self.changed);
        }
        if (auto slept = sleep(waiter, deadline, receive_timeout_ns); slept.is_error()) {
            waiter.detach();
            // The wake-up may have been for a connection that another accept can take.
            if (self.pending_count != 0)
                self.changed.wake(abi::POLLIN | abi::POLLRDNORM);
            return slept.error();
        }
    }
    if (waiter.is_attached()) {
        waiter.detach();
        if (self.pending_count != 0)
            self.changed.wake(abi::POLLIN | abi::POLLRDNORM);
    }
    self.space.wake();
    if (peer) {
        LockGuard guard(connection->lock);
        peer->storage.ss_family = abi::AF_UNIX;
        peer->length = sizeof(u16);
        if (connection->peer && connection->peer->address)
            connection->peer->address->copy_to(*peer);
    }
    auto file = UnixSocketFile::create(connection);
    if (file.is_error()) {
        connection->reset_peer_on_close = true;
        connection->close();
        return file.error();
    }
    return RefPtr<Socket>(file.release_value());
}

Result<void> UnixSocketFile::local_address(SocketAddress& out) {
    LockGuard guard(m_core->lock);
    out.storage.ss_family = abi::AF_UNIX;
    out.length = sizeof(u16);
    if (m_core->address)
        m_core->address->copy_to(out);
    return {};
}

Result<void> UnixSocketFile::peer_address(SocketAddress& out) {
    if (host_connection()) {
        // The host's name for it would mean nothing here.
        out.storage.ss_family = abi::AF_UNIX;
        out.length = sizeof(u16);
        return {};
    }
    RefPtr<UnixSocket> other;
    {
        LockGuard guard(m_core->lock);
        other = m_core->peer;
    }
    if (!other)
        return Errno::ENOTCONN;
    LockGuard guard(other->lock);
    out.storage.ss_family = abi::AF_UNIX;
    out.length = sizeof(u16);
    if (other->address)
        other->address->copy_to(out);
    return {};
}

Result<void> UnixSocketFile::shutdown(i32 how) {
    UnixSocket& self = *m_core;
    const u32 bits = how == static_cast<i32>(abi::SHUT_RD)   ? UnixSocket::kReceiveShut
                     : how == static_cast<i32>(abi::SHUT_WR) ? UnixSocket::kSendShut
                                                             : UnixSocket::kReceiveShut | UnixSocket::kSendShut;
    if (HostConnection* host = host_connection())
        return host->shutdown(how);
    RefPtr<UnixSocket> other;
    {
        LockGuard guard(self.lock);
        self.shut |= bits;
        if (!self.is_datagram())
            other = self.peer;
    }
    if (other) {
        const u32 mirrored = ((bits & UnixSocket::kReceiveShut) ? UnixSocket::kSendShut : 0) |
                             ((bits & UnixSocket::kSendShut) ? UnixSocket::kReceiveShut : 0);
        {
            LockGuard guard(other->lock);
            other->shut |= mirrored;
        }
        other->changed.wake_all();
    }
    self.changed.wake_all();
    self.space.wake_all();
    return {};
}

// ---- readiness ----

u32 UnixSocketFile::poll(PollTable* table) {
    if (HostConnection* host = host_connection())
        return host->poll(table);
    UnixSocket& self = *m_core;
    if (table)
        table->add(self.changed);
    RefPtr<UnixSocket> target; // of a connected datagram socket
    u32 ready = 0;
    {
        LockGuard guard(self.lock);
        if (self.error != Errno::OK)
            ready |= abi::POLLERR;
        if (self.shut == (UnixSocket::kReceiveShut | UnixSocket::kSendShut))
            ready |= abi::POLLHUP;
        if (self.shut & UnixSocket::kReceiveShut)
            ready |= abi::POLLRDHUP | abi::POLLIN | abi::POLLRDNORM;
        if (self.state == UnixSocket::State::Listening) {
            if (!self.pending.is_empty())
                ready |= abi::POLLIN | abi::POLLRDNORM;
            return ready;
        }
        if (!self.queue.is_empty())
            ready |= abi::POLLIN | abi::POLLRDNORM;
        if (!self.is_datagram() && self.state != UnixSocket::State::Connected)
            ready |= abi::POLLHUP;
        if (self.is_datagram() && self.peer)
            target = self.peer;
    }
    bool writable = self.has_write_space();
    if (writable && target && target.get() != &self) {
        LockGuard guard(target->lock);
        writable = !target->is_queue_full() || (target->peer && target->peer.get() != &self);
    }
    if (writable)
        ready |= abi::POLLOUT | abi::POLLWRNORM | abi::POLLWRBAND;
    return ready;
}

Result<i64> UnixSocketFile::control(u32 request, u64 argument) {
    if (HostConnection* host = host_connection())
        return host->control(request, argument);
    UnixSocket& self = *m_core;
    i32 value = 0;
    switch (request) {
    case abi::SIOCINQ: {
        LockGuard guard(self.lock);
        if (self.state == UnixSocket::State::Listening)
            return Errno::EINVAL;
        // Of datagrams the next one counts.
        if (self.is_datagram() || !self.is_stream())
            value = self.queue.is_empty() ? 0 : static_cast<i32>(self.queue.first()->left());
        else
            value = static_cast<i32>(self.queued_bytes);
        break;
    }
    case abi::SIOCOUTQ: value = static_cast<i32>(self.charged_bytes.load(std::memory_order_relaxed)); break;
    case abi::SIOCATMARK: value = 0; break;
    default: return Errno::ENOTTY;
    }
    TRY(UserPtr<i32>(argument).write(value));
    return i64{0};
}

// ---- options ----

namespace {

Result<i32> number_from(const void* value, u32 length) {
    i32 number = 0;
    if (length < sizeof(number))
        return Errno::EINVAL;
    __builtin_memcpy(&number, value, sizeof(number));
    return number;
}

u32 buffer_bytes(i32 wanted) {
    // Linux doubles the value for its own overhead, and tells the double.
    const u32 limited = base::min(static_cast<u32>(base::max(wanted, 0)), UnixSocket::kMaxBuffer / 2);
    return base::max(limited * 2, UnixSocket::kMinBuffer);
}

} // namespace

Result<void> UnixSocketFile::set_option(i32 level, i32 option, const void* value, u32 length) {
    if (TRY(set_common_option(level, option, value, length)))
        return {};
    if (level != abi::SOL_SOCKET)
        return level == 0 || level == 6 || level == 17 || level == 41 ? Errno::EOPNOTSUPP : Errno::ENOPROTOOPT;
    UnixSocket& self = *m_core;
    const i32 number = TRY(number_from(value, length));
    LockGuard guard(self.lock);
    switch (option) {
    case abi::SO_PASSCRED: self.pass_credentials = number != 0; return {};
    case abi::SO_SNDBUF:
    case abi::SO_SNDBUFFORCE: self.send_buffer = buffer_bytes(number); return {};
    case abi::SO_RCVBUF:
    case abi::SO_RCVBUFFORCE: self.receive_buffer = buffer_bytes(number); return {};
    // Accepted, and without meaning for this family.
    case abi::SO_DEBUG:
    case abi::SO_REUSEADDR:
    case abi::SO_DONTROUTE:
    case abi::SO_BROADCAST:
    case abi::SO_KEEPALIVE:
    case abi::SO_OOBINLINE:
    case abi::SO_PRIORITY:
    case abi::SO_TIMESTAMP:
    case abi::SO_PASSSEC: return {};
    case abi::SO_LINGER: return length < sizeof(abi::linger) ? Result<void>(Errno::EINVAL) : Result<void>();
    case abi::SO_RCVLOWAT: return number < 0 ? Result<void>(Errno::EINVAL) : Result<void>();
    case abi::SO_REUSEPORT: return Errno::EOPNOTSUPP;
    default: return Errno::ENOPROTOOPT;
    }
}

Result<u32> UnixSocketFile::get_option(i32 level, i32 option, void* value, u32 capacity) {
    u32 stored = 0;
    if (TRY(get_common_option(level, option, value, capacity, stored)))
        return stored;
    if (level != abi::SOL_SOCKET)
        return level == 0 || level == 6 || level == 17 || level == 41 ? Errno::EOPNOTSUPP : Errno::ENOPROTOOPT;
    UnixSocket& self = *m_core;
    HostConnection* const host = host_connection();
    LockGuard guard(self.lock);
    i32 number = 0;
    switch (option) {
    case abi::SO_ERROR:
        number = host ? TRY(host->take_error()) : static_cast<i32>(std::exchange(self.error, Errno::OK));
        break;
    case abi::SO_ACCEPTCONN: number = self.state == UnixSocket::State::Listening; break;
    case abi::SO_PASSCRED: number = self.pass_credentials; break;
    case abi::SO_SNDBUF: number = static_cast<i32>(self.send_buffer); break;
    case abi::SO_RCVBUF: number = static_cast<i32>(self.receive_buffer); break;
    case abi::SO_RCVLOWAT:
    case abi::SO_SNDLOWAT: number = 1; break;
    case abi::SO_DEBUG:
    case abi::SO_REUSEADDR:
    case abi::SO_REUSEPORT:
    case abi::SO_DONTROUTE:
    case abi::SO_BROADCAST:
    case abi::SO_KEEPALIVE:
    case abi::SO_OOBINLINE:
    case abi::SO_PRIORITY:
    case abi::SO_TIMESTAMP:
    case abi::SO_PASSSEC: break;
    case abi::SO_LINGER: {
        const abi::linger none{};
        const u32 bytes = base::min(capacity, static_cast<u32>(sizeof(none)));
        __builtin_memcpy(value, &none, bytes);
        return bytes;
    }
    case abi::SO_PEERCRED: {
        const abi::ucred none{0, ~0u, ~0u};
        const bool known = self.state == UnixSocket::State::Connected || self.state == UnixSocket::State::Listening;
        const u32 bytes = base::min(capacity, static_cast<u32>(sizeof(none)));
        __builtin_memcpy(value, known ? &self.peer_credentials : &none, bytes);
        return bytes;
    }
    case abi::SO_PEERGROUPS: {
        if (!self.peer_full_credentials)
            return Errno::ENODATA;
        const auto& groups = self.peer_full_credentials->groups;
        if (capacity < groups.size() * sizeof(u32))
            return Errno::ERANGE;
        for (usize i = 0; i < groups.size(); ++i)
            static_cast<u32*>(value)[i] = groups[i];
        return static_cast<u32>(groups.size() * sizeof(u32));
    }
    default: return Errno::ENOPROTOOPT;
    }
    const u32 bytes = base::min(capacity, static_cast<u32>(sizeof(number)));
    __builtin_memcpy(value, &number, bytes);
    return bytes;
}

} // namespace lxcore
