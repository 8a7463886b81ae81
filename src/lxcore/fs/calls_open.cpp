// open(2), openat2(2), access(2), and where a task stands: chdir(2), chroot(2), getcwd(2), umask(2).
#include "abi/limits.hpp"
#include "abi/mount.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

constexpr u32 kTemporary = abi::O_TMPFILE & ~abi::O_DIRECTORY;
constexpr u32 kValidOpenFlags = abi::O_ACCMODE | abi::O_CREAT | abi::O_EXCL | abi::O_NOCTTY | abi::O_TRUNC |
                                abi::O_APPEND | abi::O_NONBLOCK | abi::O_SYNC | abi::FASYNC | abi::O_DIRECT |
                                abi::O_LARGEFILE | abi::O_DIRECTORY | abi::O_NOFOLLOW | abi::O_NOATIME |
                                abi::O_CLOEXEC | abi::O_PATH | abi::O_TMPFILE;
constexpr u32 kPathFlags = abi::O_DIRECTORY | abi::O_NOFOLLOW | abi::O_PATH | abi::O_CLOEXEC;

Result<i32> open_common(i32 dirfd, UserCString user_path, u32 flags, u32 mode, u32 resolve_flags) {
    if (flags & kTemporary) {
        if (!(flags & abi::O_DIRECTORY) || (flags & abi::O_CREAT) || !(flags & abi::O_ACCMODE))
            return Errno::EINVAL;
    } else if ((flags & (abi::O_CREAT | abi::O_DIRECTORY)) == (abi::O_CREAT | abi::O_DIRECTORY)) {
        return Errno::EINVAL;
    }
    PathName path;
    TRY(path.assign(user_path));
    RefPtr<File> file = TRY(open_file(dirfd, path.view(), flags, mode, resolve_flags));
    return current().files->install(std::move(file), (flags & abi::O_CLOEXEC) != 0);
}

// The older calls ignore what they do not know.
Result<i32> open_tolerant(i32 dirfd, UserCString path, u32 flags, u32 mode) {
    flags &= kValidOpenFlags;
    if (flags & abi::O_PATH)
        flags &= kPathFlags;
    return open_common(dirfd, path, flags, mode, 0);
}

Result<void> check_access(i32 dirfd, UserCString path, u32 mode, u32 flags) {
    if ((mode & ~7u) || (flags & ~(abi::AT_EACCESS | abi::AT_SYMLINK_NOFOLLOW | abi::AT_EMPTY_PATH)))
        return Errno::EINVAL;
    const u64 host_calls = current().host_file_calls;
    const Path place = TRY(resolve_user(dirfd, path, lookup_flags(flags)));
    Inode& inode = place.inode();
    TRY(inode.refresh_rights(host_calls));
    if (mode == abi::F_OK)
        return {};
    if ((mode & abi::X_OK) && inode.is_regular() && (place.mount->flags & abi::MS_NOEXEC))
        return Errno::EACCES;
    TRY(check_permission_as(inode, mode, *current().credentials, !(flags & abi::AT_EACCESS)));
    if ((mode & abi::W_OK) && place.mount->is_read_only() &&
        (inode.is_regular() || inode.is_directory() || inode.is_symlink()))
        return Errno::EROFS;
    return {};
}

} // namespace

Result<i32> sys_open(UserCString path, OpenFlags flags, FileMode mode) {
    return open_tolerant(abi::AT_FDCWD, path, flags, mode);
}

Result<i32> sys_openat(DirFd dirfd, UserCString path, OpenFlags flags, FileMode mode) {
    return open_tolerant(dirfd, path, flags, mode);
}

Result<i32> sys_creat(UserCString path, FileMode mode) {
    return open_tolerant(abi::AT_FDCWD, path, abi::O_CREAT | abi::O_WRONLY | abi::O_TRUNC, mode);
}

Result<i32> sys_openat2(DirFd dirfd, UserCString path, UserPtr<abi::open_how> user_how, u64 size) {
    if (size < abi::OPEN_HOW_SIZE_VER0)
        return Errno::EINVAL;
    if (size > base::kPageSize)
        return Errno::E2BIG;
    const abi::open_how how = TRY(user_how.read());
    // A newer, longer structure is fine as long as it asks for nothing new.
    for (u64 at = sizeof(how); at < size; at += 8) {
        u64 word = 0;
        TRY(copy_from_user(&word, user_how.address() + at, base::min<u64>(8, size - at)));
        if (word != 0)
            return Errno::E2BIG;
    }
    constexpr u64 kResolve = abi::RESOLVE_NO_XDEV | abi::RESOLVE_NO_MAGICLINKS | abi::RESOLVE_NO_SYMLINKS |
                             abi::RESOLVE_BENEATH | abi::RESOLVE_IN_ROOT | abi::RESOLVE_CACHED;
    const u32 flags = static_cast<u32>(how.flags);
    if ((how.flags & ~u64{kValidOpenFlags}) || (how.resolve & ~kResolve) || (how.mode & ~u64{abi::S_IALLUGO}))
        return Errno::EINVAL;
    if (how.mode != 0 && !(flags & (abi::O_CREAT | kTemporary)))
        return Errno::EINVAL;
    if ((flags & abi::O_PATH) && (flags & ~kPathFlags))
        return Errno::EINVAL;
    if ((how.resolve & abi::RESOLVE_BENEATH) && (how.resolve & abi::RESOLVE_IN_ROOT))
        return Errno::EINVAL;
    if ((how.resolve & abi::RESOLVE_CACHED) && (flags & (abi::O_CREAT | abi::O_TRUNC | kTemporary)))
        return Errno::EAGAIN;
    u32 resolve_flags = 0;
    if (how.resolve & abi::RESOLVE_NO_XDEV)
        resolve_flags |= kNoCrossDevice;
    if (how.resolve & abi::RESOLVE_NO_MAGICLINKS)
        resolve_flags |= kNoMagicLinks;
    if (how.resolve & abi::RESOLVE_NO_SYMLINKS)
        resolve_flags |= kNoSymlinks;
    if (how.resolve & abi::RESOLVE_BENEATH)
        resolve_flags |= kBeneath;
    if (how.resolve & abi::RESOLVE_IN_ROOT)
        resolve_flags |= kInRoot;
    return open_common(dirfd, path, flags, static_cast<u32>(how.mode), resolve_flags);
}

Result<void> sys_access(UserCString path, FileMode mode) { return check_access(abi::AT_FDCWD, path, mode, 0); }
Result<void> sys_faccessat(DirFd dirfd, UserCString path, FileMode mode) { return check_access(dirfd, path, mode, 0); }
Result<void> sys_faccessat2(DirFd dirfd, UserCString path, FileMode mode, AtFlags flags) {
    return check_access(dirfd, path, mode, flags);
}

Result<void> sys_chdir(UserCString path) {
    Path place = TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast | kLastDirectory));
    TRY(check_permission(place.inode(), abi::X_OK));
    LockGuard guard(current().fs->lock);
    std::swap(current().fs->cwd, place);
    guard.unlock(); // before the old one is dropped
    return {};
}

Result<void> sys_fchdir(Fd fd) {
    HeldFile file = TRY(get_file_any(fd));
    Path place = file->path;
    if (!place.inode().is_directory())
        return Errno::ENOTDIR;
    TRY(check_permission(place.inode(), abi::X_OK));
    LockGuard guard(current().fs->lock);
    std::swap(current().fs->cwd, place);
    guard.unlock();
    return {};
}

Result<void> sys_chroot(UserCString path) {
    Path place = TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast | kLastDirectory));
    TRY(check_permission(place.inode(), abi::X_OK));
    if (!current().credentials->has_capability(abi::CAP_SYS_CHROOT))
        return Errno::EPERM;
    LockGuard guard(current().fs->lock);
    std::swap(current().fs->root, place);
    guard.unlock();
    return {};
}

Result<u64> sys_getcwd(UserPtr<char> buffer, u64 size) {
    const Path cwd = current_directory();
    if (cwd.dentry->is_deleted)
        return Errno::ENOENT;
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    const usize length = TRY(print_path(cwd, current_root(), page.data(), abi::PATH_MAX - 1, true));
    page.data()[length] = 0;
    if (length + 1 > size)
        return Errno::ERANGE;
    TRY(buffer.write_array(page.data(), length + 1));
    return length + 1;
}

Result<u32> sys_umask(FileMode mask) {
    FsContext& fs = *current().fs;
    LockGuard guard(fs.lock);
    return std::exchange(fs.umask, mask & abi::S_IRWXUGO);
}

} // namespace lxcore
