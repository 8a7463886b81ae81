// sysfs(5).
#pragma once

#include "base/result.hpp"

namespace lxcore {

// Registers the type "sysfs".
base::Result<void> initialize_sysfs();

} // namespace lxcore
