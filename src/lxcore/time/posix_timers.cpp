// timer_create(2), timer_settime(2), timer_getoverrun(2), timer_delete(2).
#include "abi/prctl.hpp"

#include "lxcore/signal/signals.hpp"
#include "lxcore/task/task_table.hpp"
#include "lxcore/time/calls.hpp"
#include "lxcore/time/clock.hpp"
#include "lxcore/time/posix_timer.hpp"

namespace lxcore {

void PosixTimer::fire(Process& process, u64 expirations) {
    if (notify == abi::SIGEV_NONE)
        return;
    abi::siginfo info{};
    info.si_signo = signal;
    info.si_code = abi::SI_TIMER;
    info._timer.tid = id;
    info._timer.overrun = static_cast<i32>(base::min<u64>(expirations - 1, 0x7fffffff));
    info._timer.value = value;
    if (notify != abi::SIGEV_THREAD_ID) {
        (void)send_timer_signal(process, nullptr, info);
        return;
    }
    LockGuard tree(task_state().tree_lock);
    Task* task = find_task(tid);
    if (task && task->process == &process && !task->is_exiting)
        (void)send_timer_signal(process, task, info);
}

void note_timer_signal_taken(Process& process, const abi::siginfo& info) {
    if (!process.timers)
        return;
    LockGuard guard(process.timers->lock);
    const usize id = static_cast<u32>(info._timer.tid);
    if (id < process.timers->timers.size() && process.timers->timers[id])
        process.timers->timers[id]->last_overrun.store(info._timer.overrun, std::memory_order_relaxed);
}

namespace {

Result<RefPtr<PosixTimer>> find_timer(i32 id) {
    PosixTimers* timers = current().process->timers;
    if (!timers || id < 0)
        return Errno::EINVAL;
    LockGuard guard(timers->lock);
    if (static_cast<u32>(id) >= timers->timers.size() || !timers->timers[static_cast<u32>(id)])
        return Errno::EINVAL;
    return RefPtr<PosixTimer>(timers->timers[static_cast<u32>(id)]);
}

// The clock by which the timer runs: CPU clocks get their owner's number, wall clocks are checked.
Result<i32> timer_clock(i32 clock) {
    Task& me = current();
    switch (clock) {
    case abi::CLOCK_REALTIME:
    case abi::CLOCK_MONOTONIC:
    case abi::CLOCK_BOOTTIME:
    case abi::CLOCK_TAI:
        return clock;
    case abi::CLOCK_REALTIME_ALARM:
    case abi::CLOCK_BOOTTIME_ALARM:
        if (!me.credentials->has_capability(abi::CAP_WAKE_ALARM))
            return Errno::EPERM;
        return clock == abi::CLOCK_REALTIME_ALARM ? abi::CLOCK_REALTIME : abi::CLOCK_BOOTTIME;
    case abi::CLOCK_PROCESS_CPUTIME_ID:
        return process_cpu_clock(me.process->pid, abi::CPUCLOCK_SCHED);
    case abi::CLOCK_THREAD_CPUTIME_ID:
        return thread_cpu_clock(me.tid, abi::CPUCLOCK_SCHED);
    case abi::CLOCK_MONOTONIC_RAW:
    case abi::CLOCK_REALTIME_COARSE:
    case abi::CLOCK_MONOTONIC_COARSE:
        return Errno::EOPNOTSUPP;
    default:
        break;
    }
    if (clock >= 0 || (clock & abi::CPUCLOCK_CLOCK_MASK) == abi::CLOCKFD)
        return Errno::EINVAL;
    const i32 kind = clock & abi::CPUCLOCK_CLOCK_MASK;
    const i32 id = abi::cpuclock_pid(clock);
    if (clock & abi::CPUCLOCK_PERTHREAD_MASK) {
        const i32 own = thread_cpu_clock(id ? id : me.tid, kind);
        (void)TRY(clock_now(own));
        return own;
    }
    if (id && id != me.process->pid)
        return Errno::EINVAL; // other processes' clocks can be read, but carry no timers here
    return process_cpu_clock(me.process->pid, kind);
}

Result<void> check_event(const abi::sigevent& event) {
    switch (event.sigev_notify) {
    case abi::SIGEV_NONE:
        return {};
    case abi::SIGEV_SIGNAL | abi::SIGEV_THREAD_ID: {
        LockGuard tree(task_state().tree_lock);
        Task* task = find_task(event._tid);
        if (!task || task->process != current().process)
            return Errno::EINVAL;
        break;
    }
    case abi::SIGEV_SIGNAL:
    case abi::SIGEV_THREAD:
        break;
    default:
        return Errno::EINVAL;
    }
    if (event.sigev_signo < 1 || event.sigev_signo > abi::_NSIG)
        return Errno::EINVAL;
    return {};
}

bool is_valid_setting(const abi::itimerspec& setting) {
    return is_valid(setting.it_value) && is_valid(setting.it_interval);
}

abi::itimerspec itimerspec_of(SignalTimer::Setting setting) {
    return {timespec_of(setting.interval), timespec_of(setting.value)};
}

} // namespace

Result<void> sys_timer_create(Clock clock, UserPtr<abi::sigevent> event, UserPtr<i32> id_out) {
    Process& process = *current().process;
    const i32 own_clock = TRY(timer_clock(clock));
    abi::sigevent wanted{};
    wanted.sigev_signo = abi::SIGALRM;
    if (event)
        wanted = TRY(event.read());
    TRY(check_event(wanted));
    PosixTimers& timers = *TRY(timers_of(process));
    auto timer = TRY(make_ref<PosixTimer>(process, own_clock));
    timer->notify = wanted.sigev_notify;
    timer->signal = wanted.sigev_signo;
    timer->tid = wanted._tid;
    {
        LockGuard guard(timers.lock);
        usize id = 0, used = 0;
        for (PosixTimer* other : timers.timers)
            used += other != nullptr;
        if (used >= process.limits[abi::RLIMIT_SIGPENDING].rlim_cur)
            return Errno::EAGAIN;
        while (id < timers.timers.size() && timers.timers[id])
            ++id;
        if (id == timers.timers.size())
            TRY(timers.timers.push_back(nullptr));
        timer->id = static_cast<i32>(id);
        timer->value = wanted.sigev_value;
        if (!event)
            timer->value.sival_ptr = id;
        timer->ref();
        timers.timers[id] = timer.get();
    }
    auto written = id_out.write(timer->id);
    if (written.is_error())
        (void)sys_timer_delete(timer->id);
    return written;
}

Result<void> sys_timer_settime(i32 id, i32 flags, UserPtr<abi::itimerspec> value,
                               UserPtr<abi::itimerspec> old_value) {
    if (!value)
        return Errno::EINVAL;
    const abi::itimerspec wanted = TRY(value.read());
    if (!is_valid_setting(wanted))
        return Errno::EINVAL;
    auto timer = TRY(find_timer(id));
    const abi::itimerspec old = itimerspec_of(timer->get());
    TRY(timer->set(nanoseconds(wanted.it_value), nanoseconds(wanted.it_interval),
                   (static_cast<u32>(flags) & abi::TIMER_ABSTIME) != 0));
    timer->last_overrun.store(0, std::memory_order_relaxed);
    if (old_value)
        TRY(old_value.write(old));
    return {};
}

Result<void> sys_timer_gettime(i32 id, UserPtr<abi::itimerspec> value) {
    auto timer = TRY(find_timer(id));
    return value.write(itimerspec_of(timer->get()));
}

Result<i32> sys_timer_getoverrun(i32 id) {
    return TRY(find_timer(id))->last_overrun.load(std::memory_order_relaxed);
}

Result<void> sys_timer_delete(i32 id) {
    auto timer = TRY(find_timer(id));
    PosixTimers& timers = *current().process->timers;
    {
        LockGuard guard(timers.lock);
        PosixTimer*& slot = timers.timers[static_cast<u32>(id)];
        if (slot != timer.get())
            return Errno::EINVAL;
        slot = nullptr;
    }
    timer->unref(); // the table's
    timer->cancel();
    return {};
}

} // namespace lxcore
