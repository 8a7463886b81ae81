// VolFs directory listings: taken from the host as a whole, so that positions are stable and a directory that has not
// changed is read again without a host call. The instance owns the tree, so a listing holds until VolFs changes the
// directory.
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

RefPtr<DirectoryListing> VolfsSuperBlock::kept_listing(VolfsInode& inode) {
    LockGuard guard(m_listing_lock);
    if (!inode.m_listing)
        return nullptr;
    m_listings.remove(inode);
    m_listings.push_back(inode);
    return inode.m_listing;
}

void VolfsSuperBlock::keep_listing(VolfsInode& inode, RefPtr<DirectoryListing> listing) {
    RefPtr<DirectoryListing> dropped[16]; // after the lock
    usize count = 0;
    LockGuard guard(m_listing_lock);
    const auto take = [&](VolfsInode& from) {
        m_listings.remove(from);
        m_listing_bytes -= from.m_listing->records.size();
        dropped[count++] = std::move(from.m_listing);
    };
    if (inode.m_listing)
        take(inode);
    // One directory gets no more than a quarter: reading a huge one must not drive all others out.
    if (!listing || listing->records.size() > m_listing_limit / 4)
        return;
    m_listing_bytes += listing->records.size();
    inode.m_listing = std::move(listing);
    m_listings.push_back(inode);
    while (m_listing_bytes > m_listing_limit && count < base::array_size(dropped) && m_listings.first() != &inode)
        take(*m_listings.first());
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
    VolfsAttributes& attributes = m_volfs->attributes();
    host::Handle file = host::kNoHandle;
    if (!attributes.is_beside_files()) {
        Result<host::Handle> opened = m_volfs->open_host(pin.handle(), entry.name, host::kOpenRead, 0);
        if (opened.is_error())
            return abi::DT_UNKNOWN;
        file = opened.value();
    }
    abi::lxattrb stored{};
    Result<usize> got = attributes.get(file, entry.inode, kLxattrbName, &stored, sizeof(stored));
    if (file != host::kNoHandle)
        host::close(file);
    if (got.is_error() || got.value() != sizeof(stored) || (stored.mode & abi::S_IFMT) == 0)
        return abi::DT_REG;
    return abi::mode_to_dt(stored.mode);
}

Result<RefPtr<DirectoryListing>> VolfsInode::listing() {
    MaybeLockGuard guard(lock);
    TRY(settle_whiteout());
    if (m_is_listing_old.exchange(false, std::memory_order_acq_rel))
        m_volfs->keep_listing(*this, nullptr);
    else if (RefPtr<DirectoryListing> kept = m_volfs->kept_listing(*this))
        return kept;
    RefPtr<DirectoryListing> fresh = TRY(make_ref<DirectoryListing>());
    // Directories have one handle, whose position only this function uses, under the lock.
    HandlePin pinned = TRY(pin(false));
    struct Context {
        VolfsInode& directory;
        DirectoryListing& listing;
        HandlePin& pin;
        NameFilter names;
        Errno error;
    } context{*this, *fresh, pinned, {}, Errno::OK};
    if (!m_names.is_known())
        context.names.start();
    host::rewind_directory(pinned.handle());
    TRY(host::read_directory(
        pinned.handle(),
        [](void* opaque, const host::DirectoryEntry& entry) {
            auto& into = *static_cast<Context*>(opaque);
            VolfsInode& directory = into.directory;
            into.names.add(entry.name);
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
    if (context.names.is_known())
        m_names.take(context.names);
    m_volfs->keep_listing(*this, fresh);
    return fresh;
}

Result<void> VolfsFile::read_directory(DirectoryVisitor& visitor) {
    if (position == 0 || !m_listing_reader.has_listing())
        m_listing_reader.start(TRY(m_inode->listing()));
    m_listing_reader.read(position, visitor);
    return {};
}

} // namespace lxcore
