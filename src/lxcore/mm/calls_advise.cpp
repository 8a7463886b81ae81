// madvise(2), process_madvise(2), mincore(2), msync(2).
#include "abi/fcntl.hpp"
#include "abi/limits.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/namei.hpp"
#include "lxcore/mm/calls.hpp"
#include "lxcore/mm/editor.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

// How advice is carried out.
enum class Kind : u8 { Unknown, Hint, Discard, Populate, Remove, Mark, Poison };

Kind kind_of(i32 advice) {
    switch (static_cast<u32>(advice)) {
    case abi::MADV_NORMAL:
    case abi::MADV_RANDOM:
    case abi::MADV_SEQUENTIAL:
    case abi::MADV_WILLNEED:
    case abi::MADV_HUGEPAGE:
    case abi::MADV_NOHUGEPAGE:
    case abi::MADV_MERGEABLE:
    case abi::MADV_UNMERGEABLE:
    case abi::MADV_COLD:
    case abi::MADV_PAGEOUT:
    case abi::MADV_COLLAPSE: return Kind::Hint;
    case abi::MADV_DONTNEED:
    case abi::MADV_DONTNEED_LOCKED:
    case abi::MADV_FREE: return Kind::Discard;
    case abi::MADV_POPULATE_READ:
    case abi::MADV_POPULATE_WRITE: return Kind::Populate;
    case abi::MADV_REMOVE: return Kind::Remove;
    case abi::MADV_DONTFORK:
    case abi::MADV_DOFORK:
    case abi::MADV_WIPEONFORK:
    case abi::MADV_KEEPONFORK:
    case abi::MADV_DONTDUMP:
    case abi::MADV_DODUMP: return Kind::Mark;
    case abi::MADV_HWPOISON:
    case abi::MADV_SOFT_OFFLINE: return Kind::Poison;
    default: return Kind::Unknown;
    }
}

Result<void> discard_part(MmEditor& editor, const Vma& vma, u64 start, u64 end, u32 advice) {
    if ((vma.flags & abi::MAP_LOCKED) && advice != abi::MADV_DONTNEED_LOCKED)
        return Errno::EINVAL;
    if (advice == abi::MADV_FREE && (vma.file || vma.shared_object))
        return Errno::EINVAL;
    // Text that the engine has patched is the file's as far as the guest can tell: it stays.
    if (vma.text)
        return {};
    const u32 host_advice = advice == abi::MADV_FREE ? abi::MADV_FREE : abi::MADV_DONTNEED;
    const auto done = host::advise(start, end - start, static_cast<i32>(host_advice));
    if (done.is_ok() || !vma.file || done.error() != Errno::EOPNOTSUPP)
        return done;
    return editor.map_anew(vma, start, end); // the host cannot have the file's pages anew in place
}

Result<void> remove_part(const Vma& vma, u64 start, u64 end) {
    if ((vma.flags & abi::MAP_LOCKED) || (!vma.file && !vma.shared_object))
        return Errno::EINVAL;
    if (!(vma.flags & abi::MAP_SHARED) || !(vma.max_protection & abi::PROT_WRITE))
        return Errno::EACCES;
    if (vma.shared_object)
        return host::advise(start, end - start, static_cast<i32>(abi::MADV_REMOVE));
    return vma.file->allocate(static_cast<i32>(abi::FALLOC_FL_PUNCH_HOLE | abi::FALLOC_FL_KEEP_SIZE),
                              vma.offset + (start - vma.start), end - start);
}

// Applies `advice` to what is mapped in [start, end); ENOMEM when there are holes.
Result<void> advise_range(Mm& mm, u64 start, u64 end, u32 advice, Kind kind) {
    MmEditor editor(mm);
    u64 covered = start;
    bool has_hole = false;
    for (Vma* vma = editor.find(start); vma && vma->start < end; vma = editor.next(*vma)) {
        if (vma->hidden != Hidden::No)
            continue;
        const u64 from = base::max(vma->start, start), to = base::min(vma->end, end);
        has_hole |= from > covered;
        // Populating stops at the first hole.
        if (has_hole && kind == Kind::Populate)
            return Errno::ENOMEM;
        covered = to;
        switch (kind) {
        case Kind::Discard: TRY(discard_part(editor, *vma, from, to, advice)); break;
        case Kind::Remove: TRY(remove_part(*vma, from, to)); break;
        case Kind::Populate:
            if (!(vma->protection & (advice == abi::MADV_POPULATE_WRITE ? abi::PROT_WRITE : abi::PROT_READ)))
                return Errno::EFAULT;
            TRY(host::advise(from, to - from, static_cast<i32>(advice)));
            break;
        default:
            // Hints change nothing that a program can see: what the host cannot do is no error.
            if (!vma->text)
                (void)host::advise(from, to - from, static_cast<i32>(advice));
            break;
        }
    }
    return has_hole || covered < end ? Result<void>(Errno::ENOMEM) : Result<void>{};
}

Result<void> mark_range(Mm& mm, u64 start, u64 length, u32 advice) {
    if (advice == abi::MADV_WIPEONFORK) {
        MmEditor editor(mm);
        for (Vma* vma = editor.find(start); vma && vma->start < start + length; vma = editor.next(*vma))
            if (vma->hidden == Hidden::No && (vma->file || (vma->flags & abi::MAP_SHARED)))
                return Errno::EINVAL;
    }
    u32 set = 0, clear = 0;
    switch (advice) {
    case abi::MADV_DONTFORK: set = kAdviceDontFork; break;
    case abi::MADV_DOFORK: clear = kAdviceDontFork; break;
    case abi::MADV_WIPEONFORK: set = kAdviceWipeOnFork; break;
    case abi::MADV_KEEPONFORK: clear = kAdviceWipeOnFork; break;
    case abi::MADV_DONTDUMP: set = kAdviceDontDump; break;
    default: clear = kAdviceDontDump; break;
    }
    return mm.change_marks(start, length, set, clear, false, false);
}

Result<void> advise(u64 address, u64 length, i32 advice) {
    const Kind kind = kind_of(advice);
    if (kind == Kind::Unknown || (address & (base::kPageSize - 1)))
        return Errno::EINVAL;
    if (kind == Kind::Poison)
        return current().credentials->has_capability(abi::CAP_SYS_ADMIN) ? Errno::EINVAL : Errno::EPERM;
    const u64 rounded = base::page_ceil(length);
    if ((length && !rounded) || address + rounded < address)
        return Errno::EINVAL;
    if (rounded == 0)
        return {};
    if (!base::is_guest_range(address, rounded) && kind != Kind::Hint && kind != Kind::Discard)
        return Errno::ENOMEM;
    Mm& mm = *current().mm;
    if (kind == Kind::Mark)
        return mark_range(mm, address, rounded, static_cast<u32>(advice));
    return advise_range(mm, address, address + rounded, static_cast<u32>(advice), kind);
}

} // namespace

Result<void> sys_madvise(u64 address, u64 length, i32 advice) { return advise(address, length, advice); }

Result<i64> sys_process_madvise(Fd pidfd, UserPtr<abi::iovec> vectors, u64 count, i32 advice, u32 flags) {
    if (flags)
        return Errno::EINVAL;
    if (count > abi::IOV_MAX)
        return Errno::EINVAL;
    const HeldFile file = TRY(get_file(pidfd));
    const RefPtr<Process> process = TRY(process_of_pidfd(*file));
    switch (static_cast<u32>(advice)) {
    case abi::MADV_COLD:
    case abi::MADV_PAGEOUT:
    case abi::MADV_WILLNEED:
    case abi::MADV_COLLAPSE: break;
    default: return Errno::EINVAL;
    }
    const bool is_own = process.get() == current().process;
    i64 done = 0;
    for (u64 i = 0; i < count; ++i) {
        const abi::iovec part = TRY(vectors.offset(i).read());
        const u64 address = reinterpret_cast<u64>(part.iov_base);
        // All of these are hints; another process's pages are left to its host.
        if (is_own) {
            if (const auto result = advise(address, part.iov_len, advice); result.is_error())
                return done ? Result<i64>(done) : Result<i64>(result.error());
        }
        done += static_cast<i64>(part.iov_len);
    }
    return done;
}

Result<void> sys_mincore(u64 address, u64 length, UserPtr<u8> vector) {
    if (address & (base::kPageSize - 1))
        return Errno::EINVAL;
    const u64 rounded = base::page_ceil(length);
    if (length && (!rounded || !base::is_guest_range(address, rounded)))
        return Errno::ENOMEM;
    PageBuffer page;
    if (!page)
        return Errno::EAGAIN;
    auto* residency = reinterpret_cast<u8*>(page.data());
    const u64 end = address + rounded;
    for (u64 at = address, index = 0; at < end;) {
        const u64 pages = base::min<u64>((end - at) >> base::kPageShift, page.size());
        const u64 part = pages << base::kPageShift;
        {
            MmEditor editor(*current().mm);
            if (!editor.is_whole(at, at + part))
                return Errno::ENOMEM;
            TRY(host::residency(at, part, residency));
        }
        TRY(vector.offset(index).write_array(residency, pages));
        at += part;
        index += pages;
    }
    return {};
}

Result<void> sys_msync(u64 address, u64 length, i32 flags) {
    const u32 how = static_cast<u32>(flags);
    if ((how & ~(abi::MS_ASYNC | abi::MS_INVALIDATE | abi::MS_SYNC)) || (address & (base::kPageSize - 1)) ||
        ((how & abi::MS_ASYNC) && (how & abi::MS_SYNC)))
        return Errno::EINVAL;
    const u64 rounded = base::page_ceil(length);
    if ((length && !rounded) || address + rounded < address)
        return Errno::ENOMEM;
    if (rounded == 0)
        return {};
    const u64 end = address + rounded;
    bool has_hole = false;
    // The disk is waited for without the lock: the file is kept, the addresses are the host's to check.
    for (u64 at = address; at < end;) {
        RefPtr<File> file;
        u64 from, to;
        bool is_shared_file;
        {
            MmEditor editor(*current().mm);
            Vma* vma = editor.find(at);
            while (vma && vma->hidden != Hidden::No)
                vma = editor.next(*vma);
            if (!vma || vma->start >= end) {
                has_hole = true;
                break;
            }
            has_hole |= vma->start > at;
            if ((how & abi::MS_INVALIDATE) && (vma->flags & abi::MAP_LOCKED))
                return Errno::EBUSY;
            from = base::max(vma->start, at);
            to = base::min(vma->end, end);
            file = vma->file;
            is_shared_file = file && (vma->flags & abi::MAP_SHARED);
            if (is_shared_file && !(vma->protection & abi::PROT_WRITE) &&
                !(vma->max_protection & abi::PROT_WRITE))
                is_shared_file = false;
        }
        if (is_shared_file && file->path && file->inode().is_regular())
            note_modified(*file);
        if (is_shared_file && (how & abi::MS_SYNC)) {
            const auto synced = host::sync_mapping(from, to - from, flags);
            // Another thread has unmapped it meanwhile.
            if (synced.is_error() && synced.error() != Errno::ENOMEM)
                return synced.error();
        }
        at = to;
    }
    return has_hole ? Result<void>(Errno::ENOMEM) : Result<void>{};
}

} // namespace lxcore
