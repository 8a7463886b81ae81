// Views and the sections behind them; see memory.hpp.
#include "abi/mman.hpp"
#include "engine/engine.hpp"
#include "host/nt/memory.hpp"

namespace host::nt {

Space g_space;

namespace {

void* allocate(u64 bytes) {
    void* base = nullptr;
    SIZE_T size = bytes;
    return NtAllocateVirtualMemory(this_process(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE) < 0
               ? nullptr
               : base;
}

void release(void* base) {
    SIZE_T size = 0;
    (void)NtFreeVirtualMemory(this_process(), &base, &size, MEM_RELEASE);
}

// Page tables by size, 16 bytes to 4 KiB: kMaxViewBytes has 4096 pages.
struct FreePages {
    FreePages* next;
};
constexpr u32 kClasses = 9;
FreePages* g_free_pages[kClasses];
u8* g_fresh_pages;
u64 g_fresh_left;

u32 class_of(u64 count) {
    u32 index = 0;
    while ((u64{16} << index) < count)
        ++index;
    return index;
}

struct Range {
    u64 start, end;
};
Table<Range> g_reserved; // of the low window

ULONG protection_of(const View& view, u64 page) {
    const u8 marked = view.pages[page];
    if (is_guard_page(view.start + page * base::kPageSize))
        return PAGE_GUARD | (view.is_copy ? PAGE_WRITECOPY : PAGE_READWRITE);
    const u32 bits = engine::host_protection(marked & kPageProtection);
    const bool write = (bits & abi::PROT_WRITE) && !view.is_read_only;
    if (!(bits & (abi::PROT_READ | abi::PROT_WRITE | abi::PROT_EXEC)) || (marked & kPageBeyondEnd))
        return PAGE_NOACCESS;
    if (bits & abi::PROT_EXEC)
        return write ? (view.is_copy ? PAGE_EXECUTE_WRITECOPY : PAGE_EXECUTE_READWRITE) : PAGE_EXECUTE_READ;
    return write ? (view.is_copy ? PAGE_WRITECOPY : PAGE_READWRITE) : PAGE_READONLY;
}

} // namespace

template <typename T>
bool Table<T>::reserve(u64 wanted) {
    if (wanted <= capacity)
        return true;
    const u64 bytes = base::align_up(base::max(wanted, capacity * 2) * sizeof(T), kGranule);
    auto* larger = static_cast<T*>(allocate(bytes));
    if (!larger)
        return false;
    if (count)
        __builtin_memcpy(static_cast<void*>(larger), data, count * sizeof(T));
    if (data)
        release(data);
    data = larger;
    capacity = bytes / sizeof(T);
    return true;
}
template struct Table<View>;
template struct Table<SectionRecord>;
template struct Table<Range>;
template struct Table<u64>;

u8* allocate_pages_table(u64 count) {
    const u32 index = class_of(count);
    const u64 bytes = u64{16} << index;
    u8* pages;
    if (FreePages* free = g_free_pages[index]) {
        g_free_pages[index] = free->next;
        pages = reinterpret_cast<u8*>(free);
    } else {
        if (g_fresh_left < bytes) {
            g_fresh_pages = static_cast<u8*>(allocate(kGranule));
            g_fresh_left = g_fresh_pages ? kGranule : 0;
            if (!g_fresh_pages)
                return nullptr;
        }
        pages = g_fresh_pages;
        g_fresh_pages += bytes;
        g_fresh_left -= bytes;
    }
    __builtin_memset(pages, 0, bytes);
    return pages;
}

void free_pages_table(u8* pages, u64 count) {
    if (!pages)
        return;
    const u32 index = class_of(count);
    auto* free = reinterpret_cast<FreePages*>(pages);
    free->next = g_free_pages[index];
    g_free_pages[index] = free;
}

u64 first_view_after(u64 address) {
    u64 low = 0, high = g_space.views.count;
    while (low < high) {
        const u64 middle = (low + high) / 2;
        if (g_space.views[middle].end() <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Result<u32> add_section(HANDLE handle, u64 bytes) {
    Table<SectionRecord>& sections = g_space.sections;
    u64 index = 0;
    while (index < sections.count && (sections[index].handle || index == g_space.current_section))
        ++index;
    if (index == sections.count) {
        if (!sections.reserve(index + 1))
            return Errno::ENOMEM;
        ++sections.count;
    }
    sections[index] = {handle, bytes, 0, 0, false, nullptr};
    return static_cast<u32>(index);
}

Result<u32> create_section(u64 bytes) {
    HANDLE handle;
    LARGE_INTEGER size;
    size.QuadPart = static_cast<i64>(bytes);
    TRY(void_result(NtCreateSection(&handle, SECTION_ALL_ACCESS, nullptr, &size, PAGE_EXECUTE_READWRITE, SEC_COMMIT, nullptr)));
    const auto index = add_section(handle, bytes);
    if (index.is_error())
        (void)NtClose(handle);
    return index;
}

void drop_section(u32 index) {
    SectionRecord& section = g_space.sections[index];
    if (--section.views > 0)
        return;
    if (section.base)
        (void)NtUnmapViewOfSection(this_process(), section.base);
    (void)NtClose(section.handle);
    section = {};
    if (g_space.current_section == index)
        g_space.current_section = ~0u;
}

Result<View*> insert_view(u64 address, u64 bytes, u32 section, u64 offset, ViewKind kind, bool is_copy,
                          bool is_read_only) {
    Table<View>& views = g_space.views;
    u8* pages = allocate_pages_table(bytes / base::kPageSize);
    if (!pages || !views.reserve(views.count + 1)) {
        free_pages_table(pages, bytes / base::kPageSize);
        return Errno::ENOMEM;
    }
    open_low_window(address, address + bytes);
    void* base = reinterpret_cast<void*>(address);
    // A file's section ends with the file, within a page.
    SIZE_T size = base::min(bytes, g_space.sections[section].bytes - offset);
    LARGE_INTEGER at;
    at.QuadPart = static_cast<i64>(offset);
    constexpr ULONG kViewUnmap = 2; // not mapped in child processes
    const ULONG protection = is_copy ? PAGE_EXECUTE_WRITECOPY : is_read_only ? PAGE_READONLY : PAGE_EXECUTE_READWRITE;
    const HANDLE handle = g_space.sections[section].handle;
    NTSTATUS status = NtMapViewOfSection(handle, this_process(), &base, 0, 0, &at, &size, kViewUnmap, 0, protection);
    // Files' sections may be refused execute rights.
    if (status < 0 && kind == ViewKind::Shared && !is_copy && !is_read_only)
        status = NtMapViewOfSection(handle, this_process(), &base, 0, 0, &at, &size, kViewUnmap, 0, PAGE_READWRITE);
    if (status < 0) {
        close_low_window(address, address + bytes);
        free_pages_table(pages, bytes / base::kPageSize);
        return Errno::ENOMEM;
    }
    const u64 index = first_view_after(address);
    for (u64 i = views.count; i > index; --i)
        views[i] = views[i - 1];
    ++views.count;
    views[index] = {address, bytes, offset, section, kind, is_copy, is_read_only, pages};
    ++g_space.sections[section].views;
    return &views[index];
}

void remove_view(u64 index) {
    Table<View>& views = g_space.views;
    const View view = views[index];
    (void)NtUnmapViewOfSection(this_process(), reinterpret_cast<void*>(view.start));
    close_low_window(view.start, view.end());
    free_pages_table(view.pages, view.page_count());
    --views.count;
    for (u64 i = index; i < views.count; ++i)
        views[i] = views[i + 1];
    drop_section(view.section);
}

void apply_protection(View& view, u64 first_page, u64 count) {
    const u64 end = first_page + count;
    for (u64 page = first_page; page < end;) {
        const ULONG protection = protection_of(view, page);
        u64 next = page + 1;
        while (next < end && protection_of(view, next) == protection)
            ++next;
        void* base = reinterpret_cast<void*>(view.start + page * base::kPageSize);
        SIZE_T size = (next - page) * base::kPageSize;
        ULONG old;
        if (NtProtectVirtualMemory(this_process(), &base, &size, protection, &old) < 0)
            LXSS_PANIC("a view's protection cannot be changed");
        page = next;
    }
}

// ---- the low window -------------------------------------------------------------------------------------------

void adopt_low_window() {
    if (g_reserved.reserve(64)) {
        g_reserved[0] = {kLowWindow, kLowWindowEnd};
        g_reserved.count = 1;
    }
}

void open_low_window(u64 start, u64 end) {
    if (start >= kLowWindowEnd)
        return;
    for (u64 i = 0; i < g_reserved.count;) {
        const Range range = g_reserved[i];
        if (range.end <= start || range.start >= end) {
            ++i;
            continue;
        }
        release(reinterpret_cast<void*>(range.start));
        g_reserved[i] = g_reserved[--g_reserved.count];
        if (range.start < start)
            close_low_window(range.start, start);
        if (range.end > end)
            close_low_window(end, range.end);
    }
}

void close_low_window(u64 start, u64 end) {
    if (start < kLowWindow || end > kLowWindowEnd)
        return;
    void* base = reinterpret_cast<void*>(start);
    SIZE_T size = end - start;
    if (g_reserved.reserve(g_reserved.count + 1) &&
        NtAllocateVirtualMemory(this_process(), &base, 0, &size, MEM_RESERVE, PAGE_NOACCESS) >= 0)
        g_reserved[g_reserved.count++] = {start, end};
}

} // namespace host::nt
