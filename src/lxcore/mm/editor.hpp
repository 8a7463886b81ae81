// What the operations on an address space share: the lock, splitting, taking out and merging Vmas, limits.
#pragma once

#include "engine/engine.hpp"
#include "lxcore/mm/vma_tree.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

inline constexpr u32 kMaxMapCount = 65530; // vm.max_map_count

// Holds Mm::lock. Vmas that it takes out are deleted after the lock is given up again, because their files' ends
// may take other locks.
class MmEditor {
public:
    explicit MmEditor(Mm& mm) : m_mm(mm) { mm.lock.lock(); }
    LXSS_NO_COPY(MmEditor);
    ~MmEditor();

    Vma* find(u64 address) const { return VmaTree::find(m_mm, address); }
    Vma* next(const Vma& vma) const { return VmaTree::next(m_mm, vma); }
    // Whether anything, hidden ranges included, lies in [start, end).
    bool overlaps(u64 start, u64 end) const;
    bool overlaps_reserved(u64 start, u64 end) const;
    // Whether [start, end) is mapped without a hole, as the guest sees it.
    bool is_whole(u64 start, u64 end) const;
    u64 visible_bytes(u64 start, u64 end) const;

    // Makes `address` a boundary. ENOMEM.
    Result<void> split_at(u64 address);
    // Takes out what lies in [start, end), reserved ranges excepted; `unmap_host` undoes the host's mappings too.
    Result<void> remove_range(u64 start, u64 end, bool unmap_host);
    // Puts a new Vma in (its range is free) and counts it.
    void insert(Vma& vma);
    // Joins `vma` with equal neighbours; the joined Vma.
    Vma& merge(Vma& vma);
    void resized(Vma& vma) { VmaTree::resized(m_mm, vma); }
    void account(i64 bytes, bool locked);
    // The host's side of a mapping described by `vma` (start, end, protection, flags, file, offset); sets what the
    // mapping decides (text, kind). Replaces what the host has there. `vma` need not be in the tree.
    Result<void> map_on_host(Vma& vma);
    // Has the host map [start, end) of a mapping again as it was mapped at first.
    Result<void> map_anew(const Vma& vma, u64 start, u64 end);
    // Maps the engine's copy in place of the file at `vma`, which spans all of the text. False when its trampolines
    // have no room; then nothing has changed.
    bool map_text(Vma& vma, const engine::Text& text);
    // Puts the file's own bytes back over the whole of the text that `vma` belongs to. Other threads may be in it: its
    // trampolines stay.
    void restore_text(Vma& vma);

    // RLIMIT_AS, RLIMIT_DATA and the number of mappings, for `bytes` more. ENOMEM.
    Result<void> check_limits(u64 bytes, bool is_data, u32 more_mappings) const;
    // RLIMIT_MEMLOCK for `bytes` more.
    bool may_lock(u64 bytes) const;

private:
    void take_out(Vma& vma);
    void remove_orphan_slack(u64 start);
    // Restores texts of which [start, end) is only a part, or only the trampolines.
    void restore_cut_texts(u64 start, u64 end);
    Vma* claim_slack(u64 address, u64 text_start);
    Mm& m_mm;
};

// Private writable memory that is not a stack is what RLIMIT_DATA counts.
inline bool is_data_mapping(u32 protection, u32 flags, VmaKind kind) {
    return (protection & abi::PROT_WRITE) && !(flags & abi::MAP_SHARED) && kind != VmaKind::Stack &&
           !(flags & abi::MAP_GROWSDOWN);
}

// The soft limit `which` (abi::RLIMIT_*) of the current process; no limit for kernel threads.
u64 current_limit(u32 which);

// What the engine knows a file's text by.
engine::TextIdentity text_identity(const Inode& inode);

} // namespace lxcore
