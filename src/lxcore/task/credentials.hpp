// Credentials: see credentials(7), capabilities(7). Immutable once published; a change makes a new object.
#pragma once

#include "lxcore/memory/arena.hpp"

namespace lxcore {

class Credentials final : public SharedObject {
public:
    u32 uid = 0, euid = 0, suid = 0, fsuid = 0;
    u32 gid = 0, egid = 0, sgid = 0, fsgid = 0;
    u64 permitted = kAllCapabilities, effective = kAllCapabilities, inheritable = 0;
    u64 bounding = kAllCapabilities, ambient = 0;
    u32 securebits = 0;
    Vector<u32> groups; // sorted

    static constexpr u64 kAllCapabilities = (u64{1} << 41) - 1; // through CAP_CHECKPOINT_RESTORE

    // A copy that the caller may change before it publishes it.
    Result<RefPtr<Credentials>> clone() const;
    // `capability`: abi::CAP_*.
    bool has_capability(u32 capability) const { return (effective >> capability) & 1; }
    // Whether fsgid or a supplementary group is `group`.
    bool is_in_group(u32 group) const;
};

} // namespace lxcore
