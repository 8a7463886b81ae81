// Birth, death and waiting of tasks: what the rest of the kernel calls. See clone(2), _exit(2), wait(2).
//
// Locks, outer first: TaskState::tree_lock, SignalHandlers::lock, Process::signal_lock, wait queues.
//  - A process's thread list changes under tree_lock AND its signal_lock: holding either is enough to walk it.
//  - send_signal() may be called with or without tree_lock.
//  - Another task's mm, files, fs and credentials may be copied (RefPtr) under tree_lock only; their owner replaces
//    them under tree_lock and drops the old ones afterwards. The helpers below do that.
// A Task* found by find_task() may be used as long as tree_lock is held, no longer; a Process may be kept by RefPtr.
#pragma once

#include "lxcore/task/task_table.hpp"

namespace lxcore {

class Mm;

// ---- start of the kernel ------------------------------------------------------------------------------------

// Allocates KernelState::tasks. The calling thread's block (already current, kThreadBlockBytes of arena memory) becomes
// the first kernel thread. Called by boot() before anything takes a Mutex.
Result<void> initialize_tasks(host::ThreadBlock& first_thread);

// A thread of the instance host that runs `entry` and never enters guest code. `entry` never returns; it finds `argument` in
// Task::kernel_argument and may end with end_kernel_thread(). It belongs to
// TaskState::kernel_process, which has pid 0 and is in no list.
Result<Task*> create_kernel_thread(void (*entry)(host::ThreadBlock&), void* argument = nullptr);
// Ends the calling kernel thread.
[[noreturn]] void end_kernel_thread(Task& task);

// ---- sessions of the manager ----------------------------------------------------------------------------------

struct SpawnRequest {
    ExecImage* image = nullptr; // taken over, also on failure
    RefPtr<FdTable> files;
    u64 session_id = 0;              // the manager's; not 0: its end is reported by next_session_event()
    RefPtr<SharedObject> tty_holder; // keeps `tty` alive
    Tty* tty = nullptr;              // becomes the controlling terminal
    RefPtr<Tracer> tracer;           // for --trace
};
// Starts a program in a new session and process group: as pid 1 when there is no init, else as a child of init.
// Credentials of root, working directory and root at the root mount. Called by the instance host.
Result<RefPtr<Process>> spawn_user_process(SpawnRequest& request);

// Word that changes, and is woken by host::wake(), when a session's first process or init has ended.
u32* session_events_word();
// Takes the oldest unreported end. `status` is a wait status.
bool next_session_event(u64* session_id, i32* status);
// The end of init is that of the instance: whether it has come without shut_down().
bool init_has_ended();

// ---- end of threads and processes ------------------------------------------------------------------------------

// Whether `task` has to end at once: its group exits (and it is not the thread that exec keeps). Asked by
// lxcore_return_work(), which then calls exit_task(task, task.process->exit_status).
inline bool must_exit(const Task& task) {
    return task.process->group_exiting && task.process->exec_survivor != &task;
}

// First thing in lxcore_return_work() of a task that is_starting: what fork leaves to the child,
// as it happens in the child's own memory (CLONE_CHILD_SETTID, MADV_WIPEONFORK).
void finish_fork_in_child(Task& task);

// The group ends with `status` (as wait4 reports it) unless it is ending already: every thread gets kWorkStop and is
// kicked; each ends itself on its way out of the kernel. Takes the process's signal_lock.
void begin_group_exit(Process& process, i32 status);
// Ends the current task. `status` as wait4 reports it; a group exit that is under way decides for the process.
[[noreturn]] void exit_task(Task& task, i32 status);

// By the instance host, for every pico process that it has reaped, with the signal that killed it (0: it ended by
// itself). Releases what would hold up others and never waits; the cleaner thread completes what the guest processes have
// not done and lets their parents know: SIGSEGV for a fault that the host could not deliver, SIGKILL for all else.
void complete_abnormal_exit(i32 host_process, i32 signal);
// Body of the cleaner thread; boot starts it as a kernel thread of the instance host.
[[noreturn]] void cleaner_thread(host::ThreadBlock& block);

// ---- exec ------------------------------------------------------------------------------------------------------

// By execve() once nothing can fail but by killing the task: ends the other threads of the process and waits for them;
// a thread that is not the leader takes over the leader's tid. Makes the descriptor table private (the handlers are
// reset_handlers_for_exec()'s matter).
// EAGAIN when the group is ending already (the task then dies on its way out).
Result<void> exec_kill_other_threads(Task& task);
// A vfork child (task.vfork_parent set) execs: gives the borrowed host thread back and is continued in a fresh pico
// process, where commit_exec(task, image) runs. Called in place of commit_exec(), after exec_kill_other_threads(). The
// kernel stack is abandoned: nothing on it may own anything by then (HeldFile, PathName, PageBuffer, RefPtr).
[[noreturn]] void exec_borrowed(Task& task, ExecImage* image);

// ---- parts of a task --------------------------------------------------------------------------------------------

// Replace a part of a task (the current one, or one that does not run) and drop the old one, whose `users` goes down
// by one. The new one's `users` includes the task already, as that of a fresh Mm or FdTable does.
void set_mm(Task& task, RefPtr<Mm> mm);
void set_files(Task& task, RefPtr<FdTable> files);
void set_fs(Task& task, RefPtr<FsContext> fs);
void set_credentials(Task& task, RefPtr<Credentials> credentials);

Result<RefPtr<FsContext>> copy_fs(FsContext& from);

// Parts of another process: of its first thread that still has one; null for zombies and kernel threads. These take
// tree_lock.
RefPtr<Mm> mm_of(Process& process);
RefPtr<FdTable> files_of(Process& process);
RefPtr<FsContext> fs_of(Process& process);
RefPtr<Credentials> credentials_of(Process& process);

// ---- what /proc tells ---------------------------------------------------------------------------------------------

// 'R', 'S', 'T', 't', 'Z' or 'X'.
char state_letter(const Process& process);
char state_letter(const Task& task);

// A task's values copied out under tree_lock.
struct TaskInformation {
    i32 tid;
    char name[16];
    char state;
    i32 nice;
    u32 scheduler_policy, realtime_priority;
    u64 start_time_ns, min_faults, maj_faults;
    SignalSet blocked, pending;
    i32 host_thread;
};
// The thread of `process` with the lowest tid > `after`; false when there is none. Takes tree_lock.
bool next_thread(Process& process, i32 after, TaskInformation& out);

struct ProcessInformation {
    i32 pid, parent_pid, pgid, sid;
    i32 tracer_pid; // of the first thread; 0 when it is not traced
    u32 thread_count;
    char state;
    char name[16];
    i32 exit_signal, exit_status;
    u64 start_time_ns;
    u64 user_ns, system_ns, children_user_ns, children_system_ns;
    u64 min_faults, maj_faults;
    SignalSet pending, shared_pending, blocked, ignored, caught;
    i32 nice;
    u32 scheduler_policy, realtime_priority;
};
// Takes tree_lock.
void process_information(Process& process, ProcessInformation& out);
// CPU time used so far by all threads of a process.
host::CpuTimes cpu_times(Process& process);

// ---- pidfd ------------------------------------------------------------------------------------------------------

// A new pidfd File for `process` (clone's CLONE_PIDFD, pidfd_open). flags: abi::O_NONBLOCK.
Result<RefPtr<File>> open_pidfd(RefPtr<Process> process, u32 flags);
// The process behind a pidfd. EBADF for other files.
Result<RefPtr<Process>> process_of_pidfd(File& file);

// -- within this folder

// The task runs in its own pico process: it stops sharing its creator's fate.
void note_host_process(Task& task);
// Gives back a child that was never linked into the tree, or has been unlinked.
void discard_child(Task& child);
void add_borrowed_times(Task& task);            // to its process: what it used of the borrowed thread
[[noreturn]] void exit_borrowed(Task& task);    // a vfork child has ended: the thread goes back to its parent

// Completes the end of a process none of whose threads runs any more (or never did): as if `status` had ended it.
void finish_dead_process(Process& process, i32 status);
// Removes a zombie from the tree and frees its number. tree_lock held; the caller drops the returned reference
// after it has let go of the lock, and then retires the task.
struct Reaped {
    RefPtr<Process> process;
    Task* leader = nullptr;
};
Reaped reap_process(Process& process);
void dispose(Reaped reaped);

} // namespace lxcore
