// mremap(2).
#include "lxcore/mm/editor.hpp"

namespace lxcore {

namespace {

// The part [start, start + length) of `vma` as a record of its own at `address`, not in the tree.
Result<Vma*> copy_part(const Vma& vma, u64 start, u64 address, u64 length) {
    Vma* copy = TRY(copy_vma(vma));
    copy->start = address;
    copy->end = address + length;
    if (copy->file || copy->shared_object)
        copy->offset = vma.offset + (start - vma.start);
    copy->text = nullptr;
    // A stack or heap that has moved is ordinary memory.
    if (!copy->file) {
        copy->kind = VmaKind::Anonymous;
        copy->label = nullptr;
    }
    return copy;
}

// What has moved away is forgotten, or (MREMAP_DONTUNMAP) left as an empty mapping. A full arena can make this fail after
// the pages have gone: then, too, the old record stays, and gets empty memory.
void leave_old_range(MmEditor& editor, Vma& old, u64 address, u64 length, bool keeps_old) {
    if (keeps_old) {
        auto left = copy_part(old, address, address, length);
        if (left.is_ok() && editor.remove_range(address, address + length, false).is_ok()) {
            (void)editor.map_on_host(*left.value());
            editor.insert(*left.value());
            editor.merge(*left.value());
            return;
        }
        if (left.is_ok())
            delete left.value();
    } else if (editor.remove_range(address, address + length, false).is_ok()) {
        return;
    }
    (void)editor.map_on_host(old);
}

// Maps the tail that a mapping gets when it grows where it is.
Result<void> extend_in_place(MmEditor& editor, Vma& vma, u64 growth) {
    Vma* tail = TRY(copy_vma(vma));
    tail->start = vma.end;
    tail->end = vma.end + growth;
    tail->text = nullptr;
    if (tail->file || tail->shared_object)
        tail->offset = vma.offset + vma.length();
    if (const auto mapped = editor.map_on_host(*tail); mapped.is_error()) {
        delete tail;
        return mapped.error();
    }
    editor.insert(*tail);
    if (tail->flags & abi::MAP_LOCKED)
        (void)host::lock_memory(tail->start, growth, true);
    editor.merge(*tail);
    return {};
}

} // namespace

Result<u64> Mm::remap(u64 old_address, u64 old_length, u64 new_length, u32 flags, u64 new_address) {
    const bool may_move = flags & abi::MREMAP_MAYMOVE, is_fixed = flags & abi::MREMAP_FIXED;
    const bool keeps_old = flags & abi::MREMAP_DONTUNMAP;
    if ((flags & ~(abi::MREMAP_MAYMOVE | abi::MREMAP_FIXED | abi::MREMAP_DONTUNMAP)) ||
        ((is_fixed || keeps_old) && !may_move) || (keeps_old && old_length != new_length) ||
        (old_address & (base::kPageSize - 1)))
        return Errno::EINVAL;
    if (new_length == 0 || new_length > base::kGuestEnd || old_length > base::kGuestEnd)
        return Errno::EINVAL;
    old_length = base::page_ceil(old_length);
    new_length = base::page_ceil(new_length);
    if (old_address > base::kGuestEnd - old_length)
        return Errno::EFAULT;
    if (is_fixed) {
        if ((new_address & (base::kPageSize - 1)) || new_address > base::kGuestEnd - new_length)
            return Errno::EINVAL;
        if (new_address < old_address + old_length && old_address < new_address + new_length)
            return Errno::EINVAL;
        if (new_address < base::kGuestLowest)
            return Errno::EPERM;
    }

    MmEditor editor(*this);
    Vma* vma = editor.find(old_address);
    if (!vma || vma->start > old_address || vma->hidden != Hidden::No)
        return Errno::EFAULT;
    // Length zero makes a second view of shared memory.
    const bool duplicates = old_length == 0;
    if (duplicates && (!(vma->flags & abi::MAP_SHARED) || !may_move))
        return Errno::EINVAL;
    const u64 old_end = old_address + old_length;
    if (!is_fixed && !keeps_old && !duplicates) {
        if (new_length == old_length)
            return old_address;
        if (new_length < old_length) {
            TRY(editor.remove_range(old_address + new_length, old_end, true));
            return old_address;
        }
    }
    if (old_end > vma->end)
        return Errno::EFAULT;
    if (keeps_old && vma->kind == VmaKind::Special)
        return Errno::EINVAL;

    const u64 growth = keeps_old || duplicates ? new_length : new_length - base::min(old_length, new_length);
    const bool is_data = is_data_mapping(vma->protection, vma->flags, vma->kind);
    if ((vma->flags & abi::MAP_LOCKED) && growth && !editor.may_lock(growth))
        return Errno::EAGAIN;
    TRY(editor.check_limits(growth, is_data, 1));

    if (!is_fixed && !keeps_old && !duplicates && old_end == vma->end && old_end + growth <= base::kGuestEnd &&
        !editor.overlaps(old_end, old_end + growth)) {
        TRY(extend_in_place(editor, *vma, growth));
        return old_address;
    }
    if (!may_move)
        return Errno::ENOMEM;
    const bool takes_units = base::kMappingUnit > base::kPageSize && (vma->flags & abi::MAP_SHARED);

    if (is_fixed) {
        if (editor.overlaps_reserved(new_address, new_address + new_length))
            return Errno::ENOMEM;
        TRY(editor.remove_range(new_address, new_address + new_length, true));
        // A larger source than the target loses its tail first: mremap(2) moves new_length bytes.
        if (new_length < old_length) {
            TRY(editor.remove_range(old_address + new_length, old_end, true));
            old_length = new_length;
        }
        vma = editor.find(old_address);
    } else {
        u64 target = 0;
        if (keeps_old && new_address && !(new_address & (base::kPageSize - 1)) &&
            new_address >= base::kGuestLowest && new_address <= base::kGuestEnd - new_length &&
            !editor.overlaps(new_address, new_address + new_length))
            target = new_address;
        // So does that of a shared mapping within a unit, where the host maps those in units.
        if (takes_units) {
            constexpr u64 kUnit = base::kMappingUnit;
            target = VmaTree::highest_gap(*this, new_length + 2 * kUnit, base::kGuestLowest, mmap_top);
            if (target)
                target = base::align_up(target, kUnit) + old_address % kUnit;
        }
        // The address keeps its place within a huge page, so that the host can move whole page tables.
        constexpr u64 kHuge = 2 << 20;
        if (!target && new_length >= kHuge) {
            target = VmaTree::highest_gap(*this, new_length + kHuge, base::kGuestLowest, mmap_top);
            if (target)
                target += (old_address - target) & (kHuge - 1);
        }
        if (!target)
            target = VmaTree::highest_gap(*this, new_length, base::kGuestLowest, mmap_top);
        if (!target)
            target = VmaTree::highest_gap(*this, new_length, base::kGuestLowest, base::kGuestEnd);
        if (!target)
            return Errno::ENOMEM;
        new_address = target;
    }

    if (vma->text)
        editor.restore_text(*vma); // its trampolines cannot come along
    Vma* moved = TRY(copy_part(*vma, old_address, new_address, new_length));
    struct Owner {
        Vma* vma;
        ~Owner() { delete vma; }
    } owner{moved};
    if (moved->file && (duplicates || takes_units)) {
        TRY(editor.map_on_host(*moved));
        if (!duplicates) {
            (void)host::unmap(old_address, old_length);
            leave_old_range(editor, *vma, old_address, old_length, keeps_old);
        }
    } else {
        // A file's tail is mapped as such: what follows its pages on the host may not be the file.
        Vma* tail = nullptr;
        Owner tail_owner{nullptr};
        if (moved->file && new_length > old_length) {
            tail = tail_owner.vma = TRY(copy_part(*moved, new_address + old_length, new_address + old_length,
                                                  new_length - old_length));
            moved->end = new_address + old_length;
            TRY(editor.map_on_host(*tail));
        }
        if (const auto done = host::move_mapping(old_address, old_length, new_address, moved->length());
            done.is_error()) {
            if (tail)
                (void)host::unmap(tail->start, tail->length());
            return done.error();
        }
        if (tail) {
            editor.insert(*std::exchange(tail_owner.vma, nullptr));
            if (tail->flags & abi::MAP_LOCKED)
                (void)host::lock_memory(tail->start, tail->length(), true);
        }
        if (!duplicates)
            leave_old_range(editor, *vma, old_address, old_length, keeps_old);
    }
    owner.vma = nullptr;
    editor.insert(*moved);
    if (moved->flags & abi::MAP_LOCKED)
        (void)host::lock_memory(new_address, moved->length(), true);
    editor.merge(*moved);
    return new_address;
}

} // namespace lxcore
