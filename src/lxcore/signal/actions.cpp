// Dispositions and masks, and waiting for signals: sigaction(2), sigprocmask(2), sigpending(2),
// sigsuspend(2), sigtimedwait(2), pause(2).
#include "lxcore/signal/calls.hpp"
#include "lxcore/signal/internal.hpp"
#include "lxcore/time/clock.hpp"

namespace lxcore {

namespace {

constexpr u64 kKnownFlags = abi::SA_NOCLDSTOP | abi::SA_NOCLDWAIT | abi::SA_SIGINFO | abi::SA_EXPOSE_TAGBITS |
                            abi::SA_RESTORER | abi::SA_ONSTACK | abi::SA_RESTART | abi::SA_NODEFER |
                            abi::SA_RESETHAND;

bool is_signal(i32 signal) {
    return signal >= 1 && signal <= abi::_NSIG;
}

} // namespace

Result<void> sys_rt_sigaction(SignalNumber signal, UserPtr<abi::sigaction> action,
                              UserPtr<abi::sigaction> old_action, u64 size) {
    if (size != abi::SIGSET_SIZE)
        return Errno::EINVAL;
    abi::sigaction wanted{};
    if (action)
        wanted = TRY(action.read());
    if (!is_signal(signal) || (action && (signal == abi::SIGKILL || signal == abi::SIGSTOP)))
        return Errno::EINVAL;
    const u32 number = static_cast<u32>(signal.value);
    Process& process = *current().process;
    abi::sigaction old;
    {
        LockGuard handlers_guard(process.handlers->lock);
        abi::sigaction& entry = process.handlers->of(number);
        old = entry;
        if (action) {
            wanted.sa_flags &= kKnownFlags; // what is not known reads back as zero, so that programs can tell
            wanted.sa_mask &= ~kUnblockable;
            entry = wanted;
            if (has_no_effect(wanted.sa_handler, number)) {
                LockGuard guard(process.signal_lock);
                discard_everywhere(process, signal_bit(number));
            }
        }
    }
    if (old_action)
        TRY(old_action.write(old));
    return {};
}

Result<void> sys_rt_sigprocmask(i32 how, UserPtr<u64> set, UserPtr<u64> old_set, u64 size) {
    if (size != abi::SIGSET_SIZE)
        return Errno::EINVAL;
    Task& task = current();
    const SignalSet old = task.blocked;
    if (set) {
        SignalSet mask = TRY(set.read()) & ~kUnblockable;
        switch (static_cast<u32>(how)) {
        case abi::SIG_BLOCK:
            mask |= old;
            break;
        case abi::SIG_UNBLOCK:
            mask = old & ~mask;
            break;
        case abi::SIG_SETMASK:
            break;
        default:
            return Errno::EINVAL;
        }
        if (mask != old)
            set_blocked(task, mask);
    }
    if (old_set)
        TRY(old_set.write(old));
    return {};
}

Result<void> sys_rt_sigpending(UserPtr<void> set, u64 size) {
    if (size > abi::SIGSET_SIZE)
        return Errno::EINVAL;
    Task& task = current();
    SignalSet pending;
    {
        LockGuard guard(task.process->signal_lock);
        pending = (task.pending.set | task.process->pending.set) & task.blocked;
    }
    return copy_to_user(set.address(), &pending, size);
}

Result<void> sys_rt_sigsuspend(UserPtr<u64> mask, u64 size) {
    if (size != abi::SIGSET_SIZE)
        return Errno::EINVAL;
    if (!mask)
        return Errno::EFAULT;
    TRY(set_temporary_mask(mask, size));
    while (!current().is_interrupted())
        current().sleep();
    return Errno::ERESTARTNOHAND;
}

Result<void> sys_pause() {
    while (!current().is_interrupted())
        current().sleep();
    return Errno::ERESTARTNOHAND;
}

Result<i32> sys_rt_sigtimedwait(UserPtr<u64> set, UserPtr<abi::siginfo> info_out,
                                UserPtr<abi::timespec> timeout, u64 size) {
    if (size != abi::SIGSET_SIZE)
        return Errno::EINVAL;
    const SignalSet wanted = TRY(set.read()) & ~kUnblockable;
    const u64 deadline = TRY(deadline_from_user(timeout));
    Task& task = current();
    Process& process = *task.process;
    abi::siginfo info;
    Errno failure = Errno::OK;
    u32 signal = 0;
    while (failure == Errno::OK) {
        {
            LockGuard guard(process.signal_lock);
            signal = dequeue(task, wanted, info);
            if (!signal) {
                // Open to what is waited for, so that senders choose this thread; its own mask stays in
                // real_blocked.
                task.real_blocked = task.blocked;
                task.blocked &= ~wanted;
            }
            recalculate_work(task);
        }
        if (signal)
            break;
        const SleepResult slept = task.sleep(deadline);
        LockGuard guard(process.signal_lock);
        task.blocked = std::exchange(task.real_blocked, 0);
        signal = dequeue(task, wanted, info);
        recalculate_work(task);
        if (signal)
            break;
        if (slept == SleepResult::TimedOut)
            failure = Errno::EAGAIN;
        else if (slept == SleepResult::Interrupted)
            failure = Errno::EINTR;
    }
    if (!signal)
        return failure;
    after_dequeue(task, info);
    if (info_out)
        TRY(info_out.write(info));
    return static_cast<i32>(signal);
}

} // namespace lxcore
