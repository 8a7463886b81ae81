// Blocks by address and by page, and the links between them.
#include "engine/translate/cache_state.hpp"

namespace engine::translate {

namespace {

// The first entry in the bucket of `guest`.
u32 first_of(u64 guest) { return g_cache.buckets[bucket_of(guest)]; }

void set_first(u64 guest, u32 entry) { __atomic_store_n(&g_cache.buckets[bucket_of(guest)], entry, __ATOMIC_RELEASE); }

u64 last_page(const Block& block) { return base::page_floor(block.guest + block.source_bytes - 1); }

// False when it is out of reach.
bool set_branch(const ExitRecord& exit, u64 to) {
    const u64 branch = g_cache.blocks[exit.block].code + exit.branch;
    const i64 displacement = static_cast<i64>(to - branch - 4);
    if (displacement != static_cast<i32>(displacement))
        return false;
    // One write within a cache line: see Translator::align_branch.
    __atomic_store_n(reinterpret_cast<u32*>(branch), static_cast<u32>(displacement), __ATOMIC_RELEASE);
    return true;
}

void put_on_page(u32 number, u64 address, u32 which) {
    Page* page = find_page(address, true);
    g_cache.blocks[number].next_on_page[which] = page->first;
    page->first = number;
}
void drop_entry(u32 number) {
    EntryRecord& entry = g_cache.entries[number];
    if (entry.is_target)
        remove_target(number);
    // Out of its bucket.
    const u32 first = first_of(entry.guest);
    if (first == number) {
        set_first(entry.guest, entry.next_in_bucket);
        return;
    }
    for (u32 at = first; at; at = g_cache.entries[at].next_in_bucket) {
        EntryRecord& before = g_cache.entries[at];
        if (before.next_in_bucket == number) {
            before.next_in_bucket = entry.next_in_bucket;
            return;
        }
    }
}

} // namespace

Page* find_page(u64 address, bool make) {
    const u64 number = (address >> base::kPageShift) + 1;
    for (u64 i = number * 0x9e37'79b9;; ++i) {
        Page& page = g_cache.pages[i % kPageBuckets];
        if (page.number == number)
            return &page;
        if (page.number)
            continue;
        if (!make)
            return nullptr;
        page.number = number;
        page.first = 0;
        ++g_cache.page_count;
        return &page;
    }
}

void drop_block(u32 number) {
    Block& block = g_cache.blocks[number];
    if (!block.is_live)
        return;
    block.is_live = false;
    if (block.is_case)
        g_cache.has_dropped_case = true;
    for (u32 next = block.incoming; next;) {
        const u32 exit_number = next - 1;
        ExitRecord& exit = g_cache.exits[exit_number];
        next = exit.next_incoming;
        exit.is_linked = false;
        const Block& from = g_cache.blocks[exit.block];
        (void)set_branch(exit, from.stubs_end - (exit_number - from.first_exit + 1) * kStubBytes);
    }
    block.incoming = 0;
    for (u32 entry = block.first_entry; entry; entry = g_cache.entries[entry].next_of_block)
        drop_entry(entry);
}

void drop_page(Page& page) {
    const u64 address = (page.number - 1) << base::kPageShift;
    for (u32 number = std::exchange(page.first, 0); number;) {
        Block& block = g_cache.blocks[number];
        const bool is_first = base::page_floor(block.guest) == address;
        const u32 next = block.next_on_page[is_first ? 0 : 1];
        drop_block(number);
        number = next;
    }
}

u32 find_entry(u64 guest, u32 wanted) {
    if (!g_cache.known.may_have(guest))
        return 0;
    const u32 first = first_of(guest);
    u32 before = 0;
    for (u32 at = first; at; before = at, at = g_cache.entries[at].next_in_bucket) {
        EntryRecord& entry = g_cache.entries[at];
        if (entry.guest != guest || !(wanted >> entry.kind & 1))
            continue;
        if (before) {
            g_cache.entries[before].next_in_bucket = entry.next_in_bucket;
            entry.next_in_bucket = first;
            set_first(guest, at);
        }
        return at;
    }
    return 0;
}

u64 direct_code(const EntryRecord& entry) { return g_cache.blocks[entry.block].code + entry.direct; }

u64 target_code(const EntryRecord& entry) { return g_cache.blocks[entry.block].code + static_cast<u64>(i64{entry.code}); }

u32 add_entry(u32 block, EntryRecord::Kind kind, u64 guest, u32 direct, i32 code) {
    const u32 number = g_cache.entry_count++;
    g_cache.entries[number] = {guest, block, code, std::exchange(g_cache.blocks[block].first_entry, number), first_of(guest), 0,
                               static_cast<u16>(direct), kind, false};
    set_first(guest, number);
    g_cache.known.add(guest);
    return number;
}

u32 add_block(Zone& zone, u64 guest, const Translation& made, u8* code) {
    const u32 number = g_cache.block_count++;
    Block& block = g_cache.blocks[number];
    block.guest = guest;
    block.code = reinterpret_cast<u64>(code);
    block.source_bytes = static_cast<u16>(made.source_bytes);
    block.first_entry = 0;
    block.first_exit = g_cache.exit_count;
    block.first_point = g_cache.point_count;
    block.point_count = static_cast<u16>(made.point_count);
    block.incoming = 0;
    block.is_live = true;
    block.is_case = false;
    if (made.switch_number)
        block.next_of_switch = std::exchange(g_cache.switches[made.switch_number].first_block, number);
    block.step = made.step;
    block.stubs_end = zone_end(zone) - zone.stubs;
    for (u32 i = 0; i < made.exit_count; ++i) {
        const Exit& exit = made.exits[i];
        g_cache.exits[g_cache.exit_count++] = {exit.target, number, 0, static_cast<u16>(exit.branch), exit.kind, false};
    }
    zone.stubs += made.exit_count * kStubBytes;
    for (u32 i = 0; i < made.point_count; ++i)
        g_cache.points[g_cache.point_count++] = made.points[i];
    zone.used = static_cast<u64>(code - zone.memory->code) + made.code_bytes;
    zone.numbers[zone.count++] = number;
    if (made.source_bytes) {
        put_on_page(number, base::page_floor(guest), 0);
        if (last_page(block) != base::page_floor(guest))
            put_on_page(number, last_page(block), 1);
    }
    return number;
}

void link_number(u32 number, u32 entry_number) {
    ExitRecord& exit = g_cache.exits[number];
    const EntryRecord& entry = g_cache.entries[entry_number];
    if (exit.is_linked || exit.kind == Exit::Check)
        return;
    Block& block = g_cache.blocks[entry.block];
    if (!set_branch(exit, exit.kind == Exit::Call ? block.code : direct_code(entry)))
        return;
    exit.is_linked = true;
    exit.next_incoming = block.incoming;
    block.incoming = number + 1;
    if (exit.kind != Exit::Call)
        return;
    const i32 landing = exit.branch + 4; // behind the host call
    for (u32 at = g_cache.blocks[exit.block].first_entry; at; at = g_cache.entries[at].next_of_block) {
        if (g_cache.entries[at].is_for_returns() && g_cache.entries[at].code == landing) {
            add_target(at);
            break;
        }
    }
}

void forget_everything() {
    for (u32 number = 1; number < g_cache.entry_count; ++number) {
        set_first(g_cache.entries[number].guest, 0);
        g_cache.known.forget(g_cache.entries[number].guest);
        forget_first_targets(g_cache.entries[number].guest);
    }
    forget_switches();
    for (Page& page : g_cache.pages)
        page = {};
    for (u32 i = 0; i < g_cache.zone_count; ++i)
        g_cache.zones[i].used = g_cache.zones[i].stubs = g_cache.zones[i].count = 0;
    g_cache.exit_count = g_cache.point_count = g_cache.page_count = 0;
    g_cache.block_count = g_cache.entry_count = 1;
    ++g_cache.generation;
}

} // namespace engine::translate
