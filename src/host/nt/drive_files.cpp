#include "host/nt/drive_files.hpp"

#include <winioctl.h>

#include "abi/fcntl.hpp"

namespace host::nt {

bool is_on_drive(Handle handle) {
    const HandleEntry* entry = entry_of(handle);
    return entry && entry->is_on_drive;
}

namespace drive {

namespace {

constexpr ACCESS_MASK kLookAccess = SYNCHRONIZE | FILE_READ_ATTRIBUTES;

struct Facts {
    FILE_BASIC_INFORMATION basic;
    FILE_STANDARD_INFORMATION standard;
    u64 file;
    bool is_link;
};

// Other programs' reparse points (files that a service fetches, deduplicated ones) are ordinary files to who
// opens them.
bool is_link_tag(ULONG tag) {
    constexpr ULONG kLinuxSymlink = 0xa000'001d; // WSL's
    return tag == IO_REPARSE_TAG_SYMLINK || tag == IO_REPARSE_TAG_MOUNT_POINT || tag == kLinuxSymlink;
}

// Wine calls mount points of its host reparse points, and has no data for them.
bool is_link(HANDLE object) {
    struct {
        ULONG tag;
        u8 rest[60];
    } data{};
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtFsControlFile(object, nullptr, nullptr, nullptr, &io, FSCTL_GET_REPARSE_POINT,
                                            nullptr, 0, &data, sizeof(data));
    return (status >= 0 || status == STATUS_BUFFER_OVERFLOW) && is_link_tag(data.tag);
}

NTSTATUS learn(HANDLE object, Facts& facts) {
    alignas(8) u8 buffer[sizeof(FILE_ALL_INFORMATION) + 32];
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtQueryInformationFile(object, &io, buffer, sizeof(buffer), FileAllInformation);
    if (status < 0 && status != STATUS_BUFFER_OVERFLOW)
        return status;
    const auto& all = *reinterpret_cast<const FILE_ALL_INFORMATION*>(buffer);
    facts.basic = all.BasicInformation;
    facts.standard = all.StandardInformation;
    facts.file = static_cast<u64>(all.InternalInformation.IndexNumber.QuadPart);
    facts.is_link = (facts.basic.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) && is_link(object);
    return STATUS_SUCCESS;
}

u64 volume_of(HANDLE object) {
    alignas(8) u8 buffer[sizeof(FILE_FS_VOLUME_INFORMATION) + 128];
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        NtQueryVolumeInformationFile(object, &io, buffer, sizeof(buffer), FileFsVolumeInformation);
    return status < 0 && status != STATUS_BUFFER_OVERFLOW
               ? 0
               : reinterpret_cast<const FILE_FS_VOLUME_INFORMATION*>(buffer)->VolumeSerialNumber;
}

// A name that is looked up: the folder's Windows handle, and the name in UTF-16.
struct Named {
    Named(Handle directory, std::string_view text)
        : folder(directory_object(directory)), name(text, HostName::Plain{}) {}
    Result<HANDLE> folder;
    HostName name;
    Object object;
    Facts facts{};

    // ENOENT and the like.
    Result<void> open(ACCESS_MASK access, ULONG options = 0) {
        if (folder.is_error())
            return folder.error();
        if (!name.is_valid())
            return Errno::ENAMETOOLONG;
        NTSTATUS status = drive::open_object(folder.value(), name, access, FILE_OPEN, options, object);
        if (status >= 0)
            status = learn(object.get(), facts);
        if (status < 0)
            return error_of(status);
        return {};
    }
};

bool is_dots(std::string_view name) {
    return name.empty() || name == "." || name == "..";
}

// Removes the name that `object` was opened by. With the semantics of POSIX where the file system has them,
// so that the name is gone although programs may have the file open that let it be removed.
NTSTATUS remove_object(HANDLE object) {
    IO_STATUS_BLOCK io{};
    DispositionEx request{kDispositionDelete | kDispositionPosix};
    const NTSTATUS status = NtSetInformationFile(object, &io, &request, sizeof(request), kDispositionEx);
    if (status >= 0 || status == STATUS_CANNOT_DELETE || status == STATUS_DIRECTORY_NOT_EMPTY ||
        status == STATUS_ACCESS_DENIED)
        return status;
    FILE_DISPOSITION_INFORMATION plain{TRUE};
    return NtSetInformationFile(object, &io, &plain, sizeof(plain), FileDispositionInformation);
}

NTSTATUS rename_object(HANDLE object, HANDLE folder, const HostName& name, bool replaces,
                       FILE_INFORMATION_CLASS what) {
    RenameRequest request{};
    request.replace = replaces;
    request.directory = folder;
    request.name_bytes = static_cast<ULONG>(name.length() * sizeof(WCHAR));
    __builtin_memcpy(request.name, name.units(), request.name_bytes);
    IO_STATUS_BLOCK io{};
    return NtSetInformationFile(object, &io, &request, sizeof(request), what);
}

} // namespace

Result<Handle> adopt_object(Object& object, bool is_writable) {
    Facts facts{};
    if (const NTSTATUS status = learn(object.get(), facts); status < 0)
        return error_of(status);
    if (facts.is_link)
        return Errno::ELOOP;
    const u64 device = volume_of(object.get());
    NewHandle what{facts.standard.Directory ? HandleKind::Directory : HandleKind::File,
                   is_writable,
                   facts.file,
                   device,
                   0,
                   is_writable};
    what.is_on_drive = true;
    return adopt(object.release(), what);
}

Errno error_of(NTSTATUS status) {
    switch (status) {
    case STATUS_SHARING_VIOLATION:
    case STATUS_LOCK_NOT_GRANTED:
    case STATUS_FILE_LOCK_CONFLICT:
    case STATUS_USER_MAPPED_FILE:
    case STATUS_PRIVILEGE_NOT_HELD:
        return Errno::EACCES;
    case STATUS_OBJECT_NAME_INVALID:
        return Errno::ENOENT;
    case STATUS_OBJECT_PATH_NOT_FOUND:
        return Errno::ENOENT;
    case STATUS_NO_MEDIA_IN_DEVICE:
    case STATUS_DEVICE_NOT_READY:
    case STATUS_WRONG_VOLUME:
    case STATUS_FILE_INVALID:
    case STATUS_VOLUME_DISMOUNTED:
        return Errno::EIO;
    case STATUS_BAD_NETWORK_NAME:
    case STATUS_BAD_NETWORK_PATH:
        return Errno::ENODEV;
    default:
        return errno_of(status);
    }
}

NTSTATUS open_object(HANDLE directory, HostName& name, ACCESS_MASK access, ULONG disposition, ULONG options,
                     Object& object, bool* was_created) {
    constexpr ACCESS_MASK kExtras[] = {FILE_WRITE_ATTRIBUTES | FILE_READ_EA | FILE_WRITE_EA, FILE_READ_EA, 0};
    NTSTATUS status = STATUS_ACCESS_DENIED;
    for (const ACCESS_MASK extra : kExtras) {
        status = nt::open_object(directory, name, access | extra, disposition, options, object.receive(), was_created);
        if (status != STATUS_ACCESS_DENIED && status != STATUS_MEDIA_WRITE_PROTECTED)
            break;
    }
    return status;
}

Result<Handle> open_at(Handle directory, std::string_view name, u32 mode) {
    if (mode & kOpenAnonymous)
        return Errno::EOPNOTSUPP;
    Named file(directory, name);
    if (!file.name.is_valid())
        return Errno::ENAMETOOLONG;
    ACCESS_MASK access = kLookAccess;
    if ((mode & kOpenRead) || (mode & kOpenDirectory))
        access |= FILE_READ_DATA;
    if (mode & kOpenWrite)
        access |= FILE_WRITE_DATA | FILE_APPEND_DATA;
    ULONG disposition = FILE_OPEN, options = 0;
    if (mode & kOpenCreate)
        disposition = mode & kOpenExclusive ? FILE_CREATE : FILE_OPEN_IF;
    if (mode & kOpenDirectory)
        options = FILE_DIRECTORY_FILE;
    else if (mode & (kOpenWrite | kOpenCreate))
        options = FILE_NON_DIRECTORY_FILE;
    bool was_created = false;
    const NTSTATUS status = drive::open_object(TRY(directory_object(directory)), file.name, access,
                                               disposition, options, file.object, &was_created);
    if (status < 0)
        return error_of(status);
    if ((mode & kOpenTruncate) && !was_created) {
        FILE_END_OF_FILE_INFORMATION end{};
        IO_STATUS_BLOCK io{};
        if (const NTSTATUS cut =
                NtSetInformationFile(file.object.get(), &io, &end, sizeof(end), FileEndOfFileInformation);
            cut < 0)
            return error_of(cut);
    }
    return adopt_object(file.object, (mode & kOpenWrite) != 0);
}

Result<FileInfo> file_info(HANDLE object, u64 device) {
    Facts facts{};
    if (const NTSTATUS status = learn(object, facts); status < 0)
        return error_of(status);
    FileInfo info{};
    info.device = device;
    info.inode = facts.file;
    info.type = facts.is_link              ? FileType::Symlink
                : facts.standard.Directory ? FileType::Directory
                                           : FileType::Regular;
    // Who may do what is in an access control list, which is asked when something is done. Of directories the
    // attribute means something else.
    const bool is_read_only =
        info.type == FileType::Regular && (facts.basic.FileAttributes & FILE_ATTRIBUTE_READONLY);
    info.permissions = is_read_only ? 0555 : 0777;
    info.links = facts.standard.NumberOfLinks;
    info.size = facts.standard.Directory ? 4096 : static_cast<u64>(facts.standard.EndOfFile.QuadPart);
    info.blocks = static_cast<u64>(facts.standard.AllocationSize.QuadPart) / 512;
    info.block_size = 4096;
    info.accessed = to_timespec(facts.basic.LastAccessTime.QuadPart);
    info.modified = to_timespec(facts.basic.LastWriteTime.QuadPart);
    info.changed = to_timespec(facts.basic.ChangeTime.QuadPart);
    return info;
}

Result<FileInfo> file_info_at(Handle directory, std::string_view name) {
    Named file(directory, name);
    TRY(file.open(kLookAccess));
    return drive::file_info(file.object.get(), volume_of(file.object.get()));
}

Result<void> read_directory(Handle directory, bool (*visit)(void* context, const DirectoryEntry& entry),
                            void* context) {
    // As of the tree (directories.cpp): each call scans from the start. The first two entries are "." and
    // "..", which the root of a drive has none of.
    HandleEntry& state = *entry_of(directory);
    HostName itself(std::string_view(), HostName::Plain{});
    Object object;
    // A handle of its own: Wine reads a directory once for each.
    if (const NTSTATUS status =
            drive::open_object(TRY(directory_object(directory)), itself, SYNCHRONIZE | FILE_LIST_DIRECTORY,
                               FILE_OPEN, FILE_DIRECTORY_FILE, object);
        status < 0)
        return error_of(status);
    alignas(8) u8 buffer[2048];
    char name[kMaxNameBytes];
    const u64 taken = state.position.load();
    u64 index = 0;
    for (const std::string_view dots : {".", ".."}) {
        if (index++ < taken)
            continue;
        if (!visit(context, {state.file, FileType::Directory, dots}))
            return {};
        state.position.store(index);
    }
    for (bool restart = true;; restart = false) {
        IO_STATUS_BLOCK io{};
        const NTSTATUS status =
            NtQueryDirectoryFile(object.get(), nullptr, nullptr, nullptr, &io, buffer, sizeof(buffer),
                                 kIdFullDirectory, FALSE, nullptr, restart);
        if (status == STATUS_NO_MORE_FILES || status == STATUS_NO_SUCH_FILE)
            return {};
        if (status < 0)
            return error_of(status);
        for (const u8* at = buffer;;) {
            const auto& found = *reinterpret_cast<const FILE_ID_FULL_DIR_INFORMATION*>(at);
            const usize length = found.FileNameLength / sizeof(WCHAR);
            const bool is_dot =
                length <= 2 && found.FileName[0] == '.' && (length == 1 || found.FileName[1] == '.');
            if (!is_dot && index++ >= taken) {
                const isize bytes = plain_name(found.FileName, length, name);
                FileType type =
                    found.FileAttributes & FILE_ATTRIBUTE_DIRECTORY ? FileType::Directory : FileType::Regular;
                if (found.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
                    type = FileType::Unknown; // a link, or a file that says something to a driver
                if (bytes > 0 && !visit(context, {static_cast<u64>(found.FileId.QuadPart), type,
                                                  std::string_view(name, static_cast<usize>(bytes))}))
                    return {};
                state.position.store(index);
            }
            if (found.NextEntryOffset == 0)
                break;
            at += found.NextEntryOffset;
        }
    }
}

Result<void> make_directory_at(Handle directory, std::string_view name) {
    Named made(directory, name);
    if (!made.name.is_valid())
        return Errno::ENAMETOOLONG;
    if (is_dots(name))
        return Errno::EEXIST;
    const NTSTATUS status = drive::open_object(TRY(directory_object(directory)), made.name, kLookAccess,
                                               FILE_CREATE, FILE_DIRECTORY_FILE, made.object);
    return status < 0 ? Result<void>(error_of(status)) : Result<void>();
}

Result<usize> read_symlink_at(Handle directory, std::string_view name, char*, usize) {
    Named file(directory, name);
    TRY(file.open(kLookAccess));
    return file.facts.is_link ? Errno::EOPNOTSUPP : Errno::EINVAL;
}

Result<void> link_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to) {
    Named file(from_directory, from);
    const HostName name(to, HostName::Plain{});
    TRY(file.open(kLookAccess));
    if (file.facts.standard.Directory)
        return Errno::EPERM;
    if (!name.is_valid())
        return Errno::ENAMETOOLONG;
    const NTSTATUS status = rename_object(file.object.get(), TRY(directory_object(to_directory)), name, false,
                                          FileLinkInformation);
    return status < 0 ? Result<void>(error_of(status)) : Result<void>();
}

Result<void> unlink_at(Handle directory, std::string_view name, bool is_directory) {
    if (is_dots(name))
        return is_directory ? (name == ".." ? Errno::ENOTEMPTY : Errno::EINVAL) : Errno::EISDIR;
    Named file(directory, name);
    TRY(file.open(kLookAccess | DELETE | (is_directory ? u32{FILE_LIST_DIRECTORY} : 0)));
    const bool is_one = file.facts.standard.Directory && !file.facts.is_link;
    if (is_one != is_directory)
        return is_one ? Errno::EISDIR : Errno::ENOTDIR;
    if (is_directory && !is_empty_directory(file.object.get()))
        return Errno::ENOTEMPTY;
    const NTSTATUS status = remove_object(file.object.get());
    return status < 0 ? Result<void>(error_of(status)) : Result<void>();
}

Result<void> rename_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to,
                       u32 flags) {
    if (is_dots(from) || is_dots(to))
        return Errno::EBUSY;
    if (flags & ~u32{abi::RENAME_NOREPLACE})
        return Errno::EINVAL; // an exchange would have to be seen half done
    Named source(from_directory, from), target(to_directory, to);
    TRY(source.open(kLookAccess | DELETE));
    const Result<void> found = target.open(kLookAccess | FILE_READ_DATA);
    if (found.is_error() && found.error() != Errno::ENOENT && found.error() != Errno::EACCES)
        return found.error();
    bool replaces = found.is_ok();
    if (replaces && source.facts.file == target.facts.file &&
        volume_of(source.object.get()) == volume_of(target.object.get())) {
        // One file under two names stays as it is; one name in another spelling is given that.
        const bool is_respelled = entry_of(from_directory)->file == entry_of(to_directory)->file &&
                                  from != to && source.facts.standard.NumberOfLinks <= 1;
        if (!is_respelled)
            return flags & abi::RENAME_NOREPLACE ? Result<void>(Errno::EEXIST) : Result<void>();
        replaces = false;
    } else if (replaces) {
        if (flags & abi::RENAME_NOREPLACE)
            return Errno::EEXIST;
        if (source.facts.standard.Directory != target.facts.standard.Directory)
            return target.facts.standard.Directory ? Errno::EISDIR : Errno::ENOTDIR;
        if (target.facts.standard.Directory) {
            // No directory is replaced by the system: for a moment there is none.
            if (!is_empty_directory(target.object.get()))
                return Errno::ENOTEMPTY;
            NtClose(target.object.release());
            TRY(drive::unlink_at(to_directory, to, true));
            replaces = false;
        }
    }
    if (target.object.get())
        NtClose(target.object.release());
    HANDLE folder = TRY(directory_object(to_directory));
    const NTSTATUS status =
        rename_object(source.object.get(), folder, target.name, replaces, FileRenameInformation);
    return status < 0 ? Result<void>(error_of(status)) : Result<void>();
}

Result<void> set_permissions(Handle file, u32 permissions) {
    const HandleEntry* entry = entry_of(file);
    HANDLE object = object_of(file);
    if (!entry || !object)
        return Errno::EBADF;
    Facts facts{};
    if (const NTSTATUS status = learn(object, facts); status < 0)
        return error_of(status);
    if (facts.standard.Directory)
        return {};
    FILE_BASIC_INFORMATION change{};
    change.FileAttributes =
        facts.basic.FileAttributes & ~u32{FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_NORMAL};
    if (!(permissions & 0222))
        change.FileAttributes |= FILE_ATTRIBUTE_READONLY;
    if (change.FileAttributes == 0)
        change.FileAttributes = FILE_ATTRIBUTE_NORMAL;
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtSetInformationFile(object, &io, &change, sizeof(change), FileBasicInformation);
    return status < 0 ? Result<void>(error_of(status)) : Result<void>();
}

Result<void> set_times_at(Handle directory, std::string_view name, const abi::timespec* accessed,
                          const abi::timespec* modified) {
    Named file(directory, name);
    TRY(file.open(kLookAccess | FILE_WRITE_ATTRIBUTES));
    FILE_BASIC_INFORMATION basic{};
    if (accessed)
        basic.LastAccessTime.QuadPart = to_host_time(*accessed);
    if (modified)
        basic.LastWriteTime.QuadPart = to_host_time(*modified);
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        NtSetInformationFile(file.object.get(), &io, &basic, sizeof(basic), FileBasicInformation);
    return status < 0 ? Result<void>(error_of(status)) : Result<void>();
}

} // namespace drive

} // namespace host::nt

namespace host {

using namespace nt;

namespace {

bool is_drive_letter(char letter) {
    return (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z';
}

// The system's own name of a place, in UTF-16: \??\C:\..., or \??\UNC\server\share\...
class SystemPath {
public:
    bool put(std::string_view text) {
        const isize units = plain_units(text, m_units + m_length, kUnits - static_cast<usize>(m_length));
        for (isize i = 0; i < units; ++i)
            if (m_units[m_length + i] == '/')
                m_units[m_length + i] = '\\';
        m_length += units < 0 ? 0 : static_cast<int>(units);
        return units >= 0;
    }
    NTSTATUS open(Object& object) {
        UNICODE_STRING name{static_cast<USHORT>(m_length * 2), static_cast<USHORT>(m_length * 2), m_units};
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
        IO_STATUS_BLOCK io{};
        constexpr ACCESS_MASK kAccess = SYNCHRONIZE | FILE_READ_ATTRIBUTES | FILE_READ_DATA | FILE_READ_EA;
        constexpr ULONG kOptions =
            FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT;
        // With the right to change attributes where the user has it; nobody but an administrator has, of a
        // drive's root.
        const NTSTATUS status =
            NtCreateFile(object.receive(), kAccess | FILE_WRITE_ATTRIBUTES | FILE_WRITE_EA, &attributes, &io,
                         nullptr, 0, kShareAll, FILE_OPEN, kOptions, nullptr, 0);
        if (status != STATUS_ACCESS_DENIED && status != STATUS_MEDIA_WRITE_PROTECTED)
            return status;
        return NtCreateFile(object.receive(), kAccess, &attributes, &io, nullptr, 0, kShareAll, FILE_OPEN,
                            kOptions, nullptr, 0);
    }

private:
    static constexpr usize kUnits = 1024;
    WCHAR m_units[kUnits];
    int m_length = 0;
};

} // namespace

Result<Handle> open_drive(std::string_view place) {
    preserve_vectors();
    SystemPath path;
    Object object;
    const auto is_separator = [](char character) { return character == '\\' || character == '/'; };
    const bool is_share = place.size() > 2 && is_separator(place[0]) && is_separator(place[1]);
    if (is_share) {
        if (!path.put("\\??\\UNC\\") || !path.put(place.substr(2)))
            return Errno::ENODEV;
    } else {
        if (place.size() < 2 || place[1] != ':' || !is_drive_letter(place[0]))
            return Errno::ENODEV;
        path.put("\\??\\");
        path.put(place.substr(0, 2));
        path.put("\\");
        if (path.open(object) < 0)
            return Errno::ENODEV; // no such drive, or nothing in it
        std::string_view rest = place.substr(2);
        while (!rest.empty() && is_separator(rest.front()))
            rest.remove_prefix(1);
        while (!rest.empty() && is_separator(rest.back()))
            rest.remove_suffix(1);
        if (!rest.empty()) {
            NtClose(object.release());
            if (!path.put(rest))
                return Errno::ENAMETOOLONG;
        }
    }
    if (!object.get())
        if (const NTSTATUS status = path.open(object); status < 0)
            return drive::error_of(status);
    return drive::adopt_object(object, false);
}

u32 user_rights(const FileInfo& info) {
    return abi::R_OK | abi::X_OK | (info.permissions & 0222 ? abi::W_OK : 0);
}

} // namespace host
