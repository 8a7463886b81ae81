// futex(2): waiting, waking, requeueing.
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/futex_internal.hpp"
#include "lxcore/time/clock.hpp"

namespace lxcore {

Result<void> initialize_futexes() {
    kernel().futexes = TRY(make<FutexState>());
    return {};
}

Result<FutexKey> key_of_word(Task& task, u64 address, bool shared) {
    if (address % sizeof(u32))
        return Errno::EINVAL;
    if (!base::is_guest_range(address, sizeof(u32)))
        return Errno::EFAULT;
    if (!shared)
        return FutexKey{reinterpret_cast<u64>(task.mm.get()), address};
    return futex_key(*task.mm, address, true);
}

void enqueue(FutexBucket& bucket, FutexWaiter& waiter) {
    waiter.bucket.store(&bucket, std::memory_order_relaxed);
    bucket.queue.push_back(waiter);
}

void dequeue(FutexWaiter& waiter) {
    waiter.node.unlink();
    waiter.bucket.store(nullptr, std::memory_order_release);
}

bool cancel(FutexWaiter& waiter) {
    for (;;) {
        FutexBucket* bucket = waiter.bucket.load(std::memory_order_acquire);
        if (!bucket)
            return false;
        LockGuard guard(bucket->lock);
        if (waiter.bucket.load(std::memory_order_relaxed) != bucket)
            continue; // requeued or woken meanwhile
        dequeue(waiter);
        return true;
    }
}

namespace {

// As a waker sees it: nobody waits. Its store to the word comes before; a waiter links itself before it reads
// the word.
bool looks_empty(FutexBucket& bucket) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return bucket.queue.is_empty();
}

Result<i64> futex_wait(u64 address, bool shared, u32 expected, u32 bitset, u64 deadline) {
    if (!bitset)
        return Errno::EINVAL;
    Task& task = current();
    FutexWaiter waiter;
    waiter.task = &task;
    waiter.key = TRY(key_of_word(task, address, shared));
    waiter.bitset = bitset;
    task.futex_waiter = &waiter;
    {
        FutexBucket& bucket = bucket_of(waiter.key);
        LockGuard guard(bucket.lock);
        enqueue(bucket, waiter);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        auto value = host::load_guarded(guest_word(address));
        if (value.is_error() || value.value() != expected) {
            dequeue(waiter);
            task.futex_waiter = nullptr;
            return value.is_error() ? value.error() : Errno::EAGAIN;
        }
    }
    Errno failure = Errno::OK;
    while (waiter.bucket.load(std::memory_order_acquire)) {
        const SleepResult slept = task.sleep(deadline);
        if (slept == SleepResult::Woken)
            continue;
        if (cancel(waiter)) {
            if (slept == SleepResult::TimedOut)
                failure = Errno::ETIMEDOUT;
            else
                failure = deadline == host::kNoDeadline ? Errno::ERESTARTSYS : interrupted_until(deadline);
        }
        break;
    }
    task.futex_waiter = nullptr;
    if (failure != Errno::OK)
        return failure;
    return i64{0};
}

u32 wake_matching(FutexBucket& bucket, const FutexKey& key, u32 count, u32 bitset, WakeList& list) {
    u32 woken = 0;
    for (FutexWaiter& waiter : bucket.queue) {
        if (waiter.wants_lock || !(waiter.bitset & bitset) || !(waiter.key == key))
            continue;
        list.take(waiter);
        if (++woken >= count)
            break;
    }
    return woken;
}

Result<i64> futex_requeue(u64 from, u64 to, bool shared, i32 wake_count, i32 requeue_count,
                          const u32* expected) {
    if (wake_count < 0 || requeue_count < 0)
        return Errno::EINVAL;
    Task& task = current();
    const FutexKey from_key = TRY(key_of_word(task, from, shared));
    const FutexKey to_key = TRY(key_of_word(task, to, shared));
    FutexBucket& source = bucket_of(from_key);
    FutexBucket& target = bucket_of(to_key);
    WakeList list;
    BucketPair pair(source, target);
    if (expected && TRY(host::load_guarded(guest_word(from))) != *expected)
        return Errno::EAGAIN;
    i64 done = 0;
    FutexWaiter* last =
        source.queue.last(); // those that are moved to the same bucket's end are not seen again
    FutexWaiter* next = nullptr;
    for (FutexWaiter* waiter = source.queue.first(); waiter; waiter = next) {
        next = waiter == last ? nullptr : source.queue.next(*waiter);
        if (waiter->wants_lock || !(waiter->key == from_key))
            continue;
        if (done < wake_count) {
            list.take(*waiter);
        } else if (done - wake_count < requeue_count) {
            if (!(from_key == to_key)) {
                waiter->node.unlink();
                waiter->key = to_key;
                waiter->bucket.store(&target, std::memory_order_release);
                target.queue.push_back(*waiter);
            }
        } else {
            break;
        }
        ++done;
    }
    return done;
}

i32 sign_extend_12(u32 value) {
    return static_cast<i32>(value << 20) >> 20;
}

Result<bool> change_word(u64 address, u32 encoded) {
    const u32 operation = (encoded >> 28) & 7;
    i32 operand = sign_extend_12(encoded >> 12);
    const i32 comparand = sign_extend_12(encoded);
    if (encoded >> 28 & abi::FUTEX_OP_OPARG_SHIFT)
        operand = static_cast<i32>(1u << (operand & 31));
    u32* word = guest_word(address);
    const u32 bits = static_cast<u32>(operand);
    u32 old;
    switch (operation) {
    case abi::FUTEX_OP_SET:
        old = TRY(host::exchange_guarded(word, bits));
        break;
    case abi::FUTEX_OP_ADD:
        old = TRY(host::fetch_add_guarded(word, bits));
        break;
    case abi::FUTEX_OP_OR:
        old = TRY(host::fetch_or_guarded(word, bits));
        break;
    case abi::FUTEX_OP_ANDN:
        old = TRY(host::fetch_and_guarded(word, ~bits));
        break;
    case abi::FUTEX_OP_XOR:
        old = TRY(host::fetch_xor_guarded(word, bits));
        break;
    default:
        return Errno::ENOSYS;
    }
    const i32 value = static_cast<i32>(old);
    switch ((encoded >> 24) & 15) {
    case abi::FUTEX_OP_CMP_EQ:
        return value == comparand;
    case abi::FUTEX_OP_CMP_NE:
        return value != comparand;
    case abi::FUTEX_OP_CMP_LT:
        return value < comparand;
    case abi::FUTEX_OP_CMP_LE:
        return value <= comparand;
    case abi::FUTEX_OP_CMP_GT:
        return value > comparand;
    case abi::FUTEX_OP_CMP_GE:
        return value >= comparand;
    default:
        return Errno::ENOSYS;
    }
}

Result<i64> futex_wake_op(u64 first, u64 second, bool shared, u32 first_count, u32 second_count,
                          u32 encoded) {
    Task& task = current();
    const FutexKey first_key = TRY(key_of_word(task, first, shared));
    const FutexKey second_key = TRY(key_of_word(task, second, shared));
    FutexBucket& first_bucket = bucket_of(first_key);
    FutexBucket& second_bucket = bucket_of(second_key);
    WakeList list;
    BucketPair pair(first_bucket, second_bucket);
    const bool condition = TRY(change_word(second, encoded));
    i64 woken = wake_matching(first_bucket, first_key, first_count, abi::FUTEX_BITSET_MATCH_ANY, list);
    if (condition)
        woken += wake_matching(second_bucket, second_key, second_count, abi::FUTEX_BITSET_MATCH_ANY, list);
    return woken;
}

// Relative for FUTEX_WAIT, else absolute.
Result<u64> futex_deadline(u32 command, bool realtime, u64 user) {
    const u64 restarted = take_restart_deadline();
    if (!user)
        return host::kNoDeadline;
    if (restarted)
        return restarted;
    const abi::timespec time = TRY(UserPtr<abi::timespec>(user).read());
    if (!is_valid(time))
        return Errno::EINVAL;
    const u64 value = nanoseconds(time);
    if (command == abi::FUTEX_WAIT)
        return deadline_after(value);
    return deadline_of(realtime || command == abi::FUTEX_LOCK_PI ? abi::CLOCK_REALTIME : abi::CLOCK_MONOTONIC,
                       value);
}

} // namespace

Result<i64> futex_wake(Task& task, u64 address, bool shared, u32 count, u32 bitset) {
    if (!bitset)
        return Errno::EINVAL;
    const FutexKey key = TRY(key_of_word(task, address, shared));
    FutexBucket& bucket = bucket_of(key);
    if (looks_empty(bucket))
        return i64{0};
    WakeList list;
    LockGuard guard(bucket.lock);
    return i64{wake_matching(bucket, key, count, bitset, list)};
}

void futex_wake_address(Task& task, u64 address) {
    (void)futex_wake(task, address, true, 1, abi::FUTEX_BITSET_MATCH_ANY);
}

Result<i64> sys_futex(UserPtr<u32> word, FutexOperation operation, u32 value, u64 timeout_or_value2,
                      UserPtr<u32> word2, u32 value3) {
    const u32 bits = static_cast<u32>(operation.value);
    const u32 command = bits & abi::FUTEX_CMD_MASK;
    const bool shared = !(bits & abi::FUTEX_PRIVATE_FLAG);
    const bool realtime = (bits & abi::FUTEX_CLOCK_REALTIME) != 0;
    const u64 address = word.address();
    if (realtime && command != abi::FUTEX_WAIT_BITSET && command != abi::FUTEX_LOCK_PI2)
        return Errno::ENOSYS;
    const u32 value2 = static_cast<u32>(timeout_or_value2);
    switch (command) {
    case abi::FUTEX_WAIT:
        value3 = abi::FUTEX_BITSET_MATCH_ANY;
        [[fallthrough]];
    case abi::FUTEX_WAIT_BITSET:
        return futex_wait(address, shared, value, value3,
                          TRY(futex_deadline(command, realtime, timeout_or_value2)));
    case abi::FUTEX_WAKE:
        value3 = abi::FUTEX_BITSET_MATCH_ANY;
        [[fallthrough]];
    case abi::FUTEX_WAKE_BITSET:
        return futex_wake(current(), address, shared, value, value3);
    case abi::FUTEX_REQUEUE:
        return futex_requeue(address, word2.address(), shared, static_cast<i32>(value),
                             static_cast<i32>(value2), nullptr);
    case abi::FUTEX_CMP_REQUEUE:
        return futex_requeue(address, word2.address(), shared, static_cast<i32>(value),
                             static_cast<i32>(value2), &value3);
    case abi::FUTEX_WAKE_OP:
        return futex_wake_op(address, word2.address(), shared, value, value2, value3);
    case abi::FUTEX_LOCK_PI:
    case abi::FUTEX_LOCK_PI2:
        return futex_lock_pi(address, shared, TRY(futex_deadline(command, realtime, timeout_or_value2)),
                             false);
    case abi::FUTEX_TRYLOCK_PI:
        return futex_lock_pi(address, shared, host::kNoDeadline, true);
    case abi::FUTEX_UNLOCK_PI:
        return futex_unlock_pi(address, shared);
    default:
        return Errno::ENOSYS; // FUTEX_FD is gone from Linux too; WAIT_REQUEUE_PI and CMP_REQUEUE_PI are
                              // missing
    }
}

} // namespace lxcore
