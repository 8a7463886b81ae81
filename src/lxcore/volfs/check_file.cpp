// The check of one file: its host file, LXATTRB, LXXATTR.
#include "lxcore/volfs/checker.hpp"
#include "lxcore/volfs/xattr_list.hpp"

namespace lxcore {

namespace {

constexpr u32 host_type_bits(host::FileType type) {
    switch (type) {
    case host::FileType::Directory:
        return abi::S_IFDIR;
    case host::FileType::Symlink:
        return abi::S_IFLNK;
    case host::FileType::CharacterDevice:
        return abi::S_IFCHR;
    case host::FileType::BlockDevice:
        return abi::S_IFBLK;
    case host::FileType::Fifo:
        return abi::S_IFIFO;
    case host::FileType::Socket:
        return abi::S_IFSOCK;
    default:
        return abi::S_IFREG;
    }
}

constexpr bool is_type(u32 mode) {
    switch (mode & abi::S_IFMT) {
    case abi::S_IFREG:
    case abi::S_IFDIR:
    case abi::S_IFLNK:
    case abi::S_IFCHR:
    case abi::S_IFBLK:
    case abi::S_IFIFO:
    case abi::S_IFSOCK:
        return true;
    default:
        return false;
    }
}

// How an earlier version kept Linux attributes: one of the host's for each.
constexpr std::string_view kOldXattrPrefix = "user.lx.";
// Where a malformed LXATTRB is kept when it has been repaired.
constexpr char kBrokenName[] = "user.lxattrb.broken";
// LXATTRB flags of an earlier version, on directories.
constexpr u16 kOldHasSpecials = 0x8000;

Result<bool> is_link_target(host::Handle file, u64 size) {
    if (size == 0 || size >= 4096)
        return false;
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    const abi::iovec vector{reinterpret_cast<u64>(page.data()), page.size()};
    const usize length = TRY(host::read_at(file, &vector, 1, 0));
    return length == size && std::string_view(page.data(), length).find('\0') == std::string_view::npos;
}

} // namespace

// Opens a file or directory; EALREADY when that cannot be and has been reported.
Result<host::Handle> Checker::open_entry(host::Handle folder, std::string_view name,
                                         const host::FileInfo& info) {
    const bool is_directory = info.type == host::FileType::Directory;
    const u32 mode = is_directory ? host::kOpenRead | host::kOpenDirectory : u32{host::kOpenRead};
    Result<host::Handle> opened = host::open_at(folder, name, mode, 0);
    if (opened.is_ok() || opened.error() != Errno::EACCES)
        return opened;
    host::Handle handle = host::kNoHandle;
    problem("the host user may not open it", [&]() -> Result<void> {
        const u32 least = is_directory ? 0700 : 0600;
        TRY(host::set_permissions_at(folder, name, info.permissions | least));
        handle = TRY(host::open_at(folder, name, mode, 0));
        // What it forbade is kept where Linux looks, unless that is there already.
        abi::lxattrb stored;
        if (m_attributes.get(handle, info.inode, kLxattrbName, &stored, sizeof(stored)).is_error())
            return store(handle, info.inode, {host_type_bits(info.type) | (info.permissions & 07777), 0, 0, 0});
        return {};
    });
    if (handle == host::kNoHandle)
        return Errno::EALREADY;
    return handle;
}

Result<void> Checker::store(host::Handle file, u64 number, const VolfsMetadata& metadata) {
    if (!wants_lxattrb(metadata))
        return m_attributes.remove(file, number, kLxattrbName);
    const abi::lxattrb stored = encode_lxattrb(metadata);
    return m_attributes.set(file, number, kLxattrbName, &stored, sizeof(stored));
}

Result<Checker::Seen> Checker::check_attributes(host::Handle file, host::FileInfo& info) {
    Seen seen;
    seen.mode = host_type_bits(info.type) | (info.permissions & 07777);
    bool has_lxxattr = false;
    u32 old_count = 0;
    PageBuffer names(abi::XATTR_LIST_MAX / base::kPageSize);
    if (!names)
        return Errno::ENOMEM;
    const usize length = TRY(m_attributes.list(file, info.inode, names.data(), names.size()));
    for (usize at = 0; at < length;) {
        const std::string_view name(names.data() + at);
        at += name.size() + 1;
        if (name == kLxattrbName)
            seen.has_lxattrb = true;
        else if (name == kLxxattrName)
            has_lxxattr = true;
        else if (name == kSpecialsName)
            seen.is_marked = true;
        else if (name.starts_with(kOldXattrPrefix))
            ++old_count;
    }
    if (seen.has_lxattrb)
        TRY(check_lxattrb(file, info, seen));
    if (has_lxxattr)
        TRY(check_lxxattr(file, info.inode));
    if (old_count != 0)
        problem("has Linux attributes in the form of an earlier version", [&]() -> Result<void> {
            PageBuffer list(16), changed(16), value(16);
            if (!list || !changed || !value)
                return Errno::ENOMEM;
            Result<usize> got = m_attributes.get(file, info.inode, kLxxattrName, list.data(), list.size());
            usize list_length = got.is_ok() ? got.value() : 0;
            for (usize at = 0; at < length;) {
                const char* name = names.data() + at;
                const std::string_view view(name);
                at += view.size() + 1;
                if (!view.starts_with(kOldXattrPrefix))
                    continue;
                const usize value_length = TRY(m_attributes.get(file, info.inode, name, value.data(), value.size()));
                const std::string_view text(value.data(), value_length);
                list_length =
                    TRY(change_xattr_list({list.data(), list_length}, view.substr(kOldXattrPrefix.size()),
                                          &text, changed.data(), abi::XATTR_SIZE_MAX));
                __builtin_memcpy(list.data(), changed.data(), list_length);
                // One after the other, the new form first: both may not have room at once.
                Result<void> set = m_attributes.set(file, info.inode, kLxxattrName, list.data(), list_length);
                if (set.is_error())
                    return set;
                TRY(m_attributes.remove(file, info.inode, name));
            }
            return {};
        });
    TRY(check_permissions(file, info, seen));
    return seen;
}

Result<void> Checker::check_lxattrb(host::Handle file, const host::FileInfo& info, Seen& seen) {
    const u32 host_mode = host_type_bits(info.type) | (info.permissions & 07777);
    abi::lxattrb stored{};
    Result<usize> got = m_attributes.get(file, info.inode, kLxattrbName, &stored, sizeof(stored));
    if (got.is_error() && got.error() != Errno::ERANGE)
        return got.error();
    if (got.is_error() || got.value() != sizeof(stored) || stored.version != abi::LXATTRB_VERSION) {
        base::FixedWriter<200> text;
        text.put("LXATTRB is malformed; the file can only be given to root with the host's permissions. It "
                 "holds ");
        const auto* bytes = reinterpret_cast<const u8*>(&stored);
        for (usize i = 0; got.is_ok() && i < base::min<usize>(got.value(), 24); ++i)
            base::print(text, "{:02x}", bytes[i]);
        seen.has_lxattrb = false;
        problem(text.view(), [&]() -> Result<void> {
            // Somebody may still make something of it.
            PageBuffer whole(16);
            Result<usize> length =
                whole ? m_attributes.get(file, info.inode, kLxattrbName, whole.data(), whole.size()) : Errno::ENOMEM;
            if (length.is_ok())
                (void)m_attributes.set(file, info.inode, kBrokenName, whole.data(), length.value());
            return m_attributes.remove(file, info.inode, kLxattrbName);
        });
        return {};
    }
    VolfsMetadata metadata{stored.mode, stored.uid, stored.gid,
                           abi::makedev(abi::lxattrb_major(stored.rdev), abi::lxattrb_minor(stored.rdev))};
    const auto write = [&]() -> Result<void> {
        abi::lxattrb changed = encode_lxattrb(metadata);
        // Everything else stays as it is.
        changed.atime_ns = stored.atime_ns, changed.mtime_ns = stored.mtime_ns,
        changed.ctime_ns = stored.ctime_ns;
        changed.atime = stored.atime, changed.mtime = stored.mtime, changed.ctime = stored.ctime;
        TRY(m_attributes.set(file, info.inode, kLxattrbName, &changed, sizeof(changed)));
        stored = changed;
        return {};
    };
    const u32 host_type = host_mode & abi::S_IFMT;
    const u32 type = stored.mode & abi::S_IFMT;
    const auto set_type = [&](std::string_view what) {
        metadata.mode = host_type | (stored.mode & 07777);
        metadata.device = 0;
        problem(what, write);
    };
    if (!is_type(stored.mode))
        set_type("LXATTRB names no type of file");
    else if (host_type == abi::S_IFDIR && type != abi::S_IFDIR)
        set_type("LXATTRB says that this directory is something else");
    else if (host_type == abi::S_IFREG && type == abi::S_IFDIR)
        set_type("LXATTRB says that this file is a directory");
    else if (type == abi::S_IFLNK && !TRY(is_link_target(file, info.size)))
        set_type("a symbolic link without a target; it can only become a file");
    else if ((type == abi::S_IFCHR || type == abi::S_IFBLK || type == abi::S_IFIFO ||
              type == abi::S_IFSOCK) &&
             info.size != 0)
        set_type("a device, pipe or socket that holds data; it can only become a file");
    if (metadata.uid == ~u32{0} || metadata.gid == ~u32{0}) {
        if (metadata.uid == ~u32{0})
            metadata.uid = 0;
        if (metadata.gid == ~u32{0})
            metadata.gid = 0;
        problem("LXATTRB names an owner that no user can be", write);
    }
    if (stored.flags != 0) {
        const bool had_specials = (stored.flags & kOldHasSpecials) != 0 && host_type == abi::S_IFDIR;
        problem("LXATTRB has flags of an earlier version", [&]() -> Result<void> {
            if (had_specials && !seen.is_marked) {
                TRY(m_attributes.set(file, info.inode, kSpecialsName, "1", 1));
                seen.is_marked = true;
            }
            return write();
        });
    }
    seen.mode = metadata.mode;
    return {};
}

Result<void> Checker::check_lxxattr(host::Handle file, u64 number) {
    PageBuffer list(16);
    if (!list)
        return Errno::ENOMEM;
    const usize length = TRY(m_attributes.get(file, number, kLxxattrName, list.data(), list.size()));
    if (is_valid_xattr_list({list.data(), length}))
        return {};
    problem("LXXATTR is malformed; what comes before the damage can be kept", [&]() -> Result<void> {
        PageBuffer kept(16);
        if (!kept)
            return Errno::ENOMEM;
        // Setting nothing copies what can be read.
        const usize kept_length =
            TRY(change_xattr_list({list.data(), length}, {}, nullptr, kept.data(), abi::XATTR_SIZE_MAX));
        return kept_length == 0 ? m_attributes.remove(file, number, kLxxattrName)
                                : m_attributes.set(file, number, kLxxattrName, kept.data(), kept_length);
    });
    return {};
}

Result<void> Checker::check_permissions(host::Handle file, const host::FileInfo& info, const Seen& seen) {
    const u32 least = info.type == host::FileType::Directory ? 0700 : 0600;
    if ((info.permissions & least) == least)
        return {};
    problem("the host's permissions keep the host user out", [&]() -> Result<void> {
        TRY(host::set_permissions(file, (info.permissions & 0777) | least));
        // Without LXATTRB they were the mode.
        return seen.has_lxattrb ? Result<void>() : store(file, info.inode, {seen.mode, 0, 0, 0});
    });
    return {};
}

// A device, pipe or socket of the host itself can carry no attributes: a regular file with LXATTRB takes its
// place.
Result<void> Checker::convert_special(host::Handle folder, std::string_view name,
                                      const host::FileInfo& info) {
    if (info.type == host::FileType::Unknown) {
        problem_without_remedy("the host cannot say what kind of file this is");
        return {};
    }
    problem("a device, pipe or socket of the host itself", [&]() -> Result<void> {
        Result<void> made = host::make_directory_at(m_root, kStagingName, 0700);
        if (made.is_error() && made.error() != Errno::EEXIST)
            return made.error();
        const host::Handle staging =
            TRY(host::open_at(m_root, kStagingName, host::kOpenRead | host::kOpenDirectory, 0));
        const VolfsMetadata metadata{host_type_bits(info.type) | (info.permissions & 07777), 0, 0,
                                     abi::makedev(info.device_major, info.device_minor)};
        Result<void> done = [&]() -> Result<void> {
            const host::Handle file =
                TRY(host::open_at(staging, "special", host::kOpenRead | host::kOpenWrite | host::kOpenCreate,
                                  host_permissions(metadata.mode)));
            Result<host::FileInfo> made = host::file_info(file);
            Result<void> stored = made.is_error() ? made.error() : store(file, made.value().inode, metadata);
            host::close(file);
            return stored.is_error() ? stored : host::rename_at(staging, "special", folder, name, 0);
        }();
        host::close(staging);
        return done;
    });
    return {};
}

} // namespace lxcore
