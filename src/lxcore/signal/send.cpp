// Sending signals: queueing, the side effects of SIGKILL, SIGCONT and the stop signals, and whom to wake.
// See signal(7), kill(2).
#include "lxcore/signal/internal.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/time/timer.hpp"

namespace lxcore {

namespace {

// Whether the signal is dropped right away. A blocked one never is: its disposition may change before it is
// taken.
bool is_dropped(Process& process, Task* thread, const abi::siginfo& info) {
    const u32 signal = static_cast<u32>(info.si_signo);
    if (signal == abi::SIGKILL || signal == abi::SIGSTOP)
        return is_init(process) && info.si_code <= 0;
    const Task* task = thread ? thread : process.leader;
    if (task && ((task->blocked | task->real_blocked) & signal_bit(signal)))
        return false;
    // A tracer sees also what its tracee ignores.
    if (task && is_traced(*task))
        return false;
    const u64 handler = process.handlers->of(signal).sa_handler;
    if (handler == abi::SIG_DFL && is_init(process) && info.si_code <= 0)
        return true;
    return has_no_effect(handler, signal);
}

// Raises the overrun count of a signal of the same timer that is still queued.
bool merge_timer_signal(PendingSignals& pending, const abi::siginfo& info) {
    if (!(pending.set & signal_bit(static_cast<u32>(info.si_signo))))
        return false;
    for (QueuedSignal& queued : pending.queue) {
        if (queued.info.si_code != abi::SI_TIMER || queued.info.si_signo != info.si_signo ||
            queued.info._timer.tid != info._timer.tid)
            continue;
        const i64 sum = i64{queued.info._timer.overrun} + info._timer.overrun + 1;
        queued.info._timer.overrun = static_cast<i32>(base::min<i64>(sum, 0x7fffffff)); // DELAYTIMER_MAX
        return true;
    }
    return false;
}

Result<void> enqueue(Process& process, Task* thread, const abi::siginfo& info, bool from_timer) {
    const u32 signal = static_cast<u32>(info.si_signo);
    // SIGKILL concerns the whole process, whoever it was aimed at, and carries nothing.
    PendingSignals& pending = thread && signal != abi::SIGKILL ? thread->pending : process.pending;
    if (from_timer && merge_timer_signal(pending, info))
        return {};
    if (signal < abi::SIGRTMIN && (pending.set & signal_bit(signal)))
        return {};
    if (signal != abi::SIGKILL) {
        // Standard signals of kill() and of the kernel are never lost, but may lose their siginfo.
        const bool exempt = from_timer || (signal < abi::SIGRTMIN && info.si_code >= 0);
        const u64 queued_now = u64{process.pending.count} + (thread ? thread->pending.count : 0);
        QueuedSignal* queued = nullptr;
        if (exempt || queued_now < process.limits[abi::RLIMIT_SIGPENDING].rlim_cur) {
            auto made = make<QueuedSignal>();
            if (made.is_ok())
                queued = made.value();
        }
        if (queued) {
            queued->info = info;
            pending.queue.push_back(*queued);
            ++pending.count;
        } else if (signal >= abi::SIGRTMIN && info.si_code != abi::SI_USER) {
            return Errno::EAGAIN;
        }
    }
    pending.set |= signal_bit(signal);
    return {};
}

bool wants(const Task& task, u32 signal) {
    return !task.is_exiting && !(task.blocked & signal_bit(signal));
}

void wake_for_signal(Task& task) {
    task.kick(host::kWorkSignal);
}

// Somebody who does not block the signal looks at it. When nobody is free of it, it waits in the pending set
// until a thread unblocks it.
void wake_receiver(Process& process, Task* thread, u32 signal) {
    if (signal == abi::SIGKILL) {
        for (Task& task : process.threads)
            wake_for_signal(task);
        return;
    }
    if (thread) {
        if (wants(*thread, signal))
            wake_for_signal(*thread);
        return;
    }
    Task* busy = nullptr;
    if (process.leader && wants(*process.leader, signal)) {
        wake_for_signal(*process.leader);
        return;
    }
    for (Task& task : process.threads) {
        if (!wants(task, signal))
            continue;
        if (!(task.work.load(std::memory_order_relaxed) & host::kWorkSignal)) {
            wake_for_signal(task);
            return;
        }
        busy = &task; // is about to look at its signals anyway
    }
    if (busy)
        wake_for_signal(*busy);
}

// Lets a stopped process run. Returns whether it was stopped.
bool resume(Process& process) {
    if (process.state != ProcessState::Stopped)
        return false;
    process.state = ProcessState::Running;
    for (Task& task : process.threads) {
        task.tracee.has_left_group_stop = false;
        task.kick(host::kWorkStop); // gets it out of its sleep; it finds that there is no stop any more
    }
    return true;
}

Result<void> queue_and_wake(Process& process, Task* thread, const abi::siginfo& info, bool from_timer,
                            bool& continued, RefPtr<SignalHandlers>& watched) {
    const u32 signal = static_cast<u32>(info.si_signo);
    const SignalSet bit = signal_bit(signal);
    LockGuard guard(process.signal_lock);
    if (process.state == ProcessState::Zombie || process.state == ProcessState::Dead || !process.handlers)
        return {};
    if (process.group_exiting && !process.exec_survivor && signal != abi::SIGKILL)
        return {};
    if (is_init(process) && is_dropped(process, thread, info))
        return {};
    // Stop and continue cancel one another when sent, whatever becomes of them later.
    if (bit & kStopSignals) {
        discard_everywhere(process, signal_bit(abi::SIGCONT));
    } else if (signal == abi::SIGCONT) {
        discard_everywhere(process, kStopSignals);
        ++process.continues;
        continued = resume(process);
        if (continued)
            process.report = (process.report & ~kReportStop) | kReportContinue;
    } else if (signal == abi::SIGKILL) {
        ++process.continues;
        resume(process);
    }
    if (is_dropped(process, thread, info))
        return {};
    TRY(enqueue(process, thread, info, from_timer));
    wake_receiver(process, thread, signal);
    if (process.handlers->signal_wait.has_waiters()) [[unlikely]]
        watched = process.handlers;
    return {};
}

Result<void> deliver(Process& process, Task* thread, const abi::siginfo& info, bool from_timer) {
    const u32 signal = static_cast<u32>(info.si_signo);
    LXSS_ASSERT(signal >= 1 && signal <= abi::_NSIG);
    bool continued = false;
    RefPtr<SignalHandlers> watched; // somebody reads or polls a signalfd
    if (signal == abi::SIGCONT) {
        TreeGuard tree;
        TRY(queue_and_wake(process, thread, info, from_timer, continued, watched));
        if (continued)
            notify_parent_of_stop(process, abi::CLD_CONTINUED, abi::SIGCONT);
    } else {
        TRY(queue_and_wake(process, thread, info, from_timer, continued, watched));
    }
    if (watched)
        watched->signal_wait.wake_all();
    return {};
}

abi::siginfo kernel_siginfo(u32 signal) {
    abi::siginfo info{};
    info.si_signo = static_cast<i32>(signal);
    info.si_code = abi::SI_KERNEL;
    return info;
}

} // namespace

Result<void> send_signal(Task& task, SignalTarget target, const abi::siginfo& info) {
    return deliver(*task.process, target == SignalTarget::Thread ? &task : nullptr, info, false);
}

Result<void> send_signal_to_process(Process& process, const abi::siginfo& info) {
    return deliver(process, nullptr, info, false);
}

Result<void> send_timer_signal(Process& process, Task* thread, const abi::siginfo& info) {
    return deliver(process, thread, info, true);
}

void send_kernel_signal(Process& process, u32 signal) {
    (void)deliver(process, nullptr, kernel_siginfo(signal), false);
}

void send_kernel_signal_to_task(Task& task, u32 signal) {
    (void)deliver(*task.process, &task, kernel_siginfo(signal), false);
}

void send_signal_to_group(ProcessGroup& group, u32 signal) {
    TreeGuard tree;
    const abi::siginfo info = kernel_siginfo(signal);
    for (Process& process : group.members)
        (void)deliver(process, nullptr, info, false);
}

void force_signal(Task& task, const abi::siginfo& info) {
    const u32 signal = static_cast<u32>(info.si_signo);
    Process& process = *task.process;
    LockGuard handlers_guard(process.handlers->lock);
    LockGuard guard(process.signal_lock);
    abi::sigaction& action = process.handlers->of(signal);
    const bool blocked = (task.blocked & signal_bit(signal)) != 0;
    if (blocked || action.sa_handler == abi::SIG_IGN) {
        action.sa_handler = abi::SIG_DFL;
        task.blocked &= ~signal_bit(signal);
    }
    (void)enqueue(process, &task, info, false);
    task.work.fetch_or(host::kWorkSignal, std::memory_order_acq_rel);
}

void retarget_signals(Task& task, SignalSet signals) {
    Process& process = *task.process;
    LockGuard guard(process.signal_lock);
    SignalSet orphaned = process.pending.set & signals;
    for (Task& sibling : process.threads) {
        if (!orphaned)
            return;
        if (&sibling == &task || sibling.is_exiting || !(orphaned & ~sibling.blocked))
            continue;
        wake_for_signal(sibling);
        orphaned &= sibling.blocked;
    }
}

void notify_parent_of_stop(Process& process, i32 code, i32 status) {
    Process* parent = process.parent;
    if (!parent)
        return;
    const abi::sigaction& action = parent->handlers->of(abi::SIGCHLD);
    if (action.sa_handler != abi::SIG_IGN && !(action.sa_flags & abi::SA_NOCLDSTOP)) {
        abi::siginfo info{};
        info.si_signo = abi::SIGCHLD;
        info.si_code = code;
        info._sigchld.pid = process.pid;
        if (process.leader && process.leader->credentials)
            info._sigchld.uid = process.leader->credentials->uid;
        info._sigchld.status = status;
        (void)deliver(*parent, nullptr, info, false);
    }
    parent->child_wait.wake_all();
}

bool is_orphaned_group(ProcessGroup& group) {
    for (Process& process : group.members) {
        const Process* parent = process.parent;
        if (process.state == ProcessState::Zombie || process.state == ProcessState::Dead || !parent ||
            is_init(*parent))
            continue;
        if (parent->group != &group && parent->session == process.session)
            return false;
    }
    return true;
}

} // namespace lxcore
