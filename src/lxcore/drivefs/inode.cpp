// DriveFs inodes: looking names up, handles, attributes as the host has them now.
//
// Nothing that the host says is believed for longer than the call that asked: names and attributes are asked for each
// time, and a file is opened by its parent and name and then verified to be the one meant.
#include "lxcore/drivefs/drive_inode.hpp"
#include "lxcore/drivefs/drive_state.hpp"
#include "lxcore/drivefs/upcase.hpp"

namespace lxcore {

namespace {

// How long a change may hide behind a time that a directory has had already: the clock of a host's file system may tick
// as seldom as that.
constexpr i64 kClockTickNs = 50'000'000;
// How long names that were found, or noted, within such a tick are believed.
constexpr u64 kUncertainNs = 1'000'000'000;

bool same_time(const abi::timespec& left, const abi::timespec& right) {
    return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

bool is_settled(const abi::timespec& time) {
    abi::timespec now{};
    if (auto read = host::clock_time(abi::CLOCK_REALTIME); read.is_ok())
        now = read.value();
    return (now.tv_sec - time.tv_sec) * abi::NSEC_PER_SEC + now.tv_nsec - time.tv_nsec > kClockTickNs;
}

} // namespace

DriveInode::DriveInode(DriveSuperBlock& drive) : m_drive(&drive) { super_block = RefPtr<SuperBlock>(&drive); }

void DriveInode::destroy() {
    unwatch_host();
    m_drive->forget(*this);
    m_drive->handles_closing(*this);
    delete this;
}

// ---- handles

HandlePin DriveInode::install(HandleSlot& slot, host::Handle handle) {
    for (;;) {
        if (slot.install(handle)) {
            HandlePin pinned(slot, handle);
            m_drive->handle_opened(*this);
            return pinned;
        }
        const host::Handle other = slot.try_pin();
        if (other == host::kNoHandle)
            continue; // closed in the meantime
        host::close(handle);
        return HandlePin(slot, other);
    }
}

Result<HandlePin> DriveInode::pin(bool writable) {
    m_is_recently_used.store(true, std::memory_order_relaxed);
    if (!writable)
        if (const host::Handle handle = m_read_slot.try_pin(); handle != host::kNoHandle)
            return HandlePin(m_read_slot, handle);
    if (const host::Handle handle = m_write_slot.try_pin(); handle != host::kNoHandle)
        return HandlePin(m_write_slot, handle);
    if (is_native_symlink())
        return Errno::ELOOP;
    if (is_directory())
        return open_in_place(m_read_slot, host::kOpenRead | host::kOpenDirectory);
    if (!writable)
        return open_in_place(m_read_slot, host::kOpenRead);
    Result<HandlePin> opened = open_in_place(m_write_slot, host::kOpenRead | host::kOpenWrite);
    // The host's user may write it without reading it.
    return opened.is_error() && opened.error() == Errno::EACCES ? open_in_place(m_write_slot, host::kOpenWrite)
                                                                : std::move(opened);
}

Result<HandlePin> DriveInode::open_in_place(HandleSlot& slot, u32 mode) {
    // Opens the nearest place on the way down that has no handle yet, until that is this inode itself.
    DriveSuperBlock::Location location;
    for (;;) {
        RefPtr<DriveInode> node(this);
        HandlePin directory;
        for (;;) {
            m_drive->location_of(*node, location);
            if (!location.parent)
                break;
            const host::Handle handle = location.parent->m_read_slot.try_pin();
            if (handle != host::kNoHandle) {
                directory = HandlePin(location.parent->m_read_slot, handle);
                break;
            }
            node = location.parent;
        }
        const bool is_this = node.get() == this;
        const host::Handle opened =
            TRY(host::open_at(location.parent ? directory.handle() : m_drive->m_root,
                              location.parent ? location.name.view() : std::string_view(),
                              is_this ? mode : u32{host::kOpenRead | host::kOpenDirectory}, 0));
        const Result<host::FileInfo> info = host::file_info(opened);
        if (info.is_error() || info.value().inode != node->number || info.value().device != node->m_host_device ||
            info.value().type != node->m_host_type) {
            host::close(opened);
            return info.is_error() ? info.error() : Errno::ESTALE; // another file has its place now
        }
        HandlePin pinned = node->install(is_this ? slot : node->m_read_slot, opened);
        if (!is_this)
            continue;
        if (!is_directory()) {
            MaybeLockGuard guard(lock);
            take_info(info.value(), pinned.handle(), {});
            note_told();
        }
        return pinned;
    }
}

void DriveInode::file_closed() {
    if (open_files.fetch_sub(1, std::memory_order_acq_rel) != 1 || is_directory())
        return;
    close_idle_handles(); // the host's programs must be able to remove the file
}

void DriveInode::close_idle_handles() {
    for (HandleSlot* slot : {&m_read_slot, &m_write_slot}) {
        const host::Handle handle = slot->take_idle();
        if (handle != host::kNoHandle)
            host::close(handle);
    }
}

// ---- names

bool DriveInode::ignores_case() const {
    switch (m_drive->options.case_rule) {
    case DriveOptions::Case::Off: return true;
    case DriveOptions::Case::Force: return false;
    case DriveOptions::Case::Directory: break;
    }
    return !m_is_case_sensitive;
}

bool DriveInode::is_other_spelling(std::string_view left, std::string_view right) const {
    return ignores_case() && left != right && equal_ignoring_case(left, right);
}

Result<RefPtr<DriveNames>> DriveInode::names(host::Handle directory) {
    const host::FileInfo info = TRY(host::file_info(directory));
    if (m_names && same_time(info.modified, m_names->modified) && same_time(info.changed, m_names->changed) &&
        (m_names->is_certain || host::monotonic_ns() - m_names->taken_ns < kUncertainNs))
        return m_names;
    RefPtr<DriveNames> fresh = TRY(make_ref<DriveNames>());
    fresh->modified = info.modified;
    fresh->changed = info.changed;
    fresh->taken_ns = host::monotonic_ns();
    fresh->is_certain = is_settled(info.modified) && is_settled(info.changed);
    fresh->listing = TRY(listing());
    Vector<char>& records = fresh->listing->records;
    for (usize at = 0; at < records.size(); at += DirectoryListing::bytes(fresh->listing->at(at)->length))
        TRY(fresh->entries.push_back({hash_ignoring_case(fresh->listing->at(at)->view()), static_cast<u32>(at)}));
    m_names = fresh;
    return fresh;
}

Result<host::FileInfo> DriveInode::find_other_spelling(host::Handle directory, std::string_view host_name,
                                                       HostSpelling& out) {
    MaybeLockGuard guard(lock);
    RefPtr<DriveNames> known = TRY(names(directory));
    DriveNames& all = *known;
    // The listing is in the guest's spelling, and so is what is compared.
    HostSpelling wanted;
    to_guest_name(host_name, m_drive->options.escape_names, wanted);
    const u32 hash = hash_ignoring_case(wanted.view());
    for (const DriveNames::Entry& entry : all.entries) {
        if (entry.hash != hash)
            continue;
        const std::string_view name = all.listing->at(entry.offset)->view();
        if (!equal_ignoring_case(name, wanted.view()))
            continue;
        TRY(to_host_name(name, m_drive->options.escape_names, out));
        // A spelling that was noted may be gone, and another have taken its place.
        const Result<host::FileInfo> info = host::file_info_at(directory, out.view());
        if (info.is_ok() || info.error() != Errno::ENOENT)
            return info;
    }
    return Errno::ENOENT;
}

void DriveInode::note_new_name(host::Handle directory, std::string_view host_name) {
    MaybeLockGuard guard(lock);
    if (!m_names)
        return;
    HostSpelling name;
    to_guest_name(host_name, m_drive->options.escape_names, name);
    const Result<host::FileInfo> info = host::file_info(directory);
    const u32 offset = static_cast<u32>(m_names->listing->records.size());
    if (info.is_error() || m_names->listing->add(0, abi::DT_UNKNOWN, name.view()).is_error() ||
        m_names->entries.push_back({hash_ignoring_case(name.view()), offset}).is_error()) {
        m_names.reset();
        return;
    }
    // What the host has added beside it goes unnoticed for as long as names are believed that are not certain.
    m_names->modified = info.value().modified;
    m_names->changed = info.value().changed;
    m_names->is_certain = false;
}

Result<host::FileInfo> DriveInode::find(host::Handle directory, std::string_view name, HostSpelling& spelling) {
    TRY(to_host_name(name, m_drive->options.escape_names, spelling));
    const Result<host::FileInfo> found = host::file_info_at(directory, spelling.view());
    if (found.is_ok() || found.error() != Errno::ENOENT)
        return found;
    if (m_drive->options.escape_names && spelling.view() != name) {
        // A host that takes such names may have one as it is.
        const Result<host::FileInfo> plain = host::file_info_at(directory, name);
        if (plain.is_ok()) {
            spelling.assign(name);
            return plain;
        }
    }
    if (!ignores_case())
        return Errno::ENOENT;
    HostSpelling other;
    const host::FileInfo info = TRY(find_other_spelling(directory, spelling.view(), other));
    spelling.assign(other.view());
    return info;
}

Result<RefPtr<Inode>> DriveInode::lookup(std::string_view name) {
    HandlePin directory = TRY(pin(false));
    HostSpelling spelling;
    const host::FileInfo info = TRY(find(directory.handle(), name, spelling));
    RefPtr<DriveInode> inode = TRY(m_drive->inode_of(this, spelling.view(), info, directory.handle()));
    // A working directory stays one when the host moves it: by its handle, as long as there is room for that.
    if (inode->is_directory())
        (void)inode->pin(false);
    inode->note_told();
    return RefPtr<Inode>(std::move(inode));
}

bool DriveInode::opening_verifies(const Inode& child, std::string_view name) const {
    const auto& file = static_cast<const DriveInode&>(child);
    HostSpelling spelling;
    if (!file.is_regular() || file.m_host_type != host::FileType::Regular || file.m_read_slot.is_open() ||
        file.m_write_slot.is_open() || to_host_name(name, m_drive->options.escape_names, spelling).is_error())
        return false;
    LockGuard guard(m_drive->m_location_lock);
    return file.m_parent.get() == this && file.m_name.view() == spelling.view();
}

void DriveInode::note_told() {
    const host::ThreadBlock* thread = host::current_block();
    m_told_calls.store(thread->host_file_calls, std::memory_order_relaxed);
    m_told.store(thread, std::memory_order_relaxed);
}

bool DriveInode::was_told_last() const {
    const host::ThreadBlock* thread = host::current_block();
    return m_told.load(std::memory_order_relaxed) == thread &&
           m_told_calls.load(std::memory_order_relaxed) == thread->host_file_calls;
}

Result<void> DriveInode::spelling_of(DriveInode& file, host::Handle directory, std::string_view name, HostSpelling& out) {
    DriveSuperBlock::Location location;
    m_drive->location_of(file, location);
    if (location.parent.get() == this) {
        HostSpelling guest_name;
        to_guest_name(location.name.view(), m_drive->options.escape_names, guest_name);
        if (guest_name.view() == name || is_other_spelling(guest_name.view(), name)) {
            out.assign(location.name.view());
            return {};
        }
    }
    TRY(find(directory, name, out));
    return {};
}

// ---- attributes

u32 DriveInode::default_mode(const host::FileInfo& info) const {
    const DriveOptions& options = m_drive->options;
    if (info.type == host::FileType::Directory)
        return abi::S_IFDIR | (host::user_rights(info) * 0111 & ~(options.umask | options.dmask));
    u32 type = abi::S_IFREG;
    switch (info.type) {
    case host::FileType::Symlink: return abi::S_IFLNK | 0777;
    case host::FileType::CharacterDevice: type = abi::S_IFCHR; break;
    case host::FileType::BlockDevice: type = abi::S_IFBLK; break;
    case host::FileType::Fifo: type = abi::S_IFIFO; break;
    case host::FileType::Socket: type = abi::S_IFSOCK; break;
    default: break;
    }
    return type | (host::user_rights(info) * 0111 & ~(options.umask | options.fmask));
}

void DriveInode::take_info(const host::FileInfo& info, host::Handle directory, std::string_view name) {
    const bool is_known = same_time(info.changed, m_metadata_as_of) && is_settled(info.changed);
    size = info.size;
    blocks = info.blocks;
    block_size = info.block_size;
    links = info.links;
    accessed = info.accessed;
    modified = info.modified;
    changed = info.changed;
    m_host_permissions = info.permissions;
    if (is_known)
        return;
    mode = default_mode(info);
    uid = m_drive->options.uid;
    gid = m_drive->options.gid;
    device = abi::makedev(info.device_major, info.device_minor);
    load_metadata(directory, name);
    m_metadata_as_of = info.changed;
}

Result<void> DriveInode::refresh() {
    MaybeLockGuard guard(lock);
    DriveSuperBlock::Location location;
    m_drive->location_of(*this, location);
    host::Handle open = m_write_slot.try_pin();
    HandlePin pinned = open != host::kNoHandle ? HandlePin(m_write_slot, open) : HandlePin();
    if (!pinned && (open = m_read_slot.try_pin()) != host::kNoHandle)
        pinned = HandlePin(m_read_slot, open);
    Result<HandlePin> directory =
        location.parent && !pinned ? location.parent->pin(false) : Result<HandlePin>(HandlePin());
    const auto look = [&]() -> Result<host::FileInfo> {
        if (pinned)
            return host::file_info(pinned.handle());
        if (!location.parent)
            return host::file_info(m_drive->m_root);
        if (directory.is_error())
            return directory.error();
        const host::FileInfo info = TRY(host::file_info_at(directory.value().handle(), location.name.view()));
        return info.inode == number && info.device == m_host_device ? Result<host::FileInfo>(info)
                                                                     : Result<host::FileInfo>(Errno::ESTALE);
    };
    const Result<host::FileInfo> info = look();
    if (info.is_ok()) {
        if (pinned)
            take_info(info.value(), pinned.handle(), {});
        else if (!location.parent)
            take_info(info.value(), m_drive->m_root, {});
        else
            take_info(info.value(), directory.value().handle(), location.name.view());
        return {};
    }
    if (info.error() != Errno::ENOENT && info.error() != Errno::ESTALE && info.error() != Errno::ENOTDIR)
        return info.error();
    links = 0; // the host has removed it, or moved it where we have not seen it
    return {};
}

} // namespace lxcore
