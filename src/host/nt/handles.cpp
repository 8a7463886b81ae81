#include "host/nt/files.hpp"
#include "host/nt/poll_sets.hpp"
#include "host/nt/streams.hpp"

namespace host::nt {

namespace {

// This process's duplicates. At the same address in every process, as all of the image: whoever closes a handle finds
// the duplicates of others here.
struct Duplicate {
    std::atomic<u32> word; // of the entry that it was made for
    u32 unused;
    std::atomic<u64> object;
};
Duplicate g_duplicates[kMaxHandles];

void note_user(u32 index) {
    std::atomic<u32>& users = files().handles.users[index][g_process.index / 32];
    const u32 bit = 1u << g_process.index % 32;
    if (!(users.load(std::memory_order_relaxed) & bit))
        users.fetch_or(bit);
}

// Makes `object` this process's duplicate, or closes it when another thread was first. Null when that thread has one of the entry's
// earlier or later Windows handle (replace_object()).
HANDLE install(u32 index, u32 word, HANDLE object) {
    Duplicate& duplicate = g_duplicates[index];
    u64 none = 0;
    if (duplicate.object.compare_exchange_strong(none, address_of(object))) {
        duplicate.word.store(word, std::memory_order_release);
        return object;
    }
    NtClose(object);
    constexpr u32 kPatience = 10'000;
    for (u32 round = 0; duplicate.word.load(std::memory_order_acquire) != word; ++round) {
        if (round == kPatience)
            return nullptr;
        NtYieldExecution();
    }
    return reinterpret_cast<HANDLE>(duplicate.object.load());
}

// Closes a duplicate that another thread of this process may just be about to use: after 64 others.
void retire(u64 object) {
    static std::atomic<u64> retired[64];
    static std::atomic<u32> next;
    const u64 old = object != 0 ? retired[next.fetch_add(1) % base::array_size(retired)].exchange(object) : 0;
    if (old != 0)
        NtClose(reinterpret_cast<HANDLE>(old));
}

HANDLE duplicate_here(u32 index, u32 word, const HandleEntry& entry) {
    note_user(index);
    Duplicate& duplicate = g_duplicates[index];
    if (duplicate.object.load() != 0 && duplicate.word.load() != word) {
        // Of an earlier object, whose closer was killed before it came to this process.
        retire(duplicate.object.exchange(0));
    }
    HANDLE object = nullptr;
    if (NtDuplicateObject(g_process.instance, reinterpret_cast<HANDLE>(entry.original), this_process(), &object, 0, 0,
                          DUPLICATE_SAME_ACCESS) < 0)
        return nullptr;
    return install(index, word, object);
}

// Closes a handle of another process. By way of one of our own: Wine closes none without a process to give it to.
void close_in(HANDLE process, u64 object) {
    HANDLE taken = nullptr;
    if (NtDuplicateObject(process, reinterpret_cast<HANDLE>(object), this_process(), &taken, 0, 0,
                          DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS) >= 0)
        NtClose(taken);
}

constexpr u64 kClosePatienceNs = 200'000'000;

// Has a process close its duplicate, and waits for that, but not for ever: it may be about to end, which closes it too. (Closing it
// from here would have Wine ask one of its threads, and wait for ever if that ends in the midst of it.)
void close_in_pico(ProcessRecord& record, u32 index, u32 word) {
    const u64 request = u64{index} << 32 | word;
    const u64 deadline = monotonic_ns() + kClosePatienceNs;
    auto* const done = reinterpret_cast<u32*>(&record.closes_done);
    std::atomic<u64>* place = nullptr;
    while (record.state.load() == ProcessState::Running) {
        const u32 seen = record.closes_done.load();
        for (u32 i = 0; i < base::array_size(record.closes) && !place; ++i) {
            u64 none = 0;
            if (record.closes[i].compare_exchange_strong(none, request)) {
                place = &record.closes[i];
                record.kicks.fetch_add(1);
                wake(reinterpret_cast<u32*>(&record.kicks), 1);
            }
        }
        if (place && place->load() != request)
            return;
        if (wait(done, seen, deadline) == WaitResult::TimedOut)
            return;
    }
}

// Closes the duplicates of the processes other than this one and the instance host.
void close_elsewhere(u32 index, u32 word) {
    for (u32 part = 0; part < kMaxProcesses / 32; ++part) {
        u32 bits = files().handles.users[index][part].exchange(0);
        for (; bits != 0; bits &= bits - 1) {
            const u32 process = part * 32 + static_cast<u32>(__builtin_ctz(bits));
            if (process != g_process.index && process != 0)
                close_in_pico(shared().processes[process], index, word);
        }
    }
}

} // namespace

void close_as_asked() {
    ProcessRecord& record = this_record();
    for (std::atomic<u64>& place : record.closes) {
        const u64 request = place.load();
        if (request == 0)
            continue;
        Duplicate& duplicate = g_duplicates[request >> 32];
        if (duplicate.word.load() == static_cast<u32>(request))
            if (const u64 object = duplicate.object.exchange(0))
                NtClose(reinterpret_cast<HANDLE>(object));
        place.store(0);
        record.closes_done.fetch_add(1);
        wake(reinterpret_cast<u32*>(&record.closes_done), ~0u);
    }
}

HandleEntry* entry_of(Handle handle) {
    if (static_cast<u32>(handle) >= kMaxHandles)
        return nullptr;
    HandleEntry& entry = files().handles.entries[handle];
    return is_in_use(entry.word.load(std::memory_order_acquire)) ? &entry : nullptr;
}

Result<Handle> adopt(HANDLE object, const NewHandle& what) {
    HandleTable& table = files().handles;
    HANDLE original = object;
    if (object && !is_instance_host() &&
        NtDuplicateObject(this_process(), object, g_process.instance, &original, 0, 0, DUPLICATE_SAME_ACCESS) < 0) {
        NtClose(object);
        return Errno::EMFILE;
    }
    for (u32 tries = 0; tries < kMaxHandles; ++tries) {
        const u32 index = table.next.fetch_add(1, std::memory_order_relaxed) % kMaxHandles;
        HandleEntry& entry = table.entries[index];
        u32 word = entry.word.load(std::memory_order_relaxed);
        // By way of a value that nobody takes for one in use, until the entry is filled in.
        if (word % 4 != 0 || !entry.word.compare_exchange_strong(word, word + 2))
            continue;
        entry.kind = what.kind;
        entry.is_writable = what.is_writable;
        entry.has_write_access = what.has_write_access;
        entry.is_on_drive = what.is_on_drive;
        entry.original = address_of(original);
        entry.file = what.file;
        entry.device = what.device;
        entry.position.store(0);
        entry.extra = what.extra;
        table.in_use.fetch_add(1, std::memory_order_relaxed);
        entry.word.store(word + 3, std::memory_order_release);
        if (object && !is_instance_host()) {
            note_user(index);
            g_duplicates[index].object.store(0);
            (void)install(index, word + 3, object);
        }
        return static_cast<Handle>(index);
    }
    if (object) {
        if (!is_instance_host())
            close_in(g_process.instance, address_of(original));
        NtClose(object);
    }
    return Errno::EMFILE;
}

void replace_object(Handle handle, HANDLE object) {
    HandleEntry* entry = entry_of(handle);
    HANDLE original = object;
    u32 word = entry ? entry->word.load() : 0;
    if (word % 4 != 3 ||
        (!is_instance_host() &&
         NtDuplicateObject(this_process(), object, g_process.instance, &original, 0, 0, DUPLICATE_SAME_ACCESS) < 0)) {
        NtClose(object);
        return;
    }
    const bool is_taken = entry->word.compare_exchange_strong(word, word - 2);
    const u64 unwanted = is_taken ? entry->original : address_of(original);
    const auto index = static_cast<u32>(handle);
    if (is_taken) {
        entry->original = address_of(original);
        close_elsewhere(index, word);
    }
    if (is_instance_host()) {
        NtClose(reinterpret_cast<HANDLE>(unwanted));
    } else {
        close_in(g_process.instance, unwanted);
        NtClose(object); // it is duplicated when it is used
        if (is_taken && g_duplicates[index].word.load() == word)
            retire(g_duplicates[index].object.exchange(0));
    }
    if (is_taken)
        entry->word.store(word + 4, std::memory_order_release);
}

HANDLE native_handle(Handle handle) { return object_of(handle); }

HANDLE object_of(Handle handle) {
    preserve_vectors();
    const HandleEntry* entry = entry_of(handle);
    if (!entry || entry->original == 0)
        return nullptr;
    if (is_instance_host())
        return reinterpret_cast<HANDLE>(entry->original);
    const u32 word = entry->word.load(std::memory_order_acquire);
    const Duplicate& duplicate = g_duplicates[handle];
    if (duplicate.word.load(std::memory_order_acquire) == word) {
        const u64 object = duplicate.object.load(std::memory_order_acquire);
        if (object != 0)
            return reinterpret_cast<HANDLE>(object);
    }
    return duplicate_here(static_cast<u32>(handle), word, *entry);
}

} // namespace host::nt

namespace host {

using namespace nt;

void close(Handle handle) {
    preserve_vectors();
    HandleEntry* entry = entry_of(handle);
    if (!entry)
        return;
    u32 word = entry->word.load();
    // Out of use for others, and not free yet (adopt() takes multiples of four). Who gives it another Windows handle is done soon, or
    // was killed.
    for (u32 round = 0; word % 4 == 1 && round < 10'000; ++round) {
        NtYieldExecution();
        word = entry->word.load();
    }
    if (!is_in_use(word) || !entry->word.compare_exchange_strong(word, word / 4 * 4 + 2))
        return;
    const auto index = static_cast<u32>(handle);
    const HandleKind kind = entry->kind;
    const u64 file = entry->file, original = entry->original, extra = entry->extra;
    if (kind == HandleKind::PollSet)
        end_poll_set(extra);
    else if (kind == HandleKind::Socket || kind == HandleKind::Stream)
        leave_poll_sets(handle);
    if (kind == HandleKind::Stream)
        end_stream(extra);
    else if (kind == HandleKind::Socket)
        end_socket(extra);
    close_elsewhere(index, word);
    Duplicate& own = g_duplicates[index];
    if (!is_instance_host() && own.word.load() == word) {
        own.word.store(0);
        const u64 object = own.object.exchange(0);
        if (object != 0)
            NtClose(reinterpret_cast<HANDLE>(object));
    }
    if (original != 0) {
        if (is_instance_host())
            NtClose(reinterpret_cast<HANDLE>(original));
        else
            close_in(g_process.instance, original);
    }
    files().handles.in_use.fetch_sub(1, std::memory_order_relaxed);
    entry->word.store(word / 4 * 4 + 4, std::memory_order_release);
    if ((kind == HandleKind::File || kind == HandleKind::Directory) && files().aside_count.load() != 0)
        remove_asides_of(file);
}

Result<Handle> duplicate(Handle handle) {
    HANDLE object = object_of(handle);
    const HandleEntry* entry = entry_of(handle);
    if (!entry || (entry->original != 0 && !object))
        return Errno::EBADF;
    HANDLE copy = nullptr;
    if (object && NtDuplicateObject(this_process(), object, this_process(), &copy, 0, 0, DUPLICATE_SAME_ACCESS) < 0)
        return Errno::EMFILE;
    const HandleKind kind = entry->kind;
    const u64 extra = entry->extra;
    if (kind == HandleKind::Stream)
        keep_stream(extra);
    else if (kind == HandleKind::Socket)
        keep_socket(extra);
    Result<Handle> made = adopt(copy, {kind, entry->is_writable, entry->file, entry->device, extra, entry->has_write_access,
                                       entry->is_on_drive});
    if (made.is_error() && kind == HandleKind::Stream)
        end_stream(extra);
    else if (made.is_error() && kind == HandleKind::Socket)
        end_socket(extra);
    return made;
}

u64 handle_limit() { return kMaxHandles; }

Handle root_folder() { return files().root; }
Handle guest_tools_folder() { return files().guest_tools; }

} // namespace host
