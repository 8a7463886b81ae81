// Where translations lie: zones of memory, each with the jumps that lead out of its code.
#include "engine/translate/cache_state.hpp"

#include "base/assert.hpp"
#include "engine/translate/glue.hpp"

namespace engine::translate {

u64 thunk(const ZoneMemory& memory, ThunkNumber number) { return reinterpret_cast<u64>(&memory.thunks[number]); }

u64 no_entry(bool is_return) { return thunk(g_memory->zone, is_return ? kOtherReturn : kOtherTarget); }

void add_zone(ZoneMemory* memory) {
    const char* const targets[kThunks] = {lx_translate_exit, lx_entry_syscall, lx_translate_interrupt_80, lx_translate_raise,
                                          lx_translate_other_target, lx_translate_other_return, lx_translate_step_syscall, lx_translate_step_interrupt_80};
    for (u32 i = 0; i < kThunks; ++i)
        memory->thunks[i] = {{0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc}, reinterpret_cast<u64>(targets[i])};
    Zone& zone = g_cache.zones[g_cache.zone_count++];
    zone.memory = memory;
    zone.used = zone.stubs = zone.count = 0;
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
    g_cache.block_count = g_cache.entry_count = 1;
}
} // namespace engine
