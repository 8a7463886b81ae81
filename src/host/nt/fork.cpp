// fork: the child maps the parent's chunk sections copy-on-write, as the parent does from then on.
//
// What the parent has written since an earlier fork lies in private copies of pages; the child gets those by way of a section made
// for the purpose. They are found by comparing pages that were writable with the section's.
#include "abi/mman.hpp"
#include "engine/engine.hpp"
#include "host/nt/memory.hpp"
#include "host/nt/processes.hpp"
#include "host/nt/threads.hpp"

namespace host {

using namespace nt;

namespace nt {


namespace {

struct SectionEntry {
    u64 handle; // in the parent; 0: not used
    u64 bytes;
};

struct ViewEntry {
    u64 start, bytes, offset;
    u32 section;
    ViewKind kind;
    bool is_copy, is_read_only;
};

// The transfer section: this, the sections, the views, the views' page bits one after the other, the addresses of changed pages,
// and, from the next page boundary on, their content.
struct Header {
    u64 section_count, view_count, page_count, changed_count, stack_end;
    u64 sections_at() const { return sizeof(Header); }
    u64 views_at() const { return sections_at() + section_count * sizeof(SectionEntry); }
    u64 pages_at() const { return views_at() + view_count * sizeof(ViewEntry); }
    u64 addresses_at() const { return base::align_up(pages_at() + page_count, 8); }
    u64 contents_at() const { return base::page_ceil(addresses_at() + changed_count * sizeof(u64)); }
    u64 total() const { return contents_at() + changed_count * base::kPageSize; }
};

Table<u64> g_changed; // addresses of changed pages

Result<u8*> map_whole(HANDLE section, ULONG protection) {
    void* base = nullptr;
    SIZE_T size = 0;
    TRY(void_result(NtMapViewOfSection(section, this_process(), &base, 0, 0, nullptr, &size, 2, 0, protection)));
    return static_cast<u8*>(base);
}

bool is_equal_page(const u8* left, const u8* right) {
    const auto* a = reinterpret_cast<const u64*>(left);
    const auto* b = reinterpret_cast<const u64*>(right);
    for (usize i = 0; i < base::kPageSize / 8; i += 8) {
        const u64 difference = (a[i] ^ b[i]) | (a[i + 1] ^ b[i + 1]) | (a[i + 2] ^ b[i + 2]) | (a[i + 3] ^ b[i + 3]) |
                               (a[i + 4] ^ b[i + 4]) | (a[i + 5] ^ b[i + 5]) | (a[i + 6] ^ b[i + 6]) | (a[i + 7] ^ b[i + 7]);
        if (difference != 0)
            return false;
    }
    return true;
}

void make_readable(View& view, u64 page) {
    if (view.pages[page] & abi::PROT_READ)
        return;
    void* base = reinterpret_cast<void*>(view.start + page * base::kPageSize);
    SIZE_T size = base::kPageSize;
    ULONG old;
    (void)NtProtectVirtualMemory(this_process(), &base, &size, PAGE_READONLY, &old);
}

// Collects the pages of copy-on-write views that differ from their sections.
Result<void> find_changed_pages() {
    g_changed.count = 0;
    for (u64 i = 0; i < g_space.views.count; ++i) {
        View& view = g_space.views[i];
        if (view.kind != ViewKind::Private || !view.is_copy)
            continue;
        SectionRecord& section = g_space.sections[view.section];
        for (u64 page = 0; page < view.page_count(); ++page) {
            if (!(view.pages[page] & kPageChanged))
                continue;
            if (!section.base)
                section.base = TRY(map_whole(section.handle, PAGE_READONLY));
            const u64 address = view.start + page * base::kPageSize;
            make_readable(view, page);
            if (is_equal_page(reinterpret_cast<u8*>(address), section.base + view.offset + page * base::kPageSize)) {
                if (!(view.pages[page] & abi::PROT_WRITE))
                    view.pages[page] &= static_cast<u8>(~kPageChanged);
                continue;
            }
            if (!g_changed.reserve(g_changed.count + 1))
                return Errno::ENOMEM;
            g_changed[g_changed.count++] = address;
        }
    }
    return {};
}

// From now on private memory is mapped copy-on-write here. In place; other threads are stopped.
void freeze() {
    g_space.current_section = ~0u;
    for (u64 i = 0; i < g_space.sections.count; ++i) {
        SectionRecord& section = g_space.sections[i];
        if (section.handle && section.views == 0) {
            (void)NtClose(section.handle);
            section = {};
        }
    }
    for (u64 i = 0; i < g_space.views.count; ++i) {
        View& view = g_space.views[i];
        if (view.kind != ViewKind::Private || view.is_copy)
            continue;
        void* base = reinterpret_cast<void*>(view.start);
        SIZE_T size = view.bytes;
        LARGE_INTEGER offset;
        offset.QuadPart = static_cast<i64>(view.offset);
        if (NtUnmapViewOfSection(this_process(), base) < 0 ||
            NtMapViewOfSection(g_space.sections[view.section].handle, this_process(), &base, 0, 0, &offset, &size, 2, 0,
                               PAGE_EXECUTE_WRITECOPY) < 0)
            LXSS_PANIC("a view cannot be mapped again");
        view.is_copy = true;
        g_space.sections[view.section].is_frozen = true;
        apply_protection(view, 0, view.page_count());
    }
}

// As freeze() leaves the bits: what is writable may change from then on.
u8 frozen_bits(const View& view, u8 bits) {
    if (view.kind != ViewKind::Private || view.is_copy)
        return bits;
    return static_cast<u8>((bits & ~kPageChanged) | (bits & abi::PROT_WRITE ? kPageChanged : 0));
}

Result<HANDLE> write_transfer(u64& total) {
    TRY(find_changed_pages());
    Header header{};
    header.section_count = g_space.sections.count;
    header.view_count = g_space.views.count;
    for (u64 i = 0; i < g_space.views.count; ++i)
        header.page_count += g_space.views[i].page_count();
    header.changed_count = g_changed.count;
    header.stack_end = g_space.stack_end;
    HANDLE section;
    LARGE_INTEGER size;
    size.QuadPart = static_cast<i64>(total = header.total());
    TRY(void_result(NtCreateSection(&section, SECTION_ALL_ACCESS, nullptr, &size, PAGE_READWRITE, SEC_COMMIT, nullptr)));
    const auto mapped = map_whole(section, PAGE_READWRITE);
    if (mapped.is_error()) {
        (void)NtClose(section);
        return mapped.error();
    }
    u8* const memory = mapped.value();
    __builtin_memcpy(memory, &header, sizeof(header));
    auto* sections = reinterpret_cast<SectionEntry*>(memory + header.sections_at());
    for (u64 i = 0; i < header.section_count; ++i)
        sections[i] = {g_space.sections[i].views ? reinterpret_cast<u64>(g_space.sections[i].handle) : 0,
                       g_space.sections[i].bytes};
    auto* views = reinterpret_cast<ViewEntry*>(memory + header.views_at());
    u8* pages = memory + header.pages_at();
    for (u64 i = 0; i < header.view_count; ++i) {
        View& view = g_space.views[i];
        views[i] = {view.start, view.bytes, view.offset, view.section, view.kind, view.kind == ViewKind::Private,
                    view.is_read_only};
        for (u64 page = 0; page < view.page_count(); ++page)
            *pages++ = view.pages[page] = frozen_bits(view, view.pages[page]);
    }
    auto* addresses = reinterpret_cast<u64*>(memory + header.addresses_at());
    u8* contents = memory + header.contents_at();
    for (u64 i = 0; i < g_changed.count; ++i) {
        addresses[i] = g_changed[i];
        __builtin_memcpy(contents + i * base::kPageSize, reinterpret_cast<void*>(g_changed[i]), base::kPageSize);
    }
    // Pages that were opened for the comparison.
    for (u64 i = 0; i < g_space.views.count; ++i) {
        View& view = g_space.views[i];
        if (view.kind != ViewKind::Private || !view.is_copy)
            continue;
        for (u64 page = 0; page < view.page_count(); ++page)
            if ((view.pages[page] & kPageChanged) && !(view.pages[page] & abi::PROT_READ))
                apply_protection(view, page, 1);
    }
    (void)NtUnmapViewOfSection(this_process(), memory);
    return section;
}

Result<HANDLE> take_handle(HANDLE parent, u64 handle) {
    HANDLE local;
    TRY(void_result(NtDuplicateObject(parent, reinterpret_cast<HANDLE>(handle), this_process(), &local, 0, 0,
                                      DUPLICATE_SAME_ACCESS)));
    return local;
}

Result<void> read_transfer(HANDLE parent, const u8* memory) {
    Header header;
    __builtin_memcpy(&header, memory, sizeof(header));
    const auto* sections = reinterpret_cast<const SectionEntry*>(memory + header.sections_at());
    const auto* views = reinterpret_cast<const ViewEntry*>(memory + header.views_at());
    const u8* pages = memory + header.pages_at();
    if (!g_space.sections.reserve(header.section_count) || !g_space.views.reserve(header.view_count))
        return Errno::ENOMEM;
    for (u64 i = 0; i < header.section_count; ++i) {
        SectionRecord& section = g_space.sections[i] = {};
        g_space.sections.count = i + 1;
        if (sections[i].handle == 0)
            continue;
        const bool is_arena = sections[i].handle == shared().arena_section;
        section.handle = is_arena ? reinterpret_cast<HANDLE>(sections[i].handle) : TRY(take_handle(parent, sections[i].handle));
        section.bytes = section.used = sections[i].bytes;
        section.views = is_arena ? 1 : 0;
        section.is_frozen = true;
    }
    for (u64 i = 0; i < header.view_count; ++i) {
        const ViewEntry& entry = views[i];
        View* view = TRY(insert_view(entry.start, entry.bytes, entry.section, entry.offset, entry.kind, entry.is_copy,
                                     entry.is_read_only));
        __builtin_memcpy(view->pages, pages, view->page_count());
        pages += view->page_count();
    }
    const auto* addresses = reinterpret_cast<const u64*>(memory + header.addresses_at());
    const u8* contents = memory + header.contents_at();
    for (u64 i = 0; i < header.changed_count; ++i)
        __builtin_memcpy(reinterpret_cast<void*>(addresses[i]), contents + i * base::kPageSize, base::kPageSize);
    g_space.stack_end = header.stack_end;
    for (u64 i = 0; i < g_space.views.count; ++i)
        apply_protection(g_space.views[i], 0, g_space.views[i].page_count());
    return {};
}

} // namespace

Result<void> copy_parent(ProcessRecord& record) {
    struct {
        HANDLE process, thread;
    } client{reinterpret_cast<HANDLE>(u64{record.parent_id}), nullptr};
    OBJECT_ATTRIBUTES attributes{};
    attributes.Length = sizeof(attributes);
    HANDLE parent;
    TRY(void_result(NtOpenProcess(&parent, PROCESS_DUP_HANDLE, &attributes, &client)));
    const HANDLE section = TRY(take_handle(parent, record.transfer));
    u8* memory = TRY(map_whole(section, PAGE_READONLY));
    const auto result = read_transfer(parent, memory);
    (void)NtUnmapViewOfSection(this_process(), memory);
    (void)NtClose(section);
    (void)NtClose(parent);
    return result;
}

} // namespace nt

Result<void> fork_process(ThreadBlock& child) {
    preserve_vectors();
    ProcessRecord& record = *TRY(claim_process());
    copy_vectors_to(child);
    child.self = &child;
    child.host_process = child.host_thread = record.number;
    bool is_ordered = false;
    MemoryGuard guard;
    if (!suspend_other_threads()) {
        give_up(record);
        return Errno::EAGAIN;
    }
    const Result<void> result = [&]() -> Result<void> {
        u64 total = 0;
        const HANDLE transfer = TRY(write_transfer(total));
        record.block = &child;
        record.parent_id = this_record().process_id;
        record.transfer = reinterpret_cast<u64>(transfer);
        record.transfer_bytes = total;
        child.host_alive.store(1, std::memory_order_release);
        freeze();
        is_ordered = true;
        const auto done = give_order(record, Order::Fork);
        (void)NtClose(transfer);
        return done;
    }();
    resume_other_threads();
    if (result.is_error()) {
        child.host_alive.store(0, std::memory_order_release);
        // Without an order it would wait for ever.
        if (!is_ordered)
            give_up(record);
    }
    return result;
}

} // namespace host
