// What VolFs writes into its host's files beside their data. docs/decisions/volfs-metadata.md.
#pragma once

#include <string_view>

#include "abi/stat.hpp"
#include "abi/xattr.hpp"
#include "base/types.hpp"

namespace lxcore {

inline constexpr char kLxattrbName[] = "user.lxattrb";
inline constexpr char kLxxattrName[] = "user.lxxattr";
// On a directory: files in it may be something else than the host's directory entry says.
inline constexpr char kSpecialsName[] = "user.lxss.specials";

// Files of VolFs' own in the root of a tree; guests neither see nor make them.
inline constexpr std::string_view kStagingName = ".lxss-staging";
inline constexpr std::string_view kSideStoreName = ".lxss-attributes", kNewSideStoreName = ".lxss-attributes.new",
                                  kBrokenSideStoreName = ".lxss-attributes.broken";
inline constexpr std::string_view kPlacesName = ".lxss-places", kNewPlacesName = ".lxss-places.new";
// The NT host's own folder in a tree of its (docs/decisions/metadata-side-store.md).
inline constexpr std::string_view kNtFolderName = "lxss~host";
constexpr bool is_reserved_name(std::string_view name) {
    return name == kStagingName || name == ".lxss-storage" || name == ".lxss-storage.new" ||
           name == ".lxss-trial" || name == kSideStoreName || name == kNewSideStoreName || name == kBrokenSideStoreName ||
           name == kPlacesName || name == kNewPlacesName || name == kNtFolderName;
}

// Linux attributes that LXATTRB may have to hold.
struct VolfsMetadata {
    u32 mode = 0, uid = 0, gid = 0;
    u64 device = 0;
};

// Where the host type says nothing about the Linux type: neither a regular file nor a directory.
constexpr bool is_special(u32 mode) {
    return (mode & abi::S_IFMT) != abi::S_IFREG && (mode & abi::S_IFMT) != abi::S_IFDIR;
}

// The bits that the host user needs of a host file.
constexpr u32 least_host_permissions(u32 mode) {
    return (mode & abi::S_IFMT) == abi::S_IFDIR ? 0700 : 0600;
}
// Permission bits of the host file for a Linux mode: the host user can always work with it.
constexpr u32 host_permissions_for(u32 mode) {
    return (mode & 0777) | least_host_permissions(mode);
}

// Whether the host file alone cannot express it.
constexpr bool needs_lxattrb(const VolfsMetadata& metadata) {
    const u32 least = least_host_permissions(metadata.mode);
    return metadata.uid != 0 || metadata.gid != 0 || (metadata.mode & 07000) != 0 ||
           is_special(metadata.mode) || (metadata.mode & least) != least;
}

constexpr abi::lxattrb encode_lxattrb(const VolfsMetadata& metadata) {
    abi::lxattrb stored{};
    stored.version = abi::LXATTRB_VERSION;
    stored.mode = metadata.mode;
    stored.uid = metadata.uid;
    stored.gid = metadata.gid;
    stored.rdev = abi::lxattrb_makedev(abi::major(metadata.device), abi::minor(metadata.device));
    return stored;
}
// With what an inode or a host file has as `accessed`, `modified`, `changed`.
template <typename Times>
constexpr abi::lxattrb encode_lxattrb(const VolfsMetadata& metadata, const Times& times) {
    abi::lxattrb stored = encode_lxattrb(metadata);
    stored.atime = static_cast<u64>(times.accessed.tv_sec);
    stored.atime_ns = static_cast<u32>(times.accessed.tv_nsec);
    stored.mtime = static_cast<u64>(times.modified.tv_sec);
    stored.mtime_ns = static_cast<u32>(times.modified.tv_nsec);
    stored.ctime = static_cast<u64>(times.changed.tv_sec);
    stored.ctime_ns = static_cast<u32>(times.changed.tv_nsec);
    return stored;
}

} // namespace lxcore
