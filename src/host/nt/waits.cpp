// Waiting on words of the arena, waking and interrupting, across the processes of the instance.
//
// A waiting thread puts the word's address into its entry of Shared::waiting; whoever wakes it marks that entry, and sets the
// thread's event if it sleeps. Nothing is linked, so that a process may be killed anywhere: its entries are cleared when its death
// is noticed, and a thread that it was about to wake is woken then (sweep_slots_of).
#include "host/nt/threads.hpp"

namespace host {

using namespace nt;

namespace nt {

namespace {

// A round trip by events costs about 100 us, by spinning 0.2 us while both sides run.
constexpr u32 kSpinRounds = 400;
constexpr u32 kWorkEndsCall = kWorkSignal | kWorkStop | kWorkWake;

// Handles of the calling process.
HANDLE g_events[kMaxThreads];

std::atomic<u32>& waiters_of(u64 word) { return shared().waiters[(word >> 2 ^ word >> 12) % base::array_size(shared().waiters)]; }

bool has_work() {
    const ThreadBlock* block = current_block();
    return block && (block->work.load(std::memory_order_acquire) & kWorkEndsCall);
}

// Marks `entry`, which waits for `word`, and wakes its thread. False when it waits no more.
bool finish_wait(u32 slot, u64 word, u64 mark) {
    u64 expected = word;
    if (!shared().waiting[slot].compare_exchange_strong(expected, word | mark))
        return false;
    if (shared().slots[slot].parked.exchange(0) == 1)
        (void)NtSetEvent(event_of(slot), nullptr);
    return true;
}

i64 hundreds_of_ns_until(u64 deadline) {
    const u64 now = monotonic_ns();
    return now >= deadline ? 0 : static_cast<i64>(base::min<u64>((deadline - now + 99) / 100, u64{1} << 60));
}

// `other`: a handle that ends the wait too, or null.
WaitResult wait_on(u32* word, u32 expected, u64 deadline, bool is_interruptible, HANDLE other = nullptr) {
    if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != expected)
        return WaitResult::Changed;
    preserve_vectors();
    Shared& state = shared();
    const u32 slot = current_slot();
    const u64 address = reinterpret_cast<u64>(word);
    std::atomic<u64>& entry = state.waiting[slot];
    std::atomic<u32>& parked = state.slots[slot].parked;
    const bool is_last_look = deadline == 0;
    state.slots[slot].is_interruptible.store(is_interruptible, std::memory_order_relaxed);
    waiters_of(address).fetch_add(1);
    entry.store(address); // sequentially consistent, as is the look at the word after it
    WaitResult result = WaitResult::Woken;
    bool is_settled = false;
    const auto look = [&] {
        if (entry.load(std::memory_order_acquire) & kWaitMarks)
            is_settled = true;
        else if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected)
            is_settled = true, result = WaitResult::Changed;
        else if (is_interruptible && has_work())
            is_settled = true, result = WaitResult::Interrupted;
        return is_settled;
    };
    for (u32 round = 0; round < (is_last_look ? 1 : kSpinRounds) && !look(); ++round)
        asm volatile("pause");
    while (!is_settled) {
        LARGE_INTEGER timeout;
        timeout.QuadPart = deadline == kNoDeadline ? 0 : -hundreds_of_ns_until(deadline);
        if (deadline != kNoDeadline && timeout.QuadPart == 0) {
            result = WaitResult::TimedOut;
            break;
        }
        parked.store(1);
        if (look())
            break;
        if (other) {
            const HANDLE handles[] = {other, event_of(slot)};
            if (WaitForMultipleObjects(2, handles, FALSE, INFINITE) == WAIT_OBJECT_0) {
                result = WaitResult::Interrupted;
                break;
            }
        } else {
            (void)NtWaitForSingleObject(event_of(slot), FALSE, deadline == kNoDeadline ? nullptr : &timeout);
        }
        // An event that an earlier wait has left behind ends this one too early; then the entry has no mark.
        if (look())
            break;
    }
    const u64 seen = entry.exchange(0);
    parked.store(0);
    waiters_of(address).fetch_sub(1, std::memory_order_relaxed);
    if (seen & kWoken)
        return WaitResult::Woken;
    if (seen & kInterrupted)
        return is_interruptible ? WaitResult::Interrupted : WaitResult::Woken;
    return result;
}

} // namespace

u32 take_slot(u32 thread_id, u32 process) {
    Shared& state = shared();
    for (u32 slot = 0; slot < kMaxThreads; ++slot) {
        u32 expected = 0;
        if (state.slots[slot].thread.load(std::memory_order_relaxed) != 0 ||
            !state.slots[slot].thread.compare_exchange_strong(expected, thread_id))
            continue;
        state.slots[slot].process.store(process);
        state.slots[slot].parked.store(0);
        state.slots[slot].block = nullptr;
        state.waiting[slot].store(0);
        u32 used = state.slots_in_use.load();
        while (used <= slot && !state.slots_in_use.compare_exchange_weak(used, slot + 1)) {
        }
        if (slot >= kInheritedEvents && state.slots[slot].event == 0) {
            // The first use of this slot: an event that the instance host keeps for ever.
            HANDLE event, remote;
            if (NtCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, 1 /* wakes one */, FALSE) < 0 ||
                NtDuplicateObject(this_process(), event, g_process.instance, &remote, 0, 0, DUPLICATE_SAME_ACCESS) < 0) {
                state.slots[slot].thread.store(0);
                return ~0u;
            }
            state.slots[slot].event = reinterpret_cast<u64>(remote);
            if (is_instance_host())
                g_events[slot] = remote, (void)NtClose(event);
            else
                g_events[slot] = event;
        }
        return slot;
    }
    return ~0u;
}

void release_slot(u32 slot) {
    shared().slots[slot].block = nullptr;
    shared().waiting[slot].store(0);
    shared().slots[slot].thread.store(0, std::memory_order_release);
}

HANDLE event_of(u32 slot) {
    if (slot < kInheritedEvents)
        return reinterpret_cast<HANDLE>(shared().inherited_events[slot]);
    if (!g_events[slot]) {
        const HANDLE remote = reinterpret_cast<HANDLE>(shared().slots[slot].event);
        HANDLE local = remote;
        if (!is_instance_host() && NtDuplicateObject(g_process.instance, remote, this_process(), &local, 0, 0,
                                                     DUPLICATE_SAME_ACCESS) < 0)
            LXSS_PANIC("a thread's event cannot be had");
        g_events[slot] = local;
    }
    return g_events[slot];
}

bool wait_or_death(u32* word, u32 expected, HANDLE process) {
    return wait_on(word, expected, kNoDeadline, false, process) != WaitResult::Interrupted;
}

bool begin_poll() {
    preserve_vectors();
    const u32 slot = current_slot();
    shared().slots[slot].is_interruptible.store(1, std::memory_order_relaxed);
    shared().slots[slot].parked.store(1, std::memory_order_relaxed);
    shared().waiting[slot].store(kPollWait);
    if (!has_work())
        return true;
    (void)end_poll(false);
    return false;
}

HANDLE thread_event() { return event_of(current_slot()); }

bool end_poll(bool) {
    const u32 slot = current_slot();
    const u64 seen = shared().waiting[slot].exchange(0);
    shared().slots[slot].parked.store(0);
    return (seen & kInterrupted) != 0;
}

void sweep_slots_of(u32 process) {
    Shared& state = shared();
    const u32 used = state.slots_in_use.load();
    for (u32 slot = 0; slot < used; ++slot) {
        if (state.slots[slot].thread.load() == 0)
            continue;
        if (state.slots[slot].process.load() == process) {
            const u64 entry = state.waiting[slot].exchange(0);
            if ((entry & ~kWaitMarks) > kPollWait)
                waiters_of(entry & ~kWaitMarks).fetch_sub(1);
            release_slot(slot);
        } else if (state.waiting[slot].load() & kWaitMarks) {
            (void)NtSetEvent(event_of(slot), nullptr); // the dead may not have come to it
        }
    }
}

void SharedLock::lock() {
    const u32 me = current_slot() + 1;
    for (u32 round = 0;; ++round) {
        u32 owner = 0;
        if (m_owner.compare_exchange_weak(owner, me, std::memory_order_acquire))
            return;
        if (round < 1000) {
            asm volatile("pause");
            continue;
        }
        preserve_vectors();
        // An owner whose process is dead has left it behind. Slots of the dead are swept, so look at the thread too.
        if (owner != 0 && round % 64 == 0) {
            const ThreadSlot& slot = shared().slots[owner - 1];
            if (slot.thread.load() == 0 ||
                shared().processes[slot.process.load()].state.load() == ProcessState::Dead) {
                if (m_owner.compare_exchange_strong(owner, me, std::memory_order_acquire))
                    return;
            }
        }
        (void)NtYieldExecution();
    }
}

} // namespace nt

WaitResult wait(u32* word, u32 expected, u64 deadline_ns) { return wait_on(word, expected, deadline_ns, false); }

WaitResult wait_interruptible(u32* word, u32 expected, u64 deadline_ns) {
    return wait_on(word, expected, deadline_ns, true);
}

void wake(u32* word, u32 count) {
    const u64 address = reinterpret_cast<u64>(word);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (waiters_of(address).load() == 0)
        return;
    preserve_vectors();
    Shared& state = shared();
    const u32 used = state.slots_in_use.load();
    for (u32 slot = 0; slot < used && count > 0; ++slot)
        if (state.waiting[slot].load() == address && finish_wait(slot, address, kWoken))
            --count;
}

void yield() {
    preserve_vectors();
    (void)NtYieldExecution();
}

void interrupt_thread(i32 host_process, i32 host_thread) {
    Shared& state = shared();
    const u32 used = state.slots_in_use.load();
    for (u32 slot = 0; slot < used; ++slot) {
        if (state.slots[slot].thread.load() != static_cast<u32>(host_thread))
            continue;
        const u32 process = state.slots[slot].process.load();
        if (state.processes[process].number != host_process)
            return;
        preserve_vectors();
        const u64 entry = state.waiting[slot].load();
        if (entry != 0) {
            if (!(entry & kWaitMarks) && state.slots[slot].is_interruptible.load())
                (void)finish_wait(slot, entry, kInterrupted);
            return; // woken, or in a wait that ends by itself: the work bits are looked at on the way out
        }
        kick_running(slot);
        return;
    }
}

} // namespace host
