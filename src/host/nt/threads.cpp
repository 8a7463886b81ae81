#include "host/nt/threads.hpp"

#include "engine/translate/slots.hpp"
#include "host/nt/engine_port.hpp"
#include "host/nt/exceptions.hpp"
#include "host/nt/handles.hpp"

namespace host {

using namespace nt;

namespace nt {

namespace {

static_assert(LX_SLOT_BLOCK == 0x1480 && LX_SLOT_COUNT <= kTlsThreadSlot);
constexpr u32 kTlsBlock = 0, kTlsFrame = 1, kTlsGuestGs = 3, kTlsGuestFs = 4;

std::atomic<u32> g_kick_lock; // who holds it may suspend threads of this process

void lock_kicks() {
    for (u32 expected = 0; !g_kick_lock.compare_exchange_weak(expected, 1, std::memory_order_acquire); expected = 0)
        (void)NtYieldExecution();
}
void unlock_kicks() { g_kick_lock.store(0, std::memory_order_release); }

HANDLE open_thread(u32 id) {
    struct {
        HANDLE process, thread;
    } client{nullptr, reinterpret_cast<HANDLE>(u64{id})};
    OBJECT_ATTRIBUTES attributes{};
    attributes.Length = sizeof(attributes);
    HANDLE thread = nullptr;
    if (NtOpenThread(&thread, THREAD_SUSPEND_RESUME | THREAD_GET_CONTEXT | THREAD_SET_CONTEXT | THREAD_QUERY_INFORMATION,
                     &attributes, &client) < 0)
        return nullptr;
    return thread;
}

void kick_here(u32 slot) {
    if (slot == current_slot())
        return;
    lock_kicks();
    ThreadSlot& record = shared().slots[slot];
    const u32 id = record.thread.load();
    const HANDLE thread = id ? open_thread(id) : nullptr;
    if (thread) {
        if (NtSuspendThread(thread, nullptr) >= 0) {
            CONTEXT context{};
            context.ContextFlags = CONTEXT_CONTROL | CONTEXT_INTEGER;
            if (record.block && record.thread.load() == id && NtGetContextThread(thread, &context) >= 0 &&
                interrupt_context(context, *record.block))
                (void)NtSetContextThread(thread, &context);
            (void)NtResumeThread(thread, nullptr);
        }
        (void)NtClose(thread);
    }
    unlock_kicks();
}

void thread_body(void* argument) {
    auto& block = *static_cast<ThreadBlock*>(argument);
    if (block.host_private)
        reinterpret_cast<void (*)(ThreadBlock&)>(block.host_private)(block);
    start_guest(block);
}

DWORD WINAPI thread_main(void* argument) {
    auto& block = *static_cast<ThreadBlock*>(argument);
    // Noted there by create_thread(), before this runs.
    use_slot(static_cast<u32>(block.engine_slots[0]));
    use_block(block);
    run_in_block(block, thread_body);
    // From here on somebody else may have the block.
    block.host_alive.store(0, std::memory_order_release);
    wake(reinterpret_cast<u32*>(&block.host_alive), ~0u);
    end_slot();
    return 0;
}

u32 g_kicker_slot;

DWORD WINAPI kicker_main(void*) {
    use_slot(g_kicker_slot);
    std::atomic<u32>& kicks = this_record().kicks;
    Shared& state = shared();
    for (;;) {
        const u32 seen = kicks.load();
        const u32 used = state.slots_in_use.load();
        for (u32 slot = 0; slot < used; ++slot)
            if (state.slots[slot].kick.load() != 0 && state.slots[slot].process.load() == g_process.index &&
                state.slots[slot].kick.exchange(0) != 0)
                kick_here(slot);
        close_as_asked();
        if (!wait_or_death(reinterpret_cast<u32*>(&kicks), seen, g_process.instance))
            (void)NtTerminateProcess(this_process(), 1);
    }
}

constexpr u32 kMaxSuspended = 1024;
HANDLE g_suspended[kMaxSuspended];
u32 g_suspended_count;

} // namespace

void use_slot(u32 slot) { set_tls_slot<kTlsThreadSlot>(slot + 1); }

void take_own_slot(std::string_view what) {
    const u32 slot = take_slot(GetCurrentThreadId(), 0);
    if (slot == ~0u)
        fail(what, "too many threads");
    use_slot(slot);
}

void end_slot() {
    const CpuTimes used = thread_cpu_times();
    this_record().ended_user_ns.fetch_add(used.user_ns);
    this_record().ended_system_ns.fetch_add(used.system_ns);
    const u32 slot = current_slot();
    set_tls_slot<kTlsThreadSlot>(0);
    release_slot(slot);
}

void use_block(ThreadBlock& block) {
    block.self = &block;
    block.host_thread = static_cast<i32>(GetCurrentThreadId());
    block.host_process = this_record().number;
    set_tls_slot<kTlsBlock>(reinterpret_cast<u64>(&block));
    set_tls_slot<kTlsFrame>(block.frame);
    set_tls_slot<kTlsGuestGs>(block.guest_gs_base);
    shared().slots[current_slot()].block = &block;
}

void run_in_block(ThreadBlock& block, void (*function)(void*)) {
    u64 saved = 0;
    set_tls_slot<kTlsLeave>(reinterpret_cast<u64>(&saved));
    lx_run_on_stack(block.frame, function, &block, &saved);
    shared().slots[current_slot()].block = nullptr;
    set_tls_slot<kTlsBlock>(0);
}

void start_guest(ThreadBlock& block) {
    set_guest_fs_base(block.fork_fs_base);
    lx_return_to_guest(block.frame);
}

void kick_running(u32 slot) {
    ThreadSlot& record = shared().slots[slot];
    const u32 process = record.process.load();
    if (process == g_process.index) {
        kick_here(slot);
        return;
    }
    record.kick.store(1);
    std::atomic<u32>& kicks = shared().processes[process].kicks;
    kicks.fetch_add(1);
    wake(reinterpret_cast<u32*>(&kicks), 1);
}

bool start_kicker() {
    DWORD id;
    const HANDLE thread = CreateThread(nullptr, kGranule, kicker_main, nullptr,
                                       CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION, &id);
    if (!thread)
        return false;
    const u32 slot = take_slot(id, g_process.index);
    if (slot == ~0u) {
        (void)TerminateThread(thread, 0);
        (void)NtClose(thread);
        return false;
    }
    g_kicker_slot = slot;
    (void)NtResumeThread(thread, nullptr);
    (void)NtClose(thread);
    return true;
}

bool suspend_other_threads() {
    lock_kicks();
    g_suspended_count = 0;
    Shared& state = shared();
    const u32 used = state.slots_in_use.load();
    for (u32 slot = 0; slot < used; ++slot) {
        ThreadSlot& record = state.slots[slot];
        const u32 id = record.thread.load();
        if (id == 0 || record.process.load() != g_process.index || !record.block || slot == current_slot())
            continue;
        if (g_suspended_count == kMaxSuspended) {
            resume_other_threads();
            return false;
        }
        const HANDLE thread = open_thread(id);
        if (!thread)
            continue;
        CONTEXT context{};
        context.ContextFlags = CONTEXT_CONTROL;
        // Its context can be had once it has really stopped.
        if (NtSuspendThread(thread, nullptr) >= 0 && NtGetContextThread(thread, &context) >= 0)
            g_suspended[g_suspended_count++] = thread;
        else
            (void)NtClose(thread);
    }
    return true;
}

void resume_other_threads() {
    for (u32 i = 0; i < g_suspended_count; ++i) {
        (void)NtResumeThread(g_suspended[i], nullptr);
        (void)NtClose(g_suspended[i]);
    }
    unlock_kicks();
}

} // namespace nt

Result<void> create_thread(ThreadBlock& child, void (*entry)(ThreadBlock&)) {
    preserve_vectors();
    child.host_private = reinterpret_cast<u64>(entry);
    child.host_process = this_record().number;
    if (!entry)
        copy_vectors_to(child);
    DWORD id;
    const HANDLE thread = CreateThread(nullptr, kGranule, thread_main, &child,
                                       CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION, &id);
    if (!thread)
        return Errno::EAGAIN;
    const u32 slot = take_slot(id, g_process.index);
    if (slot == ~0u) {
        (void)TerminateThread(thread, 0);
        (void)NtClose(thread);
        return Errno::EAGAIN;
    }
    child.engine_slots[0] = slot;
    child.host_thread = static_cast<i32>(id);
    child.host_alive.store(1, std::memory_order_release);
    child.self = &child;
    (void)NtResumeThread(thread, nullptr);
    (void)NtClose(thread);
    return {};
}

void exit_thread() { lx_leave_stack(*reinterpret_cast<u64*>(tls_slot<kTlsLeave>())); }

void exit_process() {
    for (;;)
        (void)NtTerminateProcess(this_process(), 0);
}

void adopt_thread(ThreadBlock& block) {
    // The registers are those of the block that was current until now, unless the new one has its own.
    preserve_vectors();
    ThreadBlock* before = current_block();
    if (before && before != &block && !vectors_of(block).is_saved)
        copy_vectors_to(block);
    use_block(block);
}

u64 guest_fs_base() { return tls_slot<kTlsGuestFs>(); }
void set_guest_fs_base(u64 base) { set_tls_slot<kTlsGuestFs>(base); }

} // namespace host
