// What the NT host needs of the engine beyond engine/engine.hpp; by engine_port.cpp for the translator, and by the tests of the
// host interface for the little engine that they have.
#pragma once

#include "base/types.hpp"

namespace host::nt {

// Whether the processor runs guest code when it is at this address.
bool runs_guest_code(u64 rip);
// In each process, before guest code runs in it.
void prepare_engine();

} // namespace host::nt

extern "C" {
// As engine/translate/host_hooks.hpp says. First arguments in rcx and rdx.
extern const char lx_exit_fast_begin[], lx_exit_fast_end[], lx_exit_full_begin[], lx_exit_full_end[];
extern const char lx_exit_restart[], lx_enter_exception[], lx_enter_interrupt[];
[[noreturn]] void lx_return_to_guest(u64 frame);
}
