// Dentries: names in directories, cached. A dentry with an inode keeps it alive; one without says that the name does
// not exist (negative).
//
// The cache owns a reference to each dentry that it lists, so that a count of one means "nobody uses it": the oldest
// of these go when there are too many. Dentries of file systems that others may change (may_cache_names() is false)
// are listed without a reference: they are found again only while somebody uses them, and never believed without
// asking the file system. Where asking is cheap when the inode is there still (DriveFs, `asks_always`), they are kept as
// others are, and asked for all the same.
#pragma once

#include "lxcore/fs/inode.hpp"
#include "lxcore/kernel.hpp"

namespace lxcore {

// A name; short ones lie in the dentry itself.
class DentryName {
public:
    DentryName() = default;
    LXSS_NO_COPY(DentryName);
    ~DentryName() { clear(); }
    Result<void> assign(std::string_view text);
    void swap(DentryName& other);
    std::string_view view() const { return {m_heap ? m_heap : m_inline, m_length}; }

private:
    void clear();
    static constexpr usize kInline = 40;
    char* m_heap = nullptr;
    u32 m_length = 0;
    char m_inline[kInline];
};

class Dentry final : public SharedObject {
public:
    // Parent and name change by rename only, under DentryCache::lock and the bucket's lock; null parent for a root.
    RefPtr<Dentry> parent;
    DentryName name;
    RefPtr<Inode> inode; // null: negative; set once
    RefPtr<SuperBlock> super_block;
    Dentry* hash_next = nullptr;
    base::ListNode sibling_node; // in parent's children
    base::ListNode cached_node;  // in DentryCache::cached, oldest first
    base::List<Dentry, &Dentry::sibling_node> children;
    u64 hash = 0;
    std::atomic<u32> mounted{0}; // number of mounts on top of this dentry
    bool is_deleted = false;
    bool is_hashed = false;
    bool is_cached = false;         // the cache holds a reference
    bool is_counted_negative = false; // in DentryCache::negative_count
    bool is_recently_used = false;  // since the last scan for victims
    bool is_asked = false;          // never believed without asking: SuperBlock::asks_always

    // Odd while name and parent change; moves on whenever they have.
    std::atomic<u32> sequence{0};

    bool is_negative() const { return !inode; }
    ~Dentry() override;

    // Memory of dentries stays memory of dentries: a lookup without lock may still read one that was freed, and finds
    // a count of zero or another name there.
    static void* operator new(usize bytes) noexcept;
    static void* operator new(usize, void* at) noexcept { return at; }
    static void operator delete(void* memory, usize bytes);

protected:
    void destroy() override;
};

struct DentryCache : ArenaObject {
    // Guards parents, names, children lists and `cached`. Taken before bucket locks, and after inode locks.
    Mutex lock;
    base::List<Dentry, &Dentry::cached_node> cached;
    std::atomic<u32> count{0};
    std::atomic<u32> negative_count{0}; // of them, absences
    std::atomic<u64> evicted{0};        // since the start
    u32 limit = 0;
    struct Bucket {
        Mutex lock;
        Dentry* first;
    };
    Bucket* buckets = nullptr; // kBuckets of them
    static constexpr usize kBuckets = 32768;
    RefPtr<SuperBlock> anonymous; // of pipes, sockets and the like
    Mutex free_lock; // leaf
    Dentry* free = nullptr; // freed dentries, through hash_next
};
inline DentryCache& dentry_cache() { return *kernel().dentries; }
Result<void> initialize_dentry_cache();

// With the parent directory's lock NOT held. The dentry of `name` below `parent`, from the cache or from the file
// system (negative ones included). Errors of the file system's lookup other than ENOENT.
Result<RefPtr<Dentry>> lookup_dentry(Dentry& parent, std::string_view name);
// As above with the parent's inode lock held by the caller.
Result<RefPtr<Dentry>> lookup_dentry_locked(Dentry& parent, std::string_view name);
// From the cache alone and without a lock; null when it is not there, or when it changes just now.
RefPtr<Dentry> find_cached_dentry(Dentry& parent, std::string_view name);
// A new root dentry of a super block.
Result<RefPtr<Dentry>> make_root_dentry(SuperBlock& super_block, RefPtr<Inode> inode);
// A dentry that is in no directory (pipes, sockets, memfd): "pipe:[123]" is its name.
Result<RefPtr<Dentry>> make_detached_dentry(SuperBlock& super_block, RefPtr<Inode> inode, std::string_view name);
// Around a file system's change of a name (its directory's lock held): nobody finds the dentry in the cache meanwhile. If
// the process is killed between the change and its note in the cache, the file system is asked anew.
class NameChange {
public:
    explicit NameChange(Dentry& dentry);
    LXSS_NO_COPY(NameChange);
    ~NameChange();

private:
    RefPtr<Dentry> m_dentry;
};
// After a file system created, removed or renamed a name (parent locks held).
void dentry_instantiate(Dentry& negative, RefPtr<Inode> inode);
void dentry_deleted(Dentry& dentry);
void dentry_moved(Dentry& dentry, Dentry& new_parent, std::string_view new_name, Dentry* replaced);
void dentry_exchanged(Dentry& left, Dentry& right); // RENAME_EXCHANGE
// The parent as it is now, counted (null for roots); renames change it.
RefPtr<Dentry> dentry_parent(Dentry& dentry);
// Whether `ancestor`'s inode is `dentry`'s or one of those above it. Under the super block's rename lock.
bool is_same_or_below(const Dentry& dentry, const Inode& ancestor);
// Keeps a dentry findable that is a mount point.
void dentry_pin_name(Dentry& dentry);
// Lets go of some of the oldest names that nobody uses when there are too many, or when memory is short. Without locks of
// inodes held.
void trim_dentries();
// Drops cached dentries below `root` that nobody uses (umount, memory pressure); everywhere when it is null.
void shrink_dentries(Dentry* root);

} // namespace lxcore
