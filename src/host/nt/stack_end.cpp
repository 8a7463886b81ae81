// The end of the main stack. Windows writes an exception's record below the stack pointer of the thread that
// raised it, and where it cannot, the process ends. Below the stack lies a guard page, whose first access is
// an exception and leaves the page open, and below that open memory: room for the record and for the
// handler's own frames. A frame of more than a page may pass the guard page without touching it: there is
// another one below the room, and so on.
#include "abi/mman.hpp"
#include "host/nt/ranges.hpp"

namespace host {

using namespace nt;

namespace {

constexpr u64 kLayer = 32 * 1024; // a guard page, and room
static_assert(kStackEndBytes % kLayer == 0);

} // namespace

bool nt::is_guard_page(u64 address) {
    const u64 below = g_space.stack_end - address;
    return g_space.stack_end != 0 && below <= kStackEndBytes && below % kLayer == base::kPageSize;
}

void nt::guard_again(u64 address) {
    MemoryGuard guard;
    const u64 page = base::page_floor(address);
    if (is_guard_page(page))
        for_each_part(page, page + base::kPageSize, apply_protection);
}

u64 keep_stack_end(u64 address) {
    preserve_vectors();
    MemoryGuard guard;
    const u64 start = address - kStackEndBytes;
    if (protect_range(start, address, abi::PROT_READ | abi::PROT_WRITE).is_error())
        return 0;
    g_space.stack_end = address;
    for_each_part(start, address, [](View& view, u64 first, u64 count) {
        for (u64 page = first; page < first + count; ++page) {
            if (!is_guard_page(view.start + page * base::kPageSize))
                continue;
            // Nobody but the system has access.
            view.pages[page] &= static_cast<u8>(~kPageProtection);
            apply_protection(view, page, 1);
        }
    });
    return kStackEndBytes;
}

} // namespace host
