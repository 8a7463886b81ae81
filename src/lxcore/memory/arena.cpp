// See arena.hpp. Pages: one bit each, claimed by atomic operations on words. Objects: a lock-free stack of free
// objects for each size class; a process killed in between leaks the one object that it was about to get.
#include "lxcore/memory/arena.hpp"

#include <bit>

#include "host/host.hpp"
#include "lxcore/kernel.hpp"

namespace lxcore {

namespace {

constexpr usize kClassBytes[] = {32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048};
constexpr usize kClasses = base::array_size(kClassBytes);

constexpr usize class_of(usize bytes) {
    usize index = 0;
    while (kClassBytes[index] < bytes)
        ++index;
    return index;
}

constexpr usize kDiscardPages = 64;

// The head of a free list: an object's offset in units of 16 bytes, and a counter that makes a reused address
// different (the ABA problem).
constexpr u64 kOffsetBits = 36;
constexpr u64 kOffsetMask = (u64{1} << kOffsetBits) - 1;

struct FreeObject {
    u64 next; // offset / 16, 0 at the end
};

FreeObject* object_at(u64 offset16) { return reinterpret_cast<FreeObject*>(base::kArenaBase + offset16 * 16); }
u64 offset_of(const void* object) { return (reinterpret_cast<u64>(object) - base::kArenaBase) / 16; }

} // namespace

struct ArenaState {
    u64 page_count;
    u64 word_count;
    std::atomic<u64> used_pages;
    std::atomic<u64> object_bytes;
    std::atomic<u64> single_hint; // word to look at first for single pages
    std::atomic<u64> run_hint;    // page to look at first for runs
    std::atomic<u64> free_objects[kClasses];
    std::atomic<u64>* used;  // bit per page
    std::atomic<u64>* dirty; // bit per page: was used before, so its content is not zero
};

namespace {

ArenaState& state() { return *kernel().arena; }

void* page_address(u64 page) { return reinterpret_cast<void*>(base::kArenaBase + page * base::kPageSize); }
u64 page_index(const void* memory) {
    return (reinterpret_cast<u64>(memory) - base::kArenaBase) / base::kPageSize;
}

void make_zero(u64 page) {
    const u64 bit = u64{1} << (page % 64);
    std::atomic<u64>& word = state().dirty[page / 64];
    if (word.load(std::memory_order_relaxed) & bit) {
        word.fetch_and(~bit, std::memory_order_relaxed);
        __builtin_memset(page_address(page), 0, base::kPageSize);
    }
}

bool claim(u64 page) {
    const u64 bit = u64{1} << (page % 64);
    return !(state().used[page / 64].fetch_or(bit, std::memory_order_acquire) & bit);
}

void unclaim(u64 page) {
    state().used[page / 64].fetch_and(~(u64{1} << (page % 64)), std::memory_order_release);
}

void* allocate_one_page() {
    ArenaState& arena = state();
    const u64 start = arena.single_hint.load(std::memory_order_relaxed);
    for (u64 step = 0; step < arena.word_count; ++step) {
        const u64 index = (start + step) % arena.word_count;
        u64 word = arena.used[index].load(std::memory_order_relaxed);
        while (~word != 0) {
            const u64 page = index * 64 + static_cast<u64>(std::countr_one(word));
            if (page >= arena.page_count)
                break;
            if (claim(page)) {
                if (step != 0)
                    arena.single_hint.store(index, std::memory_order_relaxed);
                arena.used_pages.fetch_add(1, std::memory_order_relaxed);
                make_zero(page);
                return page_address(page);
            }
            word = arena.used[index].load(std::memory_order_relaxed);
        }
    }
    return nullptr;
}

// Tries [first, first + count); returns the first page that is taken, or `first + count` on success.
u64 claim_run(u64 first, usize count) {
    for (u64 page = first; page < first + count; ++page) {
        if (claim(page))
            continue;
        for (u64 claimed = first; claimed < page; ++claimed)
            unclaim(claimed);
        return page;
    }
    return first + count;
}

bool refill(usize size_class) {
    const usize bytes = kClassBytes[size_class];
    auto* page = static_cast<u8*>(bytes <= 512 ? allocate_pages(1) : allocate_pages(4));
    if (!page)
        return false;
    const usize span = bytes <= 512 ? base::kPageSize : 4 * base::kPageSize;
    const usize count = span / bytes;
    for (usize i = 0; i + 1 < count; ++i)
        reinterpret_cast<FreeObject*>(page + i * bytes)->next = offset_of(page + (i + 1) * bytes);
    auto* last = reinterpret_cast<FreeObject*>(page + (count - 1) * bytes);
    std::atomic<u64>& head = state().free_objects[size_class];
    u64 old_head = head.load(std::memory_order_relaxed);
    u64 new_head;
    do {
        last->next = old_head & kOffsetMask;
        new_head = ((old_head & ~kOffsetMask) + kOffsetMask + 1) | offset_of(page);
    } while (!head.compare_exchange_weak(old_head, new_head, std::memory_order_release));
    return true;
}

} // namespace

void* allocate(usize bytes) {
    if (bytes == 0)
        bytes = 1;
    if (bytes > kClassBytes[kClasses - 1])
        return allocate_pages((bytes + base::kPageSize - 1) / base::kPageSize);
    const usize size_class = class_of(bytes);
    std::atomic<u64>& head = state().free_objects[size_class];
    u64 old_head = head.load(std::memory_order_acquire);
    for (;;) {
        const u64 offset = old_head & kOffsetMask;
        if (offset == 0) {
            if (!refill(size_class))
                return nullptr;
            old_head = head.load(std::memory_order_acquire);
            continue;
        }
        // May be another's object by now; then the counter has changed and the exchange fails.
        const u64 next = reinterpret_cast<volatile FreeObject*>(object_at(offset))->next;
        const u64 new_head = ((old_head & ~kOffsetMask) + kOffsetMask + 1) | (next & kOffsetMask);
        if (head.compare_exchange_weak(old_head, new_head, std::memory_order_acq_rel)) {
            void* object = object_at(offset);
            __builtin_memset(object, 0, kClassBytes[size_class]);
            state().object_bytes.fetch_add(kClassBytes[size_class], std::memory_order_relaxed);
            return object;
        }
    }
}

void release(void* memory, usize bytes) {
    if (!memory)
        return;
    if (bytes == 0)
        bytes = 1;
    if (bytes > kClassBytes[kClasses - 1]) {
        release_pages(memory, (bytes + base::kPageSize - 1) / base::kPageSize);
        return;
    }
    const usize size_class = class_of(bytes);
    auto* object = static_cast<FreeObject*>(memory);
    std::atomic<u64>& head = state().free_objects[size_class];
    u64 old_head = head.load(std::memory_order_relaxed);
    u64 new_head;
    do {
        object->next = old_head & kOffsetMask;
        new_head = ((old_head & ~kOffsetMask) + kOffsetMask + 1) | offset_of(object);
    } while (!head.compare_exchange_weak(old_head, new_head, std::memory_order_release));
    state().object_bytes.fetch_sub(kClassBytes[size_class], std::memory_order_relaxed);
}

void* allocate_pages(usize count, usize alignment_pages) {
    if (count == 1 && alignment_pages == 1)
        return allocate_one_page();
    ArenaState& arena = state();
    const u64 start = arena.run_hint.load(std::memory_order_relaxed);
    for (u32 pass = 0; pass < 2; ++pass) {
        u64 first = base::align_up(pass == 0 ? start : 1, alignment_pages);
        const u64 end = pass == 0 ? arena.page_count : base::min<u64>(arena.page_count, start + count);
        while (first + count <= end) {
            const u64 stop = claim_run(first, count);
            if (stop == first + count) {
                arena.run_hint.store(stop, std::memory_order_relaxed);
                arena.used_pages.fetch_add(count, std::memory_order_relaxed);
                for (u64 page = first; page < stop; ++page)
                    make_zero(page);
                return page_address(first);
            }
            first = base::align_up(stop + 1, alignment_pages);
        }
    }
    return nullptr;
}

void release_pages(void* memory, usize count) {
    const u64 first = page_index(memory);
    ArenaState& arena = state();
    // Large runs go back to the host, which costs a call but also saves clearing them; small ones are kept warm.
    const bool is_discarded =
        count >= kDiscardPages &&
        host::discard_arena(reinterpret_cast<u64>(memory), count * base::kPageSize).is_ok();
    for (u64 page = first; page < first + count; ++page) {
        if (!is_discarded)
            arena.dirty[page / 64].fetch_or(u64{1} << (page % 64), std::memory_order_relaxed);
        unclaim(page);
    }
    arena.used_pages.fetch_sub(count, std::memory_order_relaxed);
    // Runs go round by next fit; coming back to the front now and then keeps the arena dense.
    if (count > 1 && first < arena.run_hint.load(std::memory_order_relaxed))
        arena.run_hint.store(first, std::memory_order_relaxed);
    if (count == 1 && first / 64 < arena.single_hint.load(std::memory_order_relaxed))
        arena.single_hint.store(first / 64, std::memory_order_relaxed);
}

ArenaStatistics arena_statistics() {
    return {state().page_count, state().used_pages.load(), state().object_bytes.load()};
}

void initialize_arena(u64 bytes) {
    const u64 pages = bytes / base::kPageSize;
    const u64 words = (pages + 63) / 64;
    const u64 bitmap_pages = (words * 8 + base::kPageSize - 1) / base::kPageSize;
    // Page 0: KernelState and ArenaState; then the two bitmaps.
    static_assert(sizeof(KernelState) <= 2048 && sizeof(ArenaState) <= 1024);
    auto* arena = reinterpret_cast<ArenaState*>(base::kArenaBase + 3072);
    kernel().arena = arena;
    arena->page_count = pages;
    arena->word_count = words;
    arena->used = static_cast<std::atomic<u64>*>(page_address(1));
    arena->dirty = static_cast<std::atomic<u64>*>(page_address(1 + bitmap_pages));
    const u64 taken = 1 + 2 * bitmap_pages;
    for (u64 page = 0; page < taken; ++page)
        claim(page);
    arena->used_pages.store(taken);
    arena->single_hint.store(taken / 64);
    // Runs (thread blocks, pipe buffers) start a little above the single pages.
    arena->run_hint.store(base::align_up(taken, 64) + 1024);
}

} // namespace lxcore
