// Locks that know their owner.
//
// Any pico process may be killed at any instruction. A lock therefore holds the thread id of its owner, and each
// task lists the locks that it holds or is about to take (Task::held_locks); the reaper releases what a dead
// task held. Hold a lock shortly, and never across a wait for something that only a guest can bring about.
//
// Lock order (outer first): see docs/locking.md.
#pragma once

#include <atomic>

#include "base/types.hpp"

namespace lxcore {

class Mutex {
public:
    Mutex() = default;
    LXSS_NO_COPY(Mutex);
    void lock();
    bool try_lock();
    void unlock();
    bool is_held_by_me() const;
    // By anybody, at this moment.
    bool is_locked() const { return m_word.load(std::memory_order_acquire) != 0; }
    bool is_held_by(u32 owner) const { return (m_word.load(std::memory_order_acquire) & ~kContended) == owner; }
    // By the reaper: releases the lock if the dead thread `owner` holds it.
    void release_dead(u32 owner);

private:
    void lock_slow(u32 me);
    // 0 free; else the owner's thread id, kContended set when somebody sleeps.
    static constexpr u32 kContended = 0x8000'0000;
    std::atomic<u32> m_word{0};
};

class LockGuard {
public:
    explicit LockGuard(Mutex& mutex) : m_mutex(&mutex) { mutex.lock(); }
    LXSS_NO_COPY(LockGuard);
    ~LockGuard() { unlock(); }
    void unlock() {
        if (m_mutex)
            m_mutex->unlock();
        m_mutex = nullptr;
    }

private:
    Mutex* m_mutex;
};

} // namespace lxcore
