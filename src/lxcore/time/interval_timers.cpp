// getitimer(2), setitimer(2), alarm(2).
#include "lxcore/signal/signals.hpp"
#include "lxcore/time/calls.hpp"
#include "lxcore/time/clock.hpp"
#include "lxcore/time/signal_timer.hpp"

namespace lxcore {

namespace {

class IntervalTimer final : public SignalTimer {
public:
    IntervalTimer(Process& process, i32 clock, u32 signal) : SignalTimer(process, clock), m_signal(signal) {}

protected:
    void fire(Process& process, u64) override { send_kernel_signal(process, m_signal); }

private:
    const u32 m_signal;
};

Result<SignalTimer*> interval_timer(Process& process, u32 which) {
    PosixTimers& timers = *TRY(timers_of(process));
    LockGuard guard(timers.lock);
    auto& slot = timers.interval_timers[which];
    if (!slot) {
        const i32 clock = which == abi::ITIMER_REAL      ? abi::CLOCK_MONOTONIC
                          : which == abi::ITIMER_VIRTUAL ? process_cpu_clock(process.pid, abi::CPUCLOCK_VIRT)
                                                         : process_cpu_clock(process.pid, abi::CPUCLOCK_PROF);
        const u32 signal = which == abi::ITIMER_REAL      ? abi::SIGALRM
                           : which == abi::ITIMER_VIRTUAL ? abi::SIGVTALRM
                                                          : abi::SIGPROF;
        auto made = TRY(make_ref<IntervalTimer>(process, clock, signal));
        slot = made;
    }
    return slot.get();
}

bool is_valid(const abi::timeval& time) {
    return time.tv_sec >= 0 && time.tv_usec >= 0 && time.tv_usec < 1'000'000;
}

u64 nanoseconds(const abi::timeval& time) {
    return lxcore::nanoseconds(abi::timespec{time.tv_sec, time.tv_usec * 1000});
}

// What is left of a microsecond counts as one: an armed timer never reads as zero.
abi::itimerval itimerval_of(SignalTimer::Setting setting) {
    const u64 rounded = setting.value && setting.value < 1000 ? 1000 : setting.value;
    return {timeval_of(setting.interval), timeval_of(rounded)};
}

} // namespace

Result<void> sys_getitimer(i32 which, UserPtr<abi::itimerval> value) {
    if (which < 0 || which > static_cast<i32>(abi::ITIMER_PROF))
        return Errno::EINVAL;
    Process& process = *current().process;
    abi::itimerval result{};
    if (process.timers)
        result = itimerval_of(TRY(interval_timer(process, static_cast<u32>(which)))->get());
    return value.write(result);
}

Result<void> sys_setitimer(i32 which, UserPtr<abi::itimerval> value, UserPtr<abi::itimerval> old_value) {
    abi::itimerval wanted{};
    if (value)
        wanted = TRY(value.read());
    if (which < 0 || which > static_cast<i32>(abi::ITIMER_PROF) || !is_valid(wanted.it_value) ||
        !is_valid(wanted.it_interval))
        return Errno::EINVAL;
    SignalTimer& timer = *TRY(interval_timer(*current().process, static_cast<u32>(which)));
    const abi::itimerval old = itimerval_of(timer.get());
    TRY(timer.set(nanoseconds(wanted.it_value), nanoseconds(wanted.it_interval), false));
    if (old_value)
        TRY(old_value.write(old));
    return {};
}

Result<u32> sys_alarm(u32 seconds) {
    SignalTimer& timer = *TRY(interval_timer(*current().process, abi::ITIMER_REAL));
    const u64 left = timer.get().value;
    TRY(timer.set(u64{seconds} * abi::NSEC_PER_SEC, 0, false));
    if (left && left < u64{abi::NSEC_PER_SEC})
        return 1u;
    return static_cast<u32>((left + abi::NSEC_PER_SEC / 2) / abi::NSEC_PER_SEC);
}

} // namespace lxcore
