// The shared parts of a task, and what /proc and the other folders may ask about tasks that are not the current one.
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

void set_mm(Task& task, RefPtr<Mm> mm) {
    {
        LockGuard guard(task_state().tree_lock);
        std::swap(task.mm, mm);
    }
    if (mm)
        mm->users.fetch_sub(1, std::memory_order_acq_rel);
}

void set_files(Task& task, RefPtr<FdTable> files) {
    {
        LockGuard guard(task_state().tree_lock);
        std::swap(task.files, files);
    }
    if (files)
        files->leave();
}

void set_fs(Task& task, RefPtr<FsContext> fs) {
    LockGuard guard(task_state().tree_lock);
    std::swap(task.fs, fs);
    guard.unlock(); // before the old one goes
}

void set_credentials(Task& task, RefPtr<Credentials> credentials) {
    LockGuard guard(task_state().tree_lock);
    std::swap(task.credentials, credentials);
    guard.unlock();
}

Result<RefPtr<FsContext>> copy_fs(FsContext& from) {
    auto fs = TRY(make_ref<FsContext>());
    LockGuard guard(from.lock);
    fs->root = from.root;
    fs->cwd = from.cwd;
    fs->umask = from.umask;
    return fs;
}

namespace {

template <typename T>
RefPtr<T> first_part(Process& process, RefPtr<T> Task::* part) {
    LockGuard guard(task_state().tree_lock);
    for (Task& task : process.threads)
        if (task.*part)
            return task.*part;
    return nullptr;
}

} // namespace

RefPtr<Mm> mm_of(Process& process) { return first_part(process, &Task::mm); }
RefPtr<FdTable> files_of(Process& process) { return first_part(process, &Task::files); }
RefPtr<FsContext> fs_of(Process& process) { return first_part(process, &Task::fs); }
RefPtr<Credentials> credentials_of(Process& process) { return first_part(process, &Task::credentials); }

// ---- state --------------------------------------------------------------------------------------------------

char state_letter(const Task& task) {
    if (task.is_counted_off)
        return 'Z';
    if (task.tracee.is_stopped.load(std::memory_order_relaxed))
        return 't';
    if (task.process->state == ProcessState::Stopped)
        return 'T';
    // A registered waiter means that it sleeps, or is about to.
    return task.is_asleep() || task.waiters || task.futex_waiter ? 'S' : 'R';
}

char state_letter(const Process& process) {
    if (process.leader && process.state == ProcessState::Stopped)
        return state_letter(*process.leader);
    switch (process.state) {
    case ProcessState::Zombie: return 'Z';
    case ProcessState::Dead: return 'X';
    case ProcessState::Stopped: return 'T';
    case ProcessState::Running: break;
    }
    return process.leader ? state_letter(*process.leader) : 'X';
}

bool next_thread(Process& process, i32 after, TaskInformation& out) {
    LockGuard guard(task_state().tree_lock);
    Task* found = nullptr;
    for (Task& task : process.threads)
        if (task.tid > after && (!found || task.tid < found->tid))
            found = &task;
    if (!found)
        return false;
    out.tid = found->tid;
    __builtin_memcpy(out.name, found->name, sizeof(out.name));
    out.state = state_letter(*found);
    out.nice = found->nice;
    out.scheduler_policy = found->scheduler_policy;
    out.realtime_priority = found->realtime_priority;
    out.start_time_ns = found->start_time_ns;
    out.min_faults = found->min_faults;
    out.maj_faults = found->maj_faults;
    out.blocked = found->blocked;
    out.pending = found->pending.set;
    out.host_thread = found->is_counted_off ? 0 : found->host_thread;
    return true;
}

host::CpuTimes cpu_times(Process& process) {
    host::CpuTimes times{process.user_ns, process.system_ns};
    if (process.exit_completed || process.state == ProcessState::Zombie || process.state == ProcessState::Dead)
        return times;
    host::CpuTimes running{};
    Task& me = current();
    if (process.borrows_host) {
        // Only the borrowed thread itself can tell.
        if (me.process == &process) {
            running = host::thread_cpu_times();
            running.user_ns -= me.borrowed_times.user_ns;
            running.system_ns -= me.borrowed_times.system_ns;
        }
    } else if (me.process == &process) {
        running = host::process_cpu_times();
    } else if (process.host_process > 0) {
        running = host::other_process_cpu_times(process.host_process);
    }
    times.user_ns += running.user_ns;
    times.system_ns += running.system_ns;
    return times;
}

void process_information(Process& process, ProcessInformation& out) {
    out = {};
    const host::CpuTimes times = cpu_times(process);
    out.user_ns = times.user_ns;
    out.system_ns = times.system_ns;
    LockGuard guard(task_state().tree_lock);
    out.pid = process.pid;
    out.parent_pid = process.parent_pid;
    out.pgid = process.group ? process.group->pgid : 0;
    out.sid = process.session ? process.session->sid : 0;
    out.thread_count = process.thread_count;
    out.state = state_letter(process);
    const Process* tracer = process.leader ? process.leader->tracee.tracer : nullptr;
    out.tracer_pid = tracer ? tracer->pid : 0;
    out.exit_signal = process.exit_signal;
    out.exit_status = process.state == ProcessState::Zombie ? process.exit_status : 0;
    out.start_time_ns = process.start_time_ns;
    out.children_user_ns = process.children_user_ns;
    out.children_system_ns = process.children_system_ns;
    out.min_faults = process.min_faults;
    out.maj_faults = process.maj_faults;
    out.shared_pending = process.pending.set;
    for (Task& task : process.threads) {
        if (task.is_counted_off)
            continue;
        out.min_faults += task.min_faults;
        out.maj_faults += task.maj_faults;
    }
    if (process.handlers) {
        LockGuard signal_guard(process.handlers->lock);
        for (u32 signal = 1; signal <= static_cast<u32>(abi::_NSIG); ++signal) {
            const u64 handler = process.handlers->of(signal).sa_handler;
            if (handler == abi::SIG_IGN)
                out.ignored |= signal_bit(signal);
            else if (handler != abi::SIG_DFL)
                out.caught |= signal_bit(signal);
        }
    }
    if (const Task* leader = process.leader) {
        __builtin_memcpy(out.name, leader->name, sizeof(out.name));
        out.pending = leader->pending.set;
        out.blocked = leader->blocked;
        out.nice = leader->nice;
        out.scheduler_policy = leader->scheduler_policy;
        out.realtime_priority = leader->realtime_priority;
    }
}

} // namespace lxcore
