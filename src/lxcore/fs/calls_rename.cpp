// rename(2), renameat2(2).
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

// The locks of both directories: the ancestor first, so that a rename and a lookup below never wait for each other;
// unrelated ones by address. The super block's rename lock keeps the tree still meanwhile.
class ParentLocks {
public:
    ParentLocks(const Path& old_parent, const Path& new_parent) {
        Inode& old_directory = old_parent.inode();
        Inode& new_directory = new_parent.inode();
        if (&old_directory == &new_directory) {
            take(old_directory.lock);
            return;
        }
        take(old_directory.super_block->rename_lock);
        bool old_first = &old_directory < &new_directory;
        if (is_same_or_below(*new_parent.dentry, old_directory))
            old_first = true;
        else if (is_same_or_below(*old_parent.dentry, new_directory))
            old_first = false;
        take(old_first ? old_directory.lock : new_directory.lock);
        take(old_first ? new_directory.lock : old_directory.lock);
    }
    LXSS_NO_COPY(ParentLocks);
    ~ParentLocks() { release(); }
    void release() {
        while (m_count > 0)
            m_locks[--m_count]->unlock();
    }

private:
    void take(Mutex& lock) {
        lock.lock();
        m_locks[m_count++] = &lock;
    }
    Mutex* m_locks[3] = {};
    u32 m_count = 0;
};

Result<void> check_trailing_slashes(const ParentName& from, const ParentName& to, const Dentry& source,
                                    const Dentry& target, bool is_exchange) {
    if (!source.inode->is_directory() && (from.trailing_slash || (!is_exchange && to.trailing_slash)))
        return Errno::ENOTDIR;
    if (is_exchange && !target.inode->is_directory() && to.trailing_slash)
        return Errno::ENOTDIR;
    return {};
}

Result<void> rename_names(ParentName& from, ParentName& to, u32 flags) {
    const bool is_exchange = (flags & abi::RENAME_EXCHANGE) != 0;
    if (from.parent.mount != to.parent.mount)
        return Errno::EXDEV;
    if (from.kind != ParentName::Kind::Normal)
        return Errno::EBUSY;
    if (to.kind != ParentName::Kind::Normal)
        return (flags & abi::RENAME_NOREPLACE) ? Errno::EEXIST : Errno::EBUSY;
    Inode& old_directory = from.parent.inode();
    Inode& new_directory = to.parent.inode();
    const bool same_directory = &old_directory == &new_directory;

    ParentLocks locks(from.parent, to.parent);
    RefPtr<Dentry> source = TRY(lookup_dentry_locked(*from.parent.dentry, from.view()));
    if (source->is_negative())
        return Errno::ENOENT;
    RefPtr<Dentry> target = TRY(lookup_dentry_locked(*to.parent.dentry, to.view()));
    if ((flags & abi::RENAME_NOREPLACE) && !target->is_negative())
        return Errno::EEXIST;
    if (is_exchange && target->is_negative())
        return Errno::ENOENT;
    TRY(check_trailing_slashes(from, to, *source, *target, is_exchange));
    RefPtr<Inode> moved = source->inode, replaced = target->inode;
    const bool moves_directory = moved->is_directory();
    if (!same_directory) {
        if (moves_directory && is_same_or_below(*to.parent.dentry, *moved))
            return Errno::EINVAL;
        if (replaced && replaced->is_directory() && is_same_or_below(*from.parent.dentry, *replaced))
            return is_exchange ? Errno::EINVAL : Errno::ENOTEMPTY;
    }
    if (moved == replaced) {
        if (!same_directory || is_exchange || !old_directory.is_other_spelling(from.view(), to.view()))
            return {}; // two names of one file
        replaced.reset();
    }
    TRY(may_delete(from.parent, *source, moves_directory));
    if (!replaced)
        TRY(may_create_in(to.parent));
    else
        TRY(may_delete(to.parent, *target, is_exchange ? replaced->is_directory() : moves_directory));
    // A directory that changes its parent is itself written: its ".." changes.
    if (!same_directory && moves_directory)
        TRY(check_permission(*moved, abi::W_OK));
    if (!same_directory && is_exchange && replaced->is_directory())
        TRY(check_permission(*replaced, abi::W_OK));

    const NameChange source_change(*source), target_change(*target);
    // A whiteout is no device to anybody, and thus needs no capability.
    const bool leaves_whiteout = (flags & abi::RENAME_WHITEOUT) != 0;
    Whiteout whiteout{};
    if (leaves_whiteout) {
        const NewOwner owner = TRY(owner_of_new(old_directory, abi::S_IFCHR));
        whiteout = {owner.mode, owner.uid, owner.gid};
    }
    TRY(old_directory.rename(from.view(), *moved, new_directory, to.view(), replaced.get(),
                             flags & ~abi::RENAME_WHITEOUT, leaves_whiteout ? &whiteout : nullptr));
    if (is_exchange)
        dentry_exchanged(*source, *target);
    else
        dentry_moved(*source, *to.parent.dentry, to.view(), target.get());
    locks.release();
    notify_move(old_directory, from.view(), new_directory, to.view(), *moved, is_exchange ? nullptr : replaced.get());
    if (is_exchange)
        notify_move(new_directory, to.view(), old_directory, from.view(), *replaced, nullptr);
    return {};
}

} // namespace

Result<void> sys_renameat2(DirFd old_dirfd, UserCString old_user_path, DirFd new_dirfd, UserCString new_user_path,
                           HexFlags flags) {
    if (flags & ~u64{abi::RENAME_NOREPLACE | abi::RENAME_EXCHANGE | abi::RENAME_WHITEOUT})
        return Errno::EINVAL;
    if ((flags & abi::RENAME_EXCHANGE) && flags != abi::RENAME_EXCHANGE)
        return Errno::EINVAL;
    ParentName from, to;
    {
        PathName path;
        TRY(path.assign(old_user_path));
        TRY(resolve_parent(old_dirfd, path.view(), from));
    }
    {
        PathName path;
        TRY(path.assign(new_user_path));
        TRY(resolve_parent(new_dirfd, path.view(), to));
    }
    return rename_names(from, to, static_cast<u32>(flags.value));
}

Result<void> sys_renameat(DirFd old_dirfd, UserCString old_path, DirFd new_dirfd, UserCString new_path) {
    return sys_renameat2(old_dirfd, old_path, new_dirfd, new_path, HexFlags{0});
}

Result<void> sys_rename(UserCString old_path, UserCString new_path) {
    return sys_renameat2(DirFd{abi::AT_FDCWD}, old_path, DirFd{abi::AT_FDCWD}, new_path, HexFlags{0});
}

} // namespace lxcore
