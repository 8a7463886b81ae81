#include "engine/translate/cache.hpp"

#include "base/assert.hpp"
#include "base/layout.hpp"
#include "engine/translate/glue.hpp"
#include "engine/translate/host_hooks.hpp"

namespace engine::translate {

Lookup g_lookup;

namespace {

constexpr u32 kCodeBytes = 48 << 20;
constexpr u32 kMaxTotalExits = 3 * kMaxBlocks;
constexpr u32 kMaxTotalPoints = 8 * kMaxBlocks;
constexpr u32 kPageBuckets = 1 << 15;
constexpr u32 kMaxPages = kPageBuckets / 2;

struct Block {
    u64 guest;
    u32 code; // offset in g_code
    u32 first_point, first_exit;
    u16 point_count, source_bytes;
    u8 exit_count;
    bool is_live;
    u32 incoming;        // exits that are linked to it: number + 1 of the first
    u32 next_in_bucket;  // of those with the same head
    u32 next_on_page[2]; // of those with source on its first and last page
};

struct ExitRecord {
    u64 target;
    u32 branch, stub;  // offsets in g_code
    u32 block;
    u32 next_incoming; // number + 1
    bool is_linked, is_check;
};

struct Page {
    u64 number; // of the page + 1; 0: free
    u32 first;  // block
};

struct Cache {
    std::atomic<u32> lock;
    std::atomic<u32> is_flushing;
    std::atomic<u64> changes; // how often mappings have changed
    u32 generation;           // counts flushes
    u32 code_used, block_count, exit_count, point_count, page_count;
    CodeRange range; // the last one found, and when
    u64 range_changes;
    Block blocks[kMaxBlocks]; // number 0 is none
    ExitRecord exits[kMaxTotalExits];
    Point points[kMaxTotalPoints];
    Page pages[kPageBuckets];
    // Work space of translations, under the lock.
    Translation translation;
    u8 source[kMaxSourceBytes];
};

Cache g_cache;
alignas(4096) u8 g_code[kCodeBytes];
Options g_options;

class Guard {
public:
    Guard() { lock_cache(); }
    ~Guard() { unlock_cache(); }
    LXSS_NO_COPY(Guard);
};

u32 record_offset(u32 block) { return block * static_cast<u32>(sizeof(Record)); }
u32& head_of(u64 guest) { return g_lookup.heads[guest & 0xffff]; }
void set_head(u64 guest, u32 block) { __atomic_store_n(&head_of(guest), record_offset(block), __ATOMIC_RELEASE); }

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

u64 last_page(const Block& block) { return base::page_floor(block.guest + block.source_bytes - 1); }

void set_branch(const ExitRecord& exit, u32 to) {
    const u32 displacement = to - exit.branch - 4;
    // One write within a cache line: see Translator::align_branch.
    __atomic_store_n(reinterpret_cast<u32*>(g_code + exit.branch), displacement, __ATOMIC_RELEASE);
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
        set_branch(exit, exit.stub);
    }
    block.incoming = 0;
    // Out of its bucket.
    const u32 head = head_of(block.guest) / static_cast<u32>(sizeof(Record));
    if (head == number) {
        set_head(block.guest, block.next_in_bucket);
        return;
    }
    for (u32 at = head; at; at = g_cache.blocks[at].next_in_bucket) {
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

// The live block at `guest`, moved to the head of its bucket; 0: none.
u32 find_block(u64 guest) {
    const u32 head = head_of(guest) / static_cast<u32>(sizeof(Record));
    u32 before = 0;
    for (u32 at = head; at; before = at, at = g_cache.blocks[at].next_in_bucket) {
        Block& block = g_cache.blocks[at];
        if (block.guest != guest)
            continue;
        if (before) {
            g_cache.blocks[before].next_in_bucket = block.next_in_bucket;
            block.next_in_bucket = head;
            set_head(guest, at);
        }
        return at;
    }
    return 0;
}

bool is_full() {
    return g_cache.code_used + kMaxCodeBytes + 64 > kCodeBytes || g_cache.block_count + 1 >= kMaxBlocks ||
           g_cache.exit_count + kMaxExits > kMaxTotalExits || g_cache.point_count + kMaxPoints > kMaxTotalPoints ||
           g_cache.page_count + 2 > kMaxPages;
}

void initialize() {
    g_cache.block_count = 1;
    g_lookup.records[0] = {~u64{0}, reinterpret_cast<u64>(&lx_translate_lookup_dummy)};
}

void forget_everything() {
    for (u32 number = 1; number < g_cache.block_count; ++number)
        __atomic_store_n(&head_of(g_cache.blocks[number].guest), 0, __ATOMIC_RELAXED);
    for (Page& page : g_cache.pages)
        page = {};
    g_cache.code_used = g_cache.exit_count = g_cache.point_count = g_cache.page_count = 0;
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
    u32 expected = 0;
    while (!g_cache.lock.compare_exchange_weak(expected, 1, std::memory_order_acquire)) {
        expected = 0;
        host::yield();
    }
    forget_everything();
    g_cache.is_flushing.store(0, std::memory_order_release);
}

void add_block(u64 guest, const Translation& made, u8* code) {
    const u32 number = g_cache.block_count++;
    Block& block = g_cache.blocks[number];
    block.guest = guest;
    block.code = static_cast<u32>(code - g_code);
    block.source_bytes = static_cast<u16>(made.source_bytes);
    block.first_exit = g_cache.exit_count;
    block.exit_count = static_cast<u8>(made.exit_count);
    block.first_point = g_cache.point_count;
    block.point_count = static_cast<u16>(made.point_count);
    block.incoming = 0;
    block.is_live = true;
    for (u32 i = 0; i < made.exit_count; ++i) {
        const Exit& exit = made.exits[i];
        g_cache.exits[g_cache.exit_count++] = {exit.target, block.code + exit.branch, block.code + exit.stub, number, 0, false,
                                               exit.is_check};
    }
    for (u32 i = 0; i < made.point_count; ++i)
        g_cache.points[g_cache.point_count++] = made.points[i];
    g_cache.code_used = base::align_up(block.code + made.code_bytes, 16u);
    put_on_page(number, base::page_floor(guest), 0);
    if (last_page(block) != base::page_floor(guest))
        put_on_page(number, last_page(block), 1);
    g_lookup.records[number] = {guest, reinterpret_cast<u64>(code)};
    block.next_in_bucket = head_of(guest) / static_cast<u32>(sizeof(Record));
    set_head(guest, number);
}

// Links those exits of the newest block whose targets are there already; what leads to it is linked when it is taken.
void link_number(u32 number, u32 target) {
    ExitRecord& exit = g_cache.exits[number];
    if (exit.is_linked || exit.is_check)
        return;
    Block& block = g_cache.blocks[target];
    exit.is_linked = true;
    exit.next_incoming = block.incoming;
    block.incoming = number + 1;
    set_branch(exit, block.code + kIndirectEntryBytes);
}

Glue glue() {
    return {reinterpret_cast<u64>(&lx_translate_exit),         reinterpret_cast<u64>(&lx_entry_syscall),
            reinterpret_cast<u64>(&lx_translate_interrupt_80), reinterpret_cast<u64>(&lx_translate_raise),
            reinterpret_cast<u64>(&lx_translate_lookup_miss),  reinterpret_cast<u64>(&g_lookup)};
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
Region code_region() { return {reinterpret_cast<u64>(g_code), reinterpret_cast<u64>(g_code) + kCodeBytes}; }

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
            return {Found::NotExecutable, 0, guest};
        Guard guard;
        if (g_cache.block_count == 0)
            initialize();
        if (const u32 number = find_block(guest))
            return {Found::Yes, reinterpret_cast<u64>(g_code) + g_cache.blocks[number].code + kIndirectEntryBytes, 0};
        if (is_full()) {
            flush();
            continue;
        }
        if (g_cache.changes.load(std::memory_order_acquire) + 1 != changes)
            continue;
        const u32 wanted = static_cast<u32>(base::min<u64>(kMaxSourceBytes, range.end - guest));
        const u32 missing =
            static_cast<u32>(host::copy_guarded(g_cache.source, reinterpret_cast<const void*>(guest), wanted));
        const Source source{guest, g_cache.source, wanted - missing, range.may_change};
        u8* code = g_code + g_cache.code_used;
        Translation& made = g_cache.translation;
        translate(source, glue(), code, g_cache.exit_count, g_options.rewrite_fs, g_options.stack_bias, made);
        if (made.source_bytes == 0)
            return {missing ? Found::Unreadable : Found::NotExecutable, 0, guest + source.available};
        add_block(guest, made, code);
        return {Found::Yes, reinterpret_cast<u64>(code) + kIndirectEntryBytes, 0};
    }
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

State state_at(u64 host) {
    Guard guard;
    const u32 offset = static_cast<u32>(host - reinterpret_cast<u64>(g_code));
    // Blocks lie in the order of their numbers.
    u32 low = 1, high = g_cache.block_count;
    while (high - low > 1) {
        const u32 middle = low + (high - low) / 2;
        (g_cache.blocks[middle].code <= offset ? low : high) = middle;
    }
    LXSS_ASSERT(g_cache.block_count > 1);
    const Block& block = g_cache.blocks[low];
    const u32 at = offset - block.code;
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

} // namespace engine::translate
