#include "kernel_test.hpp"

#include "kernel_doubles.hpp"

#include "base/assert.hpp"
#include "host/host.hpp"
#include "lxcore/memory/arena.hpp"

namespace {

usize g_live;
isize g_allowed = -1;
constexpr u64 kFaulting = 0x5000'0000'0000;
constexpr u64 kFaultingBytes = u64{1} << 30;

void* allocate_aligned(usize bytes, usize alignment) {
    if (g_allowed == 0)
        return nullptr;
    if (g_allowed > 0)
        --g_allowed;
    void* memory = std::aligned_alloc(alignment, base::align_up(bytes, alignment));
    std::memset(memory, 0, bytes);
    ++g_live;
    return memory;
}

// Bytes from `address` on that can be accessed.
usize accessible(const void* address, usize length) {
    const auto start = reinterpret_cast<u64>(address);
    if (start >= kFaulting && start < kFaulting + kFaultingBytes)
        return 0;
    if (start < kFaulting && start + length > kFaulting)
        return kFaulting - start;
    return length;
}

} // namespace

usize live_allocations() {
    return g_live;
}
void limit_allocations(isize count) {
    g_allowed = count;
}
u64 faulting_memory() {
    return kFaulting;
}

namespace lxcore {

void* allocate(usize bytes) {
    return allocate_aligned(bytes, bytes >= 64 ? 64 : 16);
}
void release(void* memory, usize) {
    std::free(memory);
    --g_live;
}
void* allocate_pages(usize count, usize alignment_pages) {
    return allocate_aligned(count * base::kPageSize, alignment_pages * base::kPageSize);
}
void release_pages(void* memory, usize) {
    release(memory, 0);
}

} // namespace lxcore

namespace host {

usize copy_guarded(void* destination, const void* source, usize length) {
    const usize bytes = base::min(accessible(destination, length), accessible(source, length));
    if (bytes)
        std::memcpy(destination, source, bytes);
    return length - bytes;
}
usize fill_guarded(void* destination, u8 value, usize length) {
    const usize bytes = accessible(destination, length);
    if (bytes)
        std::memset(destination, value, bytes);
    return length - bytes;
}
isize string_length_guarded(const char* text, usize limit) {
    return accessible(text, 1) == 0 ? -1 : static_cast<isize>(strnlen(text, limit));
}

} // namespace host

namespace base {

void panic(const char* message, const char* file, int line) {
    std::fprintf(stderr, "panic: %s (%s:%d)\n", message, file, line);
    std::abort();
}

} // namespace base
