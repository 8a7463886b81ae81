// A host and an engine for tests of lxcore/mm: what is mapped is a table of pages, and misuse of the host interface
// (protecting a hole, moving onto something) ends the test.
#pragma once

#include <map>

#include "engine/engine.hpp"

namespace simulated {

enum class Backing { Anonymous, Shared, PrivateFile, SharedFile, Arena };

struct Page {
    u32 protection;
    Backing backing;
    u64 offset; // in the file or the arena
};

inline std::map<u64, Page> pages; // by address

// The one text that the engine knows, and where its copy and trampolines lie in the arena.
inline constexpr u64 kTextOffset = 0x1000, kTextLength = 0x3000, kTrampolineDistance = 0x8000;
inline constexpr u64 kTextInArena = 0x20'0000, kTrampolinesInArena = 0x10'0000;
inline bool engine_knows_text = true;

[[noreturn]] void fail(const char* what);

} // namespace simulated
