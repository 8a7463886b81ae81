// The address space of the calling pico process, guarded access, vector state. See README.md.
#include "host/host.hpp"

namespace host {

Result<void> map_anonymous(u64, u64, u32) {
    return Errno::ENOSYS;
}
Result<void> map_shared_anonymous(u64, u64, u32) {
    return Errno::ENOSYS;
}
Result<void> map_file(u64, u64, u32, Handle, u64, bool) {
    return Errno::ENOSYS;
}
Result<void> map_arena(u64, u64, u32, u64, bool) {
    return Errno::ENOSYS;
}
Result<void> discard_arena(u64, u64) { return Errno::ENOSYS; }
Result<void> map_code(u64, u64) {
    return Errno::EOPNOTSUPP;
}
void populate(u64, u64) {}
Result<void> unmap(u64, u64) {
    return Errno::ENOSYS;
}
Result<void> protect(u64, u64, u32) {
    return Errno::ENOSYS;
}
Result<void> move_mapping(u64, u64, u64, u64) {
    return Errno::ENOSYS;
}
Result<void> advise(u64, u64, i32) {
    return Errno::ENOSYS;
}
Result<void> sync_mapping(u64, u64, i32) {
    return Errno::ENOSYS;
}
Result<void> residency(u64, u64, u8*) {
    return Errno::ENOSYS;
}
u64 keep_stack_end(u64) {
    return 0;
}
Result<void> lock_memory(u64, u64, bool) {
    return Errno::ENOSYS;
}
usize reserved_ranges(AddressRange*, usize) {
    return 0;
}
u64 vdso_address() {
    return 0;
}
void barrier_of_process(bool) {}
void barrier_everywhere() {}
Result<usize> read_process_memory(i32, u64, void*, usize) {
    return Errno::ENOSYS;
}
Result<usize> write_process_memory(i32, u64, const void*, usize) {
    return Errno::ENOSYS;
}
usize copy_guarded(void*, const void*, usize length) {
    return length;
}
usize fill_guarded(void*, u8, usize length) {
    return length;
}
isize string_length_guarded(const char*, usize) {
    return -1;
}
Result<u32> load_guarded(const u32*) {
    return Errno::ENOSYS;
}
Result<u32> compare_exchange_guarded(u32*, u32, u32) {
    return Errno::ENOSYS;
}
Result<u32> exchange_guarded(u32*, u32) {
    return Errno::ENOSYS;
}
Result<u32> fetch_add_guarded(u32*, u32) {
    return Errno::ENOSYS;
}
Result<u32> fetch_or_guarded(u32*, u32) {
    return Errno::ENOSYS;
}
Result<u32> fetch_and_guarded(u32*, u32) {
    return Errno::ENOSYS;
}
Result<u32> fetch_xor_guarded(u32*, u32) {
    return Errno::ENOSYS;
}
usize vector_state_bytes() {
    return 0;
}
u64 vector_state_features() {
    return 0;
}
Result<void> save_vector_state(void*) {
    return Errno::ENOSYS;
}
Result<void> restore_vector_state(const void*) {
    return Errno::ENOSYS;
}
void reset_vector_state() {}

} // namespace host
