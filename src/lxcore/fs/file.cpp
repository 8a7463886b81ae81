// What an open file does unless its kind knows better, and files that are in no tree.
#include "lxcore/fs/file.hpp"

#include "abi/mount.hpp"
#include "lxcore/fs/file_locks.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

File::~File() {
    if (!path.dentry || !path.dentry->inode)
        return;
    if (counts_writer) {
        inode().write_access.fetch_sub(1, std::memory_order_acq_rel);
        path.mount->writers.fetch_sub(1, std::memory_order_acq_rel);
    }
    release_file_locks(*this);
    if (is_named)
        notify_dentry(*path.dentry, is_writable() ? abi::IN_CLOSE_WRITE : abi::IN_CLOSE_NOWRITE);
}

Result<usize> File::read(IoBuffer&, i64) { return inode().is_directory() ? Errno::EISDIR : Errno::EINVAL; }
Result<usize> File::write(IoBuffer&, i64) { return inode().is_directory() ? Errno::EISDIR : Errno::EINVAL; }
Result<void> File::read_directory(DirectoryVisitor&) { return Errno::ENOTDIR; }
// Files that never block are always ready.
u32 File::poll(PollTable*) { return abi::POLLIN | abi::POLLOUT | abi::POLLRDNORM | abi::POLLWRNORM; }
Result<i64> File::control(u32, u64) { return Errno::ENOTTY; }
Result<void> File::map(MapRequest&) { return Errno::ENODEV; }
Result<void> File::allocate(i32, u64, u64) { return Errno::EOPNOTSUPP; }
Result<void> File::sync(bool) { return Errno::EINVAL; }

Result<void> File::truncate(u64 length) {
    if (!inode().is_regular())
        return Errno::EINVAL;
    return truncate_inode(inode(), length);
}

Result<u64> seek_target(i64 offset, i32 whence, u64 position, u64 size) {
    i64 target = offset;
    switch (static_cast<u32>(whence)) {
    case abi::SEEK_SET: break;
    case abi::SEEK_CUR:
        if (__builtin_add_overflow(static_cast<i64>(position), offset, &target))
            return Errno::EOVERFLOW;
        break;
    case abi::SEEK_END:
        if (__builtin_add_overflow(static_cast<i64>(size), offset, &target))
            return Errno::EOVERFLOW;
        break;
    default: return Errno::EINVAL;
    }
    if (target < 0)
        return Errno::EINVAL;
    return static_cast<u64>(target);
}

Result<u64> File::seek(i64 offset, i32 whence) {
    if (!is_seekable())
        return Errno::ESPIPE;
    LockGuard guard(position_lock);
    if (static_cast<u32>(whence) == abi::SEEK_END)
        TRY(inode().refresh());
    const u64 size = inode().size;
    if (static_cast<u32>(whence) == abi::SEEK_DATA || static_cast<u32>(whence) == abi::SEEK_HOLE) {
        // A file without holes but the one at its end.
        if (offset < 0 || static_cast<u64>(offset) >= size)
            return Errno::ENXIO;
        return position = static_cast<u32>(whence) == abi::SEEK_DATA ? static_cast<u64>(offset) : size;
    }
    return position = TRY(seek_target(offset, whence, position, size));
}

Result<usize> read_kernel(File& file, void* buffer, usize length, u64 offset) {
    usize total = 0;
    while (total < length) {
        IoBuffer part(static_cast<char*>(buffer) + total, length - total);
        const usize count = TRY(file.read(part, static_cast<i64>(offset + total)));
        if (count == 0)
            break;
        total += count;
    }
    return total;
}

Result<void> attach_anonymous_inode(File& file, std::string_view kind, u32 mode, RefPtr<Inode> inode) {
    SuperBlock& super_block = *dentry_cache().anonymous;
    if (!inode)
        inode = TRY(make_ref<Inode>());
    inode->super_block = RefPtr<SuperBlock>(&super_block);
    inode->number = next_unique_id();
    inode->mode = mode;
    inode->uid = current().credentials->fsuid;
    inode->gid = current().credentials->fsgid;
    now_realtime(inode->accessed);
    inode->modified = inode->changed = inode->accessed;
    base::FixedWriter<64> name;
    if (!kind.empty() && kind[0] == '[')
        print(name, "anon_inode:{}", kind);
    else
        print(name, "{}:[{}]", kind, inode->number);
    RefPtr<Dentry> dentry = TRY(make_detached_dentry(super_block, std::move(inode), name.view()));
    file.path = Path(mount_state().anonymous, std::move(dentry));
    return {};
}

// ---- times

void note_modified(File& file) {
    Inode& inode = file.inode();
    if (inode.is_regular()) {
        abi::timespec now;
        now_realtime(now);
        inode.modified = inode.changed = now;
    }
    notify_dentry(*file.path.dentry, abi::IN_MODIFY);
}

void touch_accessed(const Path& path) {
    Inode& inode = path.inode();
    const u32 flags = path.mount->flags;
    if ((flags & abi::MS_NOATIME) || ((flags & abi::MS_NODIRATIME) && inode.is_directory()))
        return;
    abi::timespec now{};
    const auto not_after = [](const abi::timespec& left, const abi::timespec& right) {
        return left.tv_sec < right.tv_sec || (left.tv_sec == right.tv_sec && left.tv_nsec <= right.tv_nsec);
    };
    now_realtime(now);
    if (flags & abi::MS_RELATIME) {
        constexpr i64 kDay = 24 * 60 * 60;
        if (!not_after(inode.accessed, inode.modified) && !not_after(inode.accessed, inode.changed) &&
            now.tv_sec - inode.accessed.tv_sec < kDay)
            return;
    }
    if (not_after(now, inode.accessed) && not_after(inode.accessed, now))
        return;
    if (path.mount->is_read_only())
        return;
    AttributeChange change;
    change.valid = kChangeAccessed;
    change.accessed = now;
    LockGuard guard(inode.lock);
    (void)inode.set_attributes(change);
}

void note_accessed(File& file) {
    if (!(file.flags.load(std::memory_order_relaxed) & abi::O_NOATIME) &&
        (file.inode().is_regular() || file.inode().is_directory()))
        touch_accessed(file.path);
    notify_dentry(*file.path.dentry, abi::IN_ACCESS);
}

} // namespace lxcore
