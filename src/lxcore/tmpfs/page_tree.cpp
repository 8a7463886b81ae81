#include "lxcore/tmpfs/page_tree.hpp"

namespace lxcore {

namespace {

// Indices that one entry of a table at `level` spans.
constexpr u64 entry_span(u32 level) { return u64{1} << (9 * (level - 1)); }

u64* table_at(u64 address) { return reinterpret_cast<u64*>(address); }

} // namespace

char* PageTree::find(u64 index) const {
    if (m_root == 0 || (index >> (kShift * m_level)) != 0)
        return nullptr;
    u64 node = m_root;
    for (u32 level = m_level; level > 0 && node != 0; --level)
        node = table_at(node)[(index / entry_span(level)) % kFanOut];
    return reinterpret_cast<char*>(node);
}

char* PageTree::replace(u64 index, char* page) {
    u64* slot = &m_root;
    for (u32 level = m_level; level > 0; --level)
        slot = &table_at(*slot)[(index / entry_span(level)) % kFanOut];
    char* const old = reinterpret_cast<char*>(*slot);
    *slot = reinterpret_cast<u64>(page);
    return old;
}

Result<void> PageTree::insert(u64 index, char* page) {
    if (index >= kIndexLimit)
        return Errno::EFBIG;
    // Grow upwards until the index fits.
    while ((index >> (kShift * m_level)) != 0) {
        if (m_root != 0) {
            void* table = allocate_pages(1);
            if (!table)
                return Errno::ENOMEM;
            table_at(reinterpret_cast<u64>(table))[0] = m_root;
            m_root = reinterpret_cast<u64>(table);
        }
        ++m_level;
    }
    u64* slot = &m_root;
    for (u32 level = m_level; level > 0; --level) {
        if (*slot == 0) {
            void* table = allocate_pages(1);
            if (!table)
                return Errno::ENOMEM;
            *slot = reinterpret_cast<u64>(table);
        }
        slot = &table_at(*slot)[(index / entry_span(level)) % kFanOut];
    }
    *slot = reinterpret_cast<u64>(page);
    ++m_count;
    return {};
}

u64 PageTree::release_in(u64 node, u32 level, u64 base, u64 first, u64 last) {
    // `node` is a table; what lies wholly or partly in [first, last) goes.
    const u64 span = entry_span(level);
    u64 released = 0;
    for (u64 i = 0; i < kFanOut; ++i) {
        const u64 start = base + i * span;
        u64& entry = table_at(node)[i];
        if (entry == 0 || start + span <= first || start >= last)
            continue;
        if (level > 1) {
            released += release_in(entry, level - 1, start, first, last);
            if (start < first || start + span > last)
                continue; // a table that may still hold something
        } else {
            ++released;
        }
        release_pages(reinterpret_cast<void*>(entry), 1);
        entry = 0;
    }
    return released;
}

u64 PageTree::release_range(u64 first, u64 last) {
    if (m_root == 0 || first >= last)
        return 0;
    u64 released = 0;
    const bool everything = first == 0 && last >= (u64{1} << (kShift * m_level));
    if (m_level > 0)
        released = release_in(m_root, m_level, 0, first, last);
    else if (first == 0)
        released = 1;
    if (everything) {
        release_pages(reinterpret_cast<void*>(m_root), 1);
        m_root = 0;
        m_level = 0;
    }
    m_count -= released;
    return released;
}

u64 PageTree::first_present_in(u64 node, u32 level, u64 base, u64 index) {
    if (node == 0)
        return kIndexLimit;
    if (level == 0)
        return base;
    const u64 span = entry_span(level);
    for (u64 i = index > base ? (index - base) / span : 0; i < kFanOut; ++i) {
        const u64 found = first_present_in(table_at(node)[i], level - 1, base + i * span, index);
        if (found != kIndexLimit)
            return found;
    }
    return kIndexLimit;
}

u64 PageTree::next_present(u64 index) const {
    if ((index >> (kShift * m_level)) != 0)
        return kIndexLimit;
    return first_present_in(m_root, m_level, 0, index);
}

u64 PageTree::next_absent(u64 index) const {
    while (index < kIndexLimit && find(index))
        ++index;
    return index;
}

} // namespace lxcore
