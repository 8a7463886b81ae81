// Where translations lie: zones of memory, each with the jumps that lead out of its code.
#include "engine/translate/cache_state.hpp"

#include "base/assert.hpp"
#include "engine/translate/glue.hpp"

namespace engine::translate {

u64 thunk(const ZoneMemory& memory, ThunkNumber number) { return reinterpret_cast<u64>(&memory.thunks[number]); }

u64 no_entry(bool is_return) { return thunk(g_memory->zone, is_return ? kOtherReturn : kOtherTarget); }

bool is_full(const Zone& zone) {
    return zone.used + zone.stubs + kMaxCodeBytes + kMaxExits * kStubBytes + 64 > sizeof(zone.memory->code) ||
           g_cache.block_count + 1 >= kMaxBlocks || g_cache.entry_count + 2 * kMaxLandings + kMaxExits + 1 > kMaxTotalEntries ||
           g_cache.exit_count + kMaxExits > kMaxTotalExits || g_cache.point_count + kMaxPoints > kMaxTotalPoints ||
           g_cache.page_count + 2 > kMaxPages;
}

u8* next_code(const Zone& zone) { return zone.memory->code + base::align_up(zone.used, u64{16}); }

void add_zone(ZoneMemory* memory) {
    const char* const targets[kThunks] = {lx_translate_exit, lx_entry_syscall, lx_translate_interrupt_80, lx_translate_raise,
                                          lx_translate_other_target, lx_translate_other_return, lx_translate_other_case,
                                          lx_translate_step_syscall, lx_translate_step_interrupt_80};
    for (u32 i = 0; i < kThunks; ++i)
        memory->thunks[i] = {{0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc}, reinterpret_cast<u64>(targets[i])};
    Zone& zone = g_cache.zones[g_cache.zone_count++];
    zone.memory = memory;
    zone.used = zone.stubs = zone.count = 0;
    zone.used_ready = zone.stubs_ready = 0;
}

namespace {

// How many bytes to have ready where `used` are in use and `ready` have been asked for.
u64 ready_for(u64 used, u64 ready) {
    constexpr u64 kLeast = 16 << 10, kMost = 256 << 10;
    return used <= ready ? ready : base::page_ceil(used + base::min(base::max(used / 4, kLeast), kMost));
}

template <typename Record> void ask_ahead_in(const Record* records, u32 count, u64& ready) {
    const u64 start = base::page_floor(reinterpret_cast<u64>(records));
    const u64 wanted = ready_for(reinterpret_cast<u64>(records + count) - start, ready);
    if (wanted != ready)
        host::populate(start + ready, wanted - ready);
    ready = wanted;
}

} // namespace

void ask_ahead(Zone& zone) {
    ask_ahead_in(g_cache.blocks, g_cache.block_count, g_cache.blocks_ready);
    ask_ahead_in(g_cache.entries, g_cache.entry_count, g_cache.entries_ready);
    ask_ahead_in(g_cache.exits, g_cache.exit_count, g_cache.exits_ready);
    ask_ahead_in(g_cache.points, g_cache.point_count, g_cache.points_ready);
    const u64 used = base::min(ready_for(zone.used, zone.used_ready), base::page_floor(sizeof(zone.memory->code)));
    if (used > zone.used_ready)
        host::populate(reinterpret_cast<u64>(zone.memory) + zone.used_ready, used - zone.used_ready);
    zone.used_ready = used;
    const u64 stubs = base::min(ready_for(zone.stubs, zone.stubs_ready), base::page_floor(sizeof(zone.memory->code)));
    if (stubs > zone.stubs_ready)
        host::populate(zone_end(zone) - stubs, stubs - zone.stubs_ready);
    zone.stubs_ready = stubs;
}

u64 zone_end(const Zone& zone) { return reinterpret_cast<u64>(zone.memory) + sizeof(ZoneMemory); }

Zone* zone_at(u64 host) {
    for (u32 i = 0; i < g_cache.zone_count; ++i)
        if (host - reinterpret_cast<u64>(g_cache.zones[i].memory) < kZoneBytes)
            return &g_cache.zones[i];
    return nullptr;
}

Zone& zone_for(u64 guest) {
    for (u32 i = 1; i < g_cache.zone_count; ++i) {
        const u64 start = reinterpret_cast<u64>(g_cache.zones[i].memory);
        if (guest < start ? start + kZoneBytes - guest < kReach : guest - start < kReach)
            return g_cache.zones[i];
    }
    return g_cache.zones[0];
}

bool wants_zone(u64 guest) {
    if (guest < 0x8000'0000 || g_cache.zone_count == kMaxZones || &zone_for(guest) != &g_cache.zones[0])
        return false;
    const u64 area = guest / kReach + 1;
    u64& tried = g_cache.tried[area % kTriedBuckets];
    return std::exchange(tried, area) != area;
}
bool holds(u64 address) {
    const Zone* zone = zone_at(address);
    return zone && address >= reinterpret_cast<u64>(zone->memory->code);
}
} // namespace engine::translate

namespace engine {

using namespace translate;

u64 code_memory_bytes() { return sizeof(LowMemory); }

bool is_way_in(u64 rip) {
    const Zone* zone = zone_at(rip);
    return zone && rip < reinterpret_cast<u64>(zone->memory->code);
}

void use_code_memory(u64 address) {
    LXSS_ASSERT(address + sizeof(LowMemory) <= 0x8000'0000);
    set_options(options()); // if nobody has
    g_memory = reinterpret_cast<LowMemory*>(address);
    add_zone(&g_memory->zone);
    for (u64& head : g_memory->jumps)
        head = no_entry(false);
    for (u64& head : g_memory->returns)
        head = no_entry(true);
    g_memory->return_masks[0] = kReturnMask;
    g_memory->return_masks[1] = ~kReturnMask;
    g_cache.block_count = g_cache.entry_count = g_cache.switch_count = 1;
}
} // namespace engine
