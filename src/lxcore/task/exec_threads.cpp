// What exec does to the threads of a process, execve(2) "Effect on process attributes".
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

// The last thread takes the place of the leader, which has ended and been counted off. Its own number changes only while
// it holds no lock, as locks know their owner by it: for a moment both tasks are found under the leader's.
void become_leader(Task& task) {
    TaskState& state = task_state();
    Process& process = *task.process;
    const i32 old_tid = task.tid;
    Task* old_leader = process.leader;
    {
        LockGuard guard(state.tree_lock);
        task.hash_node.unlink();
        state.tasks[static_cast<u32>(process.pid) % TaskState::kBuckets].push_back(task);
        process.leader = &task;
        task.exit_signal = process.exit_signal;
    }
    task.tid = process.pid;
    {
        LockGuard guard(state.tree_lock);
        unlink_task(*old_leader);
        release_pid(old_tid);
    }
    set_credentials(*old_leader, nullptr);
    retire_task_block(*old_leader);
}

} // namespace

Result<void> exec_kill_other_threads(Task& task) {
    Process& process = *task.process;
    {
        LockGuard guard(process.signal_lock);
        if (process.group_exiting)
            return Errno::EAGAIN;
        if (process.thread_count > 1) {
            process.group_exiting = true;
            process.exec_survivor = &task;
            for (Task& other : process.threads)
                if (&other != &task && !other.is_exiting)
                    other.kick(host::kWorkStop);
        }
    }
    for (;;) {
        {
            LockGuard guard(task_state().tree_lock);
            if (process.thread_count == 1)
                break;
        }
        task.sleep(host::kNoDeadline, false);
    }
    if (process.leader != &task)
        become_leader(task);
    {
        LockGuard guard(process.signal_lock);
        if (process.exec_survivor == &task) {
            process.exec_survivor = nullptr;
            process.group_exiting = false;
        } else if (process.group_exiting) {
            return Errno::EAGAIN; // killed meanwhile
        }
    }
    if (task.files->users.load(std::memory_order_acquire) > 1)
        set_files(task, TRY(task.files->clone()));
    {
        LockGuard guard(task_state().tree_lock);
        process.exit_signal = abi::SIGCHLD;
        process.has_execed = true;
    }
    process.exit_wait.wake_all(); // a parent in clone(CLONE_VFORK) without CLONE_VM
    return {};
}

} // namespace lxcore
