// Sizes and durability: truncate(2), fallocate(2), posix_fadvise(2), fsync(2), sync(2).
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/io.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

Result<void> sys_truncate(UserCString path, i64 length) {
    if (length < 0)
        return Errno::EINVAL;
    const Path place = TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast));
    Inode& inode = place.inode();
    if (inode.is_directory())
        return Errno::EISDIR;
    if (!inode.is_regular())
        return Errno::EINVAL;
    if (place.mount->is_read_only())
        return Errno::EROFS;
    TRY(check_permission(inode, abi::W_OK));
    if (inode.write_access.load(std::memory_order_relaxed) < 0)
        return Errno::ETXTBSY;
    if (static_cast<u64>(length) > inode.size)
        TRY(check_file_size_limit(static_cast<u64>(length)));
    TRY(truncate_inode(inode, static_cast<u64>(length)));
    notify_dentry(*place.dentry, abi::IN_MODIFY);
    return {};
}

Result<void> sys_ftruncate(Fd fd, i64 length) {
    if (length < 0)
        return Errno::EINVAL;
    HeldFile file = TRY(get_file(fd));
    if (!file->inode().is_regular() || !file->is_writable())
        return Errno::EINVAL;
    if (static_cast<u64>(length) > file->inode().size)
        TRY(check_file_size_limit(static_cast<u64>(length)));
    TRY(file->truncate(static_cast<u64>(length)));
    notify_dentry(*file->path.dentry, abi::IN_MODIFY);
    return {};
}

Result<void> sys_fallocate(Fd fd, i32 mode, i64 offset, i64 length) {
    HeldFile file = TRY(get_file(fd));
    if (offset < 0 || length <= 0)
        return Errno::EINVAL;
    const u32 bits = static_cast<u32>(mode);
    constexpr u32 kOperations = abi::FALLOC_FL_PUNCH_HOLE | abi::FALLOC_FL_COLLAPSE_RANGE |
                                abi::FALLOC_FL_ZERO_RANGE | abi::FALLOC_FL_INSERT_RANGE |
                                abi::FALLOC_FL_UNSHARE_RANGE;
    if (bits & ~(kOperations | abi::FALLOC_FL_KEEP_SIZE))
        return Errno::EOPNOTSUPP;
    if ((bits & abi::FALLOC_FL_PUNCH_HOLE) && bits != (abi::FALLOC_FL_PUNCH_HOLE | abi::FALLOC_FL_KEEP_SIZE))
        return Errno::EOPNOTSUPP;
    if ((bits & (abi::FALLOC_FL_COLLAPSE_RANGE | abi::FALLOC_FL_INSERT_RANGE)) && (bits & (bits - 1)))
        return Errno::EINVAL;
    if (!file->is_writable())
        return Errno::EBADF;
    Inode& inode = file->inode();
    if (inode.is_fifo())
        return Errno::ESPIPE;
    if (inode.is_directory())
        return Errno::EISDIR;
    if (!inode.is_regular())
        return Errno::ENODEV;
    i64 end;
    if (__builtin_add_overflow(offset, length, &end))
        return Errno::EFBIG;
    if (!(bits & abi::FALLOC_FL_KEEP_SIZE) && static_cast<u64>(end) > inode.size)
        TRY(check_file_size_limit(static_cast<u64>(end)));
    if (must_remove_privileges(inode))
        TRY(remove_privileges(inode));
    TRY(file->allocate(mode, static_cast<u64>(offset), static_cast<u64>(length)));
    note_modified(*file);
    return {};
}

Result<void> sys_fadvise64(Fd fd, i64, i64 length, u32 advice) {
    HeldFile file = TRY(get_file(fd));
    if (file->inode().is_fifo())
        return Errno::ESPIPE;
    if (length < 0 || advice > abi::POSIX_FADV_NOREUSE)
        return Errno::EINVAL;
    return {}; // a hint, and the host reads ahead by itself
}

Result<void> sys_readahead(Fd fd, i64, u64) {
    HeldFile file = TRY(get_file(fd));
    if (!file->is_readable())
        return Errno::EBADF;
    return file->inode().is_regular() ? Result<void>() : Result<void>(Errno::EINVAL);
}

Result<void> sys_fsync(Fd fd) { return TRY(get_file(fd))->sync(false); }
Result<void> sys_fdatasync(Fd fd) { return TRY(get_file(fd))->sync(true); }

Result<void> sys_sync() {
    RefPtr<Mount> at;
    for (;;) {
        // One mount after the other, without the lock held during the work.
        RefPtr<Mount> next;
        {
            LockGuard guard(mount_state().lock);
            auto& mounts = mount_state().mounts;
            Mount* mount = !at ? mounts.first() : at->list_node.is_linked() ? mounts.next(*at) : nullptr;
            next = RefPtr<Mount>(mount);
        }
        if (!next)
            return {};
        (void)next->super_block->sync();
        at = std::move(next);
    }
}

Result<void> sys_syncfs(Fd fd) { return TRY(get_file(fd))->inode().super_block->sync(); }

Result<void> sys_sync_file_range(Fd fd, i64 offset, i64 length, HexFlags flags) {
    constexpr u64 kAll =
        abi::SYNC_FILE_RANGE_WAIT_BEFORE | abi::SYNC_FILE_RANGE_WRITE | abi::SYNC_FILE_RANGE_WAIT_AFTER;
    HeldFile file = TRY(get_file(fd));
    i64 end;
    if ((flags & ~kAll) || offset < 0 || length < 0 || __builtin_add_overflow(offset, length, &end))
        return Errno::EINVAL;
    const Inode& inode = file->inode();
    if (!inode.is_regular() && !inode.is_block_device() && !inode.is_directory())
        return Errno::ESPIPE;
    return (flags & (abi::SYNC_FILE_RANGE_WAIT_BEFORE | abi::SYNC_FILE_RANGE_WAIT_AFTER)) ? file->sync(true)
                                                                                          : Result<void>();
}

} // namespace lxcore
