// Open DriveFs files and directories.
#include "lxcore/drivefs/drive_inode.hpp"
#include "lxcore/fs/host_file.hpp"

namespace lxcore {

DriveFile::DriveFile(DriveInode& inode, HandlePin pin) : m_inode(&inode), m_pin(std::move(pin)) {
    inode.open_files.fetch_add(1, std::memory_order_acq_rel);
}

DriveFile::~DriveFile() {
    m_pin = HandlePin();
    m_inode->file_closed();
}

Result<RefPtr<File>> DriveInode::open(const Path& path, u32 flags) {
    if (!is_regular() && !is_directory())
        return Errno::ENXIO;
    const bool writes = (flags & abi::O_ACCMODE) != abi::O_RDONLY && !is_directory();
    // The host has its say now, not at the first read.
    HandlePin pinned = TRY(pin(writes));
    RefPtr<DriveFile> file = TRY(make_ref<DriveFile>(*this, std::move(pinned)));
    file->path = path;
    file->flags.store(flags, std::memory_order_relaxed);
    return RefPtr<File>(std::move(file));
}

Result<usize> DriveInode::read_link(char* buffer, usize capacity) {
    if (!is_symlink())
        return Errno::EINVAL;
    if (!is_native_symlink()) {
        HandlePin pinned = TRY(pin(false));
        const abi::iovec vector{reinterpret_cast<u64>(buffer), capacity};
        return host::read_at(pinned.handle(), &vector, 1, 0);
    }
    DriveSuperBlock::Location location;
    m_drive->location_of(*this, location);
    if (!location.parent)
        return Errno::ENOENT;
    HandlePin directory = TRY(location.parent->pin(false));
    return host::read_symlink_at(directory.handle(), location.name.view(), buffer, capacity);
}

Result<usize> DriveFile::read(IoBuffer& buffer, i64 offset) {
    if (m_inode->is_directory())
        return Errno::EISDIR;
    return at_position(offset, [&](u64 from) {
        return transfer_all(buffer, from, true, [&](const abi::iovec* vectors, usize count, u64 at) {
            return host::read_at(m_pin.handle(), vectors, count, at);
        });
    });
}

Result<usize> DriveFile::write(IoBuffer& buffer, i64 offset) {
    if (!(flags.load(std::memory_order_relaxed) & abi::O_APPEND))
        return at_position(offset, [&](u64 from) {
            return transfer_all(buffer, from, false, [&](const abi::iovec* vectors, usize count, u64 at) {
                return host::write_at(m_pin.handle(), vectors, count, at);
            });
        });
    // The host finds the end: others may write there, too.
    const auto append = [&](const abi::iovec* vectors, usize count, u64) {
        return host::append(m_pin.handle(), vectors, count);
    };
    if (offset != kCurrentPosition)
        return transfer_all(buffer, 0, false, append);
    LockGuard guard(position_lock);
    const usize done = TRY(transfer_all(buffer, 0, false, append));
    const Result<host::FileInfo> info = host::file_info(m_pin.handle());
    if (info.is_ok())
        position = info.value().size;
    return done;
}

Result<u64> DriveFile::seek(i64 offset, i32 whence) {
    if (whence != static_cast<i32>(abi::SEEK_SET) && whence != static_cast<i32>(abi::SEEK_CUR))
        TRY(m_inode->refresh());
    MaybeLockGuard guard(position_lock);
    return seek_host_file(*this, offset, whence, m_inode->size, [&] { return m_inode->pin(false); });
}

Result<void> DriveFile::allocate(i32 mode, u64 offset, u64 length) {
    return host::allocate(m_pin.handle(), mode, offset, length);
}

Result<void> DriveFile::sync(bool data_only) { return host::sync(m_pin.handle(), data_only); }

host::Handle DriveFile::host_handle() {
    if (!m_inode->is_regular())
        return host::kNoHandle;
    (void)m_inode->refresh(); // the engine tells texts apart by their times
    return m_pin.handle();
}

// ---- directories

u8 DriveInode::entry_type(host::Handle directory, const host::DirectoryEntry& entry) {
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
    const u32 carried = carried_type(directory, entry.name);
    return carried ? abi::mode_to_dt(carried) : u8{abi::DT_REG};
}

Result<RefPtr<DirectoryListing>> DriveInode::listing() {
    MaybeLockGuard guard(lock);
    RefPtr<DirectoryListing> fresh = TRY(make_ref<DirectoryListing>());
    // Directories have one handle, whose position only this function uses, under the lock.
    HandlePin pinned = TRY(pin(false));
    struct Context {
        DriveInode& directory;
        DirectoryListing& listing;
        host::Handle handle;
        Errno error;
    } context{*this, *fresh, pinned.handle(), Errno::OK};
    host::rewind_directory(pinned.handle());
    TRY(host::read_directory(
        pinned.handle(),
        [](void* opaque, const host::DirectoryEntry& entry) {
            auto& into = *static_cast<Context*>(opaque);
            DriveInode& directory = into.directory;
            HostSpelling name;
            to_guest_name(entry.name, directory.drive().options.escape_names, name);
            const u64 inode = entry.name == ".." && !directory.m_parent ? directory.number : entry.inode;
            into.error = into.listing.add(inode, directory.entry_type(into.handle, entry), name.view()).error();
            return into.error == Errno::OK;
        },
        &context));
    if (context.error != Errno::OK)
        return context.error;
    return fresh;
}

Result<void> DriveFile::read_directory(DirectoryVisitor& visitor) {
    if (position == 0 || !m_listing_reader.has_listing())
        m_listing_reader.start(TRY(m_inode->listing()));
    m_listing_reader.read(position, visitor);
    return {};
}

} // namespace lxcore
