// The encoding of ioctl(2) request numbers and the requests of files and block devices, ioctl_iflags(2),
// ioctl_ficlonerange(2). Terminals are in termios.hpp, interfaces in netdevice.hpp.
#pragma once

#include <cstdint>

namespace abi {

inline constexpr uint32_t _IOC_NONE = 0;
inline constexpr uint32_t _IOC_WRITE = 1;
inline constexpr uint32_t _IOC_READ = 2;
constexpr uint32_t _IOC(uint32_t direction, uint32_t type, uint32_t number, uint32_t size) {
    return (direction << 30) | (size << 16) | (type << 8) | number;
}
constexpr uint32_t _IO(uint32_t type, uint32_t number) { return _IOC(_IOC_NONE, type, number, 0); }
constexpr uint32_t _IOR(uint32_t type, uint32_t number, uint32_t size) {
    return _IOC(_IOC_READ, type, number, size);
}
constexpr uint32_t _IOW(uint32_t type, uint32_t number, uint32_t size) {
    return _IOC(_IOC_WRITE, type, number, size);
}
constexpr uint32_t _IOWR(uint32_t type, uint32_t number, uint32_t size) {
    return _IOC(_IOC_READ | _IOC_WRITE, type, number, size);
}
constexpr uint32_t _IOC_DIR(uint32_t request) { return request >> 30; }
constexpr uint32_t _IOC_TYPE(uint32_t request) { return (request >> 8) & 0xff; }
constexpr uint32_t _IOC_NR(uint32_t request) { return request & 0xff; }
constexpr uint32_t _IOC_SIZE(uint32_t request) { return (request >> 16) & 0x3fff; }

// The flag requests encode 8 bytes but read and write an int.
inline constexpr uint32_t FS_IOC_GETFLAGS = _IOR('f', 1, 8);
inline constexpr uint32_t FS_IOC_SETFLAGS = _IOW('f', 2, 8);
inline constexpr uint32_t FS_IOC_GETVERSION = _IOR('v', 1, 8);
inline constexpr uint32_t FS_IOC_SETVERSION = _IOW('v', 2, 8);
inline constexpr uint32_t FS_IOC_FIEMAP = _IOWR('f', 11, 32);
inline constexpr uint32_t FS_IOC_FSGETXATTR = _IOR('X', 31, 28);
inline constexpr uint32_t FS_IOC_FSSETXATTR = _IOW('X', 32, 28);
inline constexpr uint32_t FS_IOC_GETFSLABEL = _IOR(0x94, 49, 256);
inline constexpr uint32_t FS_SECRM_FL = 0x01;
inline constexpr uint32_t FS_UNRM_FL = 0x02;
inline constexpr uint32_t FS_COMPR_FL = 0x04;
inline constexpr uint32_t FS_SYNC_FL = 0x08;
inline constexpr uint32_t FS_IMMUTABLE_FL = 0x10;
inline constexpr uint32_t FS_APPEND_FL = 0x20;
inline constexpr uint32_t FS_NODUMP_FL = 0x40;
inline constexpr uint32_t FS_NOATIME_FL = 0x80;
inline constexpr uint32_t FS_EXTENT_FL = 0x80000;
inline constexpr uint32_t FS_NOCOW_FL = 0x800000;

inline constexpr uint32_t FIBMAP = _IO(0, 1);
inline constexpr uint32_t FIGETBSZ = _IO(0, 2);
inline constexpr uint32_t FIFREEZE = _IOWR('X', 119, 4);
inline constexpr uint32_t FITHAW = _IOWR('X', 120, 4);
inline constexpr uint32_t FITRIM = _IOWR('X', 121, 24);
inline constexpr uint32_t FICLONE = _IOW(0x94, 9, 4);
inline constexpr uint32_t FICLONERANGE = _IOW(0x94, 13, 32);
inline constexpr uint32_t FIDEDUPERANGE = _IOWR(0x94, 54, 24);
struct file_clone_range {
    int64_t src_fd;
    uint64_t src_offset;
    uint64_t src_length;
    uint64_t dest_offset;
};
static_assert(sizeof(file_clone_range) == 32);

inline constexpr uint32_t BLKROSET = _IO(0x12, 93);
inline constexpr uint32_t BLKROGET = _IO(0x12, 94);
inline constexpr uint32_t BLKRRPART = _IO(0x12, 95);
inline constexpr uint32_t BLKGETSIZE = _IO(0x12, 96);
inline constexpr uint32_t BLKFLSBUF = _IO(0x12, 97);
inline constexpr uint32_t BLKSSZGET = _IO(0x12, 104);
inline constexpr uint32_t BLKBSZGET = _IOR(0x12, 112, 8);
inline constexpr uint32_t BLKGETSIZE64 = _IOR(0x12, 114, 8);
inline constexpr uint32_t BLKDISCARD = _IO(0x12, 119);
inline constexpr uint32_t BLKPBSZGET = _IO(0x12, 123);

// Namespace descriptors, ioctl_ns(2); random(4)
inline constexpr uint32_t NS_GET_USERNS = _IO(0xb7, 1);
inline constexpr uint32_t NS_GET_PARENT = _IO(0xb7, 2);
inline constexpr uint32_t NS_GET_NSTYPE = _IO(0xb7, 3);
inline constexpr uint32_t NS_GET_OWNER_UID = _IO(0xb7, 4);
inline constexpr uint32_t RNDGETENTCNT = _IOR('R', 0, 4);

}  // namespace abi
