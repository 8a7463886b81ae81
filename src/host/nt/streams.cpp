#include "host/nt/streams.hpp"

#include "abi/fcntl.hpp"
#include "abi/poll.hpp"
#include "host/nt/files.hpp"
#include "host/nt/threads.hpp"

namespace host::nt {

namespace {

u32* word_of(std::atomic<u32>& word) { return reinterpret_cast<u32*>(&word); }

// With the last user, the relay is anybody's: start_relay() may take it at once.
void drop_user(Relay& relay) { relay.users.fetch_sub(1); }

// The ring's next part in one piece.
struct Piece {
    u8* data;
    u32 length;
};
Piece free_piece(Relay& relay) {
    const u32 head = relay.head.load(), used = head - relay.tail.load();
    const u32 at = head % kRingBytes;
    return {relay.ring + at, base::min(kRingBytes - used, kRingBytes - at)};
}
Piece filled_piece(Relay& relay) {
    const u32 tail = relay.tail.load(), used = relay.head.load() - tail;
    const u32 at = tail % kRingBytes;
    return {relay.ring + at, base::min(used, kRingBytes - at)};
}

// ---- the threads, in the instance host ----

DWORD WINAPI read_stream(void* argument) {
    take_own_slot("streams");
    auto& relay = *static_cast<Relay*>(argument);
    HANDLE done = CreateEventW(nullptr, TRUE, FALSE, nullptr);
    while (relay.is_open.load()) {
        const u32 turn = relay.turn.load();
        const Piece piece = free_piece(relay);
        if (!relay.wanted.load() || piece.length == 0) {
            if (relay.is_open.load())
                (void)wait(word_of(relay.turn), turn, kNoDeadline);
            continue;
        }
        IO_STATUS_BLOCK io{};
        NTSTATUS status = NtReadFile(reinterpret_cast<HANDLE>(relay.object), done, nullptr, nullptr, &io, piece.data,
                                     piece.length, nullptr, nullptr);
        if (status == STATUS_PENDING) { // the client opened it for overlapped operation
            (void)NtWaitForSingleObject(done, FALSE, nullptr);
            status = io.Status;
        }
        if (status == STATUS_CANCELLED)
            continue; // the last handle was closed
        if (status >= 0 && io.Information == 0)
            continue; // an empty message is no end
        relay.wanted.store(0);
        if (status >= 0 || status == STATUS_BUFFER_OVERFLOW)
            relay.head.fetch_add(static_cast<u32>(io.Information));
        else
            relay.is_ended.store(1);
        relay.waiters.wake();
        if (relay.is_ended.load())
            break;
    }
    NtClose(done);
    leave_relay(relay);
    return 0;
}

DWORD WINAPI write_stream(void* argument) {
    take_own_slot("streams");
    auto& relay = *static_cast<Relay*>(argument);
    for (;;) {
        const u32 turn = relay.turn.load();
        const Piece piece = filled_piece(relay);
        if (piece.length == 0 || relay.is_ended.load()) {
            if (!relay.is_open.load())
                break;
            (void)wait(word_of(relay.turn), turn, kNoDeadline);
            continue;
        }
        DWORD put = 0;
        if (!WriteFile(reinterpret_cast<HANDLE>(relay.object), piece.data, piece.length, &put, nullptr) || put == 0)
            relay.is_ended.store(1);
        relay.tail.fetch_add(put);
        relay.waiters.wake();
    }
    leave_relay(relay);
    return 0;
}

// Ends a blocking read of the relay's thread, from any process.
void cancel_read(const Relay& relay) {
    HANDLE ender = nullptr;
    if (NtDuplicateObject(g_process.instance, reinterpret_cast<HANDLE>(relay.stop ? relay.stop : relay.thread), this_process(),
                          &ender, 0, 0, DUPLICATE_SAME_ACCESS) < 0)
        return;
    if (relay.stop)
        (void)NtSetEvent(ender, nullptr);
    else
        CancelSynchronousIo(ender);
    NtClose(ender);
}

ACCESS_MASK access_of(HANDLE object) {
    PUBLIC_OBJECT_BASIC_INFORMATION information{};
    ULONG length = 0;
    if (NtQueryObject(object, ObjectBasicInformation, &information, sizeof(information), &length) < 0)
        return FILE_READ_DATA | FILE_WRITE_DATA;
    return information.GrantedAccess;
}

} // namespace

void poke(Relay& relay) {
    relay.turn.fetch_add(1);
    wake(word_of(relay.turn), ~0u);
}

void wait_for_close(Relay& relay) {
    while (relay.is_open.load()) {
        const u32 turn = relay.turn.load();
        if (relay.is_open.load())
            (void)wait(word_of(relay.turn), turn, kNoDeadline);
    }
}

void leave_relay(Relay& relay) {
    wait_for_close(relay);
    NtClose(reinterpret_cast<HANDLE>(relay.object));
    if (!relay.writes)
        NtClose(reinterpret_cast<HANDLE>(relay.thread));
    if (relay.stop)
        NtClose(reinterpret_cast<HANDLE>(relay.stop));
    drop_user(relay);
    release_slot(current_slot());
}

u64 start_relay(HANDLE object, bool reads, LPTHREAD_START_ROUTINE main, HANDLE stop) {
    for (u32 i = 0; i < kMaxRelays; ++i) {
        Relay& relay = relays().relays[i];
        u32 nobody = 0;
        if (!relay.users.compare_exchange_strong(nobody, 2))
            continue;
        HANDLE own = nullptr;
        if (NtDuplicateObject(this_process(), object, this_process(), &own, 0, 0, DUPLICATE_SAME_ACCESS) < 0) {
            relay.users.store(0);
            return 0;
        }
        relay.object = address_of(own);
        relay.wanted.store(0);
        relay.turn.store(0);
        relay.head.store(0);
        relay.tail.store(0);
        relay.is_ended.store(0);
        relay.writes = !reads;
        relay.stop = address_of(stop);
        relay.is_open.store(1);
        HANDLE thread = CreateThread(nullptr, kGranule, main, &relay, CREATE_SUSPENDED, nullptr);
        if (!thread) {
            NtClose(own);
            relay.users.store(0);
            return 0;
        }
        relay.thread = address_of(thread);
        NtResumeThread(thread, nullptr);
        if (!reads)
            NtClose(thread);
        return i + 1;
    }
    return 0;
}

Result<Handle> adopt_stream(HANDLE object) {
    const DWORD type = GetFileType(object);
    const ACCESS_MASK access = access_of(object);
    const bool is_writable = (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    if (type == FILE_TYPE_DISK || type == FILE_TYPE_CHAR) {
        Identity identity{};
        const bool is_known = type == FILE_TYPE_DISK && identify(object, identity) >= 0;
        return adopt(object, {HandleKind::Stream, is_writable, is_known ? identity.file : 0});
    }
    u64 extra = 0;
    if (access & FILE_READ_DATA)
        extra |= start_relay(object, true, read_stream);
    if (is_writable)
        extra |= start_relay(object, false, write_stream) << 16;
    NtClose(object);
    if (extra == 0)
        return Errno::EMFILE;
    Result<Handle> handle = adopt(nullptr, {HandleKind::Stream, is_writable, 0, 0, extra});
    if (handle.is_error())
        end_stream(extra);
    return handle;
}

namespace {

// Whether two handles lead to one pipe.
bool is_same_stream(HANDLE left, HANDLE right) {
    if (GetFileType(left) != FILE_TYPE_PIPE || GetFileType(right) != FILE_TYPE_PIPE || access_of(left) != access_of(right))
        return false;
    const HMODULE library = GetModuleHandleW(L"ntdll.dll");
    using Compare = NTSTATUS(NTAPI*)(HANDLE, HANDLE); // since Windows 10
    const auto compare = reinterpret_cast<Compare>(reinterpret_cast<void*>(GetProcAddress(library, "NtCompareObjects")));
    if (compare && compare(left, right) == STATUS_SUCCESS)
        return true;
    // Wine makes an object of each of its descriptors; these tell the pipe by its inode.
    if (!GetProcAddress(library, "wine_get_version"))
        return false;
    FILE_INTERNAL_INFORMATION first{}, second{};
    IO_STATUS_BLOCK io{};
    return NtQueryInformationFile(left, &io, &first, sizeof(first), FileInternalInformation) >= 0 &&
           NtQueryInformationFile(right, &io, &second, sizeof(second), FileInternalInformation) >= 0 &&
           first.IndexNumber.QuadPart != 0 && first.IndexNumber.QuadPart == second.IndexNumber.QuadPart;
}

} // namespace

void adopt_streams(const HANDLE* objects, usize count, Handle* streams) {
    const auto value = [](const Result<Handle>& stream) { return stream.is_ok() ? stream.value() : kNoHandle; };
    for (usize i = 0; i < count; ++i) {
        usize same = 0;
        while (same < i && !is_same_stream(objects[same], objects[i]))
            ++same;
        // What it is compared with is not closed before the end.
        HANDLE own = nullptr;
        if (same < i && streams[same] != kNoHandle)
            streams[i] = value(duplicate(streams[same]));
        else if (NtDuplicateObject(this_process(), objects[i], this_process(), &own, 0, 0, DUPLICATE_SAME_ACCESS) >= 0)
            streams[i] = value(adopt_stream(own));
        else
            streams[i] = kNoHandle;
    }
    for (usize i = 0; i < count; ++i)
        NtClose(objects[i]);
}

void keep_stream(u64 extra) {
    for (Relay* relay : {reading_relay(extra), writing_relay(extra)})
        if (relay)
            relay->users.fetch_add(1);
}

void end_stream(u64 extra) {
    for (Relay* relay : {reading_relay(extra), writing_relay(extra)}) {
        if (!relay)
            continue;
        // The last user but the thread ends it; others may be ending at the same time.
        u32 users = relay->users.load();
        while (users != 2 && !relay->users.compare_exchange_weak(users, users - 1)) {
        }
        if (users != 2)
            continue;
        relay->is_open.store(0);
        poke(*relay);
        if (relay == reading_relay(extra) && relay->wanted.load())
            cancel_read(*relay);
        drop_user(*relay);
    }
}

void drain_streams() {
    constexpr DWORD kPatienceMs = 5'000;
    for (DWORD waited = 0; waited < kPatienceMs; waited += 5) {
        bool is_empty = true;
        for (Relay& relay : relays().relays)
            // (Of a reading one, the thread's end is the head.)
            is_empty = is_empty && (relay.users.load() == 0 || !relay.writes || relay.is_ended.load() ||
                                    relay.head.load() == relay.tail.load());
        if (is_empty)
            return;
        Sleep(5);
    }
}

u32 stream_readiness(u64 extra, u32 events) {
    u32 ready = 0;
    if (Relay* relay = reading_relay(extra)) {
        if (relay->head.load() != relay->tail.load())
            ready |= abi::POLLIN | abi::POLLRDNORM;
        else if (relay->is_ended.load())
            ready |= abi::POLLHUP;
        else if ((events & (abi::POLLIN | abi::POLLRDNORM)) && relay->wanted.exchange(1) == 0)
            poke(*relay);
    }
    if (Relay* relay = writing_relay(extra)) {
        if (relay->is_ended.load())
            ready |= abi::POLLERR;
        // As much as a pipe takes at once when it is called ready.
        if (relay->head.load() - relay->tail.load() <= kRingBytes - 4096)
            ready |= abi::POLLOUT | abi::POLLWRNORM;
    }
    return ready;
}

void note_stream_waiter(u64 extra, u32 slot) {
    for (Relay* relay : {reading_relay(extra), writing_relay(extra)})
        if (relay)
            relay->waiters.note(slot);
}

u32 stream_turns(u64 extra) {
    const Relay* reading = reading_relay(extra);
    const Relay* writing = writing_relay(extra);
    return (reading ? reading->turns.load() & 0xffff : 0) | (writing ? writing->turns.load() << 16 : 0);
}

} // namespace host::nt

namespace host {

using namespace nt;

namespace {

Result<HandleEntry*> stream_entry(Handle stream) {
    HandleEntry* entry = entry_of(stream);
    if (!entry)
        return Errno::EBADF;
    preserve_vectors();
    return entry;
}

// Bytes of a disk file or of NUL, at the position that all its users share.
template <typename Transfer>
Result<usize> transfer_directly(const abi::iovec* vectors, usize count, Transfer&& transfer) {
    usize done = 0;
    for (usize i = 0; i < count; ++i) {
        if (vectors[i].iov_len == 0)
            continue;
        IO_STATUS_BLOCK io{};
        const NTSTATUS status = transfer(&io, reinterpret_cast<void*>(vectors[i].iov_base),
                                         static_cast<ULONG>(base::min<u64>(vectors[i].iov_len, u64{1} << 30)));
        if (status == STATUS_END_OF_FILE)
            break;
        if (status < 0)
            return done != 0 ? Result<usize>(done) : Result<usize>(errno_of(status));
        done += io.Information;
        if (io.Information < vectors[i].iov_len)
            break;
    }
    return done;
}

} // namespace

Result<usize> stream_read(Handle stream, const abi::iovec* vectors, usize count) {
    const HandleEntry& entry = *TRY(stream_entry(stream));
    if (entry.extra == 0) {
        HANDLE object = object_of(stream);
        return transfer_directly(vectors, count, [object](IO_STATUS_BLOCK* io, void* buffer, ULONG length) {
            return NtReadFile(object, nullptr, nullptr, nullptr, io, buffer, length, nullptr, nullptr);
        });
    }
    Relay* relay = reading_relay(entry.extra);
    if (!relay)
        return Errno::EBADF;
    SharedGuard guard(relay->lock);
    usize done = 0;
    for (usize i = 0; i < count; ++i) {
        for (u64 at = 0; at < vectors[i].iov_len;) {
            const Piece piece = filled_piece(*relay);
            const usize length = base::min<u64>(piece.length, vectors[i].iov_len - at);
            if (length == 0)
                break;
            const usize missed = copy_guarded(reinterpret_cast<void*>(vectors[i].iov_base + at), piece.data, length);
            relay->tail.fetch_add(static_cast<u32>(length - missed));
            done += length - missed;
            at += length;
            if (missed != 0)
                return done != 0 ? Result<usize>(done) : Result<usize>(Errno::EFAULT);
        }
    }
    if (relay->head.load() == relay->tail.load())
        relay->turns.fetch_add(1);
    if (done != 0 || (relay->is_ended.load() && relay->head.load() == relay->tail.load()))
        return done;
    (void)stream_readiness(entry.extra, abi::POLLIN);
    return Errno::EAGAIN;
}

Result<usize> stream_write(Handle stream, const abi::iovec* vectors, usize count) {
    const HandleEntry& entry = *TRY(stream_entry(stream));
    if (entry.extra == 0) {
        HANDLE object = object_of(stream);
        return transfer_directly(vectors, count, [object](IO_STATUS_BLOCK* io, void* buffer, ULONG length) {
            return NtWriteFile(object, nullptr, nullptr, nullptr, io, buffer, length, nullptr, nullptr);
        });
    }
    Relay* relay = writing_relay(entry.extra);
    if (!relay)
        return Errno::EBADF;
    SharedGuard guard(relay->lock);
    if (relay->is_ended.load())
        return Errno::EPIPE;
    usize done = 0;
    for (usize i = 0; i < count; ++i) {
        for (u64 at = 0; at < vectors[i].iov_len;) {
            const Piece piece = free_piece(*relay);
            const usize length = base::min<u64>(piece.length, vectors[i].iov_len - at);
            if (length == 0)
                break;
            const usize missed =
                copy_guarded(piece.data, reinterpret_cast<const void*>(vectors[i].iov_base + at), length);
            relay->head.fetch_add(static_cast<u32>(length - missed));
            done += length - missed;
            at += length;
            if (missed != 0) {
                poke(*relay);
                return done != 0 ? Result<usize>(done) : Result<usize>(Errno::EFAULT);
            }
        }
    }
    if (done != 0)
        poke(*relay);
    if (!(stream_readiness(entry.extra, abi::POLLOUT) & abi::POLLOUT))
        relay->turns.fetch_add(1);
    usize wanted = 0;
    for (usize i = 0; i < count; ++i)
        wanted += vectors[i].iov_len;
    return done == 0 && wanted != 0 ? Result<usize>(Errno::EAGAIN) : Result<usize>(done);
}

Result<u64> stream_seek(Handle stream, i64 offset, i32 whence) {
    const HandleEntry& entry = *TRY(stream_entry(stream));
    HANDLE object = object_of(stream);
    if (entry.extra != 0 || !object || GetFileType(object) != FILE_TYPE_DISK)
        return Errno::ESPIPE;
    IO_STATUS_BLOCK io{};
    LARGE_INTEGER position{};
    i64 start = 0;
    if (whence == static_cast<i32>(abi::SEEK_CUR)) {
        NtQueryInformationFile(object, &io, &position, sizeof(position), FilePositionInformation);
        start = position.QuadPart;
    } else if (whence == static_cast<i32>(abi::SEEK_END)) {
        FILE_STANDARD_INFORMATION standard{};
        NtQueryInformationFile(object, &io, &standard, sizeof(standard), FileStandardInformation);
        start = standard.EndOfFile.QuadPart;
    } else if (whence != static_cast<i32>(abi::SEEK_SET)) {
        return Errno::EINVAL;
    }
    if (__builtin_add_overflow(start, offset, &position.QuadPart) || position.QuadPart < 0)
        return Errno::EINVAL;
    TRY(void_result(NtSetInformationFile(object, &io, &position, sizeof(position), FilePositionInformation)));
    return static_cast<u64>(position.QuadPart);
}

Result<u32> access_mode(Handle handle) {
    const HandleEntry& entry = *TRY(stream_entry(handle));
    if (entry.kind != HandleKind::Stream)
        return Errno::EOPNOTSUPP;
    bool reads = reading_relay(entry.extra), writes = writing_relay(entry.extra);
    if (entry.extra == 0) {
        const ACCESS_MASK access = access_of(object_of(handle));
        reads = access & FILE_READ_DATA;
        writes = access & (FILE_WRITE_DATA | FILE_APPEND_DATA);
    }
    return u32{!writes ? abi::O_RDONLY : reads ? abi::O_RDWR : abi::O_WRONLY};
}

// lxcore keeps memory files in the arena.
Result<Handle> create_memory_file(const char*, u32) { return Errno::EOPNOTSUPP; }
Result<void> add_seals(Handle, u32) { return Errno::EINVAL; }
Result<u32> get_seals(Handle) { return Errno::EINVAL; }

Result<u32> stream_bytes_available(Handle stream) {
    const HandleEntry& entry = *TRY(stream_entry(stream));
    const Relay* relay = reading_relay(entry.extra);
    if (!relay)
        return Errno::ENOTTY;
    return relay->head.load() - relay->tail.load();
}

} // namespace host
