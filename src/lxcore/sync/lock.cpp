#include "lxcore/sync/lock.hpp"

#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u32 kSpinRounds = 100;

u32 owner_id() { return static_cast<u32>(current().tid); }

// Entered before the attempt, so that at no instruction a lock is held that the reaper does not know of.
void enlist(Mutex& mutex) {
    Task& task = current();
    LXSS_ASSERT(task.held_lock_count < Task::kHeldLocks);
    task.held_locks[task.held_lock_count] = &mutex;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    ++task.held_lock_count;
}

void delist(Mutex& mutex) {
    Task& task = current();
    // Almost always the last one.
    for (u32 i = task.held_lock_count; i-- > 0;) {
        if (task.held_locks[i] != &mutex)
            continue;
        for (u32 j = i + 1; j < task.held_lock_count; ++j)
            task.held_locks[j - 1] = task.held_locks[j];
        std::atomic_signal_fence(std::memory_order_seq_cst);
        --task.held_lock_count;
        return;
    }
    LXSS_PANIC("unlock of a lock that is not held");
}

} // namespace

void Mutex::lock() {
    enlist(*this);
    const u32 me = owner_id();
    u32 expected = 0;
    if (!m_word.compare_exchange_strong(expected, me, std::memory_order_acquire)) [[unlikely]]
        lock_slow(me);
}

bool Mutex::try_lock() {
    enlist(*this);
    u32 expected = 0;
    if (m_word.compare_exchange_strong(expected, owner_id(), std::memory_order_acquire))
        return true;
    delist(*this);
    return false;
}

void Mutex::lock_slow(u32 me) {
    LXSS_ASSERT((m_word.load(std::memory_order_relaxed) & ~kContended) != me);
    for (u32 round = 0; round < kSpinRounds; ++round) {
        u32 expected = 0;
        if (m_word.load(std::memory_order_relaxed) == 0 &&
            m_word.compare_exchange_weak(expected, me, std::memory_order_acquire))
            return;
        asm volatile("pause");
    }
    for (;;) {
        u32 value = m_word.load(std::memory_order_relaxed);
        if (value == 0) {
            // Others may sleep still: keep the mark, so that our unlock wakes one.
            if (m_word.compare_exchange_weak(value, me | kContended, std::memory_order_acquire))
                return;
            continue;
        }
        if (!(value & kContended) &&
            !m_word.compare_exchange_weak(value, value | kContended, std::memory_order_relaxed))
            continue;
        host::wait(reinterpret_cast<u32*>(&m_word), value | kContended, host::kNoDeadline);
    }
}

void Mutex::unlock() {
    const u32 before = m_word.exchange(0, std::memory_order_release);
    if (before & kContended) [[unlikely]]
        host::wake(reinterpret_cast<u32*>(&m_word), 1);
    delist(*this);
}

bool Mutex::is_held_by_me() const { return (m_word.load(std::memory_order_relaxed) & ~kContended) == owner_id(); }

void Mutex::release_dead(u32 owner) {
    // Anew when it fails: somebody who is about to sleep has set kContended in between.
    u32 value = m_word.load(std::memory_order_acquire);
    while ((value & ~kContended) == owner)
        if (m_word.compare_exchange_weak(value, 0, std::memory_order_release))
            break;
    // The dead task may also have died between unlock's exchange and its wake, or have been the one that was woken: wake the
    // sleepers in its place. Somebody else may have the lock by now without knowing of them: they say so again.
    host::wake(reinterpret_cast<u32*>(&m_word), ~0u);
}

} // namespace lxcore
