// Open VolFs files: reading, writing, mapping. Bytes go between the host and guest memory without a copy here.
#include "abi/mman.hpp"
#include "lxcore/fs/host_file.hpp"
#include "lxcore/fs/locked_write.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

VolfsFile::VolfsFile(VolfsInode& inode) : m_inode(&inode) {
    inode.open_files.fetch_add(1, std::memory_order_acq_rel);
}

VolfsFile::~VolfsFile() {
    m_exposed = HandlePin();
    if (is_writable() && m_inode->write_access.load(std::memory_order_acquire) <= 1) // this one
        m_inode->close_idle_writer();
    m_inode->open_files.fetch_sub(1, std::memory_order_acq_rel);
}

Result<RefPtr<File>> VolfsInode::open(const Path& path, u32 flags) {
    // Neither the host nor a lock is needed: the handle is opened when it is first used.
    RefPtr<VolfsFile> file = TRY(make_ref<VolfsFile>(*this));
    file->path = path;
    file->flags.store(flags, std::memory_order_relaxed);
    return RefPtr<File>(std::move(file));
}

Result<usize> VolfsFile::read(IoBuffer& buffer, i64 offset) {
    if (m_inode->is_directory())
        return Errno::EISDIR;
    return at_position(offset, [&](u64 from) -> Result<usize> {
        // The size is known, so that the last read() of a loop, which finds the end, costs no host call.
        if (from >= __atomic_load_n(&m_inode->size, __ATOMIC_RELAXED))
            return usize{0};
        HandlePin pinned = TRY(m_inode->pin(false));
        return transfer_all(buffer, from, true, [&](const abi::iovec* vectors, usize count, u64 at) {
            return host::read_at(pinned.handle(), vectors, count, at);
        });
    });
}

Result<usize> VolfsFile::write(IoBuffer& buffer, i64 offset) {
    VolfsInode& inode = *m_inode;
    HandlePin pinned = TRY(inode.pin(true));
    return write_locked(*this, inode, offset, [&](u64 from) -> Result<usize> {
        const auto put = [&](const abi::iovec* vectors, usize count, u64 at) {
            return host::write_at(pinned.handle(), vectors, count, at);
        };
        Result<usize> done = transfer_all(buffer, from, false, put);
        if (done.is_ok() && done.value() != 0) {
            if (from + done.value() > inode.size)
                __atomic_store_n(&inode.size, from + done.value(), __ATOMIC_RELAXED);
            inode.mark_stale();
        }
        return done;
    });
}

Result<u64> VolfsFile::seek(i64 offset, i32 whence) {
    MaybeLockGuard guard(position_lock);
    const u64 size = __atomic_load_n(&m_inode->size, __ATOMIC_RELAXED);
    return seek_host_file(*this, offset, whence, size, [&] { return m_inode->pin(false); });
}

u32 VolfsFile::poll(PollTable*) {
    return abi::POLLIN | abi::POLLOUT | abi::POLLRDNORM | abi::POLLWRNORM;
}

Result<void> VolfsFile::map(MapRequest& request) {
    if ((request.flags & abi::MAP_TYPE) != abi::MAP_PRIVATE && is_writable())
        m_inode->mark_mapped_writable(); // its times change without a call
    return Errno::ENODEV;                // nothing special: the address space maps host_handle()
}

Result<void> VolfsFile::allocate(i32 mode, u64 offset, u64 length) {
    if (!m_inode->is_regular())
        return Errno::ENODEV;
    MaybeLockGuard guard(m_inode->lock);
    HandlePin pinned = TRY(m_inode->pin(true));
    TRY(host::allocate(pinned.handle(), mode, offset, length));
    m_inode->mark_stale();
    const auto bits = static_cast<u32>(mode);
    if (bits & (abi::FALLOC_FL_COLLAPSE_RANGE | abi::FALLOC_FL_INSERT_RANGE))
        m_inode->size = TRY(host::file_info(pinned.handle())).size;
    else if (!(bits & abi::FALLOC_FL_KEEP_SIZE) && offset + length > m_inode->size)
        m_inode->size = offset + length;
    return {};
}

Result<void> VolfsFile::sync(bool data_only) {
    if (m_inode->volfs().is_read_only())
        return {};
    HandlePin pinned = TRY(m_inode->pin(false));
    TRY(host::sync(pinned.handle(), data_only));
    return m_inode->volfs().attributes().flush();
}

host::Handle VolfsFile::host_handle() {
    if (!m_inode->is_regular())
        return host::kNoHandle;
    // The engine tells texts apart by their times.
    (void)m_inode->refresh();
    LockGuard guard(m_exposed_lock);
    if (!m_exposed) {
        Result<HandlePin> pinned = m_inode->pin(is_writable() && !m_inode->volfs().is_read_only());
        if (pinned.is_error())
            return host::kNoHandle;
        m_exposed = pinned.release_value();
    }
    return m_exposed.handle();
}

} // namespace lxcore
