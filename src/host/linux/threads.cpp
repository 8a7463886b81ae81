// Pico processes and host threads. All pico processes are children of the instance host and share its table of
// descriptors (CLONE_PARENT | CLONE_FILES), so that a descriptor is valid in each of them.
#include "abi/futex.hpp"
#include "abi/prctl.hpp"
#include "abi/resource.hpp"
#include "abi/sched.hpp"
#include "engine/direct/direct.hpp"
#include "engine/engine.hpp"
#include "host/linux/internal.hpp"
#include "lxcore/sync/lock.hpp"

extern "C" {
i64 lx_clone(u64 flags, u64 stack, i32* parent_tid, u32* child_tid, host::ThreadBlock* block, u64 child_start);
[[noreturn]] void lx_return_to_guest(u64 frame);
extern const char __executable_start[], etext[];
}

// The child starts on its own kernel stack, right below its frame, and calls child_start(block).
asm(R"(
        .text
        .globl lx_clone
lx_clone:
        pushq   %rbx
        pushq   %r12
        movq    %r8, %rbx
        movq    %rcx, %r10
        movq    %r9, %r12
        xorl    %r8d, %r8d
        movl    $56, %eax
        syscall
        testq   %rax, %rax
        jz      1f
        popq    %r12
        popq    %rbx
        ret
1:      xorl    %ebp, %ebp
        # Reading first: for a read fault in the arena the host maps the pages around too, for a write that page alone.
        movq    -8(%rsp), %rdi
        movq    %rbx, %rdi
        call    *%r12
        ud2
)");

namespace host {

using namespace linux_host;

namespace linux_host {

State g_state;

namespace {

constexpr u64 kArchSetGs = 0x1001, kArchSetFs = 0x1002, kArchGetFs = 0x1003;
constexpr u64 kSetSyscallUserDispatch = 59, kDispatchOn = 1;

} // namespace

void set_gs_base(u64 base) {
    if (g_state.has_fsgsbase)
        asm volatile("wrgsbase %0" : : "r"(base));
    else
        (void)host_call(abi::SYS_arch_prctl, kArchSetGs, base);
}

void prepare_thread(ThreadBlock& block) {
    set_gs_base(reinterpret_cast<u64>(&block));
    block.self = &block;
    adopt_thread(block);
    if (!engine::runs_in_place())
        return;
    const u64 text = reinterpret_cast<u64>(__executable_start);
    (void)host_call(abi::SYS_prctl, kSetSyscallUserDispatch, kDispatchOn, text,
                    base::page_ceil(reinterpret_cast<u64>(etext)) - text, 0);
}

namespace {

void prepare_process() {
    (void)host_call(abi::SYS_prctl, abi::PR_SET_PDEATHSIG, abi::SIGKILL);
    // It may have died before that.
    if (host_call(abi::SYS_getppid) != g_state.instance_process)
        (void)host_call(abi::SYS_exit_group, 1);
}

struct StartRequest {
    ThreadBlock* block;
    void (*entry)(ThreadBlock&);
};

[[noreturn]] void start_guest(ThreadBlock& block) {
    set_guest_fs_base(block.fork_fs_base);
    lx_return_to_guest(block.frame);
}

[[noreturn]] void forked_child(ThreadBlock* block) {
    prepare_thread(*block);
    engine::after_fork();
    prepare_process();
    start_guest(*block);
}

[[noreturn]] void spawned_child(ThreadBlock* block) {
    prepare_thread(*block);
    prepare_process();
    if (g_state.initial_stack.end)
        (void)host_call(abi::SYS_munmap, g_state.initial_stack.start,
                        g_state.initial_stack.end - g_state.initial_stack.start);
    reinterpret_cast<void (*)(ThreadBlock&)>(block->host_private)(*block);
    start_guest(*block);
}

[[noreturn]] void new_thread(ThreadBlock* block) {
    prepare_thread(*block);
    if (block->host_private)
        reinterpret_cast<void (*)(ThreadBlock&)>(block->host_private)(*block);
    start_guest(*block);
}

Result<void> clone_onto(ThreadBlock& child, u64 flags, void (*start)(ThreadBlock*)) {
    child.host_alive.store(1, std::memory_order_release);
    child.self = &child;
    // The host fills in host_thread before the child runs: afterwards its block may have another owner already.
    const i64 result =
        lx_clone(flags | abi::CLONE_CHILD_CLEARTID | abi::CLONE_PARENT_SETTID, child.frame, &child.host_thread,
                 reinterpret_cast<u32*>(&child.host_alive), &child, reinterpret_cast<u64>(start));
    if (is_error(result)) {
        child.host_alive.store(0, std::memory_order_release);
        return error_of(result);
    }
    return {};
}

// ---- the spawner: a thread of the instance host, whose address space holds no guest memory --------------------

// One request at a time. Whoever made it may be killed at any moment: the request stays what it is, and the next one waits for its end.
struct Spawner {
    enum State : u32 { Idle, Requested };
    std::atomic<u32> state;
    lxcore::Mutex lock;
    ThreadBlock* block;
    void (*entry)(ThreadBlock&);
    i64 result;

    u32* word() { return reinterpret_cast<u32*>(&state); }
    void wait_while(u32 value) {
        while (state.load(std::memory_order_acquire) == value)
            wait(word(), value, kNoDeadline);
    }
    void enter(State next) {
        state.store(next, std::memory_order_release);
        wake(word(), ~0u);
    }
};

Spawner* spawner() { return reinterpret_cast<Spawner*>(base::kArenaBase + 2048 + 512); }

} // namespace

[[noreturn]] void spawner_thread(ThreadBlock&) {
    Spawner& service = *spawner();
    for (;;) {
        service.wait_while(Spawner::Idle);
        ThreadBlock& child = *service.block;
        child.host_private = reinterpret_cast<u64>(service.entry);
        const auto result = clone_onto(child, abi::CLONE_FILES | abi::SIGCHLD, spawned_child);
        service.result = result.is_error() ? -static_cast<i64>(result.error()) : 0;
        service.enter(Spawner::Idle);
    }
}

void wake_spawner() { wake(spawner()->word(), ~0u); }

} // namespace linux_host

Result<void> fork_process(ThreadBlock& child) {
    // host_process stays the parent's until the child sets it (prepare_thread).
    engine::before_fork();
    const auto result = clone_onto(child, abi::CLONE_FILES | abi::CLONE_PARENT | abi::SIGCHLD, forked_child);
    engine::after_fork();
    return result;
}

Result<void> spawn_process(ThreadBlock& child, void (*entry)(ThreadBlock&)) {
    Spawner& service = *spawner();
    lxcore::LockGuard guard(service.lock);
    service.wait_while(Spawner::Requested); // by one that was killed since
    service.block = &child;
    service.entry = entry;
    // From here on it starts even if the caller is killed.
    child.host_process = 0;
    service.enter(Spawner::Requested);
    service.wait_while(Spawner::Requested);
    if (service.result < 0)
        return error_of(service.result);
    return {};
}

Result<void> create_thread(ThreadBlock& child, void (*entry)(ThreadBlock&)) {
    child.host_private = reinterpret_cast<u64>(entry);
    child.host_process = current_block()->host_process;
    return clone_onto(child,
                      abi::CLONE_VM | abi::CLONE_FS | abi::CLONE_FILES | abi::CLONE_SIGHAND | abi::CLONE_THREAD |
                          abi::CLONE_SYSVSEM,
                      new_thread);
}

void exit_thread() {
    for (;;)
        (void)host_call(abi::SYS_exit, 0);
}

void exit_process() {
    for (;;)
        (void)host_call(abi::SYS_exit_group, 0);
}

void adopt_thread(ThreadBlock& block) {
    const u64 fs_base = engine::keeps_fs_base() && block_of_stack()->self ? block_of_stack()->guest_fs_base : 0;
    set_gs_base(reinterpret_cast<u64>(&block));
    block.self = &block;
    block.entry = reinterpret_cast<u64>(&lx_entry_syscall);
    block.guest_fs_base = fs_base;
    // The host's signals find the block through their stack.
    abi::stack_t stack{};
    stack.ss_sp = reinterpret_cast<u64>(&block) + kTaskBytes;
    stack.ss_size = kHostSignalStackBytes;
    (void)host_call(abi::SYS_sigaltstack, address_of(&stack), 0);
    // Only now may others interrupt it. A forked process begins with its parent's signal stack, which lies in shared memory: a
    // signal to each of the two at the same time would write both contexts to one place.
    block.host_thread = static_cast<i32>(host_call(abi::SYS_gettid));
    std::atomic_signal_fence(std::memory_order_seq_cst);
    block.host_process = static_cast<i32>(host_call(abi::SYS_getpid));
}

void kill_process(i32 host_process) {
    if (host_process > 1)
        (void)host_call(abi::SYS_kill, static_cast<u64>(host_process), abi::SIGKILL);
}

void interrupt_thread(i32 host_process, i32 host_thread) {
    if (host_process > 1 && host_thread > 1)
        (void)host_call(abi::SYS_tgkill, static_cast<u64>(host_process), static_cast<u64>(host_thread), kKickSignal);
}

u64 guest_fs_base() {
    if (engine::keeps_fs_base())
        return current_block()->guest_fs_base;
    u64 base = 0;
    if (g_state.has_fsgsbase)
        asm volatile("rdfsbase %0" : "=r"(base));
    else
        (void)host_call(abi::SYS_arch_prctl, kArchGetFs, address_of(&base));
    return base;
}

void set_guest_fs_base(u64 base) {
    if (engine::keeps_fs_base()) {
        current_block()->guest_fs_base = base;
        return;
    }
    if (g_state.has_fsgsbase)
        asm volatile("wrfsbase %0" : : "r"(base));
    else
        (void)host_call(abi::SYS_arch_prctl, kArchSetFs, base);
}

u32 processor_count() {
    u64 mask[16] = {};
    const i64 bytes = host_call(abi::SYS_sched_getaffinity, 0, sizeof(mask), address_of(mask));
    u32 count = 0;
    for (i64 i = 0; i < bytes / 8; ++i)
        for (u64 word = mask[i]; word != 0; word &= word - 1)
            ++count;
    return count ? count : 1;
}

u64 handle_limit() {
    abi::rlimit64 limit{};
    (void)host_call(abi::SYS_prlimit64, 0, abi::RLIMIT_NOFILE, 0, address_of(&limit));
    return limit.rlim_cur;
}

Result<usize> get_affinity(i32 host_thread, void* mask, usize length) {
    return value_result<usize>(
        host_call(abi::SYS_sched_getaffinity, static_cast<u64>(host_thread), length, address_of(mask)));
}

Result<void> set_affinity(i32 host_thread, const void* mask, usize length) {
    return void_result(
        host_call(abi::SYS_sched_setaffinity, static_cast<u64>(host_thread), length, address_of(mask)));
}

} // namespace host

namespace engine {

void return_to_guest(host::ThreadBlock& block) { lx_return_to_guest(block.frame); }

} // namespace engine
