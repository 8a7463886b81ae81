// Page faults that are no signals: stacks that grow, and files that have grown. See mmap(2).
#include "lxcore/fs/file.hpp"
#include "lxcore/mm/editor.hpp"

namespace lxcore {

namespace {

// Whether nothing that the guest has set speaks against the access. (Where a page is present, protection keys
// may.)
bool allows(const Vma& vma, u64 error) {
    if (error & kFaultPresent)
        return false;
    const u32 wanted = error & kFaultFetch   ? abi::PROT_EXEC
                       : error & kFaultWrite ? abi::PROT_WRITE
                                             : abi::PROT_READ;
    return (vma.protection & wanted) != 0;
}

// Whether the page ends behind its file's last one, as the file is now.
bool lies_behind(const Vma& vma, u64 address) {
    File& file = *vma.file;
    u64 size = __atomic_load_n(&file.inode().size, __ATOMIC_RELAXED);
    // Programs of the host change those of drives.
    if (const host::Handle handle = file.host_handle(); handle != host::kNoHandle)
        if (const Result<host::FileInfo> info = host::file_info(handle); info.is_ok())
            size = info.value().size;
    return vma.offset + (base::page_floor(address) - vma.start) >= base::page_ceil(size);
}

} // namespace

bool Mm::is_behind_end(const Vma& vma, u64 address, u64 error) {
    return vma.file && vma.file->path && vma.file->inode().is_regular() && allows(vma, error) &&
           lies_behind(vma, address);
}

bool Mm::map_grown_file(MmEditor& editor, const Vma& vma, u64 address, u64 error) {
    if (vma.text || !vma.file->path || !vma.file->inode().is_regular() || (error & kFaultFetch) ||
        !allows(vma, error) || lies_behind(vma, address))
        return false;
    auto* word = reinterpret_cast<u32*>(base::align_down(address, sizeof(u32)));
    const auto is_there = [&] {
        return (error & kFaultWrite ? host::fetch_or_guarded(word, 0) : host::load_guarded(word)).is_ok();
    };
    if (is_there())
        return true; // another thread was first
    // A shared mapping anew and whole, since hosts may want large units; of a private one, other pages may
    // have been written.
    const u64 page = base::page_floor(address);
    const bool is_shared = vma.flags & abi::MAP_SHARED;
    return editor.map_anew(vma, is_shared ? vma.start : page, is_shared ? vma.end : page + base::kPageSize)
               .is_ok() &&
           is_there();
}

bool Mm::handle_fault(u64 address, u64 error) {
    if (address < base::kGuestLowest || address >= base::kGuestEnd)
        return false;
    MmEditor editor(*this);
    Vma* vma = editor.find(address);
    if (!vma || vma->hidden != Hidden::No)
        return false;
    if (vma->start <= address && vma->file)
        return map_grown_file(editor, *vma, address, error);
    // Another thread may have grown it since; then the access just has to be made again.
    if (vma->start <= address || !(vma->flags & abi::MAP_GROWSDOWN))
        return false;
    const bool is_at_stack_end = vma->start == stack_low;
    const bool has_grown = grow(editor, *vma, address);
    if (has_grown && is_at_stack_end)
        set_stack_low(vma->start);
    return has_grown;
}

void Mm::set_stack_low(u64 address) {
    const Vma* above = VmaTree::find(*this, address);
    const Vma* before = above ? VmaTree::previous(*this, *above) : nullptr;
    stack_low = address;
    stack_room = !before || address - before->end >= host::kStackEndBytes ? host::keep_stack_end(address) : 0;
}

bool Mm::is_below_stack(u64 address) {
    if (address >= stack_low || stack_low - address > stack_room)
        return false;
    LockGuard guard(lock);
    const Vma* vma = find(address);
    return !vma || vma->start > address;
}

bool Mm::grow(MmEditor& editor, Vma& vma, u64 address) {
    const u64 start = base::page_floor(address);
    const u64 growth = vma.start - start;
    if (vma.end - start > base::min(current_limit(abi::RLIMIT_STACK), base::kGuestEnd))
        return false;
    // A mapping below that can be accessed keeps its distance, unless it is itself such a stack.
    const Vma* before = VmaTree::previous(*this, vma);
    if (before) {
        const bool keeps_distance =
            before->hidden != Hidden::No || (before->protection && !(before->flags & abi::MAP_GROWSDOWN));
        if (before->end > start || (keeps_distance && start - before->end < kStackGuardGap))
            return false;
    }
    if (editor.check_limits(growth, false, 0).is_error() ||
        ((vma.flags & abi::MAP_LOCKED) && !editor.may_lock(growth)))
        return false;
    // What lies in the host's room already is there to stay.
    const u64 kept = vma.start == stack_low ? base::min(growth, stack_room) : 0;
    if ((growth > kept && host::map_anonymous(start, growth - kept, vma.protection).is_error()) ||
        (kept && host::protect(vma.start - kept, kept, vma.protection).is_error()))
        return false;
    vma.start = start;
    editor.resized(vma);
    editor.account(static_cast<i64>(growth), vma.flags & abi::MAP_LOCKED);
    return true;
}

} // namespace lxcore
