// Runs the tests, and stands in for the kernel that host and engine call.
#include "engine/engine.hpp"
#include "host_test.hpp"
#include "lxcore/sync/lock.hpp"

namespace host_test {

namespace {

// Behind a test's block: what the thread shall do.
struct Work {
    void (*body)(void*);
    void* context;
    u32* done;
    bool ends_process;
};
Work& work_of(ThreadBlock& block) {
    return *reinterpret_cast<Work*>(reinterpret_cast<u64>(&block) + sizeof(ThreadBlock));
}

struct Shared {
    u32 failures;
    u32 never; // what sleeping threads wait on
    Entry entry;
};
// At a place that every process knows.
Shared& shared() {
    return *reinterpret_cast<Shared*>(kSharedAddress);
}

[[noreturn]] void do_work(ThreadBlock& block) {
    const Work work = work_of(block);
    if (work.body)
        work.body(work.context);
    __atomic_store_n(work.done, 1, __ATOMIC_RELEASE);
    host::wake(work.done, ~0u);
    if (work.ends_process)
        host::exit_process();
    host::exit_thread();
}

// A page with a system call in it, for forked children, which start in guest code.
u64 guest_call() {
    constexpr u64 kAddress = kGuest - 0x10000;
    static bool is_mapped;
    if (!is_mapped) {
        static constexpr u8 kCode[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x0b};
        is_mapped = host::map_anonymous(kAddress, base::kPageSize, 3).is_ok() &&
                    host::copy_guarded(reinterpret_cast<void*>(kAddress), kCode, sizeof(kCode)) == 0 &&
                    host::protect(kAddress, base::kPageSize, 5).is_ok();
        if (!is_mapped)
            report_failure("guest code page", __FILE__, __LINE__);
    }
    return kAddress;
}

Child prepare(void (*body)(void*), void* context, bool ends_process) {
    auto* block =
        reinterpret_cast<ThreadBlock*>(arena_memory(host::kThreadBlockBytes, host::kThreadBlockBytes));
    block->frame = reinterpret_cast<u64>(block) + host::kFrameOffset;
    block->self = block;
    host::Frame& frame = block->guest_frame();
    frame.cs = host::kGuestCodeSelector;
    frame.ss = host::kGuestStackSelector;
    frame.rflags = 0x202;
    frame.rsp = kGuest - 0x8000;
    auto* done = reinterpret_cast<u32*>(arena_memory(4));
    work_of(*block) = {body, context, done, ends_process};
    return {block, done};
}

void enter_work(ThreadBlock& block) {
    do_work(block);
}

void run_list(const Test* tests) {
    for (; tests->name; ++tests) {
        const u32 before = __atomic_load_n(&shared().failures, __ATOMIC_RELAXED);
        tests->run();
        base::FixedWriter<100> line;
        base::print(line, "{} {}",
                    before == __atomic_load_n(&shared().failures, __ATOMIC_RELAXED) ? "ok" : "FAIL",
                    tests->name);
        print_line(line.view());
    }
}

} // namespace

void report_failure(const char* what, const char* file, int line) {
    __atomic_fetch_add(&shared().failures, 1, __ATOMIC_RELAXED);
    base::FixedWriter<300> text;
    base::print(text, "{}:{}: not so: {}", file, line, what);
    print_line(text.view());
}

Child start(Kind kind, void (*body)(void*), void* context) {
    const Child child = prepare(body, context, kind != Kind::Thread);
    if (kind == Kind::Thread) {
        CHECK_OK(host::create_thread(*child.block, enter_work));
    } else if (kind == Kind::Spawn) {
        CHECK_OK(host::spawn_process(*child.block, enter_work));
    } else {
        child.block->guest_frame().rip = guest_call();
        CHECK_OK(host::fork_process(*child.block));
    }
    return child;
}

Child start_guest(u64 rip, void (*body)(void*), void* context) {
    const Child child = prepare(body, context, false);
    child.block->guest_frame().rip = rip;
    CHECK_OK(host::create_thread(*child.block, nullptr));
    return child;
}

bool finish(const Child& child, bool is_thread) {
    const u64 deadline = soon(20'000);
    while (__atomic_load_n(child.done, __ATOMIC_ACQUIRE) == 0)
        if (host::wait(child.done, 0, deadline) == host::WaitResult::TimedOut)
            return false;
    if (!is_thread)
        return true;
    auto* alive = reinterpret_cast<u32*>(&child.block->host_alive);
    for (;;) {
        const u32 value = __atomic_load_n(alive, __ATOMIC_ACQUIRE);
        if (value == 0)
            return true;
        if (host::wait(alive, value, deadline) == host::WaitResult::TimedOut)
            return false;
    }
}

Entry& last_entry() {
    return shared().entry;
}

u64 soon(u64 milliseconds) {
    return host::monotonic_ns() + milliseconds * 1'000'000;
}

void sleep_ms(u64 milliseconds) {
    const u64 deadline = soon(milliseconds);
    while (host::monotonic_ns() < deadline)
        (void)host::wait(&shared().never, 0, deadline);
}

bool run_all() {
    run_list(kMemoryTests);
    run_list(kWaitTests);
    run_list(kProcessTests);
    run_list(kFileTests);
    run_list(kSocketTests);
    print_line(shared().failures == 0 ? "all passed" : "some failed");
    return shared().failures == 0;
}

} // namespace host_test

// ---- the kernel's side of host and engine

using namespace host_test;

extern "C" {
bool lxcore_find_text(u64, engine::TextPlace*) {
    return false;
}
void lxcore_improve_text(u64) {}
void lxcore_abandon_texts() {}
void lxcore_system_call(host::Frame* frame) {
    last_entry() = {Entry::Why::SystemCall, frame->original_rax, frame->rip, 0};
    do_work(*host::current_block());
}
void lxcore_exception(host::Frame*, const engine::Exception* exception) {
    last_entry() = {Entry::Why::Exception, 0, exception->address, exception->trap};
    do_work(*host::current_block());
}
void lxcore_interrupt(host::Frame*) {
    last_entry() = {Entry::Why::Interrupt, 0, 0, 0};
    do_work(*host::current_block());
}
void lxcore_return_work(host::Frame*) {
    host::current_block()->work.store(0);
}
}

namespace engine {
u64 canonical_rip(u64 rip) {
    return rip;
}
u64 executable_rip(u64 rip) {
    return rip;
}
} // namespace engine

namespace lxcore {
// Without the list of held locks, which lies in the Task.
void Mutex::lock() {
    u32 expected = 0;
    while (!m_word.compare_exchange_weak(expected, 1, std::memory_order_acquire)) {
        expected = 0;
        host::yield();
    }
}
void Mutex::unlock() {
    m_word.store(0, std::memory_order_release);
}
} // namespace lxcore
