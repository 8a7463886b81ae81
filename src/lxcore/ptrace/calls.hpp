// System calls of this folder; listed in syscall/table/ptrace.inc.
#pragma once

#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

Result<i64> sys_ptrace(u64 request, i32 pid, u64 address, u64 data);

} // namespace lxcore
