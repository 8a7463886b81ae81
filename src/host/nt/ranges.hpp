// Ranges of the address space: what the calls of memory.cpp are made of. All want the memory lock; addresses
// are multiples of 4 KiB.
#pragma once

#include "host/nt/memory.hpp"

namespace host::nt {

constexpr u64 granule_floor(u64 value) {
    return base::align_down(value, kGranule);
}
constexpr u64 granule_ceil(u64 value) {
    return base::align_up(value, kGranule);
}
inline u8* pointer(u64 address) {
    return reinterpret_cast<u8*>(address);
}

// The pages of `view` that lie in [start, end).
struct Pages {
    u64 first, count;
};
inline Pages pages_in(const View& view, u64 start, u64 end) {
    const u64 from = base::max(start, view.start), to = base::min(end, view.end());
    return {(from - view.start) / base::kPageSize, (to - from) / base::kPageSize};
}

// Calls visit(view, first page, count) for each part of [start, end) that has a view; visit must not change
// the list.
template <typename Visit>
void for_each_part(u64 start, u64 end, Visit visit) {
    for (u64 index = first_view_after(start); index < g_space.views.count && g_space.views[index].start < end;
         ++index) {
        View& view = g_space.views[index];
        const Pages pages = pages_in(view, start, end);
        visit(view, pages.first, pages.count);
    }
}

// Makes a run of pages readable and writable for a moment, whatever their protection is.
void open_pages(View& view, u64 first, u64 count);
// Clears what may be dirty. The pages are left open.
void zero_pages(View& view, u64 first, u64 count);
// What pages are marked with after their protection was set to something with PROT_WRITE.
u8 marks_of(const View& view, u32 protection);

void unmap_range(u64 start, u64 end);
// Private, zeroed memory with `protection` in the whole range. ENOMEM; EINVAL when a shared view has to stay
// for its neighbours.
Result<void> map_private(u64 start, u64 end, u32 protection);
// Sets the protection of memory that is mapped; parts without a view are made.
Result<void> protect_range(u64 start, u64 end, u32 protection);

// Room for a shared view. EINVAL when something in use lies in its edge granules beside the range.
Result<void> make_room(u64 start, u64 end);
// Shared views in the range go. EINVAL when one has to stay for its neighbours within a granule of the range.
Result<void> remove_shared_parts(u64 start, u64 end);
// A shared view of `section`, whose byte `offset` shall lie at `start`; pages behind its byte `content_end`
// are bus errors. ENOMEM; EINVAL where offset and address do not lie alike in their granules.
Result<void> map_shared_view(u64 start, u64 end, u32 protection, u32 section, u64 offset, ViewKind kind,
                             bool is_read_only, u64 content_end);
// A shared view of a host file of `size` bytes.
Result<void> map_shared_file(u64 address, u64 length, u32 protection, Handle file, u64 offset, u64 size);
// The arena's section, which every process has a handle of.
Result<u32> arena_section();

} // namespace host::nt
