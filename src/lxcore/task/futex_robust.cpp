// What a dying thread leaves: its robust list (get_robust_list(2)) and, when it was killed by the host, its
// waiters.
#include "lxcore/task/futex_internal.hpp"
#include "lxcore/task/task_table.hpp"

namespace lxcore {

namespace {

struct Entry {
    u64 address = 0;
    bool pi = false;
};

Result<Entry> read_entry(u64 pointer_address) {
    const u64 value = TRY(UserPtr<u64>(pointer_address).read());
    return Entry{value & ~u64{1}, (value & 1) != 0};
}

// One futex that the list names. An error ends the walk: the list cannot be trusted any further.
Result<void> bury(Task& task, u64 address, bool pi, bool is_pending) {
    if (address % sizeof(u32) || !base::is_guest_range(address, sizeof(u32)))
        return Errno::EFAULT;
    for (;;) {
        const u32 word = TRY(host::load_guarded(guest_word(address)));
        // Unlocking had set the word free and died before it woke anyone.
        if (is_pending && !pi && word == 0) {
            (void)futex_wake(task, address, true, 1, abi::FUTEX_BITSET_MATCH_ANY);
            return {};
        }
        if ((word & abi::FUTEX_TID_MASK) != static_cast<u32>(task.tid))
            return {};
        if (!TRY(futex_owner_died(task, address, word, pi)))
            continue;
        if (!pi && (word & abi::FUTEX_WAITERS))
            (void)futex_wake(task, address, true, 1, abi::FUTEX_BITSET_MATCH_ANY);
        return {};
    }
}

Result<void> walk(Task& task) {
    const u64 head = task.robust_list;
    Entry entry = TRY(read_entry(head));
    const i64 offset = TRY(UserPtr<i64>(head + offsetof(abi::robust_list_head, futex_offset)).read());
    const Entry pending = TRY(read_entry(head + offsetof(abi::robust_list_head, list_op_pending)));
    const u64 shift = static_cast<u64>(offset);
    for (u32 seen = 0; entry.address != head && seen < abi::ROBUST_LIST_LIMIT; ++seen) {
        // The next entry is read first: the other side may reuse this one at once.
        auto next = read_entry(entry.address);
        if (entry.address != pending.address)
            TRY(bury(task, entry.address + shift, entry.pi, false));
        if (next.is_error())
            break;
        entry = next.value();
    }
    if (pending.address)
        TRY(bury(task, pending.address + shift, pending.pi, true));
    return {};
}

} // namespace

void exit_robust_list(Task& task) {
    if (!task.robust_list || !task.mm)
        return;
    (void)walk(task);
    task.robust_list = 0;
}

namespace {

// Other tasks run on while their waiters are looked at: a pointer read here may be stale, and is only good for reading.
bool is_arena_address(const void* pointer) {
    const u64 address = reinterpret_cast<u64>(pointer);
    return address % alignof(FutexWaiter) == 0 && address >= base::kArenaBase &&
           address + sizeof(FutexWaiter) <= base::kArenaBase + arena_statistics().total_pages * base::kPageSize;
}

// The bucket's lock is the dead task's: nobody else changes the bucket, or takes a waiter of it out.
void empty_bucket(FutexBucket& bucket) {
    new (&bucket.queue) base::List<FutexWaiter, &FutexWaiter::node>;
    for (Task* task = task_state().all_blocks.load(std::memory_order_acquire); task; task = next_block(*task)) {
        auto* waiter = static_cast<FutexWaiter*>(task->futex_waiter);
        for (u32 i = 0; i < abi::FUTEX_WAITV_MAX && is_arena_address(waiter); ++i, waiter = waiter->next_of_task) {
            if (waiter->task != task || waiter->bucket.load(std::memory_order_relaxed) != &bucket)
                continue;
            waiter->node = {};
            waiter->bucket.store(nullptr, std::memory_order_release);
        }
    }
}

} // namespace

void futex_repair(Task& task) {
    const u32 count = base::min<u32>(task.held_lock_count, Task::kHeldLocks);
    for (FutexBucket& bucket : kernel().futexes->buckets)
        for (u32 i = 0; i < count; ++i)
            if (task.held_locks[i] == &bucket.lock && bucket.lock.is_held_by(static_cast<u32>(task.tid)))
                empty_bucket(bucket);
}

void futex_cancel(Task& task) {
    auto* waiter = static_cast<FutexWaiter*>(task.futex_waiter);
    task.futex_waiter = nullptr;
    while (waiter) {
        FutexWaiter* next = waiter->next_of_task;
        if (FutexBucket* bucket = waiter->bucket.load(std::memory_order_acquire)) {
            LockGuard guard(bucket->lock);
            // By a walk: the task may have died before it was linked, or in the middle of it.
            for (FutexWaiter& queued : bucket->queue) {
                if (&queued == waiter) {
                    dequeue(*waiter);
                    break;
                }
            }
        }
        waiter = next;
    }
}

} // namespace lxcore
