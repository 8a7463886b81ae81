// Changes on drives that any program makes, as Windows tells them: names in a directory that come, go, change
// or are written to. It tells neither of files by themselves nor of opening, reading and closing: those
// events are the guest's own.
//
// A watcher is read where it was made: in the instance host (and in a test of the host interface). Who wants
// to watch a directory from elsewhere opens it, gives that handle to the instance host and leaves a request;
// the thread there that reads the watcher asks for changes, and says so in the record. The watcher's one
// event is set by requests and by answers.
#include "abi/poll.hpp"
#include "host/nt/drive_files.hpp"

extern "C" NTSYSAPI NTSTATUS NTAPI NtNotifyChangeDirectoryFile(HANDLE folder, HANDLE event,
                                                               PIO_APC_ROUTINE apc, PVOID context,
                                                               PIO_STATUS_BLOCK io, PVOID buffer,
                                                               ULONG length, ULONG filter,
                                                               BOOLEAN with_folders_below);

namespace host {

using namespace nt;

namespace {

constexpr u64 kAnswerTimeoutNs = 5'000'000'000;
constexpr ULONG kFilter = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME |
                          FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;

// A directory that the reading thread watches. Its memory is kept for the record's next use: the system may
// write to it until the request has ended.
struct LiveWatch {
    IO_STATUS_BLOCK io;
    HANDLE folder; // null: none
    bool is_asked; // a request is under way
    i32 number;
    u32 cookie; // of the last change of a name
    alignas(8) u8 buffer[16 * 1024];
};
LiveWatch* g_live[kMaxDriveWatches]; // where the watcher is read

u32* word_of(std::atomic<WatchState>& state) {
    return reinterpret_cast<u32*>(&state);
}

i32 number_of(u32 index, const DriveWatch& watch) {
    return static_cast<i32>((watch.uses & 0x3fffff) * kMaxDriveWatches + index);
}

bool ask(LiveWatch& live, HANDLE event) {
    live.io.Status = STATUS_PENDING;
    live.is_asked = NtNotifyChangeDirectoryFile(live.folder, event, nullptr, nullptr, &live.io, live.buffer,
                                                sizeof(live.buffer), kFilter, FALSE) >= 0;
    return live.is_asked;
}

// Where the watcher is read. Takes over the record's handle.
bool begin(u32 index, const DriveWatch& watch, HANDLE event) {
    LiveWatch*& live = g_live[index];
    if (!live) {
        void* memory = nullptr;
        SIZE_T size = sizeof(LiveWatch);
        if (NtAllocateVirtualMemory(this_process(), &memory, 0, &size, MEM_RESERVE | MEM_COMMIT,
                                    PAGE_READWRITE) >= 0)
            live = static_cast<LiveWatch*>(memory);
    }
    bool is_begun = false;
    if (live) {
        live->folder = reinterpret_cast<HANDLE>(watch.folder);
        live->number = number_of(index, watch);
        is_begun = ask(*live, event);
        if (!is_begun)
            live->folder = nullptr;
    }
    if (!is_begun)
        (void)NtClose(reinterpret_cast<HANDLE>(watch.folder));
    return is_begun;
}

// What has become of a request, unless nobody waits for it any more.
void answer(DriveWatch& watch, WatchState state) {
    WatchState wanted = WatchState::Wanted;
    if (watch.state.compare_exchange_strong(wanted, state))
        wake(word_of(watch.state), ~0u);
}

// The record that watches the directory, or kMaxDriveWatches.
u32 find_watch(const HandleEntry& directory) {
    u32 index = 0;
    for (; index < kMaxDriveWatches; ++index) {
        const DriveWatch& watch = files().watches[index];
        if (watch.state.load() == WatchState::Watching && watch.file == directory.file &&
            watch.device == directory.device)
            break;
    }
    return index;
}

// A record for the directory, whose asynchronous handle `reader` has from then on. ENOSPC.
Result<u32> take_watch(const HandleEntry& directory, HANDLE folder, HANDLE reader) {
    for (u32 index = 0; index < kMaxDriveWatches; ++index) {
        DriveWatch& watch = files().watches[index];
        WatchState free = WatchState::Free;
        if (watch.state.load() != WatchState::Free ||
            !watch.state.compare_exchange_strong(free, WatchState::Taken))
            continue;
        watch.taker = g_process.index;
        ++watch.uses;
        watch.file = directory.file;
        watch.device = directory.device;
        HANDLE remote;
        if (NtDuplicateObject(this_process(), folder, reader, &remote, 0, 0, DUPLICATE_SAME_ACCESS) < 0) {
            watch.state.store(WatchState::Free);
            break;
        }
        watch.folder = reinterpret_cast<u64>(remote);
        return index;
    }
    return Errno::ENOSPC;
}

// Has the thread that reads the watcher begin, and waits until it has.
bool ask_reader(DriveWatch& watch, HANDLE event) {
    watch.state.store(WatchState::Wanted);
    (void)NtSetEvent(event, nullptr);
    const u64 deadline = monotonic_ns() + kAnswerTimeoutNs;
    while (watch.state.load() == WatchState::Wanted &&
           wait(word_of(watch.state), static_cast<u32>(WatchState::Wanted), deadline) !=
               WaitResult::TimedOut) {
    }
    if (watch.state.load() == WatchState::Watching)
        return true;
    watch.state.store(WatchState::Unwanted);
    (void)NtSetEvent(event, nullptr);
    return false;
}

// The record is free once the system has let go of the memory.
void end(DriveWatch& watch, LiveWatch* live) {
    if (live && live->folder) {
        (void)NtClose(live->folder); // ends the request
        live->folder = nullptr;
    }
    if (!live || !live->is_asked || __atomic_load_n(&live->io.Status, __ATOMIC_ACQUIRE) != STATUS_PENDING)
        watch.state.store(WatchState::Free);
}

using Change = FILE_NOTIFY_INFORMATION;

const Change* next_of(const Change& change) {
    return change.NextEntryOffset ? reinterpret_cast<const Change*>(reinterpret_cast<const u8*>(&change) +
                                                                    change.NextEntryOffset)
                                  : nullptr;
}

usize length_of(const Change& change) {
    return change.FileNameLength / sizeof(WCHAR);
}

bool is_directory(HANDLE folder, const Change& change) {
    if (length_of(change) > kMaxNameBytes)
        return false;
    HostName name(change.FileName, length_of(change));
    Object object;
    return nt::open_object(folder, name, FILE_READ_ATTRIBUTES, FILE_OPEN, FILE_DIRECTORY_FILE,
                           object.receive()) >= 0;
}

// What inotify(7) calls a change; 0 for one that it does not know.
u32 event_of(LiveWatch& live, const Change& change) {
    static u32 last_cookie;        // of the one thread that reads
    const Change* found = &change; // where it is now
    u32 event = 0;
    switch (change.Action) {
    case FILE_ACTION_ADDED:
        event = abi::IN_CREATE;
        break;
    case FILE_ACTION_REMOVED:
        return abi::IN_DELETE; // of a file or of a directory, it does not say
    case FILE_ACTION_MODIFIED:
        event = abi::IN_MODIFY;
        break;
    case FILE_ACTION_RENAMED_OLD_NAME:
        event = abi::IN_MOVED_FROM;
        live.cookie = ++last_cookie;
        found = next_of(change); // its new name follows if that is in this directory
        break;
    case FILE_ACTION_RENAMED_NEW_NAME:
        event = abi::IN_MOVED_TO;
        break;
    default:
        return 0;
    }
    if (!found || !is_directory(live.folder, *found))
        return event;
    return event == abi::IN_MODIFY ? 0
                                   : event | abi::IN_ISDIR; // of a directory: that a name in it has changed
}

void pass_on(LiveWatch& live, void (*visit)(void*, const WatchEvent&), void* context) {
    if (live.io.Information == 0) { // more than the buffer holds
        visit(context, {-1, abi::IN_Q_OVERFLOW, 0, {}});
        return;
    }
    for (auto* change = reinterpret_cast<const Change*>(live.buffer); change; change = next_of(*change)) {
        char name[kMaxNameBytes];
        const isize bytes = plain_name(change->FileName, length_of(*change), name);
        const u32 event = bytes > 0 ? event_of(live, *change) : 0;
        const u32 cookie = event & (abi::IN_MOVED_FROM | abi::IN_MOVED_TO) ? live.cookie : 0;
        if (event)
            visit(context, {live.number, event, cookie, {name, static_cast<usize>(bytes)}});
    }
}

} // namespace

WatchedEvents watched_events() {
    return {0, abi::IN_CREATE | abi::IN_DELETE | abi::IN_MODIFY | abi::IN_MOVED_FROM | abi::IN_MOVED_TO};
}

Result<Handle> create_watcher() {
    HANDLE event;
    TRY(void_result(NtCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, 1 /* wakes one */, FALSE)));
    return adopt(event, {HandleKind::Watcher, false, 0, 0, g_process.index});
}

Result<i32> watch(Handle watcher, Handle directory, u32) {
    const HandleEntry* entry = entry_of(directory);
    HANDLE event = object_of(watcher), object = object_of(directory);
    if (!entry || !event || !object)
        return Errno::EBADF;
    const u64 reader = entry_of(watcher)->extra;
    const bool is_read_here = reader == g_process.index;
    if (entry->kind != HandleKind::Directory || (!is_read_here && reader != 0))
        return Errno::EOPNOTSUPP;
    if (const u32 index = find_watch(*entry); index < kMaxDriveWatches)
        return number_of(index, files().watches[index]);
    // One of its own, whose requests do not wait.
    HostName itself(std::string_view(), HostName::Plain{});
    NamedFile place(object, itself);
    IO_STATUS_BLOCK io{};
    Object folder;
    const NTSTATUS status =
        NtCreateFile(folder.receive(), SYNCHRONIZE | FILE_LIST_DIRECTORY, &place.attributes, &io, nullptr, 0,
                     kShareAll, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_OPEN_FOR_BACKUP_INTENT, nullptr, 0);
    if (status < 0)
        return drive::error_of(status);
    const u32 index =
        TRY(take_watch(*entry, folder.get(), is_read_here ? this_process() : g_process.instance));
    DriveWatch& watch = files().watches[index];
    if (is_read_here) { // maybe by the same thread
        const bool is_begun = begin(index, watch, event);
        watch.state.store(is_begun ? WatchState::Watching : WatchState::Free);
        return is_begun ? Result<i32>(number_of(index, watch)) : Result<i32>(Errno::EOPNOTSUPP);
    }
    return ask_reader(watch, event) ? Result<i32>(number_of(index, watch)) : Result<i32>(Errno::EOPNOTSUPP);
}

void unwatch(Handle watcher, i32 number) {
    const u32 index = static_cast<u32>(number) % kMaxDriveWatches;
    DriveWatch& watch = files().watches[index];
    HANDLE event = object_of(watcher);
    if (!event || number_of(index, watch) != number)
        return;
    watch.state.store(WatchState::Unwanted);
    (void)NtSetEvent(event, nullptr);
}

Result<void> read_watcher(Handle watcher, void (*visit)(void* context, const WatchEvent& event),
                          void* context) {
    HANDLE event = object_of(watcher);
    if (!event)
        return Errno::EBADF;
    // A request may take back the event's signal: only a round that has made none may wait for it.
    for (bool has_news = false, may_wait = false; !has_news;) {
        if (may_wait)
            (void)NtWaitForSingleObject(event, FALSE, nullptr);
        may_wait = true;
        for (u32 i = 0; i < kMaxDriveWatches; ++i) {
            DriveWatch& watch = files().watches[i];
            LiveWatch* live = g_live[i];
            const WatchState state = watch.state.load();
            if (state == WatchState::Wanted) {
                answer(watch, begin(i, watch, event) ? WatchState::Watching : WatchState::Failed);
                may_wait = false;
            } else if (state == WatchState::Unwanted) {
                end(watch, live);
            } else if (state == WatchState::Watching && live->is_asked &&
                       __atomic_load_n(&live->io.Status, __ATOMIC_ACQUIRE) != STATUS_PENDING) {
                live->is_asked = false;
                has_news = true;
                if (live->io.Status < 0) // it is being removed, or its drive is
                    visit(context, {live->number, abi::IN_DELETE_SELF, 0, {}});
                else
                    pass_on(*live, visit, context);
                if (live->io.Status < 0 || !ask(*live, event)) {
                    (void)NtClose(live->folder);
                    live->folder = nullptr;
                }
            }
        }
    }
    return {};
}

namespace nt {

void forget_watches_of(u32 process_index) {
    for (DriveWatch& watch : files().watches)
        if (watch.state.load() == WatchState::Taken && watch.taker == process_index)
            watch.state.store(WatchState::Free);
}

} // namespace nt

} // namespace host
