// DriveFs: creating, linking, removing and renaming, by the rules of Windows.
#include "lxcore/drivefs/drive_inode.hpp"
#include "lxcore/drivefs/upcase.hpp"

namespace lxcore {

namespace {

// Windows neither deletes nor moves nor replaces a file that is open, or runs, and WSL 1 passes its STATUS_SHARING_VIOLATION
// on as EACCES (microsoft/WSL#1529). Only what this instance has open is known here; the host's own programs are
// the host's to ask.
Result<void> check_not_open(const DriveInode* file) {
    if (file && file->is_regular() && file->open_files.load(std::memory_order_acquire) != 0)
        return Errno::EACCES;
    return {};
}

} // namespace

Result<void> DriveInode::check_new_name(std::string_view name, HostSpelling& out) const {
    TRY(to_host_name(name, m_drive->options.escape_names, out));
    return is_windows_name(out.view()) ? Result<void>() : Result<void>(Errno::EINVAL);
}

Result<RefPtr<Inode>> DriveInode::finish_creation(host::Handle directory, const HostSpelling& spelling,
                                                  host::Handle made, u32 new_mode, u32 new_uid, u32 new_gid,
                                                  u64 new_device) {
    const Result<void> stored = [&]() -> Result<void> {
        TRY(store_metadata(made, new_mode, new_uid, new_gid, new_device));
        return abi::S_ISDIR(new_mode) ? inherit_case_rule(made) : Result<void>();
    }();
    const Result<host::FileInfo> info = host::file_info(made);
    host::close(made);
    if (stored.is_error() || info.is_error()) {
        if (abi::S_ISDIR(new_mode))
            (void)host::remove_directory_at(directory, spelling.view());
        else
            (void)host::unlink_at(directory, spelling.view());
        return stored.is_error() ? stored.error() : info.error();
    }
    note_new_name(directory, spelling.view());
    return RefPtr<Inode>(TRY(m_drive->inode_of(this, spelling.view(), info.value(), directory, true)));
}

Result<RefPtr<Inode>> DriveInode::create(std::string_view name, u32 new_mode, u32 new_uid, u32 new_gid,
                                         u64 new_device) {
    HostSpelling spelling;
    TRY(check_new_name(name, spelling));
    const DriveOptions& options = m_drive->options;
    const bool is_directory = abi::S_ISDIR(new_mode);
    if (!is_directory && !abi::S_ISREG(new_mode) && !options.metadata)
        return Errno::EPERM; // nowhere to keep what it is
    HandlePin directory = TRY(pin(false));
    // What the host's user may do shows as the mode; with metadata the host's own bits follow the mode as far as that user
    // can still work with the file.
    u32 permissions = options.metadata ? (new_mode & 0777) | 0600 : 0444 | ((new_mode & 0222) ? 0200 : 0);
    if (is_directory)
        permissions = options.metadata ? (new_mode & 0777) | 0700 : (new_mode & 0222) ? 0755 : 0555;
    else if (!options.metadata && (new_mode & 0111))
        permissions |= 0111;
    host::Handle made;
    if (is_directory) {
        TRY(host::make_directory_at(directory.handle(), spelling.view(), permissions));
        Result<host::Handle> opened =
            host::open_at(directory.handle(), spelling.view(), host::kOpenRead | host::kOpenDirectory, 0);
        if (opened.is_error()) {
            (void)host::remove_directory_at(directory.handle(), spelling.view());
            return opened.error();
        }
        made = opened.value();
    } else {
        made = TRY(host::open_at(directory.handle(), spelling.view(),
                                 host::kOpenRead | host::kOpenWrite | host::kOpenCreate | host::kOpenExclusive,
                                 permissions));
    }
    return finish_creation(directory.handle(), spelling, made, new_mode, new_uid, new_gid, new_device);
}

Result<RefPtr<Inode>> DriveInode::make_symlink(std::string_view name, std::string_view target, u32 new_uid,
                                               u32 new_gid) {
    HostSpelling spelling;
    TRY(check_new_name(name, spelling));
    HandlePin directory = TRY(pin(false));
    switch (m_drive->options.symlinks) {
    case DriveOptions::Symlinks::Off: return Errno::EPERM;
    case DriveOptions::Symlinks::Native: {
        TRY(host::make_symlink_at(directory.handle(), spelling.view(), target));
        note_new_name(directory.handle(), spelling.view());
        const host::FileInfo info = TRY(host::file_info_at(directory.handle(), spelling.view()));
        return RefPtr<Inode>(TRY(m_drive->inode_of(this, spelling.view(), info, directory.handle(), true)));
    }
    case DriveOptions::Symlinks::Lx: break;
    }
    const host::Handle made =
        TRY(host::open_at(directory.handle(), spelling.view(),
                          host::kOpenRead | host::kOpenWrite | host::kOpenCreate | host::kOpenExclusive, 0644));
    const abi::iovec vector{reinterpret_cast<u64>(target.data()), target.size()};
    const Result<usize> written = host::write_at(made, &vector, 1, 0);
    if (written.is_error() || written.value() != target.size()) {
        host::close(made);
        (void)host::unlink_at(directory.handle(), spelling.view());
        return written.is_error() ? written.error() : Errno::ENOSPC;
    }
    return finish_creation(directory.handle(), spelling, made, abi::S_IFLNK | 0777, new_uid, new_gid, 0);
}

Result<RefPtr<Inode>> DriveInode::create_anonymous(u32, u32, u32) { return Errno::EOPNOTSUPP; } // Windows has none

Result<void> DriveInode::link(std::string_view name, Inode& target) {
    HostSpelling spelling;
    TRY(check_new_name(name, spelling));
    auto& file = static_cast<DriveInode&>(target);
    DriveSuperBlock::Location location;
    m_drive->location_of(file, location);
    if (!location.parent)
        return Errno::EPERM;
    HandlePin from = TRY(location.parent->pin(false));
    HandlePin directory = TRY(pin(false));
    TRY(host::link_at(from.handle(), location.name.view(), directory.handle(), spelling.view()));
    note_new_name(directory.handle(), spelling.view());
    return file.refresh();
}

Result<void> DriveInode::unlink(std::string_view name, Inode& target) {
    auto& file = static_cast<DriveInode&>(target);
    TRY(check_not_open(&file));
    HandlePin directory = TRY(pin(false));
    HostSpelling spelling;
    TRY(spelling_of(file, directory.handle(), name, spelling));
    TRY(host::unlink_at(directory.handle(), spelling.view()));
    MaybeLockGuard guard(file.lock);
    file.links = file.links > 0 ? file.links - 1 : 0;
    if (file.links == 0)
        m_drive->forget(file); // the host may give its number to another file
    return {};
}

Result<void> DriveInode::remove_directory(std::string_view name, Inode& target) {
    auto& removed = static_cast<DriveInode&>(target);
    HandlePin directory = TRY(pin(false));
    HostSpelling spelling;
    TRY(spelling_of(removed, directory.handle(), name, spelling));
    removed.close_idle_handles();
    TRY(host::remove_directory_at(directory.handle(), spelling.view()));
    MaybeLockGuard guard(removed.lock);
    removed.links = 0;
    m_drive->forget(removed);
    return {};
}

Result<void> DriveInode::rename(std::string_view old_name, Inode& target_old, Inode& new_parent,
                                std::string_view new_name, Inode* target_new, u32 flags,
                                const Whiteout* whiteout) {
    if (whiteout)
        return Errno::EINVAL;
    auto& to = static_cast<DriveInode&>(new_parent);
    auto& moved = static_cast<DriveInode&>(target_old);
    auto* replaced = static_cast<DriveInode*>(target_new);
    TRY(check_not_open(&moved));
    TRY(check_not_open(replaced));
    HostSpelling wanted, existing, from;
    const bool exchanges = (flags & abi::RENAME_EXCHANGE) != 0;
    if (!exchanges)
        TRY(to.check_new_name(new_name, wanted));
    HandlePin from_directory = TRY(pin(false));
    HandlePin to_directory = TRY(to.pin(false));
    TRY(spelling_of(moved, from_directory.handle(), old_name, from));
    // The other spelling of what is replaced goes with it, by a second step: the first does all that must not be seen half
    // done.
    bool respell = false;
    if (replaced) {
        TRY(to.spelling_of(*replaced, to_directory.handle(), new_name, existing));
        respell = !exchanges && existing.view() != wanted.view();
    } else {
        existing.assign(wanted.view());
    }
    moved.close_idle_handles();
    if (replaced)
        replaced->close_idle_handles();
    TRY(host::rename_at(from_directory.handle(), from.view(), to_directory.handle(), existing.view(), flags));
    if (respell)
        (void)host::rename_at(to_directory.handle(), existing.view(), to_directory.handle(), wanted.view(),
                              abi::RENAME_NOREPLACE);
    m_drive->set_location(moved, &to, respell ? wanted.view() : existing.view());
    if (exchanges && replaced) {
        m_drive->set_location(*replaced, this, from.view());
    } else if (replaced) {
        MaybeLockGuard guard(replaced->lock);
        replaced->links = replaced->is_directory() || replaced->links == 0 ? 0 : replaced->links - 1;
        if (replaced->links == 0)
            m_drive->forget(*replaced);
    }
    to.note_new_name(to_directory.handle(), wanted.length ? wanted.view() : existing.view());
    return {};
}

} // namespace lxcore
