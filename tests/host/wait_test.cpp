// Clocks, randomness, waiting and interrupting.
#include "host_test.hpp"

namespace host_test {

namespace {

u32* new_word() {
    return reinterpret_cast<u32*>(arena_memory(64));
}
u32 load(u32* word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

void clocks() {
    u64 last = host::monotonic_ns();
    for (int i = 0; i < 100'000; ++i) {
        const u64 now = host::monotonic_ns();
        CHECK(now >= last);
        last = now;
    }
    sleep_ms(5);
    CHECK(host::monotonic_ns() - last >= 5'000'000);
    for (i32 clock : {abi::CLOCK_REALTIME, abi::CLOCK_MONOTONIC, abi::CLOCK_BOOTTIME}) {
        const auto time = host::clock_time(clock);
        CHECK(time.is_ok() && time.value().tv_nsec >= 0 && time.value().tv_nsec < 1'000'000'000);
    }
    CHECK(host::clock_time(abi::CLOCK_REALTIME).value().tv_sec > 1'600'000'000);
    CHECK_ERROR(host::clock_time(1234), EINVAL);
    const host::CpuTimes before = host::thread_cpu_times();
    // Hosts count in ticks, and other programs may have the processors for a while.
    const auto has_grown = [&] {
        const host::CpuTimes now = host::thread_cpu_times();
        return now.user_ns + now.system_ns > before.user_ns + before.system_ns;
    };
    for (const u64 end = soon(10'000); !has_grown() && host::monotonic_ns() < end;) {
    }
    CHECK(has_grown());
}

void randomness() {
    u64 values[3] = {};
    host::random_bytes(values, sizeof(values));
    CHECK(values[0] != values[1] && values[1] != values[2] && values[0] != values[2]);
    u8 guard[3] = {1, 0, 1};
    host::random_bytes(guard + 1, 1);
    CHECK(guard[0] == 1 && guard[2] == 1);
}

void changed_and_deadlines() {
    u32* word = new_word();
    CHECK(host::wait(word, 1, host::kNoDeadline) == host::WaitResult::Changed);
    CHECK(host::wait_interruptible(word, 1, host::kNoDeadline) == host::WaitResult::Changed);
    const u64 deadline = soon(20);
    host::WaitResult result;
    do
        result = host::wait(word, 0, deadline);
    while (result == host::WaitResult::Woken);
    CHECK(result == host::WaitResult::TimedOut);
    CHECK(host::monotonic_ns() >= deadline);
    CHECK(host::wait(word, 0, 0) == host::WaitResult::TimedOut); // long past
    host::wake(word, 1);                                         // nobody
}

struct PingPong {
    u32 ping, pong;
    u32 rounds;
};

void answer(void* context) {
    auto& state = *static_cast<PingPong*>(context);
    for (u32 round = 1; round <= state.rounds; ++round) {
        while (load(&state.ping) != round)
            if (host::wait(&state.ping, round - 1, soon(10'000)) == host::WaitResult::TimedOut)
                return;
        __atomic_store_n(&state.pong, round, __ATOMIC_RELEASE);
        host::wake(&state.pong, 1);
    }
}

void wake_across(Kind kind) {
    auto& state = *reinterpret_cast<PingPong*>(arena_memory(sizeof(PingPong)));
    state.rounds = 2000;
    const Child child = start(kind, answer, &state);
    for (u32 round = 1; round <= state.rounds; ++round) {
        __atomic_store_n(&state.ping, round, __ATOMIC_RELEASE);
        host::wake(&state.ping, 1);
        while (load(&state.pong) != round)
            if (host::wait(&state.pong, round - 1, soon(10'000)) == host::WaitResult::TimedOut) {
                CHECK(!"an answer in time");
                return;
            }
    }
    CHECK(finish(child, kind == Kind::Thread));
}
void wake_across_threads() {
    wake_across(Kind::Thread);
}
void wake_across_forks() {
    wake_across(Kind::Fork);
}
void wake_across_spawned() {
    wake_across(Kind::Spawn);
}

// Waits until it is interrupted or, which is wrong, for long.
struct Sleeper {
    u32 word;
    u32 rounds;
    u32 ready;       // rounds begun
    u32 interrupted; // rounds ended as they should
    i32 process, thread;
};

void be_interrupted(void* context) {
    auto& state = *static_cast<Sleeper*>(context);
    ThreadBlock& block = *host::current_block();
    state.process = block.host_process;
    state.thread = block.host_thread;
    for (u32 round = 1; round <= state.rounds; ++round) {
        __atomic_store_n(&state.ready, round, __ATOMIC_RELEASE);
        // As Task::sleep does: the sender sets a work bit, then kicks. Neither order may lose it.
        for (;;) {
            const auto result = host::wait_interruptible(&state.word, 0, soon(5'000));
            if (result == host::WaitResult::TimedOut)
                return;
            if (result == host::WaitResult::Interrupted && block.work.load() != 0)
                break;
        }
        block.work.store(0);
        __atomic_store_n(&state.interrupted, round, __ATOMIC_RELEASE);
    }
}

void interrupt_across(Kind kind) {
    auto& state = *reinterpret_cast<Sleeper*>(arena_memory(sizeof(Sleeper)));
    state.rounds = 3000;
    const Child child = start(kind, be_interrupted, &state);
    const u64 deadline = soon(30'000);
    for (u32 round = 1; round <= state.rounds; ++round) {
        while (load(&state.ready) != round && host::monotonic_ns() < deadline)
            host::yield();
        // At another instant each time, so that every instruction around the call is hit.
        for (u32 spin = 0; spin < round * 7 % 400; ++spin)
            asm volatile("pause");
        child.block->work.fetch_or(host::kWorkSignal);
        host::interrupt_thread(state.process, state.thread);
        while (load(&state.interrupted) != round && host::monotonic_ns() < deadline)
            host::yield();
    }
    CHECK(load(&state.interrupted) == state.rounds);
    CHECK(finish(child, kind == Kind::Thread));
}
void interrupt_threads() {
    interrupt_across(Kind::Thread);
}
void interrupt_forks() {
    interrupt_across(Kind::Fork);
}

void pending_work_ends_waits() {
    ThreadBlock& block = *host::current_block();
    u32* word = new_word();
    block.work.store(host::kWorkSignal);
    CHECK(host::wait_interruptible(word, 0, soon(5'000)) == host::WaitResult::Interrupted);
    CHECK_ERROR(host::poll_interruptible(nullptr, 0, soon(5'000)), EINTR);
    CHECK(host::wait(word, 0, soon(5)) == host::WaitResult::TimedOut); // not this one
    block.work.store(0);
}

void plain_wait_body(void* context) {
    auto* word = static_cast<u32*>(context);
    const u64 deadline = soon(200);
    __atomic_store_n(word + 1, 1, __ATOMIC_RELEASE);
    host::WaitResult result;
    do
        result = host::wait(word, 0, deadline);
    while (result == host::WaitResult::Woken);
    CHECK(result == host::WaitResult::TimedOut);
    CHECK(host::monotonic_ns() >= deadline);
}

void plain_waits_go_on() {
    u32* words = new_word();
    const Child child = start(Kind::Thread, plain_wait_body, words);
    while (load(words + 1) == 0)
        host::yield();
    for (int i = 0; i < 10; ++i) {
        host::interrupt_thread(child.block->host_process, child.block->host_thread);
        sleep_ms(5);
    }
    CHECK(finish(child, true));
}

} // namespace

extern const Test kWaitTests[] = {{"wait.clocks", clocks},
                                  {"wait.randomness", randomness},
                                  {"wait.changed_and_deadlines", changed_and_deadlines},
                                  {"wait.wake_across_threads", wake_across_threads},
                                  {"wait.wake_across_forks", wake_across_forks},
                                  {"wait.wake_across_spawned", wake_across_spawned},
                                  {"wait.interrupt_threads", interrupt_threads},
                                  {"wait.interrupt_forks", interrupt_forks},
                                  {"wait.pending_work_ends_waits", pending_work_ends_waits},
                                  {"wait.plain_waits_go_on", plain_waits_go_on},
                                  {}};

} // namespace host_test
