// Where indirect branches and returns find translations: two tables of addresses by bits of the guest address, in memory below 2 GiB, so that
// they need no base register. That of jumps takes the low 16 bits, that of returns 18 bits where the processor has an instruction for it
// (pext): a return whose index another one shares is foretold wrong, unless it is the first of the two.
//
// An entry is the address of code that compares the target with its own: an entry of a block, or the landing behind a call; or of the
// code for a miss. When the target is another, the code jumps on to that of the next with the same index. So an entry of a table changes
// in one write, and no lock is needed to use it. That these bits are equal is known then: only the others are compared.
//
// Jumps and calls come with the guest address in LX_SLOT_TARGET, returns with theirs on the guest's stack still, 8 bytes below what the
// guest's rsp is behind the return; both with rcx in its slot. One register is all that takes: what is saved and loaded again at each
// call and return becomes a chain that the program waits for.
//
// Returns go there by a host return, calls come from a host call whose return address is the landing's and is dropped at once: the
// processor's return stack foretells the landing, if the table leads to the one behind that host call. All translations of a guest's
// call therefore share one.
//
// (Who writes to another thread's return address while that thread returns may send it to a mixture of the old and the new address.)
#pragma once

#include "engine/translate/translator.hpp"

namespace engine::translate {

inline constexpr u32 kHeads = 1 << 16, kMaxReturnHeads = 1 << 18;
// The index of a return's target, where pext takes it: 18 bits, without the lowest. These hardly tell places to return to apart, and with
// them each place would take a cache line of the table for itself.
inline constexpr u32 kReturnShift = 3;
inline constexpr u64 kReturnMask = u64{kMaxReturnHeads - 1} << kReturnShift;
inline u32 return_index(u64 guest, const Mode& mode) {
    return static_cast<u32>(mode.has_extract ? guest >> kReturnShift & (kMaxReturnHeads - 1) : guest % kHeads);
}
// What pext takes by the other bits of an address: what is left to compare. It fits into a displacement.
inline u64 return_rest(u64 guest) {
    constexpr u32 kIndexBits = 18;
    return (guest & ((1u << kReturnShift) - 1)) | guest >> (kReturnShift + kIndexBits) << kReturnShift;
}

} // namespace engine::translate
