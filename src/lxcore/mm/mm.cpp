// Life of an address space: creation, the copy that fork makes, its end; and what others ask of its record.
#include "lxcore/mm/mm.hpp"

#include "lxcore/fs/mount.hpp"
#include "lxcore/mm/editor.hpp"

namespace lxcore {

namespace {

constexpr usize kMaxReservedRanges = 16;
// Until exec lays out the address space: below the highest stack and its random offset.
constexpr u64 kDefaultMapTop = base::kGuestEnd - (u64{17} << 30);

Result<void> reserve(Mm& mm, u64 start, u64 end, const char* label) {
    Vma* vma = TRY(make<Vma>());
    vma->start = start;
    vma->end = end;
    vma->hidden = Hidden::Reserved;
    vma->kind = VmaKind::Special;
    vma->label = label;
    vma->flags = abi::MAP_PRIVATE;
    vma->protection = label ? abi::PROT_READ | abi::PROT_EXEC : 0;
    VmaTree::insert(mm, *vma);
    return {};
}

} // namespace

Result<RefPtr<Mm>> Mm::create() {
    RefPtr<Mm> mm = TRY(make_ref<Mm>());
    mm->mmap_top = kDefaultMapTop;
    TRY(reserve(*mm, base::kKernelBase, base::kKernelEnd, nullptr));
    host::AddressRange ranges[kMaxReservedRanges];
    const usize count = host::reserved_ranges(ranges, kMaxReservedRanges);
    const u64 vdso = host::vdso_address();
    for (usize i = 0; i < count && i < kMaxReservedRanges; ++i) {
        const u64 start = base::page_floor(ranges[i].start), end = base::page_ceil(ranges[i].end);
        const Vma* there = VmaTree::find(*mm, start);
        if (start >= end || (there && there->start < end))
            continue;
        TRY(reserve(*mm, start, end, vdso >= start && vdso < end ? "[vdso]" : nullptr));
    }
    return mm;
}

Mm::~Mm() {
    while (Vma* vma = m_vmas.pop_front())
        delete vma;
    while (Vma* vma = m_dead) {
        m_dead = vma->right;
        delete vma;
    }
    if (denies_write)
        allow_write_access(executable->inode());
}

Result<RefPtr<Mm>> Mm::clone_locked() {
    RefPtr<Mm> copy = TRY(make_ref<Mm>());
    TRY(VmaTree::copy(*this, *copy));
    for (Vma& vma : copy->m_vmas)
        vma.flags &= ~abi::MAP_LOCKED; // locks are not inherited: mlock(2)
    copy->brk_start = brk_start;
    copy->brk = brk;
    copy->mmap_top = mmap_top;
    copy->stack_top = stack_top;
    copy->stack_limit_bytes = stack_limit_bytes;
    copy->stack_low = stack_low;
    copy->stack_room = stack_room;
    copy->argument_start = argument_start;
    copy->argument_end = argument_end;
    copy->environment_start = environment_start;
    copy->environment_end = environment_end;
    copy->code_start = code_start;
    copy->code_end = code_end;
    copy->data_start = data_start;
    copy->data_end = data_end;
    copy->entry = entry;
    __builtin_memcpy(copy->auxv, auxv, sizeof(auxv));
    copy->auxv_count = auxv_count;
    copy->total_bytes = copy->peak_bytes = total_bytes;
    copy->randomize = randomize;
    copy->shows_plain_text = shows_plain_text;
    copy->executable = executable;
    if (denies_write && deny_write_access(executable->inode()).is_ok())
        copy->denies_write = true;
    return copy;
}

void after_fork_in_child(Mm& mm) {
    MmEditor editor(mm);
    for (Vma* vma = VmaTree::first(mm); vma;) {
        Vma* after = VmaTree::next(mm, *vma);
        if (vma->advice & kAdviceDontFork) {
            (void)editor.remove_range(vma->start, vma->end, true);
            // A slack range behind it may have gone, too.
            after = nullptr;
            vma = VmaTree::first(mm);
            continue;
        }
        if (vma->advice & kAdviceWipeOnFork)
            (void)host::advise(vma->start, vma->length(), static_cast<i32>(abi::MADV_DONTNEED));
        vma = after;
    }
}

Vma* Mm::find(u64 address) const {
    Vma* vma = VmaTree::find(*this, address);
    return vma && vma->hidden != Hidden::No ? next(*vma) : vma;
}

Vma* Mm::next(const Vma& vma) const {
    Vma* after = m_vmas.next(vma);
    while (after && after->hidden != Hidden::No)
        after = m_vmas.next(*after);
    return after;
}

Vma* Mm::first() const { return find(0); }

void Mm::unmap_everything() {
    MmEditor editor(*this);
    shows_plain_text = false;
    // A few large host calls: everything between the ranges that the host keeps.
    u64 from = base::kGuestLowest;
    for (Vma* vma = VmaTree::first(*this); vma; vma = VmaTree::next(*this, *vma)) {
        if (vma->hidden != Hidden::Reserved)
            continue;
        if (vma->start > from)
            (void)host::unmap(from, vma->start - from);
        from = base::max(from, vma->end);
    }
    if (from < base::kGuestEnd)
        (void)host::unmap(from, base::kGuestEnd - from);
    for (Vma* vma = VmaTree::first(*this); vma;) {
        Vma* after = VmaTree::next(*this, *vma);
        if (vma->hidden != Hidden::Reserved) {
            VmaTree::remove(*this, *vma);
            vma->right = m_dead;
            m_dead = vma;
        }
        vma = after;
    }
    total_bytes = locked_bytes = 0;
}

void for_each_vma(Mm& mm, u64 from, bool (*visit)(void* context, const Vma& vma), void* context) {
    LockGuard guard(mm.lock);
    for (Vma* vma = VmaTree::find(mm, from); vma; vma = VmaTree::next(mm, *vma)) {
        if (vma->hidden != Hidden::No && !vma->label)
            continue;
        if (!visit(context, *vma))
            return;
    }
}

Result<FutexKey> futex_key(Mm& mm, u64 address, bool shared) {
    // A private futex is this address of this address space: nothing needs to be looked up.
    if (!shared)
        return FutexKey{reinterpret_cast<u64>(&mm), address};
    LockGuard guard(mm.lock);
    const Vma* vma = VmaTree::find(mm, address);
    if (!vma || vma->start > address || vma->hidden != Hidden::No)
        return Errno::EFAULT;
    if (!(vma->flags & abi::MAP_SHARED))
        return FutexKey{reinterpret_cast<u64>(&mm), address};
    const u64 offset = vma->offset + (address - vma->start);
    if (vma->shared_object)
        return FutexKey{reinterpret_cast<u64>(vma->shared_object.get()), offset};
    if (vma->file && vma->file->path)
        return FutexKey{reinterpret_cast<u64>(&vma->file->inode()), offset};
    return FutexKey{reinterpret_cast<u64>(vma->file.get()), offset};
}

Result<void> deny_write_access(Inode& inode) {
    i32 count = inode.write_access.load(std::memory_order_relaxed);
    do {
        if (count > 0)
            return Errno::ETXTBSY;
    } while (!inode.write_access.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel));
    return {};
}

void allow_write_access(Inode& inode) { inode.write_access.fetch_add(1, std::memory_order_acq_rel); }

Result<void> Mm::set_executable(RefPtr<File> file) {
    TRY(deny_write_access(file->inode()));
    RefPtr<File> old;
    bool had_denied;
    {
        LockGuard guard(lock);
        old = std::move(executable);
        had_denied = std::exchange(denies_write, true);
        executable = std::move(file);
    }
    if (had_denied && old)
        allow_write_access(old->inode());
    return {};
}

} // namespace lxcore
