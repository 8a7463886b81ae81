// Reading clocks and sleeping: clock_gettime(2), clock_nanosleep(2), gettimeofday(2), adjtimex(2). The host's
// clocks are the guest's: they can be read and not set.
#include "abi/prctl.hpp"

#include "lxcore/signal/signals.hpp"
#include "lxcore/task/credentials.hpp"
#include "lxcore/time/calls.hpp"
#include "lxcore/time/clock.hpp"

namespace lxcore {

Result<void> sys_clock_gettime(Clock clock, UserPtr<abi::timespec> time) {
    return time.write(timespec_of(TRY(clock_now(clock))));
}

Result<void> sys_clock_settime(Clock clock, UserPtr<abi::timespec> time) {
    if (clock != abi::CLOCK_REALTIME)
        return Errno::EINVAL;
    const abi::timespec wanted = TRY(time.read());
    if (!is_valid(wanted))
        return Errno::EINVAL;
    return Errno::EPERM;
}

Result<void> sys_clock_getres(Clock clock, UserPtr<abi::timespec> resolution) {
    if (clock >= 0)
        (void)TRY(clock_now(clock));
    else if ((clock & abi::CPUCLOCK_CLOCK_MASK) == abi::CLOCKFD)
        return Errno::EINVAL;
    if (!resolution)
        return {};
    const bool coarse = clock == abi::CLOCK_REALTIME_COARSE || clock == abi::CLOCK_MONOTONIC_COARSE;
    return resolution.write(abi::timespec{0, coarse ? 4'000'000 : 1});
}

namespace {

// CPU clocks advance while others run: the end is guessed from what is left, and looked at again.
Result<void> sleep_on_cpu_clock(i32 clock, u64 target) {
    for (;;) {
        const u64 now = TRY(clock_now(clock));
        if (now >= target)
            return {};
        const u64 left = target - now;
        if (current().sleep(deadline_after(base::max<u64>(left / host::processor_count(), 1'000'000))) ==
            SleepResult::Interrupted)
            return Errno::EINTR;
    }
}

Result<void> write_remaining(UserPtr<abi::timespec> remain, u64 left) {
    return remain ? remain.write(timespec_of(left)) : Result<void>();
}

Result<void> nanosleep(i32 clock, bool absolute, UserPtr<abi::timespec> request,
                       UserPtr<abi::timespec> remain) {
    const abi::timespec wanted = TRY(request.read());
    if (!is_valid(wanted))
        return Errno::EINVAL;
    const u64 duration = nanoseconds(wanted);
    if (clock < 0 || clock == abi::CLOCK_PROCESS_CPUTIME_ID) {
        const u64 start = TRY(clock_now(clock));
        const u64 target = absolute ? duration : start + duration;
        auto slept = sleep_on_cpu_clock(clock, target);
        if (slept.is_error() && slept.error() == Errno::EINTR) {
            if (absolute)
                return Errno::ERESTARTNOHAND;
            const u64 now = TRY(clock_now(clock));
            TRY(write_remaining(remain, now < target ? target - now : 0));
        }
        return slept;
    }
    u64 deadline = take_restart_deadline();
    if (!deadline)
        deadline = absolute ? TRY(deadline_of(clock, duration)) : deadline_after(duration);
    for (;;) {
        switch (current().sleep(deadline)) {
        case SleepResult::TimedOut:
            return {};
        case SleepResult::Woken:
            if (host::monotonic_ns() >= deadline)
                return {};
            break;
        case SleepResult::Interrupted:
            if (absolute)
                return Errno::ERESTARTNOHAND;
            const u64 now = host::monotonic_ns();
            if (now >= deadline)
                return {};
            TRY(write_remaining(remain, deadline - now));
            return interrupted_until(deadline);
        }
    }
}

} // namespace

Result<void> sys_nanosleep(UserPtr<abi::timespec> request, UserPtr<abi::timespec> remain) {
    return nanosleep(abi::CLOCK_MONOTONIC, false, request, remain);
}

Result<void> sys_clock_nanosleep(Clock clock, i32 flags, UserPtr<abi::timespec> request,
                                 UserPtr<abi::timespec> remain) {
    switch (clock) {
    case abi::CLOCK_REALTIME:
    case abi::CLOCK_MONOTONIC:
    case abi::CLOCK_BOOTTIME:
    case abi::CLOCK_TAI:
    case abi::CLOCK_PROCESS_CPUTIME_ID:
        break;
    case abi::CLOCK_REALTIME_ALARM:
    case abi::CLOCK_BOOTTIME_ALARM:
    case abi::CLOCK_MONOTONIC_RAW:
    case abi::CLOCK_REALTIME_COARSE:
    case abi::CLOCK_MONOTONIC_COARSE:
        return Errno::EOPNOTSUPP;
    default:
        if (clock >= 0)
            return Errno::EINVAL;
        // A thread cannot wait for itself to run.
        if ((clock & abi::CPUCLOCK_PERTHREAD_MASK) &&
            (abi::cpuclock_pid(clock) == 0 || abi::cpuclock_pid(clock) == current().tid))
            return Errno::EINVAL;
    }
    return nanosleep(clock, (static_cast<u32>(flags) & abi::TIMER_ABSTIME) != 0, request, remain);
}

Result<void> sys_gettimeofday(UserPtr<abi::timeval> time, UserPtr<abi::timezone> zone) {
    if (time)
        TRY(time.write(timeval_of(TRY(clock_now(abi::CLOCK_REALTIME)))));
    if (zone)
        TRY(zone.write(abi::timezone{}));
    return {};
}

Result<void> sys_settimeofday(UserPtr<abi::timeval> time, UserPtr<abi::timezone> zone) {
    if (time) {
        const abi::timeval wanted = TRY(time.read());
        if (wanted.tv_sec < 0 || wanted.tv_usec < 0 || wanted.tv_usec >= 1'000'000)
            return Errno::EINVAL;
    }
    if (zone)
        (void)TRY(zone.read());
    return Errno::EPERM;
}

Result<i64> sys_time(UserPtr<i64> time) {
    const i64 seconds = TRY(host::clock_time(abi::CLOCK_REALTIME_COARSE)).tv_sec;
    if (time)
        TRY(time.write(seconds));
    return seconds;
}

Result<i32> sys_adjtimex(UserPtr<abi::timex> user) {
    abi::timex timex = TRY(user.read());
    if (timex.modes && timex.modes != abi::ADJ_OFFSET_SS_READ)
        return Errno::EPERM;
    timex = {};
    timex.status = static_cast<i32>(abi::STA_UNSYNC | abi::STA_NANO);
    timex.maxerror = timex.esterror = 16'000'000;
    timex.constant = 2;
    timex.precision = 1;
    timex.tolerance = 32'768'000;
    timex.tick = 10'000;
    const abi::timespec now = TRY(host::clock_time(abi::CLOCK_REALTIME));
    timex.time = {now.tv_sec, now.tv_nsec}; // in ns because of STA_NANO
    TRY(user.write(timex));
    return abi::TIME_ERROR; // unsynchronized, as far as the guest is concerned
}

Result<i32> sys_clock_adjtime(Clock clock, UserPtr<abi::timex> user) {
    if (clock != abi::CLOCK_REALTIME)
        return clock >= 0 && clock_now(clock).is_ok() ? Errno::EOPNOTSUPP : Errno::EINVAL;
    return sys_adjtimex(user);
}

} // namespace lxcore
