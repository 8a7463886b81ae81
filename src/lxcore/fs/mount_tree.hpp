// Trees of mounts on their way into the table and out of it, and where such changes go on:
// mount_namespaces(7). Private to mount*.cpp. MountState::lock is held for all of it, and what the objects
// below hold is dropped after it.
#pragma once

#include "lxcore/fs/mount.hpp"

namespace lxcore {

// Mounts that belong together, parents first, each counted.
class MountTree : public ArenaObject {
public:
    MountTree() = default;
    LXSS_NO_COPY(MountTree);
    ~MountTree();
    Result<void> add(RefPtr<Mount> mount);
    usize size() const { return m_mounts.size(); }
    Mount& operator[](usize index) const { return *m_mounts[index]; }
    // size() when it is not there.
    usize index_of(const Mount* mount) const;

private:
    Vector<Mount*> m_mounts;
};

// Mounts that have left the table, with the places where they were.
class DetachedMounts {
public:
    DetachedMounts() = default;
    LXSS_NO_COPY(DetachedMounts);
    ~DetachedMounts();
    // Room for all that the table holds, so that detach() cannot fail half way. ENOMEM.
    Result<void> prepare();
    void detach(Mount& mount);

private:
    struct Entry {
        Mount *mount, *parent;
        Dentry* mountpoint;
    };
    Vector<Entry> m_entries;
};

Result<RefPtr<Mount>> make_mount(RefPtr<SuperBlock> super_block, RefPtr<Dentry> root, std::string_view source,
                                 u32 flags);
// Into the table, at its `parent` and `mountpoint` if it has such.
void attach_mount(Mount& mount);
// The mount whose mount point is `dentry` in `parent`.
Mount* find_mount(const Mount& parent, const Dentry& dentry);
bool has_mounts(const Mount& parent);
bool is_dentry_below(const Dentry& dentry, const Dentry& ancestor); // or the same
// `root` and what is mounted below `inside` in it, which is root.root where all of it is meant.
Result<void> collect_mounts(Mount& root, const Dentry& inside, MountTree& out);
// Unattached copies, members of the same groups. The first has `root` as its root; unbindable ones are left
// out with what is below them.
Result<void> copy_mounts(const MountTree& from, Dentry& root, MountTree& out);

// Attaches a tree (the first of which is in no table, or has just left it) at a place, and copies of it
// wherever the events of that place's mount go to. All of it or, with ENOMEM, nothing.
Result<void> attach_tree(const Path& where, const MountTree& tree);
// The mounts that go when `mount` goes: at the same place wherever the events of its parent go to.
Result<void> find_propagated(const Mount& mount, MountTree& out);
// MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE.
void set_propagation(Mount& mount, u64 kind);

} // namespace lxcore
