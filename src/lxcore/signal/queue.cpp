// Pending signals and masks of a task.
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/signal/internal.hpp"
#include "lxcore/time/timer.hpp"

namespace lxcore {

void PendingSignals::clear() {
    while (QueuedSignal* queued = queue.pop_front())
        delete queued;
    set = 0;
    count = 0;
}

void discard(PendingSignals& pending, SignalSet set) {
    if (!(pending.set & set))
        return;
    pending.set &= ~set;
    for (QueuedSignal& queued : pending.queue) {
        if (!(signal_bit(static_cast<u32>(queued.info.si_signo)) & set))
            continue;
        queued.node.unlink();
        --pending.count;
        delete &queued;
    }
}

void discard_everywhere(Process& process, SignalSet set) {
    discard(process.pending, set);
    for (Task& task : process.threads)
        discard(task.pending, set);
}

void recalculate_work(Task& task) {
    const SignalSet pending = task.pending.set | task.process->pending.set;
    if (pending & ~task.blocked)
        task.work.fetch_or(host::kWorkSignal, std::memory_order_acq_rel);
    else if (task.work.load(std::memory_order_relaxed) & host::kWorkSignal)
        task.work.fetch_and(~u32{host::kWorkSignal}, std::memory_order_acq_rel);
}

namespace {

// Faults of the very instruction come first, so that their handlers see its registers; then the lowest
// number.
u32 first_of(SignalSet set) {
    if (set & kSynchronous)
        set &= kSynchronous;
    return static_cast<u32>(__builtin_ctzll(set)) + 1;
}

void take(PendingSignals& pending, u32 signal, abi::siginfo& info) {
    QueuedSignal* found = nullptr;
    bool more = false;
    for (QueuedSignal& queued : pending.queue) {
        if (queued.info.si_signo != static_cast<i32>(signal))
            continue;
        if (found) {
            more = true;
            break;
        }
        found = &queued;
    }
    if (!more)
        pending.set &= ~signal_bit(signal);
    if (found) {
        info = found->info;
        found->node.unlink();
        --pending.count;
        delete found;
    } else {
        // Sent without a queue entry: for want of memory, or SIGKILL.
        info = {};
        info.si_signo = static_cast<i32>(signal);
        info.si_code = abi::SI_USER;
    }
}

} // namespace

u32 dequeue(Task& task, SignalSet allowed, abi::siginfo& info) {
    for (PendingSignals* pending : {&task.pending, &task.process->pending}) {
        const SignalSet set = pending->set & allowed;
        if (!set)
            continue;
        const u32 signal = first_of(set);
        take(*pending, signal, info);
        return signal;
    }
    return 0;
}

void after_dequeue(Task& task, abi::siginfo& info) {
    if (info.si_code == abi::SI_TIMER)
        note_timer_signal_taken(*task.process, info);
}

bool take_pending_signal(Task& task, SignalSet set, abi::siginfo& info) {
    {
        LockGuard guard(task.process->signal_lock);
        if (!dequeue(task, set, info))
            return false;
        recalculate_work(task);
    }
    after_dequeue(task, info);
    return true;
}

bool has_deliverable_signal(Task& task) {
    SignalSet set = (task.pending.set | task.process->pending.set) & ~task.blocked;
    for (; set; set &= set - 1) {
        const u32 signal = static_cast<u32>(__builtin_ctzll(set)) + 1;
        if (is_traced(task) || !has_no_effect(task.process->handlers->of(signal).sa_handler, signal))
            return true;
    }
    return false;
}

void set_blocked(Task& task, SignalSet mask) {
    mask &= ~kUnblockable;
    const SignalSet newly_blocked = mask & ~task.blocked;
    Process& process = *task.process;
    bool retarget;
    {
        LockGuard guard(process.signal_lock);
        task.blocked = mask;
        retarget = process.thread_count > 1 && (process.pending.set & newly_blocked);
        recalculate_work(task);
    }
    if (retarget)
        retarget_signals(task, newly_blocked);
}

Result<void> set_temporary_mask(UserPtr<u64> mask, usize size) {
    if (!mask)
        return {};
    if (size != abi::SIGSET_SIZE)
        return Errno::EINVAL;
    const SignalSet set = TRY(mask.read());
    Task& task = current();
    task.saved_blocked = task.blocked;
    set_blocked(task, set);
    task.restore_blocked = true;
    // Brings the way out of the kernel to lxcore_return_work(), which puts the old mask back.
    task.work.fetch_or(host::kWorkFullReturn, std::memory_order_relaxed);
    return {};
}

Errno interrupted_until(u64 deadline_ns) {
    current().restart_deadline = deadline_ns;
    return Errno::ERESTART_RESTARTBLOCK;
}

u64 take_restart_deadline() {
    return std::exchange(current().restart_deadline, 0);
}

bool is_ignored_or_blocked(Task& task, u32 signal) {
    return (task.blocked & signal_bit(signal)) ||
           task.process->handlers->of(signal).sa_handler == abi::SIG_IGN;
}

void reset_handlers_for_exec(Task& task) {
    Process& process = *task.process;
    if (process.handlers->reference_count() > 1) {
        auto copy = clone_handlers(*process.handlers, false);
        if (copy.is_ok()) {
            RefPtr<SignalHandlers> old;
            {
                LockGuard guard(process.signal_lock);
                old = process.handlers;
                process.handlers = copy.release_value();
            }
        }
    }
    LockGuard guard(process.handlers->lock);
    for (abi::sigaction& action : process.handlers->actions) {
        const u64 handler = action.sa_handler == abi::SIG_IGN ? abi::SIG_IGN : abi::SIG_DFL;
        action = {};
        action.sa_handler = handler;
    }
    task.alternate_stack = {};
}

Result<RefPtr<SignalHandlers>> clone_handlers(SignalHandlers& handlers, bool clear) {
    auto copy = TRY(make_ref<SignalHandlers>());
    LockGuard guard(handlers.lock);
    for (u32 i = 0; i < abi::_NSIG; ++i) {
        copy->actions[i] = handlers.actions[i];
        if (clear && copy->actions[i].sa_handler != abi::SIG_IGN)
            copy->actions[i] = {};
    }
    return copy;
}

} // namespace lxcore
