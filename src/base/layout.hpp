// Where the kernel lies in every pico process's address space. One tebibyte is taken out of the guest's range,
// in a place that neither Linux's defaults (0x400000, 0x5555..., 0x7f...) nor Go's, the JVM's and the common
// allocators' address hints use.
#pragma once

#include "base/types.hpp"

namespace base {

inline constexpr u64 kKernelBase = 0x6200'0000'0000;  // image of lxcore (linked here on Linux)
inline constexpr u64 kArenaBase = 0x6240'0000'0000;   // shared arena, see lxcore/memory/arena.hpp
inline constexpr u64 kArenaLimit = 0x6280'0000'0000;  // the arena never grows past this
inline constexpr u64 kKernelEnd = 0x6300'0000'0000;

inline constexpr u64 kGuestLowest = 0x1'0000;         // vm.mmap_min_addr of every distribution
#if defined(_WIN32)
// Above it lie Windows' images and, under Wine, what Linux maps by itself.
inline constexpr u64 kGuestEnd = 0x7d00'0000'0000;
inline constexpr u64 kProgramBase = 0x1555'5555'4000;
inline constexpr u64 kMappingUnit = 64 * 1024;
#else
inline constexpr u64 kGuestEnd = 0x7fff'ffff'f000;    // TASK_SIZE_MAX, exclusive
// Where position-independent programs lie, without randomisation.
inline constexpr u64 kProgramBase = 0x5555'5555'4000;
// Shared mappings (of a file, the arena, anonymous memory) take whole units of this size, and start in one where their content
// starts in a unit of the file or the arena. Private ones have page granularity on every host.
inline constexpr u64 kMappingUnit = kPageSize;
#endif

// Whether [address, address + length) is guest memory by its address alone.
constexpr bool is_guest_range(u64 address, u64 length) {
    return length <= kGuestEnd && address <= kGuestEnd - length &&
           (address + length <= kKernelBase || address >= kKernelEnd);
}

} // namespace base
