// The parts of tmpfs: super block, inodes, open files.
#pragma once

#include "abi/dirent.hpp"
#include "lxcore/fs/dentry.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/fs/maybe_lock.hpp"
#include "lxcore/tmpfs/page_tree.hpp"
#include "lxcore/tmpfs/tmpfs.hpp"

namespace lxcore {

class TmpfsInode;

// tmpfs knows its own super blocks by this text's address.
inline constexpr char kTmpfsTypeName[] = "tmpfs";

struct TmpfsOptions {
    u64 max_pages = 0;  // 0: no limit
    u64 max_inodes = 0; // 0: no limit
    u32 mode = 01777;
    u32 uid = 0, gid = 0;
    // EINVAL.
    static Result<TmpfsOptions> parse(std::string_view text, const TmpfsOptions& defaults);
    static TmpfsOptions defaults();
};

class TmpfsSuperBlock final : public SuperBlock {
public:
    explicit TmpfsSuperBlock(const TmpfsOptions& options);
    Result<abi::statfs> statistics() override;
    Result<void> sync() override { return {}; }
    Result<void> remount(u32 new_flags, std::string_view data) override;
    void print_options(base::Writer& writer) const override;

    // ENOSPC at the limits of size= and nr_inodes=.
    Result<void> charge_pages(u64 count);
    void uncharge_pages(u64 count) { m_pages.fetch_sub(count, std::memory_order_relaxed); }
    Result<void> charge_inode();
    void uncharge_inode() { m_inodes.fetch_sub(1, std::memory_order_relaxed); }
    Result<RefPtr<TmpfsInode>> new_inode(u32 mode, u32 uid, u32 gid, u64 device);

private:
    TmpfsOptions m_options;
    std::atomic<u64> m_pages{0}, m_inodes{0};
};

// A name in a tmpfs directory.
struct TmpfsEntry : ArenaObject {
    String name;
    RefPtr<TmpfsInode> inode;
    u64 position = 0; // of this entry, for readdir: never used twice
    u32 hash = 0;
    TmpfsEntry* hash_next = nullptr;
    base::ListNode node;
};

// Extended attributes kept in memory.
struct TmpfsXattr : ArenaObject {
    String name;
    String value;
    TmpfsXattr* next = nullptr;
};

class TmpfsInode final : public Inode {
public:
    explicit TmpfsInode(TmpfsSuperBlock& tmpfs);
    ~TmpfsInode() override;

    Result<RefPtr<Inode>> lookup(std::string_view name) override;
    Result<RefPtr<Inode>> create(std::string_view name, u32 mode, u32 uid, u32 gid, u64 device) override;
    Result<RefPtr<Inode>> make_symlink(std::string_view name, std::string_view target, u32 uid, u32 gid) override;
    Result<void> link(std::string_view name, Inode& target) override;
    Result<void> unlink(std::string_view name, Inode& target) override;
    Result<void> remove_directory(std::string_view name, Inode& target) override;
    Result<void> rename(std::string_view old_name, Inode& target_old, Inode& new_parent, std::string_view new_name,
                        Inode* target_new, u32 flags, const Whiteout* whiteout) override;
    Result<RefPtr<Inode>> create_anonymous(u32 mode, u32 uid, u32 gid) override;

    Result<RefPtr<File>> open(const Path& path, u32 flags) override;
    Result<usize> read_link(char* buffer, usize capacity) override;
    Result<void> set_attributes(const AttributeChange& change) override;
    Result<usize> get_xattr(std::string_view name, void* value, usize capacity) override;
    Result<void> set_xattr(std::string_view name, const void* value, usize length, i32 flags) override;
    Result<usize> list_xattrs(char* names, usize capacity) override;
    Result<void> remove_xattr(std::string_view name) override;

    TmpfsSuperBlock& tmpfs() const { return *m_tmpfs; }

    // -- data; `lock` is held
    Result<usize> read_data(IoBuffer& buffer, u64 offset);
    Result<usize> write_data(IoBuffer& buffer, u64 offset);
    Result<void> set_size(u64 length);
    Result<void> punch_hole(u64 offset, u64 length);
    // Makes sure that every page in [first, last) exists; in runs, so that mappings of them are few.
    Result<void> populate(u64 first, u64 last);
    // For a shared mapping, where the host maps units that are larger than a page: as populate(), and every unit of the file that
    // has a page in the range lies in a unit of the arena.
    Result<void> populate_units(u64 first, u64 last);
    PageTree& pages() { return m_pages; }

    // -- mappings: pages that are mapped somewhere are never given back, only cleared
    void mapping_added(bool writable);
    void mapping_removed(bool writable);

    u32 seals = abi::F_SEAL_SEAL; // guarded by `lock`
    u32 writable_mappings() const { return m_writable_mappings.load(std::memory_order_acquire); }

    base::List<TmpfsEntry, &TmpfsEntry::node>& entries() { return m_entries; }
    u64 parent_number = 0; // of a directory

private:
    TmpfsEntry* find_entry(std::string_view name) const;
    Result<void> add_entry(std::string_view name, TmpfsInode& inode);
    void remove_entry(TmpfsEntry& entry);
    Result<void> grow_table();
    void release_pages_from(u64 first);
    void clear_pages(u64 first, u64 last);
    void touch();          // modified and changed
    void lost_link(bool directory);
    void release_contents(); // xattrs, table

    TmpfsSuperBlock* m_tmpfs;
    PageTree m_pages;
    std::atomic<u32> m_mappings{0}, m_writable_mappings{0};
    String m_target; // of a symlink
    base::List<TmpfsEntry, &TmpfsEntry::node> m_entries;
    TmpfsEntry** m_table = nullptr;
    u32 m_table_size = 0, m_entry_count = 0;
    u64 m_next_position = 2; // after "." and ".."
    TmpfsXattr* m_xattrs = nullptr;

protected:
    void destroy() override;
};

class TmpfsFile : public File {
public:
    explicit TmpfsFile(TmpfsInode& inode) : m_inode(&inode) {}

    Result<usize> read(IoBuffer& buffer, i64 offset) override;
    Result<usize> write(IoBuffer& buffer, i64 offset) override;
    bool is_seekable() const override { return true; }
    Result<u64> seek(i64 offset, i32 whence) override;
    Result<void> read_directory(DirectoryVisitor& visitor) override;
    u32 poll(PollTable* table) override;
    Result<void> map(MapRequest& request) override;
    Result<void> allocate(i32 mode, u64 offset, u64 length) override;
    Result<void> sync(bool) override { return {}; }

protected:
    RefPtr<TmpfsInode> m_inode;
};

// The file that a mapping holds instead of the one it was made from: it counts the mapping for as long as it lasts.
class TmpfsMapping final : public TmpfsFile {
public:
    TmpfsMapping(TmpfsInode& inode, bool writable) : TmpfsFile(inode), m_is_writable(writable) {
        inode.mapping_added(writable);
    }
    ~TmpfsMapping() override { m_inode->mapping_removed(m_is_writable); }

private:
    bool m_is_writable;
};

} // namespace lxcore
