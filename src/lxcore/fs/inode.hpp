// Inodes and super blocks: what a file system implements. See inode(7), path_resolution(7).
//
// The generic layer (namei, syscalls) checks permissions, name lengths, read-only mounts and types before it calls
// an operation; a file system does the work and keeps the inode's attributes true. Every operation runs with the
// inode's `lock` held by the generic layer where the comment says so.
#pragma once

#include <string_view>

#include "abi/stat.hpp"
#include "abi/time.hpp"
#include "base/format.hpp"
#include "base/list.hpp"
#include "lxcore/fs/path.hpp"
#include "lxcore/sync/lock.hpp"
#include "lxcore/task/credentials.hpp"

namespace lxcore {

class Dentry;
class File;
class FileLocks;   // fs/file_locks.hpp: flock, POSIX and OFD locks of one inode
class InotifyMarks; // fs/inotify.hpp
class SuperBlock;
struct PipeState;

// Bits of AttributeChange::valid.
enum : u32 {
    kChangeMode = 1, kChangeUid = 2, kChangeGid = 4, kChangeSize = 8,
    kChangeAccessed = 16, kChangeModified = 32, kChangeChanged = 64,
};
struct AttributeChange {
    u32 valid = 0;
    u32 mode = 0; // permission and set-id bits (07777)
    u32 uid = 0, gid = 0;
    u64 size = 0;
    abi::timespec accessed{}, modified{};
};

// Takes one directory entry; false when the reader's buffer is full.
class DirectoryVisitor {
public:
    virtual bool visit(std::string_view name, u64 inode, u8 type /* abi::DT_* */, u64 next_position) = 0;
};

// What RENAME_WHITEOUT leaves in place of the old name: a character device 0:0, by which an overlay's upper layer says that the
// name is gone.
struct Whiteout {
    u32 mode, uid, gid; // `mode` with the type
};

class Inode : public SharedObject {
public:
    RefPtr<SuperBlock> super_block;
    u64 number = 0;
    u32 mode = 0; // type and permissions
    u32 uid = 0, gid = 0;
    u32 links = 1;
    u64 device = 0; // of device nodes, Linux encoding
    u64 size = 0;
    u64 blocks = 0; // of 512 bytes
    u32 block_size = 4096;
    abi::timespec accessed{}, modified{}, changed{}, born{};
    // Guards the attributes above and, for directories, the set of names. Two are taken parent first, else by
    // address (rename).
    Mutex lock;
    std::atomic<i32> write_access{0}; // writers > 0; running programs < 0 (ETXTBSY)
    bool is_temporary = false;             // O_TMPFILE: may be linked although `links` is 0
    RefPtr<PipeState> fifo;           // an open FIFO's pipe
    RefPtr<SharedObject> socket;      // a bound UNIX socket
    // POSIX ACLs (fs/acl.hpp): which kinds there are, or may be, and the lists once they were read (guarded by `lock`).
    u8 acl_kinds = 0;
    RefPtr<SharedObject> access_acl, default_acl;
    FileLocks* file_locks = nullptr;
    InotifyMarks* marks = nullptr;
    bool is_watched_by_host = false; // its inotify events come from the host, as far as that tells them

    Inode();
    ~Inode() override;

    bool is_directory() const { return (mode & abi::S_IFMT) == abi::S_IFDIR; }
    bool is_regular() const { return (mode & abi::S_IFMT) == abi::S_IFREG; }
    bool is_symlink() const { return (mode & abi::S_IFMT) == abi::S_IFLNK; }
    bool is_fifo() const { return (mode & abi::S_IFMT) == abi::S_IFIFO; }
    bool is_socket() const { return (mode & abi::S_IFMT) == abi::S_IFSOCK; }
    bool is_character_device() const { return (mode & abi::S_IFMT) == abi::S_IFCHR; }
    bool is_block_device() const { return (mode & abi::S_IFMT) == abi::S_IFBLK; }

    // -- as a directory; `lock` is held. `name` is 1..255 bytes, not "." or "..".
    // ENOENT when there is no such name (it may be cached as a negative dentry).
    virtual Result<RefPtr<Inode>> lookup(std::string_view name);
    // mode: type and permissions with the umask applied; uid/gid already decided by the caller.
    virtual Result<RefPtr<Inode>> create(std::string_view name, u32 mode, u32 uid, u32 gid, u64 device);
    virtual Result<RefPtr<Inode>> make_symlink(std::string_view name, std::string_view target, u32 uid, u32 gid);
    virtual Result<void> link(std::string_view name, Inode& target);
    virtual Result<void> unlink(std::string_view name, Inode& target);
    virtual Result<void> remove_directory(std::string_view name, Inode& target);
    // `this` is the old parent; target_new may be null. flags: abi::RENAME_NOREPLACE/EXCHANGE. `whiteout`: null, or what takes
    // the old name in the same step: whoever looks sees both or neither, after a crash too. EINVAL where there are none.
    virtual Result<void> rename(std::string_view old_name, Inode& target_old, Inode& new_parent,
                                std::string_view new_name, Inode* target_new, u32 flags, const Whiteout* whiteout);
    // O_TMPFILE.
    virtual Result<RefPtr<Inode>> create_anonymous(u32 mode, u32 uid, u32 gid);

    // -- any type
    // The open file's object; the generic layer handles FIFOs, sockets and device nodes itself.
    virtual Result<RefPtr<File>> open(const Path& path, u32 flags);
    // Target of a symlink into `buffer`; its length (not NUL-terminated).
    virtual Result<usize> read_link(char* buffer, usize capacity);
    // A "magic" link (/proc/self/fd/1, exe, cwd): the place itself instead of a text. EINVAL for ordinary ones.
    virtual Result<Path> follow_magic_link();
    // As a directory: whether the name that `found` has here (null: an absence) may be kept as a dentry without asking
    // again. Default: the super block's may_cache_names().
    virtual bool may_cache_name(const Inode* found) const;
    // Called when the first inotify watch comes, and after the last has gone: where the host's programs change files as well, the
    // host tells of all changes, and the generic layer's own hooks keep quiet (true).
    virtual bool watch_host() { return false; }
    virtual void unwatch_host() {}
    // As a directory that compares names its own way: whether the two are the same name spelt differently, so that a
    // rename changes the spelling.
    virtual bool is_other_spelling(std::string_view, std::string_view) const { return false; }
    // Whether `other`, which a later lookup of the same name has made, stands for the same file.
    virtual bool is_same_file(const Inode& other) const { return this == &other; }
    // Brings the cached attributes up to date where somebody else may change them (DriveFs, procfs). Default: nothing.
    virtual Result<void> refresh();
    // As refresh(), after a lookup in the same system call, which began when the task had made `host_calls` calls of the host about
    // files: what the lookup has just been told is not asked again. kNotLookedUp: as refresh().
    static constexpr u64 kNotLookedUp = ~u64{0};
    Result<void> refresh_looked_up(u64 host_calls);
    // As a directory whose names somebody else changes: whether open() of `child`, a regular file that was found here, goes by
    // `name` and fails when that names another file by now; the attributes are then those of the file that it has opened.
    virtual bool opening_verifies(const Inode&, std::string_view) const { return false; }
    // Whether the attributes are those that the calling thread's last call of the host about files has told.
    virtual bool was_told_last() const { return false; }
    // Whether type, mode and owner are true without refresh(): nobody but this kernel changes them.
    virtual bool has_own_rights() const { return false; }
    // As refresh_looked_up(), for callers that look at type, mode and owner alone.
    Result<void> refresh_rights(u64 host_calls = kNotLookedUp);
    // Applies a change that has been checked; `lock` is held. The generic layer updates the cached fields afterwards
    // from what the call left in them: an override stores first, then calls Inode::set_attributes.
    virtual Result<void> set_attributes(const AttributeChange& change);
    virtual Result<usize> get_xattr(std::string_view name, void* value, usize capacity);
    virtual Result<void> set_xattr(std::string_view name, const void* value, usize length, i32 flags);
    virtual Result<usize> list_xattrs(char* names, usize capacity);
    virtual Result<void> remove_xattr(std::string_view name);
};

class SuperBlock : public SharedObject {
public:
    u64 device = 0; // st_dev
    u32 magic = 0;
    u32 flags = 0; // abi::MS_* that belong to the file system itself
    const char* type_name = "";
    RefPtr<Dentry> root;
    Mutex rename_lock; // cross-directory renames
    bool asks_always = false; // names are kept, for their inodes' sake, but looked up each time: somebody else changes them
    bool has_fixed_names = false; // nothing can be created in it: ENOENT before all other checks (proc)
    std::atomic<u32> mount_count{0};

    SuperBlock();
    ~SuperBlock() override;
    // Whether `name`, of the namespace "system.", is an attribute of this file system's own.
    virtual bool has_system_attribute(std::string_view) const { return false; }
    // Whether looked-up names (and absences) may be kept as dentries without asking again.
    virtual bool may_cache_names() const { return true; }
    virtual Result<abi::statfs> statistics();
    virtual Result<void> sync();
    // No program runs any more, and none will.
    virtual void instance_ends() {}
    // The last mount is gone. The default lets go of the root, which breaks the cycle of references between root and
    // super block; a file system that will be mounted again (devtmpfs) overrides it to do nothing.
    virtual void unmounted();
    // MS_REMOUNT. flags: the new MS_* bits of the file system. The default accepts and stores them.
    virtual Result<void> remount(u32 flags, std::string_view data);
    // What it keeps in memory, as lines "name number" for /proc/lxss/caches.
    virtual void print_caches(base::Writer&) {}
    // Mount options as /proc/mounts shows them, each with a leading comma.
    virtual void print_options(base::Writer&) const {}
};

void now_realtime(abi::timespec& time); // coarse, as file times are

// Fills Linux's stat structures from an inode (after refresh()).
void fill_stat(const Inode& inode, abi::stat& out);

// statx(2) as far as an inode goes; the caller adds mount id and root.
void fill_statx(const Inode& inode, abi::statx& out);

// Whether the current task is the owner or has CAP_FOWNER.
bool is_owner_or_capable(const Inode& inode);

// DAC check (mode and ACL) of the current task's fs ids and capabilities for abi::R_OK|W_OK|X_OK bits: EACCES.
Result<void> check_permission(const Inode& inode, u32 access);
Result<void> check_permission_as(const Inode& inode, u32 access, const Credentials& credentials, bool real_ids);

} // namespace lxcore
