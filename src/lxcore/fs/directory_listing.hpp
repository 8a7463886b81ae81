// A directory's entries as they were at one moment, for file systems that read directories from the host as a whole:
// positions are stable, and what is added or removed meanwhile does not disturb a reader.
#pragma once

#include "lxcore/fs/inode.hpp"

namespace lxcore {

// Names, inode numbers and types. Immutable once built.
class DirectoryListing final : public SharedObject {
public:
    // A position is the offset of a record in `records`; 0 is the first.
    struct Record {
        u64 inode;
        u8 type; // abi::DT_*
        u8 length;
        char name[];
        std::string_view view() const { return {name, length}; }
    };
    static constexpr usize kHead = 10;
    Vector<char> records;

    // Names longer than 255 bytes are left out: no call could name them either. ENOMEM.
    Result<void> add(u64 inode, u8 type, std::string_view name);
    const Record* at(usize position) { return reinterpret_cast<const Record*>(records.data() + position); }
    static usize bytes(usize length) { return base::align_up(kHead + length, 8); }
};

// Where an open directory stands in a listing.
class ListingReader {
public:
    bool has_listing() const { return static_cast<bool>(m_listing); }
    void start(RefPtr<DirectoryListing> listing) {
        m_listing = std::move(listing);
        m_next = ~u64{0};
    }
    // Entries from `position` on, which may be any number that lseek(2) took.
    void read(u64 position, DirectoryVisitor& visitor);

private:
    RefPtr<DirectoryListing> m_listing;
    u64 m_next = 0; // the position that is known to be a record's
};

} // namespace lxcore
