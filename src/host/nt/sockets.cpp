// Sockets as host.hpp has them: each call becomes a request to the instance host (socket_service.cpp). Guest
// memory is read and written here, in the process that has it.
#include "host/nt/sockets.hpp"

#include "abi/netdevice.hpp"
#include "host/nt/channels.hpp"
#include "host/nt/threads.hpp"

namespace host {

using namespace nt;

namespace nt {

namespace {

u32* word_of(std::atomic<u32>& word) {
    return reinterpret_cast<u32*>(&word);
}

u64 this_owner() {
    const u32 slot = current_slot();
    return u64{shared().slots[slot].thread.load()} << 32 | (slot + 1);
}

bool is_dead(u64 owner) {
    const ThreadSlot& slot = shared().slots[static_cast<u32>(owner) - 1];
    return slot.thread.load() != owner >> 32 ||
           shared().processes[slot.process.load()].state.load() == ProcessState::Dead;
}

SocketRequest& take_request() {
    SocketTable& table = sockets();
    const u64 me = this_owner();
    for (;;) {
        const u32 seen = table.freed.load();
        for (SocketRequest& request : table.requests) {
            u64 owner = request.owner.load();
            // What a killed thread has posted is the service's until it is done.
            const u32 state = request.state.load();
            const bool is_free =
                owner == 0 ||
                ((state == SocketRequest::Idle || state == SocketRequest::Done) && is_dead(owner));
            if (!is_free || !request.owner.compare_exchange_strong(owner, me))
                continue;
            request.state.store(SocketRequest::Idle);
            request.address_length = request.control_length = request.message_flags = 0;
            request.bytes = 0;
            return request;
        }
        constexpr u64 kLookAgainNs = 100'000'000; // for those of the dead
        (void)wait(word_of(table.freed), seen, monotonic_ns() + kLookAgainNs);
    }
}

void give_back(SocketRequest& request) {
    request.owner.store(0);
    sockets().freed.fetch_add(1);
    wake(word_of(sockets().freed), 1);
}

Result<u64> make(SocketRequest& request) {
    request.state.store(SocketRequest::Posted);
    sockets().posted.fetch_add(1);
    wake(word_of(sockets().posted), 1);
    for (;;) {
        const u32 state = request.state.load(std::memory_order_acquire);
        if (state == SocketRequest::Done)
            break;
        (void)wait(word_of(request.state), state, kNoDeadline);
    }
    request.state.store(SocketRequest::Idle);
    if (request.error != 0)
        return static_cast<Errno>(request.error);
    return request.result;
}

// A request for the length of a call.
class Call {
public:
    Call(SocketCall what, u64 socket) : m_request(take_request()) {
        m_request.call = what;
        m_request.socket = static_cast<u32>(socket);
    }
    LXSS_NO_COPY(Call);
    ~Call() { give_back(m_request); }
    SocketRequest* operator->() { return &m_request; }
    Result<u64> make() { return nt::make(m_request); }

private:
    SocketRequest& m_request;
};

// ENOTSOCK, EBADF.
Result<u64> index_of(Handle socket) {
    const HandleEntry* entry = entry_of(socket);
    if (!entry)
        return Errno::EBADF;
    if (entry->kind != HandleKind::Socket)
        return Errno::ENOTSOCK;
    preserve_vectors();
    return entry->extra;
}

// Of a connection to a service of the host, else null.
const HandleEntry* channel_entry(Handle socket) {
    const HandleEntry* entry = entry_of(socket);
    if (!entry || !is_channel(*entry))
        return nullptr;
    preserve_vectors();
    return entry;
}

Result<void> put_address(Call& call, const void* address, u32 length) {
    if (length > sizeof(call->address))
        return Errno::EINVAL;
    if (copy_guarded(call->address, address, length) != 0)
        return Errno::EFAULT;
    call->address_length = length;
    return {};
}

// As much as there is room for; `length` becomes the whole length.
Result<void> take_address(Call& call, void* address, u32* length) {
    if (!address || !length)
        return {};
    if (copy_guarded(address, call->address, base::min(*length, call->address_length)) != 0)
        return Errno::EFAULT;
    *length = call->address_length;
    return {};
}

// A request that takes an address and returns nothing.
Result<void> call_with_address(SocketCall what, Handle socket, const void* address, u32 length) {
    Call call(what, TRY(index_of(socket)));
    TRY(put_address(call, address, length));
    TRY(call.make());
    return {};
}

// A request that returns an address.
Result<void> ask_address(SocketCall what, Handle socket, void* address, u32* length) {
    Call call(what, TRY(index_of(socket)));
    TRY(call.make());
    return take_address(call, address, length);
}

// Calls visit(guest address, offset in the data, length) for the pieces of the message's first `length`
// bytes.
template <typename Visit>
Result<void> for_each_piece(const abi::msghdr& message, u64 length, Visit&& visit) {
    const auto* vectors = reinterpret_cast<const abi::iovec*>(message.msg_iov);
    u64 done = 0;
    for (u64 i = 0; i < message.msg_iovlen && done < length; ++i) {
        const u64 bytes = base::min<u64>(vectors[i].iov_len, length - done);
        if (bytes != 0)
            TRY(visit(vectors[i].iov_base, done, bytes));
        done += bytes;
    }
    return {};
}

// Whether guest memory can be written, before data is taken from a socket for it.
Result<void> check_writable(u64 address, u64 length) {
    for (u64 page = base::align_down(address, base::kPageSize); page < address + length;
         page += base::kPageSize)
        TRY(fetch_or_guarded(reinterpret_cast<u32*>(base::align_down(base::max(page, address), 4)), 0));
    return {};
}

} // namespace

SocketQuestion::~SocketQuestion() {
    if (m_request)
        give_back(*m_request);
}

void SocketQuestion::add(u64 socket, u32 groups) {
    if (!m_request)
        m_request = &take_request();
    if (m_count == kSocketDataBytes / sizeof(Item))
        ask();
    reinterpret_cast<Item*>(m_request->data)[m_count++] = {static_cast<u32>(socket), groups};
}

void SocketQuestion::ask() {
    if (m_count == 0)
        return;
    m_request->call = SocketCall::Ask;
    m_request->bytes = m_count * sizeof(Item);
    (void)make(*m_request);
    m_count = 0;
}

void keep_socket(u64 index) {
    sockets().records[index].users.fetch_add(1);
}

void end_socket(u64 index) {
    if (sockets().records[index].users.fetch_sub(1) == 2) {
        Call call(SocketCall::Close, index);
        (void)call.make();
    }
}

} // namespace nt

Result<Handle> socket(i32 family, i32 type, i32 protocol) {
    preserve_vectors();
    Call call(SocketCall::Create, 0);
    call->arguments[0] = family;
    call->arguments[1] = type & static_cast<i32>(abi::SOCK_TYPE_MASK);
    call->arguments[2] = protocol;
    return static_cast<Handle>(TRY(call.make()));
}

Result<void> bind(Handle socket, const void* address, u32 length) {
    return call_with_address(SocketCall::Bind, socket, address, length);
}

Result<void> connect(Handle socket, const void* address, u32 length) {
    return call_with_address(SocketCall::Connect, socket, address, length);
}

Result<Handle> connect_local(const char* name, i32 type) {
    preserve_vectors();
    const std::string_view text = name;
    if (type != static_cast<i32>(abi::SOCK_SEQPACKET))
        return Errno::EPROTOTYPE;
    if (text.size() > kSocketDataBytes)
        return Errno::ENAMETOOLONG;
    Call call(SocketCall::ConnectLocal, 0);
    __builtin_memcpy(call->data, text.data(), text.size());
    call->bytes = text.size();
    return static_cast<Handle>(TRY(call.make()));
}

Result<void> listen(Handle socket, i32 backlog) {
    Call call(SocketCall::Listen, TRY(index_of(socket)));
    call->arguments[0] = backlog;
    TRY(call.make());
    return {};
}

Result<Handle> accept(Handle socket, void* address, u32* length) {
    Call call(SocketCall::Accept, TRY(index_of(socket)));
    const auto accepted = static_cast<Handle>(TRY(call.make()));
    const Result<void> taken = take_address(call, address, length);
    if (taken.is_error()) {
        close(accepted);
        return taken.error();
    }
    return accepted;
}

Result<void> shutdown(Handle socket, i32 how) {
    Call call(SocketCall::Shutdown, TRY(index_of(socket)));
    call->arguments[0] = how;
    TRY(call.make());
    return {};
}

Result<void> local_address(Handle socket, void* address, u32* length) {
    return ask_address(SocketCall::LocalAddress, socket, address, length);
}

Result<void> peer_address(Handle socket, void* address, u32* length) {
    return ask_address(SocketCall::PeerAddress, socket, address, length);
}

Result<u32> get_option(Handle socket, i32 level, i32 option, void* value, u32 capacity) {
    if (channel_entry(socket))
        return channel_option(level, option, value, capacity);
    Call call(SocketCall::GetOption, TRY(index_of(socket)));
    call->arguments[0] = level;
    call->arguments[1] = option;
    const u32 length = base::min(static_cast<u32>(TRY(call.make())), capacity);
    if (copy_guarded(value, call->data, length) != 0)
        return Errno::EFAULT;
    return length;
}

Result<void> set_option(Handle socket, i32 level, i32 option, const void* value, u32 length) {
    constexpr u32 kLongest = 256; // no option that is known here has more
    Call call(SocketCall::SetOption, TRY(index_of(socket)));
    call->arguments[0] = level;
    call->arguments[1] = option;
    call->bytes = base::min(length, kLongest);
    if (copy_guarded(call->data, value, call->bytes) != 0)
        return Errno::EFAULT;
    TRY(call.make());
    return {};
}

Result<usize> send_message(Handle socket, const abi::msghdr* message, i32 flags) {
    if (const HandleEntry* channel = channel_entry(socket))
        return send_to_channel(*channel, *message);
    Call call(SocketCall::Send, TRY(index_of(socket)));
    call->arguments[0] = flags;
    // More than fits is cut off for a stream, and too long for a datagram: the service knows which.
    call->arguments[1] = total_of(*message) > kSocketDataBytes;
    call->bytes = base::min<u64>(total_of(*message), kSocketDataBytes);
    if (message->msg_name)
        TRY(put_address(call, reinterpret_cast<const void*>(message->msg_name),
                        static_cast<u32>(message->msg_namelen)));
    if (message->msg_controllen > sizeof(call->control))
        return Errno::ENOBUFS;
    call->control_length = static_cast<u32>(message->msg_controllen);
    if (copy_guarded(call->control, reinterpret_cast<const void*>(message->msg_control),
                     call->control_length) != 0)
        return Errno::EFAULT;
    TRY(for_each_piece(*message, call->bytes, [&](u64 address, u64 at, u64 length) -> Result<void> {
        if (copy_guarded(call->data + at, reinterpret_cast<const void*>(address), length) != 0)
            return Errno::EFAULT;
        return {};
    }));
    return static_cast<usize>(TRY(call.make()));
}

Result<usize> receive_message(Handle socket, abi::msghdr* message, i32 flags) {
    if (const HandleEntry* channel = channel_entry(socket))
        return receive_from_channel(*channel, *message, flags);
    Call call(SocketCall::Receive, TRY(index_of(socket)));
    call->arguments[0] = flags;
    call->bytes = base::min<u64>(total_of(*message), kSocketDataBytes);
    TRY(for_each_piece(*message, call->bytes,
                       [](u64 address, u64, u64 length) { return check_writable(address, length); }));
    const u64 received = TRY(call.make());
    TRY(for_each_piece(*message, call->bytes, [&](u64 address, u64 at, u64 length) -> Result<void> {
        if (copy_guarded(reinterpret_cast<void*>(address), call->data + at, length) != 0)
            return Errno::EFAULT;
        return {};
    }));
    u32 name_length = static_cast<u32>(message->msg_namelen);
    if (message->msg_name)
        TRY(take_address(call, reinterpret_cast<void*>(message->msg_name), &name_length));
    message->msg_namelen = message->msg_name ? static_cast<i32>(name_length) : 0;
    message->msg_flags = call->message_flags;
    const u64 room = base::min<u64>(message->msg_controllen, call->control_length);
    if (room != call->control_length)
        message->msg_flags |= abi::MSG_CTRUNC;
    if (copy_guarded(reinterpret_cast<void*>(message->msg_control), call->control, room) != 0)
        return Errno::EFAULT;
    message->msg_controllen = room;
    return static_cast<usize>(received);
}

Result<i32> socket_control(Handle socket, u32 request, void* argument) {
    SocketCall what;
    switch (request) {
    case abi::SIOCINQ:
        what = SocketCall::BytesAvailable;
        break;
    case abi::SIOCATMARK:
        what = SocketCall::IsAtMark;
        break;
    default:
        return Errno::ENOTTY; // interfaces, and what lies unsent
    }
    Call call(what, TRY(index_of(socket)));
    const auto value = static_cast<i32>(TRY(call.make()));
    if (copy_guarded(argument, &value, sizeof(value)) != 0)
        return Errno::EFAULT;
    return 0;
}

} // namespace host
