// Numbers, the pid table, groups and sessions, and the blocks that tasks live in.
#include "lxcore/task/task_table.hpp"

#include "lxcore/fs/fd_table.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/task/life.hpp"
#if __has_include("lxcore/syscall/trace.hpp")
#include "lxcore/syscall/trace.hpp"
#else
namespace lxcore {
class Tracer : public SharedObject {};
} // namespace lxcore
#endif

namespace lxcore {

namespace {

constexpr i32 kPidLimit = 1 << 15;
constexpr i32 kFirstPidAfterWrap = 300; // as Linux does: low numbers stay with the system's first processes
constexpr u64 kCanaryValue = 0x6c78'7373'7374'6163;
constexpr usize kBlockPages = host::kThreadBlockBytes / base::kPageSize;

usize task_bucket(i32 tid) { return static_cast<u32>(tid) % TaskState::kBuckets; }
usize group_bucket(i32 pgid) { return static_cast<u32>(pgid) % 64; }

bool test_bit(const u64* bitmap, i32 number) { return (bitmap[number / 64] >> (number % 64)) & 1; }
void set_bit(u64* bitmap, i32 number) { bitmap[number / 64] |= u64{1} << (number % 64); }
void clear_bit(u64* bitmap, i32 number) { bitmap[number / 64] &= ~(u64{1} << (number % 64)); }

bool is_free(const TaskState& state, i32 pid) {
    return !test_bit(state.pid_bitmap, pid) && !test_bit(state.group_bitmap, pid) &&
           !test_bit(state.session_bitmap, pid);
}

// tree_lock held.
Result<i32> allocate_pid() {
    TaskState& state = task_state();
    i32 candidate = state.last_pid;
    for (i32 tries = 0; tries < kPidLimit; ++tries) {
        if (++candidate >= kPidLimit)
            candidate = kFirstPidAfterWrap;
        if (!is_free(state, candidate))
            continue;
        set_bit(state.pid_bitmap, candidate);
        state.last_pid = candidate;
        return candidate;
    }
    return Errno::EAGAIN;
}

// A retired block that nobody needs any more, or null.
Task* take_retired_block() {
    TaskState& state = task_state();
    if (!state.retired)
        return nullptr;
    LockGuard guard(state.block_lock);
    for (Task** link = &state.retired; *link; link = &(*link)->next_retired) {
        Task* task = *link;
        if (!task->is_finished.load(std::memory_order_acquire) || task->host_alive.load(std::memory_order_acquire) != 0)
            continue;
        *link = task->next_retired;
        return task;
    }
    return nullptr;
}

// Makes a Task of the memory; the block's place in the list of blocks is not in it.
Task* construct_task(void* block) {
    auto* task = ::new (block) Task();
    task->self = task;
    task->frame = reinterpret_cast<u64>(block) + host::kThreadBlockBytes - sizeof(host::Frame);
    task->canary = kCanaryValue;
    return task;
}

void publish_block(Task& task) {
    Task* head = task_state().all_blocks.load(std::memory_order_relaxed);
    do
        next_block(task) = head;
    while (!task_state().all_blocks.compare_exchange_weak(head, &task, std::memory_order_acq_rel));
}

Result<Task*> allocate_task() {
    Task* task = take_retired_block();
    if (task) {
        task = construct_task(task);
    } else {
        void* memory = allocate_pages(kBlockPages, kBlockPages);
        if (!memory)
            return Errno::ENOMEM;
        task = construct_task(memory);
        publish_block(*task);
    }
    const Task& creator = current();
    task->entry = creator.entry;
    task->start_time_ns = host::monotonic_ns();
    // Until it runs by itself it shares the fate of its creator's pico process.
    task->host_process = creator.host_process;
    return task;
}

void set_default_limits(Process& process) {
    for (auto& limit : process.limits)
        limit = {abi::RLIM_INFINITY, abi::RLIM_INFINITY};
    process.limits[abi::RLIMIT_STACK].rlim_cur = 8 * 1024 * 1024;
    process.limits[abi::RLIMIT_CORE].rlim_cur = 0;
    process.limits[abi::RLIMIT_NPROC] = {kPidLimit - 1, kPidLimit - 1};
    process.limits[abi::RLIMIT_NOFILE] = {1024, 1024 * 1024};
    process.limits[abi::RLIMIT_MEMLOCK] = {64 * 1024 * 1024, 64 * 1024 * 1024};
    process.limits[abi::RLIMIT_SIGPENDING] = {kPidLimit - 1, kPidLimit - 1};
    process.limits[abi::RLIMIT_MSGQUEUE] = {819200, 819200};
    process.limits[abi::RLIMIT_NICE] = {0, 0};
    process.limits[abi::RLIMIT_RTPRIO] = {0, 0};
}

void set_name(Task& task, std::string_view name) {
    const usize length = base::min(name.size(), sizeof(task.name) - 1);
    __builtin_memcpy(task.name, name.data(), length);
    task.name[length] = 0;
}

void make_kernel_task(Task& task) {
    TaskState& state = task_state();
    task.is_kernel_thread = true;
    task.tid = state.next_kernel_tid++;
    task.process = state.kernel_process.get();
    set_name(task, "lxkernel");
}

} // namespace

Result<void> initialize_tasks(host::ThreadBlock& first_thread) {
    // The state is larger than the object allocator's sizes.
    constexpr usize kPages = (sizeof(TaskState) + base::kPageSize - 1) / base::kPageSize;
    void* memory = allocate_pages(kPages);
    if (!memory)
        return Errno::ENOMEM;
    auto* state = ::new (memory) TaskState();
    kernel().tasks = state;

    // What the host has put into the block stays; the Task around it starts as zeros. No lock may be taken before
    // the task has its number.
    auto* first = static_cast<Task*>(&first_thread);
    alignas(host::ThreadBlock) u8 saved[sizeof(host::ThreadBlock)];
    __builtin_memcpy(saved, static_cast<void*>(&first_thread), sizeof(saved));
    ::new (static_cast<void*>(first)) Task();
    __builtin_memcpy(static_cast<void*>(&first_thread), saved, sizeof(saved));
    first->self = first;
    first->start_time_ns = host::monotonic_ns();
    first->is_kernel_thread = true;
    first->tid = state->next_kernel_tid++;

    auto* process = TRY(make<Process>());
    state->kernel_process = RefPtr<Process>::adopt(process);
    set_default_limits(*process);
    process->host_process = first->host_process;
    process->handlers = TRY(make_ref<SignalHandlers>());
    first->process = process;
    first->credentials = TRY(make_ref<Credentials>());
    set_name(*first, "lxkernel");
    publish_block(*first);
    return {};
}

Result<Task*> create_kernel_thread(void (*entry)(host::ThreadBlock&), void* argument) {
    auto credentials = TRY(make_ref<Credentials>());
    Task* task = TRY(allocate_task());
    {
        LockGuard guard(task_state().tree_lock);
        make_kernel_task(*task);
        task->credentials = std::move(credentials);
        task->kernel_argument = argument;
    }
    auto started = host::create_thread(*task, entry);
    if (started.is_error()) {
        set_credentials(*task, nullptr);
        task->tid = 0;
        task->process = nullptr;
        discard_task_block(*task);
        return started.error();
    }
    return task;
}

[[noreturn]] void end_kernel_thread(Task& task) {
    set_credentials(task, nullptr);
    retire_task_block(task);
    task.is_finished.store(true, std::memory_order_release);
    host::exit_thread();
}

Result<Task*> create_task_block() {
    Task* task = TRY(allocate_task());
    LockGuard guard(task_state().tree_lock);
    auto pid = allocate_pid();
    if (pid.is_error()) {
        guard.unlock();
        discard_task_block(*task);
        return pid.error();
    }
    task->tid = pid.value();
    return task;
}

void retire_task_block(Task& task) {
    TaskState& state = task_state();
    // A thread that retires its own may be killed anywhere in here.
    Process* process = std::exchange(task.process, nullptr);
    if (process && process != state.kernel_process.get())
        process->unref();
    LockGuard guard(state.block_lock);
    // The number is needed until the lock is free.
    task.next_retired = state.retired;
    state.retired = &task;
}

void discard_task_block(Task& task) {
    task.is_finished.store(true, std::memory_order_release);
    retire_task_block(task);
}

// ---- pid table ----------------------------------------------------------------------------------------------

Task* find_task(i32 tid) {
    if (tid <= 0)
        return nullptr;
    for (Task& task : task_state().tasks[task_bucket(tid)])
        if (task.tid == tid)
            return &task;
    return nullptr;
}

Process* find_process(i32 pid) {
    Task* task = find_task(pid);
    return task && task->process->leader == task ? task->process : nullptr;
}

ProcessGroup* find_group(i32 pgid) {
    for (ProcessGroup& group : task_state().groups[group_bucket(pgid)])
        if (group.pgid == pgid)
            return &group;
    return nullptr;
}

Session* find_session(i32 sid) {
    for (auto& bucket : task_state().groups)
        for (ProcessGroup& group : bucket)
            if (group.session->sid == sid)
                return group.session;
    return nullptr;
}

RefPtr<Process> next_process(i32 after) {
    TaskState& state = task_state();
    LockGuard guard(state.tree_lock);
    for (i32 pid = base::max(after, 0) + 1; pid < kPidLimit; ++pid) {
        if (state.pid_bitmap[pid / 64] == 0) {
            pid |= 63;
            continue;
        }
        if (!test_bit(state.pid_bitmap, pid))
            continue;
        if (Process* process = find_process(pid))
            return process;
    }
    return nullptr;
}

RefPtr<Process> process_by_pid(i32 pid) {
    LockGuard guard(task_state().tree_lock);
    return find_process(pid);
}

void release_pid(i32 pid) {
    if (pid > 0 && pid < kPidLimit)
        clear_bit(task_state().pid_bitmap, pid);
}

void link_task(Task& task) {
    TaskState& state = task_state();
    Process& process = *task.process;
    state.tasks[task_bucket(task.tid)].push_back(task);
    ++state.thread_count;
    LockGuard guard(process.signal_lock);
    process.threads.push_back(task);
    ++process.thread_count;
}

void unlink_task(Task& task) {
    task.hash_node.unlink();
    LockGuard guard(task.process->signal_lock);
    task.process_node.unlink();
    if (!task.is_counted_off) {
        task.is_counted_off = true;
        --task.process->thread_count;
        --task_state().thread_count;
    }
}

// ---- groups and sessions ------------------------------------------------------------------------------------

Result<ProcessGroup*> make_group(i32 pgid, Session& session) {
    ProcessGroup* group = TRY(make<ProcessGroup>());
    group->pgid = pgid;
    group->session = &session;
    ++session.group_count;
    task_state().groups[group_bucket(pgid)].push_back(*group);
    set_bit(task_state().group_bitmap, pgid);
    return group;
}

Result<Session*> make_session(Process& leader) {
    Session* session = TRY(make<Session>());
    session->sid = leader.pid;
    session->leader = &leader;
    set_bit(task_state().session_bitmap, leader.pid);
    return session;
}

void discard_session(Session& session) {
    clear_bit(task_state().session_bitmap, session.sid);
    session.unref();
}

void join_group(Process& process, ProcessGroup& group) {
    process.group = &group;
    process.session = group.session;
    group.members.push_back(process);
}

void leave_group(Process& process) {
    ProcessGroup* group = process.group;
    if (!group)
        return;
    process.group = nullptr;
    process.session = nullptr;
    process.group_node.unlink();
    if (!group->members.is_empty())
        return;
    group->hash_node.unlink();
    clear_bit(task_state().group_bitmap, group->pgid);
    Session* session = group->session;
    group->unref();
    if (--session->group_count == 0) {
        clear_bit(task_state().session_bitmap, session->sid);
        session->unref();
    }
}

} // namespace lxcore
