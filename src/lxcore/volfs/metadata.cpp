// Linux attributes of VolFs files: LXATTRB, permissions of the host file, extended attributes.
// The rules are in docs/decisions/volfs-metadata.md.
#include "lxcore/fs/acl.hpp"
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

bool needs_lxattrb(const VolfsMetadata& metadata) {
    const u32 least = (metadata.mode & abi::S_IFMT) == abi::S_IFDIR ? 0700 : 0600;
    return metadata.uid != 0 || metadata.gid != 0 || (metadata.mode & 07000) != 0 || is_special(metadata.mode) ||
           (metadata.mode & least) != least || (metadata.flags & kLxattrbHasSpecials) != 0;
}

abi::lxattrb encode_lxattrb(const VolfsMetadata& metadata, const Inode* times) {
    abi::lxattrb stored{};
    stored.flags = metadata.flags | kLxattrbOurs;
    stored.version = abi::LXATTRB_VERSION;
    stored.mode = metadata.mode;
    stored.uid = metadata.uid;
    stored.gid = metadata.gid;
    stored.rdev = abi::lxattrb_makedev(abi::major(metadata.device), abi::minor(metadata.device));
    if (times) {
        stored.atime = static_cast<u64>(times->accessed.tv_sec);
        stored.atime_ns = static_cast<u32>(times->accessed.tv_nsec);
        stored.mtime = static_cast<u64>(times->modified.tv_sec);
        stored.mtime_ns = static_cast<u32>(times->modified.tv_nsec);
        stored.ctime = static_cast<u64>(times->changed.tv_sec);
        stored.ctime_ns = static_cast<u32>(times->changed.tv_nsec);
    }
    return stored;
}

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
    m_lxattrb_flags = stored.flags;
    // A directory that WSL 1 itself wrote tells nothing about its entries: they must be looked at.
    if (type == abi::S_IFDIR && !(stored.flags & kLxattrbOurs))
        m_lxattrb_flags |= kLxattrbHasSpecials;
}

Result<void> VolfsInode::load_attributes(host::Handle handle) {
    // One call tells both whether there is an LXATTRB and whether there are Linux xattrs at all; for most files
    // there is neither.
    char names[512];
    bool has_lxattrb = true;
    Result<usize> listed = host::list_attributes(handle, names, sizeof(names));
    if (listed.is_ok()) {
        has_lxattrb = false;
        m_xattrs = Xattrs::None;
        for (usize at = 0; at < listed.value();) {
            const std::string_view name(names + at);
            at += name.size() + 1;
            if (name == kLxattrbName)
                has_lxattrb = true;
            else if (name.starts_with(kXattrPrefix)) {
                m_xattrs = Xattrs::Some;
                if (AclKind kind; is_acl_name(name.substr(kXattrPrefix.size()), kind))
                    acl_kinds |= static_cast<u8>(kind);
            }
        }
    } else if (listed.error() == Errno::EOPNOTSUPP) {
        return {}; // a host without extended attributes: the file speaks for itself
    } else {
        acl_kinds = static_cast<u8>(AclKind::Access) | static_cast<u8>(AclKind::Default); // more than fit: maybe
    }
    if (!has_lxattrb)
        return {};
    abi::lxattrb stored{};
    Result<usize> got = host::get_attribute(handle, kLxattrbName, &stored, sizeof(stored));
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
    const u32 least = is_directory() ? 0700 : 0600;
    const u32 wanted = host_permissions_for(metadata.mode);
    const bool needs = needs_lxattrb(metadata);
    // Without LXATTRB the host's permissions are the file's mode, so that they change first when it goes and last when
    // it comes. (A host file that its owner may not write takes no attribute, and is opened up before.)
    if (!needs || (m_host_permissions & least) != least) {
        TRY(host::set_permissions(pinned.handle(), wanted)); // even if they are so: it moves the host's ctime
        m_host_permissions = wanted;
    }
    if (needs) {
        const abi::lxattrb stored = encode_lxattrb(metadata, this);
        TRY(host::set_attribute(pinned.handle(), kLxattrbName, &stored, sizeof(stored), 0));
        m_has_lxattrb = true;
        m_lxattrb_flags = stored.flags;
        if (m_host_permissions != wanted && host::set_permissions(pinned.handle(), wanted).is_ok())
            m_host_permissions = wanted;
    } else if (m_has_lxattrb) {
        TRY(host::remove_attribute(pinned.handle(), kLxattrbName));
        m_has_lxattrb = false;
        m_lxattrb_flags = 0;
    }
    mark_stale();
    return {};
}

Result<void> VolfsInode::mark_has_specials() {
    if (m_lxattrb_flags & kLxattrbHasSpecials)
        return {};
    return store_metadata({mode, uid, gid, device, kLxattrbHasSpecials});
}

Result<void> VolfsInode::make_host_writable() {
    // What the mode says without the host's help has to be written down before the host's bits change; the caller
    // has no lock of this inode, and nobody else stores a mode that needs less.
    MaybeLockGuard guard(lock);
    return store_metadata({mode, uid, gid, device, m_lxattrb_flags});
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
        VolfsMetadata metadata{mode, uid, gid, device, m_lxattrb_flags};
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
    return {};
}

// ---- extended attributes ----

namespace {

// The host's name of a Linux attribute, with its NUL.
struct HostAttributeName {
    char text[264];
    bool is_valid;
    explicit HostAttributeName(std::string_view name) {
        is_valid = kXattrPrefix.size() + name.size() <= abi::XATTR_NAME_MAX;
        if (!is_valid)
            return;
        __builtin_memcpy(text, kXattrPrefix.data(), kXattrPrefix.size());
        __builtin_memcpy(text + kXattrPrefix.size(), name.data(), name.size());
        text[kXattrPrefix.size() + name.size()] = 0;
    }
};

} // namespace

Result<usize> VolfsInode::get_xattr(std::string_view name, void* value, usize capacity) {
    if (m_xattrs == Xattrs::None || is_native_symlink())
        return Errno::ENODATA;
    const HostAttributeName host_name(name);
    if (!host_name.is_valid)
        return Errno::ENODATA;
    HandlePin pinned = TRY(pin(false));
    Result<usize> got = host::get_attribute(pinned.handle(), host_name.text, value, capacity);
    if (got.is_error() && got.error() == Errno::EOPNOTSUPP)
        return Errno::ENODATA;
    return got;
}

Result<void> VolfsInode::set_xattr(std::string_view name, const void* value, usize length, i32 flags) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    const HostAttributeName host_name(name);
    if (!host_name.is_valid)
        return Errno::ENOSPC;
    if (is_native_symlink()) // the host has no place for it there
        TRY(convert_symlink({mode, uid, gid, device, 0}));
    HandlePin pinned = TRY(pin(false));
    if (!(m_host_permissions & 0200)) // the host takes attributes of writable files only
        TRY(make_host_writable());
    TRY(host::set_attribute(pinned.handle(), host_name.text, value, length, flags));
    m_xattrs = Xattrs::Some;
    mark_stale();
    return {};
}

Result<usize> VolfsInode::list_xattrs(char* names, usize capacity) {
    if (m_xattrs == Xattrs::None || is_native_symlink())
        return usize{0};
    PageBuffer buffer(abi::XATTR_LIST_MAX / base::kPageSize);
    if (!buffer)
        return Errno::ENOMEM;
    HandlePin pinned = TRY(pin(false));
    Result<usize> listed = host::list_attributes(pinned.handle(), buffer.data(), buffer.size());
    if (listed.is_error())
        return listed.error() == Errno::EOPNOTSUPP ? Result<usize>(usize{0}) : listed;
    usize length = 0;
    for (usize at = 0; at < listed.value();) {
        const std::string_view name(buffer.data() + at);
        at += name.size() + 1;
        if (!name.starts_with(kXattrPrefix))
            continue;
        const std::string_view linux_name = name.substr(kXattrPrefix.size());
        if (capacity != 0) {
            if (length + linux_name.size() + 1 > capacity)
                return Errno::ERANGE;
            __builtin_memcpy(names + length, linux_name.data(), linux_name.size());
            names[length + linux_name.size()] = 0;
        }
        length += linux_name.size() + 1;
    }
    return length;
}

Result<void> VolfsInode::remove_xattr(std::string_view name) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (m_xattrs == Xattrs::None || is_native_symlink())
        return Errno::ENODATA;
    const HostAttributeName host_name(name);
    if (!host_name.is_valid)
        return Errno::ENODATA;
    HandlePin pinned = TRY(pin(false));
    TRY(host::remove_attribute(pinned.handle(), host_name.text));
    mark_stale();
    return {};
}

} // namespace lxcore
