// ptrace(2): a process watches and steers the threads of others.
//
// A traced task stops in its own context (stop() in stops.cpp), on its kernel stack, with its guest registers in the frame; whoever
// traces it reads and changes them there under tree_lock. Its memory is read and written by itself on the tracer's request
// (memory.cpp): on no host but Linux could one process reach into another's. Tracing is by process: any thread of the tracer's may
// use it.
//
// All of it is guarded by tree_lock. While a task has a tracer, kWorkTrace is set in its work, which leads its system calls here.
#pragma once

#include "lxcore/task/task.hpp"

namespace lxcore {

inline bool is_traced(const Task& task) { return task.tracee.tracer != nullptr; }
// Whether a task has something to do for its tracer, or that of the parent whose host thread it has, before it may go on.
bool has_ptrace_work(const Task& task);
// Whether `process`'s being stopped keeps `task` from running.
inline bool obeys_group_stop(const Task& task) { return !task.tracee.has_left_group_stop; }
// Whether the current task may trace, or look into, `process`: ptrace(2), "Ptrace access mode checking",
// PTRACE_MODE_ATTACH_REALCREDS. Takes tree_lock.
bool may_trace(Process& process);

// ---- called in the traced task ----

// Signal-delivery-stop for a signal that was taken: returns the signal to go on with (0: none), and its siginfo in `info`.
u32 ptrace_signal(Task& task, u32 signal, abi::siginfo& info);
// Stops that kWorkStop stands for: interrupts, group stops, a reported exec.
void ptrace_return_work(Task& task);
// Before and after the system call in the frame. Entry returns whether the call is to be made.
bool ptrace_call_entry(Task& task, host::Frame& frame);
void ptrace_call_exit(Task& task, host::Frame& frame);
// A single step has been completed by the processor: takes TF back. False when the guest had set TF itself.
bool ptrace_step_done(Task& task);
// A handler has been set up in a task that was being stepped: it stops at the handler's first instruction.
void ptrace_handler_entered(Task& task);
// The task has begun a new program.
void ptrace_exec_done(Task& task);
// The task is about to end, or to end its process, with `status` (as wait4 has it). Before any other thread is told.
void ptrace_exit_event(Task& task, i32 status);

// The event that the tracer asked to have for a clone with `flags` and `exit_signal`, or 0.
u32 ptrace_clone_event(const Task& parent, u64 flags, u64 exit_signal);
// Prepares `child` to be traced as `parent` is (ENOMEM); ptrace_adopt_child() makes it so, with tree_lock held, before it runs.
Result<void> ptrace_prepare_child(Task& child);
void ptrace_adopt_child(Task& parent, Task& child);
void ptrace_event(Task& task, u32 event, u64 message);
// The same for a parent whose host thread goes on as its vfork child `child`: reports the stop without waiting in it. The end of
// the child is followed by ptrace_vfork_done(), which waits until the tracer has let the parent go on.
void ptrace_vfork_event(Task& parent, Task& child, u32 event);
void ptrace_vfork_done(Task& parent, i32 child);

// ---- ends; tree_lock held ----

// `task` ends: nobody traces it any more, and its tracer learns of it by wait4 where that is not the parent's matter.
void ptrace_task_ends(Task& task, i32 status);
// `process` ends: its tracees go on without it, or die with it.
void ptrace_tracer_ends(Process& process);

// ---- wait4 ----

// The next report of a tracee of `tracer` that `accepts` says yes to; tree_lock held. `any`: whether there was such a tracee.
struct TraceeReport {
    i32 tid;
    u32 uid;
    bool has_ended;
    u32 stop;        // a stop: as Tracee::stop
    i32 wait_status; // as wait4 gives it
};
bool ptrace_take_report(Process& tracer, bool (*accepts)(const void* context, i32 tid, const Process* process), const void* context,
                        bool stops_too, bool ends_too, bool keep, bool& any, TraceeReport& report);

// ---- memory ----

// Moves up to `length` bytes (at most a page) between `buffer` and the memory of `process`, if a thread of it stands still for the
// current process as its tracer. Protection does not matter, as for a debugger on Linux. ESRCH when there is no such thread; EIO.
Result<usize> ptrace_access_memory(Process& process, u64 address, void* buffer, usize length, bool is_write);

} // namespace lxcore
