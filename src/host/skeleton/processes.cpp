// Pico processes, threads, processors. See README.md.
#include "host/host.hpp"

namespace host {

Result<void> fork_process(ThreadBlock&) {
    return Errno::ENOSYS;
}
Result<void> spawn_process(ThreadBlock&, void (*)(ThreadBlock&)) {
    return Errno::ENOSYS;
}
Result<void> create_thread(ThreadBlock&, void (*)(ThreadBlock&)) {
    return Errno::ENOSYS;
}
void exit_thread() {
    for (;;) {
    }
}
void exit_process() {
    for (;;) {
    }
}
void adopt_thread(ThreadBlock&) {}
void kill_process(i32) {}
u64 guest_fs_base() {
    return 0;
}
void set_guest_fs_base(u64) {}
u32 processor_count() {
    return 1;
}
Result<usize> get_affinity(i32, void*, usize) {
    return Errno::ENOSYS;
}
Result<void> set_affinity(i32, const void*, usize) {
    return Errno::ENOSYS;
}
MemoryStatus memory_status() {
    return {};
}
usize host_information(std::string_view, char*, usize) {
    return 0;
}

} // namespace host
