// The process tree and the pid table.
#pragma once

#include "lxcore/kernel.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

// The end of a manager's session, until the instance host has taken it.
struct EndedSession : ArenaObject {
    base::ListNode node;
    u64 session_id = 0;
    i32 status = 0;
};

struct TaskState : ArenaObject {
    // Guards the tree (parents, children, thread lists), groups, sessions, pid allocation and process states.
    Mutex tree_lock;
    static constexpr usize kBuckets = 1024;
    base::List<Task, &Task::hash_node> tasks[kBuckets];
    base::List<ProcessGroup, &ProcessGroup::hash_node> groups[64];
    // Numbers 1..32767 in use as thread, group and session ids: a number is free when it is in none.
    u64 pid_bitmap[(1 << 15) / 64]{};
    u64 group_bitmap[(1 << 15) / 64]{};
    u64 session_bitmap[(1 << 15) / 64]{};
    i32 last_pid = 0;
    u32 process_count = 0, thread_count = 0;
    u64 forks = 0; // since boot, for /proc/stat
    Process* init = nullptr;
    std::atomic<bool> init_has_ended{false};
    // Blocks of threads that have ended; reusable once they are finished and host_alive is 0.
    Mutex block_lock;
    Task* retired = nullptr; // linked through next_retired
    // Every block there is, newest first, linked by next_block(). Blocks are never given back to the arena, so that the reaper may walk this
    // without a lock (which the dead might hold).
    std::atomic<Task*> all_blocks{nullptr};

    RefPtr<Process> kernel_process; // of kernel threads
    i32 next_kernel_tid = 1 << 16;  // above all pids

    std::atomic<u32> deaths{0}; // pico processes that the cleaner thread has to look at, ever

    Mutex session_events_lock;
    base::List<EndedSession, &EndedSession::node> ended_sessions;
    std::atomic<u32> session_events{0};
};

inline TaskState& task_state() { return *kernel().tasks; }

// The list of all_blocks: never changes once the block is in it. Behind the Task, as who walks the list without a lock must not see
// the moment in which the block's next task is constructed over the last one.
inline Task*& next_block(Task& task) {
    return *reinterpret_cast<Task**>(reinterpret_cast<u64>(&task) + host::kTaskBytes - sizeof(Task*));
}

// With tree_lock held; null when there is none. Zombie leaders are found too.
Task* find_task(i32 tid);
Process* find_process(i32 pid); // by thread-group leader's pid
ProcessGroup* find_group(i32 pgid);
// The next process with pid > `after`, in pid order (for /proc); counted reference. Takes tree_lock.
RefPtr<Process> next_process(i32 after);
RefPtr<Process> process_by_pid(i32 pid);

// A zeroed task in a fresh block with pid assigned (ENOMEM, EAGAIN); not yet in the tree or the pid table.
Result<Task*> create_task_block();
// Gives the block back for reuse once the task is finished and host_alive reads 0. It is in no list; its pid has been released.
void retire_task_block(Task& task);
// The same for a task that has never run.
void discard_task_block(Task& task);

// -- the rest is for this folder; tree_lock held
void release_pid(i32 pid);
void link_task(Task& task);       // into the pid table and its process's thread list
void unlink_task(Task& task);     // out of both
void join_group(Process& process, ProcessGroup& group);
void leave_group(Process& process); // frees the group, and its session, with the last member
Result<ProcessGroup*> make_group(i32 pgid, Session& session); // without members yet
Result<Session*> make_session(Process& leader);               // without groups yet
void discard_session(Session& session);                       // one that got no group
Session* find_session(i32 sid);

} // namespace lxcore
