// Finding and patching the call sites of one executable segment. Pure computation on bytes: see text_cache.cpp.
#pragma once

#include "base/types.hpp"

namespace engine::direct {

inline constexpr u32 kTrampolineBytes = 32;
// Displaced sites: where the trampoline goes on after the call.
inline constexpr u32 kContinuationOffset = 17;

struct PatchedSite {
    enum class Kind : u8 {
        Number,    // A: offset is that of the mov
        Displaced, // B: offset is that of the syscall
    };
    u32 offset;
    Kind kind;
    u8 moved_bytes; // B: length of the instruction behind the syscall

    u32 syscall_offset() const { return kind == Kind::Number ? offset + 5 : offset; }
    u32 end_offset() const { return syscall_offset() + 2 + moved_bytes; }
};

// How the syscall instruction at `offset`, which the processor has executed, can be patched in the unpatched text `bytes`;
// false when it cannot.
bool classify_site(const u8* bytes, u64 length, u32 offset, PatchedSite& site);

struct Segment {
    u8* bytes;
    u64 length;
    u64 distance;    // from the segment's start to the trampolines, in every mapping
    u8* trampolines; // one of kTrampolineBytes for each site
};
// Patches one site and writes trampoline number `index`.
void patch_site(const Segment& segment, const PatchedSite& site, u32 index);

// The place in the original text that a place in a site's trampoline stands for.
u64 original_offset(const PatchedSite& site, u64 trampoline_offset);

} // namespace engine::direct
