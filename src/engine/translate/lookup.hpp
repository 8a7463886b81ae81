// Where indirect branches and returns find translations: two tables of addresses by the low 16 bits of the guest address, in memory
// below 2 GiB, so that they need no base register. That of returns takes 18 bits where the processor has an instruction for that (pext): a
// return whose low bits another one shares is foretold wrong, unless it is the first of the two.
//
// An entry is the address of code that compares the target with its own: an entry of a block, or the landing behind a call; or of the
// code for a miss. When the target is another, the code jumps on to that of the next with the same low bits. So an entry of a table changes
// in one write, and no lock is needed to use it. That the low 16 bits are equal is known then: only the others are compared.
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
inline u32 return_heads(const Mode& mode) { return mode.has_extract ? kMaxReturnHeads : kHeads; }

} // namespace engine::translate
