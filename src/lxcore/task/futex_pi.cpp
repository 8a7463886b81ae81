// Locks of futex(2) whose word holds the owner's thread id: LOCK_PI, TRYLOCK_PI, UNLOCK_PI. The word's
// protocol is Linux's; priorities are not handed on, since the host schedules.
#include "lxcore/task/futex_internal.hpp"
#include "lxcore/task/task_table.hpp"

namespace lxcore {

namespace {

FutexWaiter* first_locker(FutexBucket& bucket, const FutexKey& key, const FutexWaiter* after = nullptr) {
    FutexWaiter* waiter = after ? bucket.queue.next(*after) : bucket.queue.first();
    for (; waiter; waiter = bucket.queue.next(*waiter))
        if (waiter->wants_lock && waiter->key == key)
            return waiter;
    return nullptr;
}

u32 id_of(const Task& task) {
    return static_cast<u32>(task.tid);
}

bool task_exists(u32 tid) {
    LockGuard tree(task_state().tree_lock);
    const Task* task = find_task(static_cast<i32>(tid));
    return task && !task->is_exiting;
}

// Gives the lock to the first waiter, or leaves `free_word` when there is none. Bucket's lock held. Null in
// `next` and false when the word was not `old_word` any more.
Result<bool> hand_over(FutexBucket& bucket, const FutexKey& key, u64 address, u32 old_word, u32 free_word,
                       u32 mark, WakeList& list) {
    FutexWaiter* next = first_locker(bucket, key);
    u32 new_word = free_word;
    if (next)
        new_word = id_of(*next->task) | mark | (first_locker(bucket, key, next) ? abi::FUTEX_WAITERS : 0);
    if (TRY(host::compare_exchange_guarded(guest_word(address), old_word, new_word)) != old_word)
        return false;
    if (next)
        list.take(*next);
    return true;
}

enum class Attempt : u8 { Taken, Queued };

// The thread that the word names, looked up in between without the bucket's lock.
struct CheckedOwner {
    u32 tid = 0;
    bool exists = true;
};

// With the bucket's lock held: takes the lock or enqueues the waiter. EOWNERDEAD: `checked` is to be looked up.
Result<Attempt> take_or_queue(FutexBucket& bucket, FutexWaiter& waiter, u64 address, bool try_only,
                              CheckedOwner& checked) {
    const u32 me = id_of(*waiter.task);
    for (;;) {
        const u32 word = TRY(host::load_guarded(guest_word(address)));
        const u32 owner = word & abi::FUTEX_TID_MASK;
        if (owner == 0) {
            const u32 waiters = first_locker(bucket, waiter.key) ? abi::FUTEX_WAITERS : 0;
            const u32 mine = me | (word & abi::FUTEX_OWNER_DIED) | waiters;
            if (TRY(host::compare_exchange_guarded(guest_word(address), word, mine)) == word)
                return Attempt::Taken;
            continue;
        }
        if (owner == me)
            return Errno::EDEADLK;
        if (try_only)
            return Errno::EAGAIN;
        if (owner != checked.tid) {
            checked.tid = owner;
            return Errno::EOWNERDEAD;
        }
        // Only now, with the word read again: an owner may have unlocked and ended since it was read first.
        if (!checked.exists)
            return Errno::ESRCH;
        const u32 marked = word | abi::FUTEX_WAITERS;
        if (word != marked && TRY(host::compare_exchange_guarded(guest_word(address), word, marked)) != word)
            continue;
        enqueue(bucket, waiter);
        return Attempt::Queued;
    }
}

} // namespace

Result<i64> futex_lock_pi(u64 address, bool shared, u64 deadline, bool try_only) {
    Task& task = current();
    FutexWaiter waiter;
    waiter.task = &task;
    waiter.wants_lock = true;
    waiter.key = TRY(key_of_word(task, address, shared));
    FutexBucket& bucket = bucket_of(waiter.key);
    CheckedOwner checked;
    task.futex_waiter = &waiter;
    Errno failure = Errno::OK;
    while (failure == Errno::OK) {
        bucket.lock.lock();
        auto attempt = take_or_queue(bucket, waiter, address, try_only, checked);
        bucket.lock.unlock();
        if (attempt.is_error()) {
            if (attempt.error() == Errno::EOWNERDEAD)
                checked.exists = task_exists(checked.tid);
            else
                failure = attempt.error();
            continue;
        }
        if (attempt.value() == Attempt::Taken)
            break;
        while (failure == Errno::OK && waiter.bucket.load(std::memory_order_acquire)) {
            const SleepResult slept = task.sleep(deadline);
            if (slept != SleepResult::Woken && cancel(waiter))
                failure = slept == SleepResult::TimedOut ? Errno::ETIMEDOUT : Errno::ERESTARTNOINTR;
        }
        // Woken means: made the owner by whoever unlocked, or the queue was given up after its changer's death.
        const auto word = host::load_guarded(guest_word(address));
        if (failure == Errno::OK && (word.is_error() || (word.value() & abi::FUTEX_TID_MASK) == id_of(task)))
            break;
    }
    task.futex_waiter = nullptr;
    if (failure != Errno::OK)
        return failure;
    return i64{0};
}

Result<i64> futex_unlock_pi(u64 address, bool shared) {
    Task& task = current();
    const FutexKey key = TRY(key_of_word(task, address, shared));
    FutexBucket& bucket = bucket_of(key);
    WakeList list;
    LockGuard guard(bucket.lock);
    for (;;) {
        const u32 word = TRY(host::load_guarded(guest_word(address)));
        if ((word & abi::FUTEX_TID_MASK) != id_of(task))
            return Errno::EPERM;
        if (TRY(hand_over(bucket, key, address, word, 0, 0, list)))
            return i64{0};
    }
}

Result<bool> futex_owner_died(Task& task, u64 address, u32 old_word, bool pi) {
    const u32 dead_word = (old_word & abi::FUTEX_WAITERS) | abi::FUTEX_OWNER_DIED;
    if (!pi)
        return TRY(host::compare_exchange_guarded(guest_word(address), old_word, dead_word)) == old_word;
    const FutexKey key = TRY(key_of_word(task, address, true));
    FutexBucket& bucket = bucket_of(key);
    WakeList list;
    LockGuard guard(bucket.lock);
    return hand_over(bucket, key, address, old_word, dead_word, abi::FUTEX_OWNER_DIED, list);
}

} // namespace lxcore
