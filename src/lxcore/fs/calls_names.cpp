// Making and removing names: mkdir(2), mknod(2), link(2), symlink(2), unlink(2).
#include "abi/limits.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

Result<void> sys_mkdirat(DirFd dirfd, UserCString user_path, FileMode mode) {
    PathName path;
    TRY(path.assign(user_path));
    TRY(create_node(dirfd, path.view(), abi::S_IFDIR | (mode & (abi::S_IRWXUGO | abi::S_ISVTX)), 0));
    return {};
}

Result<void> sys_mkdir(UserCString path, FileMode mode) { return sys_mkdirat(DirFd{abi::AT_FDCWD}, path, mode); }

Result<void> sys_mknodat(DirFd dirfd, UserCString user_path, FileMode mode_argument, u32 device) {
    u32 mode = mode_argument;
    switch (mode & abi::S_IFMT) {
    case 0: mode |= abi::S_IFREG; break;
    case abi::S_IFREG:
    case abi::S_IFIFO:
    case abi::S_IFSOCK:
    case abi::S_IFCHR:
    case abi::S_IFBLK: break;
    case abi::S_IFDIR: return Errno::EPERM;
    default: return Errno::EINVAL;
    }
    PathName path;
    TRY(path.assign(user_path));
    const bool is_device = abi::S_ISCHR(mode) || abi::S_ISBLK(mode);
    TRY(create_node(dirfd, path.view(), mode & (abi::S_IFMT | abi::S_IALLUGO), is_device ? device : 0));
    return {};
}

Result<void> sys_mknod(UserCString path, FileMode mode, u32 device) {
    return sys_mknodat(DirFd{abi::AT_FDCWD}, path, mode, device);
}

namespace {

// The dentry of a new name for link and symlink, with the directory's lock held: EEXIST, ENOENT, EACCES, EROFS.
Result<RefPtr<Dentry>> free_name(const ParentName& name) {
    RefPtr<Dentry> dentry = TRY(lookup_dentry_locked(*name.parent.dentry, name.view()));
    if (!dentry->is_negative())
        return Errno::EEXIST;
    if (name.trailing_slash)
        return Errno::ENOENT;
    TRY(may_create_in(name.parent));
    return dentry;
}

Result<void> remove_name(i32 dirfd, UserCString user_path, bool as_directory) {
    PathName path;
    TRY(path.assign(user_path));
    ParentName name;
    TRY(resolve_parent(dirfd, path.view(), name));
    switch (name.kind) {
    case ParentName::Kind::Normal: break;
    case ParentName::Kind::Dot: return as_directory ? Errno::EINVAL : Errno::EISDIR;
    case ParentName::Kind::DotDot: return as_directory ? Errno::ENOTEMPTY : Errno::EISDIR;
    case ParentName::Kind::Root: return as_directory ? Errno::EBUSY : Errno::EISDIR;
    }
    Inode& directory = name.parent.inode();
    LockGuard guard(directory.lock);
    RefPtr<Dentry> dentry = TRY(lookup_dentry_locked(*name.parent.dentry, name.view()));
    if (dentry->is_negative())
        return Errno::ENOENT;
    RefPtr<Inode> inode = dentry->inode;
    if (!as_directory && name.trailing_slash)
        return inode->is_directory() ? Errno::EISDIR : Errno::ENOTDIR;
    TRY(may_delete(name.parent, *dentry, as_directory));
    const NameChange change(*dentry);
    if (as_directory)
        TRY(directory.remove_directory(name.view(), *inode));
    else
        TRY(directory.unlink(name.view(), *inode));
    dentry_deleted(*dentry);
    guard.unlock();
    if (!as_directory)
        notify_event(*inode, abi::IN_ATTRIB);
    notify_event(directory, abi::IN_DELETE | (as_directory ? abi::IN_ISDIR : 0), name.view());
    return {};
}

} // namespace

Result<void> sys_rmdir(UserCString path) { return remove_name(abi::AT_FDCWD, path, true); }
Result<void> sys_unlink(UserCString path) { return remove_name(abi::AT_FDCWD, path, false); }
Result<void> sys_unlinkat(DirFd dirfd, UserCString path, AtFlags flags) {
    if (flags & ~abi::AT_REMOVEDIR)
        return Errno::EINVAL;
    return remove_name(dirfd, path, (flags & abi::AT_REMOVEDIR) != 0);
}

Result<void> sys_linkat(DirFd old_dirfd, UserCString old_user_path, DirFd new_dirfd, UserCString new_user_path,
                        AtFlags flags) {
    if (flags & ~(abi::AT_SYMLINK_FOLLOW | abi::AT_EMPTY_PATH))
        return Errno::EINVAL;
    if ((flags & abi::AT_EMPTY_PATH) && !current().credentials->has_capability(abi::CAP_DAC_READ_SEARCH))
        return Errno::ENOENT;
    const Path target = TRY(resolve_user(old_dirfd, old_user_path,
                                         ((flags & abi::AT_SYMLINK_FOLLOW) ? kFollowLast : 0) |
                                             ((flags & abi::AT_EMPTY_PATH) ? kAllowEmpty : 0)));
    PathName path;
    TRY(path.assign(new_user_path));
    ParentName name;
    TRY(resolve_parent(new_dirfd, path.view(), name));
    if (name.kind != ParentName::Kind::Normal)
        return Errno::EEXIST;
    Inode& directory = name.parent.inode();
    LockGuard guard(directory.lock);
    RefPtr<Dentry> dentry = TRY(free_name(name));
    if (target.mount != name.parent.mount)
        return Errno::EXDEV;
    Inode& inode = target.inode();
    if (inode.is_directory())
        return Errno::EPERM;
    if (inode.super_block != directory.super_block)
        return Errno::EXDEV;
    if (inode.links == 0 && !inode.is_temporary)
        return Errno::ENOENT;
    const NameChange change(*dentry);
    TRY(directory.link(name.view(), inode));
    inode.is_temporary = false;
    dentry_instantiate(*dentry, RefPtr<Inode>(&inode));
    guard.unlock();
    notify_event(inode, abi::IN_ATTRIB);
    notify_event(directory, abi::IN_CREATE, name.view());
    return {};
}

Result<void> sys_link(UserCString old_path, UserCString new_path) {
    return sys_linkat(DirFd{abi::AT_FDCWD}, old_path, DirFd{abi::AT_FDCWD}, new_path, AtFlags{0});
}

Result<void> sys_symlinkat(UserCString user_target, DirFd dirfd, UserCString user_path) {
    PathName target, path;
    TRY(target.assign(user_target));
    if (target.view().empty())
        return Errno::ENOENT;
    TRY(path.assign(user_path));
    ParentName name;
    TRY(resolve_parent(dirfd, path.view(), name));
    if (name.kind != ParentName::Kind::Normal)
        return Errno::EEXIST;
    Inode& directory = name.parent.inode();
    LockGuard guard(directory.lock);
    RefPtr<Dentry> dentry = TRY(free_name(name));
    const NewOwner owner = TRY(owner_of_new(directory, abi::S_IFLNK | abi::S_IRWXUGO));
    const NameChange change(*dentry);
    RefPtr<Inode> inode = TRY(directory.make_symlink(name.view(), target.view(), owner.uid, owner.gid));
    dentry_instantiate(*dentry, std::move(inode));
    guard.unlock();
    notify_event(directory, abi::IN_CREATE, name.view());
    return {};
}

Result<void> sys_symlink(UserCString target, UserCString path) {
    return sys_symlinkat(target, DirFd{abi::AT_FDCWD}, path);
}

} // namespace lxcore
