// The mount table. Its list is short and its lock is held for list walks only; a dentry's `mounted` count keeps path
// resolution from taking the lock where nothing is mounted.
#include "lxcore/fs/mount_tree.hpp"

#include "abi/mount.hpp"
#include "lxcore/fs/init.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u32 kFileSystemFlags = abi::MS_RDONLY | abi::MS_SYNCHRONOUS | abi::MS_MANDLOCK | abi::MS_DIRSYNC |
                                 abi::MS_SILENT | abi::MS_POSIXACL | abi::MS_I_VERSION | abi::MS_LAZYTIME;
constexpr u32 kMountFlags = abi::MS_RDONLY | abi::MS_NOSUID | abi::MS_NODEV | abi::MS_NOEXEC | abi::MS_NOATIME |
                            abi::MS_NODIRATIME | abi::MS_RELATIME | abi::MS_STRICTATIME | abi::MS_NOSYMFOLLOW;

void table_changed() {
    mount_state().generation.fetch_add(1, std::memory_order_relaxed);
    mount_state().changed.wake_all();
}

// Relative access times are the default, as in mount(8).
u32 mount_flags(u32 flags) {
    u32 kept = flags & kMountFlags;
    if (!(kept & (abi::MS_NOATIME | abi::MS_STRICTATIME)))
        kept |= abi::MS_RELATIME;
    return kept & ~static_cast<u32>(abi::MS_STRICTATIME);
}

bool is_mount_below(const Mount& mount, const Mount& ancestor) {
    for (const Mount* at = &mount; at; at = at->parent.get())
        if (at == &ancestor)
            return true;
    return false;
}

// Whether something of that type can be mounted there.
Result<void> check_mountpoint(const Path& where, const Inode& top) {
    if (where.dentry->is_deleted)
        return Errno::ENOENT;
    if (top.is_directory() != where.inode().is_directory())
        return Errno::ENOTDIR;
    dentry_pin_name(*where.dentry);
    return {};
}

} // namespace

Mount::~Mount() {
    if (!super_block || super_block->mount_count.fetch_sub(1) != 1)
        return;
    // The last one: the file system goes with it once nobody has its files open.
    Dentry* top = super_block->root.get();
    root.reset();
    if (top) {
        (void)super_block->sync();
        shrink_dentries(top);
        super_block->unmounted();
    }
}

Result<void> initialize_fs() {
    TRY(initialize_dentry_cache());
    kernel().mounts = TRY(make<MountState>());
    // Pipes, sockets and anonymous files live here; no path leads to it.
    RefPtr<SuperBlock> anonymous = TRY(make_ref<SuperBlock>());
    anonymous->device = abi::makedev(0, 1);
    anonymous->magic = abi::ANON_INODE_FS_MAGIC;
    anonymous->type_name = "anon_inodefs";
    RefPtr<Inode> inode = TRY(make_ref<Inode>());
    inode->super_block = anonymous;
    inode->mode = abi::S_IFDIR | 0700;
    anonymous->root = TRY(make_root_dentry(*anonymous, inode));
    dentry_cache().anonymous = anonymous;
    mount_state().anonymous = TRY(make_mount(anonymous, anonymous->root, "none", 0));
    mount_state().anonymous->is_attached = false;
    return register_memory_file_systems();
}

// ---- mounting

Result<void> mount_root(RefPtr<SuperBlock> super_block, std::string_view source) {
    RefPtr<Dentry> root = super_block->root;
    const u32 flags = mount_flags(super_block->flags);
    LockGuard guard(mount_state().lock);
    RefPtr<Mount> mount = TRY(make_mount(std::move(super_block), std::move(root), source, flags));
    attach_mount(*mount);
    mount_state().root = mount;
    return {};
}

Result<void> mount_at(const Path& where, RefPtr<SuperBlock> super_block, std::string_view source, u32 flags) {
    const Path target = cross_mounts_down(where);
    RefPtr<Dentry> root = super_block->root;
    super_block->flags |= flags & kFileSystemFlags;
    TRY(check_mountpoint(target, *root->inode));
    RefPtr<Mount> mount; // dropped after the lock, as the tree
    MountTree tree;
    {
        LockGuard guard(mount_state().lock);
        if (!target.mount->is_attached)
            return Errno::EINVAL;
        mount = TRY(make_mount(std::move(super_block), std::move(root), source, mount_flags(flags)));
        TRY(tree.add(mount));
        TRY(attach_tree(target, tree));
    }
    table_changed();
    return {};
}

Result<void> bind_mount(const Path& from, const Path& where, bool recursive) {
    const Path target = cross_mounts_down(where);
    TRY(check_mountpoint(target, from.inode()));
    MountTree originals, copies;
    {
        LockGuard guard(mount_state().lock);
        if (!target.mount->is_attached || from.mount->is_unbindable)
            return Errno::EINVAL;
        if (recursive)
            TRY(collect_mounts(*from.mount, *from.dentry, originals));
        else
            TRY(originals.add(from.mount));
        TRY(copy_mounts(originals, *from.dentry, copies));
        TRY(attach_tree(target, copies));
    }
    table_changed();
    return {};
}

Result<void> move_mount(const Path& from, const Path& where) {
    const Path target = cross_mounts_down(where);
    dentry_pin_name(*target.dentry);
    MountTree tree;
    DetachedMounts old;
    {
        LockGuard guard(mount_state().lock);
        Mount& mount = *from.mount;
        if (mount.root != from.dentry || !mount.is_attached || !mount.parent || !target.mount->is_attached)
            return Errno::EINVAL;
        if (mount.parent->peer_group != 0)
            return Errno::EINVAL; // it would have to go elsewhere, too
        if (is_mount_below(*target.mount, mount))
            return Errno::ELOOP;
        if (mount.root->inode->is_directory() != target.inode().is_directory())
            return Errno::ENOTDIR;
        TRY(collect_mounts(mount, *mount.root, tree));
        for (usize i = 0; i < tree.size(); ++i)
            if (target.mount->peer_group != 0 && tree[i].is_unbindable)
                return Errno::EINVAL;
        TRY(old.prepare());
        const Path before(mount.parent, mount.mountpoint);
        old.detach(mount);
        const Result<void> attached = attach_tree(target, tree);
        if (attached.is_error()) {
            mount.parent = before.mount;
            mount.mountpoint = before.dentry;
            attach_mount(mount);
            return attached;
        }
    }
    table_changed();
    return {};
}

Result<void> change_propagation(const Path& where, u64 kind, bool recursive) {
    MountTree tree;
    {
        LockGuard guard(mount_state().lock);
        Mount& mount = *where.mount;
        if (mount.root != where.dentry || !mount.is_attached)
            return Errno::EINVAL;
        if (recursive)
            TRY(collect_mounts(mount, *mount.root, tree));
        else
            TRY(tree.add(where.mount));
        for (usize i = 0; i < tree.size(); ++i)
            set_propagation(tree[i], kind);
    }
    table_changed();
    return {};
}

Result<void> remount(const Path& where, u32 flags, bool bind, std::string_view data) {
    Mount& mount = *where.mount;
    if (mount.root != where.dentry)
        return Errno::EINVAL;
    if (flags & abi::MS_RDONLY) {
        // Of the mount, or of every mount of the file system.
        LockGuard guard(mount_state().lock);
        for (Mount& other : mount_state().mounts)
            if ((&other == &mount || (!bind && other.super_block == mount.super_block)) && other.writers.load() != 0)
                return Errno::EBUSY;
    }
    if (!bind) {
        const u32 kept = mount.super_block->flags & ~kFileSystemFlags;
        TRY(mount.super_block->remount(kept | (flags & kFileSystemFlags), data));
    }
    mount.flags = mount_flags(flags);
    table_changed();
    return {};
}

namespace {

// How often a mount is referred to when nobody works in it: by the table, and by whoever is about to unmount it.
bool is_busy(const Mount& mount, u32 own_references) { return mount.reference_count() > 1 + own_references; }

void take_away(Mount& mount, DetachedMounts& out) {
    set_propagation(mount, abi::MS_PRIVATE);
    out.detach(mount);
}

// A mount without others below it, and those that go with it.
Result<void> unmount_one(Mount& mount, DetachedMounts& old) {
    MountTree propagated;
    if (has_mounts(mount) || is_busy(mount, 1)) // the caller's path
        return Errno::EBUSY;
    TRY(find_propagated(mount, propagated));
    TRY(old.prepare());
    for (usize i = 0; i < propagated.size(); ++i)
        if (!has_mounts(propagated[i]) && is_busy(propagated[i], 1))
            return Errno::EBUSY;
    for (usize i = 0; i < propagated.size(); ++i)
        if (!has_mounts(propagated[i]))
            take_away(propagated[i], old);
    take_away(mount, old);
    return {};
}

// The whole tree leaves the table; each of its mounts lives on while somebody uses it.
Result<void> unmount_lazily(Mount& top, DetachedMounts& old) {
    MountTree tree;
    TRY(collect_mounts(top, *top.root, tree));
    TRY(old.prepare());
    for (usize i = tree.size(); i > 0; --i) {
        Mount& mount = tree[i - 1];
        if (!mount.is_attached)
            continue; // gone with another
        MountTree propagated;
        TRY(find_propagated(mount, propagated));
        for (usize k = 0; k < propagated.size(); ++k)
            if (!has_mounts(propagated[k]))
                take_away(propagated[k], old);
        take_away(mount, old);
    }
    return {};
}

} // namespace

Result<void> unmount(const Path& where, u32 flags) {
    const bool is_lazy = (flags & abi::MNT_DETACH) != 0;
    if (where.mount->root != where.dentry)
        return Errno::EINVAL;
    if (!is_lazy) // unused names do not keep a file system busy
        shrink_dentries(where.mount->super_block->root.get());
    DetachedMounts old;
    Result<void> done;
    {
        LockGuard guard(mount_state().lock);
        Mount& mount = *where.mount;
        if (!mount.is_attached)
            return Errno::EINVAL;
        if (!mount.parent)
            return is_lazy ? Errno::EINVAL : Errno::EBUSY;
        done = is_lazy ? unmount_lazily(mount, old) : unmount_one(mount, old);
    }
    if (done.is_ok())
        table_changed();
    return done;
}

Result<void> pivot_root(const Path& new_root, const Path& put_old) {
    RefPtr<Mount> old_root = mount_state().root;
    DetachedMounts moved;
    {
        LockGuard guard(mount_state().lock);
        Mount& mount = *new_root.mount;
        if (mount.root != new_root.dentry || !mount.is_attached || !mount.parent)
            return Errno::EINVAL;
        if (&mount == old_root || put_old.mount == old_root)
            return Errno::EBUSY;
        if (!is_mount_below(*put_old.mount, mount) || find_mount(*put_old.mount, *put_old.dentry))
            return Errno::EINVAL;
        if (put_old.mount->peer_group != 0 || mount.parent->peer_group != 0)
            return Errno::EINVAL;
        TRY(moved.prepare());
        moved.detach(mount);
        attach_mount(mount);
        moved.detach(*old_root);
        old_root->parent = put_old.mount;
        old_root->mountpoint = put_old.dentry;
        attach_mount(*old_root);
        mount_state().root = RefPtr<Mount>(&mount);
    }
    table_changed();
    return {};
}

// ---- crossing

Path cross_mounts_down(Path path) {
    while (is_mountpoint(*path.dentry)) {
        RefPtr<Mount> child;
        {
            LockGuard guard(mount_state().lock);
            child = RefPtr<Mount>(find_mount(*path.mount, *path.dentry));
        }
        if (!child)
            break;
        path.dentry = child->root;
        path.mount = std::move(child);
    }
    return path;
}

bool cross_mount_up(Path& path) {
    if (path.mount->root != path.dentry)
        return false;
    Path up;
    {
        LockGuard guard(mount_state().lock);
        if (!path.mount->parent)
            return false;
        up = Path(path.mount->parent, path.mount->mountpoint);
    }
    path = std::move(up);
    return true;
}

// ---- the current task's places

Path current_root() {
    FsContext& fs = *current().fs;
    if (fs.reference_count() == 1)
        return fs.root; // nobody else can change it
    LockGuard guard(fs.lock);
    return fs.root;
}

Path current_directory() {
    FsContext& fs = *current().fs;
    if (fs.reference_count() == 1)
        return fs.cwd;
    LockGuard guard(fs.lock);
    return fs.cwd;
}

// ---- text

Result<usize> print_path(const Path& path, const Path& root, char* buffer, usize capacity, bool mark_unreachable) {
    static constexpr std::string_view kDeleted = " (deleted)", kUnreachable = "(unreachable)";
    usize start = capacity; // built from the buffer's end
    const auto prepend = [&](std::string_view text) {
        if (text.size() > start)
            return false;
        start -= text.size();
        __builtin_memcpy(buffer + start, text.data(), text.size());
        return true;
    };
    if (path.dentry->is_deleted && !prepend(kDeleted))
        return Errno::ENAMETOOLONG;
    if (path.mount == mount_state().anonymous || (!path.dentry->parent && path.mount->root != path.dentry)) {
        if (!prepend(path.dentry->name.view()))
            return Errno::ENAMETOOLONG;
    } else {
        LockGuard mounts(mount_state().lock);
        LockGuard names(dentry_cache().lock);
        const Mount* mount = path.mount.get();
        const Dentry* dentry = path.dentry.get();
        bool has_name = false, is_reachable = true;
        while (dentry != root.dentry.get() || mount != root.mount.get()) {
            if (dentry == mount->root.get()) {
                if (!mount->parent) {
                    is_reachable = false;
                    break;
                }
                dentry = mount->mountpoint.get();
                mount = mount->parent.get();
                continue;
            }
            if (!dentry->parent) {
                is_reachable = false;
                break;
            }
            if (!prepend(dentry->name.view()) || !prepend("/"))
                return Errno::ENAMETOOLONG;
            has_name = true;
            dentry = dentry->parent.get();
        }
        if (!has_name && !prepend("/"))
            return Errno::ENAMETOOLONG;
        if (!is_reachable && mark_unreachable && !prepend(kUnreachable))
            return Errno::ENAMETOOLONG;
    }
    const usize length = capacity - start;
    __builtin_memmove(buffer, buffer + start, length);
    return length;
}

} // namespace lxcore
