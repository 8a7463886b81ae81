// File attributes: inode(7), stat(2), statx(2), statfs(2), and the encoding of device numbers, makedev(3).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr uint32_t S_IFMT = 0170000;
inline constexpr uint32_t S_IFSOCK = 0140000;
inline constexpr uint32_t S_IFLNK = 0120000;
inline constexpr uint32_t S_IFREG = 0100000;
inline constexpr uint32_t S_IFBLK = 0060000;
inline constexpr uint32_t S_IFDIR = 0040000;
inline constexpr uint32_t S_IFCHR = 0020000;
inline constexpr uint32_t S_IFIFO = 0010000;

inline constexpr uint32_t S_ISUID = 04000;
inline constexpr uint32_t S_ISGID = 02000;
inline constexpr uint32_t S_ISVTX = 01000;
inline constexpr uint32_t S_IRWXU = 0700;
inline constexpr uint32_t S_IRUSR = 0400;
inline constexpr uint32_t S_IWUSR = 0200;
inline constexpr uint32_t S_IXUSR = 0100;
inline constexpr uint32_t S_IRWXG = 070;
inline constexpr uint32_t S_IRGRP = 040;
inline constexpr uint32_t S_IWGRP = 020;
inline constexpr uint32_t S_IXGRP = 010;
inline constexpr uint32_t S_IRWXO = 07;
inline constexpr uint32_t S_IROTH = 04;
inline constexpr uint32_t S_IWOTH = 02;
inline constexpr uint32_t S_IXOTH = 01;
inline constexpr uint32_t S_IRWXUGO = 0777;
inline constexpr uint32_t S_IALLUGO = 07777;
inline constexpr uint32_t S_IXUGO = 0111;

constexpr bool S_ISREG(uint32_t mode) { return (mode & S_IFMT) == S_IFREG; }
constexpr bool S_ISDIR(uint32_t mode) { return (mode & S_IFMT) == S_IFDIR; }
constexpr bool S_ISLNK(uint32_t mode) { return (mode & S_IFMT) == S_IFLNK; }
constexpr bool S_ISCHR(uint32_t mode) { return (mode & S_IFMT) == S_IFCHR; }
constexpr bool S_ISBLK(uint32_t mode) { return (mode & S_IFMT) == S_IFBLK; }
constexpr bool S_ISFIFO(uint32_t mode) { return (mode & S_IFMT) == S_IFIFO; }
constexpr bool S_ISSOCK(uint32_t mode) { return (mode & S_IFMT) == S_IFSOCK; }

// A device number as programs see it: 12 bits of major around which the 20 bits of minor are wrapped, so that
// the low 16 bits equal the historic 8:8 form.
constexpr uint32_t makedev(uint32_t major, uint32_t minor) {
    return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);
}
constexpr uint32_t major(uint64_t device) { return static_cast<uint32_t>(device >> 8) & 0xfff; }
constexpr uint32_t minor(uint64_t device) {
    return static_cast<uint32_t>((device & 0xff) | ((device >> 12) & 0xfff00));
}
static_assert(makedev(8, 1) == 0x801 && major(makedev(4095, 0xabcde)) == 4095 &&
              minor(makedev(4095, 0xabcde)) == 0xabcde);

struct stat {
    uint64_t st_dev;
    uint64_t st_ino;
    uint64_t st_nlink;
    uint32_t st_mode;
    uint32_t st_uid;
    uint32_t st_gid;
    uint32_t __pad0;
    uint64_t st_rdev;
    int64_t st_size;
    int64_t st_blksize;
    int64_t st_blocks;  // in units of 512 bytes, whatever st_blksize says
    uint64_t st_atime;
    uint64_t st_atime_nsec;
    uint64_t st_mtime;
    uint64_t st_mtime_nsec;
    uint64_t st_ctime;
    uint64_t st_ctime_nsec;
    int64_t __unused[3];
};
static_assert(sizeof(stat) == 144 && offsetof(stat, st_size) == 48 && offsetof(stat, st_ctime) == 104);

struct statx_timestamp {
    int64_t tv_sec;
    uint32_t tv_nsec;
    int32_t __reserved;
};
static_assert(sizeof(statx_timestamp) == 16);

struct statx {
    uint32_t stx_mask;
    uint32_t stx_blksize;
    uint64_t stx_attributes;
    uint32_t stx_nlink;
    uint32_t stx_uid;
    uint32_t stx_gid;
    uint16_t stx_mode;
    uint16_t __spare0[1];
    uint64_t stx_ino;
    uint64_t stx_size;
    uint64_t stx_blocks;
    uint64_t stx_attributes_mask;
    statx_timestamp stx_atime;
    statx_timestamp stx_btime;
    statx_timestamp stx_ctime;
    statx_timestamp stx_mtime;
    uint32_t stx_rdev_major;
    uint32_t stx_rdev_minor;
    uint32_t stx_dev_major;
    uint32_t stx_dev_minor;
    uint64_t stx_mnt_id;
    uint32_t stx_dio_mem_align;
    uint32_t stx_dio_offset_align;
    uint64_t stx_subvol;
    uint32_t stx_atomic_write_unit_min;
    uint32_t stx_atomic_write_unit_max;
    uint32_t stx_atomic_write_segments_max;
    uint32_t __spare1[1];
    uint64_t __spare3[9];
};
static_assert(sizeof(statx) == 256 && offsetof(statx, stx_atime) == 64 && offsetof(statx, stx_mnt_id) == 144);

inline constexpr uint32_t STATX_TYPE = 0x0001;
inline constexpr uint32_t STATX_MODE = 0x0002;
inline constexpr uint32_t STATX_NLINK = 0x0004;
inline constexpr uint32_t STATX_UID = 0x0008;
inline constexpr uint32_t STATX_GID = 0x0010;
inline constexpr uint32_t STATX_ATIME = 0x0020;
inline constexpr uint32_t STATX_MTIME = 0x0040;
inline constexpr uint32_t STATX_CTIME = 0x0080;
inline constexpr uint32_t STATX_INO = 0x0100;
inline constexpr uint32_t STATX_SIZE = 0x0200;
inline constexpr uint32_t STATX_BLOCKS = 0x0400;
inline constexpr uint32_t STATX_BASIC_STATS = 0x07ff;
inline constexpr uint32_t STATX_BTIME = 0x0800;
inline constexpr uint32_t STATX_ALL = 0x0fff;
inline constexpr uint32_t STATX_MNT_ID = 0x1000;
inline constexpr uint32_t STATX_DIOALIGN = 0x2000;
inline constexpr uint32_t STATX_MNT_ID_UNIQUE = 0x4000;
inline constexpr uint32_t STATX_SUBVOL = 0x8000;
inline constexpr uint32_t STATX_WRITE_ATOMIC = 0x10000;
inline constexpr uint32_t STATX__RESERVED = 0x80000000;

inline constexpr uint64_t STATX_ATTR_COMPRESSED = 0x00000004;
inline constexpr uint64_t STATX_ATTR_IMMUTABLE = 0x00000010;
inline constexpr uint64_t STATX_ATTR_APPEND = 0x00000020;
inline constexpr uint64_t STATX_ATTR_NODUMP = 0x00000040;
inline constexpr uint64_t STATX_ATTR_ENCRYPTED = 0x00000800;
inline constexpr uint64_t STATX_ATTR_AUTOMOUNT = 0x00001000;
inline constexpr uint64_t STATX_ATTR_MOUNT_ROOT = 0x00002000;
inline constexpr uint64_t STATX_ATTR_VERITY = 0x00100000;
inline constexpr uint64_t STATX_ATTR_DAX = 0x00200000;

struct statfs {
    int64_t f_type;
    int64_t f_bsize;
    uint64_t f_blocks;
    uint64_t f_bfree;
    uint64_t f_bavail;
    uint64_t f_files;
    uint64_t f_ffree;
    int32_t f_fsid[2];
    int64_t f_namelen;
    int64_t f_frsize;
    int64_t f_flags;
    int64_t f_spare[4];
};
static_assert(sizeof(statfs) == 120 && offsetof(statfs, f_namelen) == 64);

// statfs.f_type
inline constexpr uint32_t EXT4_SUPER_MAGIC = 0xef53;
inline constexpr uint32_t TMPFS_MAGIC = 0x01021994;
inline constexpr uint32_t RAMFS_MAGIC = 0x858458f6;
inline constexpr uint32_t PROC_SUPER_MAGIC = 0x9fa0;
inline constexpr uint32_t SYSFS_MAGIC = 0x62656572;
inline constexpr uint32_t DEVPTS_SUPER_MAGIC = 0x1cd1;
inline constexpr uint32_t PIPEFS_MAGIC = 0x50495045;
inline constexpr uint32_t SOCKFS_MAGIC = 0x534f434b;
inline constexpr uint32_t ANON_INODE_FS_MAGIC = 0x09041934;
inline constexpr uint32_t OVERLAYFS_SUPER_MAGIC = 0x794c7630;
inline constexpr uint32_t CGROUP_SUPER_MAGIC = 0x27e0eb;
inline constexpr uint32_t CGROUP2_SUPER_MAGIC = 0x63677270;
inline constexpr uint32_t NSFS_MAGIC = 0x6e736673;
inline constexpr uint32_t V9FS_MAGIC = 0x01021997;
inline constexpr uint32_t DEBUGFS_MAGIC = 0x64626720;
inline constexpr uint32_t SECURITYFS_MAGIC = 0x73636673;
inline constexpr uint32_t BINFMTFS_MAGIC = 0x42494e4d;
inline constexpr uint32_t PID_FS_MAGIC = 0x50494446;

// statfs.f_flags. ST_VALID marks that the flags are filled in; the C library removes it.
inline constexpr uint32_t ST_RDONLY = 0x0001;
inline constexpr uint32_t ST_NOSUID = 0x0002;
inline constexpr uint32_t ST_NODEV = 0x0004;
inline constexpr uint32_t ST_NOEXEC = 0x0008;
inline constexpr uint32_t ST_SYNCHRONOUS = 0x0010;
inline constexpr uint32_t ST_VALID = 0x0020;
inline constexpr uint32_t ST_MANDLOCK = 0x0040;
inline constexpr uint32_t ST_NOATIME = 0x0400;
inline constexpr uint32_t ST_NODIRATIME = 0x0800;
inline constexpr uint32_t ST_RELATIME = 0x1000;
inline constexpr uint32_t ST_NOSYMFOLLOW = 0x2000;

// utimensat(2), in tv_nsec
inline constexpr int64_t UTIME_NOW = 0x3fffffff;
inline constexpr int64_t UTIME_OMIT = 0x3ffffffe;

}  // namespace abi
