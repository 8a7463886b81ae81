#include "lxcore/sync/wait_queue.hpp"

#include "lxcore/task/task.hpp"

namespace lxcore {

void Waiter::attach(WaitQueue& queue) {
    LXSS_ASSERT(!m_queue);
    m_queue = &queue;
    if (m_task) {
        Task& me = current();
        next_of_task = me.waiters;
        std::atomic_signal_fence(std::memory_order_seq_cst);
        me.waiters = this;
    }
    LockGuard guard(queue.m_lock);
    if (m_exclusive)
        queue.m_waiters.push_back(*this);
    else
        queue.m_waiters.push_front(*this);
}

void Waiter::attach_exclusive(WaitQueue& queue) {
    m_exclusive = true;
    attach(queue);
}

void Waiter::detach() {
    if (!m_queue)
        return;
    {
        LockGuard guard(m_queue->m_lock);
        queue_node.unlink();
    }
    m_queue = nullptr;
    if (!m_task)
        return;
    for (Waiter** link = &current().waiters; *link; link = &(*link)->next_of_task) {
        if (*link == this) {
            *link = next_of_task;
            break;
        }
    }
    next_of_task = nullptr;
}

bool Waiter::on_wake(u32) {
    m_task->unpark();
    return true;
}

void WaitQueue::wake(u32 events, u32 exclusive) {
    if (m_waiters.is_empty())
        return;
    DeferredWakes deferred;
    LockGuard guard(m_lock);
    Waiter* passed_over = nullptr;
    for (Waiter& waiter : m_waiters) {
        if (!(waiter.m_events & events))
            continue;
        if (!waiter.m_exclusive) {
            waiter.on_wake(events);
            continue;
        }
        // One that was woken before may still be on its way: a second event is for somebody else.
        if (waiter.m_was_woken && exclusive != ~0u) {
            if (!passed_over)
                passed_over = &waiter;
            continue;
        }
        if (waiter.on_wake(events)) {
            waiter.m_was_woken = true;
            if (--exclusive == 0)
                return;
        }
    }
    // All were woken before; those that found nothing and sleep again are in line anew.
    if (!passed_over || exclusive == ~0u)
        return;
    for (Waiter& waiter : m_waiters)
        waiter.m_was_woken = false;
    for (Waiter& waiter : m_waiters) {
        if (!waiter.m_exclusive || !(waiter.m_events & events) || !waiter.on_wake(events))
            continue;
        waiter.m_was_woken = true;
        if (--exclusive == 0)
            return;
    }
}

WaitQueue::~WaitQueue() {
    LockGuard guard(m_lock);
    while (Waiter* waiter = m_waiters.first()) {
        waiter->queue_node.unlink();
        waiter->on_wake(~0u);
    }
}

} // namespace lxcore
