// Shared by the futex*.cpp files.
//
// Waiters lie on kernel stacks (in the arena) and are linked into the bucket that their key hashes to. A
// waiter is queued as long as `bucket` is set; whoever takes it out clears that and unparks the task. No
// futex lock is held over an unpark, and none over more than a fault-safe access to the guest's word.
#pragma once

#include <atomic>

#include "abi/futex.hpp"
#include "base/layout.hpp"
#include "lxcore/kernel.hpp"
#include "lxcore/mm/futex_key.hpp"
#include "lxcore/task/futex.hpp"

namespace lxcore {

struct FutexBucket;

struct FutexWaiter {
    base::ListNode node;
    Task* task = nullptr;
    FutexKey key;
    u32 bitset = abi::FUTEX_BITSET_MATCH_ANY;
    bool wants_lock = false; // LOCK_PI: woken by being made the owner
    std::atomic<FutexBucket*> bucket{nullptr};
    FutexWaiter* next_of_task = nullptr; // futex_waitv
};

struct FutexBucket {
    Mutex lock; // two are taken in order of address
    base::List<FutexWaiter, &FutexWaiter::node> queue;
};

struct FutexState : ArenaObject {
    static constexpr usize kBuckets = 256;
    FutexBucket buckets[kBuckets];
};

inline FutexBucket& bucket_of(const FutexKey& key) {
    u64 hash = (key.object >> 4) * 0x9e37'79b9'7f4a'7c15 ^ (key.offset >> 2) * 0xc2b2'ae3d'27d4'eb4f;
    hash ^= hash >> 32;
    return kernel().futexes->buckets[hash % FutexState::kBuckets];
}

// EINVAL when misaligned, EFAULT outside of guest memory.
Result<FutexKey> key_of_word(Task& task, u64 address, bool shared);

// -- bucket's lock held
void enqueue(FutexBucket& bucket, FutexWaiter& waiter);
void dequeue(FutexWaiter& waiter);

// Takes a waiter out of whichever queue it is in by now. False when it had been woken already.
bool cancel(FutexWaiter& waiter);

inline u32* guest_word(u64 address) {
    return reinterpret_cast<u32*>(address);
}

// Tasks to unpark once the locks are released.
class WakeList {
public:
    static constexpr usize kCapacity = 32;
    ~WakeList() { flush(); }
    // Takes the waiter out and remembers its task. When the list is full it wakes right here.
    void take(FutexWaiter& waiter) {
        Task* task = waiter.task; // the waiter's stack frame may be gone after dequeue()
        dequeue(waiter);
        if (m_count == kCapacity)
            flush();
        m_tasks[m_count++] = task;
    }
    void flush() {
        for (u32 i = 0; i < m_count; ++i)
            m_tasks[i]->unpark();
        m_count = 0;
    }

private:
    Task* m_tasks[kCapacity];
    u32 m_count = 0;
};

// Locks one bucket or two without deadlock. The wake list must be declared before it.
class BucketPair {
public:
    BucketPair(FutexBucket& first, FutexBucket& second) : m_low(&first), m_high(&second) {
        if (m_high < m_low)
            std::swap(m_low, m_high);
        m_low->lock.lock();
        if (m_high != m_low)
            m_high->lock.lock();
    }
    LXSS_NO_COPY(BucketPair);
    ~BucketPair() {
        if (m_high != m_low)
            m_high->lock.unlock();
        m_low->lock.unlock();
    }

private:
    FutexBucket* m_low;
    FutexBucket* m_high;
};

Result<i64> futex_wake(Task& task, u64 address, bool shared, u32 count, u32 bitset);
Result<i64> futex_lock_pi(u64 address, bool shared, u64 deadline, bool try_only);
Result<i64> futex_unlock_pi(u64 address, bool shared);
// The owner of a robust futex dies: its word becomes `new_word` (or the next PI waiter's). Returns whether a
// change was made; false when the word was not `old_word` any more.
Result<bool> futex_owner_died(Task& task, u64 address, u32 old_word, bool pi);

} // namespace lxcore
