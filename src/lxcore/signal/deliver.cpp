// The way out of the kernel: group exit, stops, signal delivery, and restart of interrupted system calls.
// See signal(7), "Interruption of system calls".
#include "base/format.hpp"
#include "engine/engine.hpp"
#include "lxcore/kernel.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/signal/internal.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

struct Delivery {
    u32 signal = 0;
    u32 continues = 0; // Process::continues when it was taken
    abi::siginfo info;
    abi::sigaction action{};
};

// Whether the task's process is stopped, and the task with it.
bool is_stopped(const Task& task) {
    return __atomic_load_n(&task.process->state, __ATOMIC_ACQUIRE) == ProcessState::Stopped && obeys_group_stop(task);
}

// The errno that a call's result stands for; OK for other results.
Errno error_of(u64 result) {
    const i64 value = static_cast<i64>(result);
    return value < 0 && value >= -4095 ? static_cast<Errno>(-value) : Errno::OK;
}

constexpr u64 kInterrupted = static_cast<u64>(-static_cast<i64>(Errno::EINTR));

bool is_restart_code(u64 result) {
    switch (error_of(result)) {
    case Errno::ERESTARTSYS:
    case Errno::ERESTARTNOINTR:
    case Errno::ERESTARTNOHAND:
    case Errno::ERESTART_RESTARTBLOCK:
        return true;
    default:
        return false;
    }
}

// Whether the call that is being left gave up because of a signal.
bool was_interrupted(const host::Frame& frame) {
    return frame.original_rax != ~u64{0} && (is_restart_code(frame.rax) || frame.rax == kInterrupted);
}

void restore_saved_mask(Task& task) {
    task.restore_blocked = false;
    set_blocked(task, task.saved_blocked);
}

void stay_stopped(Task& task) {
    Process& process = *task.process;
    for (;;) {
        // Cleared before the state is read: whoever changes the state kicks afterwards.
        task.work.fetch_and(~(host::kWorkSignal | host::kWorkStop), std::memory_order_seq_cst);
        // A traced task stands still in ptrace_return_work().
        if (!is_stopped(task) || must_exit(task) || is_traced(task) || has_ptrace_work(task))
            break;
        task.sleep();
    }
    LockGuard guard(process.signal_lock);
    recalculate_work(task);
    if (is_stopped(task) || must_exit(task) || has_ptrace_work(task))
        task.work.fetch_or(host::kWorkStop, std::memory_order_acq_rel);
}

// The default action of a stop signal: the whole process stops. Other threads do so on their way out.
void stop_process(Task& task, const Delivery& delivery) {
    Process& process = *task.process;
    TreeGuard tree;
    if (delivery.signal != abi::SIGSTOP && process.group && is_orphaned_group(*process.group))
        return; // nobody would continue it
    {
        LockGuard guard(process.signal_lock);
        // A SIGCONT or SIGKILL that came after the stop signal was taken wins.
        if (process.continues != delivery.continues || process.group_exiting ||
            process.state != ProcessState::Running)
            return;
        process.stop_signal = static_cast<i32>(delivery.signal);
        process.report = (process.report & ~kReportContinue) | kReportStop;
        __atomic_store_n(&process.state, ProcessState::Stopped, __ATOMIC_RELEASE);
        for (Task& thread : process.threads) {
            thread.tracee.has_left_group_stop = false;
            thread.kick(host::kWorkStop);
        }
    }
    notify_parent_of_stop(process, abi::CLD_STOPPED, static_cast<i32>(delivery.signal));
}

void log_fatal_fault(const Task& task, const host::Frame& frame, u32 signal) {
    base::FixedWriter<160> line;
    base::print(line, "{}[{}]: signal {} at {:x}, ip {:x}, sp {:x}, error {:x}",
                static_cast<const char*>(task.name), task.tid, signal, task.fault_address,
                engine::canonical_rip(frame.rip), frame.rsp, task.fault_error);
    log_line(line.view());
}

// The tracer may change the signal, or take it away: returns whether there is one to go on with now.
bool show_to_tracer(Task& task, Delivery& delivery) {
    delivery.signal = ptrace_signal(task, delivery.signal, delivery.info);
    if (!delivery.signal)
        return false;
    Process& process = *task.process;
    LockGuard handlers_guard(process.handlers->lock);
    if (task.blocked & signal_bit(delivery.signal)) {
        handlers_guard.unlock();
        (void)send_signal(task, SignalTarget::Thread, delivery.info);
        return false;
    }
    abi::sigaction& action = process.handlers->of(delivery.signal);
    delivery.action = action;
    if (action.sa_handler > abi::SIG_IGN && (action.sa_flags & abi::SA_RESETHAND))
        action.sa_handler = abi::SIG_DFL;
    return true;
}

enum class Next : u8 { Nothing, Handler, LookAgain };

// Takes one signal and performs its default action; Handler when it has one.
Next take_next(Task& task, const host::Frame& frame, Delivery& delivery) {
    Process& process = *task.process;
    {
        LockGuard handlers_guard(process.handlers->lock);
        LockGuard guard(process.signal_lock);
        delivery.signal = dequeue(task, ~task.blocked, delivery.info);
        recalculate_work(task);
        if (!delivery.signal)
            return Next::Nothing;
        delivery.continues = process.continues;
        abi::sigaction& action = process.handlers->of(delivery.signal);
        delivery.action = action;
        // A traced task's comes to that only once its tracer has let the signal pass.
        if (action.sa_handler > abi::SIG_IGN && (action.sa_flags & abi::SA_RESETHAND) && !is_traced(task))
            action.sa_handler = abi::SIG_DFL;
    }
    after_dequeue(task, delivery.info);
    if (is_traced(task) && delivery.signal != abi::SIGKILL && !show_to_tracer(task, delivery))
        return Next::LookAgain;
    if (delivery.action.sa_handler > abi::SIG_IGN)
        return Next::Handler;
    if (has_no_effect(delivery.action.sa_handler, delivery.signal))
        return Next::LookAgain;
    if (signal_bit(delivery.signal) & kStopSignals) {
        stop_process(task, delivery);
        return Next::LookAgain;
    }
    // What its own instructions did to it, or what the host wants, ends init; nothing else does.
    if (is_init(process) && delivery.info.si_code <= 0 && delivery.signal != abi::SIGKILL)
        return Next::LookAgain;
    if ((kSynchronous & signal_bit(delivery.signal)) && delivery.info.si_code > 0)
        log_fatal_fault(task, frame, delivery.signal);
    if (delivery.signal != abi::SIGKILL)
        ptrace_exit_event(task, static_cast<i32>(delivery.signal));
    begin_group_exit(process, static_cast<i32>(delivery.signal));
    task.work.fetch_or(host::kWorkStop, std::memory_order_acq_rel);
    return Next::LookAgain;
}

// The interrupted call either fails with EINTR once the handler has run, or is made again by the guest.
void settle_call_for_handler(Task& task, host::Frame& frame, const abi::sigaction& action) {
    if (frame.original_rax == ~u64{0})
        return;
    switch (error_of(frame.rax)) {
    case Errno::ERESTARTSYS:
        if (!(action.sa_flags & abi::SA_RESTART)) {
            frame.rax = kInterrupted;
            break;
        }
        [[fallthrough]];
    case Errno::ERESTARTNOINTR:
        frame.rax = frame.original_rax;
        frame.rip -= 2; // the syscall instruction
        break;
    case Errno::ERESTARTNOHAND:
    case Errno::ERESTART_RESTARTBLOCK:
        frame.rax = kInterrupted;
        break;
    default:
        break;
    }
    task.restart_deadline = 0;
    frame.original_rax = ~u64{0};
    task.work.fetch_and(~u32{host::kWorkRestart}, std::memory_order_relaxed);
}

void run_handler(Task& task, host::Frame& frame, const Delivery& delivery) {
    const bool is_stepped = ptrace_step_done(task); // the handler's frame must not show the tracer's trap flag
    enter_handler(task, frame, delivery.action, delivery.info);
    if (is_stepped)
        ptrace_handler_entered(task);
}

// Makes the interrupted call once more without leaving the kernel.
void repeat_call(Task& task, host::Frame& frame) {
    task.work.fetch_and(~u32{host::kWorkRestart}, std::memory_order_relaxed);
    frame.rax = frame.original_rax;
    lxcore_system_call(&frame);
}

void return_work(Task& task, host::Frame& frame) {
    if (task.is_starting) [[unlikely]]
        finish_fork_in_child(task);
    // A mask that belonged to a call which completed: signals are looked at under the old one.
    if (task.restore_blocked && !was_interrupted(frame))
        restore_saved_mask(task);
    constexpr u32 kHandled = host::kWorkSignal | host::kWorkStop | host::kWorkRestart | host::kWorkWake;
    Delivery delivery;
    for (;;) {
        const u32 work = task.work.load(std::memory_order_acquire);
        if (!(work & kHandled) && !task.restore_blocked)
            return;
        if (work & host::kWorkWake)
            task.work.fetch_and(~u32{host::kWorkWake}, std::memory_order_acq_rel);
        if (must_exit(task))
            exit_task(task, task.process->exit_status);
        if ((work & host::kWorkStop) || is_stopped(task)) {
            ptrace_return_work(task);
            stay_stopped(task);
            continue;
        }
        if (work & host::kWorkSignal) {
            switch (take_next(task, frame, delivery)) {
            case Next::Handler:
                settle_call_for_handler(task, frame, delivery.action);
                run_handler(task, frame, delivery);
                continue;
            case Next::LookAgain:
                continue;
            case Next::Nothing:
                break;
            }
        }
        // No handler runs.
        if (task.restore_blocked) {
            restore_saved_mask(task);
            continue;
        }
        if (frame.original_rax != ~u64{0} && is_restart_code(frame.rax)) {
            repeat_call(task, frame);
            if (task.restore_blocked && !was_interrupted(frame))
                restore_saved_mask(task);
        } else if (work & host::kWorkRestart) {
            task.work.fetch_and(~u32{host::kWorkRestart}, std::memory_order_relaxed);
        }
    }
}

} // namespace

} // namespace lxcore

extern "C" void lxcore_return_work(host::Frame* frame) {
    lxcore::return_work(lxcore::current(), *frame);
}

extern "C" void lxcore_interrupt(host::Frame* frame) {
    frame->original_rax = ~u64{0};
    lxcore::return_work(lxcore::current(), *frame);
}
