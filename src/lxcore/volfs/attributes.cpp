#include "lxcore/volfs/attributes.hpp"

#include "base/format.hpp"
#include "lxcore/volfs/format.hpp"

namespace lxcore {

namespace {

// Files of which something can be recorded: seven eighths of it. 8 MiB.
constexpr u64 kSlots = u64{1} << 19;
constexpr usize kIndexPages = base::page_ceil(base::SideStoreIndex::bytes(kSlots)) / base::kPageSize;
constexpr usize kBufferPages = base::page_ceil(base::kSideStoreRecordBytes) / base::kPageSize;

// What tells this tree and its log from a copy of them, in which the host's files have other numbers.
Result<u64> identity(host::Handle root, host::Handle log) {
    return base::SideStore::tree_of(TRY(host::file_info(root)).inode, TRY(host::file_info(log)).inode);
}

} // namespace

// ---- the log

Result<usize> VolfsAttributes::Log::read(u64 offset, void* buffer, usize length) {
    usize done = 0;
    while (done < length) {
        const abi::iovec vector{reinterpret_cast<u64>(buffer) + done, length - done};
        const usize got = TRY(host::read_at(handle, &vector, 1, offset + done));
        if (got == 0)
            break;
        done += got;
    }
    return done;
}

Result<void> VolfsAttributes::Log::write(u64 offset, const void* data, usize length) {
    const abi::iovec vector{reinterpret_cast<u64>(data), length};
    return TRY(host::write_at(handle, &vector, 1, offset)) == length ? Result<void>()
                                                                     : Result<void>(Errno::ENOSPC);
}

Result<void> VolfsAttributes::Log::truncate(u64 length) {
    return is_read_only ? Result<void>()
                        : host::truncate(handle, length); // what is cut off counts for nothing anyway
}

Result<void> VolfsAttributes::Log::flush() {
    return host::sync(handle, true);
}
u8* VolfsAttributes::Log::take_buffer() {
    return static_cast<u8*>(allocate_pages(kBufferPages));
}
void VolfsAttributes::Log::give_back(u8* buffer) {
    release_pages(buffer, kBufferPages);
}

// ---- opening

void VolfsAttributes::close() {
    if (m_file.handle != host::kNoHandle)
        host::close(std::exchange(m_file.handle, host::kNoHandle));
    if (m_index)
        release_pages(std::exchange(m_index, nullptr), kIndexPages);
}

Result<void> VolfsAttributes::open(host::Handle root, const VolfsStorage& storage, bool read_only) {
    m_file.is_read_only = read_only;
    if (storage.metadata == VolfsStorage::Metadata::Attributes)
        return {};
    const u32 mode =
        read_only ? u32{host::kOpenRead} : host::kOpenRead | host::kOpenWrite | host::kOpenCreate;
    TRY(open_log(root, kSideStoreName, mode, true));
    base::SideStore store(m_file, *m_index);
    if (!read_only && store.is_worth_compacting())
        return compact(root, store);
    return {};
}

Result<void> VolfsAttributes::open_log(host::Handle root, std::string_view name, u32 mode, bool is_own) {
    m_file.handle = TRY(host::open_at(root, name, mode, 0600));
    m_index = static_cast<base::SideStoreIndex*>(allocate_pages(kIndexPages));
    if (!m_index)
        return Errno::ENOMEM;
    m_index->capacity = kSlots;
    const u64 length = TRY(host::file_info(m_file.handle)).size;
    m_tree = is_own ? TRY(identity(root, m_file.handle)) : TRY(base::SideStore::recorded_tree(m_file));
    return base::SideStore(m_file, *m_index).open(length, m_flags, is_own ? m_tree : 0);
}

Result<void> VolfsAttributes::open_copied(host::Handle folder, std::string_view name) {
    m_file.is_read_only = true;
    return open_log(folder, name, host::kOpenRead, false);
}

Result<void> VolfsAttributes::open_fresh(host::Handle root) {
    m_file.is_read_only = false;
    return open_log(root, kNewSideStoreName,
                    host::kOpenRead | host::kOpenWrite | host::kOpenCreate | host::kOpenTruncate, true);
}

Result<void> VolfsAttributes::replace_copied(host::Handle root) {
    (void)host::unlink_at(root, kBrokenSideStoreName);
    // Without links the tree is without a store for a moment.
    if (host::link_at(root, kSideStoreName, root, kBrokenSideStoreName).is_error())
        TRY(host::rename_at(root, kSideStoreName, root, kBrokenSideStoreName, 0));
    return host::rename_at(root, kNewSideStoreName, root, kSideStoreName, 0);
}

std::string_view VolfsAttributes::objection(Errno error) {
    switch (error) {
    case Errno::ESTALE:
        return "it is a copy of another's that was not made by lxss, and its files have other numbers here; 'lxss "
               "--check NAME --repair' finds their owners and modes by their paths";
    case Errno::ENOENT:
        return "its side store, .lxss-attributes, with the owners and modes of its files, is missing";
    case Errno::EIO:
        return "its side store, .lxss-attributes, is damaged; 'lxss --check NAME --repair' begins a new one";
    case Errno::ENOSPC:
        return "its side store, .lxss-attributes, knows more files than there is room for";
    default:
        return abi::errno_text(error);
    }
}

// A failure to write leaves the old log.
Result<void> VolfsAttributes::compact(host::Handle root, base::SideStore& store) {
    Log fresh;
    const u32 mode = host::kOpenRead | host::kOpenWrite | host::kOpenCreate | host::kOpenTruncate;
    fresh.handle = TRY(host::open_at(root, kNewSideStoreName, mode, 0600));
    const u64 tree = TRY(identity(root, fresh.handle));
    const Result<void> written = store.compact(fresh, 0, tree);
    if (written.is_error()) {
        host::close(fresh.handle);
        (void)host::unlink_at(root, kNewSideStoreName);
        return {};
    }
    // The index speaks of the new log from here on.
    m_tree = tree;
    const Result<void> moved = host::rename_at(root, kNewSideStoreName, root, kSideStoreName, 0);
    std::swap(m_file.handle, fresh.handle);
    host::close(fresh.handle);
    return moved;
}

// ---- use

Result<usize> VolfsAttributes::get(host::Handle file, u64 number, const char* name, void* value,
                                   usize capacity) {
    if (!m_index)
        return host::get_attribute(file, name, value, capacity);
    return base::SideStore(m_file, *m_index).get(number, name, value, capacity);
}

Result<void> VolfsAttributes::set(host::Handle file, u64 number, const char* name, const void* value,
                                  usize length) {
    if (!m_index)
        return host::set_attribute(file, name, value, length, 0);
    if (m_file.is_read_only)
        return Errno::EROFS;
    LockGuard guard(m_lock);
    return base::SideStore(m_file, *m_index).set(number, name, value, length, 0);
}

Result<usize> VolfsAttributes::list(host::Handle file, u64 number, char* names, usize capacity) {
    if (!m_index)
        return host::list_attributes(file, names, capacity);
    return base::SideStore(m_file, *m_index).list(number, names, capacity);
}

Result<void> VolfsAttributes::remove(host::Handle file, u64 number, const char* name) {
    if (!m_index)
        return host::remove_attribute(file, name);
    if (m_file.is_read_only)
        return Errno::EROFS;
    LockGuard guard(m_lock);
    return base::SideStore(m_file, *m_index).remove(number, name);
}

Result<void> VolfsAttributes::forget(u64 number) {
    if (!m_index || m_file.is_read_only)
        return {};
    LockGuard guard(m_lock);
    return base::SideStore(m_file, *m_index).forget(number);
}

Result<void> VolfsAttributes::copy(u64 number, VolfsAttributes& to, u64 to_number) {
    base::SideStore store(to.m_file, *to.m_index);
    return base::SideStore(m_file, *m_index).copy(number, store, to_number);
}

Result<void> VolfsAttributes::flush() {
    return m_index ? m_file.flush() : Result<void>();
}

} // namespace lxcore
