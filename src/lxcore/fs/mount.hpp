// Mounts: see mount(2), mount_namespaces(7). One mount namespace for now.
#pragma once

#include "lxcore/fs/dentry.hpp"

namespace lxcore {

class Mount final : public SharedObject {
public:
    RefPtr<SuperBlock> super_block;
    RefPtr<Dentry> root;       // of this mount (a bind mount's may lie deep in its file system)
    RefPtr<Mount> parent;      // null for the namespace's root
    RefPtr<Dentry> mountpoint; // in parent
    base::ListNode list_node;  // in MountState::mounts, in mount order
    String source;             // as /proc/mounts shows it
    u32 flags = 0;             // abi::MS_RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, RELATIME...
    i32 id = 0;
    bool is_attached = true;
    // Propagation, guarded by MountState::lock: the peer group that a shared mount belongs to, the one that a slave gets the events
    // of; 0 for none.
    u32 peer_group = 0, master_group = 0;
    bool is_unbindable = false;
    std::atomic<u32> writers{0}; // files that are open for writing through it: it cannot become read-only

    ~Mount() override;
    bool is_read_only() const { return (flags & abi_MS_RDONLY) != 0 || (super_block->flags & abi_MS_RDONLY) != 0; }

private:
    static constexpr u32 abi_MS_RDONLY = 1;
};

struct MountState : ArenaObject {
    Mutex lock;
    base::List<Mount, &Mount::list_node> mounts;
    RefPtr<Mount> root;
    std::atomic<u32> generation{0}; // for pollers of /proc/mounts
    WaitQueue changed;
    i32 last_id = 0;
    u32 last_group = 0;
    // What pipes, sockets and the like belong to; never attached.
    RefPtr<Mount> anonymous;
    // Registered types, a chain of arena objects.
    struct TypeNode* types = nullptr;
};
inline MountState& mount_state() { return *kernel().mounts; }

// A file system type that mount(2) knows by name.
struct FileSystemType {
    const char* name;
    bool needs_device;
    // data: the option string.
    Result<RefPtr<SuperBlock>> (*create)(std::string_view source, std::string_view data, u32 flags);
};
// `type` is a constant of the image. At boot, before the first mount(2).
Result<void> register_file_system_type(const FileSystemType& type);
Result<void> register_memory_file_systems(); // tmpfs, ramfs
const FileSystemType* find_file_system_type(std::string_view name);
usize file_system_types(const FileSystemType** types, usize capacity); // all, for /proc/filesystems

// Root at boot.
Result<void> mount_root(RefPtr<SuperBlock> super_block, std::string_view source);
Result<void> mount_at(const Path& where, RefPtr<SuperBlock> super_block, std::string_view source, u32 flags);
Result<void> bind_mount(const Path& from, const Path& where, bool recursive);
Result<void> unmount(const Path& where, u32 flags);
// MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, of one mount or of all below it as well. EINVAL when nothing is mounted there.
Result<void> change_propagation(const Path& where, u64 kind, bool recursive);
// MS_MOVE, MS_REMOUNT (of the mount alone with `bind`, else of its file system too).
Result<void> move_mount(const Path& from, const Path& where);
Result<void> remount(const Path& where, u32 flags, bool bind, std::string_view data);
Result<void> pivot_root(const Path& new_root, const Path& put_old);
// The topmost mount on `path`, if something is mounted there.
Path cross_mounts_down(Path path);
// The mount point's place in the parent mount, when `path` is a mount's root; false at the namespace's root.
bool cross_mount_up(Path& path);

// Whether something is mounted on `dentry` through any mount.
inline bool is_mountpoint(const Dentry& dentry) { return dentry.mounted.load(std::memory_order_acquire) != 0; }

// Text of a place as seen from `root`, " (deleted)" behind a removed one. Outside of it the name is that within its
// file system, as in /proc/self/exe and maps, with the prefix "(unreachable)" that getcwd(2) has if `mark_unreachable`.
// ENAMETOOLONG.
Result<usize> print_path(const Path& path, const Path& root, char* buffer, usize capacity, bool mark_unreachable = false);

// A counted copy of the current task's root or working directory.
Path current_root();
Path current_directory();

} // namespace lxcore
