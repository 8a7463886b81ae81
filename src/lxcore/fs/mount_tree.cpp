#include "lxcore/fs/mount_tree.hpp"

#include "abi/mount.hpp"

namespace lxcore {

MountTree::~MountTree() {
    for (usize i = m_mounts.size(); i > 0; --i)
        m_mounts[i - 1]->unref();
}

Result<void> MountTree::add(RefPtr<Mount> mount) {
    TRY(m_mounts.push_back(mount.get()));
    (void)mount.leak();
    return {};
}

usize MountTree::index_of(const Mount* mount) const {
    usize index = 0;
    while (index < m_mounts.size() && m_mounts[index] != mount)
        ++index;
    return index;
}

DetachedMounts::~DetachedMounts() {
    for (Entry& entry : m_entries) {
        entry.mount->unref();
        if (entry.parent)
            entry.parent->unref();
        if (entry.mountpoint)
            entry.mountpoint->unref();
    }
}

Result<void> DetachedMounts::prepare() {
    return m_entries.reserve(mount_state().mounts.count());
}

void DetachedMounts::detach(Mount& mount) {
    mount.list_node.unlink();
    if (mount.mountpoint)
        mount.mountpoint->mounted.fetch_sub(1, std::memory_order_release);
    (void)m_entries.push_back({&mount, mount.parent.leak(), mount.mountpoint.leak()});
    mount.is_attached = false;
}

Result<RefPtr<Mount>> make_mount(RefPtr<SuperBlock> super_block, RefPtr<Dentry> root, std::string_view source,
                                 u32 flags) {
    RefPtr<Mount> mount = TRY(make_ref<Mount>());
    mount->source = TRY(String::create(source));
    super_block->mount_count.fetch_add(1);
    mount->super_block = std::move(super_block);
    mount->root = std::move(root);
    mount->flags = flags;
    mount->id = ++mount_state().last_id;
    return mount;
}

void attach_mount(Mount& mount) {
    if (mount.mountpoint)
        mount.mountpoint->mounted.fetch_add(1, std::memory_order_release);
    mount.is_attached = true;
    mount.ref(); // the list's
    mount_state().mounts.push_back(mount);
}

Mount* find_mount(const Mount& parent, const Dentry& dentry) {
    for (Mount& mount : mount_state().mounts)
        if (mount.parent == &parent && mount.mountpoint == &dentry)
            return &mount;
    return nullptr;
}

bool has_mounts(const Mount& parent) {
    for (Mount& mount : mount_state().mounts)
        if (mount.parent == &parent)
            return true;
    return false;
}

bool is_dentry_below(const Dentry& dentry, const Dentry& ancestor) {
    LockGuard names(dentry_cache().lock);
    for (const Dentry* at = &dentry; at; at = at->parent.get())
        if (at == &ancestor)
            return true;
    return false;
}

Result<void> collect_mounts(Mount& root, const Dentry& inside, MountTree& out) {
    TRY(out.add(RefPtr<Mount>(&root)));
    for (usize i = 0; i < out.size(); ++i)
        for (Mount& mount : mount_state().mounts)
            if (mount.parent == &out[i] && (i > 0 || is_dentry_below(*mount.mountpoint, inside)))
                TRY(out.add(RefPtr<Mount>(&mount)));
    return {};
}

Result<void> copy_mounts(const MountTree& from, Dentry& root, MountTree& out) {
    Vector<Mount*> copies; // of each in `from`; null where it is left out
    TRY(copies.resize(from.size()));
    for (usize i = 0; i < from.size(); ++i) {
        Mount& original = from[i];
        Mount* parent = i == 0 ? nullptr : copies[from.index_of(original.parent.get())];
        if (i > 0 && (!parent || original.is_unbindable))
            continue;
        RefPtr<Mount> copy =
            TRY(make_mount(original.super_block, i == 0 ? RefPtr<Dentry>(&root) : original.root,
                           original.source.view(), original.flags));
        copy->peer_group = original.peer_group;
        copy->master_group = original.master_group;
        if (i > 0) {
            copy->parent = RefPtr<Mount>(parent);
            copy->mountpoint = original.mountpoint;
        }
        copies[i] = copy.get();
        TRY(out.add(std::move(copy)));
    }
    return {};
}

} // namespace lxcore
