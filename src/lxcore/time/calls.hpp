// System calls of this folder; listed in syscall/table/time.inc.
#pragma once

#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

} // namespace lxcore
