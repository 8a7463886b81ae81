// Jumps through jump tables and constant words (switch_jumps.cpp): for each table that does not change, the
// guest addresses of its entries, and slots that lead to their translations.
//
// A slot leads to code that asks the engine until a jump has been taken through it. It leads there again when
// any of the blocks that slots lead to is dropped. The jumps are part of blocks that are dropped when the
// table's memory changes, or who may write it.
#include "base/assert.hpp"
#include "engine/translate/cache_state.hpp"

namespace engine::translate {

namespace {

u32 bucket_of(const Switch& key) {
    return static_cast<u32>((key.table >> 2) ^ key.index ^ key.count) % kSwitchBuckets;
}

u64 missing_case(const SwitchRecord& record) {
    return g_cache.blocks[record.missing_case].code;
}

void set_slot(u32 slot, u64 code) {
    __atomic_store_n(&g_memory->switches[slot], code, __ATOMIC_RELEASE);
}

void drop_switch(u32 number) {
    SwitchRecord& record = g_cache.switches[number];
    for (u32 block = record.first_block; block; block = g_cache.blocks[block].next_of_switch)
        drop_block(block);
    record.is_live = false;
    u32* link = &g_cache.switch_buckets[bucket_of(record.key)];
    while (*link != number)
        link = &g_cache.switches[*link].next_in_bucket;
    *link = record.next_in_bucket;
}

u64 table_bytes(const Switch& key) {
    return u64{key.count} * key.entry_bytes;
}

} // namespace

SwitchPlace find_switch(const Switch& key) {
    for (u32 number = g_cache.switch_buckets[bucket_of(key)]; number;
         number = g_cache.switches[number].next_in_bucket) {
        const SwitchRecord& record = g_cache.switches[number];
        if (record.key == key)
            return {number, record.is_constant,
                    reinterpret_cast<u64>(&g_memory->switches[record.first_slot])};
    }
    if (g_cache.switch_count < kMaxSwitches)
        g_cache.wanted_switch = key;
    return {};
}

void add_switch(const Switch& key, bool is_constant, u64 kernel) {
    if (g_cache.switch_count == kMaxSwitches)
        return;
    Zone& zone = g_cache.zones[0];
    u8* const entries = g_cache.entries_of_table;
    is_constant =
        is_constant && g_cache.switch_slot_count + key.count <= kMaxSwitchSlots && !is_full(zone) &&
        host::copy_guarded(entries, reinterpret_cast<const void*>(key.table), table_bytes(key)) == 0;
    const u32 number = g_cache.switch_count++;
    SwitchRecord& record = g_cache.switches[number];
    const bool is_first = number == 1;
    g_cache.tables_start = is_first ? key.table : base::min(g_cache.tables_start, key.table);
    g_cache.tables_end = base::max(is_first ? 0 : g_cache.tables_end, key.table + table_bytes(key));
    record = {key,         is_constant ? g_cache.switch_slot_count : 0,
              is_constant, 0,
              0,           std::exchange(g_cache.switch_buckets[bucket_of(key)], number),
              true};
    if (!is_constant)
        return;
    u8* const code = next_code(zone);
    translate_missing_case(number, key.is_kept, kernel, code, g_mode, g_cache.translation);
    record.missing_case = add_block(zone, 0, g_cache.translation, code);
    for (u32 i = 0; i < key.count; ++i) {
        u64 target;
        if (key.entry_bytes == 8) {
            __builtin_memcpy(&target, entries + i * 8, 8);
        } else {
            i32 distance;
            __builtin_memcpy(&distance, entries + i * 4, 4);
            target = key.base + static_cast<u64>(i64{distance});
        }
        g_cache.switch_targets[record.first_slot + i] = target;
        set_slot(record.first_slot + i, missing_case(record));
    }
    g_cache.switch_slot_count += key.count;
}

u64 switch_target(u32 number, u64 index) {
    const SwitchRecord& record = g_cache.switches[number];
    LXSS_ASSERT(index < record.key.count);
    return g_cache.switch_targets[record.first_slot + index];
}

void link_switch(u32 number, u64 target, u32 entry_number) {
    const SwitchRecord& record = g_cache.switches[number];
    const EntryRecord& entry = g_cache.entries[entry_number];
    if (!record.is_live || !g_cache.blocks[entry.block].is_live)
        return;
    const u64 code =
        record.key.is_kept ? target_code(entry) + kept_register_offset(target, g_mode) : direct_code(entry);
    g_cache.blocks[entry.block].is_case = true;
    for (u32 slot = record.first_slot; slot < record.first_slot + record.key.count; ++slot)
        if (g_cache.switch_targets[slot] == target)
            set_slot(slot, code);
}

void drop_switches(u64 address, u64 length) {
    if (g_cache.switch_count == 1 || address >= g_cache.tables_end ||
        address + length <= g_cache.tables_start)
        return;
    for (u32 number = 1; number < g_cache.switch_count; ++number) {
        const SwitchRecord& record = g_cache.switches[number];
        if (record.is_live && record.key.table < address + length &&
            address < record.key.table + table_bytes(record.key))
            drop_switch(number);
    }
}

void forget_dropped_cases() {
    if (!std::exchange(g_cache.has_dropped_case, false))
        return;
    for (u32 number = 1; number < g_cache.switch_count; ++number) {
        const SwitchRecord& record = g_cache.switches[number];
        if (!record.missing_case)
            continue;
        for (u32 slot = record.first_slot; slot < record.first_slot + record.key.count; ++slot)
            set_slot(slot, missing_case(record));
    }
}

void forget_switches() {
    for (u32 number = 1; number < g_cache.switch_count; ++number)
        g_cache.switch_buckets[bucket_of(g_cache.switches[number].key)] = 0;
    g_cache.switch_count = 1;
    g_cache.switch_slot_count = 0;
    g_cache.has_dropped_case = false;
}

} // namespace engine::translate
