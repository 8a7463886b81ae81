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
};

struct Segment {
    u8* bytes;
    u64 length;
    u64 distance;     // from the segment's start to the trampolines, in every mapping
    u8* trampolines;  // zeroed; max_sites * kTrampolineBytes
    PatchedSite* sites;
    u32 max_sites;
};

// Patches what it can and returns the number of sites, sorted by offset; site i has trampoline i.
u32 patch_segment(const Segment& segment);

// The place in the original text that a place in a site's trampoline stands for.
u64 original_offset(const PatchedSite& site, u64 trampoline_offset);

} // namespace engine::direct
