// Where indirect branches find translations: a table of addresses by the low 16 bits of the guest address, in memory below 2 GiB, so
// that it needs no base register.
//
// An entry is the address of code that compares the target with its own: an entry of a block, or the landing behind a call; or of the
// code for a miss. Translated code goes there with the guest address in LX_SLOT_TARGET and with rcx in its slot; when the target is
// another, the code jumps on to that of the next with the same low bits. So an entry of the table changes in one write, and no lock is
// needed to use it. One register is all that takes: what is saved and loaded again at each call and return becomes a chain that the
// program waits for.
//
// Returns go there by a host return, calls come from a host call whose return address is the landing's and is dropped at once: the
// processor's return stack foretells the landing, if the table leads to the one behind that host call. All translations of a guest's
// call therefore share one.
#pragma once

#include "base/types.hpp"

namespace engine::translate {

inline constexpr u32 kHeads = 65536;

} // namespace engine::translate
