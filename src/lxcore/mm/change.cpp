// munmap(2), mprotect(2), brk(2), and marks that madvise(2) and mlock(2) leave.
#include "abi/prctl.hpp"
#include "lxcore/mm/editor.hpp"

namespace lxcore {

Result<void> Mm::unmap(u64 address, u64 length) {
    if (address & (base::kPageSize - 1))
        return Errno::EINVAL;
    if (length == 0 || length > base::kGuestEnd || address > base::kGuestEnd - base::page_ceil(length))
        return Errno::EINVAL;
    length = base::page_ceil(length);
    MmEditor editor(*this);
    return editor.remove_range(address, address + length, true);
}

Result<void> Mm::protect(u64 address, u64 length, u32 protection, u32 grow_flags) {
    if (address & (base::kPageSize - 1))
        return Errno::EINVAL;
    if (length == 0)
        return {};
    if (length > base::kGuestEnd || address > base::kGuestEnd - base::page_ceil(length))
        return Errno::ENOMEM;
    const u64 end = address + base::page_ceil(length);
    const bool implies_exec =
        (protection & abi::PROT_READ) && (current().personality & abi::READ_IMPLIES_EXEC);
    MmEditor editor(*this);
    if (grow_flags & abi::PROT_GROWSDOWN) {
        const Vma* vma = editor.find(address);
        if (!vma || vma->start >= end || vma->hidden != Hidden::No)
            return Errno::ENOMEM;
        if (!(vma->flags & abi::MAP_GROWSDOWN))
            return Errno::EINVAL;
        address = base::min(address, vma->start);
    } else if (grow_flags & abi::PROT_GROWSUP) {
        return Errno::EINVAL; // nothing grows upwards on this processor
    }
    // What lies before a hole, or before a mapping that does not allow it, is changed all the same.
    u64 changed_end = address, new_data = 0;
    Errno outcome = Errno::ENOMEM;
    for (const Vma* vma = editor.find(address); vma && vma->start <= changed_end && vma->hidden == Hidden::No;
         vma = editor.next(*vma)) {
        if (protection & ~vma->max_protection) {
            outcome = Errno::EACCES;
            break;
        }
        if (!is_data_mapping(vma->protection, vma->flags, vma->kind) &&
            is_data_mapping(protection, vma->flags, vma->kind))
            new_data += base::min(vma->end, end) - base::max(vma->start, address);
        changed_end = base::min(vma->end, end);
        if (changed_end == end) {
            outcome = Errno::OK;
            break;
        }
    }
    if (changed_end == address)
        return outcome; // nothing is mapped there
    if (new_data && current_limit(abi::RLIMIT_DATA) != abi::RLIM_INFINITY)
        TRY(editor.check_limits(new_data, true, 0));
    TRY(editor.split_at(address));
    TRY(editor.split_at(changed_end));
    for (Vma* vma = editor.find(address); vma && vma->start < changed_end;) {
        u32 wanted = protection;
        if (implies_exec && (vma->max_protection & abi::PROT_EXEC))
            wanted |= abi::PROT_EXEC;
        if (vma->protection != wanted) {
            if (wanted & abi::PROT_WRITE) {
                if (vma->text)
                    editor.restore_text(*vma);
                vma->was_writable = true;
            }
            TRY(host::protect(vma->start, vma->length(), wanted));
            vma->protection = wanted;
        }
        Vma& merged = editor.merge(*vma);
        vma = editor.next(merged);
    }
    return outcome;
}

Result<u64> Mm::set_brk(u64 address) {
    MmEditor editor(*this);
    if (address < brk_start || address > base::kGuestEnd - base::kPageSize)
        return brk;
    const u64 limit = current_limit(abi::RLIMIT_DATA);
    if (limit != abi::RLIM_INFINITY && address - brk_start + (data_end - data_start) > limit)
        return brk;
    const u64 old_end = base::page_ceil(brk), new_end = base::page_ceil(address);
    if (new_end == old_end) {
        brk = address;
        return brk;
    }
    if (new_end < old_end) {
        if (editor.remove_range(new_end, old_end, true).is_error())
            return brk;
        brk = address;
        return brk;
    }
    // One page more must be free, so that the heap never touches what follows it.
    if (editor.overlaps(old_end, new_end + base::kPageSize))
        return brk;
    const u64 length = new_end - old_end;
    const bool wants_lock = lock_future & abi::MCL_FUTURE;
    if (wants_lock && !editor.may_lock(length))
        return brk;
    u32 protection = abi::PROT_READ | abi::PROT_WRITE;
    if (current().personality & abi::READ_IMPLIES_EXEC)
        protection |= abi::PROT_EXEC;
    const u32 flags = abi::MAP_PRIVATE | (wants_lock ? abi::MAP_LOCKED : 0);
    if (editor.check_limits(length, true, 1).is_error())
        return brk;
    // The usual case extends the heap's Vma in place.
    Vma* heap = old_end > brk_start ? editor.find(old_end - 1) : nullptr;
    const bool extends = heap && heap->end == old_end && heap->kind == VmaKind::Heap &&
                         heap->protection == protection && heap->flags == flags && heap->advice == 0;
    Vma* added = nullptr;
    if (!extends) {
        auto made = make<Vma>();
        if (made.is_error())
            return brk;
        added = made.value();
        added->start = old_end;
        added->end = new_end;
        added->protection = protection;
        added->flags = flags;
        added->kind = VmaKind::Heap;
        added->label = "[heap]";
    }
    if (host::map_anonymous(old_end, length, protection).is_error()) {
        delete added;
        return brk;
    }
    if (extends) {
        heap->end = new_end;
        editor.resized(*heap);
        editor.account(static_cast<i64>(length), wants_lock);
    } else {
        editor.insert(*added);
    }
    if (wants_lock)
        (void)host::lock_memory(old_end, length, true);
    brk = address;
    return brk;
}

Result<void> Mm::change_marks(u64 address, u64 length, u32 set_advice, u32 clear_advice, bool set_lock,
                              bool clear_lock) {
    const u64 end = address + length;
    MmEditor editor(*this);
    TRY(editor.split_at(address));
    TRY(editor.split_at(end));
    const bool whole = editor.is_whole(address, end);
    for (Vma* vma = editor.find(address); vma && vma->start < end;) {
        if (vma->hidden != Hidden::No) {
            vma = editor.next(*vma);
            continue;
        }
        vma->advice = (vma->advice | set_advice) & ~clear_advice;
        const bool was_locked = vma->flags & abi::MAP_LOCKED;
        if (set_lock && !was_locked) {
            vma->flags |= abi::MAP_LOCKED;
            locked_bytes += vma->length();
        } else if (clear_lock && was_locked) {
            vma->flags &= ~abi::MAP_LOCKED;
            locked_bytes -= vma->length();
        }
        Vma& merged = editor.merge(*vma);
        vma = editor.next(merged);
    }
    return whole ? Result<void>{} : Result<void>(Errno::ENOMEM);
}

} // namespace lxcore
