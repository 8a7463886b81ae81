// The timer queue: a binary heap of armed timers under one lock, and the thread that serves it.
#include "lxcore/time/timer.hpp"

#include "lxcore/kernel.hpp"

namespace lxcore {

struct TimerState : ArenaObject {
    Mutex lock;          // nothing but the allocator's locks is taken inside
    Vector<Timer*> heap; // each holds a reference; the earliest deadline first
    Task* thread = nullptr;
    u64 sleeping_until = 0;    // what the thread waits for; 0 while it is awake
    Timer* changing = nullptr; // on whose behalf the heap is being changed; see repair()

    void place(Timer* timer, usize at) {
        heap[at] = timer;
        timer->m_index = static_cast<u32>(at) + 1;
    }
    void sift_up(usize at) {
        Timer* timer = heap[at];
        while (at > 0) {
            const usize above = (at - 1) / 2;
            if (heap[above]->m_deadline <= timer->m_deadline)
                break;
            place(heap[above], at);
            at = above;
        }
        place(timer, at);
    }
    void sift_down(usize at) {
        Timer* timer = heap[at];
        for (;;) {
            usize below = 2 * at + 1;
            if (below >= heap.size())
                break;
            if (below + 1 < heap.size() && heap[below + 1]->m_deadline < heap[below]->m_deadline)
                ++below;
            if (timer->m_deadline <= heap[below]->m_deadline)
                break;
            place(heap[below], at);
            at = below;
        }
        place(timer, at);
    }
    // A process was killed while it changed the heap, which then holds one timer twice and perhaps lacks
    // `changing`. The lacking one is given up (it leaks): its owner is most likely what died.
    void repair() {
        usize kept = 0;
        for (Timer* timer : heap)
            timer->m_index = 0;
        changing->m_index = 0;
        for (usize i = 0; i < heap.size(); ++i)
            if (!heap[i]->m_index)
                place(heap[i], kept++);
        while (heap.size() > kept)
            heap.remove_at(heap.size() - 1);
        for (usize i = kept / 2; i-- > 0;)
            sift_down(i);
        changing = nullptr;
    }
    void begin_change(Timer& timer) {
        if (changing)
            repair();
        changing = &timer;
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    void end_change() {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        changing = nullptr;
    }
    // Takes the timer out; the heap's reference passes to the caller.
    void remove(Timer& timer) {
        const usize at = timer.m_index - 1;
        Timer* last = heap[heap.size() - 1];
        heap.remove_at(heap.size() - 1);
        timer.m_index = 0;
        if (last == &timer)
            return;
        place(last, at);
        sift_up(at);
        sift_down(last->m_index - 1);
    }
};

namespace {

TimerState& timer_state() {
    return *kernel().timers;
}

} // namespace

Result<void> initialize_timers() {
    kernel().timers = TRY(make<TimerState>());
    return {};
}

Result<void> Timer::arm(u64 deadline_ns) {
    if (deadline_ns == host::kNoDeadline) {
        disarm();
        return {};
    }
    TimerState& state = timer_state();
    Task* wake = nullptr;
    {
        LockGuard guard(state.lock);
        state.begin_change(*this);
        if (m_index) {
            const u64 before = std::exchange(m_deadline, deadline_ns);
            if (deadline_ns < before)
                state.sift_up(m_index - 1);
            else
                state.sift_down(m_index - 1);
        } else {
            m_deadline = deadline_ns;
            auto pushed = state.heap.push_back(this);
            if (pushed.is_error()) {
                state.end_change();
                return pushed;
            }
            ref();
            state.sift_up(state.heap.size() - 1);
        }
        state.end_change();
        if (deadline_ns < state.sleeping_until) {
            state.sleeping_until = 0; // one wake-up is enough
            wake = state.thread;
        }
    }
    if (wake)
        wake->unpark();
    return {};
}

void Timer::disarm() {
    TimerState& state = timer_state();
    {
        LockGuard guard(state.lock);
        if (!m_index)
            return;
        state.begin_change(*this);
        if (m_index)
            state.remove(*this);
        state.end_change();
    }
    unref();
}

void timer_thread(host::ThreadBlock&) {
    TimerState& state = timer_state();
    Task& me = current();
    {
        LockGuard guard(state.lock);
        state.thread = &me;
    }
    for (;;) {
        RefPtr<Timer> due;
        u64 deadline = host::kNoDeadline;
        const u64 now = host::monotonic_ns();
        {
            LockGuard guard(state.lock);
            state.sleeping_until = 0;
            if (state.changing)
                state.repair();
            if (!state.heap.is_empty()) {
                Timer* first = state.heap[0];
                deadline = first->m_deadline;
                if (deadline <= now) {
                    state.remove(*first);
                    due = RefPtr<Timer>::adopt(first);
                }
            }
            if (!due)
                state.sleeping_until = deadline;
        }
        if (due)
            due->expired(now);
        else
            (void)me.sleep(deadline, false);
    }
}

} // namespace lxcore
