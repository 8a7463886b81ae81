// futex_waitv(2): waits for any of several words.
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/futex_internal.hpp"
#include "lxcore/time/clock.hpp"

namespace lxcore {

namespace {

// Takes out all; the index of one that had been woken, or -1.
i32 cancel_all(FutexWaiter* waiters, u32 count) {
    i32 woken = -1;
    for (u32 i = 0; i < count; ++i)
        if (!cancel(waiters[i]))
            woken = static_cast<i32>(i);
    return woken;
}

bool any_woken(const FutexWaiter* waiters, u32 count) {
    for (u32 i = 0; i < count; ++i)
        if (!waiters[i].bucket.load(std::memory_order_acquire))
            return true;
    return false;
}

// Enqueues one and compares its word: EAGAIN when that is another already (it is not queued then).
Result<void> enqueue_one(FutexWaiter& waiter, const abi::futex_waitv& item) {
    FutexBucket& bucket = bucket_of(waiter.key);
    LockGuard guard(bucket.lock);
    enqueue(bucket, waiter);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    auto value = host::load_guarded(guest_word(item.uaddr));
    if (value.is_ok() && value.value() == static_cast<u32>(item.val))
        return {};
    dequeue(waiter);
    return value.is_error() ? value.error() : Errno::EAGAIN;
}

Result<i32> wait_for_any(Task& task, UserPtr<abi::futex_waitv> items, FutexWaiter* waiters, u32 count,
                         u64 deadline) {
    for (u32 i = 0; i < count; ++i) {
        const abi::futex_waitv item = TRY(items.offset(i).read());
        if ((item.flags & ~(abi::FUTEX2_PRIVATE | abi::FUTEX2_SIZE_MASK)) || item.__reserved ||
            (item.flags & abi::FUTEX2_SIZE_MASK) != abi::FUTEX2_SIZE_U32)
            return Errno::EINVAL;
        FutexWaiter& waiter = *new (&waiters[i]) FutexWaiter;
        waiter.task = &task;
        waiter.key = TRY(key_of_word(task, item.uaddr, !(item.flags & abi::FUTEX2_PRIVATE)));
        waiter.next_of_task = i ? &waiters[i - 1] : nullptr;
    }
    task.futex_waiter = &waiters[count - 1];
    for (u32 i = 0; i < count; ++i) {
        auto item = items.offset(i).read();
        Errno error = item.error();
        if (item.is_ok())
            error = enqueue_one(waiters[i], item.value()).error();
        if (error == Errno::OK)
            continue;
        const i32 woken = cancel_all(waiters, i);
        if (woken >= 0)
            return woken;
        return error;
    }
    SleepResult slept = SleepResult::Woken;
    while (!any_woken(waiters, count) && slept == SleepResult::Woken)
        slept = task.sleep(deadline);
    const i32 woken = cancel_all(waiters, count);
    if (woken >= 0)
        return woken;
    return slept == SleepResult::TimedOut ? Errno::ETIMEDOUT : Errno::ERESTARTSYS;
}

} // namespace

Result<i32> sys_futex_waitv(UserPtr<abi::futex_waitv> items, u32 count, u32 flags,
                            UserPtr<abi::timespec> timeout, Clock clock) {
    if (flags || !count || count > abi::FUTEX_WAITV_MAX || !items)
        return Errno::EINVAL;
    u64 deadline = host::kNoDeadline;
    if (timeout) {
        if (clock != abi::CLOCK_MONOTONIC && clock != abi::CLOCK_REALTIME)
            return Errno::EINVAL;
        const abi::timespec time = TRY(timeout.read());
        if (!is_valid(time))
            return Errno::EINVAL;
        deadline = TRY(deadline_of(clock, nanoseconds(time)));
    }
    Task& task = current();
    PageBuffer memory(base::page_ceil(count * sizeof(FutexWaiter)) / base::kPageSize);
    if (!memory)
        return Errno::ENOMEM;
    auto result = wait_for_any(task, items, reinterpret_cast<FutexWaiter*>(memory.data()), count, deadline);
    task.futex_waiter = nullptr;
    return result;
}

} // namespace lxcore
