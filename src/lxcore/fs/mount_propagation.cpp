// Shared subtrees: mount_namespaces(7) and the kernel's sharedsubtree.rst. A mount that is shared belongs to
// a peer group; one that is slave names the group whose events it gets. Both are numbers, so that nothing
// needs mending when a mount goes but the slaves of a group's last member.
#include "abi/mount.hpp"
#include "lxcore/fs/mount_tree.hpp"

namespace lxcore {

namespace {

u32 new_group() {
    return ++mount_state().last_group;
}

// Copies of a tree, made before any of it is seen.
class Copies {
public:
    Copies() = default;
    LXSS_NO_COPY(Copies);
    ~Copies() {
        for (MountTree* tree : m_trees)
            delete tree;
    }
    // One more, below `parent`. The groups of its mounts: null for none; null masters for those that the
    // originals have.
    Result<void> add(const MountTree& from, Mount& parent, const RefPtr<Dentry>& mountpoint,
                     const u32* groups, const u32* masters) {
        if (!is_dentry_below(*mountpoint, *parent.root))
            return {}; // the place cannot be seen through that mount
        MountTree* tree = TRY(make<MountTree>());
        const Result<void> added = m_trees.push_back(tree);
        if (added.is_error()) {
            delete tree;
            return added;
        }
        TRY(copy_mounts(from, *from[0].root, *tree));
        // An unbindable mount never gets here: it cannot be moved below a shared one.
        for (usize i = 0; i < tree->size(); ++i) {
            Mount& copy = (*tree)[i];
            copy.peer_group = groups ? groups[i] : 0;
            if (masters)
                copy.master_group = masters[i];
        }
        (*tree)[0].parent = RefPtr<Mount>(&parent);
        (*tree)[0].mountpoint = mountpoint;
        return {};
    }
    void attach() {
        for (MountTree* tree : m_trees) {
            Mount& top = (*tree)[0];
            // What is mounted there already stays on top.
            if (Mount* covering = find_mount(*top.parent, *top.mountpoint)) {
                covering->mountpoint->mounted.fetch_sub(1, std::memory_order_release);
                covering->parent = RefPtr<Mount>(&top);
                covering->mountpoint = top.root;
                covering->mountpoint->mounted.fetch_add(1, std::memory_order_release);
            }
            for (usize i = 0; i < tree->size(); ++i)
                attach_mount((*tree)[i]);
        }
    }

private:
    Vector<MountTree*> m_trees;
};

// Groups of mounts that an event reaches one after the other: peers first, then their slaves, and so on.
struct Reached {
    u32 group;
    usize own;     // index in `groups` of those of the copies there
    usize masters; // likewise, of what they are slaves of
    static constexpr usize kNone = ~usize{0};
};

bool is_reached(const Vector<Reached>& reached, u32 group) {
    for (const Reached& one : reached)
        if (one.group == group)
            return true;
    return false;
}

// Makes the copies that a tree has to have when it is attached to a shared mount, and finds the groups of its
// own mounts, which come first in `groups`.
Result<void> make_copies(const Path& where, const MountTree& tree, Copies& copies, Vector<u32>& groups) {
    Mount& target = *where.mount;
    Vector<Reached> reached;
    for (usize i = 0; i < tree.size(); ++i)
        TRY(groups.push_back(tree[i].peer_group ? tree[i].peer_group : new_group()));
    TRY(reached.push_back({target.peer_group, 0, Reached::kNone}));
    for (usize i = 0; i < reached.size(); ++i) {
        const Reached now = reached[i];
        const auto at = [&](usize index) {
            return index == Reached::kNone ? nullptr : groups.data() + index;
        };
        for (Mount& mount : mount_state().mounts) {
            if (mount.peer_group == now.group) {
                if (&mount != &target)
                    TRY(copies.add(tree, mount, where.dentry, at(now.own), at(now.masters)));
            } else if (mount.master_group == now.group && mount.peer_group == 0) {
                TRY(copies.add(tree, mount, where.dentry, nullptr, at(now.own)));
            } else if (mount.master_group == now.group && !is_reached(reached, mount.peer_group)) {
                TRY(reached.push_back({mount.peer_group, groups.size(), now.own}));
                for (usize k = 0; k < tree.size(); ++k)
                    TRY(groups.push_back(new_group()));
            }
        }
    }
    return {};
}

} // namespace

Result<void> attach_tree(const Path& where, const MountTree& tree) {
    Copies copies;
    Vector<u32> groups;
    if (where.mount->peer_group != 0) {
        TRY(make_copies(where, tree, copies, groups));
        for (usize i = 0; i < tree.size(); ++i)
            tree[i].peer_group = groups[i];
    }
    tree[0].parent = where.mount;
    tree[0].mountpoint = where.dentry;
    for (usize i = 0; i < tree.size(); ++i)
        if (!tree[i].list_node.is_linked()) // below a tree that moves all else stays
            attach_mount(tree[i]);
    copies.attach();
    return {};
}

Result<void> find_propagated(const Mount& mount, MountTree& out) {
    if (!mount.parent || mount.parent->peer_group == 0)
        return {};
    Vector<u32> groups;
    TRY(groups.push_back(mount.parent->peer_group));
    for (usize i = 0; i < groups.size(); ++i) {
        for (Mount& at : mount_state().mounts) {
            if (&at == mount.parent.get() || (at.peer_group != groups[i] && at.master_group != groups[i]))
                continue;
            Mount* there = find_mount(at, *mount.mountpoint);
            if (there && there != &mount && out.index_of(there) == out.size())
                TRY(out.add(RefPtr<Mount>(there)));
            bool is_known = at.peer_group == 0;
            for (u32 group : groups)
                is_known = is_known || group == at.peer_group;
            if (!is_known)
                TRY(groups.push_back(at.peer_group));
        }
    }
    return {};
}

namespace {

void leave_group(Mount& mount) {
    const u32 left = std::exchange(mount.peer_group, 0);
    if (left == 0)
        return;
    for (Mount& other : mount_state().mounts)
        if (other.peer_group == left)
            return;
    // Nobody is left whose slaves they could be but its own master.
    for (Mount& other : mount_state().mounts)
        if (other.master_group == left)
            other.master_group = mount.master_group;
}

} // namespace

void set_propagation(Mount& mount, u64 kind) {
    if (kind == abi::MS_SHARED) {
        if (mount.peer_group == 0)
            mount.peer_group = new_group();
        mount.is_unbindable = false;
        return;
    }
    const u32 group = mount.peer_group;
    leave_group(mount);
    bool has_peers = false;
    for (Mount& other : mount_state().mounts)
        has_peers = has_peers || (group != 0 && other.peer_group == group);
    if (kind == abi::MS_SLAVE) {
        if (has_peers)
            mount.master_group = group;
        return; // without peers it keeps the master that it may have
    }
    mount.master_group = 0;
    mount.is_unbindable = kind == abi::MS_UNBINDABLE;
}

} // namespace lxcore
