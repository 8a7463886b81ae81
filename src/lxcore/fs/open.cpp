// open(2): rules, creation, and the object for each type of file.
#include "abi/limits.hpp"
#include "abi/mount.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/walker.hpp"
#include "lxcore/ipc/pipe.hpp"

namespace lxcore {

// devfs: by major and minor number.
Result<RefPtr<File>> open_device(const Path& path, u32 flags);

namespace {

// Flags that are not kept in the open file.
constexpr u32 kOnceFlags = abi::O_CREAT | abi::O_EXCL | abi::O_NOCTTY | abi::O_TRUNC | abi::O_CLOEXEC;

u32 access_of(u32 flags) {
    // 3 is "for ioctl only": both rights are asked for, neither is given.
    static constexpr u32 kAccess[] = {abi::R_OK, abi::W_OK, abi::R_OK | abi::W_OK, abi::R_OK | abi::W_OK};
    return kAccess[flags & abi::O_ACCMODE] | ((flags & abi::O_TRUNC) ? abi::W_OK : 0);
}

// One more writer, unless the file is being run.
Result<void> add_writer(Inode& inode) {
    i32 count = inode.write_access.load(std::memory_order_relaxed);
    do {
        if (count < 0)
            return Errno::ETXTBSY;
    } while (!inode.write_access.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel));
    return {};
}

void finish_open(File& file, const Path& path, u32 flags) {
    if (!file.path)
        file.path = path;
    file.flags.store((flags & ~kOnceFlags) | ((flags & abi::O_PATH) ? 0 : abi::O_LARGEFILE),
                     std::memory_order_relaxed);
    file.opener = current().credentials;
}

Result<RefPtr<File>> open_data(const Path& path, u32 flags, bool is_new) {
    Inode& inode = path.inode();
    if (!inode.is_regular())
        return inode.open(path, flags);
    const bool writes = (access_of(flags) & abi::W_OK) != 0;
    if (writes)
        TRY(add_writer(inode));
    const bool keeps = writes && (flags & abi::O_ACCMODE) != abi::O_RDONLY;
    auto opened = [&]() -> Result<RefPtr<File>> {
        if ((flags & abi::O_TRUNC) && !is_new) { // of an empty file, too: its times move
            TRY(truncate_inode(inode, 0));
            notify_dentry(*path.dentry, abi::IN_MODIFY);
        }
        return inode.open(path, flags);
    }();
    if (writes && (opened.is_error() || !keeps))
        inode.write_access.fetch_sub(1, std::memory_order_acq_rel);
    else if (keeps) {
        path.mount->writers.fetch_add(1, std::memory_order_acq_rel);
        opened.value()->path = path;
        opened.value()->counts_writer = true;
    }
    return opened;
}

// All checks are done.
Result<RefPtr<File>> open_checked(const Path& path, u32 flags, bool is_new) {
    if (flags & abi::O_PATH) {
        RefPtr<File> file = TRY(make_ref<File>());
        finish_open(*file, path, flags);
        return file;
    }
    Inode& inode = path.inode();
    RefPtr<File> file;
    switch (inode.mode & abi::S_IFMT) {
    case abi::S_IFREG:
    case abi::S_IFDIR: file = TRY(open_data(path, flags, is_new)); break;
    case abi::S_IFIFO:
        // Without a pipe's state, an anonymous one is a stream of the host (stream_file.cpp).
        file = TRY(inode.super_block == dentry_cache().anonymous && !inode.fifo ? inode.open(path, flags)
                                                                               : open_fifo(path, flags));
        break;
    case abi::S_IFCHR:
    case abi::S_IFBLK: file = TRY(open_device(path, flags)); break;
    case abi::S_IFLNK: return Errno::ELOOP;
    case abi::S_IFSOCK: return Errno::ENXIO;
    default: file = TRY(inode.open(path, flags)); break; // anonymous files through /proc/self/fd
    }
    finish_open(*file, path, flags);
    file->is_named = true;
    notify_dentry(*path.dentry, abi::IN_OPEN);
    return file;
}

Result<RefPtr<File>> open_temporary(const Path& directory, u32 flags, u32 mode) {
    Inode& parent = directory.inode();
    TRY(may_create_in(directory));
    const NewOwner owner = TRY(owner_of_new(parent, abi::S_IFREG | (mode & abi::S_IALLUGO)));
    RefPtr<Inode> inode;
    {
        LockGuard guard(parent.lock);
        inode = TRY(parent.create_anonymous(owner.mode, owner.uid, owner.gid));
        TRY(apply_inherited_acl(*inode, owner.acl));
    }
    inode->is_temporary = !(flags & abi::O_EXCL);
    base::FixedWriter<32> name;
    print(name, "#{}", inode->number);
    RefPtr<Dentry> dentry = TRY(make_detached_dentry(*parent.super_block, std::move(inode), name.view()));
    dentry->parent = directory.dentry;
    dentry->is_deleted = true;
    return open_checked(Path(directory.mount, std::move(dentry)), flags & ~abi::O_TMPFILE, true);
}

// With O_CREAT: opens the file, or makes it where the name is free.
Result<RefPtr<File>> open_or_create(i32 dirfd, std::string_view path, u32 flags, u32 mode, u32 resolve_flags) {
    Walker walker(resolve_flags);
    TRY(walker.start(dirfd, path));
    for (;;) {
        ParentName name;
        TRY(walker.run(&name));
        if (name.kind != ParentName::Kind::Normal)
            return (flags & abi::O_EXCL) ? Errno::EEXIST : Errno::EISDIR;
        if (name.trailing_slash)
            return Errno::EISDIR;
        // Where each lookup asks the host, one is enough.
        RefPtr<Dentry> dentry;
        if (name.parent.inode().super_block->asks_always)
            trim_dentries();
        else
            dentry = TRY(lookup_dentry(*name.parent.dentry, name.view()));
        if (!dentry || dentry->is_negative()) {
            Inode& directory = name.parent.inode();
            LockGuard guard(directory.lock);
            dentry = TRY(lookup_dentry_locked(*name.parent.dentry, name.view()));
            if (dentry->is_negative()) {
                TRY(may_create_in(name.parent));
                const NewOwner owner = TRY(owner_of_new(directory, abi::S_IFREG | (mode & abi::S_IALLUGO)));
                const NameChange change(*dentry);
                RefPtr<Inode> inode = TRY(make_node(directory, name.view(), owner, 0));
                dentry_instantiate(*dentry, std::move(inode));
                guard.unlock();
                notify_event(directory, abi::IN_CREATE, name.view());
                return open_checked(Path(name.parent.mount, std::move(dentry)), flags, true);
            }
        }
        if (flags & abi::O_EXCL)
            return Errno::EEXIST;
        if (dentry->inode->is_symlink() && !(flags & abi::O_NOFOLLOW)) {
            TRY(walker.follow(*dentry));
            if (!walker.is_finished())
                continue;
        } else {
            walker.at().dentry = std::move(dentry);
            TRY(walker.enter_mounts());
        }
        const Path place = walker.take();
        if (place.inode().is_directory())
            return Errno::EISDIR;
        TRY(may_open(place, flags));
        return open_checked(place, flags, false);
    }
}

// Opens a file whose name was not asked for. Any error means that the usual way has to be gone.
Result<RefPtr<File>> open_trusted(const Path& place, u32 flags, u64 host_calls) {
    RefPtr<File> file = TRY(open_checked(place, flags, false));
    TRY(may_open(place, flags, host_calls));
    return place.inode().is_regular() ? Result<RefPtr<File>>(std::move(file)) : Errno::ESTALE;
}

} // namespace

Result<void> may_open(const Path& path, u32 flags, u64 host_calls) {
    Inode& inode = path.inode();
    if (flags & abi::O_PATH)
        return {};
    TRY(inode.refresh_rights(host_calls));
    const u32 access = access_of(flags);
    const bool writes = (access & abi::W_OK) != 0;
    switch (inode.mode & abi::S_IFMT) {
    case abi::S_IFLNK: return Errno::ELOOP;
    case abi::S_IFDIR:
        if (writes)
            return Errno::EISDIR;
        break;
    case abi::S_IFCHR:
    case abi::S_IFBLK:
        if (path.mount->flags & abi::MS_NODEV)
            return Errno::EACCES;
        break;
    case abi::S_IFREG:
        if (writes && path.mount->is_read_only())
            return Errno::EROFS;
        break;
    default: break;
    }
    TRY(check_permission(inode, access));
    if ((flags & abi::O_NOATIME) && !is_owner_or_capable(inode))
        return Errno::EPERM;
    return {};
}

Result<RefPtr<File>> open_path(const Path& path, u32 flags, u64 host_calls) {
    if ((flags & abi::O_DIRECTORY) && !path.inode().is_directory())
        return Errno::ENOTDIR;
    TRY(may_open(path, flags, host_calls));
    return open_checked(path, flags, false);
}

Result<RefPtr<File>> open_file(i32 dirfd, std::string_view path, u32 flags, u32 mode, u32 resolve_flags) {
    if (flags & abi::O_CREAT)
        return open_or_create(dirfd, path, flags, mode, resolve_flags);
    if (!(flags & abi::O_NOFOLLOW))
        resolve_flags |= kFollowLast;
    if (flags & abi::O_DIRECTORY)
        resolve_flags |= kLastDirectory;
    const u64 host_calls = current().host_file_calls;
    const bool may_trust = !(flags & (abi::O_TRUNC | abi::O_PATH | abi::O_DIRECTORY));
    Path place;
    {
        Walker walker(resolve_flags | (may_trust ? kTrustLast : 0));
        TRY(walker.start(dirfd, path));
        TRY(walker.run(nullptr));
        place = walker.take();
        if (walker.has_trusted()) {
            Result<RefPtr<File>> opened = open_trusted(place, flags, host_calls);
            if (opened.is_ok())
                return opened;
            place = TRY(resolve(dirfd, path, resolve_flags));
        }
    }
    if ((resolve_flags & kLastDirectory) && !place.inode().is_directory())
        return Errno::ENOTDIR;
    if ((flags & abi::O_TMPFILE) == abi::O_TMPFILE)
        return open_temporary(place, flags, mode);
    return open_path(place, flags, host_calls);
}

// ---- data of inodes

bool must_remove_privileges(const Inode& inode) {
    if (!(inode.mode & (abi::S_ISUID | abi::S_ISGID)) || !inode.is_regular())
        return false;
    if (!(inode.mode & abi::S_ISUID) && !(inode.mode & abi::S_IXGRP))
        return false;
    return !current().credentials->has_capability(abi::CAP_FSETID);
}

static u32 mode_without_privileges(u32 mode) {
    mode &= ~abi::S_ISUID;
    return (mode & abi::S_IXGRP) ? mode & ~abi::S_ISGID : mode;
}

Result<void> remove_privileges(Inode& inode) {
    LockGuard guard(inode.lock);
    AttributeChange change;
    change.valid = kChangeMode | kChangeChanged;
    change.mode = mode_without_privileges(inode.mode) & abi::S_IALLUGO;
    return inode.set_attributes(change);
}

Result<void> truncate_inode(Inode& inode, u64 length) {
    LockGuard guard(inode.lock);
    AttributeChange change;
    change.valid = kChangeSize | kChangeModified | kChangeChanged;
    change.size = length;
    now_realtime(change.modified);
    if (must_remove_privileges(inode)) {
        change.valid |= kChangeMode;
        change.mode = mode_without_privileges(inode.mode) & abi::S_IALLUGO;
    }
    return inode.set_attributes(change);
}

} // namespace lxcore
