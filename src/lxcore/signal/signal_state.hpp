// Signals of tasks and processes: see signal(7).
#pragma once

#include "abi/signal.hpp"
#include "base/list.hpp"
#include "base/result.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/sync/lock.hpp"
#include "lxcore/sync/wait_queue.hpp"

namespace lxcore {

class Task;
class Process;
class ProcessGroup;

using SignalSet = u64; // bit n - 1 stands for signal n
constexpr SignalSet signal_bit(u32 signal) {
    return u64{1} << (signal - 1);
}

// Dispositions, shared by tasks created with CLONE_SIGHAND.
class SignalHandlers final : public SharedObject {
public:
    Mutex lock; // outside of the signal lock; a sender reads a handler without it
    abi::sigaction actions[64]{};
    WaitQueue signal_wait; // readers and pollers of signalfd: woken by each signal sent
    abi::sigaction& of(u32 signal) { return actions[signal - 1]; }
};

struct QueuedSignal : ArenaObject {
    base::ListNode node;
    abi::siginfo info;
};

// Signals that have been sent and not taken yet.
class PendingSignals {
public:
    PendingSignals() = default;
    SignalSet set = 0;
    u32 count = 0; // of queue
    base::List<QueuedSignal, &QueuedSignal::node> queue;
    ~PendingSignals() { clear(); }
    void clear();
};

// Where a signal is sent: to one thread or to the group.
enum class SignalTarget : u8 { Thread, Process };

// Sends `info.si_signo` to `task` or to its process. Takes the process's signal lock, and for SIGCONT
// tree_lock before it unless the caller holds it. Standard signals that are already pending are merged;
// EAGAIN when a real-time signal cannot be queued. Permission is the caller's matter; so is that `task` does
// not go away meanwhile (tree_lock, or it is current).
Result<void> send_signal(Task& task, SignalTarget target, const abi::siginfo& info);
// As the kernel itself sends (SI_KERNEL). The group variant takes tree_lock unless the caller holds it.
void send_kernel_signal(Process& process, u32 signal);
void send_kernel_signal_to_task(Task& task, u32 signal);
void send_signal_to_group(ProcessGroup& group, u32 signal);
// A synchronous fault of the current task: delivered even if blocked or ignored (then it kills).
void force_signal(Task& task, const abi::siginfo& info);
// Whether an unblocked, not ignored signal waits for `task`: blocking calls then return ERESTARTSYS.
bool has_deliverable_signal(Task& task);
// Sets the mask of the current task and re-evaluates its pending work.
void set_blocked(Task& task, SignalSet mask);

} // namespace lxcore
