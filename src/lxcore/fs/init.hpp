// What boot() calls of the file layer.
#pragma once

#include "lxcore/memory/arena.hpp"

namespace lxcore {

// The dentry cache, the mount table (empty: mount_root() fills it), the super block of anonymous files.
Result<void> initialize_fs();

} // namespace lxcore
