// What of a file's metadata its host file holds by itself, on this host: format.hpp's rules where host files
// have permission bits; where not, LXATTRB has all of it, and every file has one.
#pragma once

#include "host/host.hpp"
#include "lxcore/volfs/format.hpp"

namespace lxcore {

inline bool wants_lxattrb(const VolfsMetadata& metadata) {
    return !host::tree_traits().has_permissions || needs_lxattrb(metadata);
}

// The host file's permission bits for a Linux mode.
inline u32 host_permissions(u32 mode) {
    return host::tree_traits().has_permissions ? host_permissions_for(mode) : host::kFixedPermissions;
}

} // namespace lxcore
