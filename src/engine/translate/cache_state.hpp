// What the files of the cache share; cache.hpp is what the rest of the engine knows of it.
#pragma once

#include <atomic>
#include <utility>

#include "base/layout.hpp"
#include "engine/translate/cache.hpp"
#include "engine/translate/host_hooks.hpp"
#include "engine/translate/lookup.hpp"

namespace engine::translate {

inline constexpr u32 kMaxBlocks = 1 << 17;
// Code lies in zones. The first one is below 2 GiB; others are made within reach of the guest's images, so that what these name
// relative to RIP can be named so by their translations.
inline constexpr u32 kMaxZones = 8;
inline constexpr u64 kZoneBytes = 16 << 20;
inline constexpr u64 kReach = u64{1750} << 20; // leaves room for images of 256 MiB
inline constexpr u32 kTriedBuckets = 64;
inline constexpr u32 kMaxTotalExits = 3 * kMaxBlocks;
inline constexpr u32 kMaxTotalPoints = 8 * kMaxBlocks;
inline constexpr u32 kMaxTotalEntries = 4 * kMaxBlocks;
inline constexpr u32 kMaxSwitches = 4096, kMaxSwitchSlots = 1 << 15, kSwitchBuckets = 1024;
inline constexpr u32 kBuckets = 1 << 16;
inline constexpr u32 kPageBuckets = 1 << 15;
inline constexpr u32 kMaxPages = kPageBuckets / 2;

struct Block {
    u64 guest;
    u64 code;
    u64 stubs_end; // they lie below, the first exit's uppermost
    u32 first_point, first_exit, first_entry;
    u16 point_count, source_bytes;
    bool is_live;
    bool is_case; // slots of switches lead to it
    Step step;
    u32 next_of_switch;  // of the blocks that end with the same one
    u32 incoming;        // exits that are linked to it: number + 1 of the first
    u32 next_on_page[2]; // of those with source on its first and last page
};

// Where a block can be entered.
struct alignas(32) EntryRecord {
    enum Kind : u8 {
        Start,   // of the block
        Inside,  // an instruction in the block, to which it branches itself
        CallSite, // the block's translation of a call
        Landing, // of a return to it
        Passage, // a landing that only leads to the start of another block
        Return,  // of a return to where the process's calls do not come from, made when it is wanted
        Step,    // the start of a block of one instruction, for single steps
    };
    u64 guest;
    u32 block;
    i32 code;   // for those who come by a lookup table, from the block's code on; 0: not made yet
    u32 next_of_block;
    u32 next_in_bucket;
    u32 next_target;    // in the list that the lookup table leads to, whose members jump on to the next
    u16 direct; // for those who come with the guest's registers, from the block's code on
    Kind kind;
    bool is_target; // in that list

    bool is_for_returns() const { return kind == Landing || kind == Passage || kind == Return; }
};

struct ExitRecord {
    u64 target;
    u32 block;
    u32 next_incoming; // number + 1
    u16 branch;        // as in Exit
    Exit::Kind kind;
    bool is_linked;
};

// A jump table of the guest's: see switches.cpp.
struct SwitchRecord {
    Switch key;
    u32 first_slot;
    bool is_constant; // if not, jumps through it are translated as other indirect ones
    u32 missing_case; // block
    u32 first_block;  // with such a jump
    u32 next_in_bucket;
    bool is_live;
};

// Code that lies close together has its buckets in few cache lines.
constexpr u32 bucket_of(u64 guest) { return static_cast<u32>(guest / 4 % kBuckets); }

struct Page {
    u64 number; // of the page + 1; 0: free
    u32 first;  // block
};

// Jumps to the kernel, which is out of reach of the code's own.
struct Thunk {
    u8 jump[8]; // jmp *target(%rip)
    u64 target;
};
enum ThunkNumber : u32 { kExit, kSystemCall, kInterrupt80, kRaise, kOtherTarget, kOtherReturn, kOtherCase, kStepSystemCall, kStepInterrupt80, kThunks };

struct ZoneMemory {
    Thunk thunks[kThunks];
    u8 code[kZoneBytes - kThunks * sizeof(Thunk)];
};

// What the host gives below 2 GiB.
struct LowMemory {
    u64 jumps[kHeads], returns[kMaxReturnHeads]; // the lookup tables
    u64 switches[kMaxSwitchSlots];
    u64 return_masks[2]; // Glue::return_masks
    alignas(base::kMappingUnit) ZoneMemory zone;
};

struct Zone {
    ZoneMemory* memory;
    u64 used;                // bytes of blocks, from the start
    u64 stubs;               // bytes of stubs, from the end
    u64 used_ready, stubs_ready; // so many have been asked for: see ask_ahead()
    u32 count;               // of its blocks
    u32 numbers[kMaxBlocks]; // in the order of their addresses
};

struct Cache {
    std::atomic<u32> lock;
    std::atomic<u32> is_flushing;
    std::atomic<u64> changes; // how often mappings have changed
    u32 generation;           // counts flushes
    u32 zone_count;
    u64 tried[kTriedBuckets]; // where no zone could be made, in units of kReach, + 1
    u32 block_count, entry_count, exit_count, point_count, page_count;
    u64 blocks_ready, entries_ready, exits_ready, points_ready; // bytes that have been asked for
    CodeRange range; // the last one found, and when
    u64 range_changes;
    Block blocks[kMaxBlocks]; // number 0 is none
    EntryRecord entries[kMaxTotalEntries]; // number 0 is none
    ExitRecord exits[kMaxTotalExits];
    Point points[kMaxTotalPoints];
    Page pages[kPageBuckets];
    u32 buckets[kBuckets]; // by bucket_of() their guest addresses: the first entry
    KnownAddresses known; // those of all entries
    u32 switch_count, switch_slot_count; // number 0 is none
    u64 tables_start, tables_end; // all of them lie there
    bool has_dropped_case;
    SwitchRecord switches[kMaxSwitches];
    u64 switch_targets[kMaxSwitchSlots]; // guest addresses
    u32 switch_buckets[kSwitchBuckets];
    Switch wanted_switch; // that a translation has met with; count 0: none
    u32 jump_targets[kHeads], return_targets[kMaxReturnHeads]; // and the first that each table leads to
    Zone zones[kMaxZones];
    // Work space of translations, under the lock.
    Translation translation;
    u8 source[kMaxSourceBytes];
    u8 entries_of_table[kMaxSwitchEntries * 8];
};

extern Cache g_cache;
extern LowMemory* g_memory;
extern Mode g_mode;

// As lock_cache(), by those whom a flush waits for.
void lock_even_in_flush();

class Guard {
public:
    Guard() { lock_cache(); }
    ~Guard() { unlock_cache(); }
    LXSS_NO_COPY(Guard);
};

// ---- zones.cpp ----

// Whether there is room for one more translation in it.
bool is_full(const Zone& zone);
// Where the next one begins.
u8* next_code(const Zone& zone);

// The entry of the table of jumps, or of returns, where there is no block.
u64 no_entry(bool is_return);
u64 thunk(const ZoneMemory& memory, ThunkNumber number);
u64 zone_end(const Zone& zone);
Zone* zone_at(u64 host);
// The zone for code at `guest`; the first one when none is within reach.
Zone& zone_for(u64 guest);
// Whether a zone should be made for `guest`; notes that it has been tried.
bool wants_zone(u64 guest);
void add_zone(ZoneMemory* memory);
// Asks for the pages that blocks will need next, so that not each costs a fault when it is first written.
void ask_ahead(Zone& zone);

// ---- targets.cpp: the lists that the lookup table leads to ----

// The entry to the front of its list.
void add_target(u32 number);
void remove_target(u32 number);
void forget_first_targets(u64 guest);

// ---- switches.cpp: jumps through the guest's jump tables ----

// Those who meet with one that is not known yet leave it in g_cache.wanted_switch.
SwitchPlace find_switch(const Switch& key);
// `is_constant`: the table can be read, and changes only with its mapping. `kernel`: where its jumps go for a target without translation.
void add_switch(const Switch& key, bool is_constant, u64 kernel);
// Takes no lock: what an entry holds stays until the next flush.
u64 switch_target(u32 number, u64 index);
// Lets all entries that hold `target` lead to its translation, which has code for indirect branches if the switch wants that.
void link_switch(u32 number, u64 target, u32 entry);
// Drops the blocks that jump through tables in [address, address + length).
void drop_switches(u64 address, u64 length);
// After blocks have been dropped: no slot leads to one of them any more.
void forget_dropped_cases();
void forget_switches();

// ---- blocks.cpp ----

// A live entry at `guest`, if it is of a kind for which `wanted` has a bit, moved to the front of its bucket; 0: none.
u32 find_entry(u64 guest, u32 wanted);
inline constexpr u32 kStarts = 1u << EntryRecord::Start;
inline constexpr u32 kJumpedTo = kStarts | 1u << EntryRecord::Inside | 1u << EntryRecord::CallSite; // that can get code for indirect branches
inline constexpr u32 kEnterable = kJumpedTo | 1u << EntryRecord::Landing;
inline constexpr u32 kReturns = 1u << EntryRecord::Landing | 1u << EntryRecord::Passage | 1u << EntryRecord::Return;
inline constexpr u32 kSteps = 1u << EntryRecord::Step;

// `code` of the block lies at the zone's end.
u32 add_block(Zone& zone, u64 guest, const Translation& made, u8* code);
// `direct` and `code` as in the record.
u32 add_entry(u32 block, EntryRecord::Kind kind, u64 guest, u32 direct, i32 code);
u64 direct_code(const EntryRecord& entry);
u64 target_code(const EntryRecord& entry);
void drop_block(u32 number);
void drop_page(Page& page);
// The page that holds `address`; null when it has no blocks and is not to be made.
Page* find_page(u64 address, bool make);
// Makes exit `number` lead straight to `entry`, if that is within reach, and a call's return find its landing.
void link_number(u32 number, u32 entry);
// Empties the cache. Nobody is in it.
void forget_everything();

} // namespace engine::translate
