#include "lxcore/fs/directory_listing.hpp"

#include "abi/limits.hpp"

namespace lxcore {

Result<void> DirectoryListing::add(u64 inode, u8 type, std::string_view name) {
    if (name.size() > abi::NAME_MAX)
        return {};
    const usize at_offset = records.size();
    TRY(records.grow(at_offset + bytes(name.size())));
    auto* record = reinterpret_cast<Record*>(records.data() + at_offset);
    record->inode = inode;
    record->type = type;
    record->length = static_cast<u8>(name.size());
    __builtin_memcpy(record->name, name.data(), name.size());
    return {};
}

void ListingReader::read(u64 position, DirectoryVisitor& visitor) {
    const usize end = m_listing->records.size();
    if (position != m_next) {
        // lseek() to a place that telldir() gave, or to nonsense: the first record from there on.
        u64 at = 0;
        while (at < end && at < position)
            at += DirectoryListing::bytes(m_listing->at(at)->length);
        m_next = at;
    }
    while (m_next < end) {
        const DirectoryListing::Record* record = m_listing->at(m_next);
        const u64 next = m_next + DirectoryListing::bytes(record->length);
        if (!visitor.visit(record->view(), record->inode, record->type, next))
            return;
        m_next = next;
    }
}

} // namespace lxcore
