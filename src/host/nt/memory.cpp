// The address space of the calling pico process; see memory.hpp.
#include "host/nt/memory.hpp"

#include "abi/mman.hpp"
#include "engine/engine.hpp"

namespace host {

using namespace nt;

namespace nt {

namespace {

std::atomic<u32> g_memory_lock;

constexpr u64 granule_floor(u64 value) { return base::align_down(value, kGranule); }
constexpr u64 granule_ceil(u64 value) { return base::align_up(value, kGranule); }
u8* pointer(u64 address) { return reinterpret_cast<u8*>(address); }

// The pages of `view` that lie in [start, end).
struct Pages {
    u64 first, count;
};
Pages pages_in(const View& view, u64 start, u64 end) {
    const u64 from = base::max(start, view.start), to = base::min(end, view.end());
    return {(from - view.start) / base::kPageSize, (to - from) / base::kPageSize};
}

// Makes a run of pages readable and writable for a moment, whatever their protection is.
void open_pages(View& view, u64 first, u64 count) {
    void* base = pointer(view.start + first * base::kPageSize);
    SIZE_T size = count * base::kPageSize;
    ULONG old;
    const ULONG protection = view.is_read_only ? PAGE_READONLY : view.is_copy ? PAGE_WRITECOPY : PAGE_READWRITE;
    if (NtProtectVirtualMemory(this_process(), &base, &size, protection, &old) < 0)
        LXSS_PANIC("a view cannot be opened");
}

// Clears what may be dirty. The pages are left open.
void zero_pages(View& view, u64 first, u64 count) {
    for (u64 page = first; page < first + count;) {
        if (!(view.pages[page] & kPageDirty)) {
            ++page;
            continue;
        }
        u64 next = page + 1;
        while (next < first + count && (view.pages[next] & kPageDirty))
            ++next;
        open_pages(view, page, next - page);
        __builtin_memset(pointer(view.start + page * base::kPageSize), 0, (next - page) * base::kPageSize);
        if (view.is_copy)
            for (u64 cleared = page; cleared < next; ++cleared)
                view.pages[cleared] |= kPageChanged;
        page = next;
    }
}

// After the protection of pages was set to something with PROT_WRITE.
u8 marks_of(const View& view, u32 protection) {
    if (!(protection & abi::PROT_WRITE))
        return 0;
    return kPageDirty | (view.is_copy ? kPageChanged : 0);
}

Result<u32> section_with_room(u64 bytes) {
    if (g_space.current_section != ~0u) {
        const SectionRecord& section = g_space.sections[g_space.current_section];
        if (section.bytes - section.used >= bytes)
            return g_space.current_section;
        // Kept by its views; without any it goes at once.
        const u32 old = g_space.current_section;
        g_space.current_section = ~0u;
        if (section.views == 0) {
            ++g_space.sections[old].views;
            drop_section(old);
        }
    }
    const u32 index = TRY(create_section(base::max(bytes, kChunkBytes)));
    g_space.current_section = index;
    return index;
}

Result<View*> new_private_view(u64 address, u64 bytes) {
    const u32 index = TRY(section_with_room(bytes));
    const u64 offset = g_space.sections[index].used;
    View* view = TRY(insert_view(address, bytes, index, offset, ViewKind::Private, false, false));
    g_space.sections[index].used += bytes;
    apply_protection(*view, 0, view->page_count());
    return view;
}

bool is_unused(const View& view, u64 start, u64 end) {
    for (u64 page = 0; page < view.page_count(); ++page) {
        const u64 address = view.start + page * base::kPageSize;
        if ((view.pages[page] & kPageUsed) && (address < start || address >= end))
            return false;
    }
    return true;
}

// Calls visit(view, first page, count) for each part of [start, end) that has a view; visit must not change the list.
template <typename Visit>
void for_each_part(u64 start, u64 end, Visit visit) {
    for (u64 index = first_view_after(start); index < g_space.views.count && g_space.views[index].start < end; ++index) {
        View& view = g_space.views[index];
        const Pages pages = pages_in(view, start, end);
        visit(view, pages.first, pages.count);
    }
}

void unmap_range(u64 start, u64 end) {
    for (u64 index = first_view_after(start); index < g_space.views.count && g_space.views[index].start < end;) {
        View& view = g_space.views[index];
        if (is_unused(view, start, end)) {
            remove_view(index);
            continue;
        }
        const Pages pages = pages_in(view, start, end);
        for (u64 page = pages.first; page < pages.first + pages.count; ++page)
            view.pages[page] &= kPageDirty | kPageChanged;
        apply_protection(view, pages.first, pages.count);
        ++index;
    }
}

// Shared views in the range go. EINVAL when one has to stay for its neighbours within a granule of the range.
Result<void> remove_shared_parts(u64 start, u64 end) {
    for (u64 index = first_view_after(start); index < g_space.views.count && g_space.views[index].start < end;) {
        const View view = g_space.views[index];
        if (view.kind == ViewKind::Private) {
            ++index;
            continue;
        }
        if (is_unused(view, start, end)) {
            remove_view(index);
            continue;
        }
        const u64 from = base::max(granule_floor(start), view.start), to = base::min(granule_ceil(end), view.end());
        // The edge granules must hold nothing else that is in use.
        for (u64 address = from; address < to; address += base::kPageSize)
            if ((address < start || address >= end) &&
                (view.pages[(address - view.start) / base::kPageSize] & kPageUsed))
                return Errno::EINVAL;
        // Split: the parts before and behind are mapped anew; their content is the section's.
        u8* pages = allocate_pages_table(view.page_count());
        if (!pages)
            return Errno::ENOMEM;
        __builtin_memcpy(pages, view.pages, view.page_count());
        ++g_space.sections[view.section].views;
        remove_view(index);
        const auto put_back = [&](u64 part_start, u64 part_end) -> Result<void> {
            if (part_start >= part_end)
                return {};
            View* part = TRY(insert_view(part_start, part_end - part_start, view.section,
                                         view.offset + (part_start - view.start), view.kind, view.is_copy,
                                         view.is_read_only));
            __builtin_memcpy(part->pages, pages + (part_start - view.start) / base::kPageSize, part->page_count());
            apply_protection(*part, 0, part->page_count());
            return {};
        };
        const auto before = put_back(view.start, from);
        const auto behind = put_back(to, view.end());
        free_pages_table(pages, view.page_count());
        drop_section(view.section);
        if (before.is_error() || behind.is_error())
            return Errno::ENOMEM;
        index = first_view_after(start);
    }
    return {};
}

// Private, zeroed memory with `protection` in the whole range.
Result<void> map_private(u64 start, u64 end, u32 protection) {
    TRY(remove_shared_parts(start, end));
    for (u64 address = start; address < end;) {
        const u64 index = first_view_after(address);
        const bool is_there = index < g_space.views.count && g_space.views[index].start <= address;
        View* view = is_there ? &g_space.views[index] : nullptr;
        if (!view) {
            u64 gap_end = granule_ceil(end);
            if (index < g_space.views.count)
                gap_end = base::min(gap_end, g_space.views[index].start);
            const u64 gap_start = granule_floor(address);
            gap_end = base::min(gap_end, gap_start + kMaxViewBytes);
            // Untouched memory without access needs no view.
            if (protection == 0) {
                address = gap_end;
                continue;
            }
            view = TRY(new_private_view(gap_start, gap_end - gap_start));
        }
        const Pages pages = pages_in(*view, start, end);
        zero_pages(*view, pages.first, pages.count);
        const u8 marks = marks_of(*view, protection);
        for (u64 page = pages.first; page < pages.first + pages.count; ++page)
            view->pages[page] = static_cast<u8>(protection | kPageUsed | marks |
                                                (view->is_copy ? view->pages[page] & (kPageDirty | kPageChanged) : 0));
        apply_protection(*view, pages.first, pages.count);
        address = view->end();
    }
    return {};
}

// Sets the protection of memory that is mapped; parts without a view are made.
Result<void> protect_range(u64 start, u64 end, u32 protection) {
    for (u64 address = start; address < end;) {
        const u64 index = first_view_after(address);
        if (index < g_space.views.count && g_space.views[index].start <= address) {
            View& view = g_space.views[index];
            const Pages pages = pages_in(view, start, end);
            const u8 marks = marks_of(view, protection);
            for (u64 page = pages.first; page < pages.first + pages.count; ++page)
                view.pages[page] =
                    static_cast<u8>((view.pages[page] & ~kPageProtection) | protection | kPageUsed | marks);
            apply_protection(view, pages.first, pages.count);
            address = view.end();
            continue;
        }
        const u64 gap_end = index < g_space.views.count ? base::min(end, g_space.views[index].start) : end;
        TRY(map_private(address, gap_end, protection));
        address = gap_end;
    }
    return {};
}

// A shared view of `section`, whose byte `offset` shall lie at `start`.
Result<void> map_shared_view(u64 start, u64 end, u32 protection, u32 section, u64 offset, ViewKind kind,
                             bool is_read_only, u64 content_end) {
    const u64 view_start = granule_floor(start);
    // The last granule of a file's section may be shorter.
    const u64 section_end = start - offset + base::page_ceil(g_space.sections[section].bytes);
    const u64 view_end = base::min(granule_ceil(end), section_end);
    if ((start - offset) % kGranule != 0)
        return Errno::EINVAL;
    // The neighbours within the edge granules may be of the same section already.
    const u64 view_offset = offset - (start - view_start);
    for (u64 address = view_start; address < view_end;) {
        const u64 index = first_view_after(address);
        View* view = index < g_space.views.count && g_space.views[index].start <= address ? &g_space.views[index] : nullptr;
        const u64 wanted = view_offset + (address - view_start);
        if (view && view->section == section && view->offset + (address - view->start) == wanted) {
            address = view->end();
            continue;
        }
        if (view) {
            // What is in use there shares a granule with the range and cannot be kept beside it.
            if (!is_unused(*view, start, end))
                return Errno::EINVAL;
            remove_view(index);
            continue;
        }
        u64 gap_end = view_end;
        if (index < g_space.views.count)
            gap_end = base::min(gap_end, g_space.views[index].start);
        View* made = TRY(insert_view(address, gap_end - address, section, wanted, kind, false, is_read_only));
        apply_protection(*made, 0, made->page_count());
        address = gap_end;
    }
    for_each_part(start, end, [&](View& view, u64 first, u64 count) {
        for (u64 page = first; page < first + count; ++page) {
            const u64 address = view.start + page * base::kPageSize;
            view.pages[page] = static_cast<u8>(protection | kPageUsed |
                                               (address - start + offset >= content_end ? kPageBeyondEnd : 0));
        }
        apply_protection(view, first, count);
    });
    return {};
}

// Room for a shared view: nothing in use may lie in its edge granules beside the range.
Result<void> make_room(u64 start, u64 end) {
    for (u64 index = first_view_after(granule_floor(start));
         index < g_space.views.count && g_space.views[index].start < granule_ceil(end); ++index) {
        const View& view = g_space.views[index];
        if (view.kind == ViewKind::Private && !is_unused(view, start, end)) {
            // Its granules may still be outside of the range; only whole views can go.
            return Errno::EINVAL;
        }
    }
    unmap_range(start, end);
    return {};
}

// The arena's section, which every process has a handle of.
Result<u32> arena_section() {
    const HANDLE handle = reinterpret_cast<HANDLE>(shared().arena_section);
    for (u64 index = 0; index < g_space.sections.count; ++index)
        if (g_space.sections[index].handle == handle)
            return static_cast<u32>(index);
    const u32 index = TRY(add_section(handle, shared().arena_bytes));
    g_space.sections[index].views = 1; // for ever: the handle is not ours to close
    return index;
}

// Windows keeps views of one file coherent with each other and with reads and writes of it. `offset` and the address must lie alike
// within a granule.
Result<void> map_shared_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, u64 size) {
    if ((address - offset) % kGranule != 0)
        return Errno::EINVAL;
    TRY(make_room(address, address + length));
    if (offset >= size)
        return map_private(address, address + length, 0); // nothing but bus errors
    const HANDLE native = native_handle(file);
    if (!native)
        return Errno::EBADF;
    HANDLE handle;
    bool is_read_only = false;
    NTSTATUS status = NtCreateSection(&handle, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_READWRITE, SEC_COMMIT, native);
    if (status == STATUS_ACCESS_DENIED) {
        is_read_only = true;
        status = NtCreateSection(&handle, SECTION_MAP_READ | SECTION_QUERY, nullptr, nullptr, PAGE_READONLY, SEC_COMMIT, native);
    }
    TRY(void_result(status));
    const auto added = add_section(handle, size);
    if (added.is_error()) {
        (void)NtClose(handle);
        return added.error();
    }
    const u32 section = added.value();
    ++g_space.sections[section].views;
    // A view cannot reach beyond the file's last page.
    const u64 end = base::min(length, base::page_ceil(size - offset));
    const auto mapped = map_shared_view(address, address + end, protection, section, offset, ViewKind::Shared, is_read_only, size);
    drop_section(section);
    return mapped;
}

u64 size_of_file(Handle file) {
    const auto info = host::file_info(file);
    return info.is_ok() ? info.value().size : 0;
}

} // namespace

MemoryGuard::MemoryGuard() {
    for (u32 round = 0;; ++round) {
        u32 expected = 0;
        if (g_memory_lock.compare_exchange_weak(expected, 1, std::memory_order_acquire))
            return;
        if (round < 200)
            asm volatile("pause");
        else
            (void)NtYieldExecution();
    }
}
MemoryGuard::~MemoryGuard() { g_memory_lock.store(0, std::memory_order_release); }

} // namespace nt

static Result<void> do_map_anonymous(u64 address, u64 length, u32 protection) {
    preserve_vectors();
    MemoryGuard guard;
    return map_private(address, address + length, protection);
}

static Result<void> do_map_shared_anonymous(u64 address, u64 length, u32 protection) {
    preserve_vectors();
    MemoryGuard guard;
    TRY(make_room(address, address + length));
    const u64 offset = address % kGranule;
    const u32 section = TRY(create_section(granule_ceil(offset + length)));
    ++g_space.sections[section].views; // kept until the views hold it
    const auto mapped = map_shared_view(address, address + length, protection, section, offset, ViewKind::Shared, false, ~u64{0});
    drop_section(section);
    return mapped;
}

static Result<void> do_map_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, bool shared) {
    preserve_vectors();
    const u64 size = size_of_file(file);
    MemoryGuard guard;
    if (shared)
        return map_shared_file(address, length, protection, file, offset, size);
    TRY(map_private(address, address + length, abi::PROT_READ | abi::PROT_WRITE));
    const u64 end = address + length;
    const u64 content = offset >= size ? 0 : base::min(length, size - offset);
    for (u64 done = 0; done < content;) {
        const abi::iovec vector{address + done, content - done};
        const auto got = read_at(file, &vector, 1, offset + done);
        if (got.is_error()) {
            unmap_range(address, end);
            return got.error();
        }
        if (got.value() == 0)
            break;
        done += got.value();
    }
    for_each_part(address, end, [&](View& view, u64 first, u64 count) {
        const u8 marks = marks_of(view, protection);
        for (u64 page = first; page < first + count; ++page) {
            const u64 at = view.start + page * base::kPageSize;
            const u8 beyond = at - address >= base::page_ceil(content) ? kPageBeyondEnd : 0;
            view.pages[page] = static_cast<u8>((view.pages[page] & (kPageDirty | kPageChanged)) | protection | kPageUsed |
                                               kPageOfFile | marks | beyond);
        }
        apply_protection(view, first, count);
    });
    return {};
}

static Result<void> do_map_arena(u64 address, u64 length, u32 protection, u64 arena_address, bool shared) {
    preserve_vectors();
    MemoryGuard guard;
    if (!shared) {
        TRY(map_private(address, address + length, abi::PROT_READ | abi::PROT_WRITE));
        __builtin_memcpy(pointer(address), pointer(arena_address), length);
        return protect_range(address, address + length, protection);
    }
    const u32 section = TRY(arena_section());
    TRY(remove_shared_parts(address, address + length));
    return map_shared_view(address, address + length, protection, section, arena_address - base::kArenaBase,
                           ViewKind::Arena, false, ~u64{0});
}

Result<void> discard_arena(u64, u64) { return Errno::EOPNOTSUPP; }

static Result<void> do_unmap(u64 address, u64 length) {
    preserve_vectors();
    MemoryGuard guard;
    unmap_range(address, address + length);
    return {};
}

static Result<void> do_protect(u64 address, u64 length, u32 protection) {
    preserve_vectors();
    MemoryGuard guard;
    return protect_range(address, address + length, protection & kPageProtection);
}

namespace {

// Copies the pages of private memory, with their protection, to a range that was just mapped.
void copy_private(u64 from, u64 to, u64 length) {
    for_each_part(from, from + length, [&](View& view, u64 first, u64 count) {
        for (u64 page = first; page < first + count; ++page) {
            const u64 source = view.start + page * base::kPageSize;
            if (view.pages[page] & kPageDirty || view.kind != ViewKind::Private) {
                open_pages(view, page, 1);
                __builtin_memcpy(pointer(to + (source - from)), pointer(source), base::kPageSize);
            }
        }
    });
}

} // namespace

static Result<void> do_move_mapping(u64 old_address, u64 old_length, u64 new_address, u64 new_length) {
    preserve_vectors();
    MemoryGuard guard;
    const u64 old_end = old_address + old_length;
    // Shared views are mapped a second time, where they lie alike within a granule.
    bool is_shared = false;
    for_each_part(old_address, old_end, [&](View& view, u64, u64) { is_shared = is_shared || view.kind != ViewKind::Private; });
    if (is_shared) {
        for (u64 address = old_address; address < old_end;) {
            const u64 index = first_view_after(address);
            if (index == g_space.views.count || g_space.views[index].start > address)
                return Errno::EINVAL;
            const View view = g_space.views[index];
            const u64 end = base::min(view.end(), old_end);
            const u64 to = new_address + (address - old_address);
            const u8 bits = view.pages[(address - view.start) / base::kPageSize];
            // Only a section that reaches so far can be seen further.
            const u64 last = end == old_end && new_length > old_length ? new_address + new_length : to + (end - address);
            TRY(map_shared_view(to, last, bits & kPageProtection, view.section, view.offset + (address - view.start),
                                view.kind, view.is_read_only, ~u64{0}));
            address = end;
        }
        unmap_range(old_address, old_end);
        return {};
    }
    // Growth has the protection of the last page.
    u32 protection = 0;
    for_each_part(old_end - base::kPageSize, old_end,
                  [&](View& view, u64 first, u64) { protection = view.pages[first] & kPageProtection; });
    TRY(map_private(new_address, new_address + new_length, abi::PROT_READ | abi::PROT_WRITE));
    copy_private(old_address, new_address, base::min(old_length, new_length));
    for (u64 offset = 0; offset < base::min(old_length, new_length);) {
        // Runs of equal protection; what has no view has none.
        u64 run = base::kPageSize;
        const auto bits_at = [](u64 address) -> u32 {
            const u64 index = first_view_after(address);
            if (index == g_space.views.count || g_space.views[index].start > address)
                return 0;
            const View& view = g_space.views[index];
            return view.pages[(address - view.start) / base::kPageSize] & (kPageProtection | kPageBeyondEnd | kPageOfFile);
        };
        const u32 bits = bits_at(old_address + offset);
        while (offset + run < base::min(old_length, new_length) && bits_at(old_address + offset + run) == bits)
            run += base::kPageSize;
        TRY(protect_range(new_address + offset, new_address + offset + run, bits & kPageProtection));
        if (bits & (kPageBeyondEnd | kPageOfFile))
            for_each_part(new_address + offset, new_address + offset + run, [&](View& view, u64 first, u64 count) {
                for (u64 page = first; page < first + count; ++page)
                    view.pages[page] |= bits & (kPageBeyondEnd | kPageOfFile);
                apply_protection(view, first, count);
            });
        offset += run;
    }
    if (new_length > old_length)
        TRY(protect_range(new_address + old_length, new_address + new_length, protection));
    unmap_range(old_address, old_end);
    return {};
}

static Result<void> do_advise(u64 address, u64 length, i32 advice) {
    preserve_vectors();
    if (advice != static_cast<i32>(abi::MADV_DONTNEED) && advice != static_cast<i32>(abi::MADV_REMOVE))
        return {}; // hints; MADV_FREE may keep what is there
    MemoryGuard guard;
    bool has_file_pages = false;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        if (view.kind != ViewKind::Private) {
            if (advice == static_cast<i32>(abi::MADV_REMOVE)) {
                open_pages(view, first, count);
                __builtin_memset(pointer(view.start + first * base::kPageSize), 0, count * base::kPageSize);
                apply_protection(view, first, count);
            }
            return;
        }
        for (u64 page = first; page < first + count; ++page)
            has_file_pages = has_file_pages || (view.pages[page] & kPageOfFile);
    });
    // What was read from a file cannot be had anew here.
    if (has_file_pages)
        return Errno::EOPNOTSUPP;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        if (view.kind != ViewKind::Private)
            return;
        zero_pages(view, first, count);
        if (!view.is_copy)
            for (u64 page = first; page < first + count; ++page)
                if (!(view.pages[page] & abi::PROT_WRITE))
                    view.pages[page] &= static_cast<u8>(~kPageDirty);
        apply_protection(view, first, count);
    });
    return {};
}

// The engine is told when memory has changed, without the memory lock.
Result<void> map_anonymous(u64 address, u64 length, u32 protection) {
    const auto result = do_map_anonymous(address, length, protection);
    engine::code_changed(address, length);
    return result;
}

Result<void> map_shared_anonymous(u64 address, u64 length, u32 protection) {
    const auto result = do_map_shared_anonymous(address, length, protection);
    engine::code_changed(address, length);
    return result;
}

Result<void> map_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, bool shared) {
    const auto result = do_map_file(address, length, protection, file, offset, shared);
    engine::code_changed(address, length);
    return result;
}

Result<void> map_arena(u64 address, u64 length, u32 protection, u64 arena_address, bool shared) {
    const auto result = do_map_arena(address, length, protection, arena_address, shared);
    engine::code_changed(address, length);
    return result;
}

Result<void> unmap(u64 address, u64 length) {
    const auto result = do_unmap(address, length);
    engine::code_changed(address, length);
    return result;
}

Result<void> protect(u64 address, u64 length, u32 protection) {
    const auto result = do_protect(address, length, protection);
    engine::code_changed(address, length);
    return result;
}

Result<void> advise(u64 address, u64 length, i32 advice) {
    const auto result = do_advise(address, length, advice);
    engine::code_changed(address, length);
    return result;
}

Result<void> move_mapping(u64 old_address, u64 old_length, u64 new_address, u64 new_length) {
    const auto result = do_move_mapping(old_address, old_length, new_address, new_length);
    engine::code_changed(old_address, old_length);
    engine::code_changed(new_address, new_length);
    return result;
}

Result<void> sync_mapping(u64 address, u64 length, i32 flags) {
    preserve_vectors();
    if (flags & static_cast<i32>(abi::MS_ASYNC))
        return {};
    MemoryGuard guard;
    Result<void> result;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        if (view.kind != ViewKind::Shared)
            return;
        LPCVOID base = pointer(view.start + first * base::kPageSize);
        SIZE_T size = count * base::kPageSize;
        IO_STATUS_BLOCK status;
        (void)NtFlushVirtualMemory(this_process(), &base, &size, reinterpret_cast<ULONG_PTR>(&status));
    });
    return result;
}

Result<void> residency(u64 address, u64 length, u8* vector) {
    MemoryGuard guard;
    if (fill_guarded(vector, 0, length / base::kPageSize) != 0)
        return Errno::EFAULT;
    bool is_bad = false;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        const u64 index = (view.start + first * base::kPageSize - address) / base::kPageSize;
        is_bad = is_bad || fill_guarded(vector + index, 1, count) != 0;
    });
    if (is_bad)
        return Errno::EFAULT;
    return {};
}

Result<void> lock_memory(u64 address, u64 length, bool lock) {
    preserve_vectors();
    MemoryGuard guard;
    bool failed = false;
    for_each_part(address, address + length, [&](View& view, u64 first, u64 count) {
        void* base = pointer(view.start + first * base::kPageSize);
        const SIZE_T size = count * base::kPageSize;
        failed = (lock ? !VirtualLock(base, size) : !VirtualUnlock(base, size)) || failed;
    });
    // What was not locked may be unlocked all the same.
    if (lock && failed)
        return Errno::ENOMEM;
    return {};
}

namespace {

// What Windows, and Wine on Linux, use in every process, with room for what lies elsewhere in each: stacks, heaps, and the
// images of the system. See docs/nt-host.md.
constexpr AddressRange kReserved[] = {
    {0x1'0000, kLowWindow},
    {kLowWindowEnd, 0x400'0000'0000},
    {0x5500'0000'0000, 0x5700'0000'0000},
};

} // namespace

// Code stays in the one region that prepare_engine() takes.
Result<void> map_code(u64, u64) { return Errno::EOPNOTSUPP; }

usize reserved_ranges(AddressRange* ranges, usize capacity) {
    for (usize i = 0; i < base::min(capacity, base::array_size(kReserved)); ++i)
        ranges[i] = kReserved[i];
    return base::array_size(kReserved);
}

u64 vdso_address() { return 0; }

void barrier_of_process(bool) {
    preserve_vectors();
    FlushProcessWriteBuffers();
}
// Windows has no such call for other processes; each thread passes a barrier when it is next scheduled.
void barrier_everywhere() {
    preserve_vectors();
    FlushProcessWriteBuffers();
}

namespace {

// Wine lets the memory of other processes be read and written whatever its protection is: it is asked first.
usize accessible_bytes(HANDLE process, u64 address, usize length, bool write) {
    MEMORY_BASIC_INFORMATION region;
    SIZE_T got;
    if (NtQueryVirtualMemory(process, pointer(address), MemoryBasicInformation, &region, sizeof(region), &got) < 0 ||
        region.State != MEM_COMMIT)
        return 0;
    constexpr DWORD kWritable = PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    constexpr DWORD kReadable = kWritable | PAGE_READONLY | PAGE_EXECUTE_READ;
    if (!(region.Protect & (write ? kWritable : kReadable)) || (region.Protect & PAGE_GUARD))
        return 0;
    const u64 end = reinterpret_cast<u64>(region.BaseAddress) + region.RegionSize;
    return base::min<u64>(length, end - address);
}

template <typename Transfer>
Result<usize> transfer_memory(HANDLE process, u64 address, usize length, bool write, Transfer transfer) {
    usize done = 0;
    while (done < length) {
        const usize part = accessible_bytes(process, address + done, length - done, write);
        if (part == 0 || !transfer(address + done, done, part))
            break;
        done += part;
    }
    (void)NtClose(process);
    if (done == 0 && length != 0)
        return Errno::EFAULT;
    return done;
}

} // namespace

Result<usize> read_process_memory(i32 host_process, u64 address, void* buffer, usize length) {
    preserve_vectors();
    const HANDLE process = open_process(host_process, PROCESS_VM_READ | PROCESS_QUERY_INFORMATION);
    if (!process)
        return Errno::ESRCH;
    return transfer_memory(process, address, length, false, [&](u64 from, usize at, usize part) {
        SIZE_T got = 0;
        return NtReadVirtualMemory(process, pointer(from), static_cast<u8*>(buffer) + at, part, &got) >= 0 && got == part;
    });
}

Result<usize> write_process_memory(i32 host_process, u64 address, const void* buffer, usize length) {
    preserve_vectors();
    const HANDLE process = open_process(host_process, PROCESS_VM_WRITE | PROCESS_VM_OPERATION | PROCESS_QUERY_INFORMATION);
    if (!process)
        return Errno::ESRCH;
    return transfer_memory(process, address, length, true, [&](u64 to, usize at, usize part) {
        SIZE_T put = 0;
        return NtWriteVirtualMemory(process, pointer(to), static_cast<const u8*>(buffer) + at, part, &put) >= 0 && put == part;
    });
}

} // namespace host
