// The parts of DriveFs: super block, inodes, open files.
#pragma once

#include "abi/dirent.hpp"
#include "abi/xattr.hpp"
#include "lxcore/drivefs/names.hpp"
#include "lxcore/drivefs/options.hpp"
#include "lxcore/fs/dentry.hpp"
#include "lxcore/fs/directory_listing.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/fs/handle_slot.hpp"
#include "lxcore/fs/host_inode_table.hpp"
#include "lxcore/fs/maybe_lock.hpp"

namespace lxcore {

class DriveInode;
class DriveSuperBlock;

// A directory's names for lookups that ignore case, as of one moment.
struct DriveNames : SharedObject {
    RefPtr<DirectoryListing> listing;
    struct Entry {
        u32 hash;
        u32 offset; // in the listing
    };
    Vector<Entry> entries;
    abi::timespec modified{}, changed{}; // of the directory, then
    u64 taken_ns = 0;
    bool is_certain = false; // a change since would have moved the times
};

class DriveInode final : public Inode, public HostListed<DriveInode> {
public:
    explicit DriveInode(DriveSuperBlock& drive);

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
    bool may_cache_name(const Inode* found) const override { return found != nullptr; }
    bool is_other_spelling(std::string_view left, std::string_view right) const override;
    Result<void> refresh() override;
    bool was_told_last() const override;
    bool opening_verifies(const Inode& child, std::string_view name) const override;
    Result<void> set_attributes(const AttributeChange& change) override;
    Result<usize> get_xattr(std::string_view name, void* value, usize capacity) override;
    Result<void> set_xattr(std::string_view name, const void* value, usize length, i32 flags) override;
    Result<usize> list_xattrs(char* names, usize capacity) override;
    Result<void> remove_xattr(std::string_view name) override;
    bool watch_host() override;
    void unwatch_host() override;

    DriveSuperBlock& drive() const { return *m_drive; }
    // The host handle for reading or writing, opened where it lies if it is not open. ESTALE: no longer there.
    Result<HandlePin> pin(bool writable);
    // As it is now on the host. ENOENT...
    Result<RefPtr<DirectoryListing>> listing();
    void file_closed();
    // Some hosts keep the name of what is open.
    void close_idle_handles();
    // An event of the host's watcher, for whichever inode it concerns.
    static void pass_on(const host::WatchEvent& event);
    std::atomic<u32> open_files{0};

private:
    friend class DriveSuperBlock;

    bool is_native_symlink() const { return m_host_type == host::FileType::Symlink; }
    // Attributes from the host, and from the file's own where those are kept. `directory` holds it under `name`; or, without
    // a name, is a handle of the file itself.
    void take_info(const host::FileInfo& info, host::Handle directory, std::string_view name);
    void load_metadata(host::Handle directory, std::string_view name);
    // The type that a regular file of the host stands for; 0 when it is what it is.
    u32 carried_type(host::Handle directory, std::string_view name) const;
    Result<void> store_metadata(host::Handle handle, u32 mode, u32 uid, u32 gid, u64 device);
    Result<void> inherit_case_rule(host::Handle new_directory) const;
    u32 default_mode(const host::FileInfo& info) const;
    // As a directory: whether names that differ by case are one.
    bool ignores_case() const;
    // The spelling that the host has for a guest's name; ENOENT. `info` is what the host says of it.
    Result<host::FileInfo> find(host::Handle directory, std::string_view name, HostSpelling& spelling);
    Result<RefPtr<DriveNames>> names(host::Handle directory);
    Result<bool> has_two_spellings(host::Handle directory);
    Result<host::FileInfo> find_other_spelling(host::Handle directory, std::string_view host_name, HostSpelling& out);
    // After an operation of ours that added a name.
    void note_new_name(host::Handle directory, std::string_view host_name);
    // As find() for a name that `file` was found by just now; its inode tells the spelling without the host.
    Result<void> spelling_of(DriveInode& file, host::Handle directory, std::string_view name, HostSpelling& out);
    Result<void> check_new_name(std::string_view name, HostSpelling& out) const;
    Result<RefPtr<Inode>> finish_creation(host::Handle directory, const HostSpelling& spelling, host::Handle made,
                                          u32 mode, u32 uid, u32 gid, u64 device);
    HandlePin install(HandleSlot& slot, host::Handle handle);
    void note_told();
    Result<HandlePin> open_in_place(HandleSlot& slot, u32 mode);
    u8 entry_type(host::Handle directory, const host::DirectoryEntry& entry);

    DriveSuperBlock* m_drive;
    HandleSlot m_read_slot, m_write_slot;
    base::ListNode m_open_node; // in DriveSuperBlock::m_open: a directory with a handle
    std::atomic<bool> m_is_recently_used{false};
    host::FileType m_host_type = host::FileType::Unknown;
    u32 m_host_permissions = 0;
    // Who has looked it up last, and how many calls of the host that thread had made then.
    std::atomic<const host::ThreadBlock*> m_told{nullptr};
    std::atomic<u64> m_told_calls{0};
    abi::timespec m_metadata_as_of{}; // the host's ctime when the attributes were read
    bool m_is_case_sensitive = false; // a directory with the flag
    i32 m_watch_number = -1; // guarded by DriveState::lock, as is the next
    DriveInode* m_watch_next = nullptr;
    // Where it was found last: guarded by DriveSuperBlock::m_location_lock. No parent: the root.
    RefPtr<DriveInode> m_parent;
    String m_name;
    RefPtr<DriveNames> m_names; // guarded by `lock`

protected:
    void destroy() override;
};

class DriveSuperBlock final : public SuperBlock {
public:
    DriveSuperBlock(host::Handle root_handle, const DriveOptions& options);
    ~DriveSuperBlock() override;
    Result<void> initialize();

    Result<abi::statfs> statistics() override;
    Result<void> sync() override;
    Result<void> remount(u32 new_flags, std::string_view data) override;
    void print_options(base::Writer& writer) const override { options.print(writer); }
    bool has_system_attribute(std::string_view name) const override { return name == kCaseAttribute; }

    // The inode of the host file that `info` describes, from the table or new. What the table has for the number of a file that
    // the caller has made just now (`is_new`) is that of one whose removal is not complete yet.
    Result<RefPtr<DriveInode>> inode_of(DriveInode* parent, std::string_view name, const host::FileInfo& info,
                                        host::Handle directory, bool is_new = false);
    void forget(DriveInode& inode);

    // Idle handles of directories stay open up to a number.
    void handle_opened(DriveInode& inode);
    void handles_closing(DriveInode& inode);

    struct Location {
        RefPtr<DriveInode> parent;
        HostSpelling name;
    };
    void location_of(DriveInode& inode, Location& out);
    void set_location(DriveInode& inode, DriveInode* parent, std::string_view name);

    // WSL's name for a directory's flag: "1" where names that differ by case are two.
    static constexpr std::string_view kCaseAttribute = "system.wsl_case_sensitive";

    DriveOptions options;

private:
    friend class DriveInode;
    static constexpr u32 kMostOpen = 128;

    host::Handle m_root;
    HostInodeTable<DriveInode, 10> m_inodes;
    Mutex m_open_lock; // guards m_open
    base::List<DriveInode, &DriveInode::m_open_node> m_open;
    u32 m_open_count = 0;
    Mutex m_location_lock;
};

class DriveFile final : public File {
public:
    DriveFile(DriveInode& inode, HandlePin pin);
    ~DriveFile() override;

    Result<usize> read(IoBuffer& buffer, i64 offset) override;
    Result<usize> write(IoBuffer& buffer, i64 offset) override;
    bool is_seekable() const override { return true; }
    Result<u64> seek(i64 offset, i32 whence) override;
    Result<void> read_directory(DirectoryVisitor& visitor) override;
    Result<void> allocate(i32 mode, u64 offset, u64 length) override;
    Result<void> sync(bool data_only) override;
    host::Handle host_handle() override;

private:
    RefPtr<DriveInode> m_inode;
    HandlePin m_pin;
    ListingReader m_listing_reader; // of a directory; guarded by position_lock
};

} // namespace lxcore
