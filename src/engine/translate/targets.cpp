// How indirect branches find blocks: lookup.hpp.
#include "engine/translate/cache_state.hpp"

namespace engine::translate {

namespace {

// What translated lookups find: only entries that indirect branches have led to, or others would be in their way.
void set_head(u64 guest, u64 entry) { __atomic_store_n(&g_memory->heads[guest % kHeads], entry, __ATOMIC_RELEASE); }

// Where entry `number` sends branches to other targets; false when that is out of reach.
bool set_next_target(u32 number, u32 next) {
    EntryRecord& entry = g_cache.entries[number];
    const u64 branch = entry.code + kOtherTargetOffset;
    const u64 to = next ? g_cache.entries[next].code : thunk(*zone_at(branch)->memory, kOtherTarget);
    const i64 displacement = static_cast<i64>(to - branch - 4);
    if (displacement != static_cast<i32>(displacement))
        return false;
    entry.next_target = next;
    __atomic_store_n(reinterpret_cast<u32*>(branch), static_cast<u32>(displacement), __ATOMIC_RELEASE);
    return true;
}

u32& first_target(u64 guest) { return g_cache.targets[guest % kHeads]; }

void set_first_target(u64 guest, u32 number) {
    first_target(guest) = number;
    set_head(guest, number ? g_cache.entries[number].code : no_entry());
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
    const u32 first = first_target(entry.guest);
    if (!set_next_target(number, first)) {
        // Images too far from each other: the others give way, until they are wanted again.
        (void)set_next_target(number, 0);
        forget_targets(first);
    }
    entry.is_target = true;
    set_first_target(entry.guest, number);
}

void remove_target(u32 number) {
    EntryRecord& entry = g_cache.entries[number];
    entry.is_target = false;
    u32 before = 0;
    for (u32 at = first_target(entry.guest); at && at != number; at = g_cache.entries[at].next_target)
        before = at;
    if (!before) {
        set_first_target(entry.guest, entry.next_target);
    } else if (!set_next_target(before, entry.next_target)) {
        (void)set_next_target(before, 0);
        forget_targets(entry.next_target);
    }
}

void forget_first_target(u64 guest) { set_first_target(guest, 0); }

} // namespace engine::translate
