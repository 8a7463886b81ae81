// A store of permission bits and extended attributes by file id, for hosts whose files can hold neither.
//
// The log (docs/decisions/metadata-side-store.md): a header of 64 bytes, then records at multiples of 8. A
// record holds all that is known of one file; the last one of a file counts. Nothing in the log is ever
// changed but by cutting its tail, so that what was there before a crash is there after it. A record whose
// checksum is wrong ends the log: what follows was never reported as done. The index maps a file's id to its
// last record; it lies in memory that all processes of the instance map.
//
// Whoever changes something holds the host's lock around the call; readers need none.
#pragma once

#include <atomic>
#include <string_view>

#include "base/result.hpp"
#include "base/types.hpp"

namespace base {

// The longest record: all attributes of a file together may have about 64 KiB, as on most Linux file systems.
inline constexpr usize kSideStoreRecordBytes = 68 * 1024;

// What the host gives. Offsets and lengths in bytes.
class SideStoreFile {
public:
    virtual Result<usize> read(u64 offset, void* buffer, usize length) = 0; // short at the end only
    virtual Result<void> write(u64 offset, const void* data, usize length) = 0;
    virtual Result<void> truncate(u64 length) = 0;
    virtual Result<void> flush() = 0;
    // kSideStoreRecordBytes of memory of the calling thread's own until given back; null when there is none.
    virtual u8* take_buffer() = 0;
    virtual void give_back(u8* buffer) = 0;

protected:
    ~SideStoreFile() = default;
};

struct SideStoreSlot {
    std::atomic<u64> file;  // 0: never used
    std::atomic<u64> value; // 0: nothing is known of the file
};

// In shared memory, zeroed at first. Any process may be killed at any store to it.
struct SideStoreIndex {
    u64 capacity;                // slots, a power of two
    std::atomic<u64> end;        // of the log
    std::atomic<u64> dead_bytes; // of records that no longer count
    std::atomic<u64> used;       // slots that have a file
    SideStoreSlot slots[];
    static constexpr usize bytes(u64 capacity) {
        return sizeof(SideStoreIndex) + capacity * sizeof(SideStoreSlot);
    }
};

class SideStore {
public:
    SideStore(SideStoreFile& file, SideStoreIndex& index) : m_file(file), m_index(index) {}

    // Once per instance, before anything else: reads the log of `length` bytes into the empty index (whose
    // capacity is set), and cuts a torn tail off. An empty file becomes a store with `flags`. `flags` are
    // those of the store on return, also with ESTALE. `tree` says what the store belongs to, 0 for nothing in particular. EIO: this
    // is no store, or one of a later version; it is left as it is. ESTALE: it belongs to something else. ENOSPC: the
    // index is too small.
    Result<void> open(u64 length, u32& flags, u64 tree = 0);
    // Writes a new log with what counts into `to`, an empty file that then takes this one's place (the index
    // follows).
    Result<void> compact(SideStoreFile& to, u32 flags, u64 tree = 0);
    // What open() takes for `tree` where the host numbers its files: a copy of a tree has other numbers than the store that was copied
    // with it. `folder` and `log` are the numbers of the tree's root and of the store itself.
    static constexpr u64 tree_of(u64 folder, u64 log) {
        const u64 value = folder * 0x9e37'79b9'7f4a'7c15 ^ log; // of one folder, different for each file
        return value ? value : ~u64{0};
    }
    // What the header says that the store belongs to, 0 for nothing; and to say so from now on.
    static Result<u64> recorded_tree(SideStoreFile& file);
    static Result<void> record_tree(SideStoreFile& file, u64 tree);
    bool is_worth_compacting() const;

    // -1 when none are recorded.
    i32 permissions(u64 file) const;
    Result<void> set_permissions(u64 file, i32 permissions);

    // As getxattr(2), setxattr(2), listxattr(2), removexattr(2): ENODATA, ERANGE, EEXIST; ENOSPC, EIO.
    Result<usize> get(u64 file, std::string_view name, void* value, usize capacity);
    Result<void> set(u64 file, std::string_view name, const void* value, usize length, i32 flags);
    Result<usize> list(u64 file, char* names, usize capacity);
    Result<void> remove(u64 file, std::string_view name);
    bool has_attributes(u64 file) const;

    // Calls visit(id) -> Result<void> for each file of which something is recorded.
    template <typename Visit>
    Result<void> for_each_file(Visit&& visit) const {
        for (u64 i = 0; i < m_index.capacity; ++i)
            if (m_index.slots[i].value.load(std::memory_order_relaxed) != 0)
                TRY(visit(m_index.slots[i].file.load(std::memory_order_relaxed)));
        return {};
    }

    // What is recorded of `file` is that of `to_file` in the store `to` from now on. EIO, ENOSPC, ENOMEM.
    Result<void> copy(u64 file, SideStore& to, u64 to_file) const;

    // The file is gone, or its id stands for a new one.
    Result<void> forget(u64 file);

    Result<void> flush() { return m_file.flush(); }

private:
    SideStoreSlot* find(u64 file) const;
    u64 value_of(u64 file) const;
    Result<SideStoreSlot*> find_or_add(u64 file);
    Result<u8*> load(u64 file, u64 value, u8* small, usize small_bytes, u8*& large) const;
    Result<void> replace(u64 file, u8* record, usize bytes);
    void note(SideStoreSlot& slot, const u8* record, u64 offset);

    SideStoreFile& m_file;
    SideStoreIndex& m_index;
};

} // namespace base
