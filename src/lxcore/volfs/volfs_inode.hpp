// The parts of VolFs: super block, inodes, the cache of host handles, directory listings.
#pragma once

#include "abi/dirent.hpp"
#include "abi/xattr.hpp"
#include "lxcore/fs/dentry.hpp"
#include "lxcore/fs/directory_listing.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/fs/handle_slot.hpp"
#include "lxcore/fs/host_inode_table.hpp"
#include "lxcore/fs/maybe_lock.hpp"
#include "lxcore/volfs/attributes.hpp"
#include "lxcore/volfs/host_permissions.hpp"
#include "lxcore/volfs/name_filter.hpp"
#include "lxcore/volfs/storage.hpp"
#include "lxcore/volfs/volfs.hpp"
#include "lxcore/volfs/whiteout.hpp"

namespace lxcore {

class VolfsInode;
class VolfsSuperBlock;

// A Linux name as the host is to see it, for the length of a scope: mostly `name` itself.
class HostName {
public:
    HostName(NameRule rule, std::string_view name) : m_view(name) {
        if (is_host_name(rule, name))
            return;
        m_text = static_cast<char*>(allocate(kMaxHostName));
        Result<usize> length = m_text ? encode_host_name(rule, name, m_text, kMaxHostName) : Errno::ENOMEM;
        m_error = length.error();
        m_view = {m_text, length.is_ok() ? length.value() : 0};
    }
    LXSS_NO_COPY(HostName);
    ~HostName() {
        if (m_text)
            release(m_text, kMaxHostName);
    }
    // The name. To the host an empty one would be the folder itself. ENOMEM, ENAMETOOLONG.
    Result<std::string_view> view() const {
        return m_error == Errno::OK ? Result<std::string_view>(m_view) : Result<std::string_view>(m_error);
    }

private:
    std::string_view m_view;
    char* m_text = nullptr;
    Errno m_error = Errno::OK;
};

class VolfsInode final : public Inode, public HostListed<VolfsInode> {
public:
    explicit VolfsInode(VolfsSuperBlock& volfs);
    ~VolfsInode() override;

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
    Result<void> refresh() override;
    bool has_own_rights() const override { return true; }
    Result<void> set_attributes(const AttributeChange& change) override;
    Result<usize> get_xattr(std::string_view name, void* value, usize capacity) override;
    Result<void> set_xattr(std::string_view name, const void* value, usize length, i32 flags) override;
    Result<usize> list_xattrs(char* names, usize capacity) override;
    Result<void> remove_xattr(std::string_view name) override;

    VolfsSuperBlock& volfs() const { return *m_volfs; }

    // The host handle for reading (any type but native symlinks), or for writing (regular host files).
    Result<HandlePin> pin(bool writable);
    // The listing of this directory; `lock` is not held.
    Result<RefPtr<DirectoryListing>> listing();
    // The host's attributes have changed by an operation of ours: the next refresh() asks for times and blocks.
    void mark_stale() { m_is_stale.store(true, std::memory_order_release); }
    void mark_mapped_writable() { m_is_mapped_writable.store(true, std::memory_order_release); }
    // The host runs no program that somebody has open for writing: a file that may be one is not kept so once no guest writes it.
    void close_idle_writer();
    std::atomic<u32> open_files{0};

private:
    friend class VolfsSuperBlock;
    friend struct VolfsCreation;

    bool is_native_symlink() const { return m_host_type == host::FileType::Symlink; }
    // Attributes of the host file, and what LXATTRB says over them.
    void take_host_info(const host::FileInfo& info);
    void take_metadata(const abi::lxattrb& stored);
    Result<void> load_attributes(host::Handle handle);
    Result<void> store_metadata(const VolfsMetadata& metadata);
    Result<void> mark_has_specials();
    // Sets an extended attribute, or removes it (`value` null).
    Result<void> change_xattr(std::string_view name, const std::string_view* value, i32 flags);
    // A regular host file in the staging folder, complete but for its place.
    Result<void> create_staged(std::string_view temporary, const VolfsMetadata& metadata);
    // As a directory; `lock` is held. A rename that leaves a whiteout under `name`: before it, and after it, whether it succeeded,
    // failed, or its author was killed.
    Result<void> prepare_whiteout(std::string_view name, const Whiteout& whiteout);
    Result<void> settle_whiteout();
    Result<void> convert_symlink(const VolfsMetadata& metadata);
    Result<void> make_host_writable();
    Result<HandlePin> pin_slow(bool writable);
    Result<HandlePin> open_at_location(HandleSlot& slot, u32 mode);
    // The handle for reading, if it is open. ESTALE.
    Result<HandlePin> pin_open();
    // What `name` in `directory` refers to, if that is this file; ESTALE if not.
    Result<host::Handle> open_verified(host::Handle directory, std::string_view name, u32 mode);
    HandlePin install(HandleSlot& slot, host::Handle handle);
    // Before a name goes: what is in use keeps the handle that it could not open again.
    Result<HandlePin> prepare_to_lose(const VolfsInode& directory, std::string_view name);
    void lost_name(const VolfsInode& directory, std::string_view name);
    // Before and after a change on the host: its author may be killed in between. `added` is a name that comes.
    void names_changing(std::string_view added = {}) {
        m_is_listing_old.store(true, std::memory_order_release);
        if (!added.empty())
            m_names.add(added);
    }
    void names_changed();
    u8 entry_type(HandlePin& pin, const host::DirectoryEntry& entry);

    VolfsSuperBlock* m_volfs;
    HandleSlot m_read_slot, m_write_slot;
    base::ListNode m_open_node; // in VolfsSuperBlock::m_open, while a handle is open
    std::atomic<bool> m_is_recently_used{false};
    std::atomic<bool> m_is_stale{false};
    std::atomic<bool> m_is_mapped_writable{false};
    enum class Xattrs : u8 { Unknown, None, Some } m_xattrs = Xattrs::Unknown;
    bool m_has_lxattrb = false;
    bool m_may_have_specials = false; // a directory: the host does not know the types of all its entries
    host::FileType m_host_type = host::FileType::Unknown;
    u32 m_host_permissions = 0;
    // One name of the file, to open it again by: guarded by VolfsSuperBlock::m_location_lock. No parent: the root,
    // or a file without a known name, whose handle then stays open.
    RefPtr<VolfsInode> m_parent;
    String m_name; // as the host has it
    // Where it is about to be renamed to, and, when the one who did that was killed, perhaps is; likewise guarded.
    RefPtr<VolfsInode> m_next_parent;
    String m_next_name;
    String m_staged_name; // an anonymous file on a host without such: its name in the staging folder
    String m_link_target; // of a symlink, once read
    RefPtr<DirectoryListing> m_listing; // of a directory; guarded by VolfsSuperBlock::m_listing_lock
    base::ListNode m_listing_node;      // in VolfsSuperBlock::m_listings, while there is one
    std::atomic<bool> m_is_listing_old{false};
    NameFilter m_names; // of a directory: in the host's spelling
    // Of a directory, guarded by `lock`: the whiteout of a rename that has not been settled, in the staging folder (0: none), the
    // name that it is to take, and a reference that keeps this in memory until then.
    u64 m_whiteout = 0;
    String m_whiteout_name;
    RefPtr<VolfsInode> m_whiteout_keeper;

protected:
    void destroy() override;
};

class VolfsSuperBlock final : public SuperBlock {
public:
    VolfsSuperBlock(host::Handle root, u32 handle_budget, bool read_only);
    ~VolfsSuperBlock() override;
    Result<void> initialize(bool wants_portable);

    Result<abi::statfs> statistics() override;
    Result<void> sync() override;

    void instance_ends() override;

    bool is_read_only() const { return m_is_read_only; }
    Result<RefPtr<VolfsInode>> make_root();

    // The inode of a host file that `name` in `parent` refers to, from the table or new. Takes over `handle` (may be
    // kNoHandle). The caller has made the file just now with `made`, or as a symlink of the host: what the table has for its
    // number is that of a file whose removal is not complete yet.
    Result<RefPtr<VolfsInode>> inode_of(VolfsInode* parent, std::string_view name, const host::FileInfo& info,
                                        host::Handle handle, bool writable, const VolfsMetadata* made = nullptr,
                                        bool is_new_symlink = false);
    RefPtr<VolfsInode> find(u64 host_device, u64 number);
    void forget(VolfsInode& inode); // takes it out of the table
    // Puts it in; unless `replace`, gives the one that is there for the same host file instead.
    RefPtr<VolfsInode> remember(VolfsInode& inode, bool replace);

    // Handle cache.
    void handle_opened(VolfsInode& inode);
    void handles_closing(VolfsInode& inode);
    // Closes some handles that nobody uses, until `wanted_count` inodes have one or the hand has gone a bit; their number.
    usize close_idle_handles(u32 wanted_count, const VolfsInode* spared);
    // host::open_at and host::reopen that make room when the host is out of handles.
    Result<host::Handle> open_host(host::Handle folder, std::string_view name, u32 mode, u32 permissions);
    Result<host::Handle> reopen_host(host::Handle handle, u32 mode);

    // Directory listings that are kept, up to a number of bytes; the one that was read longest ago goes first.
    RefPtr<DirectoryListing> kept_listing(VolfsInode& inode);
    void keep_listing(VolfsInode& inode, RefPtr<DirectoryListing> listing); // null: forgets it

    void print_caches(base::Writer& writer) override;
    std::atomic<u64> inode_count{0}; // inodes in memory

    // Names by which inodes are opened again.
    struct Location {
        RefPtr<VolfsInode> parent;
        char name[kMaxHostName];
        usize length = 0;
        std::string_view view() const { return {name, length}; }
    };
    // With `next`, where it is moving to, if it is.
    void location_of(VolfsInode& inode, Location& out, bool next = false);
    void set_location(VolfsInode& inode, VolfsInode* parent, std::string_view name);
    // Before a rename on the host, whose author may be killed before it can tell the outcome by set_location(): until then
    // both places count. ENOMEM.
    Result<void> announce_location(VolfsInode& inode, VolfsInode& parent, std::string_view name);
    void withdraw_location(VolfsInode& inode);
    bool is_location(const VolfsInode& inode, const VolfsInode& parent, std::string_view name);
    // Locations have changed: whoever did not find an inode by the one it had read asks again.
    void names_moved() { m_move_count.fetch_add(1); }
    u64 move_count() const { return m_move_count.load(); }
    NameRule name_rule() const { return m_storage.names; }
    const VolfsStorage& storage() const { return m_storage; }
    VolfsAttributes& attributes() { return m_attributes; }

    // The hidden folder in which files are prepared that must appear whole.
    Result<host::Handle> staging();
    bool is_reserved(const VolfsInode& directory, std::string_view name) const {
        return directory.number == m_root_number && is_reserved_name(name);
    }

private:
    bool make_room(Errno error);

    host::Handle m_root;
    u32 m_budget;
    bool m_is_read_only;
    VolfsStorage m_storage;
    VolfsAttributes m_attributes;
    u64 m_root_number = 0;
    HostInodeTable<VolfsInode, 14> m_inodes;
    Mutex m_open_lock; // guards m_open
    base::List<VolfsInode, &VolfsInode::m_open_node> m_open;
    std::atomic<u32> m_open_count{0}; // inodes in m_open
    Mutex m_listing_lock; // guards m_listings and the next two
    base::List<VolfsInode, &VolfsInode::m_listing_node> m_listings; // read longest ago first
    u64 m_listing_bytes = 0, m_listing_limit = 0;
    Mutex m_location_lock;
    std::atomic<u64> m_move_count{0};
    Mutex m_staging_lock;
    std::atomic<host::Handle> m_staging{host::kNoHandle};
};

// An open VolFs file or directory.
class VolfsFile final : public File {
public:
    explicit VolfsFile(VolfsInode& inode);
    ~VolfsFile() override;

    Result<usize> read(IoBuffer& buffer, i64 offset) override;
    Result<usize> write(IoBuffer& buffer, i64 offset) override;
    bool is_seekable() const override { return true; }
    Result<u64> seek(i64 offset, i32 whence) override;
    Result<void> read_directory(DirectoryVisitor& visitor) override;
    u32 poll(PollTable* table) override;
    Result<void> map(MapRequest& request) override;
    Result<void> allocate(i32 mode, u64 offset, u64 length) override;
    Result<void> sync(bool data_only) override;
    host::Handle host_handle() override;

private:
    RefPtr<VolfsInode> m_inode;
    Mutex m_exposed_lock;
    HandlePin m_exposed;            // taken by host_handle(): keeps the handle from being closed
    ListingReader m_listing_reader; // of a directory; guarded by position_lock
};

} // namespace lxcore
