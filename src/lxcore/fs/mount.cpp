// The mount table. Its list is short and its lock is held for list walks only; a dentry's `mounted` count keeps path
// resolution from taking the lock where nothing is mounted.
#include "lxcore/fs/mount.hpp"

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

// With the state's lock held. The mount whose mount point is `dentry` in `parent`.
Mount* find_child(const Mount& parent, const Dentry& dentry) {
    for (Mount& mount : mount_state().mounts)
        if (mount.parent == &parent && mount.mountpoint == &dentry)
            return &mount;
    return nullptr;
}

bool has_children(const Mount& parent) {
    for (Mount& mount : mount_state().mounts)
        if (mount.parent == &parent)
            return true;
    return false;
}

Result<RefPtr<Mount>> new_mount(RefPtr<SuperBlock> super_block, RefPtr<Dentry> root, std::string_view source,
                                u32 flags) {
    RefPtr<Mount> mount = TRY(make_ref<Mount>());
    mount->source = TRY(String::create(source));
    super_block->mount_count.fetch_add(1);
    mount->super_block = std::move(super_block);
    mount->root = std::move(root);
    mount->flags = flags;
    LockGuard guard(mount_state().lock);
    mount->id = ++mount_state().last_id;
    return mount;
}

// With the state's lock held: the list keeps a reference.
void attach(Mount& mount, const Path* where) {
    if (where) {
        mount.parent = where->mount;
        mount.mountpoint = where->dentry;
        mount.mountpoint->mounted.fetch_add(1, std::memory_order_release);
    }
    mount.is_attached = true;
    mount.ref();
    mount_state().mounts.push_back(mount);
}

// With the state's lock held. What it gives back must be dropped after unlocking; so must the list's reference.
struct Detached {
    RefPtr<Mount> mount, parent;
    RefPtr<Dentry> mountpoint;
};
void detach(Mount& mount, Detached& out) {
    mount.list_node.unlink();
    if (mount.mountpoint)
        mount.mountpoint->mounted.fetch_sub(1, std::memory_order_release);
    out.mount = RefPtr<Mount>::adopt(&mount);
    out.parent = std::move(mount.parent);
    out.mountpoint = std::move(mount.mountpoint);
    mount.is_attached = false;
}

Result<void> attach_at(const Path& where, Mount& mount) {
    if (where.dentry->is_deleted)
        return Errno::ENOENT;
    if (mount.root->inode->is_directory() != where.inode().is_directory())
        return Errno::ENOTDIR;
    dentry_pin_name(*where.dentry);
    {
        LockGuard guard(mount_state().lock);
        if (!where.mount->is_attached)
            return Errno::EINVAL;
        attach(mount, &where);
    }
    table_changed();
    return {};
}

bool is_mount_below(const Mount& mount, const Mount& ancestor) {
    for (const Mount* at = &mount; at; at = at->parent.get())
        if (at == &ancestor)
            return true;
    return false;
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
    mount_state().anonymous = TRY(new_mount(anonymous, anonymous->root, "none", 0));
    mount_state().anonymous->is_attached = false;
    return register_memory_file_systems();
}

// ---- mounting

Result<void> mount_root(RefPtr<SuperBlock> super_block, std::string_view source) {
    RefPtr<Dentry> root = super_block->root;
    RefPtr<Mount> mount = TRY(new_mount(super_block, root, source, mount_flags(super_block->flags)));
    LockGuard guard(mount_state().lock);
    attach(*mount, nullptr);
    mount_state().root = mount;
    return {};
}

Result<void> mount_at(const Path& where, RefPtr<SuperBlock> super_block, std::string_view source, u32 flags) {
    RefPtr<Dentry> root = super_block->root;
    super_block->flags |= flags & kFileSystemFlags;
    RefPtr<Mount> mount = TRY(new_mount(std::move(super_block), std::move(root), source, mount_flags(flags)));
    return attach_at(cross_mounts_down(where), *mount);
}

Result<void> bind_mount(const Path& from, const Path& where, bool recursive) {
    const Path target = cross_mounts_down(where);
    RefPtr<Mount> top =
        TRY(new_mount(from.mount->super_block, from.dentry, from.mount->source.view(), from.mount->flags));
    TRY(attach_at(target, *top));
    if (!recursive)
        return {};
    // Copies of the mounts below `from`, in mount order, each below the copy of its parent.
    struct Pair {
        Mount* original;
        Mount* copy;
    };
    Vector<Pair> pairs;
    TRY(pairs.push_back({from.mount.get(), top.get()}));
    RefPtr<Mount> at;
    for (;;) {
        // The next mount after `at` that lies below one already copied.
        RefPtr<Mount> next;
        Mount* copy_of_parent = nullptr;
        {
            LockGuard guard(mount_state().lock);
            auto& list = mount_state().mounts;
            Mount* mount = at ? (at->list_node.is_linked() ? list.next(*at) : nullptr) : list.first();
            for (; mount && !next; mount = list.next(*mount)) {
                for (const Pair& pair : pairs) {
                    if (mount->parent != pair.original || mount == top)
                        continue;
                    bool is_inside = pair.original != from.mount.get();
                    for (const Dentry* step = mount->mountpoint.get(); step && !is_inside; step = step->parent.get())
                        is_inside = step == from.dentry.get();
                    bool is_copy = false;
                    for (const Pair& other : pairs)
                        is_copy = is_copy || other.copy == mount;
                    if (is_inside && !is_copy) {
                        next = RefPtr<Mount>(mount);
                        copy_of_parent = pair.copy;
                        break;
                    }
                }
            }
        }
        if (!next)
            return {};
        RefPtr<Mount> copy = TRY(new_mount(next->super_block, next->root, next->source.view(), next->flags));
        {
            LockGuard guard(mount_state().lock);
            if (!next->mountpoint)
                return {};
            const Path place(RefPtr<Mount>(copy_of_parent), next->mountpoint);
            attach(*copy, &place);
        }
        TRY(pairs.push_back({next.get(), copy.get()}));
        at = next;
    }
}

Result<void> move_mount(const Path& from, const Path& where) {
    const Path target = cross_mounts_down(where);
    Detached old;
    {
        LockGuard guard(mount_state().lock);
        Mount& mount = *from.mount;
        if (mount.root != from.dentry || !mount.is_attached || !mount.parent || !target.mount->is_attached)
            return Errno::EINVAL;
        if (is_mount_below(*target.mount, mount))
            return Errno::ELOOP;
        if (mount.root->inode->is_directory() != target.inode().is_directory())
            return Errno::ENOTDIR;
        detach(mount, old);
        attach(mount, &target);
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

Result<void> unmount(const Path& where, u32 flags) {
    Vector<Detached*> dropped;
    Result<void> result;
    {
        LockGuard guard(mount_state().lock);
        Mount& mount = *where.mount;
        if (mount.root != where.dentry || !mount.is_attached)
            return Errno::EINVAL;
        if (!mount.parent)
            return (flags & abi::MNT_DETACH) ? Errno::EINVAL : Errno::EBUSY;
    }
    if (!(flags & abi::MNT_DETACH)) {
        // Unused names do not keep a file system busy.
        shrink_dentries(where.mount->super_block->root.get());
        Detached old;
        {
            LockGuard guard(mount_state().lock);
            Mount& mount = *where.mount;
            if (!mount.is_attached || !mount.parent)
                return Errno::EINVAL;
            // The list's reference and the caller's path; anybody else works in it.
            if (has_children(mount) || mount.reference_count() > 2)
                return Errno::EBUSY;
            detach(mount, old);
        }
        table_changed();
        return {};
    }
    // Lazily: the whole tree of mounts leaves the table; each lives on while somebody uses it.
    for (;;) {
        Detached old;
        LockGuard guard(mount_state().lock);
        Mount* last = nullptr;
        for (Mount& mount : mount_state().mounts)
            if (is_mount_below(mount, *where.mount))
                last = &mount; // leaves come after their parents, unless moved
        if (!last)
            break;
        Mount* leaf = last;
        for (bool found = true; found;) {
            found = false;
            for (Mount& mount : mount_state().mounts)
                if (mount.parent == leaf) {
                    leaf = &mount;
                    found = true;
                    break;
                }
        }
        detach(*leaf, old);
        guard.unlock(); // before `old` drops what it holds
    }
    table_changed();
    return {};
}

Result<void> pivot_root(const Path& new_root, const Path& put_old) {
    RefPtr<Mount> old_root = mount_state().root;
    Detached first, second;
    {
        LockGuard guard(mount_state().lock);
        Mount& mount = *new_root.mount;
        if (mount.root != new_root.dentry || !mount.is_attached || !mount.parent)
            return Errno::EINVAL;
        if (&mount == old_root || put_old.mount == old_root)
            return Errno::EBUSY;
        if (!is_mount_below(*put_old.mount, mount) || find_child(*put_old.mount, *put_old.dentry))
            return Errno::EINVAL;
        detach(mount, first);
        attach(mount, nullptr);
        detach(*old_root, second);
        attach(*old_root, &put_old);
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
            child = RefPtr<Mount>(find_child(*path.mount, *path.dentry));
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
