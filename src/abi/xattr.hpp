// Extended attributes, xattr(7), and LXATTRB: the attribute in which WSL 1 keeps Linux metadata on NTFS.
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr uint32_t XATTR_CREATE = 1;
inline constexpr uint32_t XATTR_REPLACE = 2;
inline constexpr uint32_t XATTR_NAME_MAX = 255;
inline constexpr uint32_t XATTR_SIZE_MAX = 65536;
inline constexpr uint32_t XATTR_LIST_MAX = 65536;

struct __attribute__((packed)) lxattrb {
    uint16_t flags;
    uint16_t version;  // LXATTRB_VERSION
    uint32_t mode;     // type and permission bits as in st_mode
    uint32_t uid;
    uint32_t gid;
    uint32_t rdev;  // lxattrb_makedev
    uint32_t atime_ns;
    uint32_t mtime_ns;
    uint32_t ctime_ns;
    uint64_t atime;
    uint64_t mtime;
    uint64_t ctime;
};
static_assert(sizeof(lxattrb) == 56 && offsetof(lxattrb, rdev) == 16 && offsetof(lxattrb, atime) == 32);
inline constexpr uint16_t LXATTRB_VERSION = 1;

// Not the encoding of st_rdev: the major number above twenty bits of minor.
constexpr uint32_t lxattrb_makedev(uint32_t major, uint32_t minor) {
    return (major << 20) | (minor & 0xfffff);
}
constexpr uint32_t lxattrb_major(uint32_t rdev) { return rdev >> 20; }
constexpr uint32_t lxattrb_minor(uint32_t rdev) { return rdev & 0xfffff; }

}  // namespace abi
