// Rules of capabilities(7) that more than one file of this folder needs.
#pragma once

#include "abi/prctl.hpp"
#include "lxcore/task/credentials.hpp"

namespace lxcore {

// Those that follow the file-system user id.
inline constexpr u64 kFileSystemCapabilities =
    abi::cap_mask(abi::CAP_CHOWN) | abi::cap_mask(abi::CAP_MKNOD) | abi::cap_mask(abi::CAP_DAC_OVERRIDE) |
    abi::cap_mask(abi::CAP_DAC_READ_SEARCH) | abi::cap_mask(abi::CAP_FOWNER) | abi::cap_mask(abi::CAP_FSETID) |
    abi::cap_mask(abi::CAP_LINUX_IMMUTABLE) | abi::cap_mask(abi::CAP_MAC_OVERRIDE);

void adjust_capabilities_for_uids(const Credentials& old, Credentials& changed);

} // namespace lxcore
