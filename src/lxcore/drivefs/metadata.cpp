// Linux attributes of DriveFs files, in WSL's attributes $LXUID, $LXGID, $LXMOD and $LXDEV; extended attributes.
#include "lxcore/drivefs/drive_inode.hpp"
#include "lxcore/drivefs/upcase.hpp"

namespace lxcore {

namespace {

// On hosts of Linux, WSL's names stand in the namespace of users.
constexpr char kUid[] = "user.$LXUID", kGid[] = "user.$LXGID", kMode[] = "user.$LXMOD", kDevice[] = "user.$LXDEV";
constexpr char kCaseSensitive[] = "user.$LXCASE"; // our own: NTFS has a flag of the directory for it

struct DeviceNumber { // the value of $LXDEV
    u32 major, minor;
};

bool is_ours(std::string_view host_name) { return host_name.starts_with("user.$LX"); }

} // namespace

void DriveInode::load_metadata(host::Handle directory, std::string_view name) {
    const DriveOptions& options = m_drive->options;
    if (is_native_symlink() || directory == host::kNoHandle)
        return;
    const auto read = [&](const char* attribute, auto& value) {
        const Result<usize> got = name.empty() ? host::get_attribute(directory, attribute, &value, sizeof(value))
                                               : host::get_attribute_at(directory, name, attribute, &value, sizeof(value));
        return got.is_ok() && got.value() == sizeof(value);
    };
    if (is_directory() && options.case_rule == DriveOptions::Case::Directory) {
        u8 flag = 0;
        m_is_case_sensitive = read(kCaseSensitive, flag) && flag == '1';
    }
    if (!options.metadata && options.symlinks != DriveOptions::Symlinks::Lx)
        return;
    u32 value = 0;
    if (read(kMode, value)) {
        // The host decides what is a directory; the other types are carried by regular files.
        const u32 type = value & abi::S_IFMT;
        const bool is_carried = is_regular() && type != abi::S_IFDIR && type != 0;
        if (options.metadata)
            mode = (is_carried ? type : mode & abi::S_IFMT) | (value & 07777);
        else if (is_carried && type == abi::S_IFLNK)
            mode = abi::S_IFLNK | 0777;
    }
    if (!options.metadata)
        return;
    if (read(kUid, value))
        uid = value;
    if (read(kGid, value))
        gid = value;
    DeviceNumber number_of_device{};
    if ((is_character_device() || is_block_device()) && read(kDevice, number_of_device))
        device = abi::makedev(number_of_device.major, number_of_device.minor);
}

u32 DriveInode::carried_type(host::Handle directory, std::string_view name) const {
    const DriveOptions& options = m_drive->options;
    u32 value = 0;
    if (!options.metadata && options.symlinks != DriveOptions::Symlinks::Lx)
        return 0;
    const Result<usize> got = host::get_attribute_at(directory, name, kMode, &value, sizeof(value));
    if (got.is_error() || got.value() != sizeof(value) || abi::S_ISDIR(value) || abi::S_ISREG(value))
        return 0;
    return options.metadata || abi::S_ISLNK(value) ? value & abi::S_IFMT : 0;
}

Result<void> DriveInode::store_metadata(host::Handle handle, u32 new_mode, u32 new_uid, u32 new_gid, u64 new_device) {
    const DriveOptions& options = m_drive->options;
    if (!options.metadata && (new_mode & abi::S_IFMT) != abi::S_IFLNK)
        return {};
    TRY(host::set_attribute(handle, kMode, &new_mode, sizeof(new_mode), 0));
    if (!options.metadata)
        return {};
    TRY(host::set_attribute(handle, kUid, &new_uid, sizeof(new_uid), 0));
    TRY(host::set_attribute(handle, kGid, &new_gid, sizeof(new_gid), 0));
    if (abi::S_ISCHR(new_mode) || abi::S_ISBLK(new_mode)) {
        const DeviceNumber value{abi::major(new_device), abi::minor(new_device)};
        TRY(host::set_attribute(handle, kDevice, &value, sizeof(value), 0));
    }
    return {};
}

namespace {

// The host's permissions for a change of the mode without metadata: what the host's user may do is all that shows, and
// reading is never taken away.
u32 host_permissions_after(u32 before, u32 wanted, bool is_directory) {
    if (is_directory)
        return (wanted & 0200) ? before | 0700 : (before & ~0222u) | 0500;
    u32 after = before | 0400;
    after = (wanted & 0200) ? after | 0200 : after & ~0222u;
    return (wanted & 0100) ? after | (after >> 2 & 0111) : after & ~0111u;
}

} // namespace

Result<void> DriveInode::set_attributes(const AttributeChange& change) {
    // The host keeps its own account of accesses.
    if (change.valid == kChangeAccessed)
        return {};
    const DriveOptions& options = m_drive->options;
    if (change.valid & kChangeSize) {
        HandlePin pinned = TRY(pin(true));
        TRY(host::truncate(pinned.handle(), change.size));
    }
    // Without metadata there is no place for an owner: as on WSL, chown(2) succeeds and changes nothing.
    // Nor is there one in a symbolic link of the host.
    const bool changes_owner = options.metadata && (change.valid & (kChangeUid | kChangeGid));
    if (!is_native_symlink() && ((change.valid & kChangeMode) || changes_owner)) {
        HandlePin pinned = TRY(pin(false));
        const u32 new_mode =
            (mode & abi::S_IFMT) | ((change.valid & kChangeMode) ? change.mode & 07777 : mode & 07777);
        if (options.metadata)
            TRY(store_metadata(pinned.handle(), new_mode, (change.valid & kChangeUid) ? change.uid : uid,
                               (change.valid & kChangeGid) ? change.gid : gid, device));
        const u32 host_mode = host_permissions_after(m_host_permissions, new_mode, is_directory());
        if ((change.valid & kChangeMode) && host_mode != m_host_permissions)
            TRY(host::set_permissions(pinned.handle(), host_mode));
        m_metadata_as_of = {};
    }
    const bool host_sets_modified = (change.valid & kChangeSize) != 0;
    if ((change.valid & kChangeAccessed) || ((change.valid & kChangeModified) && !host_sets_modified)) {
        const abi::timespec* new_accessed = (change.valid & kChangeAccessed) ? &change.accessed : nullptr;
        const abi::timespec* new_modified = (change.valid & kChangeModified) ? &change.modified : nullptr;
        DriveSuperBlock::Location location;
        m_drive->location_of(*this, location);
        if (!is_native_symlink()) {
            HandlePin pinned = TRY(pin(false));
            TRY(host::set_times(pinned.handle(), new_accessed, new_modified));
        } else if (location.parent) {
            HandlePin directory = TRY(location.parent->pin(false));
            TRY(host::set_times_at(directory.handle(), location.name.view(), new_accessed, new_modified));
        }
    }
    return refresh();
}

// ---- extended attributes: those of users are the host's

Result<usize> DriveInode::get_xattr(std::string_view name, void* value, usize capacity) {
    if (name == DriveSuperBlock::kCaseAttribute) {
        if (!is_directory())
            return Errno::ENODATA;
        if (capacity != 0)
            *static_cast<char*>(value) = ignores_case() ? '0' : '1';
        return usize{1};
    }
    if (!name.starts_with("user.") || is_ours(name))
        return Errno::EOPNOTSUPP;
    const String text = TRY(String::create(name));
    HandlePin pinned = TRY(pin(false));
    return host::get_attribute(pinned.handle(), text.c_str(), value, capacity);
}

Result<void> DriveInode::set_xattr(std::string_view name, const void* value, usize length, i32 flags) {
    if (name == DriveSuperBlock::kCaseAttribute) {
        if (!is_directory() || m_drive->options.case_rule != DriveOptions::Case::Directory)
            return Errno::EOPNOTSUPP;
        const char* text = static_cast<const char*>(value);
        if (length == 0 || length > 2 || (text[0] != '0' && text[0] != '1'))
            return Errno::EINVAL;
        HandlePin pinned = TRY(pin(false));
        if (text[0] == '0') {
            // Not while it has names that would become one.
            if (TRY(has_two_spellings(pinned.handle())))
                return Errno::ENOTEMPTY;
        }
        TRY(host::set_attribute(pinned.handle(), kCaseSensitive, text, 1, 0));
        m_is_case_sensitive = text[0] == '1';
        return {};
    }
    if (!name.starts_with("user.") || is_ours(name))
        return Errno::EOPNOTSUPP;
    const String text = TRY(String::create(name));
    HandlePin pinned = TRY(pin(false));
    return host::set_attribute(pinned.handle(), text.c_str(), value, length, flags);
}

Result<usize> DriveInode::list_xattrs(char* list, usize capacity) {
    if (is_native_symlink())
        return usize{0};
    PageBuffer buffer(abi::XATTR_LIST_MAX / base::kPageSize);
    if (!buffer)
        return Errno::ENOMEM;
    HandlePin pinned = TRY(pin(false));
    const Result<usize> listed = host::list_attributes(pinned.handle(), buffer.data(), buffer.size());
    if (listed.is_error())
        return listed.error() == Errno::EOPNOTSUPP ? Result<usize>(usize{0}) : listed;
    usize length = 0;
    for (usize at = 0; at < listed.value();) {
        const std::string_view name(buffer.data() + at);
        at += name.size() + 1;
        if (!name.starts_with("user.") || is_ours(name))
            continue;
        if (capacity != 0) {
            if (length + name.size() + 1 > capacity)
                return Errno::ERANGE;
            __builtin_memcpy(list + length, name.data(), name.size() + 1);
        }
        length += name.size() + 1;
    }
    return length;
}

Result<void> DriveInode::remove_xattr(std::string_view name) {
    if (!name.starts_with("user.") || is_ours(name))
        return Errno::EOPNOTSUPP;
    const String text = TRY(String::create(name));
    HandlePin pinned = TRY(pin(false));
    return host::remove_attribute(pinned.handle(), text.c_str());
}

Result<bool> DriveInode::has_two_spellings(host::Handle directory) {
    RefPtr<DriveNames> all = TRY(names(directory));
    const usize count = all->entries.size();
    usize buckets = 16;
    while (buckets < count)
        buckets *= 2;
    Vector<u32> first, next; // index + 1 of an entry, 0 at the end of a chain
    TRY(first.resize(buckets));
    TRY(next.resize(count));
    const auto name_of = [&](usize index) { return all->listing->at(all->entries[index].offset)->view(); };
    for (usize i = 0; i < count; ++i) {
        u32& head = first[all->entries[i].hash & (buckets - 1)];
        for (u32 at = head; at != 0; at = next[at - 1])
            if (equal_ignoring_case(name_of(at - 1), name_of(i)))
                return true;
        next[i] = head;
        head = static_cast<u32>(i + 1);
    }
    return false;
}

// The flag of a new directory in one that has it.
Result<void> DriveInode::inherit_case_rule(host::Handle handle) const {
    if (!m_is_case_sensitive || m_drive->options.case_rule != DriveOptions::Case::Directory)
        return {};
    return host::set_attribute(handle, kCaseSensitive, "1", 1, 0);
}

} // namespace lxcore
