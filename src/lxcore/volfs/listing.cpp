// VolFs directory listings: taken from the host as a whole, so that positions are stable and a directory that has not
// changed is read again without a host call. The instance owns the tree, so a listing holds until VolFs changes the
// directory.
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

namespace {

// Larger listings are not kept with the inode after their readers have gone.
inline constexpr usize kKeptBytes = 32 * 1024;

} // namespace

Result<void> VolfsListing::add(u64 inode, u8 type, std::string_view name) {
    const usize at_offset = records.size();
    TRY(records.grow(at_offset + bytes(name.size())));
    Record* record = at(at_offset);
    record->inode = inode;
    record->type = type;
    record->length = static_cast<u8>(name.size());
    __builtin_memcpy(record->name, name.data(), name.size());
    return {};
}

u8 VolfsInode::entry_type(HandlePin& pin, const host::DirectoryEntry& entry) {
    switch (entry.type) {
    case host::FileType::Directory: return abi::DT_DIR;
    case host::FileType::Symlink: return abi::DT_LNK;
    case host::FileType::CharacterDevice: return abi::DT_CHR;
    case host::FileType::BlockDevice: return abi::DT_BLK;
    case host::FileType::Fifo: return abi::DT_FIFO;
    case host::FileType::Socket: return abi::DT_SOCK;
    case host::FileType::Unknown: return abi::DT_UNKNOWN;
    case host::FileType::Regular: break;
    }
    if (!m_may_have_specials)
        return abi::DT_REG;
    if (RefPtr<VolfsInode> known = m_volfs->find(m_host_device, entry.inode))
        return abi::mode_to_dt(known->mode);
    Result<host::Handle> opened = m_volfs->open_host(pin.handle(), entry.name, host::kOpenRead, 0);
    if (opened.is_error())
        return abi::DT_UNKNOWN;
    abi::lxattrb stored{};
    Result<usize> got = host::get_attribute(opened.value(), kLxattrbName, &stored, sizeof(stored));
    host::close(opened.value());
    if (got.is_error() || got.value() != sizeof(stored) || (stored.mode & abi::S_IFMT) == 0)
        return abi::DT_REG;
    return abi::mode_to_dt(stored.mode);
}

Result<RefPtr<VolfsListing>> VolfsInode::listing() {
    MaybeLockGuard guard(lock);
    if (m_is_listing_old.exchange(false, std::memory_order_acq_rel))
        m_listing.reset();
    if (m_listing)
        return m_listing;
    RefPtr<VolfsListing> fresh = TRY(make_ref<VolfsListing>());
    // Directories have one handle, whose position only this function uses, under the lock.
    HandlePin pinned = TRY(pin(false));
    struct Context {
        VolfsInode& directory;
        VolfsListing& listing;
        HandlePin& pin;
        Errno error;
    } context{*this, *fresh, pinned, Errno::OK};
    host::rewind_directory(pinned.handle());
    TRY(host::read_directory(
        pinned.handle(),
        [](void* opaque, const host::DirectoryEntry& entry) {
            auto& into = *static_cast<Context*>(opaque);
            VolfsInode& directory = into.directory;
            if (directory.m_volfs->is_reserved(directory, entry.name))
                return true;
            // Above the root of the tree there is nothing.
            const u64 inode = entry.name == ".." && !directory.m_parent ? directory.number : entry.inode;
            const u8 type = directory.entry_type(into.pin, entry);
            char decoded[kMaxHostName];
            std::string_view name = entry.name;
            if (directory.m_volfs->name_rule() != NameRule::Raw && name.size() <= sizeof(decoded))
                name = {decoded, decode_host_name(directory.m_volfs->name_rule(), name, decoded)};
            if (name.size() > 255)
                return true; // no Linux program could name it
            Result<void> added = into.listing.add(inode, type, name);
            into.error = added.error();
            return added.is_ok();
        },
        &context));
    if (context.error != Errno::OK)
        return context.error;
    if (fresh->records.size() <= kKeptBytes)
        m_listing = fresh;
    return fresh;
}

Result<void> VolfsFile::read_directory(DirectoryVisitor& visitor) {
    if (position == 0 || !m_listing) {
        m_listing = TRY(m_inode->listing());
        m_next_record = position == 0 ? 0 : ~u64{0};
    }
    Vector<char>& records = m_listing->records;
    if (position != m_next_record) {
        // lseek() to a place that telldir() gave, or to nonsense: the first record from there on.
        u64 at = 0;
        while (at < records.size() && at < position)
            at += VolfsListing::bytes(m_listing->at(at)->length);
        m_next_record = at;
    }
    while (m_next_record < records.size()) {
        const VolfsListing::Record* record = m_listing->at(m_next_record);
        const u64 next = m_next_record + VolfsListing::bytes(record->length);
        if (!visitor.visit({record->name, record->length}, record->inode, record->type, next))
            return {};
        m_next_record = next;
    }
    return {};
}

} // namespace lxcore
