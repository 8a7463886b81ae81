#include "lxcore/fs/host_file.hpp"

namespace lxcore {

namespace {

inline constexpr usize kVectors = 8;

// Calls step(vectors, count, offset) -> Result<usize> until the buffer is through or a call comes back short.
template <typename Step>
Result<usize> transfer(IoBuffer& buffer, u64 offset, Step&& step) {
    usize done = 0;
    while (buffer.left() != 0) {
        abi::iovec vectors[kVectors];
        auto count = buffer.ranges(vectors, kVectors, usize{1} << 30);
        if (count.is_error())
            return done ? Result<usize>(done) : count;
        usize wanted = 0;
        for (usize i = 0; i < count.value(); ++i)
            wanted += vectors[i].iov_len;
        Result<usize> moved = step(vectors, count.value(), offset + done);
        if (moved.is_error())
            return done ? Result<usize>(done) : moved;
        buffer.advance(moved.value());
        done += moved.value();
        if (moved.value() < wanted)
            break;
    }
    return done;
}

} // namespace

Result<RefPtr<HostFile>> make_host_file(host::Handle handle, u32 access_mode) {
    auto made = make_ref<HostFileInode>(handle);
    if (made.is_error()) {
        host::close(handle);
        return made.error();
    }
    RefPtr<HostFileInode> inode = made.release_value();
    TRY(inode->refresh());
    RefPtr<HostFile> file = TRY(make_ref<HostFile>(std::move(inode)));
    file->flags.store(access_mode | abi::O_LARGEFILE, std::memory_order_relaxed);
    return file;
}

Result<RefPtr<File>> HostFileInode::open(const Path& path, u32 flags) {
    RefPtr<HostFile> file = TRY(make_ref<HostFile>(RefPtr<HostFileInode>(this)));
    file->path = path;
    file->flags.store(flags, std::memory_order_relaxed);
    return RefPtr<File>(std::move(file));
}

Result<void> HostFileInode::refresh() {
    const host::FileInfo info = TRY(host::file_info(m_handle));
    size = info.size;
    blocks = info.blocks;
    modified = info.modified;
    changed = info.changed;
    return {};
}

Result<void> HostFileInode::set_attributes(const AttributeChange& change) {
    // A sealed file refuses what its seals say.
    if (change.valid & kChangeMode)
        TRY(host::set_permissions(m_handle, change.mode & 0777));
    if (change.valid & kChangeSize)
        TRY(host::truncate(m_handle, change.size));
    return Inode::set_attributes(change);
}

Result<usize> HostFile::read(IoBuffer& buffer, i64 offset) {
    return at_position(offset, [&](u64 from) {
        return transfer(buffer, from, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::read_at(host_handle(), vectors, count, at);
        });
    });
}

Result<usize> HostFile::write(IoBuffer& buffer, i64 offset) {
    if (flags.load(std::memory_order_relaxed) & abi::O_APPEND) {
        LockGuard position_guard(position_lock);
        LockGuard guard(m_inode->lock);
        u64 end = TRY(host::file_info(host_handle())).size;
        auto done = transfer(buffer, end, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::write_at(host_handle(), vectors, count, at);
        });
        if (done.is_ok() && offset == kCurrentPosition)
            position = end + done.value();
        return done;
    }
    return at_position(offset, [&](u64 from) {
        return transfer(buffer, from, [this](const abi::iovec* vectors, usize count, u64 at) {
            return host::write_at(host_handle(), vectors, count, at);
        });
    });
}

Result<u64> HostFile::seek(i64 offset, i32 whence) {
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

Result<void> HostFile::truncate(u64 length) {
    LockGuard guard(m_inode->lock);
    AttributeChange change;
    change.valid = kChangeSize;
    change.size = length;
    return m_inode->set_attributes(change);
}

Result<void> HostFile::allocate(i32 mode, u64 offset, u64 length) {
    LockGuard guard(m_inode->lock);
    TRY(host::allocate(host_handle(), mode, offset, length));
    return m_inode->refresh();
}

} // namespace lxcore
