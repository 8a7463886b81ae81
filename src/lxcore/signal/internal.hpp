// Shared by the files of this folder only.
#pragma once

#include "lxcore/signal/signals.hpp"
#include "lxcore/task/task_table.hpp"

namespace lxcore {

// Holds tree_lock for a scope, unless the caller of this code holds it already.
class TreeGuard {
public:
    TreeGuard() : m_taken(!task_state().tree_lock.is_held_by_me()) {
        if (m_taken)
            task_state().tree_lock.lock();
    }
    LXSS_NO_COPY(TreeGuard);
    ~TreeGuard() {
        if (m_taken)
            task_state().tree_lock.unlock();
    }

private:
    bool m_taken;
};

inline bool is_init(const Process& process) {
    return task_state().init == &process;
}

inline bool has_no_effect(u64 handler, u32 signal) {
    return handler == abi::SIG_IGN || (handler == abi::SIG_DFL && (kIgnoredByDefault & signal_bit(signal)));
}

// -- with the process's signal_lock held

// Sets or clears kWorkSignal of the current task after its mask or the pending sets have changed.
void recalculate_work(Task& task);
// Drops the pending signals of `set`.
void discard(PendingSignals& pending, SignalSet set);
void discard_everywhere(Process& process, SignalSet set);
// Takes the next signal of `allowed` out of the thread's and then the process's pending ones: its number, or
// 0.
u32 dequeue(Task& task, SignalSet allowed, abi::siginfo& info);

// -- without it

// To be called for each signal that was dequeued: timer_getoverrun(2) tells of the last one taken.
void after_dequeue(Task& task, abi::siginfo& info);
// SIGCHLD to the parent (unless it does not want it) and a wake-up of its wait calls. tree_lock held.
void notify_parent_of_stop(Process& process, i32 code, i32 status);

// Puts the frame of a handler for `info` on the guest's stack and points the registers to it. On a stack that
// cannot be written the task gets SIGSEGV.
void enter_handler(Task& task, host::Frame& frame, const abi::sigaction& action, const abi::siginfo& info);

} // namespace lxcore
