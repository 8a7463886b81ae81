// Where indirect branches find translations: a table of addresses by the low 16 bits of the guest address, in memory below 2 GiB, so
// that it needs no base register.
//
// An entry is the address of the indirect entry of a translation, or of the code for a miss. Translated code jumps there with the
// guest address in LX_SLOT_TARGET and with rcx in its slot; the indirect entry compares the address's other bits with its own. So
// an entry of the table changes in one write, and no lock is needed to use it. One register is all that takes: what is saved and loaded
// again at each call and return becomes a chain that the program waits for.
#pragma once

#include "base/types.hpp"

namespace engine::translate {

inline constexpr u32 kHeads = 65536;

// Bits 16 to 47 of a guest address, and where an indirect entry has them, negated, in its code.
constexpr u32 target_bits(u64 guest) { return static_cast<u32>(guest >> 16); }
inline constexpr u32 kTargetBitsOffset = 11;

inline bool is_entry_of(u64 entry, u64 guest) {
    u32 negated;
    __builtin_memcpy(&negated, reinterpret_cast<const u8*>(entry) + kTargetBitsOffset, 4);
    return negated == -target_bits(guest) && !(guest >> 48);
}

} // namespace engine::translate
