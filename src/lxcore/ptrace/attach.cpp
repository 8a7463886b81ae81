// How tracing begins and ends, and what wait4 tells of tracees.
#include "lxcore/ptrace/internal.hpp"

namespace lxcore {

namespace {

void free_area(Tracee& tracee) {
    if (tracee.vector_state)
        release_pages(std::exchange(tracee.vector_state, nullptr), vector_state_pages());
    if (tracee.transfer)
        release_pages(std::exchange(tracee.transfer, nullptr), 1);
}


} // namespace

usize vector_state_pages() { return base::align_up(host::vector_state_bytes(), base::kPageSize) / base::kPageSize; }

Result<void> prepare_tracee(Task& task) {
    Tracee& tracee = task.tracee;
    if (!tracee.vector_state)
        tracee.vector_state = static_cast<char*>(allocate_pages(vector_state_pages()));
    if (!tracee.transfer)
        tracee.transfer = static_cast<char*>(allocate_pages(1));
    if (!tracee.end) {
        auto made = make<EndedTracee>();
        if (made.is_ok())
            tracee.end = made.value();
    }
    return tracee.vector_state && tracee.transfer && tracee.end ? Result<void>() : Result<void>(Errno::ENOMEM);
}

void begin_tracing(Task& task, Process& tracer, u32 options, bool seized) {
    Tracee& tracee = task.tracee;
    tracee.options = options;
    tracee.is_seized = seized;
    tracee.wants_interrupt = tracee.exec_is_to_be_reported = tracee.has_left_group_stop = tracee.has_report = false;
    tracee.stops_at_calls = tracee.steps = false;
    tracee.request.store(MemoryRequest::None);
    tracee.tracer = &tracer;
    tracer.tracees.push_back(task);
    task.work.fetch_or(host::kWorkTrace, std::memory_order_acq_rel);
}

void end_tracing(Task& task, u32 signal) {
    Tracee& tracee = task.tracee;
    task.tracee_node.unlink();
    tracee.tracer = nullptr;
    tracee.options = 0;
    tracee.wants_interrupt = tracee.exec_is_to_be_reported = tracee.has_left_group_stop = tracee.has_report = false;
    tracee.is_listening.store(false);
    tracee.request.store(MemoryRequest::None);
    if (!task.tracer)
        task.work.fetch_and(~u32{host::kWorkTrace}, std::memory_order_acq_rel);
    resume_tracee(task, Resume::Continue, signal);
    task.kick(host::kWorkStop); // a process that counts as stopped stops now
}

void resume_tracee(Task& task, Resume how, u32 signal) {
    Tracee& tracee = task.tracee;
    tracee.resume = how;
    tracee.resume_signal = signal;
    tracee.has_report = false;
    tracee.is_listening.store(how == Resume::Listen);
    tracee.is_stopped.store(false, std::memory_order_release);
    task.unpark();
}

Result<void> ptrace_prepare_child(Task& child) { return prepare_tracee(child); }

void ptrace_adopt_child(Task& parent, Task& child) {
    const Tracee& from = parent.tracee;
    if (!from.tracer)
        return;
    begin_tracing(child, *from.tracer, from.options, from.is_seized);
    if (from.is_seized) {
        child.tracee.wants_interrupt = true;
        child.work.fetch_or(host::kWorkStop, std::memory_order_acq_rel);
    } else {
        child.pending.set |= signal_bit(abi::SIGSTOP);
        child.work.fetch_or(host::kWorkSignal, std::memory_order_acq_rel);
    }
}

u32 ptrace_clone_event(const Task& parent, u64 flags, u64 exit_signal) {
    if (!is_traced(parent) || (flags & abi::CLONE_UNTRACED))
        return 0;
    const u32 event = (flags & abi::CLONE_VFORK)      ? abi::PTRACE_EVENT_VFORK
                      : exit_signal != abi::SIGCHLD ? abi::PTRACE_EVENT_CLONE
                                                      : abi::PTRACE_EVENT_FORK;
    return parent.tracee.options & (1u << event) ? event : 0;
}

void ptrace_task_ends(Task& task, i32 status) {
    Tracee& tracee = task.tracee;
    Process* tracer = tracee.tracer;
    if (tracer) {
        task.tracee_node.unlink();
        tracee.tracer = nullptr;
        tracee.is_stopped.store(false);
        tracee.has_report = false;
        const bool by_parent = task.process->leader == &task && task.process->parent == tracer;
        if (EndedTracee* end = by_parent ? nullptr : std::exchange(tracee.end, nullptr)) {
            end->tid = task.tid;
            end->wait_status = status;
            end->uid = task.credentials ? task.credentials->uid : 0;
            tracer->ended_tracees.push_back(*end);
            abi::siginfo info{};
            info.si_signo = abi::SIGCHLD;
            info.si_code = abi::WIFEXITED(static_cast<u32>(status)) ? abi::CLD_EXITED : abi::CLD_KILLED;
            info._sigchld.pid = task.tid;
            info._sigchld.status = static_cast<i32>(abi::WIFEXITED(static_cast<u32>(status))
                                                        ? abi::WEXITSTATUS(static_cast<u32>(status))
                                                        : abi::WTERMSIG(static_cast<u32>(status)));
            if (task.process->leader == &task) // threads end without a signal
                (void)send_signal_to_process(*tracer, info);
        }
        tracer->child_wait.wake_all();
    }
    delete std::exchange(tracee.end, nullptr);
    free_area(tracee);
}

void ptrace_tracer_ends(Process& process) {
    while (Task* task = process.tracees.first()) {
        const Tracee& tracee = task->tracee;
        const bool dies = (tracee.options & abi::PTRACE_O_EXITKILL) != 0;
        // A signal that was being shown to the tracer arrives.
        const bool shows_signal = tracee.is_stopped.load() && tracee.has_information && !(tracee.stop >> 8) &&
                                  tracee.call_stop == CallStop::None;
        end_tracing(*task, shows_signal ? tracee.stop & 0x7f : 0);
        if (dies)
            send_kernel_signal(*task->process, abi::SIGKILL);
    }
    while (EndedTracee* end = process.ended_tracees.pop_front())
        delete end;
}

bool ptrace_take_report(Process& tracer, bool (*accepts)(const void* context, i32 tid, const Process* process), const void* context,
                        bool stops_too, bool ends_too, bool keep, bool& any, TraceeReport& report) {
    for (EndedTracee& end : tracer.ended_tracees) {
        if (!accepts(context, end.tid, nullptr))
            continue;
        any = true;
        if (!ends_too)
            continue;
        report = {end.tid, end.uid, true, 0, end.wait_status};
        if (!keep) {
            end.node.unlink();
            delete &end;
        }
        return true;
    }
    for (Task& task : tracer.tracees) {
        Tracee& tracee = task.tracee;
        if (!accepts(context, task.tid, task.process))
            continue;
        any = true;
        if (!stops_too || !tracee.has_report || !tracee.is_stopped.load())
            continue;
        report = {task.tid, task.credentials ? task.credentials->uid : 0, false, tracee.stop,
                  static_cast<i32>(tracee.stop << 8 | 0x7f)};
        if (!keep)
            tracee.has_report = false;
        return true;
    }
    return false;
}

} // namespace lxcore
