// Where indirect branches find translations: a table of addresses by the low 16 bits of the guest address, in memory below 2 GiB, so
// that it needs no base register.
//
// An entry is the address of the indirect entry of a translation, or of the code for a miss. Translated code jumps there with the
// guest address in LX_SLOT_TARGET and with rcx in its slot; the indirect entry compares it with its own, and jumps to that of the
// next block with the same low bits when it is another. So an entry of the table changes in one write, and no lock is needed to use
// it. One register is all that takes: what is saved and loaded again at each call and return becomes a chain that the program
// waits for.
#pragma once

#include "base/types.hpp"

namespace engine::translate {

inline constexpr u32 kHeads = 65536;

} // namespace engine::translate
