// Log, randomness, clocks, waiting, and what the host tells of itself.
#include "abi/fcntl.hpp"
#include "abi/futex.hpp"
#include "abi/resource.hpp"
#include "abi/sched.hpp"
#include "host/linux/internal.hpp"
#include "lxcore/kernel.hpp"

namespace host {

using namespace linux_host;

void close(Handle handle) { (void)host_call(abi::SYS_close, static_cast<u64>(handle)); }

void log(std::string_view line) {
    // One write, so that lines of several processes do not mix (the log is opened for appending).
    base::FixedWriter<1200> text;
    const u64 now = monotonic_ns();
    base::print(text, "{:6}.{:06} {}", now / 1'000'000'000, now / 1000 % 1'000'000, line);
    text.put('\n');
    if (text.is_truncated())
        text.data()[text.length() - 1] = '\n';
    (void)host_call(abi::SYS_write, static_cast<u64>(g_state.log), address_of(text.data()), text.length());
}

void random_bytes(void* buffer, usize length) {
    auto* at = static_cast<u8*>(buffer);
    while (length > 0) {
        const i64 got = host_call(abi::SYS_getrandom, address_of(at), base::min<usize>(length, 1 << 20), 0);
        if (got <= 0)
            continue;
        at += got;
        length -= static_cast<usize>(got);
    }
}

u64 monotonic_ns() {
    abi::timespec now{};
    if (!g_state.vdso_clock_gettime || g_state.vdso_clock_gettime(abi::CLOCK_MONOTONIC, &now) != 0)
        (void)host_call(abi::SYS_clock_gettime, abi::CLOCK_MONOTONIC, address_of(&now));
    return static_cast<u64>(now.tv_sec) * 1'000'000'000 + static_cast<u64>(now.tv_nsec);
}

Result<abi::timespec> clock_time(i32 clock) {
    abi::timespec now{};
    if (g_state.vdso_clock_gettime && g_state.vdso_clock_gettime(clock, &now) == 0)
        return now;
    TRY(void_result(host_call(abi::SYS_clock_gettime, static_cast<u64>(clock), address_of(&now))));
    return now;
}

namespace {

CpuTimes usage_of(i32 who) {
    abi::rusage usage{};
    (void)host_call(abi::SYS_getrusage, static_cast<u64>(static_cast<i64>(who)), address_of(&usage));
    const auto nanoseconds = [](const abi::timeval& time) {
        return static_cast<u64>(time.tv_sec) * 1'000'000'000 + static_cast<u64>(time.tv_usec) * 1000;
    };
    return {nanoseconds(usage.ru_utime), nanoseconds(usage.ru_stime)};
}

} // namespace

CpuTimes thread_cpu_times() { return usage_of(1); }
CpuTimes process_cpu_times() { return usage_of(0); }

namespace {

// A CPU clock of the host, see clock_getcpuclockid(3). kind: abi::CPUCLOCK_*.
u64 cpu_clock_ns(i32 id, i32 kind) {
    abi::timespec time{};
    const i64 clock = static_cast<i32>(~static_cast<u32>(id) << 3 | static_cast<u32>(kind));
    if (is_error(host_call(abi::SYS_clock_gettime, static_cast<u64>(clock), address_of(&time))))
        return 0;
    return static_cast<u64>(time.tv_sec) * 1'000'000'000 + static_cast<u64>(time.tv_nsec);
}

// From the scheduler's exact sum, split by the ticks' proportion.
CpuTimes cpu_times_of(i32 id, i32 scope) {
    const u64 total = cpu_clock_ns(id, scope | abi::CPUCLOCK_SCHED);
    const u64 user = base::min(cpu_clock_ns(id, scope | abi::CPUCLOCK_VIRT), total);
    return {user, total - user};
}

// Fields 14 and 15 of a stat page of /proc, behind the name, which ends with the last parenthesis.
CpuTimes times_from_stat(const char* path) {
    const i64 file = host_call(abi::SYS_openat, static_cast<u64>(i64{abi::AT_FDCWD}), address_of(path),
                               abi::O_RDONLY | abi::O_CLOEXEC);
    if (is_error(file))
        return {0, 0};
    char text[1024];
    const i64 length = host_call(abi::SYS_read, static_cast<u64>(file), address_of(text), sizeof(text));
    close(static_cast<Handle>(file));
    i64 at = length - 1;
    while (at > 0 && text[at] != ')')
        --at;
    u64 values[2] = {};
    u32 field = 2;
    for (at += 2; at < length && field < 15; ++at) {
        if (text[at] == ' ') {
            ++field;
            continue;
        }
        if (field == 13 || field == 14)
            if (text[at] >= '0' && text[at] <= '9')
                values[field - 13] = values[field - 13] * 10 + static_cast<u64>(text[at] - '0');
    }
    constexpr u64 kTickNs = 10'000'000;
    return {values[0] * kTickNs, values[1] * kTickNs};
}

} // namespace

CpuTimes other_process_cpu_times(i32 host_process) { return cpu_times_of(host_process, 0); }

CpuTimes other_thread_cpu_times(i32 host_process, i32 host_thread) {
    // The host tells a thread's clock to its own process only; others get the ticks of /proc.
    const CpuTimes times = cpu_times_of(host_thread, abi::CPUCLOCK_PERTHREAD_MASK);
    if (times.user_ns || times.system_ns)
        return times;
    base::FixedWriter<64> path;
    base::print(path, "/proc/{}/task/{}/stat", host_process, host_thread);
    path.put('\0');
    return times_from_stat(path.data());
}

namespace {

WaitResult result_of_wait(i64 result) {
    switch (-result) {
    case static_cast<i64>(Errno::ETIMEDOUT): return WaitResult::TimedOut;
    case static_cast<i64>(Errno::EINTR): return WaitResult::Interrupted;
    case static_cast<i64>(Errno::EAGAIN): return WaitResult::Changed;
    default: return WaitResult::Woken;
    }
}

struct Deadline {
    abi::timespec time;
    u64 address;
    explicit Deadline(u64 deadline_ns)
        : time{static_cast<i64>(deadline_ns / 1'000'000'000), static_cast<i64>(deadline_ns % 1'000'000'000)},
          address(deadline_ns == kNoDeadline ? 0 : address_of(&time)) {}
};

} // namespace

// FUTEX_WAIT_BITSET takes an absolute deadline on CLOCK_MONOTONIC.
WaitResult wait(u32* word, u32 expected, u64 deadline_ns) {
    const Deadline deadline(deadline_ns);
    i64 result;
    do // a kick is no wake-up here
        result = host_call(abi::SYS_futex, address_of(word), abi::FUTEX_WAIT_BITSET, expected, deadline.address, 0,
                           0xffff'ffff);
    while (result == -static_cast<i64>(Errno::EINTR));
    return result_of_wait(result);
}

WaitResult wait_interruptible(u32* word, u32 expected, u64 deadline_ns) {
    const Deadline deadline(deadline_ns);
    return result_of_wait(host_call_interruptible(abi::SYS_futex, address_of(word), abi::FUTEX_WAIT_BITSET, expected,
                                                  deadline.address, 0, 0xffff'ffff));
}

void wake(u32* word, u32 count) {
    (void)host_call(abi::SYS_futex, address_of(word), abi::FUTEX_WAKE, count > 0x7fff'ffff ? 0x7fff'ffff : count);
}

void yield() { (void)host_call(abi::SYS_sched_yield); }

Handle root_folder() { return g_state.root; }
Handle guest_tools_folder() { return g_state.guest_tools; }

usize host_information(std::string_view page, char* buffer, usize capacity) {
    base::FixedWriter<64> path;
    base::print(path, "/proc/{}", page);
    path.put('\0');
    if (path.is_truncated())
        return 0;
    const i64 file = host_call(abi::SYS_openat, static_cast<u64>(i64{abi::AT_FDCWD}), address_of(path.data()),
                               abi::O_RDONLY | abi::O_CLOEXEC);
    if (is_error(file))
        return 0;
    usize length = 0;
    while (length < capacity) {
        const i64 got = host_call(abi::SYS_read, static_cast<u64>(file), address_of(buffer + length), capacity - length);
        if (got <= 0)
            break;
        length += static_cast<usize>(got);
    }
    close(static_cast<Handle>(file));
    return length;
}

MemoryStatus memory_status() {
    char text[4096];
    const usize length = host_information("meminfo", text, sizeof(text));
    const std::string_view content{text, length};
    const auto value = [&](std::string_view name) -> u64 {
        usize at = content.find(name);
        if (at == std::string_view::npos)
            return 0;
        u64 number = 0;
        for (at += name.size(); at < content.size() && content[at] != '\n'; ++at)
            if (content[at] >= '0' && content[at] <= '9')
                number = number * 10 + static_cast<u64>(content[at] - '0');
        return number * 1024;
    };
    return {value("MemTotal:"), value("MemFree:"), value("MemAvailable:"), value("Buffers:"),
            value("\nCached:"), value("SwapTotal:"), value("SwapFree:")};
}

} // namespace host

namespace base {

void panic(const char* message, const char* file, int line) {
    FixedWriter<512> text;
    print(text, "panic: {} ({}:{})", message, file, line);
    host::log(text.view());
    text.put('\n');
    (void)host::linux_host::host_call(abi::SYS_write, 2, host::linux_host::address_of(text.data()), text.length());
    // Ends every pico process: they die with the instance host.
    host::linux_host::host_call(abi::SYS_kill, static_cast<u64>(host::linux_host::g_state.instance_process),
                                abi::SIGKILL);
    for (;;)
        host::linux_host::host_call(abi::SYS_exit_group, 134);
}

} // namespace base
