// VolFs: link, unlink, rename.
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

Result<HandlePin> VolfsInode::prepare_to_lose(const VolfsInode& directory, std::string_view name) {
    if (!m_volfs->is_location(*this, directory, name))
        return HandlePin();
    if (is_symlink()) {
        // Whoever holds it (O_PATH) may still ask for the target.
        char first;
        (void)read_link(&first, 1);
        if (is_native_symlink())
            return HandlePin();
    }
    const bool is_last = links <= 1 || is_directory();
    // The side store forgets a file before the host may use its number again, which a handle prevents.
    if (is_last && open_files.load(std::memory_order_acquire) == 0 && !m_read_slot.is_open() &&
        !m_write_slot.is_open() && !m_volfs->attributes().is_beside_files())
        return HandlePin();
    return pin(false);
}

void VolfsInode::lost_name(const VolfsInode& directory, std::string_view name) {
    if (m_volfs->is_location(*this, directory, name))
        m_volfs->set_location(*this, nullptr, {});
    MaybeLockGuard guard(lock);
    links = is_directory() || links == 0 ? 0 : links - 1;
    // The host may give the number to another file once this one is closed.
    if (links == 0)
        m_volfs->forget(*this);
    mark_stale();
}

Result<void> VolfsInode::link(std::string_view linux_name, Inode& target) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (m_volfs->is_reserved(*this, linux_name))
        return Errno::EPERM;
    if (links == 0)
        return Errno::ENOENT;
    const HostName host_name(m_volfs->name_rule(), linux_name);
    const std::string_view name = TRY(host_name.view());
    auto& file = static_cast<VolfsInode&>(target);
    HandlePin folder = TRY(pin(false));
    if (is_special(file.mode) && !file.is_native_symlink())
        TRY(mark_has_specials());
    names_changing(name);
    if (file.m_staged_name.length() != 0) {
        const host::Handle staging = TRY(m_volfs->staging());
        TRY(host::rename_at(staging, file.m_staged_name.view(), folder.handle(), name, abi::RENAME_NOREPLACE));
        file.m_staged_name = String();
    } else if (file.is_native_symlink()) {
        VolfsSuperBlock::Location location;
        m_volfs->location_of(file, location);
        if (!location.parent)
            return Errno::ENOENT;
        HandlePin from = TRY(location.parent->pin(false));
        TRY(host::link_at(from.handle(), location.view(), folder.handle(), name));
    } else {
        HandlePin pinned = TRY(file.pin(false));
        TRY(host::link_handle_at(pinned.handle(), folder.handle(), name));
    }
    {
        MaybeLockGuard guard(file.lock);
        ++file.links;
        file.mark_stale();
    }
    m_volfs->remember(file, true);
    if (!file.m_parent)
        m_volfs->set_location(file, this, name);
    names_changed();
    return {};
}

Result<void> VolfsInode::unlink(std::string_view linux_name, Inode& target) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    const HostName host_name(m_volfs->name_rule(), linux_name);
    const std::string_view name = TRY(host_name.view());
    auto& file = static_cast<VolfsInode&>(target);
    HandlePin folder = TRY(pin(false));
    Result<HandlePin> kept = file.prepare_to_lose(*this, name);
    names_changing();
    TRY(host::unlink_at(folder.handle(), name));
    file.lost_name(*this, name);
    names_changed();
    return {};
}

Result<void> VolfsInode::remove_directory(std::string_view linux_name, Inode& target) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (m_volfs->is_reserved(*this, linux_name))
        return Errno::ENOENT;
    const HostName host_name(m_volfs->name_rule(), linux_name);
    const std::string_view name = TRY(host_name.view());
    auto& directory = static_cast<VolfsInode&>(target);
    {
        MaybeLockGuard guard(directory.lock);
        TRY(directory.settle_whiteout());
    }
    HandlePin folder = TRY(pin(false));
    Result<HandlePin> kept = directory.prepare_to_lose(*this, name);
    names_changing();
    TRY(host::remove_directory_at(folder.handle(), name));
    directory.lost_name(*this, name);
    names_changed();
    return {};
}

Result<void> VolfsInode::rename(std::string_view old_linux_name, Inode& target_old, Inode& new_parent,
                                std::string_view new_linux_name, Inode* target_new, u32 flags,
                                const Whiteout* whiteout) {
    if (m_volfs->is_read_only())
        return Errno::EROFS;
    if (flags & ~(abi::RENAME_NOREPLACE | abi::RENAME_EXCHANGE))
        return Errno::EINVAL;
    auto& to = static_cast<VolfsInode&>(new_parent);
    auto& moved = static_cast<VolfsInode&>(target_old);
    auto* replaced = static_cast<VolfsInode*>(target_new);
    if (m_volfs->is_reserved(*this, old_linux_name) || m_volfs->is_reserved(to, new_linux_name))
        return Errno::EPERM;
    if (replaced == &moved)
        return {}; // two names of one file: rename(2) does nothing
    if (to.links == 0)
        return Errno::ENOENT;
    const HostName old_host_name(m_volfs->name_rule(), old_linux_name);
    const HostName new_host_name(m_volfs->name_rule(), new_linux_name);
    const std::string_view old_name = TRY(old_host_name.view());
    const std::string_view new_name = TRY(new_host_name.view());
    const bool exchange = (flags & abi::RENAME_EXCHANGE) != 0;
    HandlePin from_folder = TRY(pin(false));
    HandlePin to_folder = TRY(to.pin(false));
    if (is_special(moved.mode) && !moved.is_native_symlink())
        TRY(to.mark_has_specials());
    if (exchange && replaced && is_special(replaced->mode) && !replaced->is_native_symlink())
        TRY(mark_has_specials());

    HandlePin kept;
    if (replaced && !exchange) {
        Result<HandlePin> pinned = replaced->prepare_to_lose(to, new_name);
        if (pinned.is_ok())
            kept = pinned.release_value();
    }
    if (whiteout)
        TRY(prepare_whiteout(old_name, *whiteout));
    names_changing();
    to.names_changing(new_name);
    // For those who look for it after this thread was killed between the rename and what follows it.
    const bool was_location = m_volfs->is_location(moved, *this, old_name);
    const bool is_swap = exchange && replaced;
    const bool was_other_location = is_swap && m_volfs->is_location(*replaced, to, new_name);
    Errno error = Errno::OK;
    if (was_location)
        error = m_volfs->announce_location(moved, to, new_name).error();
    if (was_other_location && error == Errno::OK)
        error = m_volfs->announce_location(*replaced, *this, old_name).error();
    if (error == Errno::OK)
        error = host::rename_at(from_folder.handle(), old_name, to_folder.handle(), new_name, flags).error();
    // Hosts without the flags: that nothing is there is known already.
    if (error == Errno::EINVAL && flags == abi::RENAME_NOREPLACE && !replaced)
        error = host::rename_at(from_folder.handle(), old_name, to_folder.handle(), new_name, 0).error();
    if (whiteout)
        (void)settle_whiteout(); // if it cannot now, the next who looks does
    if (error != Errno::OK) {
        m_volfs->withdraw_location(moved);
        if (is_swap)
            m_volfs->withdraw_location(*replaced);
        return error;
    }
    if (was_location)
        m_volfs->set_location(moved, &to, new_name);
    if (was_other_location)
        m_volfs->set_location(*replaced, this, old_name);
    if (is_swap)
        replaced->mark_stale();
    else if (replaced)
        replaced->lost_name(to, new_name);
    moved.mark_stale();
    names_changed();
    if (&to != this)
        to.names_changed();
    return {};
}

} // namespace lxcore
