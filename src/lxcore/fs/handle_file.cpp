#include "lxcore/fs/handle_file.hpp"

#include "lxcore/fs/host_file.hpp"

namespace lxcore {

Result<RefPtr<HandleFile>> make_handle_file(host::Handle handle, u32 access_mode) {
    auto made = make_ref<HandleInode>(handle);
    if (made.is_error()) {
        host::close(handle);
        return made.error();
    }
    RefPtr<HandleInode> inode = made.release_value();
    TRY(inode->refresh());
    RefPtr<HandleFile> file = TRY(make_ref<HandleFile>(std::move(inode)));
    file->flags.store(access_mode | abi::O_LARGEFILE, std::memory_order_relaxed);
    return file;
}

Result<RefPtr<File>> HandleInode::open(const Path& path, u32 flags) {
    RefPtr<HandleFile> file = TRY(make_ref<HandleFile>(RefPtr<HandleInode>(this)));
    file->path = path;
    file->flags.store(flags, std::memory_order_relaxed);
    return RefPtr<File>(std::move(file));
}

Result<void> HandleInode::refresh() {
    const host::FileInfo info = TRY(host::file_info(m_handle));
    size = info.size;
    blocks = info.blocks;
    modified = info.modified;
    changed = info.changed;
    return {};
}

Result<void> HandleInode::set_attributes(const AttributeChange& change) {
    // A sealed file refuses what its seals say.
    if (change.valid & kChangeMode)
        TRY(host::set_permissions(m_handle, change.mode & 0777));
    if (change.valid & kChangeSize)
        TRY(host::truncate(m_handle, change.size));
    return Inode::set_attributes(change);
}

Result<usize> HandleFile::read(IoBuffer& buffer, i64 offset) {
    return at_position(offset, [&](u64 from) {
        return transfer_all(buffer, from, true, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::read_at(host_handle(), vectors, count, at);
        });
    });
}

Result<usize> HandleFile::write(IoBuffer& buffer, i64 offset) {
    if (flags.load(std::memory_order_relaxed) & abi::O_APPEND) {
        LockGuard position_guard(position_lock);
        LockGuard guard(m_inode->lock);
        u64 end = TRY(host::file_info(host_handle())).size;
        auto done = transfer_all(buffer, end, true, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::write_at(host_handle(), vectors, count, at);
        });
        if (done.is_ok() && offset == kCurrentPosition)
            position = end + done.value();
        return done;
    }
    return at_position(offset, [&](u64 from) {
        return transfer_all(buffer, from, true, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::write_at(host_handle(), vectors, count, at);
        });
    });
}

Result<u64> HandleFile::seek(i64 offset, i32 whence) {
    const auto kind = static_cast<u32>(whence);
    if (kind != abi::SEEK_DATA && kind != abi::SEEK_HOLE)
        return File::seek(offset, whence);
    if (offset < 0)
        return Errno::ENXIO;
    LockGuard guard(position_lock);
    position = kind == abi::SEEK_DATA ? TRY(host::seek_data(host_handle(), static_cast<u64>(offset)))
                                      : TRY(host::seek_hole(host_handle(), static_cast<u64>(offset)));
    return position;
}

Result<void> HandleFile::truncate(u64 length) {
    LockGuard guard(m_inode->lock);
    AttributeChange change;
    change.valid = kChangeSize;
    change.size = length;
    return m_inode->set_attributes(change);
}

Result<void> HandleFile::allocate(i32 mode, u64 offset, u64 length) {
    LockGuard guard(m_inode->lock);
    TRY(host::allocate(host_handle(), mode, offset, length));
    return m_inode->refresh();
}

} // namespace lxcore
