// System calls of this folder; listed in syscall/table/mm.inc.
#pragma once

#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

} // namespace lxcore
