// How a traced task stops and goes on: ptrace(2), "Stopped states".
#include "abi/syscall_numbers.hpp"
#include "engine/engine.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/ptrace/internal.hpp"

namespace lxcore {

namespace {

constexpr u32 event_stop(u32 event) { return static_cast<u32>(abi::SIGTRAP) | event << 8; }

bool is_killed(const Task& task) {
    return must_exit(task) || ((task.process->pending.set | task.pending.set) & signal_bit(abi::SIGKILL));
}

bool is_group_stopped(const Process& process) {
    return __atomic_load_n(&process.state, __ATOMIC_ACQUIRE) == ProcessState::Stopped;
}

// tree_lock held.
void notify_tracer(Task& task, i32 code) {
    Process& tracer = *task.tracee.tracer;
    const abi::sigaction& action = tracer.handlers->of(abi::SIGCHLD);
    if (action.sa_handler != abi::SIG_IGN && !(action.sa_flags & abi::SA_NOCLDSTOP)) {
        abi::siginfo info{};
        info.si_signo = abi::SIGCHLD;
        info.si_code = code;
        info._sigchld.pid = task.tid;
        if (task.credentials)
            info._sigchld.uid = task.credentials->uid;
        info._sigchld.status = static_cast<i32>(task.tracee.stop & 0x7f);
        (void)send_signal_to_process(tracer, info);
    }
    tracer.child_wait.wake_all();
}

// What the tracer may ask for and only the task itself can tell.
void publish_registers(Task& task) {
    Tracee& tracee = task.tracee;
    host::Frame& frame = task.guest_frame();
    if (task.mm && !task.mm->shows_plain_text)
        lxcore_abandon_texts();
    frame.rip = engine::canonical_rip(frame.rip);
    if (tracee.steps) {
        frame.rflags &= ~kTrapFlag;
        tracee.steps = false;
    }
    tracee.fs_base = host::guest_fs_base();
    tracee.registers_changed = false;
    (void)host::save_vector_state(tracee.vector_state);
}

void take_registers(Task& task) {
    Tracee& tracee = task.tracee;
    if (tracee.registers_changed) {
        host::set_guest_fs_base(tracee.fs_base);
        (void)host::restore_vector_state(tracee.vector_state);
        tracee.registers_changed = false;
    }
    tracee.stops_at_calls = tracee.resume == Resume::SystemCall;
    if (tracee.resume == Resume::Step) {
        task.guest_frame().rflags |= kTrapFlag;
        tracee.steps = true;
    }
    task.work.fetch_or(host::kWorkFullReturn, std::memory_order_acq_rel);
}

// Begins a stop that the tracer can see; false when it does not come to that. tree_lock held.
bool enter_stop(Task& task, u32 stop, const abi::siginfo* information, u64 message) {
    Tracee& tracee = task.tracee;
    if (!tracee.tracer || is_killed(task))
        return false;
    tracee.stop = stop;
    tracee.message = message;
    tracee.has_information = information != nullptr;
    if (information)
        tracee.information = *information;
    tracee.resume_signal = 0;
    tracee.resume = Resume::Continue;
    tracee.has_report = true;
    tracee.is_stopped.store(true);
    return true;
}

// Memory requests to the current task, and to the parent whose host thread it has.
void serve_memory_requests(Task& task) {
    serve_memory_request(task.tracee);
    if (task.vfork_parent)
        serve_memory_request(task.vfork_parent->tracee);
}

// Stands still until the tracer lets the task go on, or it is killed.
void wait_for_tracer(Task& task) {
    Tracee& tracee = task.tracee;
    for (;;) {
        // Cleared before the state is read: whoever changes it kicks or unparks afterwards.
        task.work.fetch_and(~(host::kWorkSignal | host::kWorkStop), std::memory_order_seq_cst);
        serve_memory_requests(task);
        if (!tracee.is_stopped.load(std::memory_order_acquire) || is_killed(task))
            break;
        task.sleep();
    }
    {
        LockGuard tree(task_state().tree_lock);
        tracee.is_stopped.store(false);
        tracee.has_report = false;
    }
    serve_memory_requests(task); // one that came just before
    Process& process = *task.process;
    LockGuard guard(process.signal_lock);
    task.work.fetch_or(host::kWorkSignal | host::kWorkStop, std::memory_order_acq_rel); // looked at once more
}

// One stop from begin to end; whether it took place. The signal to go on with is in tracee.resume_signal.
bool stop(Task& task, u32 what, const abi::siginfo* information, u64 message) {
    publish_registers(task);
    {
        LockGuard tree(task_state().tree_lock);
        if (!enter_stop(task, what, information, message))
            return false;
        notify_tracer(task, information ? abi::CLD_TRAPPED : abi::CLD_STOPPED);
    }
    wait_for_tracer(task);
    take_registers(task);
    return true;
}

abi::siginfo trap_information(u32 code) {
    abi::siginfo info{};
    info.si_signo = abi::SIGTRAP;
    info.si_code = static_cast<i32>(code);
    info._kill.pid = current().tid;
    info._kill.uid = current().credentials ? current().credentials->uid : 0;
    return info;
}

void group_stop(Task& task) {
    Tracee& tracee = task.tracee;
    const u32 signal = static_cast<u32>(task.process->stop_signal);
    const bool seized = tracee.is_seized;
    const u32 what = seized ? signal | abi::PTRACE_EVENT_STOP << 8 : signal;
    const abi::siginfo info = trap_information(what);
    (void)stop(task, what, seized ? &info : nullptr, 0);
    // PTRACE_LISTEN: still stopped, but a continuation is told of.
    while (tracee.is_listening.load() && !is_killed(task)) {
        task.work.fetch_and(~(host::kWorkSignal | host::kWorkStop), std::memory_order_seq_cst);
        serve_memory_requests(task);
        if (!tracee.is_listening.load() || is_killed(task))
            break;
        if (!is_group_stopped(*task.process) || tracee.wants_interrupt) {
            LockGuard tree(task_state().tree_lock);
            tracee.is_listening.store(false);
            tracee.wants_interrupt = true;
            break;
        }
        task.sleep();
    }
    LockGuard tree(task_state().tree_lock);
    tracee.is_listening.store(false);
    tracee.has_left_group_stop = tracee.tracer && is_group_stopped(*task.process);
    task.work.fetch_or(host::kWorkSignal | host::kWorkStop, std::memory_order_acq_rel);
}

} // namespace

bool has_ptrace_work(const Task& task) {
    const auto is_asked = [](const Tracee& tracee) {
        const MemoryRequest request = tracee.request.load(std::memory_order_acquire);
        return request == MemoryRequest::Read || request == MemoryRequest::Write;
    };
    return task.tracee.wants_interrupt || task.tracee.exec_is_to_be_reported || is_asked(task.tracee) ||
           (task.vfork_parent && is_asked(task.vfork_parent->tracee));
}

u32 ptrace_signal(Task& task, u32 signal, abi::siginfo& info) {
    Tracee& tracee = task.tracee;
    if (!stop(task, signal, &info, 0))
        return signal;
    const u32 resumed = tracee.resume_signal;
    if (resumed == signal) {
        info = tracee.information; // PTRACE_SETSIGINFO may have changed it
    } else if (resumed) {
        info = {};
        info.si_signo = static_cast<i32>(resumed);
        info.si_code = abi::SI_USER;
        LockGuard tree(task_state().tree_lock);
        if (tracee.tracer) {
            info._kill.pid = tracee.tracer->pid;
            if (tracee.tracer->leader && tracee.tracer->leader->credentials)
                info._kill.uid = tracee.tracer->leader->credentials->uid;
        }
    }
    return resumed;
}

void ptrace_return_work(Task& task) {
    Tracee& tracee = task.tracee;
    serve_memory_requests(task);
    if (!is_traced(task))
        return;
    if (tracee.exec_is_to_be_reported) {
        ptrace_exec_done(task);
        if (tracee.stops_at_calls)
            ptrace_call_exit(task, task.guest_frame());
        return;
    }
    if (tracee.wants_interrupt) {
        tracee.wants_interrupt = false;
        if (!is_group_stopped(*task.process)) {
            const u32 what = event_stop(abi::PTRACE_EVENT_STOP);
            const abi::siginfo info = trap_information(what);
            (void)stop(task, what, &info, 0);
            return;
        }
        tracee.has_left_group_stop = false;
    }
    if (is_group_stopped(*task.process) && !tracee.has_left_group_stop)
        group_stop(task);
}

bool ptrace_call_entry(Task& task, host::Frame& frame) {
    Tracee& tracee = task.tracee;
    if (!tracee.stops_at_calls)
        return true;
    frame.rax = static_cast<u64>(-static_cast<i64>(Errno::ENOSYS));
    tracee.call_stop = CallStop::Entry;
    const u32 what = static_cast<u32>(abi::SIGTRAP) | ((tracee.options & abi::PTRACE_O_TRACESYSGOOD) ? 0x80u : 0u);
    const abi::siginfo info = trap_information(what);
    if (stop(task, what, &info, 0) && tracee.resume_signal)
        (void)send_signal(task, SignalTarget::Thread, user_siginfo(tracee.resume_signal));
    tracee.call_stop = CallStop::None;
    return !is_killed(task) && static_cast<i32>(frame.original_rax) >= 0;
}

void ptrace_call_exit(Task& task, host::Frame& frame) {
    Tracee& tracee = task.tracee;
    if (tracee.exec_is_to_be_reported)
        ptrace_exec_done(task);
    if (tracee.stops_at_calls) {
        tracee.call_stop = CallStop::Exit;
        const u32 what = static_cast<u32>(abi::SIGTRAP) | ((tracee.options & abi::PTRACE_O_TRACESYSGOOD) ? 0x80u : 0u);
        const abi::siginfo info = trap_information(what);
        if (stop(task, what, &info, 0) && tracee.resume_signal)
            (void)send_signal(task, SignalTarget::Thread, user_siginfo(tracee.resume_signal));
        tracee.call_stop = CallStop::None;
    } else if (tracee.steps) {
        frame.rflags &= ~kTrapFlag;
        tracee.steps = false;
        abi::siginfo info = trap_information(abi::TRAP_BRKPT);
        info._sigfault.addr = frame.rip;
        force_signal(task, info);
    }
}

bool ptrace_step_done(Task& task) {
    if (!task.tracee.steps)
        return false;
    task.guest_frame().rflags &= ~kTrapFlag;
    task.tracee.steps = false;
    return true;
}

void ptrace_handler_entered(Task& task) {
    const abi::siginfo info = trap_information(abi::SIGTRAP);
    (void)stop(task, abi::SIGTRAP, &info, 0);
}

void ptrace_exec_done(Task& task) {
    Tracee& tracee = task.tracee;
    if (!is_traced(task))
        return;
    tracee.exec_is_to_be_reported = false;
    if (tracee.options & abi::PTRACE_O_TRACEEXEC) {
        ptrace_event(task, abi::PTRACE_EVENT_EXEC, static_cast<u64>(task.tid));
    } else if (!tracee.is_seized) {
        (void)send_signal(task, SignalTarget::Thread, trap_information(abi::SI_USER));
    }
}

void ptrace_exit_event(Task& task, i32 status) {
    if (is_traced(task) && (task.tracee.options & abi::PTRACE_O_TRACEEXIT))
        ptrace_event(task, abi::PTRACE_EVENT_EXIT, static_cast<u32>(status));
}

void ptrace_event(Task& task, u32 event, u64 message) {
    const u32 what = event_stop(event);
    const abi::siginfo info = trap_information(what);
    (void)stop(task, what, &info, message);
}

void ptrace_vfork_event(Task& parent, Task& child, u32 event) {
    // The current block is the parent's still, with all that publish_registers() reads.
    publish_registers(parent);
    const u32 what = event_stop(event);
    const abi::siginfo info = trap_information(what);
    LockGuard tree(task_state().tree_lock);
    parent.tracee.carrier = &child;
    if (enter_stop(parent, what, &info, static_cast<u64>(child.tid)))
        notify_tracer(parent, abi::CLD_TRAPPED);
}

void ptrace_vfork_done(Task& parent, i32 child) {
    {
        LockGuard tree(task_state().tree_lock);
        parent.tracee.carrier = nullptr;
    }
    wait_for_tracer(parent);
    take_registers(parent);
    if (parent.tracee.options & abi::PTRACE_O_TRACEVFORKDONE)
        ptrace_event(parent, abi::PTRACE_EVENT_VFORK_DONE, static_cast<u64>(child));
}

} // namespace lxcore
