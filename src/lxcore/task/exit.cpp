// _exit(2), exit_group(2), and everything that follows the end of a thread or a process.
//
// A thread ends in this order: what it owes the guest's memory (robust futexes, clear_child_tid); its share of mm,
// descriptors and working directory; then it counts itself off. Whoever counts off last ends the process: children
// go to a new parent, the parent is told, and the process stays as a zombie until it is waited for.
// Each step can be done again: the reaper runs the same ones for a process that was killed in the middle.
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/ipc/system_v.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/futex.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/time/timer.hpp"
#if __has_include("lxcore/syscall/trace.hpp")
#include "lxcore/syscall/trace.hpp"
#endif

namespace lxcore {

void session_leader_exited(Session& session); // tty/tty.hpp

namespace {

constexpr u64 kNanosecondsPerTick = 1'000'000'000 / abi::USER_HZ;

// ---- one thread ---------------------------------------------------------------------------------------------

void release_resources(Task& task) {
    Process& process = *task.process;
    if (task.mm)
        process.max_resident_bytes = base::max(process.max_resident_bytes, task.mm->peak_bytes);
    set_files(task, nullptr);
    set_fs(task, nullptr);
    set_mm(task, nullptr);
#if __has_include("lxcore/syscall/trace.hpp")
    task.tracer.reset();
#endif
}

// Returns whether no thread of the process is left. A thread that is not the leader leaves all lists; the caller then
// retires it.
bool count_off(Task& task, i32 status) {
    LockGuard guard(task_state().tree_lock);
    Process& process = *task.process;
    if (!task.is_counted_off) {
        process.min_faults += task.min_faults;
        process.maj_faults += task.maj_faults;
    }
    if (process.leader == &task) {
        LockGuard signal_guard(process.signal_lock);
        if (!process.group_exiting)
            process.exit_status = status;
        if (!task.is_counted_off) {
            task.is_counted_off = true;
            --process.thread_count;
            --task_state().thread_count;
        }
    } else {
        ptrace_task_ends(task, process.group_exiting ? process.exit_status : status);
        unlink_task(task);
        release_pid(task.tid);
    }
    if (Task* survivor = process.exec_survivor)
        survivor->unpark();
    return process.thread_count == 0;
}

// ---- the family ---------------------------------------------------------------------------------------------

bool is_ending(const Process& process) {
    return process.state == ProcessState::Zombie || process.state == ProcessState::Dead || process.thread_count == 0;
}

// Who takes over the children of `process`: the nearest ancestor that asked for it, else init. tree_lock held.
Process* find_new_parent(const Process& process) {
    for (Process* ancestor = process.parent; ancestor; ancestor = ancestor->parent)
        if (ancestor->is_child_subreaper && !is_ending(*ancestor))
            return ancestor;
    Process* init = task_state().init;
    return init == &process || (init && is_ending(*init)) ? nullptr : init;
}

// setpgid(2), "orphaned process group"; `ignored` counts as gone.
bool will_be_orphaned(const ProcessGroup& group, const Process* ignored) {
    for (const Process& member : group.members) {
        if (&member == ignored || is_ending(member) || !member.parent || member.parent == task_state().init)
            continue;
        if (member.parent->group != &group && member.parent->session == member.session)
            return false;
    }
    return true;
}

// `process` loses `parent` (or ends, when `ends`): a group that thereby becomes orphaned while a member is stopped gets
// SIGHUP and SIGCONT. tree_lock held.
void check_orphaned_group(Process& process, Process* parent, bool ends) {
    ProcessGroup* group = process.group;
    if (!parent || !group || parent->group == group || parent->session != process.session)
        return;
    if (!will_be_orphaned(*group, ends ? &process : nullptr))
        return;
    bool has_stopped = false;
    for (Process& member : group->members)
        has_stopped |= member.state == ProcessState::Stopped;
    if (!has_stopped)
        return;
    send_signal_to_group(*group, abi::SIGHUP);
    send_signal_to_group(*group, abi::SIGCONT);
}

abi::siginfo exit_information(const Process& process) {
    abi::siginfo info{};
    const u32 status = static_cast<u32>(process.exit_status);
    info.si_signo = process.exit_signal;
    if (abi::WIFEXITED(status)) {
        info.si_code = abi::CLD_EXITED;
        info._sigchld.status = static_cast<i32>(abi::WEXITSTATUS(status));
    } else {
        info.si_code = abi::WCOREDUMP(status) ? abi::CLD_DUMPED : abi::CLD_KILLED;
        info._sigchld.status = static_cast<i32>(abi::WTERMSIG(status));
    }
    info._sigchld.pid = process.pid;
    if (process.leader && process.leader->credentials)
        info._sigchld.uid = process.leader->credentials->uid;
    info._sigchld.utime = static_cast<i64>(process.user_ns / kNanosecondsPerTick);
    info._sigchld.stime = static_cast<i64>(process.system_ns / kNanosecondsPerTick);
    return info;
}

// Tells the parent of a zombie; returns whether nobody will wait for it. tree_lock held.
bool notify_parent(Process& process) {
    Process* parent = process.parent;
    if (!parent || is_ending(*parent))
        return true;
    i32 signal = process.exit_signal;
    bool reap = false;
    if (signal == abi::SIGCHLD) {
        SignalHandlers& handlers = *parent->handlers;
        LockGuard guard(handlers.lock);
        const abi::sigaction& action = handlers.of(abi::SIGCHLD);
        if (action.sa_handler == abi::SIG_IGN) {
            reap = true;
            signal = 0;
        } else if (action.sa_flags & abi::SA_NOCLDWAIT) {
            reap = true;
        }
    }
    if (signal > 0)
        (void)send_signal_to_process(*parent, exit_information(process));
    return reap;
}

// tree_lock held. The new parent that has to be woken for zombies it got, or null.
RefPtr<Process> reparent_children(Process& process) {
    Process* reaper = find_new_parent(process);
    RefPtr<Process> to_wake;
    for (Process& child : process.children) {
        child.sibling_node.unlink();
        child.parent = reaper;
        child.parent_pid = reaper ? reaper->pid : 0;
        child.is_reparented = true;
        child.exit_signal = abi::SIGCHLD;
        if (reaper)
            reaper->children.push_back(child);
        if (child.state == ProcessState::Zombie) {
            if (notify_parent(child))
                dispose(reap_process(child));
            else
                to_wake = reaper;
            continue;
        }
        if (child.leader && child.leader->parent_death_signal)
            send_kernel_signal(child, static_cast<u32>(child.leader->parent_death_signal));
        check_orphaned_group(child, &process, false);
    }
    return to_wake;
}

void announce_session_event() {
    TaskState& state = task_state();
    state.session_events.fetch_add(1, std::memory_order_release);
    host::wake(reinterpret_cast<u32*>(&state.session_events), ~0u);
}

// The end of pid 1 is the end of all, as that of a pid namespace's init. tree_lock held.
void end_everything(Process& init) {
    TaskState& state = task_state();
    state.init = nullptr;
    state.init_has_ended.store(true);
    for (auto& bucket : state.tasks)
        for (Task& task : bucket)
            if (task.process != &init && task.process->leader == &task)
                begin_group_exit(*task.process, abi::SIGKILL);
    announce_session_event();
}

void report_session_end(Process& process) {
    EndedSession* record = std::exchange(process.session_record, nullptr);
    if (!record)
        return;
    TaskState& state = task_state();
    record->status = process.exit_status;
    {
        LockGuard guard(state.session_events_lock);
        state.ended_sessions.push_back(*record);
    }
    announce_session_event();
}

// No thread of the process runs guest code any more. `own`: CPU time of its pico process.
void complete_process(Process& process, host::CpuTimes own) {
    TaskState& state = task_state();
    RefPtr<Process> keep = &process;
    release_timers(process);
    undo_semaphores(process);
    {
        RefPtr<File> executable;
        LockGuard guard(process.info_lock);
        std::swap(executable, process.executable);
        guard.unlock(); // before the file goes
    }
    if (Session* session = process.session; session && session->leader == &process) {
        RefPtr<Session> held = session;
        session_leader_exited(*session);
        LockGuard guard(state.tree_lock);
        session->leader = nullptr;
    }

    report_session_end(process);
    RefPtr<Process> parent, new_parent;
    Reaped reaped;
    {
        LockGuard guard(state.tree_lock);
        if (process.state != ProcessState::Zombie && process.state != ProcessState::Dead) {
            process.user_ns += own.user_ns;
            process.system_ns += own.system_ns;
            if (state.init == &process)
                end_everything(process);
            new_parent = reparent_children(process);
            check_orphaned_group(process, process.parent, true);
            ptrace_tracer_ends(process);
            if (process.leader)
                ptrace_task_ends(*process.leader, process.exit_status);
            process.report = 0;
            parent = process.parent;
            process.state = ProcessState::Zombie;
            if (notify_parent(process))
                reaped = reap_process(process);
        } else {
            parent = process.parent;
            // Killed before the parent had been told for certain?
            if (process.state == ProcessState::Zombie && !process.exit_completed && notify_parent(process))
                reaped = reap_process(process);
        }
        // Before anybody can reap it: who is killed from here on has only left others asleep, whom the cleaner wakes.
        process.exit_completed = true;
    }
    if (new_parent)
        new_parent->child_wait.wake_all();
    if (parent)
        parent->child_wait.wake_all();
    process.exit_wait.wake_all();
    dispose(std::move(reaped));
}

// Everything up to leaving the host thread; whether that ends the pico process, too.
bool end_task(Task& task, i32 status) {
    RefPtr<Process> process = task.process;
    const bool is_leader = process->leader == &task;
    task.is_exiting = true;
    if (process->thread_count > 1)
        retarget_signals(task, ~task.blocked);
    if (task.robust_list)
        exit_robust_list(task);
    if (task.clear_child_tid && task.mm && task.mm->users.load(std::memory_order_relaxed) > 1) {
        if (UserPtr<i32>(task.clear_child_tid).write(0).is_ok())
            futex_wake_address(task, task.clear_child_tid);
    }
    if (task.vfork_parent)
        add_borrowed_times(task);
    const bool borrows_host = process->borrows_host;
    release_resources(task);
    const bool is_last = count_off(task, status);
    if (is_last)
        complete_process(*process, borrows_host ? host::CpuTimes{} : host::process_cpu_times());
    if (!is_leader) {
        set_credentials(task, nullptr);
        retire_task_block(task);
    }
    return is_last && !borrows_host;
}

} // namespace

void begin_group_exit(Process& process, i32 status) {
    LockGuard guard(process.signal_lock);
    if (process.group_exiting && !process.exec_survivor)
        return;
    process.exit_status = status;
    process.exec_survivor = nullptr;
    process.group_exiting = true;
    for (Task& task : process.threads)
        if (!task.is_exiting)
            task.kick(host::kWorkStop);
}

[[noreturn]] void exit_task(Task& task, i32 status) {
    Task* vfork_parent = task.vfork_parent;
    const bool ends_process = end_task(task, status);
    task.is_finished.store(true, std::memory_order_release);
    if (vfork_parent)
        exit_borrowed(task);
    if (ends_process)
        host::exit_process();
    host::exit_thread();
}

Reaped reap_process(Process& process) {
    Reaped reaped;
    reaped.leader = process.leader;
    process.leader = nullptr;
    process.sibling_node.unlink();
    process.parent = nullptr;
    if (reaped.leader)
        unlink_task(*reaped.leader);
    release_pid(process.pid);
    leave_group(process);
    --task_state().process_count;
    process.state = ProcessState::Dead;
    reaped.process = RefPtr<Process>::adopt(&process); // the tree's reference
    return reaped;
}

void dispose(Reaped reaped) {
    if (!reaped.leader)
        return;
    reaped.leader->credentials.reset();
    retire_task_block(*reaped.leader);
}

u32* session_events_word() { return reinterpret_cast<u32*>(&task_state().session_events); }

bool init_has_ended() { return task_state().init_has_ended.load() && !kernel().shutting_down.load(); }

bool next_session_event(u64* session_id, i32* status) {
    EndedSession* record;
    {
        LockGuard guard(task_state().session_events_lock);
        record = task_state().ended_sessions.pop_front();
    }
    if (!record)
        return false;
    *session_id = record->session_id;
    *status = record->status;
    delete record;
    return true;
}

void finish_dead_process(Process& process, i32 status) {
    TaskState& state = task_state();
    RefPtr<Process> keep = &process;
    {
        LockGuard guard(process.signal_lock);
        if (!process.group_exiting || process.exec_survivor) {
            process.exit_status = status;
            process.group_exiting = true;
            process.exec_survivor = nullptr;
        }
    }
    for (;;) {
        Task* next = nullptr;
        {
            LockGuard guard(state.tree_lock);
            for (Task& task : process.threads)
                if (!task.is_counted_off && !next)
                    next = &task;
        }
        if (!next)
            break;
        const bool is_leader = process.leader == next;
        next->is_exiting = true;
        release_resources(*next);
        (void)count_off(*next, status);
        if (!is_leader) {
            next->credentials.reset();
            retire_task_block(*next);
        }
    }
    complete_process(process, {});
}

Result<i32> sys_exit(i32 code) {
    const auto status = static_cast<i32>(abi::wait_status_exited(static_cast<u32>(code)));
    ptrace_exit_event(current(), status);
    exit_task(current(), status);
}

Result<i32> sys_exit_group(i32 code) {
    Task& task = current();
    const auto status = static_cast<i32>(abi::wait_status_exited(static_cast<u32>(code)));
    ptrace_exit_event(task, status);
    begin_group_exit(*task.process, status);
    exit_task(task, task.process->exit_status);
}

} // namespace lxcore
