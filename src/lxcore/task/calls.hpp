// System calls of this folder; listed in syscall/table/task.inc.
#pragma once

#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

} // namespace lxcore
