// Between translated code and the engine: labels of entry.S, and what that calls.
#pragma once

#include "base/types.hpp"
#include "engine/engine.hpp"

extern "C" {
// Entered from translated code; see translator.hpp, Glue.
extern const char lx_entry_syscall[], lx_translate_exit[], lx_translate_interrupt_80[], lx_translate_raise[],
    lx_translate_other_target[], lx_translate_other_return[], lx_translate_other_case[], lx_translate_step_syscall[], lx_translate_step_interrupt_80[];
extern u64 lx_translate_stack_bias;

// Each is called on the kernel stack with the guest's registers in the frame.
u64 translate_resolve(host::Frame* frame); // the host address at which the frame goes on
void translate_exit(host::Frame* frame);
void translate_indirect(host::Frame* frame);
void translate_return(host::Frame* frame); // rsp is that before the return
void translate_case(host::Frame* frame);
void translate_raise(host::Frame* frame);
// With the processor's own registers in the frame, at an address in the cache.
void translate_exception(host::Frame* frame, const engine::Exception* exception);
void translate_interrupt(host::Frame* frame);
}
