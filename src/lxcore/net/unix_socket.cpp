// UNIX sockets: names, the life of a connection's end, and messages.
#include "lxcore/net/host_connection.hpp"

#include "lxcore/fs/namei.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

// ---- messages ----

UnixMessage* UnixMessage::create(u32 length) {
    void* memory = allocate(sizeof(UnixMessage) + length);
    if (!memory)
        return nullptr;
    auto* message = new (memory) UnixMessage;
    message->length = length;
    return message;
}

void UnixMessage::destroy(UnixMessage* message) {
    const usize bytes = message->memory_bytes();
    if (message->sender)
        message->sender->uncharge(static_cast<u32>(bytes));
    if (message->files)
        PassedFiles::drop_later(message->files);
    message->~UnixMessage();
    release(message, bytes);
}

void UnixSocket::uncharge(u32 bytes) {
    const u32 before = charged_bytes.fetch_sub(bytes, std::memory_order_acq_rel);
    if (before * 4 > send_buffer && (before - bytes) * 4 <= send_buffer)
        changed.wake(abi::POLLOUT | abi::POLLWRNORM | abi::POLLWRBAND, ~0u);
}

Result<void> UnixSocket::deliver(UnixMessage& message, const UnixSocket& from) {
    {
        LockGuard guard(lock);
        if (is_closed)
            return is_datagram() ? Errno::ECONNREFUSED : Errno::EPIPE;
        if (shut & kReceiveShut)
            return Errno::EPIPE;
        if (is_datagram()) {
            // A connected datagram socket hears its peer only.
            if (peer && peer.get() != &from)
                return Errno::EPERM;
            if (is_queue_full() && this != &from)
                return Errno::EAGAIN;
        }
        queue.push_back(message);
        ++queued_messages;
        queued_bytes += message.length;
    }
    changed.wake(abi::POLLIN | abi::POLLRDNORM);
    return {};
}

// ---- addresses ----

void UnixAddress::copy_to(SocketAddress& out) const {
    out.storage.ss_family = abi::AF_UNIX;
    __builtin_memcpy(out.storage.__data, path, length);
    out.length = static_cast<u32>(sizeof(u16)) + length;
}

namespace {

// The name in a sockaddr_un: a path ends at its NUL.
Result<RefPtr<UnixAddress>> name_of(const SocketAddress& address) {
    if (address.length < sizeof(u16) || address.length > sizeof(abi::sockaddr_un) ||
        address.family() != abi::AF_UNIX)
        return Errno::EINVAL;
    auto name = TRY(make_ref<UnixAddress>());
    const u32 bytes = address.length - static_cast<u32>(sizeof(u16));
    __builtin_memcpy(name->path, address.storage.__data, bytes);
    name->length = bytes;
    if (bytes != 0 && name->path[0] != 0) {
        u32 length = 0;
        while (length < bytes && name->path[length] != 0)
            ++length;
        // A path of 108 bytes has no room for its NUL here, as under Linux.
        name->length = base::min(length + 1, static_cast<u32>(abi::UNIX_PATH_MAX));
    }
    return name;
}

std::string_view path_of(const UnixAddress& name) {
    usize length = 0;
    while (length < name.length && name.path[length] != 0)
        ++length;
    return {name.path, length};
}

usize bucket_of(const UnixAddress& name) {
    u32 hash = 2166136261u;
    for (u32 i = 0; i < name.length; ++i)
        hash = (hash ^ static_cast<u8>(name.path[i])) * 16777619u;
    return hash % SocketState::kBuckets;
}

bool is_same_name(const UnixAddress& left, const UnixAddress& right) {
    return left.length == right.length && __builtin_memcmp(left.path, right.path, left.length) == 0;
}

} // namespace

Result<RefPtr<UnixSocket>> UnixSocket::find(const SocketAddress& address, RefPtr<HostSocketName>* host) {
    auto name = TRY(name_of(address));
    if (name->length == 0)
        return Errno::EINVAL;
    if (name->is_abstract()) {
        SocketState& state = socket_state();
        LockGuard guard(state.abstract_lock);
        for (UnixSocket* socket = state.abstract_names[bucket_of(*name)]; socket; socket = socket->abstract_next)
            if (is_same_name(*socket->address, *name))
                return RefPtr<UnixSocket>(socket);
        return Errno::ECONNREFUSED;
    }
    const Path place = TRY(resolve(abi::AT_FDCWD, path_of(*name), kFollowLast));
    Inode& inode = place.inode();
    TRY(check_permission(inode, abi::W_OK));
    if (!inode.is_socket())
        return Errno::ECONNREFUSED;
    if (host && (*host = host_socket_name(inode)))
        return RefPtr<UnixSocket>();
    LockGuard guard(inode.lock);
    if (!inode.socket)
        return Errno::ECONNREFUSED;
    return RefPtr<UnixSocket>(static_cast<UnixSocket*>(inode.socket.get()));
}

Result<void> UnixSocket::bind(const SocketAddress& wanted) {
    auto name = TRY(name_of(wanted));
    if (name->length == 0)
        return autobind();
    {
        LockGuard guard(lock);
        if (address)
            return Errno::EINVAL;
    }
    return name->is_abstract() ? bind_abstract(std::move(name)) : bind_path(std::move(name));
}

Result<void> UnixSocket::bind_abstract(RefPtr<UnixAddress> name) {
    SocketState& state = socket_state();
    LockGuard names_guard(state.abstract_lock);
    UnixSocket*& bucket = state.abstract_names[bucket_of(*name)];
    for (UnixSocket* socket = bucket; socket; socket = socket->abstract_next)
        if (is_same_name(*socket->address, *name))
            return Errno::EADDRINUSE;
    LockGuard guard(lock);
    if (address)
        return Errno::EINVAL;
    address = std::move(name);
    abstract_next = bucket;
    bucket = this;
    return {};
}

Result<void> UnixSocket::bind_path(RefPtr<UnixAddress> name) {
    // The umask counts for sockets even where a default ACL would stand in for it.
    auto created = create_node(abi::AT_FDCWD, path_of(*name), abi::S_IFSOCK | (0777 & ~current_umask()), 0);
    if (created.is_error())
        return created.error() == Errno::EEXIST ? Errno::EADDRINUSE : created.error();
    {
        LockGuard guard(lock);
        if (address)
            return Errno::EINVAL; // another thread was first; its name counts
        address = std::move(name);
        bound_path = created.value();
    }
    Inode& inode = created.value().inode();
    LockGuard guard(inode.lock);
    inode.socket = RefPtr<SharedObject>(this);
    return {};
}

Result<void> UnixSocket::autobind() {
    {
        LockGuard guard(lock);
        if (address)
            return {};
    }
    // Five hexadecimal digits behind the NUL.
    for (u32 attempt = 0; attempt < 0x10'0000; ++attempt) {
        auto name = TRY(make_ref<UnixAddress>());
        u32 number = 0;
        {
            LockGuard guard(socket_state().abstract_lock);
            number = ++socket_state().next_autobind & 0xf'ffff;
        }
        for (u32 digit = 0; digit < 5; ++digit)
            name->path[1 + digit] = "0123456789abcdef"[(number >> (16 - 4 * digit)) & 15];
        name->length = 6;
        auto bound = bind_abstract(std::move(name));
        if (bound.is_ok())
            return {};
        if (bound.error() == Errno::EINVAL)
            return {}; // bound meanwhile
        if (bound.error() != Errno::EADDRINUSE)
            return bound.error();
    }
    return Errno::ENOSPC;
}

void UnixSocket::unlink_abstract() {
    SocketState& state = socket_state();
    LockGuard guard(state.abstract_lock);
    for (UnixSocket** link = &state.abstract_names[bucket_of(*address)]; *link; link = &(*link)->abstract_next) {
        if (*link == this) {
            *link = abstract_next;
            return;
        }
    }
}

// ---- the end ----

void UnixSocket::disconnect_datagram() {
    RefPtr<UnixSocket> old;
    {
        LockGuard guard(lock);
        old = std::move(peer);
        state = State::Unconnected;
    }
    if (old) {
        LockGuard guard(old->lock);
        client_node.unlink();
    }
}

void UnixSocket::close() {
    Path place;
    bool was_listening = false;
    {
        LockGuard guard(lock);
        is_closed = true;
        shut = kReceiveShut | kSendShut;
        was_listening = state == State::Listening;
        place = std::move(bound_path);
    }
    // The name goes first: nobody finds the socket from here on.
    if (place) {
        RefPtr<SharedObject> self;
        Inode& inode = place.inode();
        LockGuard guard(inode.lock);
        if (inode.socket == this)
            self = std::move(inode.socket);
    } else if (address && address->is_abstract() && !is_accepted) {
        unlink_abstract();
    }

    if (was_listening) {
        for (;;) {
            UnixSocket* embryo = nullptr;
            {
                LockGuard guard(lock);
                embryo = pending.pop_front();
            }
            if (!embryo)
                break;
            auto owned = RefPtr<UnixSocket>::adopt(embryo);
            owned->reset_peer_on_close = true;
            owned->close();
        }
    }

    // Datagram clients learn of the end when they send next; until then they just are not counted any more.
    if (is_datagram()) {
        disconnect_datagram();
        LockGuard guard(lock);
        while (clients.pop_front()) {
        }
    }

    bool had_unread = reset_peer_on_close;
    for (;;) {
        UnixMessage* message = nullptr;
        {
            LockGuard guard(lock);
            message = queue.pop_front();
        }
        if (!message)
            break;
        had_unread = true;
        UnixMessage::destroy(message);
    }

    RefPtr<UnixSocket> other;
    {
        LockGuard guard(lock);
        other = std::move(peer);
    }
    if (other && !is_datagram()) {
        {
            LockGuard guard(other->lock);
            other->shut = kReceiveShut | kSendShut;
            if (had_unread)
                other->error = Errno::ECONNRESET;
        }
        other->changed.wake_all();
    }
    changed.wake_all();
    space.wake_all();
}

} // namespace lxcore
