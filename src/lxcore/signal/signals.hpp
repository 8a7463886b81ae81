// What the rest of the kernel needs of signals beyond sending them: temporary masks, restarts, exec, job
// control.
#pragma once

#include "abi/signal.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"
#include "lxcore/user/user_memory.hpp"

namespace lxcore {

// -- masks and restarts, for blocking calls of the current task

// The signal mask argument of ppoll, pselect6, epoll_pwait: replaces the mask for the length of the call. A
// null address changes nothing. EINVAL unless size is 8; EFAULT. There is nothing to undo: on the way out of
// the call the old mask comes back, before signals are looked at when the call was not interrupted (its
// result is not EINTR or an ERESTART* code), else after a handler has been set up with the old mask to return
// to.
Result<void> set_temporary_mask(UserPtr<u64> mask, usize size);

// A call with a relative timeout that a signal interrupts: `return interrupted_until(deadline);` gives
// ERESTART_RESTARTBLOCK, and when no handler runs, the call is made again and must then take its deadline
// from here instead of counting from the start: `u64 deadline = take_restart_deadline(); if (!deadline)
// deadline = ...`.
Errno interrupted_until(u64 deadline_ns);
u64 take_restart_deadline();

// -- life of a process

// Caught signals go back to SIG_DFL, ignored ones stay; the alternate stack goes; handlers shared with
// another process are unshared. Called by exec in the surviving thread.
void reset_handlers_for_exec(Task& task);
// A copy of the dispositions, for clone without CLONE_SIGHAND (CLONE_CLEAR_SIGHAND: clear).
Result<RefPtr<SignalHandlers>> clone_handlers(SignalHandlers& handlers, bool clear);
// The task takes no more signals (it blocks all or is_exiting was set): hands process-wide signals for which
// it had been chosen to its siblings. Takes tree_lock unless the caller holds it.
void retarget_signals(Task& task, SignalSet signals);

// -- sending

// siginfo of kill(2) by the current task.
abi::siginfo user_siginfo(u32 signal, i32 code = abi::SI_USER);
// kill(2)'s rule for the current task: EPERM. Call with tree_lock held. signal 0 asks only.
Result<void> check_kill_permission(Process& target, u32 signal);
// Sends to a process as a whole. As send_signal(); for callers that have no task of it at hand.
Result<void> send_signal_to_process(Process& process, const abi::siginfo& info);
// For timer_create(2): as send_signal, but a signal of the same timer that is still queued has its overrun
// count raised by info._timer.overrun + 1 instead.
Result<void> send_timer_signal(Process& process, Task* thread, const abi::siginfo& info);

// Whether `signal` would have no effect on the current task if sent: ignored, or blocked (tty job control:
// SIGTTIN, SIGTTOU).
bool is_ignored_or_blocked(Task& task, u32 signal);
// A process group without a member whose parent is in another group of the same session: its members do not
// stop by terminal signals. tree_lock held.
bool is_orphaned_group(class ProcessGroup& group);

// -- taking (sigtimedwait, signalfd)

// Takes the next pending signal of the current task that is in `set`.
bool take_pending_signal(Task& task, SignalSet set, abi::siginfo& info);

inline constexpr SignalSet kUnblockable = signal_bit(abi::SIGKILL) | signal_bit(abi::SIGSTOP);
inline constexpr SignalSet kStopSignals =
    signal_bit(abi::SIGSTOP) | signal_bit(abi::SIGTSTP) | signal_bit(abi::SIGTTIN) | signal_bit(abi::SIGTTOU);
// Default action: nothing.
inline constexpr SignalSet kIgnoredByDefault =
    signal_bit(abi::SIGCONT) | signal_bit(abi::SIGCHLD) | signal_bit(abi::SIGWINCH) | signal_bit(abi::SIGURG);
// Raised by the instruction that runs; delivered before others.
inline constexpr SignalSet kSynchronous = signal_bit(abi::SIGSEGV) | signal_bit(abi::SIGBUS) |
                                          signal_bit(abi::SIGILL) | signal_bit(abi::SIGTRAP) |
                                          signal_bit(abi::SIGFPE) | signal_bit(abi::SIGSYS);

} // namespace lxcore
