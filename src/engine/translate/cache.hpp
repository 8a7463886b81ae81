// The translations of one process: found by guest address, linked to each other, dropped when their source changes.
//
// All of it lies in the image's data, which each process has for itself and a fork copies. The lock guards everything but the
// lookup table, which translated code reads (lookup.hpp). A dropped translation stays where it is until the next flush, because
// threads may be in it: they leave it by its next exit. A flush empties the cache while no thread is in translated code; a thread is
// there from the moment at which ThreadBlock::in_translation is set to that at which it is cleared.
//
// Lock order: Mm::lock, then this one. Nothing of lxcore is called under it but guarded copies.
#pragma once

#include <atomic>

#include "engine/engine.hpp"
#include "engine/translate/translator.hpp"

namespace engine::translate {

// For whom a translation is looked for.
enum class Entering : u8 {
    Any,
    ByCall, // a host call leads there: a block that begins there
    Indirectly, // what is to be made gets an entry for indirect branches
    Step,   // a thread with TF set: a block of that one instruction
};

// The translation's direct entry; 0 when it is not the first that would be looked at. Takes no lock.
u64 find_quickly(u64 guest, Entering how);

enum class Found : u8 {
    Yes,
    NotExecutable, // `fault` says where
    Unreadable,    // executable by the guest's mappings, but there is nothing (behind the end of a file)
};
struct Place {
    Found found;
    u64 fault;
    u32 entry; // for link(), until the next flush
};
// Translates what is not there yet. Not called from translated code, nor with a lock held.
Place find(u64 guest, Entering how);

// Lets indirect branches, or returns, in translated code find the translation at `guest`, if it is there still.
void make_target(u64 guest, bool is_return);

// Number and state of an exit that was taken, by the number in its stub. Only while the thread counts as in translated code.
struct TakenExit {
    u64 target;
    u32 generation;
    Exit::Kind kind;
    Step step; // of the block
};
TakenExit taken_exit(u32 number);
// Makes the exit's branch lead straight to its target's translation, if both are still there.
void link(u32 number, u32 generation, u32 entry);
// A jump through jump table `number` has met with a slot that leads nowhere yet: see switches.cpp. Only while the thread counts as in
// translated code.
struct TakenCase {
    u64 target;
    u32 generation;
    bool has_kept_register; // rcx is the index, and the guest's is in its slot
};
TakenCase taken_case(u32 number, host::Frame& frame);
// Lets the slots for that target lead to its translation, which find() has found, for Entering::Indirectly if it has a kept register.
void link_case(u32 number, const TakenCase& taken);

// Drops the translation to which the exit belongs: its source is no longer the same.
void drop_source_of(u32 number, u32 generation);

// Drops what was translated from [address, address + length).
void drop(u64 address, u64 length);

// Where the guest is when the processor is at `host`, an address in the cache.
struct State {
    Point point;
    u64 rip; // unless the point says that it is in a register or slot
    Step step;    // of the block
    bool is_done; // of a step: the instruction has been executed
};
State state_at(u64 host);

// Whether a flush is under way: translated code must not be entered.
bool is_flushing();
void lock_cache();
void unlock_cache();

} // namespace engine::translate
