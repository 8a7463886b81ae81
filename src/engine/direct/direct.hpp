// The direct engine's entry points, for the Linux host.
#pragma once

#include "host/thread_block.hpp"

extern "C" {
// From trampolines; see entry.S.
void lx_entry_syscall();
// From a guest system call that the host caught at an unpatched site.
void lx_trapped_system_call(host::Frame* frame);
}
