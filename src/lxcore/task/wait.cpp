// wait4(2), waitid(2).
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

struct WaitRequest {
    u32 type = abi::P_ALL;
    i32 id = 0;
    RefPtr<Process> by_descriptor;
    u32 options = 0;
    bool is_waitid = false;
};

// What a wait has found; copied out of the process under tree_lock.
struct WaitAnswer {
    i32 pid = 0;
    u32 uid = 0;
    i32 code = 0;        // abi::CLD_*
    i32 wait_status = 0; // as wait4 gives it
    abi::rusage usage{};
};

bool is_eligible(const Process& child, const WaitRequest& request) {
    switch (request.type) {
    case abi::P_PID:
        if (child.pid != request.id)
            return false;
        break;
    case abi::P_PGID:
        if (!child.group || child.group->pgid != request.id)
            return false;
        break;
    case abi::P_PIDFD:
        if (&child != request.by_descriptor.get())
            return false;
        break;
    default: break;
    }
    // Those that the caller traces count as its children of every kind.
    if (child.leader && child.leader->tracee.tracer == current().process)
        return true;
    // "Clone" children send something else than SIGCHLD, or nothing.
    const bool is_clone = child.exit_signal != abi::SIGCHLD;
    return (request.options & abi::__WALL) || is_clone == ((request.options & abi::__WCLONE) != 0);
}

void fill_usage(const Process& child, WaitAnswer& answer) {
    const auto timeval_of_ns = [](u64 ns) {
        return abi::timeval{static_cast<i64>(ns / 1'000'000'000), static_cast<i64>(ns % 1'000'000'000 / 1000)};
    };
    abi::rusage& usage = answer.usage;
    usage.ru_utime = timeval_of_ns(child.user_ns + child.children_user_ns);
    usage.ru_stime = timeval_of_ns(child.system_ns + child.children_system_ns);
    usage.ru_maxrss =
        static_cast<i64>(base::max(child.max_resident_bytes, child.children_max_resident_bytes) / 1024);
    usage.ru_minflt = static_cast<i64>(child.min_faults + child.children_min_faults);
    usage.ru_majflt = static_cast<i64>(child.maj_faults + child.children_maj_faults);
}

void inherit_usage(Process& parent, const Process& child) {
    parent.children_user_ns += child.user_ns + child.children_user_ns;
    parent.children_system_ns += child.system_ns + child.children_system_ns;
    parent.children_min_faults += child.min_faults + child.children_min_faults;
    parent.children_maj_faults += child.maj_faults + child.children_maj_faults;
    parent.children_max_resident_bytes =
        base::max(parent.children_max_resident_bytes,
                  base::max(child.max_resident_bytes, child.children_max_resident_bytes));
}

// Whether `child` has something to report; takes the report unless WNOWAIT is asked. tree_lock held.
bool take_report(Process& parent, Process& child, u32 options, WaitAnswer& answer, Reaped& reaped) {
    const bool keep = (options & abi::WNOWAIT) != 0;
    if (child.leader && child.leader->credentials)
        answer.uid = child.leader->credentials->uid;
    answer.pid = child.pid;
    if (child.state == ProcessState::Zombie) {
        if (!(options & abi::WEXITED))
            return false;
        const u32 status = static_cast<u32>(child.exit_status);
        answer.wait_status = child.exit_status;
        answer.code = abi::WIFEXITED(status)    ? abi::CLD_EXITED
                      : abi::WCOREDUMP(status) ? abi::CLD_DUMPED
                                               : abi::CLD_KILLED;
        fill_usage(child, answer);
        if (!keep) {
            inherit_usage(parent, child);
            reaped = reap_process(child);
        }
        return true;
    }
    // What the caller traces tells of its stops as a tracee.
    const bool is_tracee = child.leader && child.leader->tracee.tracer == &parent;
    if ((options & abi::WSTOPPED) && (child.report & kReportStop) && !is_tracee) {
        answer.code = abi::CLD_STOPPED;
        answer.wait_status = static_cast<i32>(abi::wait_status_stopped(static_cast<u32>(child.stop_signal)));
        if (!keep)
            child.report &= ~kReportStop;
        fill_usage(child, answer);
        return true;
    }
    if ((options & abi::WCONTINUED) && (child.report & kReportContinue)) {
        answer.code = abi::CLD_CONTINUED;
        answer.wait_status = abi::WAIT_STATUS_CONTINUED;
        if (!keep)
            child.report &= ~kReportContinue;
        fill_usage(child, answer);
        return true;
    }
    return false;
}

// Whether a thread, and its process unless it has ended, is one that `context`, a WaitRequest, asks for.
bool is_wanted_tracee(const void* context, i32 tid, const Process* process) {
    const WaitRequest& request = *static_cast<const WaitRequest*>(context);
    switch (request.type) {
    case abi::P_PID: return tid == request.id;
    case abi::P_PGID: return process && process->group && process->group->pgid == request.id;
    case abi::P_PIDFD: return process && process == request.by_descriptor.get() && process->pid == tid;
    default: return true;
    }
}

// tree_lock held.
bool take_tracee_report(Process& tracer, const WaitRequest& request, WaitAnswer& answer, bool& any) {
    TraceeReport report;
    // wait4 tells of a tracee's stops without being asked.
    const bool stops_too = !request.is_waitid || (request.options & abi::WSTOPPED);
    if (!ptrace_take_report(tracer, is_wanted_tracee, &request, stops_too, (request.options & abi::WEXITED) != 0,
                            (request.options & abi::WNOWAIT) != 0, any, report))
        return false;
    answer.pid = report.tid;
    answer.uid = report.uid;
    answer.wait_status = report.wait_status;
    answer.code = !report.has_ended ? abi::CLD_TRAPPED
                  : abi::WIFEXITED(static_cast<u32>(report.wait_status)) ? abi::CLD_EXITED
                                                                         : abi::CLD_KILLED;
    return true;
}

// Whether anything was found; ECHILD when there is nobody to wait for.
Result<bool> look(Process& parent, const WaitRequest& request, WaitAnswer& answer) {
    Reaped reaped;
    bool found = false;
    bool any = false;
    {
        LockGuard guard(task_state().tree_lock);
        // Threads first: the end of a process is told after that of its last thread.
        found = take_tracee_report(parent, request, answer, any);
        for (Process& child : parent.children) {
            if (found)
                break;
            if (!is_eligible(child, request))
                continue;
            any = true;
            found = take_report(parent, child, request.options, answer, reaped);
        }
    }
    dispose(std::move(reaped));
    if (!found && !any)
        return Errno::ECHILD;
    return found;
}

// Answer with pid 0: WNOHANG and nothing to report.
Result<void> wait_for_child(const WaitRequest& request, WaitAnswer& answer) {
    Task& me = current();
    Process& parent = *me.process;
    answer = {};
    if (TRY(look(parent, request, answer)))
        return {};
    for (;;) {
        Waiter waiter(me);
        waiter.attach(parent.child_wait);
        if (TRY(look(parent, request, answer)))
            return {};
        answer = {};
        if (request.options & abi::WNOHANG)
            return {};
        if (me.sleep() == SleepResult::Interrupted)
            return Errno::ERESTARTSYS;
    }
}

} // namespace

Result<i32> sys_wait4(i32 pid, UserPtr<i32> status, u32 options, UserPtr<abi::rusage> usage) {
    constexpr u32 kAllowed = abi::WNOHANG | abi::WUNTRACED | abi::WCONTINUED | abi::__WNOTHREAD | abi::__WCLONE | abi::__WALL;
    if (options & ~kAllowed)
        return Errno::EINVAL;
    if (pid == INT32_MIN)
        return Errno::ESRCH;
    WaitRequest request;
    request.options = options | abi::WEXITED;
    if (pid > 0) {
        request.type = abi::P_PID;
        request.id = pid;
    } else if (pid < -1) {
        request.type = abi::P_PGID;
        request.id = -pid;
    } else if (pid == 0) {
        LockGuard guard(task_state().tree_lock);
        request.type = abi::P_PGID;
        request.id = current().process->group->pgid;
    }
    WaitAnswer answer;
    TRY(wait_for_child(request, answer));
    if (answer.pid) {
        if (usage)
            TRY(usage.write(answer.usage));
        if (status)
            TRY(status.write(answer.wait_status));
    }
    return answer.pid;
}

Result<i32> sys_waitid(u32 type, i32 id, UserPtr<abi::siginfo> info, u32 options, UserPtr<abi::rusage> usage) {
    constexpr u32 kAllowed = abi::WNOHANG | abi::WNOWAIT | abi::WEXITED | abi::WSTOPPED | abi::WCONTINUED |
                             abi::__WNOTHREAD | abi::__WCLONE | abi::__WALL;
    if ((options & ~kAllowed) || !(options & (abi::WEXITED | abi::WSTOPPED | abi::WCONTINUED)))
        return Errno::EINVAL;
    WaitRequest request;
    request.is_waitid = true;
    request.type = type;
    request.id = id;
    request.options = options;
    bool nonblocking_descriptor = false;
    switch (type) {
    case abi::P_ALL: break;
    case abi::P_PID:
        if (id <= 0)
            return Errno::EINVAL;
        break;
    case abi::P_PGID:
        if (id < 0)
            return Errno::EINVAL;
        if (id == 0) {
            LockGuard guard(task_state().tree_lock);
            request.id = current().process->group->pgid;
        }
        break;
    case abi::P_PIDFD: {
        if (id < 0)
            return Errno::EINVAL;
        HeldFile file = TRY(get_file(id));
        request.by_descriptor = TRY(process_of_pidfd(*file));
        nonblocking_descriptor = file->is_nonblocking();
        break;
    }
    default: return Errno::EINVAL;
    }
    if (nonblocking_descriptor)
        request.options |= abi::WNOHANG;
    WaitAnswer answer;
    TRY(wait_for_child(request, answer));
    if (!answer.pid && nonblocking_descriptor && !(options & abi::WNOHANG))
        return Errno::EAGAIN;
    if (usage && answer.pid)
        TRY(usage.write(answer.usage));
    if (info) {
        abi::siginfo out{};
        if (answer.pid) {
            out.si_signo = abi::SIGCHLD;
            out.si_code = answer.code;
            out._sigchld.pid = answer.pid;
            out._sigchld.uid = answer.uid;
            const u32 status = static_cast<u32>(answer.wait_status);
            switch (answer.code) {
            case abi::CLD_EXITED: out._sigchld.status = static_cast<i32>(abi::WEXITSTATUS(status)); break;
            case abi::CLD_TRAPPED: out._sigchld.status = static_cast<i32>(status >> 8); break;
            case abi::CLD_STOPPED: out._sigchld.status = static_cast<i32>(abi::WSTOPSIG(status)); break;
            case abi::CLD_CONTINUED: out._sigchld.status = abi::SIGCONT; break;
            default: out._sigchld.status = static_cast<i32>(abi::WTERMSIG(status)); break;
            }
        }
        TRY(info.write(out));
    }
    return 0;
}

} // namespace lxcore
