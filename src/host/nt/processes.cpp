// Pico processes. All are children of the instance host: a thread there keeps a few of them started ahead, since a start costs
// 15 to 35 ms. Each waits in the pool for its one order: to become a spawned process, or the copy of a forking one.
#include "host/nt/processes.hpp"

#include "abi/signal.hpp"
#include "host/nt/engine_port.hpp"
#include "host/nt/files_state.hpp"
#include "host/nt/memory.hpp"
#include "host/nt/threads.hpp"

namespace host {

using namespace nt;

namespace nt {

namespace {

constexpr u32 kPoolSize = 3;
constexpr u32 kStartTries = 4; // of one process whose low addresses turn out to be taken
constexpr u64 kOrderTimeoutNs = 20'000'000'000;
constexpr DWORD kKilled = 9;   // exit code of a process that kill_process() ended

HANDLE g_job, g_reaper_event;

// What has ended a process whose guest was not at its end. A fault that could not be delivered, for want of a stack: its code on
// Windows, 0 under Wine, where the processor's exception has ended the process of Linux below. (So has any signal of Linux; 0 is also the
// code of those that end by themselves, of which nothing is left to be told.)
i32 signal_of(DWORD code) {
    constexpr DWORD kErrorStatus = 0xc000'0000;
    return code == 0 || code >= kErrorStatus ? abi::SIGSEGV : abi::SIGKILL;
}

u32* word_of(std::atomic<u32>& value) { return reinterpret_cast<u32*>(&value); }

ProcessRecord* free_record() {
    for (u32 i = 1; i < kMaxProcesses; ++i) {
        ProcessState expected = ProcessState::Free;
        ProcessRecord& record = shared().processes[i];
        if (record.state.load() == ProcessState::Free &&
            record.state.compare_exchange_strong(expected, ProcessState::Starting))
            return &record;
    }
    return nullptr;
}

// Takes the addresses that programs without relocation want, before anything in the process can.
bool reserve_low_window(HANDLE process) {
    void* base = reinterpret_cast<void*>(kLowWindow);
    SIZE_T size = kLowWindowEnd - kLowWindow;
    return NtAllocateVirtualMemory(process, &base, 0, &size, MEM_RESERVE, PAGE_NOACCESS) >= 0;
}

bool start_one(ProcessRecord& record) {
    static wchar_t image[1024];
    if (!image[0] && GetModuleFileNameW(nullptr, image, 1024) == 0)
        return false;
    const u32 index = static_cast<u32>(&record - shared().processes);
    record.order.store(static_cast<u32>(Order::None));
    record.kicks.store(0);
    for (std::atomic<u64>& request : record.closes)
        request.store(0);
    record.claimed_by = 0;
    record.holders.store(kHeldByProcess);
    record.number = 0;
    record.ended_user_ns.store(0);
    record.ended_system_ns.store(0);
    for (u32 attempt = 0; attempt < kStartTries; ++attempt) {
        wchar_t command[64];
        base::FixedWriter<64> text;
        base::print(text, "lxkernel --pico={:x},{:x}", shared().host_section, index);
        for (usize i = 0; i <= text.length(); ++i)
            command[i] = i < text.length() ? static_cast<wchar_t>(text.data()[i]) : 0;
        STARTUPINFOW startup{};
        startup.cb = sizeof(startup);
        startup.dwFlags = STARTF_USESTDHANDLES; // a detached process gets none by itself
        startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
        startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
        startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
        PROCESS_INFORMATION info{};
        // Without a console of its own: Windows would open a window for each, and Wine starts a program for each.
        if (!CreateProcessW(image, command, nullptr, nullptr, TRUE, CREATE_SUSPENDED | DETACHED_PROCESS, nullptr, nullptr, &startup,
                            &info))
            return false;
        (void)AssignProcessToJobObject(g_job, info.hProcess);
        if (reserve_low_window(info.hProcess)) {
            record.process_id = info.dwProcessId;
            record.number = static_cast<i32>(info.dwThreadId);
            record.handle = reinterpret_cast<u64>(info.hProcess);
            (void)NtResumeThread(info.hThread, nullptr);
            (void)NtClose(info.hThread);
            (void)NtSetEvent(g_reaper_event, nullptr);
            return true;
        }
        (void)NtTerminateProcess(info.hProcess, static_cast<NTSTATUS>(kKilled));
        (void)NtClose(info.hThread);
        (void)NtClose(info.hProcess);
    }
    return false;
}

// One holder less; the last one gives the record back.
void let_go(ProcessRecord& record, u32 holder) {
    if (record.holders.fetch_and(~holder) != holder)
        return;
    record.state.store(ProcessState::Free);
    shared().pool_wanted.fetch_add(1);
    wake(word_of(shared().pool_wanted), 1);
}

u32 spare_processes() {
    u32 count = 0;
    for (u32 i = 1; i < kMaxProcesses; ++i) {
        const ProcessState state = shared().processes[i].state.load();
        count += state == ProcessState::Ready || state == ProcessState::Starting;
    }
    return count;
}

DWORD WINAPI pool_main(void* slot) {
    use_slot(static_cast<u32>(reinterpret_cast<u64>(slot)));
    Shared& state = shared();
    for (;;) {
        const u32 seen = state.pool_wanted.load();
        while (spare_processes() < kPoolSize) {
            ProcessRecord* record = free_record();
            if (record && start_one(*record))
                continue;
            if (record)
                record->state.store(ProcessState::Free);
            state.pool_failures.fetch_add(1);
            state.pool_ready.fetch_add(1);
            wake(word_of(state.pool_ready), ~0u);
            break;
        }
        (void)wait(word_of(state.pool_wanted), seen, kNoDeadline);
    }
}

} // namespace

void start_pool() {
    g_job = CreateJobObjectW(nullptr, nullptr);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (!g_job || !SetInformationJobObject(g_job, JobObjectExtendedLimitInformation, &limits, sizeof(limits)))
        fail("pico processes", "no job object", GetLastError());
    (void)NtCreateEvent(&g_reaper_event, EVENT_ALL_ACCESS, nullptr, 1, FALSE);
    DWORD id;
    // CreateProcess wants a stack that a kernel stack is not.
    static u32 slot;
    const HANDLE thread = CreateThread(nullptr, 0, [](void*) -> DWORD { return pool_main(reinterpret_cast<void*>(u64{slot})); },
                                       nullptr, CREATE_SUSPENDED, &id);
    slot = thread ? take_slot(id, 0) : ~0u;
    if (slot == ~0u)
        fail("pico processes", "no thread", GetLastError());
    (void)NtResumeThread(thread, nullptr);
    (void)NtClose(thread);
}

void reap_processes(void (*notify)(i32 number, i32 signal)) {
    constexpr u32 kAtOnce = MAXIMUM_WAIT_OBJECTS - 1;
    constexpr DWORD kRoundMs = 20; // between groups when there are more than one wait takes
    Shared& state = shared();
    u32 next = 1;
    for (;;) {
        HANDLE handles[MAXIMUM_WAIT_OBJECTS] = {g_reaper_event};
        u16 indices[MAXIMUM_WAIT_OBJECTS];
        u32 count = 1, i = next;
        for (u32 step = 1; step < kMaxProcesses && count <= kAtOnce; ++step, i = i + 1 == kMaxProcesses ? 1 : i + 1) {
            ProcessRecord& record = state.processes[i];
            if (record.state.load() == ProcessState::Free || !record.handle)
                continue;
            indices[count] = static_cast<u16>(i);
            handles[count++] = reinterpret_cast<HANDLE>(record.handle);
        }
        const bool is_all = count <= kAtOnce;
        next = is_all ? 1 : i;
        const DWORD which = WaitForMultipleObjects(count, handles, FALSE, is_all ? INFINITE : kRoundMs);
        if (which == WAIT_OBJECT_0 || which == WAIT_TIMEOUT || which >= WAIT_OBJECT_0 + count)
            continue;
        ProcessRecord& record = state.processes[indices[which - WAIT_OBJECT_0]];
        const u32 index = indices[which - WAIT_OBJECT_0];
        DWORD code = kKilled;
        (void)GetExitCodeProcess(handles[which - WAIT_OBJECT_0], &code);
        const bool was_running = record.state.load() == ProcessState::Running;
        record.state.store(ProcessState::Dead);
        record.closes_done.fetch_add(1);
        wake(word_of(record.closes_done), ~0u);
        sweep_slots_of(index);
        finish_renames_of(index);
        forget_watches_of(index);
        for (u32 other = 1; other < kMaxProcesses; ++other) {
            ProcessRecord& claimed = state.processes[other];
            if (claimed.claimed_by != index || !(claimed.holders.load() & kHeldByClaimer))
                continue;
            // It waits for an order that nobody will give.
            if (claimed.state.load() == ProcessState::Claimed)
                (void)NtTerminateProcess(reinterpret_cast<HANDLE>(claimed.handle), static_cast<NTSTATUS>(kKilled));
            let_go(claimed, kHeldByClaimer);
        }
        // Who waits for its answer learns that none will come; one that has come stays.
        record.error = static_cast<i32>(Errno::EAGAIN);
        u32 order = record.order.load();
        while (order != static_cast<u32>(Order::Done) && order != static_cast<u32>(Order::Failed) &&
               !record.order.compare_exchange_weak(order, static_cast<u32>(Order::Failed))) {
        }
        wake(word_of(record.order), ~0u);
        (void)NtClose(reinterpret_cast<HANDLE>(record.handle));
        const i32 number = record.number;
        record.handle = 0;
        record.number = 0;
        if (was_running) {
            notify(number, signal_of(code));
        } else {
            state.pool_failures.fetch_add(1);
            state.pool_ready.fetch_add(1);
            wake(word_of(state.pool_ready), ~0u);
        }
        let_go(record, kHeldByProcess);
    }
}

HANDLE open_process(i32 number, DWORD access) {
    if (number == 0)
        return nullptr;
    for (ProcessRecord& record : shared().processes) {
        if (record.number != number || record.state.load() == ProcessState::Dead)
            continue;
        struct {
            HANDLE process, thread;
        } client{reinterpret_cast<HANDLE>(u64{record.process_id}), nullptr};
        OBJECT_ATTRIBUTES attributes{};
        attributes.Length = sizeof(attributes);
        HANDLE process;
        return NtOpenProcess(&process, access, &attributes, &client) < 0 ? nullptr : process;
    }
    return nullptr;
}

Result<ProcessRecord*> claim_process() {
    Shared& state = shared();
    const u32 failures = state.pool_failures.load();
    for (;;) {
        const u32 seen = state.pool_ready.load();
        for (u32 i = 1; i < kMaxProcesses; ++i) {
            ProcessRecord& record = state.processes[i];
            ProcessState expected = ProcessState::Ready;
            if (record.state.load() != ProcessState::Ready ||
                !record.state.compare_exchange_strong(expected, ProcessState::Claimed))
                continue;
            record.claimed_by = g_process.index;
            record.holders.fetch_or(kHeldByClaimer);
            state.pool_wanted.fetch_add(1);
            wake(word_of(state.pool_wanted), 1);
            return &record;
        }
        state.pool_wanted.fetch_add(1);
        wake(word_of(state.pool_wanted), 1);
        (void)wait(word_of(state.pool_ready), seen, kNoDeadline);
        constexpr u32 kFailuresEndured = 8; // of others' processes, or of starts that succeed when tried again
        if (state.pool_failures.load() - failures > kFailuresEndured)
            return Errno::EAGAIN;
    }
}

Result<void> give_order(ProcessRecord& record, Order order) {
    const u64 deadline = monotonic_ns() + kOrderTimeoutNs;
    // The reaper has an answer ready if the process is dead already.
    u32 expected = static_cast<u32>(Order::None);
    ProcessState claimed = ProcessState::Claimed;
    if (record.state.compare_exchange_strong(claimed, ProcessState::Running) &&
        record.order.compare_exchange_strong(expected, static_cast<u32>(order)))
        wake(word_of(record.order), 1);
    Errno error = Errno::OK;
    for (;;) {
        const u32 value = record.order.load();
        if (value == static_cast<u32>(Order::Done))
            break;
        if (value == static_cast<u32>(Order::Failed)) {
            error = record.error ? static_cast<Errno>(record.error) : Errno::EAGAIN;
            break;
        }
        if (wait(word_of(record.order), value, deadline) == WaitResult::TimedOut) {
            error = Errno::EAGAIN;
            break;
        }
    }
    if (error != Errno::OK)
        kill_process(record.number);
    let_go(record, kHeldByClaimer);
    if (error != Errno::OK)
        return error;
    return {};
}

void give_up(ProcessRecord& record) {
    kill_process(record.number);
    let_go(record, kHeldByClaimer);
}

namespace {

void finish_order(ProcessRecord& record, Order how) {
    record.order.store(static_cast<u32>(how));
    wake(word_of(record.order), ~0u);
}

void spawned_body(void* argument) {
    auto& block = *static_cast<ThreadBlock*>(argument);
    // The record may have its next owner's orders only after this process's death.
    void (*entry)(ThreadBlock&) = this_record().entry;
    finish_order(this_record(), Order::Done);
    if (entry)
        entry(block);
    start_guest(block);
}

void forked_body(void* argument) {
    finish_order(this_record(), Order::Done);
    start_guest(*static_cast<ThreadBlock*>(argument));
}

} // namespace

void run_pico_process() {
    ProcessRecord& record = this_record();
    adopt_low_window();
    prepare_engine();
    if (!start_kicker())
        (void)NtTerminateProcess(this_process(), 1);
    record.state.store(ProcessState::Ready);
    shared().pool_ready.fetch_add(1);
    wake(word_of(shared().pool_ready), ~0u);
    while (record.order.load() == static_cast<u32>(Order::None))
        (void)wait(word_of(record.order), static_cast<u32>(Order::None), kNoDeadline);
    const bool is_fork = record.order.load() == static_cast<u32>(Order::Fork);
    if (is_fork) {
        if (const auto copied = copy_parent(record); copied.is_error()) {
            record.error = static_cast<i32>(copied.error());
            finish_order(record, Order::Failed);
            for (;;)
                (void)NtTerminateProcess(this_process(), 0);
        }
    }
    ThreadBlock& block = *record.block;
    use_block(block);
    run_in_block(block, is_fork ? forked_body : spawned_body);
    // The first thread has ended before the others.
    block.host_alive.store(0, std::memory_order_release);
    wake(reinterpret_cast<u32*>(&block.host_alive), ~0u);
    end_slot();
    for (;;)
        ExitThread(0);
}

} // namespace nt

Result<void> spawn_process(ThreadBlock& child, void (*entry)(ThreadBlock&)) {
    preserve_vectors();
    ProcessRecord& record = *TRY(claim_process());
    record.block = &child;
    record.entry = entry;
    child.self = &child;
    vectors_of(child).is_saved = 0;
    child.host_process = child.host_thread = record.number;
    child.host_alive.store(1, std::memory_order_release);
    const auto done = give_order(record, Order::Spawn);
    if (done.is_error())
        child.host_alive.store(0, std::memory_order_release);
    return done;
}

void kill_process(i32 host_process) {
    preserve_vectors();
    if (const HANDLE process = open_process(host_process, PROCESS_TERMINATE)) {
        (void)NtTerminateProcess(process, static_cast<NTSTATUS>(kKilled));
        (void)NtClose(process);
    }
}

} // namespace host
