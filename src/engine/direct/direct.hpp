// The direct engine's own hooks, called by the Linux host.
#pragma once

#include "base/types.hpp"

extern "C" {
void lx_entry_syscall();
}

namespace engine::direct {

// A guest system call was caught by the host at the instruction before `rip`: remember its site, and patch it where
// that is safe. Runs in the host's signal handler.
void call_site_trapped(u64 rip);

} // namespace engine::direct
