// System calls of this folder; listed in syscall/table/ipc.inc.
#pragma once

#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

} // namespace lxcore
