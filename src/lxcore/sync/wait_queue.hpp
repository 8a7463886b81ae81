// Wait queues: how a task sleeps until something happens.
//
// The pattern everywhere is: try; register a waiter; try again; sleep (Task::sleep); loop. wait_until() below does
// it. Waiters lie on kernel stacks, which are in the arena, so that any process may walk a queue; each task lists
// its waiters, so that the reaper can take a dead task's out.
#pragma once

#include "base/list.hpp"
#include "base/result.hpp"
#include "lxcore/sync/lock.hpp"

namespace lxcore {

using base::Errno;
using base::Result;

class Task;
class WaitQueue;

class Waiter {
public:
    // Wakes `task` (the current one, mostly) on any of `events` (abi::POLL* bits; ~0 for all).
    explicit Waiter(Task& task, u32 events = ~0u) : m_task(&task), m_events(events) {}
    // A lasting registration that belongs to an object, not to a task (epoll): overrides on_wake(), is in no task's
    // list, and its owner detaches it before the queue goes.
    explicit Waiter(u32 events) : m_task(nullptr), m_events(events) {}
    LXSS_NO_COPY(Waiter);
    virtual ~Waiter() { detach(); }
    void attach(WaitQueue& queue);
    // Exclusive waiters stand behind the others, and wake() stops after one that it woke (accept, pipes).
    void attach_exclusive(WaitQueue& queue);
    void detach();
    bool is_attached() const { return m_queue != nullptr; }
    WaitQueue* queue() const { return m_queue; }
    Task* task() const { return m_task; }

    base::ListNode queue_node;
    Waiter* next_of_task = nullptr;

protected:
    friend class WaitQueue;
    // With the queue's lock held; must not take locks that are taken around wake(). Returns whether it counts as a
    // wake-up for exclusive waiting. The default unparks the task.
    virtual bool on_wake(u32 events);

private:
    Task* m_task;
    WaitQueue* m_queue = nullptr;
    u32 m_events;
    bool m_exclusive = false;
    bool m_was_woken = false; // exclusive: since it was attached
};

class WaitQueue {
public:
    WaitQueue() = default;
    LXSS_NO_COPY(WaitQueue);
    ~WaitQueue(); // wakes and detaches whoever is left
    // Wakes all waiters for any of `events` (of exclusive ones, `exclusive` many).
    void wake(u32 events = ~0u, u32 exclusive = 1);
    void wake_all() { wake(~0u, ~0u); }
    bool has_waiters() const { return !m_waiters.is_empty(); }
    // Calls visit(Waiter&) for each, with the queue's lock held.
    template <typename Visitor>
    void for_each(Visitor visit) {
        LockGuard guard(m_lock);
        for (Waiter& waiter : m_waiters)
            visit(waiter);
    }

private:
    friend class Waiter;
    Mutex m_lock;
    base::List<Waiter, &Waiter::queue_node> m_waiters;
};

} // namespace lxcore
