// Kernel timers: one queue for the instance, served by a kernel thread in the instance host.
#pragma once

#include "base/list.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/sync/lock.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

[[noreturn]] void timer_thread(host::ThreadBlock& block);

// Something that happens at a deadline. The queue holds a reference while the timer is armed. expired() runs
// on the timer thread with no lock held, and may arm the timer again; it must tolerate that the timer was
// disarmed or armed anew in the very moment (compare what is due under the owner's own lock).
class Timer : public SharedObject {
public:
    // (Re)arms for an absolute deadline, in ns on the monotonic clock. ENOMEM.
    Result<void> arm(u64 deadline_ns);
    // After this, expired() may still be running but is not called again.
    void disarm();
    virtual void expired(u64 now_ns) = 0;

private:
    friend struct TimerState;
    friend void timer_thread(host::ThreadBlock&);
    u64 m_deadline = 0;
    u32 m_index = 0; // 1 + place in the heap; 0: not armed
};

// Called by boot().
Result<void> initialize_timers();
// Body of the timer thread; boot starts it as a kernel thread of the instance host.
[[noreturn]] void timer_thread(host::ThreadBlock& block);

// Ends all timers of a process (interval timers, timer_create); called at its exit, also by the reaper.
void release_timers(Process& process);
// RLIMIT_CPU of a process was set, or inherited by a new process.
Result<void> cpu_limit_changed(Process& process);
// exec deletes timers made by timer_create; interval timers stay.
void delete_timers_for_exec(Process& process);
// A SI_TIMER signal is being taken: keeps its overrun count for timer_getoverrun(2).
void note_timer_signal_taken(Process& process, const abi::siginfo& info);

} // namespace lxcore
