// First steps of a program of the NT host: lxkernel.exe, and the tests of the host interface.
#pragma once

#include "host/nt/internal.hpp"

namespace host::nt {

struct Arguments {
    i32 count;
    char** values; // UTF-8
};

// In the instance host: makes the host section and the arena, and everything in them that pico processes inherit. The calling thread
// has a slot then. `log` is a handle that lines are appended to.
void prepare_instance(u64 arena_bytes, HANDLE log);
// How much memory the arena may have here.
u64 arena_size();

} // namespace host::nt

// The main program of the instance host; lxkernel's, or the tests'.
[[noreturn]] void lx_main(const host::nt::Arguments& arguments);
