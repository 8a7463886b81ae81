#include "engine/translate/cache.hpp"

#include "base/assert.hpp"
#include "base/layout.hpp"
#include "engine/translate/glue.hpp"
#include "engine/translate/host_hooks.hpp"
#include "engine/translate/lookup.hpp"

namespace engine::translate {

namespace {

constexpr u32 kMaxBlocks = 1 << 17;
// Code lies in zones. The first one is below 2 GiB; others are made within reach of the guest's images, so that what these name
// relative to RIP can be named so by their translations.
constexpr u32 kMaxZones = 8;
constexpr u64 kZoneBytes = 16 << 20;
constexpr u64 kReach = u64{1750} << 20; // leaves room for images of 256 MiB
constexpr u32 kTriedBuckets = 64;
constexpr u32 kMaxTotalExits = 3 * kMaxBlocks;
constexpr u32 kMaxTotalPoints = 8 * kMaxBlocks;
constexpr u32 kPageBuckets = 1 << 15;
constexpr u32 kMaxPages = kPageBuckets / 2;

struct Block {
    u64 guest;
    u64 code; // the indirect entry
    u32 first_point, first_exit;
    u16 point_count, source_bytes;
    u8 exit_count;
    bool is_live;
    bool is_target;      // in the list that the lookup table leads to
    u32 incoming;        // exits that are linked to it: number + 1 of the first
    u32 next_in_bucket;  // of those with the same low bits
    u32 next_target;     // in that list, whose members jump on to the next
    u32 next_on_page[2]; // of those with source on its first and last page
};

struct ExitRecord {
    u64 target;
    u64 branch, stub;  // addresses
    u32 block;
    u32 next_incoming; // number + 1
    bool is_linked, is_check;
};

struct Page {
    u64 number; // of the page + 1; 0: free
    u32 first;  // block
};

// Jumps to the kernel, which is out of reach of the code's own.
struct Thunk {
    u8 jump[8]; // jmp *target(%rip)
    u64 target;
};
enum ThunkNumber : u32 { kExit, kSystemCall, kInterrupt80, kRaise, kOtherTarget, kThunks };

struct ZoneMemory {
    Thunk thunks[kThunks];
    u8 code[kZoneBytes - kThunks * sizeof(Thunk)];
};

// What the host gives below 2 GiB.
struct LowMemory {
    u64 heads[kHeads];
    ZoneMemory zone;
};

struct Zone {
    ZoneMemory* memory;
    u64 used;                // bytes of blocks, from the start
    u64 stubs;               // bytes of stubs, from the end
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
    u32 block_count, exit_count, point_count, page_count;
    CodeRange range; // the last one found, and when
    u64 range_changes;
    Block blocks[kMaxBlocks]; // number 0 is none
    ExitRecord exits[kMaxTotalExits];
    Point points[kMaxTotalPoints];
    Page pages[kPageBuckets];
    u32 buckets[kHeads]; // by guest address, as the lookup table: the first block
    u32 targets[kHeads]; // and the first that the table leads to
    Zone zones[kMaxZones];
    // Work space of translations, under the lock.
    Translation translation;
    u8 source[kMaxSourceBytes];
};

Cache g_cache;
LowMemory* g_memory;
Options g_options;

void lock_even_in_flush() {
    u32 expected = 0;
    while (!g_cache.lock.compare_exchange_weak(expected, 1, std::memory_order_acquire)) {
        expected = 0;
        host::yield();
    }
}

class Guard {
public:
    Guard() { lock_cache(); }
    ~Guard() { unlock_cache(); }
    LXSS_NO_COPY(Guard);
};

u64 thunk(const ZoneMemory& memory, ThunkNumber number) { return reinterpret_cast<u64>(&memory.thunks[number]); }
u64 no_entry() { return thunk(g_memory->zone, kOtherTarget); }

// The first block with the low bits of `guest`.
u32 first_of(u64 guest) { return g_cache.buckets[guest % kHeads]; }
void set_first(u64 guest, u32 block) { __atomic_store_n(&g_cache.buckets[guest % kHeads], block, __ATOMIC_RELEASE); }
// What translated lookups find: only blocks that indirect branches have led to, or others would be in their way.
void set_head(u64 guest, u64 entry) { __atomic_store_n(&g_memory->heads[guest % kHeads], entry, __ATOMIC_RELEASE); }

void add_zone(ZoneMemory* memory) {
    const char* const targets[kThunks] = {lx_translate_exit, lx_entry_syscall, lx_translate_interrupt_80, lx_translate_raise,
                                          lx_translate_other_target};
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

// The zone for code at `guest`; the first one when none is within reach.
Zone& zone_for(u64 guest) {
    for (u32 i = 1; i < g_cache.zone_count; ++i) {
        const u64 start = reinterpret_cast<u64>(g_cache.zones[i].memory);
        if (guest < start ? start + kZoneBytes - guest < kReach : guest - start < kReach)
            return g_cache.zones[i];
    }
    return g_cache.zones[0];
}

// Whether a zone should be made for `guest`; notes that it has been tried.
bool wants_zone(u64 guest) {
    if (guest < 0x8000'0000 || g_cache.zone_count == kMaxZones || &zone_for(guest) != &g_cache.zones[0])
        return false;
    const u64 area = guest / kReach + 1;
    u64& tried = g_cache.tried[area % kTriedBuckets];
    return std::exchange(tried, area) != area;
}

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

// Where block `number` sends branches to other targets; false when that is out of reach.
bool set_next_target(u32 number, u32 next) {
    Block& block = g_cache.blocks[number];
    const u64 branch = block.code + kOtherTargetOffset;
    const u64 to = next ? g_cache.blocks[next].code : thunk(*zone_at(branch)->memory, kOtherTarget);
    const i64 displacement = static_cast<i64>(to - branch - 4);
    if (displacement != static_cast<i32>(displacement))
        return false;
    block.next_target = next;
    __atomic_store_n(reinterpret_cast<u32*>(branch), static_cast<u32>(displacement), __ATOMIC_RELEASE);
    return true;
}

u32& first_target(u64 guest) { return g_cache.targets[guest % kHeads]; }

void set_first_target(u64 guest, u32 number) {
    first_target(guest) = number;
    set_head(guest, number ? g_cache.blocks[number].code : no_entry());
}

void forget_targets(u32 first) {
    for (u32 at = first; at; at = g_cache.blocks[at].next_target)
        g_cache.blocks[at].is_target = false;
}

// To the front of its list.
void add_target(u32 number) {
    Block& block = g_cache.blocks[number];
    if (block.is_target)
        return;
    const u32 first = first_target(block.guest);
    if (!set_next_target(number, first)) {
        // Images too far from each other: the others give way, until they are wanted again.
        (void)set_next_target(number, 0);
        forget_targets(first);
    }
    block.is_target = true;
    set_first_target(block.guest, number);
}

void remove_target(u32 number) {
    Block& block = g_cache.blocks[number];
    block.is_target = false;
    u32 before = 0;
    for (u32 at = first_target(block.guest); at && at != number; at = g_cache.blocks[at].next_target)
        before = at;
    if (!before) {
        set_first_target(block.guest, block.next_target);
    } else if (!set_next_target(before, block.next_target)) {
        (void)set_next_target(before, 0);
        forget_targets(block.next_target);
    }
}

u64 last_page(const Block& block) { return base::page_floor(block.guest + block.source_bytes - 1); }

// False when it is out of reach.
bool set_branch(const ExitRecord& exit, u64 to) {
    const i64 displacement = static_cast<i64>(to - exit.branch - 4);
    if (displacement != static_cast<i32>(displacement))
        return false;
    // One write within a cache line: see Translator::align_branch.
    __atomic_store_n(reinterpret_cast<u32*>(exit.branch), static_cast<u32>(displacement), __ATOMIC_RELEASE);
    return true;
}

void drop_block(u32 number) {
    Block& block = g_cache.blocks[number];
    if (!block.is_live)
        return;
    block.is_live = false;
    for (u32 next = block.incoming; next;) {
        ExitRecord& exit = g_cache.exits[next - 1];
        next = exit.next_incoming;
        exit.is_linked = false;
        (void)set_branch(exit, exit.stub);
    }
    block.incoming = 0;
    if (block.is_target)
        remove_target(number);
    // Out of its bucket.
    const u32 first = first_of(block.guest);
    if (first == number) {
        set_first(block.guest, block.next_in_bucket);
        return;
    }
    for (u32 at = first; at; at = g_cache.blocks[at].next_in_bucket) {
        Block& before = g_cache.blocks[at];
        if (before.next_in_bucket == number) {
            before.next_in_bucket = block.next_in_bucket;
            return;
        }
    }
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

void put_on_page(u32 number, u64 address, u32 which) {
    Page* page = find_page(address, true);
    g_cache.blocks[number].next_on_page[which] = page->first;
    page->first = number;
}

// The live block at `guest`, moved to the front of its bucket; 0: none.
u32 find_block(u64 guest) {
    const u32 first = first_of(guest);
    u32 before = 0;
    for (u32 at = first; at; before = at, at = g_cache.blocks[at].next_in_bucket) {
        Block& block = g_cache.blocks[at];
        if (block.guest != guest)
            continue;
        if (before) {
            g_cache.blocks[before].next_in_bucket = block.next_in_bucket;
            block.next_in_bucket = first;
            set_first(guest, at);
        }
        return at;
    }
    return 0;
}

bool is_full(const Zone& zone) {
    return zone.used + zone.stubs + kMaxCodeBytes + kMaxExits * kStubBytes + 64 > sizeof(zone.memory->code) || g_cache.block_count + 1 >= kMaxBlocks ||
           g_cache.exit_count + kMaxExits > kMaxTotalExits || g_cache.point_count + kMaxPoints > kMaxTotalPoints ||
           g_cache.page_count + 2 > kMaxPages;
}

void forget_everything() {
    for (u32 number = 1; number < g_cache.block_count; ++number) {
        set_first(g_cache.blocks[number].guest, 0);
        set_first_target(g_cache.blocks[number].guest, 0);
    }
    for (Page& page : g_cache.pages)
        page = {};
    for (u32 i = 0; i < g_cache.zone_count; ++i)
        g_cache.zones[i].used = g_cache.zones[i].stubs = g_cache.zones[i].count = 0;
    g_cache.exit_count = g_cache.point_count = g_cache.page_count = 0;
    g_cache.block_count = 1;
    ++g_cache.generation;
}

// Lock held; released while other threads leave the translations, and held again afterwards.
void flush() {
    g_cache.is_flushing.store(1, std::memory_order_seq_cst);
    g_cache.lock.store(0, std::memory_order_release);
    // Whoever sets in_translation from here on sees the flush.
    host::barrier_of_process(false);
    for (;;) {
        bool is_anybody_inside = false;
        lxcore_visit_other_threads(
            [](void* context, host::ThreadBlock& block) {
                if (!block.in_translation.load(std::memory_order_acquire))
                    return;
                *static_cast<bool*>(context) = true;
                host::interrupt_thread(block.host_process, block.host_thread);
            },
            &is_anybody_inside);
        if (!is_anybody_inside)
            break;
        host::yield();
    }
    lock_even_in_flush();
    forget_everything();
    g_cache.is_flushing.store(0, std::memory_order_release);
}

void add_block(Zone& zone, u64 guest, const Translation& made, u8* code) {
    const u32 number = g_cache.block_count++;
    Block& block = g_cache.blocks[number];
    block.guest = guest;
    block.code = reinterpret_cast<u64>(code);
    block.source_bytes = static_cast<u16>(made.source_bytes);
    block.first_exit = g_cache.exit_count;
    block.exit_count = static_cast<u8>(made.exit_count);
    block.first_point = g_cache.point_count;
    block.point_count = static_cast<u16>(made.point_count);
    block.incoming = 0;
    block.is_live = true;
    block.is_target = false;
    block.next_target = 0;
    const u64 stubs_end = zone_end(zone) - zone.stubs;
    for (u32 i = 0; i < made.exit_count; ++i) {
        const Exit& exit = made.exits[i];
        g_cache.exits[g_cache.exit_count++] = {exit.target, block.code + exit.branch, stubs_end - (i + 1) * kStubBytes, number, 0,
                                               false, exit.is_check};
    }
    zone.stubs += made.exit_count * kStubBytes;
    for (u32 i = 0; i < made.point_count; ++i)
        g_cache.points[g_cache.point_count++] = made.points[i];
    zone.used = static_cast<u64>(code - zone.memory->code) + made.code_bytes;
    zone.numbers[zone.count++] = number;
    put_on_page(number, base::page_floor(guest), 0);
    if (last_page(block) != base::page_floor(guest))
        put_on_page(number, last_page(block), 1);
    block.next_in_bucket = first_of(guest);
    set_first(guest, number);
}

// Links those exits of the newest block whose targets are there already; what leads to it is linked when it is taken.
void link_number(u32 number, u32 target) {
    ExitRecord& exit = g_cache.exits[number];
    if (exit.is_linked || exit.is_check)
        return;
    Block& block = g_cache.blocks[target];
    if (!set_branch(exit, block.code + kIndirectEntryBytes))
        return;
    exit.is_linked = true;
    exit.next_incoming = block.incoming;
    block.incoming = number + 1;
}

Glue glue(const ZoneMemory& memory) {
    return {thunk(memory, kExit),  thunk(memory, kSystemCall),  thunk(memory, kInterrupt80),
            thunk(memory, kRaise), thunk(memory, kOtherTarget), reinterpret_cast<u64>(g_memory->heads)};
}

// Finds out what may be executed around `guest`. False: nothing.
bool find_range(u64 guest, u64 changes, CodeRange& range) {
    {
        Guard guard;
        range = g_cache.range;
        if (g_cache.range_changes == changes && guest >= range.start && guest < range.end)
            return true;
    }
    if (!lxcore_find_code(guest, &range))
        return false;
    Guard guard;
    g_cache.range = range;
    g_cache.range_changes = changes;
    return true;
}

} // namespace

void set_options(const Options& options) {
    g_options = options;
    lx_translate_stack_bias = options.stack_bias;
}
const Options& options() { return g_options; }
bool holds(u64 address) {
    const Zone* zone = zone_at(address);
    return zone && address >= reinterpret_cast<u64>(zone->memory->code);
}

u64 find_quickly(u64 guest) {
    const u32 number = __atomic_load_n(&g_cache.buckets[guest % kHeads], __ATOMIC_ACQUIRE);
    const Block& block = g_cache.blocks[number];
    return number && block.guest == guest ? block.code + kIndirectEntryBytes : 0;
}

bool is_flushing() { return g_cache.is_flushing.load(std::memory_order_acquire) != 0; }

void lock_cache() {
    for (;;) {
        u32 expected = 0;
        if (!g_cache.is_flushing.load(std::memory_order_acquire) &&
            g_cache.lock.compare_exchange_weak(expected, 1, std::memory_order_acquire)) {
            if (!g_cache.is_flushing.load(std::memory_order_acquire))
                return;
            g_cache.lock.store(0, std::memory_order_release);
        }
        host::yield();
    }
}
void unlock_cache() { g_cache.lock.store(0, std::memory_order_release); }

Place find(u64 guest) {
    for (;;) {
        // Starts at 1, so that no range counts as found before.
        const u64 changes = g_cache.changes.load(std::memory_order_acquire) + 1;
        CodeRange range{};
        if (!find_range(guest, changes, range))
            return {Found::NotExecutable, guest};
        bool needs_zone;
        {
            Guard guard;
            if (find_block(guest))
                return {Found::Yes, 0};
            needs_zone = wants_zone(guest);
        }
        const u64 zone_address = needs_zone ? lxcore_reserve_code_space(guest, kZoneBytes, kReach) : 0;
        Guard guard;
        if (zone_address && g_cache.zone_count < kMaxZones)
            add_zone(reinterpret_cast<ZoneMemory*>(zone_address));
        if (find_block(guest))
            return {Found::Yes, 0};
        Zone& zone = zone_for(guest);
        if (is_full(zone)) {
            flush();
            continue;
        }
        if (g_cache.changes.load(std::memory_order_acquire) + 1 != changes)
            continue;
        const u32 wanted = static_cast<u32>(base::min<u64>(kMaxSourceBytes, range.end - guest));
        const u32 missing =
            static_cast<u32>(host::copy_guarded(g_cache.source, reinterpret_cast<const void*>(guest), wanted));
        const Source source{guest, g_cache.source, wanted - missing, range.may_change};
        u8* code = zone.memory->code + base::align_up(zone.used, u64{16});
        Translation& made = g_cache.translation;
        translate(source, glue(*zone.memory), code, reinterpret_cast<u8*>(zone_end(zone) - zone.stubs), g_cache.exit_count, g_options.rewrite_fs, g_options.stack_bias, made);
        if (made.source_bytes == 0)
            return {missing ? Found::Unreadable : Found::NotExecutable, guest + source.available};
        add_block(zone, guest, made, code);
        return {Found::Yes, 0};
    }
}

void make_target(u64 guest) {
    Guard guard;
    if (const u32 number = find_block(guest))
        add_target(number);
}

TakenExit taken_exit(u32 number) {
    const ExitRecord& exit = g_cache.exits[number];
    return {exit.target, g_cache.generation, exit.is_check};
}

void link(u32 number, u32 generation) {
    Guard guard;
    if (generation != g_cache.generation || !g_cache.blocks[g_cache.exits[number].block].is_live)
        return;
    if (const u32 target = find_block(g_cache.exits[number].target))
        link_number(number, target);
}

void drop_source_of(u32 number, u32 generation) {
    Guard guard;
    if (generation == g_cache.generation)
        drop_block(g_cache.exits[number].block);
}

void drop(u64 address, u64 length) {
    g_cache.changes.fetch_add(1, std::memory_order_acq_rel);
    if (length == 0)
        return;
    Guard guard;
    // At exec zones go with everything else. The process has one thread then, and it is here.
    for (u32 i = 1; i < g_cache.zone_count; ++i) {
        const u64 start = reinterpret_cast<u64>(g_cache.zones[i].memory);
        if (start >= address && start < address + length) {
            forget_everything();
            g_cache.zone_count = 1;
            for (u64& tried : g_cache.tried)
                tried = 0;
            return;
        }
    }
    const u64 first = address >> base::kPageShift, last = (address + length - 1) >> base::kPageShift;
    if (g_cache.block_count <= 1)
        return;
    if (last - first < 1024) {
        for (u64 number = first; number <= last; ++number)
            if (Page* page = find_page(number << base::kPageShift, false))
                drop_page(*page);
        return;
    }
    for (Page& page : g_cache.pages)
        if (page.number && page.number - 1 >= first && page.number - 1 <= last)
            drop_page(page);
}

namespace {

State state_under_lock(u64 host) {
    const Zone* zone = zone_at(host);
    LXSS_ASSERT(zone && zone->count);
    const u64 end = zone_end(*zone);
    if (host >= end - zone->stubs) { // the exit has been taken
        const u64 stub = end - ((end - 1 - host) / kStubBytes + 1) * kStubBytes;
        u32 number;
        __builtin_memcpy(&number, reinterpret_cast<const u8*>(stub) + kStubNumberOffset, 4);
        const Point point{0, 0, Point::Exit, 0, static_cast<i16>(g_options.stack_bias)};
        return {point, g_cache.exits[number].target};
    }
    u32 low = 0, high = zone->count;
    while (high - low > 1) {
        const u32 middle = low + (high - low) / 2;
        (g_cache.blocks[zone->numbers[middle]].code <= host ? low : high) = middle;
    }
    const Block& block = g_cache.blocks[zone->numbers[low]];
    const u64 at = host - block.code;
    const Point* point = &g_cache.points[block.first_point];
    for (u32 i = 1; i < block.point_count && point[1].host <= at; ++i)
        ++point;
    State state{*point, block.guest + point->guest};
    if (point->kind == Point::Run)
        state.rip += at - point->host;
    else if (point->kind == Point::Exit)
        state.rip = g_cache.exits[block.first_exit + point->guest].target;
    return state;
}

} // namespace

State state_at(u64 host) {
    // A flush waits for this thread, which still counts as in translated code.
    lock_even_in_flush();
    const State state = state_under_lock(host);
    unlock_cache();
    return state;
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
    g_memory = reinterpret_cast<LowMemory*>(address);
    add_zone(&g_memory->zone);
    for (u64& head : g_memory->heads)
        head = no_entry();
    g_cache.block_count = 1;
}

} // namespace engine
