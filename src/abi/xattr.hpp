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

// POSIX ACLs, acl(5), as the values of these two attributes: a header and entries sorted by tag.
inline constexpr char XATTR_NAME_POSIX_ACL_ACCESS[] = "system.posix_acl_access";
inline constexpr char XATTR_NAME_POSIX_ACL_DEFAULT[] = "system.posix_acl_default";
inline constexpr uint32_t POSIX_ACL_XATTR_VERSION = 2;
inline constexpr uint16_t ACL_USER_OBJ = 0x01;
inline constexpr uint16_t ACL_USER = 0x02;
inline constexpr uint16_t ACL_GROUP_OBJ = 0x04;
inline constexpr uint16_t ACL_GROUP = 0x08;
inline constexpr uint16_t ACL_MASK = 0x10;
inline constexpr uint16_t ACL_OTHER = 0x20;
inline constexpr uint32_t ACL_UNDEFINED_ID = ~uint32_t{0};
struct posix_acl_xattr_entry {
    uint16_t e_tag;
    uint16_t e_perm;
    uint32_t e_id;  // of ACL_USER and ACL_GROUP
};
struct posix_acl_xattr_header {
    uint32_t a_version;
};

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
