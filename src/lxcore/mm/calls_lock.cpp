// mlock(2) and its kin. Locking is recorded, counted against RLIMIT_MEMLOCK and passed to the host, which may be
// able to lock less: that is no error, since nothing that a program computes depends on it.
#include "abi/prctl.hpp"
#include "lxcore/mm/calls.hpp"
#include "lxcore/mm/editor.hpp"

namespace lxcore {

namespace {

struct Range {
    u64 start, length;
};

// The pages that [address, address + length) touches. EINVAL when it wraps around.
Result<Range> page_range(u64 address, u64 length) {
    const u64 start = base::page_floor(address);
    const u64 rounded = base::page_ceil(length + (address - start));
    if (length > ~u64{0} - base::kPageSize * 2 || start + rounded < start)
        return Errno::EINVAL;
    if (rounded && !base::is_guest_range(start, rounded))
        return Errno::ENOMEM;
    return Range{start, rounded};
}

bool is_capable() { return current().credentials->has_capability(abi::CAP_IPC_LOCK); }

Result<void> lock_range(u64 address, u64 length, bool on_fault) {
    if (current_limit(abi::RLIMIT_MEMLOCK) == 0 && !is_capable())
        return Errno::EPERM;
    const Range range = TRY(page_range(address, length));
    if (range.length == 0)
        return {};
    Mm& mm = *current().mm;
    {
        MmEditor editor(mm);
        u64 more = 0;
        for (const Vma* vma = editor.find(range.start); vma && vma->start < range.start + range.length;
             vma = editor.next(*vma))
            if (vma->hidden == Hidden::No && !(vma->flags & abi::MAP_LOCKED))
                more += base::min(vma->end, range.start + range.length) - base::max(vma->start, range.start);
        if (!editor.may_lock(more))
            return Errno::ENOMEM;
    }
    const auto marked = mm.change_marks(range.start, range.length, 0, 0, true, false);
    if (!on_fault)
        (void)host::lock_memory(range.start, range.length, true);
    return marked;
}

} // namespace

Result<void> sys_mlock(u64 address, u64 length) { return lock_range(address, length, false); }

Result<void> sys_mlock2(u64 address, u64 length, u32 flags) {
    if (flags & ~abi::MLOCK_ONFAULT)
        return Errno::EINVAL;
    return lock_range(address, length, flags & abi::MLOCK_ONFAULT);
}

Result<void> sys_munlock(u64 address, u64 length) {
    const Range range = TRY(page_range(address, length));
    if (range.length == 0)
        return {};
    const auto marked = current().mm->change_marks(range.start, range.length, 0, 0, false, true);
    (void)host::lock_memory(range.start, range.length, false);
    return marked;
}

Result<void> sys_mlockall(u32 flags) {
    if (!flags || (flags & ~(abi::MCL_CURRENT | abi::MCL_FUTURE | abi::MCL_ONFAULT)) || flags == abi::MCL_ONFAULT)
        return Errno::EINVAL;
    const u64 limit = current_limit(abi::RLIMIT_MEMLOCK);
    if (limit == 0 && !is_capable())
        return Errno::EPERM;
    Mm& mm = *current().mm;
    MmEditor editor(mm);
    if ((flags & abi::MCL_CURRENT) && !is_capable() && mm.total_bytes > limit)
        return Errno::ENOMEM;
    mm.lock_future = flags & abi::MCL_FUTURE ? flags & (abi::MCL_FUTURE | abi::MCL_ONFAULT) : 0;
    if (flags & abi::MCL_CURRENT) {
        for (Vma* vma = VmaTree::first(mm); vma; vma = editor.next(*vma)) {
            if (vma->hidden != Hidden::No)
                continue;
            vma->flags |= abi::MAP_LOCKED;
            if (!(flags & abi::MCL_ONFAULT) && vma->kind != VmaKind::Stack)
                (void)host::lock_memory(vma->start, vma->length(), true);
        }
        mm.locked_bytes = mm.total_bytes;
    }
    return {};
}

Result<void> sys_munlockall() {
    Mm& mm = *current().mm;
    MmEditor editor(mm);
    mm.lock_future = 0;
    for (Vma* vma = VmaTree::first(mm); vma; vma = editor.next(*vma)) {
        if (!(vma->flags & abi::MAP_LOCKED))
            continue;
        vma->flags &= ~abi::MAP_LOCKED;
        (void)host::lock_memory(vma->start, vma->length(), false);
    }
    mm.locked_bytes = 0;
    return {};
}

} // namespace lxcore
