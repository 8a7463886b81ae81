// Task::sleep, unpark and kick: the only place where a guest thread stops running.
//
// park_word holds one of the states below. A wake-up is a token: unpark() before sleep() makes the sleep return at
// once, so "register, test, sleep" has no lost wake-up.
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

enum ParkState : u32 { kRunning = 0, kToken = 1, kSleeping = 2, kInHostPoll = 3 };

// Long enough to catch a partner that answers at once on another core, short beside a host sleep (20-50 us).
constexpr u32 kSpinRounds = 200;
// Spinning is right for a task as long as it helps it. Where the partner waits for this very core it only costs: two
// processes that answer each other by turns took 27 us a round with it and 9 us without. So each failure ends it, and
// a sleep now and then tries whether things have changed.
constexpr u32 kSleepsPerTrial = 32;

void cpu_relax() { asm volatile("pause"); }

} // namespace

SleepResult Task::sleep(u64 deadline_ns, bool interruptible) {
    const u32 rounds = spin_helps || ++sleeps_without_spin % kSleepsPerTrial == 0 ? kSpinRounds : 1;
    for (u32 round = 0; round < rounds; ++round) {
        if (park_word.load(std::memory_order_acquire) == kToken) {
            park_word.store(kRunning, std::memory_order_relaxed);
            spin_helps = spin_helps || round != 0;
            return SleepResult::Woken;
        }
        if (interruptible && is_interrupted())
            return SleepResult::Interrupted;
        cpu_relax();
    }
    spin_helps = false;
    u32 expected = kRunning;
    if (!park_word.compare_exchange_strong(expected, kSleeping, std::memory_order_acq_rel)) {
        park_word.store(kRunning, std::memory_order_relaxed);
        return SleepResult::Woken;
    }
    SleepResult result = SleepResult::Woken;
    auto* word = reinterpret_cast<u32*>(&park_word);
    while (park_word.load(std::memory_order_acquire) == kSleeping) {
        if (interruptible && is_interrupted()) {
            result = SleepResult::Interrupted;
            break;
        }
        const auto waited = interruptible ? host::wait_interruptible(word, kSleeping, deadline_ns)
                                          : host::wait(word, kSleeping, deadline_ns);
        if (waited == host::WaitResult::TimedOut) {
            result = SleepResult::TimedOut;
            break;
        }
        // A late one of an earlier sleep in a host poll would end every further wait at once.
        if (waited == host::WaitResult::Interrupted)
            work.fetch_and(~host::kWorkWake, std::memory_order_acq_rel);
    }
    if (park_word.exchange(kRunning, std::memory_order_acq_rel) == kToken)
        return SleepResult::Woken;
    return result;
}

// The two sleeps in a host call that watches handles. `call` returns how many are ready, 0 at the deadline, or EINTR.
template <typename Call>
static SleepResult sleep_in_host_poll(Task& task, Call call) {
    u32 expected = kRunning;
    if (!task.park_word.compare_exchange_strong(expected, kInHostPoll, std::memory_order_acq_rel)) {
        task.park_word.store(kRunning, std::memory_order_relaxed);
        return SleepResult::Woken;
    }
    SleepResult result = SleepResult::Woken;
    for (;;) {
        if (task.is_interrupted()) {
            result = SleepResult::Interrupted;
            break;
        }
        // unpark() sets the token first and then interrupts the host call; kWorkWake keeps the window closed.
        Result<usize> ready = call();
        if (ready.is_ok()) {
            if (ready.value() == 0)
                result = SleepResult::TimedOut;
            break;
        }
        // A late kWorkWake of an earlier sleep must not end this one's calls for ever. Whoever set it has set the token
        // before, so that clearing first and looking then misses nothing.
        task.work.fetch_and(~host::kWorkWake, std::memory_order_acq_rel);
        if (task.park_word.load(std::memory_order_acquire) == kToken)
            break;
        if (ready.error() != Errno::EINTR)
            break; // a handle went bad: the caller's next try reports it
    }
    task.work.fetch_and(~host::kWorkWake, std::memory_order_acq_rel);
    if (task.park_word.exchange(kRunning, std::memory_order_acq_rel) == kToken && result != SleepResult::TimedOut)
        return SleepResult::Woken;
    return result;
}

SleepResult Task::sleep_with_host(host::PollItem* items, usize count, u64 deadline_ns) {
    return sleep_in_host_poll(*this, [=] { return host::poll_interruptible(items, count, deadline_ns); });
}

SleepResult Task::sleep_with_poll_set(host::Handle set, abi::epoll_event* events, usize capacity, u64 deadline_ns,
                                      usize& count) {
    count = 0;
    return sleep_in_host_poll(*this, [=, &count]() -> Result<usize> {
        Result<usize> taken = host::poll_set_wait_interruptible(set, events, capacity, deadline_ns);
        if (taken.is_ok())
            count = taken.value();
        return taken;
    });
}

bool Task::is_asleep() const { return park_word.load(std::memory_order_relaxed) >= kSleeping; }

void Task::unpark() {
    const u32 before = park_word.exchange(kToken, std::memory_order_acq_rel);
    if (before != kSleeping && before != kInHostPoll)
        return;
    DeferredWakes* deferred = current().deferred_wakes;
    if (!deferred || !deferred->add(*this, before))
        finish_unpark(before);
}

void Task::finish_unpark(u32 state_before) {
    if (state_before == kSleeping) {
        host::wake(reinterpret_cast<u32*>(&park_word), 1);
    } else {
        work.fetch_or(host::kWorkWake, std::memory_order_acq_rel);
        host::interrupt_thread(host_process, host_thread);
    }
}

void Task::unpark_anew() {
    park_word.exchange(kToken, std::memory_order_acq_rel);
    finish_unpark(kSleeping);
    finish_unpark(kInHostPoll);
}

DeferredWakes::DeferredWakes() : m_is_outermost(!current().deferred_wakes) {
    if (m_is_outermost)
        current().deferred_wakes = this;
}

DeferredWakes::~DeferredWakes() {
    if (!m_is_outermost)
        return;
    current().deferred_wakes = nullptr;
    for (usize i = 0; i < m_count; ++i)
        m_entries[i].task->finish_unpark(m_entries[i].state_before);
}

bool DeferredWakes::add(Task& task, u32 state_before) {
    if (m_count == kCapacity)
        return false;
    m_entries[m_count++] = {&task, state_before};
    return true;
}

void Task::kick(u32 bits) {
    work.fetch_or(bits, std::memory_order_acq_rel);
    if (this == &current())
        return;
    const u32 before = park_word.load(std::memory_order_acquire);
    if (before == kSleeping) {
        // Not a token: the sleeper looks at its work bits and decides whether the sleep is interruptible.
        host::wake(reinterpret_cast<u32*>(&park_word), 1);
    }
    host::interrupt_thread(host_process, host_thread);
}

} // namespace lxcore
