// Which names a directory may have: no host call for one that it certainly has not.
#pragma once

#include <string_view>

#include "lxcore/memory/arena.hpp"

namespace lxcore {

// Hashes of all names that a directory has, and of some that it had: a name whose hash is missing is not
// there. Known for directories that were made or listed by this kernel. Names are added before the host has
// them, so that a thread that is killed in between leaves one too many, never one too few. Guarded by the
// directory inode's lock, as the names are.
class NameFilter {
public:
    NameFilter() = default;
    LXSS_NO_COPY(NameFilter);
    ~NameFilter() { forget(); }

    // Of a directory that is empty.
    void start() {
        forget();
        m_is_known = true;
    }
    bool is_known() const { return m_is_known; }
    // Another, complete one becomes this.
    void take(NameFilter& complete);
    bool may_have(std::string_view host_name) const;
    // Without memory, or beyond what one directory may take, nothing is known any more.
    void add(std::string_view host_name);
    void forget();

private:
    struct Table {
        u32 capacity;
        u32 count;
        u32 hashes[]; // open addressing; 0: free
    };
    static constexpr u32 kFirst = 62;          // hashes that go into 256 bytes with the head
    static constexpr u32 kMost = kFirst << 11; // half a mebibyte
    static usize bytes(u32 capacity) { return sizeof(Table) + capacity * sizeof(u32); }
    static u32 hash(std::string_view name);
    static bool put(Table& table, u32 value);

    Table* m_table = nullptr; // null: no names
    bool m_is_known = false;
};

} // namespace lxcore
