// RLIMIT_CPU, see getrlimit(2): SIGXCPU at the soft limit and each second of CPU time after it, SIGKILL at the hard one.
#include "abi/resource.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/time/signal_timer.hpp"

namespace lxcore {

namespace {

class CpuLimitTimer final : public SignalTimer {
public:
    CpuLimitTimer(Process& process, i32 clock) : SignalTimer(process, clock) {}

protected:
    void fire(Process& process, u64) override {
        const host::CpuTimes used = cpu_times(process);
        const u64 seconds = (used.user_ns + used.system_ns) / abi::NSEC_PER_SEC;
        const abi::rlimit64 limit = process.limits[abi::RLIMIT_CPU];
        if (seconds >= limit.rlim_max)
            send_kernel_signal(process, abi::SIGKILL);
        else if (seconds >= limit.rlim_cur)
            send_kernel_signal(process, abi::SIGXCPU);
    }
};

} // namespace

Result<void> cpu_limit_changed(Process& process) {
    const u64 soft = process.limits[abi::RLIMIT_CPU].rlim_cur;
    constexpr u64 kMostSeconds = ~u64{0} / abi::NSEC_PER_SEC - 1;
    const bool is_limited = soft <= kMostSeconds; // the hard limit is not below it
    if (!is_limited && !process.timers)
        return {};
    PosixTimers& timers = *TRY(timers_of(process));
    RefPtr<SignalTimer> timer;
    {
        LockGuard guard(timers.lock);
        if (!timers.cpu_limit && is_limited)
            timers.cpu_limit = TRY(make_ref<CpuLimitTimer>(process, process_cpu_clock(process.pid, abi::CPUCLOCK_PROF)));
        timer = timers.cpu_limit;
    }
    if (!timer)
        return {};
    if (!is_limited)
        return timer->set(0, 0, false);
    return timer->set(base::max<u64>(soft, 1) * abi::NSEC_PER_SEC, abi::NSEC_PER_SEC, true);
}

} // namespace lxcore
