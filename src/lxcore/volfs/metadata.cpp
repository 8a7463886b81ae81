// Linux attributes of VolFs files: LXATTRB, permissions of the host file, extended attributes.
// The rules are in docs/decisions/volfs-metadata.md.
#include "lxcore/fs/acl.hpp"
#include "lxcore/volfs/volfs_inode.hpp"
#include "lxcore/volfs/xattr_list.hpp"

namespace lxcore {

void VolfsInode::take_host_info(const host::FileInfo& info) {
    u32 type = abi::S_IFREG;
    switch (info.type) {
    case host::FileType::Directory: type = abi::S_IFDIR; break;
    case host::FileType::Symlink: type = abi::S_IFLNK; break;
    case host::FileType::CharacterDevice: type = abi::S_IFCHR; break;
    case host::FileType::BlockDevice: type = abi::S_IFBLK; break;
    case host::FileType::Fifo: type = abi::S_IFIFO; break;
    case host::FileType::Socket: type = abi::S_IFSOCK; break;
    case host::FileType::Regular:
    case host::FileType::Unknown: break;
    }
    mode = type | (info.permissions & 07777);
    device = abi::makedev(info.device_major, info.device_minor);
    size = info.size;
    blocks = info.blocks;
    block_size = info.block_size;
    modified = info.modified;
    changed = info.changed;
    m_host_permissions = info.permissions;
}

void VolfsInode::take_metadata(const abi::lxattrb& stored) {
    const u32 host_type = mode & abi::S_IFMT;
    u32 type = stored.mode & abi::S_IFMT;
    // The host decides what is a directory, and native special files keep their type.
    if (type == 0 || host_type != abi::S_IFREG || type == abi::S_IFDIR)
        type = host_type;
    mode = type | (stored.mode & 07777);
    uid = stored.uid;
    gid = stored.gid;
    if (type == abi::S_IFCHR || type == abi::S_IFBLK)
        device = abi::makedev(abi::lxattrb_major(stored.rdev), abi::lxattrb_minor(stored.rdev));
    m_has_lxattrb = true;
    // A directory that VolFs did not make tells nothing about its entries: they must be looked at.
    if (type == abi::S_IFDIR && !m_volfs->storage().are_specials_marked)
        m_may_have_specials = true;
}

Result<void> VolfsInode::load_attributes(host::Handle handle) {
    constexpr u8 kAnyAcl = static_cast<u8>(AclKind::Access) | static_cast<u8>(AclKind::Default); // to be found out
    // One call tells both whether there is an LXATTRB and whether there are Linux xattrs at all; for most files
    // there is neither.
    char names[512];
    bool has_lxattrb = true;
    Result<usize> listed = m_volfs->attributes().list(handle, number, names, sizeof(names));
    if (listed.is_ok()) {
        has_lxattrb = false;
        m_xattrs = Xattrs::None;
        for (usize at = 0; at < listed.value();) {
            const std::string_view name(names + at);
            at += name.size() + 1;
            if (name == kLxattrbName)
                has_lxattrb = true;
            else if (name == kLxxattrName)
                m_xattrs = Xattrs::Some;
            else if (name == kSpecialsName)
                m_may_have_specials = true;
        }
        if (m_xattrs == Xattrs::Some)
            acl_kinds = kAnyAcl;
    } else if (listed.error() == Errno::EOPNOTSUPP) {
        return {}; // a host without extended attributes: the file speaks for itself
    } else {
        acl_kinds = kAnyAcl; // more than fit: maybe
        m_may_have_specials = is_directory();
    }
    if (!has_lxattrb)
        return {};
    abi::lxattrb stored{};
    Result<usize> got = m_volfs->attributes().get(handle, number, kLxattrbName, &stored, sizeof(stored));
    if (got.is_error()) {
        const bool is_absent = got.error() == Errno::ENODATA || got.error() == Errno::EOPNOTSUPP;
        return is_absent ? Result<void>() : Result<void>(Errno::EIO);
    }
    if (got.value() != sizeof(stored) || stored.version != abi::LXATTRB_VERSION)
        return Errno::EIO;
    take_metadata(stored);
    return {};
}

Result<void> VolfsInode::store_metadata(const VolfsMetadata& metadata) {
    if (is_native_symlink()) {
        // Its mode is always 0777, and its owner is 0:0 unless it becomes a file.
        return metadata.uid == 0 && metadata.gid == 0 ? Result<void>() : convert_symlink(metadata);
    }
    HandlePin pinned = TRY(pin(false));
    VolfsAttributes& attributes = m_volfs->attributes();
    const u32 least = least_host_permissions(mode);
    const u32 wanted = host_permissions(metadata.mode);
    const bool needs = wants_lxattrb(metadata);
    // Without LXATTRB the host's permissions are the file's mode, so that they change first when it goes and last when
    // it comes. (A host file that its owner may not write takes no attribute, and is opened up before.)
    if (!needs || (m_host_permissions & least) != least) {
        TRY(host::set_permissions(pinned.handle(), wanted)); // even if they are so: it moves the host's ctime
        m_host_permissions = wanted;
    }
    if (needs) {
        const abi::lxattrb stored = encode_lxattrb(metadata, *this);
        TRY(attributes.set(pinned.handle(), number, kLxattrbName, &stored, sizeof(stored)));
        m_has_lxattrb = true;
        // (Only attributes of the host's move its ctime.)
        if ((m_host_permissions != wanted || attributes.is_beside_files()) &&
            host::set_permissions(pinned.handle(), wanted).is_ok())
            m_host_permissions = wanted;
    } else if (m_has_lxattrb) {
        TRY(attributes.remove(pinned.handle(), number, kLxattrbName));
        m_has_lxattrb = false;
    }
    mark_stale();
    return {};
}

Result<void> VolfsInode::mark_has_specials() {
    if (m_may_have_specials)
        return {};
    HandlePin pinned = TRY(pin(false));
    TRY(m_volfs->attributes().set(pinned.handle(), number, kSpecialsName, "1", 1));
    m_may_have_specials = true;
    return {};
}

Result<void> VolfsInode::make_host_writable() {
    // What the mode says without the host's help has to be written down before the host's bits change; the caller
    // has no lock of this inode, and nobody else stores a mode that needs less.
    MaybeLockGuard guard(lock);
    return store_metadata({mode, uid, gid, device});
}

Result<void> VolfsInode::refresh() {
    if (!m_is_stale.load(std::memory_order_acquire) && !m_is_mapped_writable.load(std::memory_order_relaxed))
        return {};
    MaybeLockGuard guard(lock);
    m_is_stale.store(false, std::memory_order_relaxed);
    Result<host::FileInfo> found = [&]() -> Result<host::FileInfo> {
        if (!is_native_symlink()) {
            HandlePin pinned = TRY(pin(false));
            return host::file_info(pinned.handle());
        }
        VolfsSuperBlock::Location location;
        m_volfs->location_of(*this, location);
        if (!location.parent)
            return Errno::ESTALE;
        HandlePin directory = TRY(location.parent->pin(false));
        return host::file_info_at(directory.handle(), location.view());
    }();
    if (found.is_error())
        return found.error() == Errno::ESTALE ? Result<void>() : Result<void>(found.error());
    const host::FileInfo& info = found.value();
    modified = info.modified;
    changed = info.changed;
    blocks = info.blocks;
    if (is_directory()) {
        size = info.size;
        if (links != 0)
            links = info.links;
    }
    return {};
}

Result<void> VolfsInode::set_attributes(const AttributeChange& change) {
    // Access times noted by reading stay in the inode. The host keeps its own account of them, and utimensat(2) would
    // move its ctime.
    if (change.valid == kChangeAccessed)
        return Inode::set_attributes(change);
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (change.valid & kChangeSize) {
        HandlePin pinned = TRY(pin(true));
        TRY(host::truncate(pinned.handle(), change.size));
        size = change.size;
    }
    // A change that changes nothing (chown -1:-1) still counts as one: storing what is there moves ctime.
    if ((change.valid & (kChangeMode | kChangeUid | kChangeGid)) || change.valid == kChangeChanged) {
        VolfsMetadata metadata{mode, uid, gid, device};
        if (change.valid & kChangeMode)
            metadata.mode = (mode & abi::S_IFMT) | (change.mode & 07777);
        if (change.valid & kChangeUid)
            metadata.uid = change.uid;
        if (change.valid & kChangeGid)
            metadata.gid = change.gid;
        TRY(store_metadata(metadata));
    }
    const bool host_set_modified = (change.valid & kChangeSize) != 0; // by truncating
    if ((change.valid & kChangeAccessed) || ((change.valid & kChangeModified) && !host_set_modified)) {
        const abi::timespec* new_accessed = (change.valid & kChangeAccessed) ? &change.accessed : nullptr;
        const abi::timespec* new_modified = (change.valid & kChangeModified) ? &change.modified : nullptr;
        if (is_native_symlink()) {
            VolfsSuperBlock::Location location;
            m_volfs->location_of(*this, location);
            if (location.parent) {
                HandlePin directory = TRY(location.parent->pin(false));
                TRY(host::set_times_at(directory.handle(), location.view(), new_accessed, new_modified));
            }
        } else {
            HandlePin pinned = TRY(pin(false));
            TRY(host::set_times(pinned.handle(), new_accessed, new_modified));
        }
    }
    TRY(Inode::set_attributes(change));
    mark_stale();
    if ((change.valid & kChangeMode) && write_access.load(std::memory_order_acquire) <= 0)
        close_idle_writer();
    return {};
}

// ---- extended attributes: all of them in one of the host's, in the layout of WSL 1's LXXATTR ----

namespace {

// The host's attribute as it is: no bytes where there is none.
class XattrList {
public:
    Result<void> load(VolfsAttributes& attributes, host::Handle file, u64 number) {
        for (usize pages : {usize{1}, usize{abi::XATTR_SIZE_MAX / base::kPageSize}}) {
            m_pages = pages;
            m_data = static_cast<char*>(allocate_pages(pages));
            if (!m_data)
                return Errno::ENOMEM;
            Result<usize> got = attributes.get(file, number, kLxxattrName, m_data, pages * base::kPageSize);
            if (got.is_ok()) {
                m_length = got.value();
                return is_valid_xattr_list(view()) ? Result<void>() : Result<void>(Errno::EIO);
            }
            if (got.error() == Errno::ENODATA || got.error() == Errno::EOPNOTSUPP)
                return {};
            release_pages(m_data, pages);
            m_data = nullptr;
            if (got.error() != Errno::ERANGE)
                return got.error();
        }
        return Errno::EIO;
    }
    XattrList() = default;
    LXSS_NO_COPY(XattrList);
    ~XattrList() {
        if (m_data)
            release_pages(m_data, m_pages);
    }
    std::string_view view() const { return {m_data, m_length}; }

private:
    char* m_data = nullptr;
    usize m_pages = 0, m_length = 0;
};

} // namespace

Result<usize> VolfsInode::get_xattr(std::string_view name, void* value, usize capacity) {
    if (m_xattrs == Xattrs::None || is_native_symlink())
        return Errno::ENODATA;
    XattrList list;
    {
        HandlePin pinned = TRY(pin(false));
        TRY(list.load(m_volfs->attributes(), pinned.handle(), number));
    }
    XattrEntry entry;
    if (!find_xattr(list.view(), name, entry))
        return Errno::ENODATA;
    if (capacity != 0) {
        if (entry.value.size() > capacity)
            return Errno::ERANGE;
        __builtin_memcpy(value, entry.value.data(), entry.value.size());
    }
    return entry.value.size();
}

Result<void> VolfsInode::change_xattr(std::string_view name, const std::string_view* value, i32 flags) {
    HandlePin pinned = TRY(pin(false));
    XattrList list;
    TRY(list.load(m_volfs->attributes(), pinned.handle(), number));
    XattrEntry entry;
    const bool exists = find_xattr(list.view(), name, entry);
    if (exists && (flags & static_cast<i32>(abi::XATTR_CREATE)))
        return Errno::EEXIST;
    if (!exists && (!value || (flags & static_cast<i32>(abi::XATTR_REPLACE))))
        return Errno::ENODATA;
    const usize wanted = sizeof(abi::lxxattr_head) + list.view().size() + sizeof(abi::lxxattr_entry) + 4 + name.size() +
                         (value ? value->size() : 0);
    PageBuffer changed(base::page_ceil(wanted) / base::kPageSize);
    if (!changed)
        return Errno::ENOMEM;
    const usize length = TRY(change_xattr_list(list.view(), name, value, changed.data(),
                                               base::min<usize>(changed.size(), abi::XATTR_SIZE_MAX)));
    if (!(m_host_permissions & 0200)) // the host takes attributes of writable files only
        TRY(make_host_writable());
    VolfsAttributes& attributes = m_volfs->attributes();
    if (length == 0) {
        TRY(attributes.remove(pinned.handle(), number, kLxxattrName));
        m_xattrs = Xattrs::None;
    } else {
        TRY(attributes.set(pinned.handle(), number, kLxxattrName, changed.data(), length));
        m_xattrs = Xattrs::Some;
    }
    if (attributes.is_beside_files()) // nothing has moved its ctime yet
        (void)host::set_permissions(pinned.handle(), m_host_permissions & 07777);
    mark_stale();
    return {};
}

Result<void> VolfsInode::set_xattr(std::string_view name, const void* value, usize length, i32 flags) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (is_native_symlink()) // the host has no place for it there
        TRY(convert_symlink({mode, uid, gid, device}));
    const std::string_view text(static_cast<const char*>(value), length);
    return change_xattr(name, &text, flags);
}

Result<usize> VolfsInode::list_xattrs(char* names, usize capacity) {
    if (m_xattrs == Xattrs::None || is_native_symlink())
        return usize{0};
    XattrList list;
    {
        HandlePin pinned = TRY(pin(false));
        TRY(list.load(m_volfs->attributes(), pinned.handle(), number));
    }
    usize length = 0;
    XattrEntry entry;
    for (usize at = 0; next_xattr(list.view(), at, entry);) {
        if (capacity != 0) {
            if (length + entry.name.size() + 1 > capacity)
                return Errno::ERANGE;
            __builtin_memcpy(names + length, entry.name.data(), entry.name.size());
            names[length + entry.name.size()] = 0;
        }
        length += entry.name.size() + 1;
    }
    return length;
}

Result<void> VolfsInode::remove_xattr(std::string_view name) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (m_xattrs == Xattrs::None || is_native_symlink())
        return Errno::ENODATA;
    return change_xattr(name, nullptr, 0);
}

} // namespace lxcore
