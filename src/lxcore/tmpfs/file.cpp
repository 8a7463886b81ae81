// Open tmpfs files and directories.
#include "abi/mman.hpp"
#include "lxcore/fs/locked_write.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/tmpfs/tmpfs_inode.hpp"

namespace lxcore {

namespace {

// Pages of a mapping beyond the file's end that are made anyway, so that a file that grows under its mapping is seen
// through it. Farther ones cannot be accessed.
inline constexpr u64 kPagesBeyondEnd = 4096;

} // namespace

Result<RefPtr<File>> TmpfsInode::open(const Path& path, u32 flags) {
    RefPtr<TmpfsFile> file = TRY(make_ref<TmpfsFile>(*this));
    file->path = path;
    file->flags.store(flags, std::memory_order_relaxed);
    return RefPtr<File>(std::move(file));
}

Result<usize> TmpfsFile::read(IoBuffer& buffer, i64 offset) {
    if (m_inode->is_directory())
        return Errno::EISDIR;
    return at_position(offset, [&](u64 from) -> Result<usize> {
        LockGuard guard(m_inode->lock);
        return m_inode->read_data(buffer, from);
    });
}

Result<usize> TmpfsFile::write(IoBuffer& buffer, i64 offset) {
    TmpfsInode& inode = *m_inode;
    return write_locked(*this, inode, offset, [&](u64 from) { return inode.write_data(buffer, from); });
}

Result<u64> TmpfsFile::seek(i64 offset, i32 whence) {
    MaybeLockGuard guard(position_lock);
    MaybeLockGuard inode_guard(m_inode->lock);
    const u64 size = m_inode->size;
    const bool data = whence == static_cast<i32>(abi::SEEK_DATA);
    if (!data && whence != static_cast<i32>(abi::SEEK_HOLE))
        return position = TRY(seek_target(offset, whence, position, size));
    if (m_inode->is_directory())
        return Errno::EINVAL;
    if (offset < 0 || static_cast<u64>(offset) >= size)
        return Errno::ENXIO;
    const u64 index = static_cast<u64>(offset) / base::kPageSize;
    const u64 found = data ? m_inode->pages().next_present(index) : m_inode->pages().next_absent(index);
    const u64 at = base::max(found * base::kPageSize, static_cast<u64>(offset));
    if (data && (found == PageTree::kIndexLimit || at >= size))
        return Errno::ENXIO;
    return position = base::min(at, size);
}

Result<void> TmpfsFile::read_directory(DirectoryVisitor& visitor) {
    MaybeLockGuard guard(m_inode->lock);
    if (position == 0 && !visitor.visit(".", m_inode->number, abi::DT_DIR, 1))
        return {};
    if (position <= 1 && !visitor.visit("..", m_inode->parent_number, abi::DT_DIR, 2))
        return {};
    for (TmpfsEntry& entry : m_inode->entries()) {
        if (entry.position < position)
            continue;
        if (!visitor.visit(entry.name.view(), entry.inode->number, abi::mode_to_dt(entry.inode->mode),
                           entry.position + 1))
            return {};
    }
    return {};
}

u32 TmpfsFile::poll(PollTable*) { return abi::POLLIN | abi::POLLOUT | abi::POLLRDNORM | abi::POLLWRNORM; }

Result<void> TmpfsFile::map(MapRequest& request) {
    TmpfsInode& inode = *m_inode;
    if (!inode.is_regular())
        return Errno::ENODEV;
    const bool shared = (request.flags & abi::MAP_TYPE) != abi::MAP_PRIVATE;
    bool may_write = shared && is_writable();
    MaybeLockGuard guard(inode.lock);
    if (shared && (inode.seals & (abi::F_SEAL_WRITE | abi::F_SEAL_FUTURE_WRITE))) {
        if (request.protection & abi::PROT_WRITE)
            return Errno::EPERM;
        if (request.vma)
            request.vma->max_protection &= ~abi::PROT_WRITE;
        may_write = false;
    }
    // From here on no page of the file is given back.
    RefPtr<TmpfsMapping> mapping = TRY(make_ref<TmpfsMapping>(inode, may_write));
    mapping->path = path;
    mapping->flags.store(flags.load());

    const u64 first = request.offset / base::kPageSize;
    const u64 last = first + request.length / base::kPageSize;
    const u64 end_of_file = base::page_ceil(inode.size) / base::kPageSize;
    const u64 populated_end = base::max(first, base::min(last, end_of_file + kPagesBeyondEnd));
    Result<void> mapped = [&]() -> Result<void> {
        TRY(shared ? inode.populate_units(first, populated_end) : inode.populate(first, populated_end));
        for (u64 index = first; index < populated_end;) {
            const char* run = inode.pages().find(index);
            u64 end = index + 1;
            while (end < populated_end && inode.pages().find(end) == run + (end - index) * base::kPageSize)
                ++end;
            TRY(host::map_arena(request.address + (index - first) * base::kPageSize, (end - index) * base::kPageSize,
                                request.protection, reinterpret_cast<u64>(run), shared));
            index = end;
        }
        if (populated_end < last)
            TRY(host::map_anonymous(request.address + (populated_end - first) * base::kPageSize,
                                    (last - populated_end) * base::kPageSize, abi::PROT_NONE));
        return {};
    }();
    if (mapped.is_error())
        return mapped.error() == Errno::ENOSPC ? Errno::ENOMEM : mapped.error();
    if (request.vma)
        request.vma->file = RefPtr<File>(std::move(mapping));
    return {};
}

Result<void> TmpfsFile::allocate(i32 mode, u64 offset, u64 length) {
    TmpfsInode& inode = *m_inode;
    if (!inode.is_regular())
        return Errno::ENODEV;
    const auto bits = static_cast<u32>(mode);
    MaybeLockGuard guard(inode.lock);
    if (bits == (abi::FALLOC_FL_PUNCH_HOLE | abi::FALLOC_FL_KEEP_SIZE))
        return inode.punch_hole(offset, length);
    if (bits & ~abi::FALLOC_FL_KEEP_SIZE)
        return Errno::EOPNOTSUPP;
    const u64 end = offset + length;
    if (end > PageTree::kIndexLimit * base::kPageSize)
        return Errno::EFBIG;
    if ((inode.seals & abi::F_SEAL_GROW) && end > inode.size)
        return Errno::EPERM;
    const u64 pages_before = inode.pages().count();
    Result<void> populated = inode.populate(offset / base::kPageSize, base::page_ceil(end) / base::kPageSize);
    if (populated.is_error()) {
        // All or nothing, as far as the file's end goes; what was allocated inside it stays.
        if (inode.pages().count() != pages_before && base::page_ceil(inode.size) < end)
            TRY(inode.punch_hole(base::page_ceil(inode.size), end - base::page_ceil(inode.size)));
        return populated.error();
    }
    if (!(bits & abi::FALLOC_FL_KEEP_SIZE) && end > inode.size)
        return inode.set_size(end);
    return {};
}

} // namespace lxcore
