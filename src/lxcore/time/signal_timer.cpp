#include "lxcore/time/signal_timer.hpp"

#include "lxcore/task/life.hpp"
#include "lxcore/time/clock.hpp"
#include "lxcore/time/posix_timer.hpp"

namespace lxcore {

namespace {

// Expirations closer together than this are delivered as one with an overrun count.
constexpr u64 kShortestPeriod = 50'000;
// How often a CPU clock is looked at: at most each 1 ms, and less and less while its process does not run.
constexpr u64 kShortestSample = 1'000'000;
constexpr u64 kLongestIdleSample = 20'000'000;

} // namespace

Result<u64> cpu_clock_of(Process& process, i32 clock) {
    host::CpuTimes times;
    if (clock & abi::CPUCLOCK_PERTHREAD_MASK) {
        i32 host_process = 0, host_thread = 0;
        {
            LockGuard tree(task_state().tree_lock);
            Task* task = find_task(abi::cpuclock_pid(clock));
            if (!task || task->process != &process || task->is_exiting)
                return Errno::ESRCH;
            host_process = task->host_process;
            host_thread = task->host_thread;
        }
        times = host::other_thread_cpu_times(host_process, host_thread);
    } else {
        times = cpu_times(process);
    }
    return (clock & abi::CPUCLOCK_CLOCK_MASK) == abi::CPUCLOCK_VIRT ? times.user_ns
                                                                    : times.user_ns + times.system_ns;
}

u64 SignalTimer::now() const {
    if (!is_cpu_clock())
        return host::monotonic_ns();
    auto time = cpu_clock_of(*m_process, m_clock);
    return time.is_ok() ? time.value() : 0;
}

// m_lock held, m_target set.
Result<void> SignalTimer::rearm(u64 clock_now) {
    if (!is_cpu_clock())
        return arm(m_target);
    const u64 left = m_target > clock_now ? m_target - clock_now : 0;
    const u32 running = base::max(1u, base::min(m_process->thread_count, host::processor_count()));
    u64 delay = base::max(left / running, kShortestSample);
    if (clock_now == m_last_sample) {
        m_idle_delay = base::min(base::max(m_idle_delay * 2, kShortestSample), kLongestIdleSample);
        delay = base::max(delay, m_idle_delay);
    } else {
        m_idle_delay = 0;
    }
    m_last_sample = clock_now;
    return arm(deadline_after(delay));
}

Result<void> SignalTimer::set(u64 value, u64 interval, bool absolute) {
    LockGuard guard(m_lock);
    if (!m_process)
        return {};
    m_target = 0;
    m_real_target = 0;
    m_interval = interval;
    if (value == 0 || value == host::kNoDeadline) {
        disarm();
        return {};
    }
    const u64 clock_now = now();
    u64 target;
    if (is_cpu_clock())
        target = absolute ? value : clock_now + value;
    else
        target = absolute ? TRY(deadline_of(m_clock, value)) : clock_now + value;
    if (absolute && m_clock == abi::CLOCK_REALTIME)
        m_real_target = value;
    m_target = base::max<u64>(target, 1);
    m_idle_delay = 0;
    return rearm(clock_now);
}

SignalTimer::Setting SignalTimer::get() {
    LockGuard guard(m_lock);
    Setting setting;
    setting.interval = m_interval;
    if (m_target && m_process) {
        const u64 clock_now = now();
        setting.value = m_target > clock_now ? m_target - clock_now : 1;
    }
    return setting;
}

void SignalTimer::cancel() {
    RefPtr<Process> process;
    {
        LockGuard guard(m_lock);
        m_target = 0;
        process = std::move(m_process);
    }
    disarm();
}

void SignalTimer::expired(u64) {
    RefPtr<Process> process;
    u64 expirations = 1;
    {
        LockGuard guard(m_lock);
        if (!m_target || !m_process)
            return;
        const u64 clock_now = now();
        if (m_real_target) {
            auto deadline = deadline_of(m_clock, m_real_target);
            if (deadline.is_ok() && deadline.value() > clock_now + abi::NSEC_PER_SEC / 1000) {
                m_target = deadline.value(); // the clock was set back
                (void)arm(m_target);
                return;
            }
            m_real_target = 0;
        }
        if (clock_now < m_target) {
            (void)rearm(clock_now); // a CPU clock, or set anew in this moment
            return;
        }
        if (m_interval) {
            expirations = (clock_now - m_target) / m_interval + 1;
            m_target += expirations * m_interval;
            if (m_target < clock_now + kShortestPeriod) {
                const u64 more = (clock_now + kShortestPeriod - m_target) / m_interval + 1;
                expirations += more;
                m_target += more * m_interval;
            }
            (void)rearm(clock_now);
        } else {
            m_target = 0;
        }
        process = m_process;
    }
    fire(*process, expirations);
}

Result<PosixTimers*> timers_of(Process& process) {
    if (process.timers)
        return process.timers;
    LockGuard guard(process.info_lock);
    if (!process.timers)
        process.timers = TRY(make<PosixTimers>());
    return process.timers;
}

void release_timers(Process& process) {
    PosixTimers* timers;
    {
        LockGuard guard(process.info_lock);
        timers = std::exchange(process.timers, nullptr);
    }
    if (!timers)
        return;
    for (auto& timer : timers->interval_timers)
        if (timer)
            timer->cancel();
    if (timers->cpu_limit)
        timers->cpu_limit->cancel();
    for (PosixTimer* timer : timers->timers) {
        if (!timer)
            continue;
        timer->cancel();
        timer->unref();
    }
    delete timers;
}

void delete_timers_for_exec(Process& process) {
    if (!process.timers)
        return;
    LockGuard guard(process.timers->lock);
    for (PosixTimer*& slot : process.timers->timers) {
        PosixTimer* timer = std::exchange(slot, nullptr);
        if (!timer)
            continue;
        timer->cancel();
        timer->unref();
    }
}

} // namespace lxcore
