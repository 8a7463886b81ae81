// chmod(2), chown(2), utimensat(2).
#include "abi/prctl.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

// Stores the change and tells watchers. The inode's lock is held by the caller until here.
Result<void> apply(const Path& place, const AttributeChange& change, LockGuard& guard) {
    TRY(place.inode().set_attributes(change));
    guard.unlock();
    notify_dentry(*place.dentry, abi::IN_ATTRIB);
    return {};
}

// ---- mode

Result<void> change_mode(const Path& place, u32 mode) {
    if (place.mount->is_read_only())
        return Errno::EROFS;
    Inode& inode = place.inode();
    TRY(inode.refresh_rights());
    const Credentials& credentials = *current().credentials;
    LockGuard guard(inode.lock);
    if (!is_owner_or_capable(inode))
        return Errno::EPERM;
    if (inode.is_symlink())
        return Errno::EOPNOTSUPP;
    AttributeChange change;
    change.valid = kChangeMode | kChangeChanged;
    change.mode = mode & abi::S_IALLUGO;
    if (!credentials.is_in_group(inode.gid) && !credentials.has_capability(abi::CAP_FSETID))
        change.mode &= ~abi::S_ISGID;
    return apply(place, change, guard);
}

// ---- owner

Result<void> change_owner(const Path& place, i32 uid, i32 gid) {
    if (place.mount->is_read_only())
        return Errno::EROFS;
    Inode& inode = place.inode();
    TRY(inode.refresh_rights());
    const Credentials& credentials = *current().credentials;
    const bool is_capable = credentials.has_capability(abi::CAP_CHOWN);
    LockGuard guard(inode.lock);
    const bool is_owner = credentials.fsuid == inode.uid;
    AttributeChange change;
    change.valid = kChangeChanged;
    if (uid != -1) {
        change.valid |= kChangeUid;
        change.uid = static_cast<u32>(uid);
        if (!is_capable && !(is_owner && change.uid == inode.uid))
            return Errno::EPERM;
    }
    if (gid != -1) {
        change.valid |= kChangeGid;
        change.gid = static_cast<u32>(gid);
        if (!is_capable && !(is_owner && (change.gid == inode.gid || credentials.is_in_group(change.gid))))
            return Errno::EPERM;
    }
    // Even root's chown takes the set-id bits off a program; a group bit without group execution is a lock mark.
    if (!inode.is_directory() && (inode.mode & (abi::S_ISUID | abi::S_ISGID))) {
        change.valid |= kChangeMode;
        change.mode = inode.mode & abi::S_IALLUGO & ~abi::S_ISUID;
        if (change.mode & abi::S_IXGRP)
            change.mode &= ~abi::S_ISGID;
    }
    return apply(place, change, guard);
}

// ---- times

struct NewTimes {
    abi::timespec accessed{0, abi::UTIME_NOW}, modified{0, abi::UTIME_NOW};
};

bool is_valid_time(const abi::timespec& time) {
    return time.tv_nsec == abi::UTIME_NOW || time.tv_nsec == abi::UTIME_OMIT ||
           (time.tv_nsec >= 0 && time.tv_nsec < abi::NSEC_PER_SEC);
}

Result<void> change_times(const Path& place, const NewTimes& times) {
    const bool both_now = times.accessed.tv_nsec == abi::UTIME_NOW && times.modified.tv_nsec == abi::UTIME_NOW;
    if (times.accessed.tv_nsec == abi::UTIME_OMIT && times.modified.tv_nsec == abi::UTIME_OMIT)
        return {};
    if (place.mount->is_read_only())
        return Errno::EROFS;
    Inode& inode = place.inode();
    TRY(inode.refresh_rights());
    if (!is_owner_or_capable(inode)) {
        if (!both_now)
            return Errno::EPERM;
        TRY(check_permission(inode, abi::W_OK));
    }
    AttributeChange change;
    change.valid = kChangeChanged;
    abi::timespec now{};
    if (auto exact = host::clock_time(abi::CLOCK_REALTIME); exact.is_ok())
        now = exact.value();
    if (times.accessed.tv_nsec != abi::UTIME_OMIT) {
        change.valid |= kChangeAccessed;
        change.accessed = times.accessed.tv_nsec == abi::UTIME_NOW ? now : times.accessed;
    }
    if (times.modified.tv_nsec != abi::UTIME_OMIT) {
        change.valid |= kChangeModified;
        change.modified = times.modified.tv_nsec == abi::UTIME_NOW ? now : times.modified;
    }
    LockGuard guard(inode.lock);
    return apply(place, change, guard);
}

Result<NewTimes> from_timevals(UserPtr<abi::timeval> user) {
    NewTimes times;
    if (!user)
        return times;
    abi::timeval values[2];
    TRY(user.read_array(values, 2));
    for (const abi::timeval& value : values)
        if (value.tv_usec < 0 || value.tv_usec >= 1'000'000)
            return Errno::EINVAL;
    times.accessed = {values[0].tv_sec, values[0].tv_usec * 1000};
    times.modified = {values[1].tv_sec, values[1].tv_usec * 1000};
    return times;
}

} // namespace

Result<void> sys_fchmodat2(DirFd dirfd, UserCString path, FileMode mode, AtFlags flags) {
    if (flags & ~(abi::AT_SYMLINK_NOFOLLOW | abi::AT_EMPTY_PATH))
        return Errno::EINVAL;
    return change_mode(TRY(resolve_user(dirfd, path, lookup_flags(flags))), mode);
}
Result<void> sys_fchmodat(DirFd dirfd, UserCString path, FileMode mode) {
    return sys_fchmodat2(dirfd, path, mode, AtFlags{0});
}
Result<void> sys_chmod(UserCString path, FileMode mode) {
    return sys_fchmodat2(DirFd{abi::AT_FDCWD}, path, mode, AtFlags{0});
}
Result<void> sys_fchmod(Fd fd, FileMode mode) { return change_mode(TRY(get_file(fd))->path, mode); }

Result<void> sys_fchownat(DirFd dirfd, UserCString path, i32 uid, i32 gid, AtFlags flags) {
    if (flags & ~(abi::AT_SYMLINK_NOFOLLOW | abi::AT_EMPTY_PATH))
        return Errno::EINVAL;
    return change_owner(TRY(resolve_user(dirfd, path, lookup_flags(flags))), uid, gid);
}
Result<void> sys_chown(UserCString path, i32 uid, i32 gid) {
    return sys_fchownat(DirFd{abi::AT_FDCWD}, path, uid, gid, AtFlags{0});
}
Result<void> sys_lchown(UserCString path, i32 uid, i32 gid) {
    return sys_fchownat(DirFd{abi::AT_FDCWD}, path, uid, gid, AtFlags{abi::AT_SYMLINK_NOFOLLOW});
}
Result<void> sys_fchown(Fd fd, i32 uid, i32 gid) { return change_owner(TRY(get_file(fd))->path, uid, gid); }

Result<void> sys_utimensat(DirFd dirfd, UserCString path, UserPtr<abi::timespec> user_times, AtFlags flags) {
    NewTimes times;
    if (user_times) {
        abi::timespec values[2];
        TRY(user_times.read_array(values, 2));
        if (!is_valid_time(values[0]) || !is_valid_time(values[1]))
            return Errno::EINVAL;
        times = {values[0], values[1]};
        if (times.accessed.tv_nsec == abi::UTIME_OMIT && times.modified.tv_nsec == abi::UTIME_OMIT)
            return {}; // not even the path is looked at
    }
    if (flags & ~(abi::AT_SYMLINK_NOFOLLOW | abi::AT_EMPTY_PATH))
        return Errno::EINVAL;
    if (!path && dirfd != abi::AT_FDCWD) { // futimens(3)
        if (flags != 0)
            return Errno::EINVAL;
        return change_times(TRY(get_file(dirfd))->path, times);
    }
    return change_times(TRY(resolve_user(dirfd, path, lookup_flags(flags))), times);
}

Result<void> sys_futimesat(DirFd dirfd, UserCString path, UserPtr<abi::timeval> user_times) {
    const NewTimes times = TRY(from_timevals(user_times));
    if (!path && dirfd != abi::AT_FDCWD)
        return change_times(TRY(get_file(dirfd))->path, times);
    return change_times(TRY(resolve_user(dirfd, path, kFollowLast)), times);
}

Result<void> sys_utimes(UserCString path, UserPtr<abi::timeval> times) {
    return sys_futimesat(DirFd{abi::AT_FDCWD}, path, times);
}

Result<void> sys_utime(UserCString path, UserPtr<abi::utimbuf> user_times) {
    NewTimes times;
    if (user_times) {
        const abi::utimbuf value = TRY(user_times.read());
        times.accessed = {value.actime, 0};
        times.modified = {value.modtime, 0};
    }
    return change_times(TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast)), times);
}

} // namespace lxcore
