#include "engine/translate/cache.hpp"

#include "base/assert.hpp"
#include "engine/translate/cache_state.hpp"
#include "engine/translate/decoder.hpp"
#include "engine/translate/glue.hpp"
#include "engine/translate/processor.hpp"
#include "engine/translate/registers.hpp"

namespace engine::translate {

Cache g_cache;
LowMemory* g_memory;
Options g_options;
Mode g_mode;

void lock_even_in_flush() {
    u32 expected = 0;
    while (!g_cache.lock.compare_exchange_weak(expected, 1, std::memory_order_acquire)) {
        expected = 0;
        host::yield();
    }
}

namespace {

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

Glue glue(const ZoneMemory& memory, bool is_step) {
    return {thunk(memory, kExit),
            thunk(memory, is_step ? kStepSystemCall : kSystemCall),
            thunk(memory, is_step ? kStepInterrupt80 : kInterrupt80),
            thunk(memory, kRaise),
            thunk(memory, kOtherTarget),
            thunk(memory, kOtherReturn),
            reinterpret_cast<u64>(g_memory->jumps),
            reinterpret_cast<u64>(g_memory->returns),
            reinterpret_cast<u64>(g_memory->return_masks)};
}

constexpr u32 wanted_by(Entering how) {
    return how == Entering::Step         ? kSteps
           : how == Entering::ByCall     ? kStarts
           : how == Entering::Indirectly ? kJumpedTo
                                         : kEnterable;
}

bool is_translated(u64 guest) { return find_entry(guest, kEnterable) != 0; }

constexpr u32 wanted_by(Exit::Kind kind) { return kind == Exit::Call ? kStarts : kEnterable; }

// Links the exits of a new block whose targets are there already, be it in the block itself.
void link_new(u32 block, const Translation& made, bool has_inside) {
    const u64 guest = g_cache.blocks[block].guest;
    for (u32 i = 0; i < made.exit_count; ++i) {
        const Exit& exit = made.exits[i];
        u32 entry = find_entry(exit.target, wanted_by(exit.kind));
        if (!entry && has_inside && exit.kind == Exit::Jump && exit.target - guest < made.source_bytes) {
            for (u32 at = 0; at < made.instruction_count && !entry; ++at)
                if (made.instructions[at].guest == exit.target - guest)
                    entry = add_entry(block, EntryRecord::Inside, exit.target, made.instructions[at].code, 0);
        }
        if (entry)
            link_number(g_cache.blocks[block].first_exit + i, entry);
    }
}

// Translates what begins at `guest` into `zone`, which has room for it. Lock held. Leaves no block if the translation has met with a switch
// that is not known yet.
Place make(Zone& zone, u64 guest, const CodeRange& range, Entering how) {
    const u32 length = static_cast<u32>(base::min<u64>(kMaxSourceBytes, range.end - guest));
    const u32 missing = static_cast<u32>(host::copy_guarded(g_cache.source, reinterpret_cast<const void*>(guest), length));
    const bool is_step = how == Entering::Step;
    const Source source{guest, g_cache.source, length - missing, range.may_change, is_translated, &g_cache.known,
                        how == Entering::Indirectly, find_switch, is_step};
    u8* code = next_code(zone);
    Translation& made = g_cache.translation;
    translate(source, glue(*zone.memory, is_step), code, reinterpret_cast<u8*>(zone_end(zone) - zone.stubs), g_cache.exit_count,
              g_mode, made);
    if (g_cache.wanted_switch.count)
        return {};
    if (made.source_bytes == 0)
        return {missing ? Found::Unreadable : Found::NotExecutable, guest + source.available, 0};
    const u32 block = add_block(zone, guest, made, code);
    for (u32 i = 0; i < made.landing_count; ++i) {
        const Landing& landing = made.landings[i];
        add_entry(block, landing.is_passage ? EntryRecord::Passage : EntryRecord::Landing, guest + landing.guest, landing.direct,
                  static_cast<i32>(landing.code));
        if (!range.may_change)
            add_entry(block, EntryRecord::CallSite, guest + landing.call_guest, landing.call, 0);
    }
    const u32 entry = add_entry(block, is_step ? EntryRecord::Step : EntryRecord::Start, guest, made.direct, static_cast<i32>(made.entry));
    if (!is_step)
        link_new(block, made, !range.may_change); // each entry compares the source where that may change
    ask_ahead(zone);
    return {Found::Yes, 0, entry};
}

} // namespace

void set_options(const Options& options) {
    g_options = options;
    const Processor processor = options.old_processor ? Processor{} : this_processor();
    g_mode = {options.rewrite_fs, options.stack_bias, processor.has_bmi2, processor.has_fast_extract};
    lx_translate_stack_bias = options.stack_bias;
}

const Options& options() { return g_options; }

u64 find_quickly(u64 guest, Entering how) {
    const u32 number = __atomic_load_n(&g_cache.buckets[bucket_of(guest)], __ATOMIC_ACQUIRE);
    const EntryRecord& entry = g_cache.entries[number];
    return number && entry.guest == guest && (wanted_by(how) >> entry.kind & 1) ? direct_code(entry) : 0;
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

Place find(u64 guest, Entering how) {
    CodeRange range{};
    u64 range_changes = 0; // when `range` was found
    Switch wanted{};
    for (;;) {
        // Starts at 1, so that no range counts as found before.
        const u64 changes = g_cache.changes.load(std::memory_order_acquire) + 1;
        bool needs_range, needs_zone;
        {
            Guard guard;
            if (const u32 entry = find_entry(guest, wanted_by(how)))
                return {Found::Yes, 0, entry};
            if (range_changes != changes) {
                range = g_cache.range;
                range_changes = g_cache.range_changes;
            }
            needs_range = range_changes != changes || guest < range.start || guest >= range.end;
            needs_zone = !needs_range && wants_zone(guest);
            if (!needs_range && !needs_zone) {
                Zone& zone = zone_for(guest);
                if (is_full(zone)) {
                    flush();
                    continue;
                }
                if (g_cache.changes.load(std::memory_order_acquire) + 1 != changes)
                    continue;
                const Place place = make(zone, guest, range, how);
                wanted = std::exchange(g_cache.wanted_switch, {});
                if (!wanted.count)
                    return place;
            }
        }
        // What lxcore knows is asked for without the lock.
        if (needs_range && !lxcore_find_code(guest, &range))
            return {Found::NotExecutable, guest, 0};
        if (needs_range)
            range_changes = changes;
        const bool is_constant = wanted.count && lxcore_is_constant(wanted.table, u64{wanted.count} * wanted.entry_bytes);
        const u64 zone_address = needs_zone ? lxcore_reserve_code_space(guest, kZoneBytes, kReach) : 0;
        Guard guard;
        if (needs_range) {
            g_cache.range = range;
            g_cache.range_changes = changes;
        }
        if (wanted.count && g_cache.changes.load(std::memory_order_acquire) + 1 == changes)
            add_switch(wanted, is_constant, thunk(*g_cache.zones[0].memory, kOtherCase));
        wanted = {};
        if (zone_address && g_cache.zone_count < kMaxZones)
            add_zone(reinterpret_cast<ZoneMemory*>(zone_address));
    }
}

namespace {

// Makes code for indirect branches, or for returns, that leads to `entry`; how far it is from the code of the entry's block, 0 when its zone has
// no room: the next translation makes some.
i32 make_entry_code(const EntryRecord& entry, bool is_return) {
    const u64 block_code = g_cache.blocks[entry.block].code;
    Zone& zone = *zone_at(block_code);
    if (is_full(zone))
        return 0;
    u8* const code = next_code(zone);
    translate_entry(entry.guest, direct_code(entry), is_return, glue(*zone.memory, false), code, g_mode, g_cache.translation);
    (void)add_block(zone, entry.guest, g_cache.translation, code);
    return static_cast<i32>(reinterpret_cast<i64>(code) + g_cache.translation.entry - static_cast<i64>(block_code));
}

// An entry at `guest` that has code for indirect branches; 0: there is none.
u32 find_jump_entry(u64 guest) {
    const u32 number = find_entry(guest, kJumpedTo);
    EntryRecord& entry = g_cache.entries[number];
    if (number && !entry.code)
        entry.code = make_entry_code(entry, false);
    return entry.code ? number : 0;
}

} // namespace

void make_target(u64 guest, bool is_return) {
    Guard guard;
    if (!is_return) {
        if (const u32 number = find_jump_entry(guest))
            add_target(number);
        return;
    }
    if (const u32 number = find_entry(guest, kReturns)) {
        add_target(number);
        return;
    }
    if (const u32 number = find_entry(guest, kEnterable)) {
        const EntryRecord& entry = g_cache.entries[number];
        if (const i32 code = make_entry_code(entry, true))
            add_target(add_entry(entry.block, EntryRecord::Return, guest, entry.direct, code));
    }
}

TakenCase taken_case(u32 number, host::Frame& frame) {
    const Switch& key = g_cache.switches[number].key;
    const u64 index = key.index == kNoRegister ? 0 : register_of(frame, key.index);
    return {switch_target(number, index), g_cache.generation, key.is_kept};
}

void link_case(u32 number, const TakenCase& taken) {
    Guard guard;
    if (taken.generation != g_cache.generation)
        return;
    if (const u32 entry = taken.has_kept_register ? find_jump_entry(taken.target) : find_entry(taken.target, kEnterable))
        link_switch(number, taken.target, entry);
}

TakenExit taken_exit(u32 number) {
    const ExitRecord& exit = g_cache.exits[number];
    return {exit.target, g_cache.generation, exit.kind, g_cache.blocks[exit.block].step};
}

void link(u32 number, u32 generation, u32 entry) {
    Guard guard;
    if (generation != g_cache.generation || !g_cache.blocks[g_cache.exits[number].block].is_live ||
        !g_cache.blocks[g_cache.entries[entry].block].is_live)
        return;
    link_number(number, entry);
}

void drop_source_of(u32 number, u32 generation) {
    Guard guard;
    if (generation == g_cache.generation)
        drop_block(g_cache.exits[number].block);
    forget_dropped_cases();
}

namespace {

void drop_pages(u64 first, u64 last) {
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

} // namespace

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
    if (g_cache.block_count <= 1)
        return;
    drop_switches(address, length);
    drop_pages(address >> base::kPageShift, (address + length - 1) >> base::kPageShift);
    forget_dropped_cases();
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
        const ExitRecord& exit = g_cache.exits[number];
        const bool has_return = exit.kind == Exit::Call && host - stub <= kStubDropOffset;
        const Point point{0, 0, Point::Exit, 0, static_cast<i16>(g_mode.stack_bias + (has_return ? 8 : 0))};
        return {point, exit.target, g_cache.blocks[exit.block].step, true};
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
    State state{*point, block.guest + point->guest, block.step, false};
    if (point->kind == Point::Run)
        state.rip += at - point->host;
    else if (point->kind == Point::Exit)
        state.rip = g_cache.exits[block.first_exit + point->guest].target;
    const bool is_on_the_way = point->kind == Point::Exit || point->kind == Point::BranchedRcx ||
                              point->kind == Point::BranchedSlot || point->kind == Point::Returned || point->kind == Point::Switched;
    state.is_done = is_on_the_way || state.rip != block.guest;
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
