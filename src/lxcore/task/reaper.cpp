// The ends of pico processes: what a killed one has left undone.
//
// Two kernel threads share the work, as the tasks of one dead process may be waiting for locks that another dead one held.
// The host's reaper calls complete_abnormal_exit(), which never waits: it releases the locks of the tasks and
// marks them (a negative host_process). The cleaner then runs the exits of the marked tasks, and may wait like any other thread.
#include "lxcore/fs/file.hpp"
#include "lxcore/task/exec.hpp"
#include "lxcore/task/futex.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

// Whether the task runs, or would have run, in that pico process.
bool belongs_to(const Task& task, i32 host_process) {
    if (task.is_kernel_thread)
        return false;
    if (task.is_starting && task.host_thread)
        return task.host_thread == host_process; // the host has made its process; the task has not noted it yet
    return task.host_process == host_process;
}

// The block is nobody's any more.
void free_block(Task& task) {
    task.is_starting = false;
    task.host_process = 0;
    task.host_thread = 0;
    task.is_finished.store(true, std::memory_order_release);
    task.host_alive.store(0, std::memory_order_release);
    host::wake(reinterpret_cast<u32*>(&task.host_alive), ~0u);
}

void release_locks(Task& task) {
    const u32 count = base::min<u32>(task.held_lock_count, Task::kHeldLocks);
    for (u32 i = 0; i < count; ++i)
        if (Mutex* lock = task.held_locks[i])
            lock->release_dead(static_cast<u32>(task.tid));
    task.held_lock_count = 0;
}

void detach_waiters(Task& task) {
    for (Waiter* waiter = task.waiters; waiter;) {
        Waiter* next = waiter->next_of_task;
        waiter->detach();
        waiter = next;
    }
    task.waiters = nullptr;
    futex_cancel(task);
}

void drop_held_files(Task& task) {
    const u32 count = base::min<u32>(task.held_file_count, Task::kHeldFiles);
    for (u32 i = 0; i < count; ++i)
        if (File* file = std::exchange(task.held_files[i], nullptr))
            file->unref();
    task.held_file_count = 0;
    // The blocks lie on the dead task's kernel stack, long lists in the arena.
    for (HeldFileBlock* block = std::exchange(task.held_file_blocks, nullptr); block; block = block->next) {
        for (usize i = 0; i < block->count; ++i)
            if (File* file = std::exchange(block->files[i], nullptr))
                file->unref();
        const u64 offset = reinterpret_cast<u64>(block->files) - reinterpret_cast<u64>(&task);
        if (offset >= host::kThreadBlockBytes)
            release(block->files, block->count * sizeof(File*));
    }
}

Task* first_block() { return task_state().all_blocks.load(std::memory_order_acquire); }

// A process of the dead pico process whose end is not complete, or null.
RefPtr<Process> find_unfinished(i32 key) {
    TaskState& state = task_state();
    LockGuard guard(state.tree_lock);
    for (auto& bucket : state.tasks)
        for (Task& task : bucket)
            if (task.host_process == key && !task.process->exit_completed)
                return RefPtr<Process>(task.process);
    return nullptr;
}

// The mark of a dead pico process that waits for the cleaner, or 0.
i32 next_dead() {
    for (Task* task = first_block(); task; task = next_block(*task))
        if (task->host_process < 0)
            return task->host_process;
    return 0;
}

// Whether the dead task was still being made.
bool is_unborn(const Task& task) {
    return !task.hash_node.is_linked() && !task.process_node.is_linked() && !task.is_counted_off;
}

// Those who wait for the end of a zombie's process by other means than sleep.
void wake_for_exit(const Task& task) {
    RefPtr<Process> process;
    {
        LockGuard guard(task_state().tree_lock);
        if (task.hash_node.is_linked())
            process = RefPtr<Process>(task.process);
    }
    if (process && process->exit_completed)
        process->exit_wait.wake_all();
}

void clean(i32 key) {
    i32 signal = abi::SIGKILL;
    for (Task* task = first_block(); task; task = next_block(*task)) {
        if (task->host_process != key)
            continue;
        if (task->death_signal == abi::SIGSEGV)
            signal = abi::SIGSEGV;
        detach_waiters(*task);
        drop_held_files(*task);
        if (task->exec_image)
            discard_exec(std::exchange(task->exec_image, nullptr));
    }
    while (RefPtr<Process> process = find_unfinished(key))
        finish_dead_process(*process, signal);
    for (Task* task = first_block(); task; task = next_block(*task)) {
        if (task->host_process != key)
            continue;
        if (is_unborn(*task)) {
            task->host_process = 0;
            discard_child(*task); // it may be another's from here on
            continue;
        }
        wake_for_exit(*task);
        free_block(*task);
    }
    // It may have died between taking a waiter out of a queue and waking it: everybody looks again.
    for (Task* task = first_block(); task; task = next_block(*task))
        if (task->process && task->host_process > 0)
            task->unpark_anew();
}

} // namespace

void complete_abnormal_exit(i32 host_process, i32 signal) {
    bool needs_cleaner = false, is_abnormal = false;
    for (Task* task = first_block(); task; task = next_block(*task)) {
        if (!belongs_to(*task, host_process))
            continue;
        // A block that is not alive may be another's by now; one that is alive, or not finished, stays whose it is.
        const bool is_alive = task->host_alive.load(std::memory_order_acquire) != 0;
        const bool is_finished = task->is_finished.load(std::memory_order_acquire);
        if ((is_finished && !is_alive) || !belongs_to(*task, host_process))
            continue;
        if (is_finished) {
            free_block(*task);
            continue;
        }
        needs_cleaner = true;
        const Process* process = task->process;
        is_abnormal |= process && !process->exit_completed;
        futex_repair(*task);
        release_locks(*task);
    }
    if (!needs_cleaner)
        return;
    // Once a task is marked the cleaner may free its block, and somebody else use it: last, and when all locks are free.
    for (Task* task = first_block(); task; task = next_block(*task)) {
        if (!belongs_to(*task, host_process) || task->is_finished.load(std::memory_order_acquire))
            continue;
        task->death_signal = signal;
        task->is_starting = false;
        std::atomic_thread_fence(std::memory_order_release);
        task->host_process = -host_process;
    }
    task_state().deaths.fetch_add(1, std::memory_order_release);
    host::wake(reinterpret_cast<u32*>(&task_state().deaths), 1);
    if (!is_abnormal)
        return; // others of its threads were on their way out when the last one ended it
    base::FixedWriter<96> line;
    base::print(line, "host process {} ended abnormally (signal {}): cleaning up after it", host_process, signal);
    log_line(line.view());
}

[[noreturn]] void cleaner_thread(host::ThreadBlock&) {
    auto* word = reinterpret_cast<u32*>(&task_state().deaths);
    for (;;) {
        const u32 seen = task_state().deaths.load(std::memory_order_acquire);
        while (const i32 key = next_dead())
            clean(key);
        host::wait(word, seen, host::kNoDeadline);
    }
}

} // namespace lxcore
