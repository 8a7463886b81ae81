// Opening and manipulating descriptors: open(2), openat2(2), fcntl(2), flock(2), fallocate(2), splice(2),
// memfd_create(2), posix_fadvise(2), preadv2(2), rename(2).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

// open(2) flags
inline constexpr uint32_t O_RDONLY = 0;
inline constexpr uint32_t O_WRONLY = 1;
inline constexpr uint32_t O_RDWR = 2;
inline constexpr uint32_t O_ACCMODE = 3;
inline constexpr uint32_t O_CREAT = 0100;
inline constexpr uint32_t O_EXCL = 0200;
inline constexpr uint32_t O_NOCTTY = 0400;
inline constexpr uint32_t O_TRUNC = 01000;
inline constexpr uint32_t O_APPEND = 02000;
inline constexpr uint32_t O_NONBLOCK = 04000;
inline constexpr uint32_t O_NDELAY = O_NONBLOCK;
inline constexpr uint32_t O_DSYNC = 010000;
inline constexpr uint32_t FASYNC = 020000;
inline constexpr uint32_t O_ASYNC = FASYNC;
inline constexpr uint32_t O_DIRECT = 040000;
inline constexpr uint32_t O_LARGEFILE = 0100000;
inline constexpr uint32_t O_DIRECTORY = 0200000;
inline constexpr uint32_t O_NOFOLLOW = 0400000;
inline constexpr uint32_t O_NOATIME = 01000000;
inline constexpr uint32_t O_CLOEXEC = 02000000;
inline constexpr uint32_t O_SYNC = 04000000 | O_DSYNC;  // the extra bit alone is not a valid request
inline constexpr uint32_t O_PATH = 010000000;
inline constexpr uint32_t O_TMPFILE = 020000000 | O_DIRECTORY;  // old kernels then fail with EISDIR

// openat2(2)
struct open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};
static_assert(sizeof(open_how) == 24);
inline constexpr uint32_t OPEN_HOW_SIZE_VER0 = 24;
inline constexpr uint64_t RESOLVE_NO_XDEV = 0x01;
inline constexpr uint64_t RESOLVE_NO_MAGICLINKS = 0x02;
inline constexpr uint64_t RESOLVE_NO_SYMLINKS = 0x04;
inline constexpr uint64_t RESOLVE_BENEATH = 0x08;
inline constexpr uint64_t RESOLVE_IN_ROOT = 0x10;
inline constexpr uint64_t RESOLVE_CACHED = 0x20;

// *at(2) calls
inline constexpr int32_t AT_FDCWD = -100;
inline constexpr uint32_t AT_SYMLINK_NOFOLLOW = 0x100;
inline constexpr uint32_t AT_EACCESS = 0x200;    // faccessat2
inline constexpr uint32_t AT_REMOVEDIR = 0x200;  // unlinkat
inline constexpr uint32_t AT_SYMLINK_FOLLOW = 0x400;
inline constexpr uint32_t AT_NO_AUTOMOUNT = 0x800;
inline constexpr uint32_t AT_EMPTY_PATH = 0x1000;
inline constexpr uint32_t AT_STATX_SYNC_TYPE = 0x6000;
inline constexpr uint32_t AT_STATX_SYNC_AS_STAT = 0x0000;
inline constexpr uint32_t AT_STATX_FORCE_SYNC = 0x2000;
inline constexpr uint32_t AT_STATX_DONT_SYNC = 0x4000;
inline constexpr uint32_t AT_RECURSIVE = 0x8000;

// access(2)
inline constexpr uint32_t F_OK = 0;
inline constexpr uint32_t X_OK = 1;
inline constexpr uint32_t W_OK = 2;
inline constexpr uint32_t R_OK = 4;

// fcntl(2) commands
inline constexpr uint32_t F_DUPFD = 0;
inline constexpr uint32_t F_GETFD = 1;
inline constexpr uint32_t F_SETFD = 2;
inline constexpr uint32_t F_GETFL = 3;
inline constexpr uint32_t F_SETFL = 4;
inline constexpr uint32_t F_GETLK = 5;
inline constexpr uint32_t F_SETLK = 6;
inline constexpr uint32_t F_SETLKW = 7;
inline constexpr uint32_t F_SETOWN = 8;
inline constexpr uint32_t F_GETOWN = 9;
inline constexpr uint32_t F_SETSIG = 10;
inline constexpr uint32_t F_GETSIG = 11;
inline constexpr uint32_t F_SETOWN_EX = 15;
inline constexpr uint32_t F_GETOWN_EX = 16;
inline constexpr uint32_t F_GETOWNER_UIDS = 17;
inline constexpr uint32_t F_OFD_GETLK = 36;
inline constexpr uint32_t F_OFD_SETLK = 37;
inline constexpr uint32_t F_OFD_SETLKW = 38;
inline constexpr uint32_t F_SETLEASE = 1024;
inline constexpr uint32_t F_GETLEASE = 1025;
inline constexpr uint32_t F_NOTIFY = 1026;
inline constexpr uint32_t F_DUPFD_QUERY = 1027;
inline constexpr uint32_t F_CREATED_QUERY = 1028;
inline constexpr uint32_t F_CANCELLK = 1029;
inline constexpr uint32_t F_DUPFD_CLOEXEC = 1030;
inline constexpr uint32_t F_SETPIPE_SZ = 1031;
inline constexpr uint32_t F_GETPIPE_SZ = 1032;
inline constexpr uint32_t F_ADD_SEALS = 1033;
inline constexpr uint32_t F_GET_SEALS = 1034;
inline constexpr uint32_t F_GET_RW_HINT = 1035;
inline constexpr uint32_t F_SET_RW_HINT = 1036;
inline constexpr uint32_t F_GET_FILE_RW_HINT = 1037;
inline constexpr uint32_t F_SET_FILE_RW_HINT = 1038;

inline constexpr uint32_t FD_CLOEXEC = 1;

// F_SETOWN_EX
inline constexpr int32_t F_OWNER_TID = 0;
inline constexpr int32_t F_OWNER_PID = 1;
inline constexpr int32_t F_OWNER_PGRP = 2;
struct f_owner_ex {
    int32_t type;
    int32_t pid;
};
static_assert(sizeof(f_owner_ex) == 8);

// Record locks. x86-64 has one layout: flock and flock64 are the same.
inline constexpr int16_t F_RDLCK = 0;
inline constexpr int16_t F_WRLCK = 1;
inline constexpr int16_t F_UNLCK = 2;
struct flock {
    int16_t l_type;
    int16_t l_whence;
    int64_t l_start;
    int64_t l_len;
    int32_t l_pid;
};
static_assert(sizeof(flock) == 32 && offsetof(flock, l_start) == 8 && offsetof(flock, l_pid) == 24);
using flock64 = flock;

// flock(2)
inline constexpr uint32_t LOCK_SH = 1;
inline constexpr uint32_t LOCK_EX = 2;
inline constexpr uint32_t LOCK_NB = 4;
inline constexpr uint32_t LOCK_UN = 8;

// F_ADD_SEALS
inline constexpr uint32_t F_SEAL_SEAL = 0x01;
inline constexpr uint32_t F_SEAL_SHRINK = 0x02;
inline constexpr uint32_t F_SEAL_GROW = 0x04;
inline constexpr uint32_t F_SEAL_WRITE = 0x08;
inline constexpr uint32_t F_SEAL_FUTURE_WRITE = 0x10;
inline constexpr uint32_t F_SEAL_EXEC = 0x20;

// F_NOTIFY
inline constexpr uint32_t DN_ACCESS = 0x01;
inline constexpr uint32_t DN_MODIFY = 0x02;
inline constexpr uint32_t DN_CREATE = 0x04;
inline constexpr uint32_t DN_DELETE = 0x08;
inline constexpr uint32_t DN_RENAME = 0x10;
inline constexpr uint32_t DN_ATTRIB = 0x20;
inline constexpr uint32_t DN_MULTISHOT = 0x80000000;

// memfd_create(2)
inline constexpr uint32_t MFD_CLOEXEC = 0x01;
inline constexpr uint32_t MFD_ALLOW_SEALING = 0x02;
inline constexpr uint32_t MFD_HUGETLB = 0x04;
inline constexpr uint32_t MFD_NOEXEC_SEAL = 0x08;
inline constexpr uint32_t MFD_EXEC = 0x10;

// lseek(2)
inline constexpr uint32_t SEEK_SET = 0;
inline constexpr uint32_t SEEK_CUR = 1;
inline constexpr uint32_t SEEK_END = 2;
inline constexpr uint32_t SEEK_DATA = 3;
inline constexpr uint32_t SEEK_HOLE = 4;

// renameat2(2)
inline constexpr uint32_t RENAME_NOREPLACE = 1;
inline constexpr uint32_t RENAME_EXCHANGE = 2;
inline constexpr uint32_t RENAME_WHITEOUT = 4;

// fallocate(2)
inline constexpr uint32_t FALLOC_FL_KEEP_SIZE = 0x01;
inline constexpr uint32_t FALLOC_FL_PUNCH_HOLE = 0x02;
inline constexpr uint32_t FALLOC_FL_COLLAPSE_RANGE = 0x08;
inline constexpr uint32_t FALLOC_FL_ZERO_RANGE = 0x10;
inline constexpr uint32_t FALLOC_FL_INSERT_RANGE = 0x20;
inline constexpr uint32_t FALLOC_FL_UNSHARE_RANGE = 0x40;

// splice(2), tee(2), vmsplice(2)
inline constexpr uint32_t SPLICE_F_MOVE = 1;
inline constexpr uint32_t SPLICE_F_NONBLOCK = 2;
inline constexpr uint32_t SPLICE_F_MORE = 4;
inline constexpr uint32_t SPLICE_F_GIFT = 8;

// sync_file_range(2)
inline constexpr uint32_t SYNC_FILE_RANGE_WAIT_BEFORE = 1;
inline constexpr uint32_t SYNC_FILE_RANGE_WRITE = 2;
inline constexpr uint32_t SYNC_FILE_RANGE_WAIT_AFTER = 4;

// close_range(2)
inline constexpr uint32_t CLOSE_RANGE_UNSHARE = 2;
inline constexpr uint32_t CLOSE_RANGE_CLOEXEC = 4;

// posix_fadvise(2)
inline constexpr uint32_t POSIX_FADV_NORMAL = 0;
inline constexpr uint32_t POSIX_FADV_RANDOM = 1;
inline constexpr uint32_t POSIX_FADV_SEQUENTIAL = 2;
inline constexpr uint32_t POSIX_FADV_WILLNEED = 3;
inline constexpr uint32_t POSIX_FADV_DONTNEED = 4;
inline constexpr uint32_t POSIX_FADV_NOREUSE = 5;

// preadv2(2), pwritev2(2)
inline constexpr uint32_t RWF_HIPRI = 0x01;
inline constexpr uint32_t RWF_DSYNC = 0x02;
inline constexpr uint32_t RWF_SYNC = 0x04;
inline constexpr uint32_t RWF_NOWAIT = 0x08;
inline constexpr uint32_t RWF_APPEND = 0x10;
inline constexpr uint32_t RWF_NOAPPEND = 0x20;
inline constexpr uint32_t RWF_ATOMIC = 0x40;

// name_to_handle_at(2)
struct file_handle {
    uint32_t handle_bytes;
    int32_t handle_type;
    uint8_t f_handle[];
};
static_assert(sizeof(file_handle) == 8);
inline constexpr uint32_t MAX_HANDLE_SZ = 128;
inline constexpr uint32_t AT_HANDLE_FID = 0x200;

}  // namespace abi
