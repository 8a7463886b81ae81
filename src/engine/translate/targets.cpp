// How indirect branches find blocks: lookup.hpp.
#include "engine/translate/cache_state.hpp"

namespace engine::translate {

namespace {

// One of the two tables, and the lists behind it.
struct Table {
    u64* heads;
    u32* targets;
    bool is_for_returns;

    u32 index_of(u64 guest) const { return is_for_returns ? return_index(guest, g_mode) : static_cast<u32>(guest % kHeads); }
};

Table table(bool is_for_returns) {
    return is_for_returns ? Table{g_memory->returns, g_cache.return_targets, true} : Table{g_memory->jumps, g_cache.jump_targets, false};
}
Table table_of(const EntryRecord& entry) { return table(entry.is_for_returns()); }

// Where entry `number` sends branches to other targets; false when that is out of reach.
bool set_next_target(u32 number, u32 next) {
    EntryRecord& entry = g_cache.entries[number];
    const bool is_return = entry.is_for_returns();
    const u64 branch = target_code(entry) + other_target_offset(entry.guest, is_return, g_mode);
    const u64 to = next ? target_code(g_cache.entries[next]) : thunk(*zone_at(branch)->memory, is_return ? kOtherReturn : kOtherTarget);
    const i64 displacement = static_cast<i64>(to - branch - 4);
    if (displacement != static_cast<i32>(displacement))
        return false;
    entry.next_target = next;
    __atomic_store_n(reinterpret_cast<u32*>(branch), static_cast<u32>(displacement), __ATOMIC_RELEASE);
    return true;
}

u32 first_target(const Table& table, u64 guest) { return table.targets[table.index_of(guest)]; }

// What translated lookups find: only entries that branches have led to, or others would be in their way.
void set_first_target(const Table& table, u64 guest, u32 number) {
    table.targets[table.index_of(guest)] = number;
    __atomic_store_n(&table.heads[table.index_of(guest)], number ? target_code(g_cache.entries[number]) : no_entry(table.is_for_returns),
                     __ATOMIC_RELEASE);
}

void forget_targets(u32 first) {
    for (u32 at = first; at; at = g_cache.entries[at].next_target)
        g_cache.entries[at].is_target = false;
}

} // namespace

void add_target(u32 number) {
    EntryRecord& entry = g_cache.entries[number];
    if (entry.is_target)
        return;
    const Table table = table_of(entry);
    const u32 first = first_target(table, entry.guest);
    if (!set_next_target(number, first)) {
        // Images too far from each other: the others give way, until they are wanted again.
        (void)set_next_target(number, 0);
        forget_targets(first);
    }
    entry.is_target = true;
    set_first_target(table, entry.guest, number);
}

void remove_target(u32 number) {
    EntryRecord& entry = g_cache.entries[number];
    entry.is_target = false;
    const Table table = table_of(entry);
    u32 before = 0;
    for (u32 at = first_target(table, entry.guest); at && at != number; at = g_cache.entries[at].next_target)
        before = at;
    if (!before) {
        set_first_target(table, entry.guest, entry.next_target);
    } else if (!set_next_target(before, entry.next_target)) {
        (void)set_next_target(before, 0);
        forget_targets(entry.next_target);
    }
}

void forget_first_targets(u64 guest) {
    set_first_target(table(false), guest, 0);
    set_first_target(table(true), guest, 0);
}

} // namespace engine::translate
