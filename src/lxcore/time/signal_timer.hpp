// Timers of a process that send signals: the interval timers and those of timer_create(2).
#pragma once

#include "abi/signal.hpp"
#include "abi/time.hpp"
#include "lxcore/time/timer.hpp"

namespace lxcore {

// Wall clocks: the target is a deadline on the monotonic clock. CPU clocks: the target is CPU time, and the
// timer thread samples the clock, at a deadline guessed from what is left to run.
class SignalTimer : public Timer {
public:
    // clock: as clock_gettime takes it, with CPU clocks of the current task named by their pid form.
    SignalTimer(Process& process, i32 clock) : m_process(&process), m_clock(clock) {}

    struct Setting {
        u64 value = 0;    // time left, ns; 0: not armed
        u64 interval = 0; // ns
    };
    // value: from now on, or absolute on the timer's clock (0 disarms in any case). ENOMEM.
    Result<void> set(u64 value, u64 interval, bool absolute);
    Setting get();
    // No more signals; drops the process.
    void cancel();
    void expired(u64 now_ns) final;

protected:
    // With no lock held; `expirations` is at least 1.
    virtual void fire(Process& process, u64 expirations) = 0;

private:
    bool is_cpu_clock() const { return m_clock < 0; }
    u64 now() const; // on the timer's clock
    Result<void> rearm(u64 clock_now);

    Mutex m_lock; // outside of the timer queue's
    RefPtr<Process> m_process;
    const i32 m_clock;
    u64 m_interval = 0;
    u64 m_target = 0;      // 0: not armed
    u64 m_real_target = 0; // absolute CLOCK_REALTIME: the host's clock may have been set back meanwhile
    u64 m_last_sample = 0;
    u64 m_idle_delay = 0;
};

class PosixTimer;

// Of one process, made when it first uses a timer.
struct PosixTimers : ArenaObject {
    Mutex lock;                             // guards the fields; outside of each timer's lock
    RefPtr<SignalTimer> interval_timers[3]; // by abi::ITIMER_*
    RefPtr<SignalTimer> cpu_limit;          // RLIMIT_CPU
    Vector<PosixTimer*> timers;             // by timer id, each holds a reference; null when free
};
Result<PosixTimers*> timers_of(Process& process);

// The CPU clock of a process or thread in clock_gettime's numbering.
constexpr i32 process_cpu_clock(i32 pid, i32 kind) {
    return static_cast<i32>(~static_cast<u32>(pid) << 3) | kind;
}
constexpr i32 thread_cpu_clock(i32 tid, i32 kind) {
    return process_cpu_clock(tid, kind) | abi::CPUCLOCK_PERTHREAD_MASK;
}

// Reads a CPU clock for the timer thread, which is in no guest process.
Result<u64> cpu_clock_of(Process& process, i32 clock);

} // namespace lxcore
