// Handles, log, randomness, clocks, waiting, streams, and the panic of base/assert.hpp. See README.md.
#include "base/assert.hpp"
#include "host/host.hpp"

namespace host {

void close(Handle) {}
void log(std::string_view) {}
void random_bytes(void*, usize) {}
u64 monotonic_ns() {
    return 0;
}
Result<abi::timespec> clock_time(i32) {
    return Errno::ENOSYS;
}
CpuTimes thread_cpu_times() {
    return {};
}
CpuTimes process_cpu_times() {
    return {};
}
CpuTimes other_process_cpu_times(i32) {
    return {};
}
CpuTimes other_thread_cpu_times(i32, i32) {
    return {};
}
WaitResult wait(u32*, u32, u64) {
    return WaitResult::TimedOut;
}
WaitResult wait_interruptible(u32*, u32, u64) {
    return WaitResult::TimedOut;
}
void wake(u32*, u32) {}
void yield() {}
void interrupt_thread(i32, i32) {}
Result<usize> stream_read(Handle, const abi::iovec*, usize) {
    return Errno::ENOSYS;
}
Result<usize> stream_write(Handle, const abi::iovec*, usize) {
    return Errno::ENOSYS;
}
Result<u64> stream_seek(Handle, i64, i32) {
    return Errno::ENOSYS;
}
Result<u32> stream_bytes_available(Handle) {
    return Errno::ENOSYS;
}
Result<u32> access_mode(Handle) {
    return Errno::ENOSYS;
}
Result<Handle> create_memory_file(const char*, u32) {
    return Errno::EOPNOTSUPP;
}
Result<void> add_seals(Handle, u32) {
    return Errno::EINVAL;
}
Result<u32> get_seals(Handle) {
    return Errno::EINVAL;
}

} // namespace host

namespace base {

void panic(const char*, const char*, int) {
    for (;;) {
    }
}

} // namespace base
