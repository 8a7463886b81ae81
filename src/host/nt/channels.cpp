#include "host/nt/channels.hpp"

#include "host/control/control.hpp"
#include "host/nt/files.hpp"
#include "host/nt/sockets.hpp"
#include "host/nt/threads.hpp"

namespace host::nt {

namespace {

using lxss::protocol::kMaxPipeHandles;
using lxss::protocol::PipeHead;

// What stands before each packet in a ring.
struct Frame {
    u32 bytes;
    u32 is_cut; // a handle that came with it could not be taken over
    u32 handle_count;
    i32 handles[kMaxPipeHandles];
};
static_assert(sizeof(Frame) + kMaxChannelBytes <= 4096, "what stream_readiness() calls writable");

// What goes through the pipe in one piece.
struct Message {
    PipeHead head;
    u8 data[kMaxChannelBytes];
};

void put_in_ring(Relay& relay, u32 at, const void* data, usize length) {
    const auto* bytes = static_cast<const u8*>(data);
    for (usize done = 0; done < length;) {
        const u32 place = (at + static_cast<u32>(done)) % kRingBytes;
        const usize part = base::min<usize>(length - done, kRingBytes - place);
        __builtin_memcpy(relay.ring + place, bytes + done, part);
        done += part;
    }
}

void take_from_ring(const Relay& relay, u32 at, void* data, usize length) {
    auto* bytes = static_cast<u8*>(data);
    for (usize done = 0; done < length;) {
        const u32 place = (at + static_cast<u32>(done)) % kRingBytes;
        const usize part = base::min<usize>(length - done, kRingBytes - place);
        __builtin_memcpy(bytes + done, relay.ring + place, part);
        done += part;
    }
}

// The packet at the ring's tail. False when there is none, or no sense in it.
bool next_frame(const Relay& relay, Frame& frame) {
    const u32 used = relay.head.load() - relay.tail.load();
    if (used < sizeof(frame))
        return false;
    take_from_ring(relay, relay.tail.load(), &frame, sizeof(frame));
    return frame.bytes <= used - sizeof(frame) && frame.bytes <= kMaxChannelBytes &&
           frame.handle_count <= kMaxPipeHandles;
}

// ---- the threads, in the instance host ----

NTSTATUS settle(NTSTATUS status, IO_STATUS_BLOCK& io, HANDLE object, HANDLE done, HANDLE stop) {
    if (status != STATUS_PENDING)
        return status;
    const HANDLE ends[] = {done, stop};
    if (WaitForMultipleObjects(stop ? 2 : 1, ends, FALSE, INFINITE) != WAIT_OBJECT_0) {
        CancelIoEx(object, reinterpret_cast<OVERLAPPED*>(&io));
        (void)NtWaitForSingleObject(done, FALSE, nullptr);
    }
    return io.Status;
}

// False when the other side does not keep to the protocol.
bool take_message(Relay& relay, const Message& message, usize length) {
    if (length < sizeof(PipeHead) || message.head.handle_count > kMaxPipeHandles)
        return false;
    Frame frame{};
    frame.bytes = static_cast<u32>(length - sizeof(PipeHead));
    for (u32 i = 0; i < message.head.handle_count; ++i) {
        const Result<Handle> stream = adopt_stream(reinterpret_cast<HANDLE>(message.head.handles[i]));
        if (stream.is_ok())
            frame.handles[frame.handle_count++] = stream.value();
        else
            frame.is_cut = 1;
    }
    // There is room: the ring was empty when somebody wanted this packet.
    const u32 head = relay.head.load();
    put_in_ring(relay, head, &frame, sizeof(frame));
    put_in_ring(relay, head + sizeof(frame), message.data, frame.bytes);
    relay.head.fetch_add(static_cast<u32>(sizeof(frame)) + frame.bytes);
    return true;
}

DWORD WINAPI read_packets(void* argument) {
    take_own_slot("channels");
    auto& relay = *static_cast<Relay*>(argument);
    const HANDLE object = reinterpret_cast<HANDLE>(relay.object), stop = reinterpret_cast<HANDLE>(relay.stop);
    const HANDLE done = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    while (relay.is_open.load() && !relay.is_ended.load()) {
        const u32 turn = relay.turn.load();
        if (!relay.wanted.load()) {
            if (relay.is_open.load())
                (void)wait(reinterpret_cast<u32*>(&relay.turn), turn, kNoDeadline);
            continue;
        }
        Message message;
        IO_STATUS_BLOCK io{};
        const NTSTATUS status = settle(
            NtReadFile(object, done, nullptr, nullptr, &io, &message, sizeof(message), nullptr, nullptr), io,
            object, done, stop);
        relay.wanted.store(0);
        // (A longer message, too, is one that nobody should have sent.)
        if (status != STATUS_SUCCESS || !take_message(relay, message, io.Information))
            relay.is_ended.store(1);
        relay.waiters.wake();
    }
    NtClose(done);
    wait_for_close(relay);
    // What came and nobody took.
    for (Frame frame; next_frame(relay, frame);
         relay.tail.fetch_add(static_cast<u32>(sizeof(frame)) + frame.bytes))
        for (u32 i = 0; i < frame.handle_count; ++i)
            close(frame.handles[i]);
    leave_relay(relay);
    return 0;
}

DWORD WINAPI write_packets(void* argument) {
    take_own_slot("channels");
    auto& relay = *static_cast<Relay*>(argument);
    const HANDLE object = reinterpret_cast<HANDLE>(relay.object);
    const HANDLE done = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    for (;;) {
        const u32 turn = relay.turn.load();
        Frame frame;
        if (relay.is_ended.load() || !next_frame(relay, frame)) {
            if (!relay.is_open.load())
                break;
            (void)wait(reinterpret_cast<u32*>(&relay.turn), turn, kNoDeadline);
            continue;
        }
        Message message{};
        take_from_ring(relay, relay.tail.load() + sizeof(frame), message.data, frame.bytes);
        IO_STATUS_BLOCK io{};
        const NTSTATUS status =
            settle(NtWriteFile(object, done, nullptr, nullptr, &io, &message,
                               static_cast<ULONG>(sizeof(PipeHead) + frame.bytes), nullptr, nullptr),
                   io, object, done, nullptr);
        if (status < 0)
            relay.is_ended.store(1);
        relay.tail.fetch_add(static_cast<u32>(sizeof(frame)) + frame.bytes);
        relay.waiters.wake();
    }
    NtClose(done);
    leave_relay(relay);
    return 0;
}

// Only services of lxss's own: "@" alone is no reason to reach any pipe of Windows.
bool pipe_name(std::string_view name, wchar_t (&out)[128]) {
    constexpr std::string_view kPrefix = "@lxss-";
    constexpr std::wstring_view kFolder = L"\\\\.\\pipe\\";
    if (!name.starts_with(kPrefix) || kFolder.size() + name.size() > base::array_size(out))
        return false;
    wchar_t* at = out;
    for (const wchar_t character : kFolder)
        *at++ = character;
    for (const char character : name.substr(1)) {
        const bool is_good = (character >= 'a' && character <= 'z') ||
                             (character >= '0' && character <= '9') || character == '-';
        if (!is_good)
            return false;
        *at++ = static_cast<wchar_t>(character);
    }
    *at = 0;
    return true;
}

// Calls copy(guest address, ring's bytes, length) for each piece of the packet that starts at `at`, up to
// `length` bytes. EFAULT when it returns that something is left.
template <typename Copy>
Result<void> for_each_piece(Relay& relay, u32 at, const abi::msghdr& message, u64 length, Copy&& copy) {
    const auto* vectors = reinterpret_cast<const abi::iovec*>(message.msg_iov);
    for (u64 i = 0; i < message.msg_iovlen && length != 0; ++i) {
        for (u64 done = 0; done < vectors[i].iov_len && length != 0;) {
            const u64 part =
                base::min<u64>(base::min(vectors[i].iov_len - done, length), kRingBytes - at % kRingBytes);
            if (copy(reinterpret_cast<void*>(vectors[i].iov_base + done), relay.ring + at % kRingBytes,
                     part) != 0)
                return Errno::EFAULT;
            at += static_cast<u32>(part);
            done += part;
            length -= part;
        }
    }
    return {};
}

// The handles of a packet as SCM_RIGHTS, as many as there is room for; the others are closed.
void put_rights(const Frame& frame, abi::msghdr& message) {
    const usize room = message.msg_controllen > sizeof(abi::cmsghdr)
                           ? (message.msg_controllen - sizeof(abi::cmsghdr)) / sizeof(i32)
                           : 0;
    const u32 count = static_cast<u32>(base::min<usize>(room, frame.handle_count));
    message.msg_controllen = 0;
    if (count != 0) {
        const abi::cmsghdr head{abi::CMSG_LEN(count * sizeof(i32)), static_cast<i32>(abi::SOL_SOCKET),
                                static_cast<i32>(abi::SCM_RIGHTS)};
        auto* const out = reinterpret_cast<u8*>(message.msg_control); // kernel memory
        __builtin_memcpy(out, &head, sizeof(head));
        __builtin_memcpy(out + sizeof(head), frame.handles, count * sizeof(i32));
        message.msg_controllen = head.cmsg_len;
    }
    if (count < frame.handle_count || frame.is_cut)
        message.msg_flags |= abi::MSG_CTRUNC;
    for (u32 i = count; i < frame.handle_count; ++i)
        close(frame.handles[i]);
}

} // namespace

Result<Handle> open_channel(std::string_view name) {
    wchar_t wide[128];
    if (!pipe_name(name, wide))
        return Errno::EINVAL;
    const HANDLE pipe =
        CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING,
                    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr);
    if (pipe == INVALID_HANDLE_VALUE) {
        const DWORD error = GetLastError();
        return error == ERROR_PIPE_BUSY ? Errno::EAGAIN : errno_of_win32(error);
    }
    DWORD mode = PIPE_READMODE_MESSAGE;
    const HANDLE stop = SetNamedPipeHandleState(pipe, &mode, nullptr, nullptr)
                            ? CreateEventW(nullptr, TRUE, FALSE, nullptr)
                            : nullptr;
    u64 extra = stop ? start_relay(pipe, true, read_packets, stop) : 0;
    if (stop && extra == 0)
        NtClose(stop);
    if (extra != 0)
        extra |= start_relay(pipe, false, write_packets) << 16;
    NtClose(pipe);
    if (extra >> 16) {
        Result<Handle> handle = adopt(nullptr, {HandleKind::Stream, true, 0, 0, extra});
        if (handle.is_ok())
            return handle;
    }
    end_stream(extra);
    return Errno::EMFILE;
}

Result<usize> send_to_channel(const HandleEntry& entry, const abi::msghdr& message) {
    Relay& relay = *writing_relay(entry.extra);
    const u64 total = total_of(message);
    if (message.msg_controllen != 0)
        return Errno::EOPNOTSUPP;
    if (total > kMaxChannelBytes)
        return Errno::EMSGSIZE;
    SharedGuard guard(relay.lock);
    if (relay.is_ended.load())
        return Errno::EPIPE;
    Frame frame{};
    frame.bytes = static_cast<u32>(total);
    const u32 head = relay.head.load();
    if (kRingBytes - (head - relay.tail.load()) < sizeof(frame) + total) {
        relay.turns.fetch_add(1);
        return Errno::EAGAIN;
    }
    put_in_ring(relay, head, &frame, sizeof(frame));
    TRY(for_each_piece(relay, head + sizeof(frame), message, total, [](void* guest, u8* ring, usize length) {
        return copy_guarded(ring, guest, length);
    }));
    relay.head.fetch_add(static_cast<u32>(sizeof(frame) + total));
    poke(relay);
    return static_cast<usize>(total);
}

Result<usize> receive_from_channel(const HandleEntry& entry, abi::msghdr& message, i32 flags) {
    Relay& relay = *reading_relay(entry.extra);
    const u64 room = total_of(message);
    Frame frame;
    {
        SharedGuard guard(relay.lock);
        if (!next_frame(relay, frame)) {
            message.msg_controllen = 0;
            if (relay.is_ended.load() && relay.head.load() == relay.tail.load())
                return usize{0};
            relay.turns.fetch_add(1);
            (void)stream_readiness(entry.extra, abi::POLLIN);
            return Errno::EAGAIN;
        }
        TRY(for_each_piece(
            relay, relay.tail.load() + sizeof(frame), message, base::min<u64>(room, frame.bytes),
            [](void* guest, u8* ring, usize length) { return copy_guarded(guest, ring, length); }));
        if (!(flags & static_cast<i32>(abi::MSG_PEEK)))
            relay.tail.fetch_add(static_cast<u32>(sizeof(frame)) + frame.bytes);
    }
    message.msg_flags = frame.bytes > room ? abi::MSG_TRUNC : 0;
    if (flags & static_cast<i32>(abi::MSG_PEEK))
        message.msg_controllen = 0;
    else
        put_rights(frame, message);
    return flags & static_cast<i32>(abi::MSG_TRUNC) ? usize{frame.bytes}
                                                    : static_cast<usize>(base::min<u64>(room, frame.bytes));
}

Result<u32> channel_option(i32 level, i32 option, void* value, u32 capacity) {
    const abi::ucred user{}; // the tree's owner, whom lxcore takes for the caller
    const i32 no_error = 0;
    const bool is_of_socket = level == static_cast<i32>(abi::SOL_SOCKET);
    if (!is_of_socket ||
        (option != static_cast<i32>(abi::SO_PEERCRED) && option != static_cast<i32>(abi::SO_ERROR)))
        return Errno::ENOPROTOOPT;
    const bool is_error = option == static_cast<i32>(abi::SO_ERROR);
    const u32 length = base::min<u32>(capacity, is_error ? sizeof(no_error) : sizeof(user));
    if (copy_guarded(value, is_error ? static_cast<const void*>(&no_error) : &user, length) != 0)
        return Errno::EFAULT;
    return length;
}

} // namespace host::nt
