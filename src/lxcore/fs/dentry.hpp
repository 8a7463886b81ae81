// Dentries: names in directories, cached. A dentry with an inode keeps it alive; one without says that the name does
// not exist (negative). The cache keeps dentries that nobody uses, up to a bound, and drops the oldest.
#pragma once

#include "lxcore/fs/inode.hpp"
#include "lxcore/kernel.hpp"

namespace lxcore {

class Dentry final : public SharedObject {
public:
    // Parent and name change by rename only, under the cache's lock; null parent for a root.
    RefPtr<Dentry> parent;
    String name;
    RefPtr<Inode> inode; // null: negative
    RefPtr<SuperBlock> super_block;
    base::ListNode hash_node;    // unlinked from it once the name is gone ("(deleted)")
    base::ListNode sibling_node; // in parent's children
    base::ListNode idle_node;    // in the list of cached dentries without users
    base::List<Dentry, &Dentry::sibling_node> children;
    u32 hash = 0;
    std::atomic<u32> mounted{0}; // number of mounts on top of this dentry
    bool is_deleted = false;

    bool is_negative() const { return !inode; }
    ~Dentry() override;

protected:
    void destroy() override; // parks it in the cache when it may stay
};

// With the parent directory's lock NOT held. The dentry of `name` below `parent`, from the cache or from the file
// system (negative ones included). Errors of the file system's lookup other than ENOENT.
Result<RefPtr<Dentry>> lookup_dentry(Dentry& parent, std::string_view name);
// As above with the parent's inode lock held by the caller.
Result<RefPtr<Dentry>> lookup_dentry_locked(Dentry& parent, std::string_view name);
// A new root dentry of a super block.
Result<RefPtr<Dentry>> make_root_dentry(SuperBlock& super_block, RefPtr<Inode> inode);
// A dentry that is in no directory (pipes, sockets, memfd): "pipe:[123]" is its name.
Result<RefPtr<Dentry>> make_detached_dentry(SuperBlock& super_block, RefPtr<Inode> inode, std::string_view name);
// After a file system created, removed or renamed a name (parent locks held).
void dentry_instantiate(Dentry& negative, RefPtr<Inode> inode);
void dentry_deleted(Dentry& dentry);
void dentry_moved(Dentry& dentry, Dentry& new_parent, std::string_view new_name, Dentry* replaced);
// Drops cached dentries below `root` that nobody uses (umount, memory pressure).
void shrink_dentries(Dentry* root);

} // namespace lxcore
