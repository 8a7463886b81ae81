// Log, clocks, processors, and what the host tells of itself.
#include "abi/time.hpp"
#include "host/nt/internal.hpp"

namespace host {

using namespace nt;

void log(std::string_view line) {
    preserve_vectors();
    // One write, so that lines of several processes do not mix (the log is opened for appending).
    base::FixedWriter<1200> text;
    const u64 now = g_process.performance_frequency ? monotonic_ns() : 0;
    base::print(text, "{:6}.{:06} {}", now / 1'000'000'000, now / 1000 % 1'000'000, line);
    text.put('\n');
    if (text.is_truncated())
        text.data()[text.length() - 1] = '\n';
    DWORD written;
    (void)WriteFile(g_process.log, text.data(), static_cast<DWORD>(text.length()), &written, nullptr);
}

u64 monotonic_ns() {
    preserve_vectors();
    LARGE_INTEGER now;
    QueryPerformanceCounter(&now);
    const u64 ticks = static_cast<u64>(now.QuadPart), frequency = g_process.performance_frequency;
    return ticks / frequency * 1'000'000'000 + ticks % frequency * 1'000'000'000 / frequency;
}

namespace {

constexpr u64 kEpochDifference = 116'444'736'000'000'000; // from 1601 to 1970, in units of 100 ns

u64 value_of(const FILETIME& time) { return u64{time.dwHighDateTime} << 32 | time.dwLowDateTime; }

abi::timespec timespec_of(u64 nanoseconds) {
    return {static_cast<i64>(nanoseconds / 1'000'000'000), static_cast<i64>(nanoseconds % 1'000'000'000)};
}

CpuTimes times_of(const FILETIME& kernel, const FILETIME& user) { return {value_of(user) * 100, value_of(kernel) * 100}; }

} // namespace

Result<abi::timespec> clock_time(i32 clock) {
    preserve_vectors();
    switch (clock) {
    case abi::CLOCK_REALTIME:
    case abi::CLOCK_REALTIME_COARSE:
    case abi::CLOCK_TAI: {
        FILETIME now;
        GetSystemTimePreciseAsFileTime(&now);
        return timespec_of((value_of(now) - kEpochDifference) * 100);
    }
    case abi::CLOCK_MONOTONIC:
    case abi::CLOCK_MONOTONIC_COARSE:
    case abi::CLOCK_MONOTONIC_RAW:
    case abi::CLOCK_BOOTTIME: return timespec_of(monotonic_ns());
    default: return Errno::EINVAL;
    }
}

CpuTimes thread_cpu_times() {
    preserve_vectors();
    FILETIME created, ended, kernel{}, user{};
    (void)GetThreadTimes(this_thread(), &created, &ended, &kernel, &user);
    return times_of(kernel, user);
}

CpuTimes process_cpu_times() {
    preserve_vectors();
    FILETIME created, ended, kernel{}, user{};
    (void)GetProcessTimes(this_process(), &created, &ended, &kernel, &user);
    return times_of(kernel, user);
}

// Of its threads, since Wine tells the caller's own time for that of any process.
CpuTimes other_process_cpu_times(i32 host_process) {
    Shared& state = shared();
    const u32 used = state.slots_in_use.load();
    for (u32 index = 1; index < kMaxProcesses; ++index) {
        const ProcessRecord& record = state.processes[index];
        if (record.number != host_process || record.state.load() != ProcessState::Running)
            continue;
        CpuTimes total{record.ended_user_ns.load(), record.ended_system_ns.load()};
        for (u32 slot = 0; slot < used; ++slot) {
            const u32 thread = state.slots[slot].thread.load();
            if (thread == 0 || state.slots[slot].process.load() != index)
                continue;
            const CpuTimes more = other_thread_cpu_times(host_process, static_cast<i32>(thread));
            total.user_ns += more.user_ns;
            total.system_ns += more.system_ns;
        }
        return total;
    }
    return {0, 0};
}

CpuTimes other_thread_cpu_times(i32, i32 host_thread) {
    preserve_vectors();
    const HANDLE thread = OpenThread(THREAD_QUERY_INFORMATION, FALSE, static_cast<DWORD>(host_thread));
    if (!thread)
        return {0, 0};
    FILETIME created, ended, kernel{}, user{};
    (void)GetThreadTimes(thread, &created, &ended, &kernel, &user);
    (void)NtClose(thread);
    return times_of(kernel, user);
}

u32 processor_count() {
    SYSTEM_INFO info;
    preserve_vectors();
    GetNativeSystemInfo(&info);
    return info.dwNumberOfProcessors ? info.dwNumberOfProcessors : 1;
}

// Processors of the group in which the process runs: as many as Windows shows in one mask, 64.
Result<usize> get_affinity(i32, void* mask, usize length) {
    preserve_vectors();
    DWORD_PTR process = 0, system = 0;
    if (!GetProcessAffinityMask(this_process(), &process, &system))
        return errno_of_win32(GetLastError());
    const u64 bits = process;
    if (length < sizeof(bits))
        return Errno::EINVAL;
    if (copy_guarded(mask, &bits, sizeof(bits)) != 0)
        return Errno::EFAULT;
    return sizeof(bits);
}

Result<void> set_affinity(i32 host_thread, const void* mask, usize length) {
    preserve_vectors();
    u64 bits = 0;
    if (copy_guarded(&bits, mask, base::min(length, sizeof(bits))) != 0)
        return Errno::EFAULT;
    const HANDLE thread =
        OpenThread(THREAD_SET_INFORMATION | THREAD_QUERY_INFORMATION, FALSE, static_cast<DWORD>(host_thread));
    if (!thread)
        return Errno::ESRCH;
    DWORD_PTR process = 0, system = 0;
    (void)GetProcessAffinityMask(this_process(), &process, &system);
    const bool is_set = (bits & process) != 0 && SetThreadAffinityMask(thread, bits & process) != 0;
    (void)NtClose(thread);
    if (!is_set)
        return Errno::EINVAL;
    return {};
}

MemoryStatus memory_status() {
    preserve_vectors();
    MEMORYSTATUSEX memory{};
    memory.dwLength = sizeof(memory);
    GlobalMemoryStatusEx(&memory);
    const u64 swap = memory.ullTotalPageFile > memory.ullTotalPhys ? memory.ullTotalPageFile - memory.ullTotalPhys : 0;
    return {memory.ullTotalPhys, memory.ullAvailPhys, memory.ullAvailPhys, 0, 0, swap,
            base::min(swap, memory.ullAvailPageFile > memory.ullAvailPhys ? memory.ullAvailPageFile - memory.ullAvailPhys : 0)};
}

usize host_information(std::string_view, char*, usize) { return 0; }

} // namespace host

namespace base {

void panic(const char* message, const char* file, int line) {
    using namespace host::nt;
    FixedWriter<512> text;
    print(text, "panic: {} ({}:{})", message, file, line);
    host::log(text.view());
    text.put('\n');
    complain(text.view());
    // Ends every pico process: they die with the instance host.
    (void)NtTerminateProcess(g_process.instance, 134);
    for (;;)
        (void)NtTerminateProcess(this_process(), 134);
}

} // namespace base
