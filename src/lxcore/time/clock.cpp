// Clock arithmetic and the values of every clock id, CPU clocks of other tasks included.
#include "lxcore/time/clock.hpp"

#include "lxcore/kernel.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/task/task_table.hpp"

namespace lxcore {

u64 nanoseconds(const abi::timespec& time) {
    constexpr i64 kLimit = static_cast<i64>(host::kNoDeadline / 2 / abi::NSEC_PER_SEC);
    if (time.tv_sec >= kLimit)
        return host::kNoDeadline;
    return static_cast<u64>(time.tv_sec * abi::NSEC_PER_SEC + time.tv_nsec);
}

u64 deadline_after(u64 duration_ns) {
    const u64 now = host::monotonic_ns();
    return duration_ns >= host::kNoDeadline / 2 ? host::kNoDeadline : now + duration_ns;
}

namespace {

// The host's clock behind a guest clock id, or -1.
i32 host_clock(i32 clock) {
    switch (clock) {
    case abi::CLOCK_REALTIME_ALARM:
        return abi::CLOCK_REALTIME;
    case abi::CLOCK_BOOTTIME_ALARM:
        return abi::CLOCK_BOOTTIME;
    case abi::CLOCK_REALTIME:
    case abi::CLOCK_MONOTONIC:
    case abi::CLOCK_MONOTONIC_RAW:
    case abi::CLOCK_REALTIME_COARSE:
    case abi::CLOCK_MONOTONIC_COARSE:
    case abi::CLOCK_BOOTTIME:
    case abi::CLOCK_TAI:
        return clock;
    default:
        return -1;
    }
}

u64 select(const host::CpuTimes& times, i32 kind) {
    return kind == abi::CPUCLOCK_VIRT ? times.user_ns : times.user_ns + times.system_ns;
}

Result<u64> cpu_clock_now(i32 clock) {
    const i32 kind = clock & abi::CPUCLOCK_CLOCK_MASK;
    if (kind == abi::CLOCKFD)
        return Errno::EINVAL;
    const i32 id = abi::cpuclock_pid(clock);
    Task& me = current();
    if (clock & abi::CPUCLOCK_PERTHREAD_MASK) {
        if (id == 0 || id == me.tid)
            return select(host::thread_cpu_times(), kind);
        i32 host_process = 0, host_thread = 0;
        {
            LockGuard tree(task_state().tree_lock);
            Task* task = find_task(id);
            if (!task || task->process != me.process || task->is_exiting)
                return Errno::EINVAL;
            host_process = task->host_process;
            host_thread = task->host_thread;
        }
        return select(host::other_thread_cpu_times(host_process, host_thread), kind);
    }
    if (id == 0 || id == me.process->pid)
        return select(cpu_times(*me.process), kind);
    const RefPtr<Process> process = process_by_pid(id);
    if (!process)
        return Errno::EINVAL;
    return select(cpu_times(*process), kind);
}

} // namespace

Result<u64> clock_now(i32 clock) {
    switch (clock) {
    case abi::CLOCK_MONOTONIC:
        return host::monotonic_ns();
    case abi::CLOCK_PROCESS_CPUTIME_ID:
        return select(cpu_times(*current().process), abi::CPUCLOCK_SCHED);
    case abi::CLOCK_THREAD_CPUTIME_ID:
        return select(host::thread_cpu_times(), abi::CPUCLOCK_SCHED);
    default:
        break;
    }
    if (clock < 0)
        return cpu_clock_now(clock);
    const i32 id = host_clock(clock);
    if (id < 0)
        return Errno::EINVAL;
    return nanoseconds(TRY(host::clock_time(id)));
}

Result<u64> deadline_of(i32 clock, u64 absolute_ns) {
    if (absolute_ns == host::kNoDeadline)
        return host::kNoDeadline;
    if (clock == abi::CLOCK_MONOTONIC)
        return absolute_ns;
    const i32 id = host_clock(clock);
    if (id < 0)
        return Errno::EINVAL;
    const u64 now = nanoseconds(TRY(host::clock_time(id)));
    const u64 monotonic = host::monotonic_ns();
    return absolute_ns <= now ? monotonic : monotonic + (absolute_ns - now);
}

Result<u64> deadline_from_user(UserPtr<abi::timespec> timeout) {
    if (!timeout)
        return host::kNoDeadline;
    const abi::timespec time = TRY(timeout.read());
    if (!is_valid(time))
        return Errno::EINVAL;
    return deadline_after(nanoseconds(time));
}

} // namespace lxcore
