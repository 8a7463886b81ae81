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
};
inline MountState& mount_state() { return *kernel().mounts; }

// A file system type that mount(2) knows by name.
struct FileSystemType {
    const char* name;
    bool needs_device;
    // data: the option string.
    Result<RefPtr<SuperBlock>> (*create)(std::string_view source, std::string_view data, u32 flags);
};
const FileSystemType* find_file_system_type(std::string_view name);
usize file_system_types(const FileSystemType** types); // all, for /proc/filesystems

// Root at boot.
Result<void> mount_root(RefPtr<SuperBlock> super_block, std::string_view source);
Result<void> mount_at(const Path& where, RefPtr<SuperBlock> super_block, std::string_view source, u32 flags);
Result<void> bind_mount(const Path& from, const Path& where, bool recursive);
Result<void> unmount(const Path& where, u32 flags);
// The topmost mount on `path`, if something is mounted there.
Path cross_mounts_down(Path path);
// The mount point's place in the parent mount, when `path` is a mount's root; false at the namespace's root.
bool cross_mount_up(Path& path);

// Text of a place as seen from `root` (getcwd, /proc/self/fd/...); "(unreachable)" prefix outside of it, " (deleted)"
// behind a removed one. ENAMETOOLONG.
Result<usize> print_path(const Path& path, const Path& root, char* buffer, usize capacity);

} // namespace lxcore
