#include "host/nt/ranges.hpp"

#include "abi/mman.hpp"

namespace host::nt {

namespace {

std::atomic<u32> g_memory_lock;

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
MemoryGuard::~MemoryGuard() {
    g_memory_lock.store(0, std::memory_order_release);
}

void open_pages(View& view, u64 first, u64 count) {
    void* base = pointer(view.start + first * base::kPageSize);
    SIZE_T size = count * base::kPageSize;
    ULONG old;
    const ULONG protection = view.is_read_only ? PAGE_READONLY
                             : view.is_copy    ? PAGE_WRITECOPY
                                               : PAGE_READWRITE;
    if (NtProtectVirtualMemory(this_process(), &base, &size, protection, &old) < 0)
        LXSS_PANIC("a view cannot be opened");
}

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

u8 marks_of(const View& view, u32 protection) {
    if (!(protection & abi::PROT_WRITE))
        return 0;
    return kPageDirty | (view.is_copy ? kPageChanged : 0);
}

namespace {

// Below the stack are no guard pages any more once something is done there.
void forget_guard_pages(u64 start, u64 end) {
    if (start < g_space.stack_end && end > g_space.stack_end - kStackEndBytes)
        g_space.stack_end = 0;
}

} // namespace

void unmap_range(u64 start, u64 end) {
    forget_guard_pages(start, end);
    for (u64 index = first_view_after(start);
         index < g_space.views.count && g_space.views[index].start < end;) {
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

Result<void> remove_shared_parts(u64 start, u64 end) {
    for (u64 index = first_view_after(start);
         index < g_space.views.count && g_space.views[index].start < end;) {
        const View view = g_space.views[index];
        if (view.kind == ViewKind::Private) {
            ++index;
            continue;
        }
        if (is_unused(view, start, end)) {
            remove_view(index);
            continue;
        }
        const u64 from = base::max(granule_floor(start), view.start),
                  to = base::min(granule_ceil(end), view.end());
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
            __builtin_memcpy(part->pages, pages + (part_start - view.start) / base::kPageSize,
                             part->page_count());
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

Result<void> map_private(u64 start, u64 end, u32 protection) {
    forget_guard_pages(start, end);
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
            view->pages[page] =
                static_cast<u8>(protection | kPageUsed | marks |
                                (view->is_copy ? view->pages[page] & (kPageDirty | kPageChanged) : 0));
        apply_protection(*view, pages.first, pages.count);
        address = view->end();
    }
    return {};
}

Result<void> protect_range(u64 start, u64 end, u32 protection) {
    forget_guard_pages(start, end);
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
        View* view = index < g_space.views.count && g_space.views[index].start <= address
                         ? &g_space.views[index]
                         : nullptr;
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
            view.pages[page] = static_cast<u8>(
                protection | kPageUsed | (address - start + offset >= content_end ? kPageBeyondEnd : 0));
        }
        apply_protection(view, first, count);
    });
    return {};
}

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

Result<u32> arena_section() {
    const HANDLE handle = reinterpret_cast<HANDLE>(shared().arena_section);
    for (u64 index = 0; index < g_space.sections.count; ++index)
        if (g_space.sections[index].handle == handle)
            return static_cast<u32>(index);
    const u32 index = TRY(add_section(handle, shared().arena_bytes));
    g_space.sections[index].views = 1; // for ever: the handle is not ours to close
    return index;
}

// Windows keeps views of one file coherent with each other and with reads and writes of it. `offset` and the
// address must lie alike within a granule.
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
    NTSTATUS status =
        NtCreateSection(&handle, SECTION_ALL_ACCESS, nullptr, nullptr, PAGE_READWRITE, SEC_COMMIT, native);
    if (status == STATUS_ACCESS_DENIED) {
        is_read_only = true;
        status = NtCreateSection(&handle, SECTION_MAP_READ | SECTION_QUERY, nullptr, nullptr, PAGE_READONLY,
                                 SEC_COMMIT, native);
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
    const auto mapped = map_shared_view(address, address + end, protection, section, offset, ViewKind::Shared,
                                        is_read_only, size);
    drop_section(section);
    return mapped;
}

} // namespace host::nt
