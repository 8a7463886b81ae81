// VolFs inodes: looking names up, creating files.
//
// A file of owner 0:0 with an ordinary mode is created by one host call where it belongs. Anything that needs LXATTRB is,
// where no host call makes a file with it, prepared in the staging folder and renamed into place, so that no crash leaves a file with half
// its attributes.
#include "base/format.hpp"
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

VolfsInode::VolfsInode(VolfsSuperBlock& volfs) : m_volfs(&volfs) {
    super_block = RefPtr<SuperBlock>(&volfs);
    volfs.inode_count.fetch_add(1, std::memory_order_relaxed);
}

VolfsInode::~VolfsInode() { m_volfs->inode_count.fetch_sub(1, std::memory_order_relaxed); }

void VolfsInode::destroy() {
    m_volfs->forget(*this);
    // While a handle keeps the host from giving the number to another file.
    if (links == 0 && (m_read_slot.is_open() || m_write_slot.is_open()))
        (void)m_volfs->attributes().forget(number);
    m_volfs->handles_closing(*this);
    m_volfs->keep_listing(*this, nullptr);
    if (m_staged_name.length() != 0) {
        Result<host::Handle> staging = m_volfs->staging();
        if (staging.is_ok())
            (void)host::unlink_at(staging.value(), m_staged_name.view());
    }
    delete this;
}

Result<RefPtr<Inode>> VolfsInode::lookup(std::string_view linux_name) {
    if (m_volfs->is_reserved(*this, linux_name))
        return Errno::ENOENT;
    const HostName host_name(m_volfs->name_rule(), linux_name);
    const std::string_view name = TRY(host_name.view());
    if (!m_names.may_have(name))
        return Errno::ENOENT;
    TRY(settle_whiteout());
    HandlePin directory = TRY(pin(false));
    // Opening tells apart what exists, and the handle will be wanted anyway.
    Result<host::Handle> opened = m_volfs->open_host(directory.handle(), name, host::kOpenRead, 0);
    if (opened.is_ok()) {
        Result<host::FileInfo> info = host::file_info(opened.value());
        if (info.is_error()) {
            host::close(opened.value());
            return info.error();
        }
        return RefPtr<Inode>(TRY(m_volfs->inode_of(this, name, info.value(), opened.value(), false)));
    }
    switch (opened.error()) {
    case Errno::ELOOP:  // a symbolic link
    case Errno::ENXIO:  // a socket of the host, or a device without a driver
    case Errno::EACCES: // the host user may not read it: it can be seen at least
    case Errno::ENODEV: break;
    default: return opened.error();
    }
    const host::FileInfo info = TRY(host::file_info_at(directory.handle(), name));
    return RefPtr<Inode>(TRY(m_volfs->inode_of(this, name, info, host::kNoHandle, false)));
}

// The making of one file or directory.
struct VolfsCreation {
    VolfsInode& directory;
    std::string_view name;
    const VolfsMetadata& metadata;
    std::string_view content; // of a symlink

    VolfsSuperBlock& volfs() const { return directory.volfs(); }
    bool is_directory() const { return (metadata.mode & abi::S_IFMT) == abi::S_IFDIR; }

    // Makes it in `folder` and gives its handle.
    Result<host::Handle> make(host::Handle folder, std::string_view where) const {
        const u32 permissions = host_permissions(metadata.mode);
        if (is_directory()) {
            TRY(host::make_directory_at(folder, where, permissions));
            return volfs().open_host(folder, where, host::kOpenRead | host::kOpenDirectory, 0);
        }
        return volfs().open_host(folder, where,
                                 host::kOpenRead | host::kOpenWrite | host::kOpenCreate | host::kOpenExclusive,
                                 permissions);
    }

    // What else a new file needs, and its attributes.
    Result<host::FileInfo> finish(host::Handle handle) const {
        if (!content.empty()) {
            const abi::iovec vector{reinterpret_cast<u64>(content.data()), content.size()};
            if (TRY(host::write_at(handle, &vector, 1, 0)) != content.size())
                return Errno::ENOSPC;
        }
        host::FileInfo info = TRY(host::file_info(handle));
        VolfsAttributes& attributes = volfs().attributes();
        TRY(attributes.forget(info.inode)); // whatever had that number before
        if (wants_lxattrb(volfs().storage(), metadata)) {
            const abi::lxattrb stored = encode_lxattrb(metadata, info);
            TRY(attributes.set(handle, info.inode, kLxattrbName, &stored, sizeof(stored)));
            if (!attributes.is_beside_files())
                info = TRY(host::file_info(handle)); // it has moved the times
        }
        const u32 permissions = host_permissions(metadata.mode);
        if (info.permissions != permissions) { // a umask, a default ACL or a set-group-id folder of the host
            TRY(host::set_permissions(handle, permissions));
            info.permissions = permissions;
        }
        return info;
    }

    // A directory is opened when something is done in it, which often enough is never.
    Result<RefPtr<VolfsInode>> directory_in_place(host::Handle folder) {
        const u32 permissions = host_permissions(metadata.mode);
        TRY(host::make_directory_at(folder, name, permissions));
        Result<host::FileInfo> info = host::file_info_at(folder, name);
        if (info.is_ok() && info.value().permissions == permissions) {
            TRY(volfs().attributes().forget(info.value().inode));
            return volfs().inode_of(&directory, name, info.value(), host::kNoHandle, false, &metadata);
        }
        return adopt(folder, volfs().open_host(folder, name, host::kOpenRead | host::kOpenDirectory, 0));
    }

    Result<RefPtr<VolfsInode>> in_place(host::Handle folder) {
        return is_directory() ? directory_in_place(folder) : adopt(folder, make(folder, name));
    }

    // The file that has just got its name in `folder`.
    Result<RefPtr<VolfsInode>> adopt(host::Handle folder, Result<host::Handle> made) {
        const host::Handle handle = TRY(made);
        Result<host::FileInfo> info = finish(handle);
        if (info.is_error()) {
            host::close(handle);
            remove(folder, name);
            return info.error();
        }
        return volfs().inode_of(&directory, name, info.value(), handle, !is_directory(), &metadata);
    }

    // An O_TMPFILE file.
    Result<RefPtr<VolfsInode>> adopt_unnamed(host::Handle handle) {
        Result<host::FileInfo> info = finish(handle);
        if (info.is_error()) {
            host::close(handle);
            return info.error();
        }
        RefPtr<VolfsInode> inode = TRY(volfs().inode_of(nullptr, {}, info.value(), handle, true, &metadata));
        inode->links = 0;
        return inode;
    }

    void remove(host::Handle folder, std::string_view where) const {
        if (is_directory())
            (void)host::remove_directory_at(folder, where);
        else
            (void)host::unlink_at(folder, where);
    }

    // Finishes the file `temporary` and gives it its name.
    Result<host::FileInfo> publish(host::Handle handle, host::Handle staging, std::string_view temporary,
                                   host::Handle folder, bool replace) {
        const host::FileInfo info = TRY(finish(handle));
        Result<void> moved = host::rename_at(staging, temporary, folder, name, replace ? 0 : abi::RENAME_NOREPLACE);
        if (moved.is_ok())
            return info;
        if (moved.error() != Errno::EINVAL || replace)
            return moved.error();
        // A host without the flag: the directory's lock and the lookup before have made sure that nothing is there.
        TRY(host::rename_at(staging, temporary, folder, name, 0));
        return info;
    }

    Result<RefPtr<VolfsInode>> with_lxattrb(host::Handle folder) {
        if (!host::tree_traits().creates_with_attributes || volfs().attributes().is_beside_files())
            return staged(folder, false);
        Result<RefPtr<VolfsInode>> made = at_once(folder);
        return made.error() == Errno::EMFILE ? staged(folder, false) : std::move(made); // which makes room for handles
    }

    // With its LXATTRB by one call of the host.
    Result<RefPtr<VolfsInode>> at_once(host::Handle folder) {
        struct {
            abi::timespec accessed, modified, changed;
        } times;
        times.accessed = times.modified = times.changed = TRY(host::clock_time(abi::CLOCK_REALTIME));
        const abi::lxattrb stored = encode_lxattrb(metadata, times);
        const host::Handle handle =
            TRY(host::create_with_attribute(folder, name, is_directory(), kLxattrbName, &stored, sizeof(stored)));
        Result<host::FileInfo> info = host::file_info(handle);
        if (info.is_ok())
            return volfs().inode_of(&directory, name, info.value(), handle, !is_directory(), &metadata);
        host::close(handle);
        remove(folder, name);
        return info.error();
    }

    Result<RefPtr<VolfsInode>> staged(host::Handle folder, bool replace) {
        const host::Handle staging = TRY(volfs().staging());
        base::FixedWriter<24> temporary;
        base::print(temporary, "{:x}", next_unique_id());
        Result<host::Handle> handle = make(staging, temporary.view());
        if (handle.is_error()) {
            if (is_directory())
                remove(staging, temporary.view());
            return handle.error();
        }
        Result<host::FileInfo> info = publish(handle.value(), staging, temporary.view(), folder, replace);
        if (info.is_error()) {
            host::close(handle.value());
            remove(staging, temporary.view());
            return info.error();
        }
        RefPtr<VolfsInode> inode =
            TRY(volfs().inode_of(&directory, name, info.value(), handle.value(), !is_directory(), &metadata));
        inode->mark_stale(); // the rename has moved its ctime
        return inode;
    }
};

Result<void> VolfsInode::create_staged(std::string_view temporary, const VolfsMetadata& metadata) {
    const VolfsCreation creation{*this, temporary, metadata, {}};
    const host::Handle staging = TRY(m_volfs->staging());
    const host::Handle handle = TRY(creation.make(staging, temporary));
    const Result<host::FileInfo> finished = creation.finish(handle);
    host::close(handle);
    if (finished.is_error())
        creation.remove(staging, temporary);
    return finished.is_ok() ? Result<void>() : Result<void>(finished.error());
}

void VolfsInode::names_changed() {
    m_is_listing_old.store(true, std::memory_order_release);
    mark_stale();
}

Result<RefPtr<Inode>> VolfsInode::create(std::string_view name, u32 new_mode, u32 new_uid, u32 new_gid,
                                         u64 new_device) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (m_volfs->is_reserved(*this, name))
        return Errno::EPERM;
    if (links == 0)
        return Errno::ENOENT;
    const VolfsMetadata metadata{new_mode, new_uid, new_gid, new_device};
    const HostName host_name(m_volfs->name_rule(), name);
    HandlePin folder = TRY(pin(false));
    VolfsCreation creation{*this, TRY(host_name.view()), metadata, {}};
    names_changing(creation.name);
    RefPtr<VolfsInode> inode;
    if (!wants_lxattrb(m_volfs->storage(), metadata)) {
        inode = TRY(creation.in_place(folder.handle()));
    } else {
        if (is_special(new_mode))
            TRY(mark_has_specials());
        inode = TRY(creation.with_lxattrb(folder.handle()));
    }
    if (inode->is_directory()) {
        inode->links = links == 1 ? 1 : 2; // hosts that count no directories (btrfs, NTFS) have one link for each
        inode->m_names.start();
    }
    names_changed();
    return RefPtr<Inode>(std::move(inode));
}

Result<RefPtr<Inode>> VolfsInode::make_symlink(std::string_view linux_name, std::string_view target, u32 new_uid,
                                               u32 new_gid) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (m_volfs->is_reserved(*this, linux_name))
        return Errno::EPERM;
    if (links == 0)
        return Errno::ENOENT;
    const HostName host_name(m_volfs->name_rule(), linux_name);
    const std::string_view name = TRY(host_name.view());
    HandlePin folder = TRY(pin(false));
    names_changing(name);
    RefPtr<VolfsInode> inode;
    // A host without symbolic links, and one whose links cannot tell an owner: a file with the target as its data. So in portable trees.
    bool is_native = false;
    if (new_uid == 0 && new_gid == 0 && !m_volfs->storage().is_portable) {
        Result<void> native = host::make_symlink_at(folder.handle(), name, target);
        if (native.is_error() && native.error() != Errno::EOPNOTSUPP)
            return native.error();
        is_native = native.is_ok();
    }
    if (is_native) {
        const host::FileInfo info = TRY(host::file_info_at(folder.handle(), name));
        inode = TRY(m_volfs->inode_of(this, name, info, host::kNoHandle, false, nullptr, true));
    } else {
        const VolfsMetadata metadata{abi::S_IFLNK | 0777, new_uid, new_gid, 0};
        TRY(mark_has_specials());
        inode = TRY((VolfsCreation{*this, name, metadata, target}.staged(folder.handle(), false)));
    }
    names_changed();
    return RefPtr<Inode>(std::move(inode));
}

Result<RefPtr<Inode>> VolfsInode::create_anonymous(u32 new_mode, u32 new_uid, u32 new_gid) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    const VolfsMetadata metadata{abi::S_IFREG | (new_mode & 07777), new_uid, new_gid, 0};
    VolfsCreation creation{*this, {}, metadata, {}};
    HandlePin folder = TRY(pin(false));
    Result<host::Handle> unnamed =
        m_volfs->open_host(folder.handle(), {}, host::kOpenRead | host::kOpenWrite | host::kOpenAnonymous,
                           host_permissions(metadata.mode));
    if (unnamed.is_ok()) {
        RefPtr<VolfsInode> inode = TRY(creation.adopt_unnamed(unnamed.value()));
        return RefPtr<Inode>(std::move(inode));
    }
    if (unnamed.error() != Errno::EOPNOTSUPP)
        return unnamed.error();
    // It keeps a name that nobody sees, and loses it with the inode or when the next kernel starts.
    base::FixedWriter<24> temporary;
    base::print(temporary, "{:x}", next_unique_id());
    String staged_name = TRY(String::create(temporary.view()));
    const host::Handle staging = TRY(m_volfs->staging());
    const host::Handle made = TRY(creation.make(staging, temporary.view()));
    Result<RefPtr<VolfsInode>> inode = creation.adopt_unnamed(made);
    if (inode.is_error()) {
        creation.remove(staging, temporary.view());
        return inode.error();
    }
    inode.value()->m_staged_name = std::move(staged_name);
    return RefPtr<Inode>(inode.release_value());
}

Result<usize> VolfsInode::read_link(char* buffer, usize capacity) {
    if (!is_symlink())
        return Errno::EINVAL;
    MaybeLockGuard guard(lock);
    if (m_link_target.length() == 0) {
        PageBuffer page;
        if (!page)
            return Errno::ENOMEM;
        usize length = 0;
        if (is_native_symlink()) {
            VolfsSuperBlock::Location location;
            m_volfs->location_of(*this, location);
            if (!location.parent)
                return Errno::ESTALE;
            HandlePin directory = TRY(location.parent->pin(false));
            length = TRY(host::read_symlink_at(directory.handle(), location.view(), page.data(), page.size()));
        } else {
            HandlePin pinned = TRY(pin(false));
            const abi::iovec vector{reinterpret_cast<u64>(page.data()), page.size() - 1};
            length = TRY(host::read_at(pinned.handle(), &vector, 1, 0));
        }
        m_link_target = TRY(String::create({page.data(), length}));
    }
    const usize length = base::min(capacity, m_link_target.length());
    __builtin_memcpy(buffer, m_link_target.view().data(), length);
    return length;
}

Result<void> VolfsInode::convert_symlink(const VolfsMetadata& metadata) {
    // A symlink of the host cannot tell another owner: a file with the target as its data takes its place.
    char first;
    TRY(read_link(&first, 1));
    VolfsSuperBlock::Location location;
    m_volfs->location_of(*this, location);
    if (!location.parent)
        return Errno::ESTALE;
    HandlePin folder = TRY(location.parent->pin(false));
    // Not under the parent's lock, which would be taken in the wrong order here.
    TRY(location.parent->mark_has_specials());
    RefPtr<VolfsInode> replacement = TRY((VolfsCreation{*location.parent, location.view(), metadata,
                                                        m_link_target.view()}
                                              .staged(folder.handle(), true)));
    // This inode stays what the guest holds; it takes over the new host file.
    m_volfs->forget(*replacement);
    m_volfs->forget(*this);
    HandlePin handle = TRY(replacement->pin(false));
    const host::Handle own = TRY(m_volfs->reopen_host(handle.handle(), host::kOpenRead));
    number = replacement->number;
    m_host_device = replacement->m_host_device;
    m_host_type = host::FileType::Regular;
    m_host_permissions = replacement->m_host_permissions;
    m_has_lxattrb = true;
    m_volfs->remember(*this, true);
    install(m_read_slot, own);
    m_volfs->names_moved();
    location.parent->names_changed();
    mark_stale();
    return {};
}

} // namespace lxcore
