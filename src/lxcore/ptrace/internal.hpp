// Shared by the files of this folder only.
#pragma once

#include "abi/ptrace.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

inline constexpr u64 kTrapFlag = 0x100;

// How many pages Tracee::vector_state takes.
usize vector_state_pages();
// Gives `task` what a tracee needs. ENOMEM.
Result<void> prepare_tracee(Task& task);
// -- tree_lock held
void begin_tracing(Task& task, Process& tracer, u32 options, bool seized);
// The tracee goes on by itself, with `signal` if that is not 0.
void end_tracing(Task& task, u32 signal);
void resume_tracee(Task& task, Resume how, u32 signal);
// The task that `tid` names, if it stands still for the current process. ESRCH.
Result<Task*> stopped_tracee(i32 tid);

// Does what was asked for by ptrace_access_memory(), in the memory of the current task.
void serve_memory_request(Tracee& tracee);
// Whoever runs on the host thread of `task` looks at memory requests, or at whether its stop is over.
void wake_carrier(Task& task);

// registers.cpp; tree_lock held, the task stands still
abi::user_regs_struct registers_of(Task& task);
// EIO for values that no register may have.
Result<void> set_registers(Task& task, const abi::user_regs_struct& registers);

} // namespace lxcore
