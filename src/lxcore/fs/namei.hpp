// Path resolution: path_resolution(7).
#pragma once

#include "lxcore/fs/acl.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

// How a path is looked up.
inline constexpr u32 kFollowLast = 1;    // follow a symbolic link in the last component
inline constexpr u32 kLastDirectory = 2; // the result must be a directory (ENOTDIR)
inline constexpr u32 kAllowEmpty = 4;    // AT_EMPTY_PATH: "" means dirfd itself
inline constexpr u32 kNoSymlinks = 8;    // openat2 RESOLVE_*
inline constexpr u32 kNoMagicLinks = 16;
inline constexpr u32 kBeneath = 32;
inline constexpr u32 kInRoot = 64;
inline constexpr u32 kNoCrossDevice = 128;
inline constexpr u32 kTrustLast = 256; // the last name may be taken for what it was (Walker::has_trusted())
// From abi::AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH.
constexpr u32 lookup_flags(u32 at_flags) {
    return ((at_flags & abi::AT_SYMLINK_NOFOLLOW) ? 0 : kFollowLast) |
           ((at_flags & abi::AT_EMPTY_PATH) ? kAllowEmpty : 0);
}

// The starting point for a relative path: dirfd or AT_FDCWD. EBADF, ENOTDIR.
Result<Path> base_path(i32 dirfd, std::string_view path);
// An existing place. ENOENT, ENOTDIR, EACCES (search permission), ELOOP (40 links), ENAMETOOLONG.
Result<Path> resolve(i32 dirfd, std::string_view path, u32 flags);
Result<Path> resolve_user(i32 dirfd, UserCString path, u32 flags);

// The parent directory and the last name of a path, for create, unlink and rename.
struct ParentName {
    Path parent;
    char name[256]{};
    usize length = 0;
    enum class Kind : u8 { Normal, Dot, DotDot, Root } kind = Kind::Normal;
    bool trailing_slash = false;
    std::string_view view() const { return {name, length}; }
};
Result<void> resolve_parent(i32 dirfd, std::string_view path, ParentName& out);

// open(2) with everything it implies. mode: permission bits before the umask.
Result<RefPtr<File>> open_file(i32 dirfd, std::string_view path, u32 flags, u32 mode, u32 resolve_flags = 0);
// Opens a place that is already resolved (exec, /proc/self/fd).
Result<RefPtr<File>> open_path(const Path& path, u32 flags, u64 host_calls = Inode::kNotLookedUp);
// mknod, mkdir, and UNIX socket bind. The new place.
Result<Path> create_node(i32 dirfd, std::string_view path, u32 mode, u64 device);

// The rules of rename(2), link(2), unlink(2)... for callers that hold the parent's inode lock.
Result<void> may_create_in(const Path& parent);
Result<void> may_delete(const Path& parent, const Dentry& victim, bool as_directory);
// Mode, owner and ACLs of a new inode below `parent`: the umask or the default ACL, set-group-id inheritance.
struct NewOwner {
    u32 mode, uid, gid;
    InheritedAcl acl; // its `mode` is the one that holds in the end
};
// `mode` as the caller asked for it, type included.
Result<NewOwner> owner_of_new(const Inode& parent, u32 mode);
// Makes a file or directory whose name is free, ACLs included. `directory`'s lock is held.
Result<RefPtr<Inode>> make_node(Inode& directory, std::string_view name, const NewOwner& owner, u64 device);
u32 current_umask();

// The permission and type rules of open(2), without opening. flags: abi::O_*.
Result<void> may_open(const Path& path, u32 flags, u64 host_calls = Inode::kNotLookedUp); // see Inode::refresh_looked_up()
// truncate(2) after its permission checks: size, times, set-id bits.
Result<void> truncate_inode(Inode& inode, u64 length);
// Takes the set-id bits off a regular file that the current task has changed (write, truncate, chown).
Result<void> remove_privileges(Inode& inode);
bool must_remove_privileges(const Inode& inode);

// Times and inotify after data was written or read. The system calls do this after File::read, write and
// read_directory have moved bytes; a file system need not.
void note_modified(File& file);
void note_accessed(File& file); // relatime rules
void touch_accessed(const Path& path);

} // namespace lxcore
