// The address space of the calling pico process.
#include "abi/fcntl.hpp"
#include "abi/mman.hpp"
#include "engine/engine.hpp"
#include "host/linux/internal.hpp"

extern "C" {
u64 lx_copy_guarded(void* to, const void* from, u64 length);
u64 lx_fill_guarded(void* to, u64 value, u64 length);
i64 lx_string_length_guarded(const char* text, u64 limit);
i64 lx_load_guarded(const u32* word);
i64 lx_cmpxchg_guarded(u32* word, u32 expected, u32 desired);
i64 lx_xchg_guarded(u32* word, u32 desired);
i64 lx_xadd_guarded(u32* word, u32 addend);
i64 lx_or_guarded(u32* word, u32 bits);
i64 lx_and_guarded(u32* word, u32 bits);
i64 lx_xor_guarded(u32* word, u32 bits);
i64 lx_xsave_guarded(void* area, u64 mask);
i64 lx_xrstor_guarded(const void* area, u64 mask);
}

namespace host {

using namespace linux_host;

namespace {

Result<void> map(u64 address, u64 length, u32 protection, u64 flags, i32 file, u64 offset) {
    const i64 result = host_call(abi::SYS_mmap, address, length, engine::host_protection(protection), flags | abi::MAP_FIXED,
                                 static_cast<u64>(static_cast<i64>(file)), offset);
    engine::code_changed(address, length);
    return void_result(result);
}

Result<u32> atomic_result(i64 value) {
    if (value < 0)
        return Errno::EFAULT;
    return static_cast<u32>(value);
}

} // namespace

Result<void> map_anonymous(u64 address, u64 length, u32 protection) {
    return map(address, length, protection, abi::MAP_PRIVATE | abi::MAP_ANONYMOUS | abi::MAP_NORESERVE, -1, 0);
}

Result<void> map_shared_anonymous(u64 address, u64 length, u32 protection) {
    return map(address, length, protection, abi::MAP_SHARED | abi::MAP_ANONYMOUS | abi::MAP_NORESERVE, -1, 0);
}

Result<void> map_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, bool shared) {
    return map(address, length, protection, shared ? abi::MAP_SHARED : abi::MAP_PRIVATE, file, offset);
}

Result<void> map_arena(u64 address, u64 length, u32 protection, u64 arena_address, bool shared) {
    return map(address, length, protection, shared ? abi::MAP_SHARED : abi::MAP_PRIVATE, g_state.arena,
               arena_address - base::kArenaBase);
}

Result<void> map_code(u64 address, u64 length) {
    TRY(void_result(host_call(abi::SYS_mmap, address, length, abi::PROT_READ | abi::PROT_WRITE | abi::PROT_EXEC,
                              abi::MAP_PRIVATE | abi::MAP_ANONYMOUS | abi::MAP_NORESERVE | abi::MAP_FIXED_NOREPLACE, ~u64{0}, 0)));
    // Small pages: most processes use little of it.
    (void)host_call(abi::SYS_madvise, address, length, abi::MADV_NOHUGEPAGE);
    return {};
}

void populate(u64 address, u64 length) { (void)host_call(abi::SYS_madvise, address, length, abi::MADV_POPULATE_WRITE); }

Result<void> discard_arena(u64 address, u64 length) {
    return void_result(host_call(abi::SYS_fallocate, static_cast<u64>(g_state.arena),
                                 abi::FALLOC_FL_PUNCH_HOLE | abi::FALLOC_FL_KEEP_SIZE, address - base::kArenaBase,
                                 length));
}

Result<void> unmap(u64 address, u64 length) {
    const i64 result = host_call(abi::SYS_munmap, address, length);
    engine::code_changed(address, length);
    return void_result(result);
}

Result<void> protect(u64 address, u64 length, u32 protection) {
    const i64 result = host_call(abi::SYS_mprotect, address, length, engine::host_protection(protection));
    engine::code_changed(address, length);
    return void_result(result);
}

Result<void> move_mapping(u64 old_address, u64 old_length, u64 new_address, u64 new_length) {
    const i64 result = host_call(abi::SYS_mremap, old_address, old_length, new_length,
                                 abi::MREMAP_MAYMOVE | abi::MREMAP_FIXED, new_address);
    engine::code_changed(old_address, old_length);
    engine::code_changed(new_address, new_length);
    // The kernel moves no range that it keeps as several mappings (EFAULT): halve it until each part is one.
    if (result != -static_cast<i64>(Errno::EFAULT) || old_length <= base::kPageSize)
        return void_result(result);
    const u64 first = base::page_floor(old_length / 2);
    TRY(move_mapping(old_address, first, new_address, first));
    return move_mapping(old_address + first, old_length - first, new_address + first, new_length - first);
}

Result<void> advise(u64 address, u64 length, i32 advice) {
    const i64 result = host_call(abi::SYS_madvise, address, length, static_cast<u64>(advice));
    if (advice == static_cast<i32>(abi::MADV_DONTNEED) || advice == static_cast<i32>(abi::MADV_FREE) ||
        advice == static_cast<i32>(abi::MADV_REMOVE))
        engine::code_changed(address, length);
    return void_result(result);
}

Result<void> sync_mapping(u64 address, u64 length, i32 flags) {
    return void_result(host_call(abi::SYS_msync, address, length, static_cast<u64>(flags)));
}

Result<void> residency(u64 address, u64 length, u8* vector) {
    return void_result(host_call(abi::SYS_mincore, address, length, address_of(vector)));
}

u64 keep_stack_end(u64) { return 0; } // host signals have a stack of their own

Result<void> lock_memory(u64 address, u64 length, bool lock) {
    return void_result(host_call(lock ? abi::SYS_mlock : abi::SYS_munlock, address, length));
}

usize reserved_ranges(AddressRange* ranges, usize capacity) {
    const usize count = base::min(capacity, g_state.reserved_count);
    for (usize i = 0; i < count; ++i)
        ranges[i] = g_state.reserved[i];
    return g_state.reserved_count;
}

u64 vdso_address() { return g_state.vdso; }

void barrier_of_process(bool synchronize_core) {
    const u64 barrier = synchronize_core ? abi::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
                                         : abi::MEMBARRIER_CMD_PRIVATE_EXPEDITED;
    const u64 registration = synchronize_core ? abi::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
                                              : abi::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    if (host_call(abi::SYS_membarrier, barrier, 0, 0) == 0)
        return;
    // Each process registers when it first needs it.
    if (host_call(abi::SYS_membarrier, registration, 0, 0) == 0 && host_call(abi::SYS_membarrier, barrier, 0, 0) == 0)
        return;
    barrier_everywhere();
}

void barrier_everywhere() { (void)host_call(abi::SYS_membarrier, abi::MEMBARRIER_CMD_GLOBAL, 0, 0); }

namespace {

Result<usize> transfer(u64 call, i32 process, u64 remote, const void* local, usize length) {
    const abi::iovec here{reinterpret_cast<u64>(local), length};
    const abi::iovec there{remote, length};
    return value_result<usize>(host_call(call, static_cast<u64>(process), address_of(&here), 1, address_of(&there), 1, 0));
}

} // namespace

Result<usize> read_process_memory(i32 host_process, u64 address, void* buffer, usize length) {
    return transfer(abi::SYS_process_vm_readv, host_process, address, buffer, length);
}

Result<usize> write_process_memory(i32 host_process, u64 address, const void* buffer, usize length) {
    return transfer(abi::SYS_process_vm_writev, host_process, address, buffer, length);
}

usize copy_guarded(void* destination, const void* source, usize length) {
    return lx_copy_guarded(destination, source, length);
}
usize fill_guarded(void* destination, u8 value, usize length) { return lx_fill_guarded(destination, value, length); }
isize string_length_guarded(const char* text, usize limit) { return lx_string_length_guarded(text, limit); }
Result<u32> load_guarded(const u32* word) { return atomic_result(lx_load_guarded(word)); }
Result<u32> compare_exchange_guarded(u32* word, u32 expected, u32 desired) {
    return atomic_result(lx_cmpxchg_guarded(word, expected, desired));
}
Result<u32> exchange_guarded(u32* word, u32 desired) { return atomic_result(lx_xchg_guarded(word, desired)); }
Result<u32> fetch_add_guarded(u32* word, u32 addend) { return atomic_result(lx_xadd_guarded(word, addend)); }
Result<u32> fetch_or_guarded(u32* word, u32 bits) { return atomic_result(lx_or_guarded(word, bits)); }
Result<u32> fetch_and_guarded(u32* word, u32 bits) { return atomic_result(lx_and_guarded(word, bits)); }
Result<u32> fetch_xor_guarded(u32* word, u32 bits) { return atomic_result(lx_xor_guarded(word, bits)); }

usize vector_state_bytes() { return g_state.xsave_bytes; }
u64 vector_state_features() { return g_state.xsave_mask; }

Result<void> save_vector_state(void* area) {
    // XSAVE leaves most of the header as it is; the signal ABI wants it clean.
    if (lx_fill_guarded(static_cast<u8*>(area) + 512, 0, 64) != 0 || lx_xsave_guarded(area, g_state.xsave_mask) != 0)
        return Errno::EFAULT;
    return {};
}

Result<void> restore_vector_state(const void* area) {
    if (lx_xrstor_guarded(area, g_state.xsave_mask) != 0)
        return Errno::EFAULT; // a malformed header faults likewise (#GP)
    return {};
}

void reset_vector_state() {
    struct alignas(64) {
        u8 legacy[512];
        u64 header[8];
    } area{};
    // The control words' initial values; everything else is taken as initial because the header says so.
    area.legacy[0] = 0x7f;
    area.legacy[1] = 0x03;
    area.legacy[24] = 0x80;
    area.legacy[25] = 0x1f;
    (void)lx_xrstor_guarded(&area, g_state.xsave_mask);
}

} // namespace host
