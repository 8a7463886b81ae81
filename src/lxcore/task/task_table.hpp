// The process tree and the pid table.
#pragma once

#include "lxcore/kernel.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

struct TaskState : ArenaObject {
    // Guards the tree (parents, children, thread lists), groups, sessions, pid allocation and process states.
    Mutex tree_lock;
    static constexpr usize kBuckets = 1024;
    base::List<Task, &Task::hash_node> tasks[kBuckets];
    base::List<ProcessGroup, &ProcessGroup::hash_node> groups[64];
    u64 pid_bitmap[(1 << 15) / 64];  // pids 1..32767
    i32 last_pid = 0;
    u32 process_count = 0, thread_count = 0;
    u64 forks = 0; // since boot, for /proc/stat
    Process* init = nullptr;
    // Blocks of threads that have ended; reusable once host_alive is 0.
    Mutex block_lock;
    Task* retired = nullptr; // linked through host_private
};

inline TaskState& task_state() { return *kernel().tasks; }

// With tree_lock held; null when there is none. Zombie leaders are found too.
Task* find_task(i32 tid);
Process* find_process(i32 pid); // by thread-group leader's pid
ProcessGroup* find_group(i32 pgid);
// The next process with pid > `after`, in pid order (for /proc); counted reference. Takes tree_lock.
RefPtr<Process> next_process(i32 after);
RefPtr<Process> process_by_pid(i32 pid);

// A zeroed task in a fresh block with pid assigned (ENOMEM, EAGAIN); not yet in the tree or the pid table.
Result<Task*> create_task_block();
void retire_task_block(Task& task);

} // namespace lxcore
