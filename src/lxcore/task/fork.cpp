// clone(2), clone3(2), fork(2), vfork(2).
//
// A fork copies the host's address space (host::fork_process); a thread is a host thread. A child that shares the
// address space without being a thread (vfork, posix_spawn) borrows the caller's host thread until it execs or exits: the
// thread takes the child's block and kernel stack for that time, and the caller's context stays suspended in
// engine::run_borrowed(). At exec the image is loaded by a fresh pico process.
//
// The child is complete, and in the tree, before it can run; any failure takes everything back.
#include "abi/ptrace.hpp"
#include "engine/engine.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/exec.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/time/timer.hpp"
#if __has_include("lxcore/syscall/trace.hpp")
#include "lxcore/syscall/trace.hpp"
#endif

namespace lxcore {

namespace {

struct CloneRequest {
    u64 flags = 0; // without CSIGNAL
    u64 exit_signal = 0;
    u64 stack = 0; // top; 0: as the caller's
    u64 tls = 0;
    u64 parent_tid = 0, child_tid = 0, pidfd = 0; // guest addresses
    u32 ptrace_event = 0;     // the parent's tracer wants to know of it
    bool child_is_traced = false;
};

// Why a borrowed thread comes back.
enum BorrowEnd : u64 { kBorrowExec = 1, kBorrowExit = 2 };

constexpr u64 kNamespaceFlags = abi::CLONE_NEWNS | abi::CLONE_NEWCGROUP | abi::CLONE_NEWUTS | abi::CLONE_NEWIPC |
                                abi::CLONE_NEWUSER | abi::CLONE_NEWPID | abi::CLONE_NEWNET | abi::CLONE_NEWTIME;

Result<void> check_flags(const CloneRequest& request) {
    const u64 flags = request.flags;
    const auto has = [flags](u64 bits) { return (flags & bits) != 0; };
    if (has(abi::CLONE_THREAD) && !has(abi::CLONE_SIGHAND))
        return Errno::EINVAL;
    if (has(abi::CLONE_SIGHAND) && !has(abi::CLONE_VM))
        return Errno::EINVAL;
    if (has(abi::CLONE_SIGHAND) && has(abi::CLONE_CLEAR_SIGHAND))
        return Errno::EINVAL;
    if (has(abi::CLONE_FS) && has(abi::CLONE_NEWNS | abi::CLONE_NEWUSER))
        return Errno::EINVAL;
    if (has(abi::CLONE_THREAD) && has(abi::CLONE_NEWUSER | abi::CLONE_NEWPID | abi::CLONE_PIDFD))
        return Errno::EINVAL;
    if (has(abi::CLONE_PIDFD) && has(abi::CLONE_DETACHED))
        return Errno::EINVAL;
    if (has(abi::CLONE_SYSVSEM) && has(abi::CLONE_NEWIPC))
        return Errno::EINVAL;
    if (has(abi::CLONE_PARENT) && current().process == task_state().init)
        return Errno::EINVAL;
    if (has(abi::CLONE_INTO_CGROUP))
        return Errno::EOPNOTSUPP;
    if (has(kNamespaceFlags))
        return current().credentials->has_capability(abi::CAP_SYS_ADMIN) ? Errno::EINVAL : Errno::EPERM;
    if (has(abi::CLONE_SETTLS) && request.tls >= base::kGuestEnd)
        return Errno::EPERM;
    return {};
}

// RLIMIT_NPROC counts the threads of the caller's real user. The count is only made when it can matter.
Result<void> check_process_limit(Task& parent) {
    TaskState& state = task_state();
    const u64 limit = parent.process->limits[abi::RLIMIT_NPROC].rlim_cur;
    if (state.thread_count < limit)
        return {};
    const Credentials& mine = *parent.credentials;
    if (mine.uid == 0 || mine.has_capability(abi::CAP_SYS_RESOURCE) || mine.has_capability(abi::CAP_SYS_ADMIN))
        return {};
    LockGuard guard(state.tree_lock);
    u64 count = 0;
    for (auto& bucket : state.tasks)
        for (Task& task : bucket)
            if (task.credentials && task.credentials->uid == mine.uid)
                ++count;
    return count >= limit ? Result<void>(Errno::EAGAIN) : Result<void>();
}

Result<RefPtr<Process>> make_process(Task& parent, Task& child, const CloneRequest& request) {
    Process& source = *parent.process;
    auto process = TRY(make_ref<Process>());
    process->pid = child.tid;
    process->leader = &child;
    process->start_time_ns = child.start_time_ns;
    process->host_process = parent.host_process;
    process->is_dumpable = source.is_dumpable;
    process->login_uid = source.login_uid;
    process->no_new_privileges = source.no_new_privileges;
    __builtin_memcpy(process->limits, source.limits, sizeof(process->limits));
    {
        LockGuard guard(source.info_lock);
        process->executable = source.executable;
    }
    if (request.flags & abi::CLONE_SIGHAND)
        process->handlers = source.handlers;
    else
        process->handlers =
            TRY(clone_handlers(*source.handlers, (request.flags & abi::CLONE_CLEAR_SIGHAND) != 0));
    process->exit_signal =
        (request.flags & abi::CLONE_PARENT) ? source.exit_signal : static_cast<i32>(request.exit_signal);
    if (process->limits[abi::RLIMIT_CPU].rlim_cur != abi::RLIM_INFINITY)
        TRY(cpu_limit_changed(*process));
    return process;
}

void copy_scheduling(const Task& parent, Task& child) {
    if (parent.reset_scheduler_on_fork) {
        const bool realtime = parent.scheduler_policy == abi::SCHED_FIFO || parent.scheduler_policy == abi::SCHED_RR;
        child.scheduler_policy = realtime ? abi::SCHED_NORMAL : parent.scheduler_policy;
        child.nice = base::max(parent.nice, 0);
        return;
    }
    child.scheduler_policy = parent.scheduler_policy;
    child.realtime_priority = parent.realtime_priority;
    child.nice = parent.nice;
}

// Everything of the child that lies in the Task; links nothing. What it has taken stays in `child` on failure.
Result<void> fill_child(Task& parent, Task& child, const CloneRequest& request) {
    const u64 flags = request.flags;
    child.credentials = parent.credentials;
    __builtin_memcpy(child.name, parent.name, sizeof(child.name));
    child.blocked = parent.blocked;
    if (!(flags & abi::CLONE_VM) || (flags & abi::CLONE_VFORK))
        child.alternate_stack = parent.alternate_stack;
    else
        child.alternate_stack.ss_flags = abi::SS_DISABLE;
    child.timer_slack_ns = parent.timer_slack_ns;
    child.personality = parent.personality;
    child.oom_score_adjust = parent.oom_score_adjust;
    child.io_priority = parent.io_priority;
    child.exit_signal = static_cast<i32>(request.exit_signal);
    copy_scheduling(parent, child);
#if __has_include("lxcore/syscall/trace.hpp")
    child.tracer = parent.tracer;
#endif

    // Registers.
    host::Frame& frame = child.guest_frame();
    frame = parent.guest_frame();
    frame.rax = 0;
    frame.original_rax = ~u64{0};
    if (request.stack)
        frame.rsp = request.stack;
    child.work = host::kWorkFullReturn | (parent.tracer ? u32{host::kWorkTrace} : 0u);
    child.guest_gs_base = parent.guest_gs_base;
    child.uses_guest_gs = parent.uses_guest_gs;
    child.fork_fs_base = (flags & abi::CLONE_SETTLS) ? request.tls : host::guest_fs_base();

    if (flags & abi::CLONE_FILES) {
        parent.files->join();
        child.files = parent.files;
    } else {
        child.files = TRY(parent.files->clone());
    }
    if (flags & abi::CLONE_FS)
        child.fs = parent.fs;
    else
        child.fs = TRY(copy_fs(*parent.fs));
    if (flags & abi::CLONE_VM) {
        parent.mm->users.fetch_add(1, std::memory_order_acq_rel);
        child.mm = parent.mm;
    } // else start_forked() copies it
    if (flags & abi::CLONE_CHILD_CLEARTID)
        child.clear_child_tid = request.child_tid;
    if (flags & abi::CLONE_CHILD_SETTID) {
        if (flags & abi::CLONE_VM) // errors are ignored, as Linux does
            (void)UserPtr<i32>(request.child_tid).write(child.tid);
        else
            child.set_child_tid = request.child_tid;
    }
    return {};
}

} // namespace

void discard_child(Task& child) {
    child.host_alive.store(0, std::memory_order_release);
    if (child.process && child.process->leader == &child)
        release_timers(*child.process);
    set_mm(child, nullptr);
    set_files(child, nullptr);
    set_fs(child, nullptr);
    set_credentials(child, nullptr);
    {
        LockGuard guard(task_state().tree_lock);
        release_pid(child.tid);
    }
    discard_task_block(child);
}

namespace {

// Puts the child (and its process, when it has one of its own) where others find it.
void link_child(Task& parent, Task& child, const CloneRequest& request) {
    TaskState& state = task_state();
    LockGuard guard(state.tree_lock);
    ++state.forks;
    Process& process = *child.process;
    if (&process != parent.process) {
        Process* tree_parent = (request.flags & abi::CLONE_PARENT) ? parent.process->parent : parent.process;
        process.parent = tree_parent;
        process.parent_pid = tree_parent ? tree_parent->pid : 0;
        if (tree_parent)
            tree_parent->children.push_back(process);
        join_group(process, *parent.process->group);
        ++state.process_count;
        process.ref(); // the tree's
    }
    link_task(child);
    if (request.child_is_traced)
        ptrace_adopt_child(parent, child);
    // A group exit that began before the child was in the list has not told it.
    if (process.group_exiting)
        child.work.fetch_or(host::kWorkStop, std::memory_order_acq_rel);
}

// The reverse, for a child that could not be started.
void unlink_child(Task& parent, Task& child) {
    TaskState& state = task_state();
    LockGuard guard(state.tree_lock);
    Process& process = *child.process;
    unlink_task(child);
    if (&process != parent.process) {
        process.sibling_node.unlink();
        process.parent = nullptr;
        leave_group(process);
        --state.process_count;
        process.state = ProcessState::Dead;
        process.exit_completed = true;
        guard.unlock();
        process.unref();
    }
}

void exec_entry(host::ThreadBlock& block) {
    Task& task = static_cast<Task&>(block);
    note_host_process(task);
    ExecImage* image = std::exchange(task.exec_image, nullptr);
    commit_exec(task, image);
}

// The child's program goes on in a pico process of its own; failing that, the child is killed, as past exec's point of
// no return.
void continue_exec(Task& child) {
    RefPtr<Process> process = child.process;
    child.vfork_parent = nullptr;
    child.fork_fs_base = 0;
    auto mm = Mm::create();
    Result<void> started = Errno::ENOMEM;
    if (mm.is_ok()) {
        set_mm(child, mm.release_value());
        child.work.fetch_or(host::kWorkFullReturn, std::memory_order_acq_rel);
        child.host_alive.store(1, std::memory_order_release);
        child.host_thread = 0;
        child.is_starting = true;
        process->borrows_host = false;
        started = host::spawn_process(child, exec_entry);
    }
    if (started.is_ok())
        return;
    if (child.exec_image)
        discard_exec(std::exchange(child.exec_image, nullptr));
    child.host_alive.store(0, std::memory_order_release);
    finish_dead_process(*process, abi::SIGKILL);
    child.is_finished.store(true, std::memory_order_release);
}

// The calling thread is the child until it execs or exits.
void run_as_child(Task& parent, Task& child, const CloneRequest& request) {
    const i32 tid = child.tid;
    RefPtr<Process> process = child.process; // the child may be reaped before we are back
    const u64 fs_base = host::guest_fs_base();
    if (request.ptrace_event)
        ptrace_vfork_event(parent, child, request.ptrace_event);
    child.vfork_parent = &parent;
    child.host_alive.store(1, std::memory_order_release);
    child.borrowed_times = host::thread_cpu_times();
    host::adopt_thread(child);
    if (child.fork_fs_base != fs_base)
        host::set_guest_fs_base(child.fork_fs_base);
    const u64 end = engine::run_borrowed(child);
    host::adopt_thread(parent);
    host::set_guest_fs_base(fs_base);
    if (end == kBorrowExec) {
        continue_exec(child);
    } else {
        child.host_alive.store(0, std::memory_order_release);
        host::wake(reinterpret_cast<u32*>(&child.host_alive), ~0u);
    }
    if (is_traced(parent) || parent.tracee.carrier)
        ptrace_vfork_done(parent, tid);
}

// CLONE_VFORK with a copied address space: waits until the child has left it.
void wait_for_exec_or_exit(Process& child) {
    for (;;) {
        Waiter waiter(current());
        waiter.attach(child.exit_wait);
        if (child.has_execed || child.exit_completed || must_exit(current()))
            return;
        // Not ended by signals, but by the group's end, which an uninterruptible sleep would not notice.
        if (current().sleep(host::kNoDeadline, true) == SleepResult::Interrupted && !must_exit(current()))
            current().sleep(host::monotonic_ns() + 10'000'000, false);
    }
}

// Links and starts a child that gets a host thread of its own.
Result<void> start_child(Task& parent, Task& child, const CloneRequest& request) {
    const bool is_thread = (request.flags & abi::CLONE_THREAD) != 0;
    Result<void> started;
    child.host_alive.store(1, std::memory_order_release);
    if (is_thread) {
        link_child(parent, child, request);
        started = host::create_thread(child, nullptr);
    } else {
        // No sibling may change the mappings between the copy of their record and the copy of themselves.
        LockGuard guard(parent.mm->lock);
        child.mm = TRY(parent.mm->clone_locked());
        child.is_starting = true;
        link_child(parent, child, request);
        started = host::fork_process(child);
    }
    if (started.is_error()) {
        child.host_alive.store(0, std::memory_order_release);
        unlink_child(parent, child);
    }
    return started;
}

Result<i32> install_pidfd(Process& process, u64 address) {
    auto file = TRY(open_pidfd(RefPtr<Process>(&process), 0));
    const i32 fd = TRY(current().files->install(std::move(file), true));
    auto written = UserPtr<i32>(address).write(fd);
    if (written.is_error()) {
        (void)current().files->close(fd);
        return written.error();
    }
    return fd;
}

Result<i32> clone_task(CloneRequest request) {
    Task& parent = current();
    TRY(check_flags(request));
    // A signal to the whole group must reach the child too: it is taken first, and the call is made again.
    if (!(request.flags & abi::CLONE_THREAD) && parent.is_interrupted() && has_deliverable_signal(parent))
        return Errno::ERESTARTNOINTR;
    TRY(check_process_limit(parent));

    const bool is_thread = (request.flags & abi::CLONE_THREAD) != 0;
    const bool borrows = !is_thread && (request.flags & abi::CLONE_VM);
    Task& child = *TRY(create_task_block());
    const i32 tid = child.tid;
    if (is_thread)
        request.exit_signal = 0;
    RefPtr<Process> process; // keeps it while we use it
    i32 pidfd = -1;
    auto prepared = [&]() -> Result<void> {
        if (is_thread)
            process = parent.process;
        else
            process = TRY(make_process(parent, child, request));
        LXSS_ASSERT(process);
        process->ref(); // the task's
        child.process = process.get();
        if (!is_thread)
            process->borrows_host = borrows;
        TRY(fill_child(parent, child, request));
        request.ptrace_event = ptrace_clone_event(parent, request.flags, is_thread ? 0 : request.exit_signal);
        request.child_is_traced = request.ptrace_event || (is_traced(parent) && (request.flags & abi::CLONE_PTRACE));
        if (request.child_is_traced)
            TRY(ptrace_prepare_child(child));
        if (request.flags & abi::CLONE_PIDFD)
            pidfd = TRY(install_pidfd(*process, request.pidfd));
        return {};
    }();
    if (prepared.is_error()) {
        discard_child(child);
        return prepared.error();
    }
    // In shared memory the number is there before the child runs.
    if ((request.flags & abi::CLONE_PARENT_SETTID) && (request.flags & abi::CLONE_VM))
        (void)UserPtr<i32>(request.parent_tid).write(tid);

    if (borrows) {
        link_child(parent, child, request);
        run_as_child(parent, child, request);
        return tid;
    }
    auto started = start_child(parent, child, request);
    if (started.is_error()) {
        if (pidfd >= 0)
            (void)parent.files->close(pidfd);
        discard_child(child);
        return started.error();
    }
    if (!is_thread && (request.flags & abi::CLONE_PARENT_SETTID))
        (void)UserPtr<i32>(request.parent_tid).write(tid);
    if (request.ptrace_event)
        ptrace_event(parent, request.ptrace_event, static_cast<u64>(tid));
    if (!is_thread && (request.flags & abi::CLONE_VFORK)) {
        wait_for_exec_or_exit(*process);
        if (is_traced(parent) && (parent.tracee.options & abi::PTRACE_O_TRACEVFORKDONE))
            ptrace_event(parent, abi::PTRACE_EVENT_VFORK_DONE, static_cast<u64>(tid));
    }
    return tid;
}

} // namespace

void note_host_process(Task& task) {
    // A new pico process comes here before anywhere else where processes and their parts lie. It reads first: for a read
    // fault a host may map the pages around as well (Linux: 64 KiB), for a write that page alone.
    (void)*static_cast<volatile i32*>(&task.process->host_process);
    task.process->host_process = task.host_process;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    task.is_starting = false;
}

void finish_fork_in_child(Task& task) {
    note_host_process(task);
    after_fork_in_child(*task.mm);
    if (const u64 address = std::exchange(task.set_child_tid, 0))
        (void)UserPtr<i32>(address).write(task.tid);
}

void add_borrowed_times(Task& task) {
    const host::CpuTimes now = host::thread_cpu_times();
    task.process->user_ns += now.user_ns - task.borrowed_times.user_ns;
    task.process->system_ns += now.system_ns - task.borrowed_times.system_ns;
    task.borrowed_times = now;
}

[[noreturn]] void exec_borrowed(Task& task, ExecImage* image) {
    task.exec_image = image;
    add_borrowed_times(task);
    engine::release_borrowed(task, kBorrowExec);
}

[[noreturn]] void exit_borrowed(Task& task) { engine::release_borrowed(task, kBorrowExit); }

Result<i32> sys_fork() {
    CloneRequest request;
    request.exit_signal = abi::SIGCHLD;
    return clone_task(request);
}

Result<i32> sys_vfork() {
    CloneRequest request;
    request.flags = abi::CLONE_VFORK | abi::CLONE_VM;
    request.exit_signal = abi::SIGCHLD;
    return clone_task(request);
}

Result<i32> sys_clone(CloneFlags flags, u64 stack, UserPtr<i32> parent_tid, UserPtr<i32> child_tid, u64 tls) {
    CloneRequest request;
    request.flags = static_cast<u32>(flags.value) & ~abi::CSIGNAL; // the upper half is clone3's
    request.exit_signal = flags.value & abi::CSIGNAL;
    request.stack = stack;
    request.tls = tls;
    request.parent_tid = parent_tid.address();
    request.child_tid = child_tid.address();
    if (request.flags & abi::CLONE_PIDFD) {
        if (request.flags & abi::CLONE_PARENT_SETTID)
            return Errno::EINVAL;
        request.pidfd = parent_tid.address();
    }
    return clone_task(request);
}

Result<i32> sys_clone3(UserPtr<abi::clone_args> user_arguments, u64 size) {
    if (size > base::kPageSize)
        return Errno::E2BIG;
    if (size < abi::CLONE_ARGS_SIZE_VER0)
        return Errno::EINVAL;
    abi::clone_args arguments{};
    TRY(copy_from_user(&arguments, user_arguments.address(), base::min<usize>(size, sizeof(arguments))));
    for (usize at = sizeof(arguments); at < size; at += sizeof(u64)) { // unknown fields must be zero
        u64 word = 0;
        TRY(copy_from_user(&word, user_arguments.address() + at, base::min<usize>(sizeof(word), size - at)));
        if (word != 0)
            return Errno::E2BIG;
    }
    constexpr u64 kKnown = 0xffff'ffff | abi::CLONE_CLEAR_SIGHAND | abi::CLONE_INTO_CGROUP;
    if ((arguments.flags & ~kKnown) || (arguments.flags & (abi::CLONE_DETACHED | (abi::CSIGNAL & ~abi::CLONE_NEWTIME))))
        return Errno::EINVAL;
    if (arguments.exit_signal > static_cast<u64>(abi::_NSIG))
        return Errno::EINVAL;
    if ((arguments.flags & (abi::CLONE_THREAD | abi::CLONE_PARENT)) && arguments.exit_signal)
        return Errno::EINVAL;
    if ((arguments.stack == 0) != (arguments.stack_size == 0))
        return Errno::EINVAL;
    if (arguments.stack && !base::is_guest_range(arguments.stack, arguments.stack_size))
        return Errno::EINVAL;
    if ((arguments.set_tid == 0) != (arguments.set_tid_size == 0))
        return Errno::EINVAL;
    if (arguments.set_tid) // choosing a pid is for checkpoint/restore
        return current().credentials->has_capability(abi::CAP_CHECKPOINT_RESTORE) ? Errno::EINVAL : Errno::EPERM;

    CloneRequest request;
    request.flags = arguments.flags;
    request.exit_signal = arguments.exit_signal;
    request.stack = arguments.stack ? arguments.stack + arguments.stack_size : 0;
    request.tls = arguments.tls;
    request.parent_tid = arguments.parent_tid;
    request.child_tid = arguments.child_tid;
    request.pidfd = arguments.pidfd;
    return clone_task(request);
}

} // namespace lxcore
