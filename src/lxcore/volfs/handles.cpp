// The cache of open host handles.
//
// An inode holds up to two, for reading and for writing, opened when first needed. Inodes with handles stand in one list
// that eviction goes through like the hand of a clock: an inode used since the hand last came by gets a second
// chance, one whose handle is in use or that has no name to be opened by again is passed over.
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

Result<HandlePin> VolfsInode::pin(bool writable) {
    host::Handle handle;
    if (!m_is_recently_used.load(std::memory_order_relaxed))
        m_is_recently_used.store(true, std::memory_order_relaxed);
    if (!writable) {
        handle = m_read_slot.try_pin();
        if (handle != host::kNoHandle) [[likely]]
            return HandlePin(m_read_slot, handle);
    }
    handle = m_write_slot.try_pin();
    if (handle != host::kNoHandle) [[likely]]
        return HandlePin(m_write_slot, handle);
    return pin_slow(writable);
}

HandlePin VolfsInode::install(HandleSlot& slot, host::Handle handle) {
    if (slot.install(handle)) {
        HandlePin pinned(slot, handle);
        m_volfs->handle_opened(*this);
        return pinned;
    }
    const host::Handle other = slot.try_pin();
    if (other == host::kNoHandle) // evicted in the meantime
        return install(slot, handle);
    host::close(handle);
    return HandlePin(slot, other);
}

Result<HandlePin> VolfsInode::pin_slow(bool writable) {
    if (is_native_symlink())
        return Errno::ELOOP;
    if (!writable)
        return open_at_location(m_read_slot, is_directory() ? host::kOpenRead | host::kOpenDirectory
                                                            : u32{host::kOpenRead});
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    for (u32 attempt = 0;; ++attempt) {
        HandlePin reading;
        const host::Handle handle = m_read_slot.try_pin();
        if (handle != host::kNoHandle)
            reading = HandlePin(m_read_slot, handle);
        Result<HandlePin> opened = [&]() -> Result<HandlePin> {
            if (!reading)
                return open_at_location(m_write_slot, host::kOpenRead | host::kOpenWrite);
            const host::Handle second = TRY(m_volfs->reopen_host(reading.handle(), host::kOpenRead | host::kOpenWrite));
            return install(m_write_slot, second);
        }();
        if (opened.is_ok() || opened.error() != Errno::EACCES || attempt > 0)
            return opened;
        // The host's permission bits keep us out; Linux's root would not care.
        TRY(make_host_writable());
    }
}

Result<HandlePin> VolfsInode::open_at_location(HandleSlot& slot, u32 mode) {
    // Opens the nearest place on the way down that has no handle yet, until that is this inode itself. No recursion:
    // the kernel stack is small and trees may be deep.
    VolfsSuperBlock::Location location;
    for (u32 attempt = 0; attempt < 10'000; ++attempt) {
        const u64 moves = m_volfs->move_count();
        RefPtr<VolfsInode> node(this);
        HandlePin directory;
        for (;;) {
            m_volfs->location_of(*node, location);
            if (!location.parent)
                return Errno::ESTALE;
            const host::Handle handle = location.parent->m_read_slot.try_pin();
            if (handle != host::kNoHandle) {
                directory = HandlePin(location.parent->m_read_slot, handle);
                break;
            }
            node = location.parent;
        }
        const bool is_this = node.get() == this;
        const u32 how = is_this ? mode : u32{host::kOpenRead | host::kOpenDirectory};
        Result<host::Handle> opened = [&]() -> Result<host::Handle> {
            Result<host::Handle> here = node->open_verified(directory.handle(), location.view(), how);
            if (here.is_ok() || here.error() != Errno::ESTALE)
                return here;
            // Perhaps it is where somebody was about to move it.
            m_volfs->location_of(*node, location, true);
            if (!location.parent)
                return Errno::ESTALE;
            HandlePin next = TRY(location.parent->pin_open());
            return node->open_verified(next.handle(), location.view(), how);
        }();
        if (opened.is_error()) {
            if (opened.error() == Errno::ESTALE && m_volfs->move_count() != moves)
                continue;
            return opened.error();
        }
        HandlePin pinned = node->install(is_this ? slot : node->m_read_slot, opened.value());
        if (is_this)
            return pinned;
    }
    return Errno::ESTALE;
}

Result<HandlePin> VolfsInode::pin_open() {
    const host::Handle handle = m_read_slot.try_pin();
    if (handle != host::kNoHandle)
        return HandlePin(m_read_slot, handle);
    return Errno::ESTALE;
}

Result<host::Handle> VolfsInode::open_verified(host::Handle directory, std::string_view name, u32 mode) {
    Result<host::Handle> opened = m_volfs->open_host(directory, name, mode, 0);
    if (opened.is_error()) {
        // What names another file now may be of any type.
        const Errno error = opened.error();
        const bool is_other = error == Errno::ENOENT || error == Errno::ENOTDIR || error == Errno::EISDIR ||
                              error == Errno::ELOOP || error == Errno::ENXIO;
        return is_other ? Errno::ESTALE : error;
    }
    Result<host::FileInfo> info = host::file_info(opened.value());
    if (info.is_ok() && info.value().inode == number && info.value().device == m_host_device)
        return opened.value();
    host::close(opened.value());
    return Errno::ESTALE;
}

void VolfsInode::close_idle_writer() {
    if (!is_regular() || !(mode & 0111) || !m_parent) // without its handle it could not be found again
        return;
    const host::Handle handle = m_write_slot.take_idle();
    if (handle != host::kNoHandle)
        host::close(handle);
}

void VolfsSuperBlock::handle_opened(VolfsInode& inode) {
    {
        LockGuard guard(m_open_lock);
        if (!inode.m_open_node.is_linked()) {
            m_open.push_back(inode);
            m_open_count.fetch_add(1, std::memory_order_relaxed);
        }
    }
    if (m_open_count.load(std::memory_order_relaxed) > m_budget)
        (void)close_idle_handles(m_budget, &inode);
}

usize VolfsSuperBlock::close_idle_handles(u32 wanted_count, const VolfsInode* spared) {
    host::Handle closing[16];
    usize closing_count = 0;
    {
        LockGuard guard(m_open_lock);
        u32 left = base::min<u32>(m_open_count.load(std::memory_order_relaxed), 64); // steps of the hand
        while (m_open_count.load(std::memory_order_relaxed) > wanted_count && left-- > 0 &&
               closing_count + 2 <= base::array_size(closing)) {
            VolfsInode& candidate = *m_open.first();
            m_open.remove(candidate);
            const bool spare = &candidate == spared ||
                               candidate.m_is_recently_used.exchange(false, std::memory_order_relaxed) ||
                               !candidate.m_parent; // without its handle it could not be found again
            if (!spare) {
                for (HandleSlot* slot : {&candidate.m_write_slot, &candidate.m_read_slot}) {
                    const host::Handle handle = slot->take_idle();
                    if (handle != host::kNoHandle)
                        closing[closing_count++] = handle;
                }
            }
            if (spare || candidate.m_read_slot.is_open() || candidate.m_write_slot.is_open())
                m_open.push_back(candidate);
            else
                m_open_count.fetch_sub(1, std::memory_order_relaxed);
        }
    }
    for (usize i = 0; i < closing_count; ++i)
        host::close(closing[i]);
    return closing_count;
}

bool VolfsSuperBlock::make_room(Errno error) {
    if (error != Errno::EMFILE && error != Errno::ENFILE)
        return false;
    // The hand may go round before it finds what was not used of late.
    for (u32 round = 0; round < 64; ++round)
        if (close_idle_handles(0, nullptr) != 0)
            return true;
    return false;
}

// The host is narrower than the budget: the guest must not notice as long as there is something to close.
Result<host::Handle> VolfsSuperBlock::open_host(host::Handle folder, std::string_view name, u32 mode,
                                                u32 permissions) {
    for (u32 attempt = 0;; ++attempt) {
        Result<host::Handle> opened = host::open_at(folder, name, mode, permissions);
        if (opened.is_ok() || attempt > 8 || !make_room(opened.error()))
            return opened;
    }
}

Result<host::Handle> VolfsSuperBlock::reopen_host(host::Handle handle, u32 mode) {
    for (u32 attempt = 0;; ++attempt) {
        Result<host::Handle> opened = host::reopen(handle, mode);
        if (opened.is_ok() || attempt > 8 || !make_room(opened.error()))
            return opened;
    }
}

void VolfsSuperBlock::handles_closing(VolfsInode& inode) {
    {
        LockGuard guard(m_open_lock);
        if (inode.m_open_node.is_linked()) {
            m_open.remove(inode);
            m_open_count.fetch_sub(1, std::memory_order_relaxed);
        }
    }
    for (HandleSlot* slot : {&inode.m_read_slot, &inode.m_write_slot}) {
        const host::Handle handle = slot->take();
        if (handle != host::kNoHandle)
            host::close(handle);
    }
}

} // namespace lxcore
