// The files' part of the host section (internal.hpp: kFilesArea).
#pragma once

#include "base/side_store.hpp"
#include "host/nt/handles.hpp"

namespace host::nt {

using base::kSideStoreRecordBytes;
using base::SideStore;
using base::SideStoreFile;
using base::SideStoreIndex;

// A name that could not go at once because the file is open somewhere: it lies in the hidden folder under `number`, and goes
// with the last handle.
struct AsideName {
    std::atomic<u64> file; // 0: free
    u64 number;
    bool is_directory;
};
inline constexpr u32 kMaxAsideNames = 1024;

// An exchange of names in several steps that is under way; see journal.cpp.
struct RenameSlot {
    std::atomic<u32> owner; // index of the process + 1; 0: free
    u32 unused;
    u64 number; // of its journal
};
inline constexpr u32 kMaxRenames = 64;

// A directory of a drive that is watched; see drive_watches.cpp.
enum class WatchState : u32 { Free, Taken, Wanted, Watching, Failed, Unwanted };
struct DriveWatch {
    std::atomic<WatchState> state; // who has asked for it waits on it
    u32 uses;                      // how often the record was taken
    u32 taker;                     // Taken: index of the process
    u64 folder;                    // a Windows handle of the instance host's
    u64 file, device;
};
inline constexpr u32 kMaxDriveWatches = 256;

struct FilesState {
    Handle root, guest_tools, hidden; // hidden: the folder kHiddenFolder in the root
    Handle store;                     // the side store's log
    u64 store_tree;                   // what it belongs to
    bool has_extended_attributes;     // the tree's metadata are extended attributes of its files, and not in the side store
    bool escapes_case;                // names of the tree escape upper case, because the host does not tell it apart
    bool has_posix_removal;           // the host removes and replaces open files by itself
    bool handles_follow_renames;      // tree_paths.hpp
    std::atomic<u64> next_number;     // of names in the hidden folder
    std::atomic<u32> aside_count;
    SharedLock names_lock;            // asides, and removal of files that are open
    SharedLock store_lock;            // changes of the side store
    AsideName asides[kMaxAsideNames];
    RenameSlot renames[kMaxRenames];
    DriveWatch watches[kMaxDriveWatches];
    HandleTable handles;
};

// Behind FilesState: 8 MiB for the side store's index. (The parts in between: streams.hpp, poll_sets.hpp.)
inline constexpr u64 kStoreIndexAddress = kFilesArea + (u64{7} << 20);
inline constexpr u64 kStoreSlots = u64{1} << 19;
static_assert(sizeof(FilesState) <= u64{2} << 20);
static_assert(kStoreIndexAddress + SideStoreIndex::bytes(kStoreSlots) <= kFilesArea + kFilesAreaBytes);

inline FilesState& files() { return *reinterpret_cast<FilesState*>(kFilesArea); }
inline SideStoreIndex& store_index() { return *reinterpret_cast<SideStoreIndex*>(kStoreIndexAddress); }

// Calls visit(handle, entry) for all handles in use until it returns false; what others do meanwhile may be missed.
template <typename Visit>
void for_each_handle(Visit&& visit) {
    HandleTable& table = files().handles;
    for (u32 i = 0; i < kMaxHandles; ++i) {
        HandleEntry& entry = table.entries[i];
        if (is_in_use(entry.word.load(std::memory_order_acquire)) && !visit(static_cast<Handle>(i), entry))
            return;
    }
}

// ---- what start-up calls ---------------------------------------------------------------------------------------

// In the instance host, once the host section is mapped and the first thread has its slot: `root` and `guest_tools` are folders,
// opened for listing. Fails with a message when the tree cannot be used.
void prepare_files(HANDLE root, HANDLE guest_tools);
// In its place for `lxkernel --check`: nothing but handles, so that nothing is written unless `may_write`, and FilesState::hidden
// kNoHandle when the tree was not laid out by this host. tree_check.hpp does the rest.
void prepare_files_for_check(HANDLE root, bool may_write);
// In the instance host, when a pico process has died: finishes the renames that it left half done.
void finish_renames_of(u32 process_index);
// Likewise: gives back the records of watches that it had only just taken.
void forget_watches_of(u32 process_index);
// At the instance's end: removes what only open handles kept.
void end_files();

} // namespace host::nt
