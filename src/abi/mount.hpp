// Mounting: mount(2), umount(2), and the newer fsopen, fsconfig, fsmount, move_mount, open_tree and
// mount_setattr(2).
#pragma once

#include <cstdint>

namespace abi {

inline constexpr uint64_t MS_RDONLY = 0x1;
inline constexpr uint64_t MS_NOSUID = 0x2;
inline constexpr uint64_t MS_NODEV = 0x4;
inline constexpr uint64_t MS_NOEXEC = 0x8;
inline constexpr uint64_t MS_SYNCHRONOUS = 0x10;
inline constexpr uint64_t MS_REMOUNT = 0x20;
inline constexpr uint64_t MS_MANDLOCK = 0x40;
inline constexpr uint64_t MS_DIRSYNC = 0x80;
inline constexpr uint64_t MS_NOSYMFOLLOW = 0x100;
inline constexpr uint64_t MS_NOATIME = 0x400;
inline constexpr uint64_t MS_NODIRATIME = 0x800;
inline constexpr uint64_t MS_BIND = 0x1000;
inline constexpr uint64_t MS_MOVE = 0x2000;
inline constexpr uint64_t MS_REC = 0x4000;
inline constexpr uint64_t MS_SILENT = 0x8000;
inline constexpr uint64_t MS_POSIXACL = 0x10000;
inline constexpr uint64_t MS_UNBINDABLE = 0x20000;
inline constexpr uint64_t MS_PRIVATE = 0x40000;
inline constexpr uint64_t MS_SLAVE = 0x80000;
inline constexpr uint64_t MS_SHARED = 0x100000;
inline constexpr uint64_t MS_RELATIME = 0x200000;
inline constexpr uint64_t MS_KERNMOUNT = 0x400000;
inline constexpr uint64_t MS_I_VERSION = 0x800000;
inline constexpr uint64_t MS_STRICTATIME = 0x1000000;
inline constexpr uint64_t MS_LAZYTIME = 0x2000000;
inline constexpr uint64_t MS_MGC_VAL = 0xc0ed0000;
inline constexpr uint64_t MS_MGC_MSK = 0xffff0000;

inline constexpr uint32_t MNT_FORCE = 1;
inline constexpr uint32_t MNT_DETACH = 2;
inline constexpr uint32_t MNT_EXPIRE = 4;
inline constexpr uint32_t UMOUNT_NOFOLLOW = 8;

inline constexpr uint32_t FSOPEN_CLOEXEC = 1;
inline constexpr uint32_t FSPICK_CLOEXEC = 1;
inline constexpr uint32_t FSPICK_SYMLINK_NOFOLLOW = 2;
inline constexpr uint32_t FSPICK_NO_AUTOMOUNT = 4;
inline constexpr uint32_t FSPICK_EMPTY_PATH = 8;
inline constexpr uint32_t FSMOUNT_CLOEXEC = 1;
inline constexpr uint32_t FSCONFIG_SET_FLAG = 0;
inline constexpr uint32_t FSCONFIG_SET_STRING = 1;
inline constexpr uint32_t FSCONFIG_SET_BINARY = 2;
inline constexpr uint32_t FSCONFIG_SET_PATH = 3;
inline constexpr uint32_t FSCONFIG_SET_PATH_EMPTY = 4;
inline constexpr uint32_t FSCONFIG_SET_FD = 5;
inline constexpr uint32_t FSCONFIG_CMD_CREATE = 6;
inline constexpr uint32_t FSCONFIG_CMD_RECONFIGURE = 7;
inline constexpr uint32_t FSCONFIG_CMD_CREATE_EXCL = 8;
inline constexpr uint32_t OPEN_TREE_CLONE = 1;
inline constexpr uint32_t OPEN_TREE_CLOEXEC = 02000000;
inline constexpr uint32_t MOVE_MOUNT_F_SYMLINKS = 0x01;
inline constexpr uint32_t MOVE_MOUNT_F_AUTOMOUNTS = 0x02;
inline constexpr uint32_t MOVE_MOUNT_F_EMPTY_PATH = 0x04;
inline constexpr uint32_t MOVE_MOUNT_T_SYMLINKS = 0x10;
inline constexpr uint32_t MOVE_MOUNT_T_AUTOMOUNTS = 0x20;
inline constexpr uint32_t MOVE_MOUNT_T_EMPTY_PATH = 0x40;
inline constexpr uint32_t MOVE_MOUNT_SET_GROUP = 0x100;
inline constexpr uint32_t MOVE_MOUNT_BENEATH = 0x200;

inline constexpr uint64_t MOUNT_ATTR_RDONLY = 0x01;
inline constexpr uint64_t MOUNT_ATTR_NOSUID = 0x02;
inline constexpr uint64_t MOUNT_ATTR_NODEV = 0x04;
inline constexpr uint64_t MOUNT_ATTR_NOEXEC = 0x08;
inline constexpr uint64_t MOUNT_ATTR__ATIME = 0x70;
inline constexpr uint64_t MOUNT_ATTR_RELATIME = 0x00;
inline constexpr uint64_t MOUNT_ATTR_NOATIME = 0x10;
inline constexpr uint64_t MOUNT_ATTR_STRICTATIME = 0x20;
inline constexpr uint64_t MOUNT_ATTR_NODIRATIME = 0x80;
inline constexpr uint64_t MOUNT_ATTR_IDMAP = 0x100000;
inline constexpr uint64_t MOUNT_ATTR_NOSYMFOLLOW = 0x200000;
struct mount_attr {
    uint64_t attr_set;
    uint64_t attr_clr;
    uint64_t propagation;
    uint64_t userns_fd;
};
static_assert(sizeof(mount_attr) == 32);
inline constexpr uint32_t MOUNT_ATTR_SIZE_VER0 = 32;

}  // namespace abi
