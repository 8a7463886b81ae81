// Handles that are valid in every pico process.
//
// A Handle is an index into a table in the host section. Its Windows handle is the instance host's, so that a pico process that
// dies leaves nothing dangling; each process duplicates it on first use and keeps the duplicate in a table of its own.
// Closing a Handle closes the duplicates of all processes: lxcore closes one only when nobody uses it any more.
#pragma once

#include <atomic>

#include "host/nt/internal.hpp"

namespace host::nt {

inline constexpr u32 kMaxHandles = 8192;

enum class HandleKind : u8 { None, File, Directory, Stream, Socket, PollSet, Watcher };

struct HandleEntry {
    // 4 * generation + state: 0 free, 2 being filled in or closed, 3 in use, 1 in use while it gets another Windows handle. A
    // duplicate belongs to the one value that it was made under.
    std::atomic<u32> word;
    HandleKind kind;
    bool is_writable;
    bool has_write_access; // the Windows handle; reopen() needs no more then
    bool is_on_drive;      // File, Directory: of a drive, not of the instance's tree
    u64 original;  // the Windows handle in the instance host
    u64 file;      // File, Directory: the host's id of the file
    u64 device;    // File, Directory: its volume
    std::atomic<u64> position; // Directory: entries that were read
    u64 extra;     // Stream: index of the relay + 1, 0 for a disk file; Socket, PollSet: see there
    u64 unused2[2];
};
static_assert(sizeof(HandleEntry) == 64);
inline bool is_in_use(u32 word) { return word & 1; }

struct HandleTable {
    std::atomic<u32> next; // where a free entry is looked for first
    std::atomic<u32> in_use;
    HandleEntry entries[kMaxHandles];
    // Processes that may have a duplicate, by their index in Shared::processes.
    std::atomic<u32> users[kMaxHandles][kMaxProcesses / 32];
};

// The entry of a handle in use, or null.
HandleEntry* entry_of(Handle handle);

// Takes over a Windows handle of the calling process, closing it on failure. EMFILE.
struct NewHandle {
    HandleKind kind;
    bool is_writable = false;
    u64 file = 0, device = 0, extra = 0;
    bool has_write_access = false;
    bool is_on_drive = false;
};
Result<Handle> adopt(HANDLE object, const NewHandle& what);

// The calling process's Windows handle, or null. Preserves vector registers (Windows is called next).
HANDLE object_of(Handle handle);

// Gives a handle in use another Windows handle of the same file, which it takes over. Whoever uses the old one in this moment may see
// EBADF.
void replace_object(Handle handle, HANDLE object);

// By the kicker thread: closes this process's duplicates of handles that others have closed.
void close_as_asked();

} // namespace host::nt
