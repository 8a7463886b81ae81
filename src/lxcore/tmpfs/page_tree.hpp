// The pages of a memory file by their index: a radix tree with 512-way tables, as a processor's page tables are, so that
// sparse files cost what they hold. Not locked: the owner's lock guards it.
#pragma once

#include "lxcore/memory/arena.hpp"

namespace lxcore {

class PageTree {
public:
    PageTree() = default;
    LXSS_NO_COPY(PageTree);
    ~PageTree() { release_from(0); }

    // The page, or null for a hole.
    char* find(u64 index) const;
    // Puts a page where there is none. ENOMEM for the tables.
    Result<void> insert(u64 index, char* page);
    // Puts another page in the place of one; the old one is the caller's.
    char* replace(u64 index, char* page);
    // Gives the pages in [first, last) back to the arena; their number.
    u64 release_range(u64 first, u64 last);
    u64 release_from(u64 first) { return release_range(first, kIndexLimit); }
    // The lowest index from `index` on that holds a page, or that holds none; kIndexLimit at the end.
    u64 next_present(u64 index) const;
    u64 next_absent(u64 index) const;
    u64 count() const { return m_count; }

    static constexpr u64 kIndexLimit = u64{1} << 36;

private:
    static constexpr u32 kShift = 9;
    static constexpr u64 kFanOut = u64{1} << kShift;
    using Table = u64[kFanOut];

    u64 release_in(u64 table, u32 level, u64 base, u64 first, u64 last);
    static u64 first_present_in(u64 table, u32 level, u64 base, u64 index);

    u64 m_root = 0;   // a page at level 0, else a table of m_level levels
    u32 m_level = 0;
    u64 m_count = 0;
};

} // namespace lxcore
