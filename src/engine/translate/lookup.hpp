// Where indirect branches find translations: a table of heads by the low 16 bits of the guest address, each the offset of a record.
// A record never changes while any thread may be in translated code, and a head changes in one write, so no lock is needed to
// read them. The translated lookup (Translator::lookup) and entry.S know this layout.
#pragma once

#include "base/types.hpp"

namespace engine::translate {

struct Record {
    u64 guest;
    u64 host; // the indirect entry of its translation: rax, rcx and rdx are in their slots
};
inline constexpr u32 kHeads = 65536;
inline constexpr u32 kMaxBlocks = 1 << 17;
inline constexpr u32 kRecordsOffset = kHeads * sizeof(u32);

struct Lookup {
    u32 heads[kHeads]; // in bytes from `records`; 0: none
    Record records[kMaxBlocks]; // number 0 matches only an address that cannot be, and leads to the miss
};
static_assert(__builtin_offsetof(Lookup, records) == kRecordsOffset);

} // namespace engine::translate
