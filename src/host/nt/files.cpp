// Files of the NT host: opening, data, size.
//
// All handles are synchronous and shared in every way, so that neither the guest's programs nor the host's keep each
// other out; each transfer carries its offset.
#include "host/nt/files.hpp"

#include "abi/fcntl.hpp"
#include "host/nt/drive_files.hpp"
#include "host/nt/extended_attributes.hpp"

namespace host::nt {

NTSTATUS open_object(HANDLE directory, HostName& name, ACCESS_MASK access, ULONG disposition, ULONG options,
                     HANDLE* object, bool* was_created, const ea::List& list) {
    NamedFile file(directory, name);
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        ea::create_file(object, access, &file.attributes, &io, disposition,
                        options | FILE_OPEN_REPARSE_POINT | FILE_OPEN_FOR_BACKUP_INTENT, list);
    if (status < 0)
        *object = nullptr;
    else if (was_created)
        *was_created = io.Information == FILE_CREATED;
    return status;
}

Result<HANDLE> directory_object(Handle directory) {
    const HandleEntry* entry = entry_of(directory);
    if (!entry)
        return Errno::EBADF;
    if (entry->kind != HandleKind::Directory)
        return Errno::ENOTDIR;
    HANDLE object = object_of(directory);
    if (!object)
        return Errno::EBADF;
    return object;
}

Errno name_error(NTSTATUS status, const HostName& name) {
    switch (status) {
    // What the rules of names let through and the host does not hold is too long: some count in bytes of UTF-8.
    case STATUS_OBJECT_NAME_INVALID: return name.length() > 80 ? Errno::ENAMETOOLONG : Errno::ENOENT;
    case STATUS_OBJECT_PATH_NOT_FOUND:
    case STATUS_OBJECT_NAME_NOT_FOUND: return Errno::ENOENT;
    default: return errno_of(status);
    }
}

NTSTATUS identify(HANDLE object, Identity& identity) {
    alignas(8) u8 buffer[sizeof(FILE_ALL_INFORMATION) + 32];
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtQueryInformationFile(object, &io, buffer, sizeof(buffer), FileAllInformation);
    if (status < 0 && status != STATUS_BUFFER_OVERFLOW)
        return status;
    const auto& all = *reinterpret_cast<const FILE_ALL_INFORMATION*>(buffer);
    identity.file = static_cast<u64>(all.InternalInformation.IndexNumber.QuadPart);
    identity.links = all.StandardInformation.NumberOfLinks;
    identity.is_directory = all.StandardInformation.Directory;
    identity.is_link = (all.BasicInformation.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
    return STATUS_SUCCESS;
}

namespace {

constexpr u64 kLargestTransfer = u64{1} << 30;

bool wants_read_only(NTSTATUS status) {
    return status == STATUS_ACCESS_DENIED || status == STATUS_SHARING_VIOLATION ||
           status == STATUS_MEDIA_WRITE_PROTECTED || status == STATUS_CANNOT_DELETE;
}

Result<Handle> adopt_file(Object& object, u64 device, bool is_writable, bool has_write_access) {
    Identity identity{};
    const NTSTATUS status = identify(object.get(), identity);
    if (status < 0)
        return errno_of(status);
    if (identity.is_link)
        return Errno::ELOOP;
    return adopt(object.release(), {identity.is_directory ? HandleKind::Directory : HandleKind::File, is_writable,
                                    identity.file, device, 0, has_write_access});
}

// EBADF, EISDIR.
Result<HANDLE> data_object(Handle file, bool for_writing = false) {
    const HandleEntry* entry = entry_of(file);
    if (!entry || (for_writing && !entry->is_writable && entry->kind == HandleKind::File))
        return Errno::EBADF;
    if (entry->kind == HandleKind::Directory)
        return Errno::EISDIR;
    HANDLE object = object_of(file);
    if (!object)
        return Errno::EBADF;
    return object;
}

template <typename Transfer>
Result<usize> transfer_all(const abi::iovec* vectors, usize count, Transfer&& transfer) {
    usize done = 0;
    for (usize i = 0; i < count; ++i) {
        if (vectors[i].iov_len == 0)
            continue;
        const u64 length = base::min<u64>(vectors[i].iov_len, kLargestTransfer);
        IO_STATUS_BLOCK io{};
        const NTSTATUS status = transfer(&io, reinterpret_cast<void*>(vectors[i].iov_base), static_cast<ULONG>(length), done);
        if (status == STATUS_END_OF_FILE)
            break;
        if (status < 0) {
            if (done != 0)
                break;
            return status == STATUS_INVALID_USER_BUFFER ? Errno::EFAULT : errno_of(status);
        }
        done += io.Information;
        if (io.Information < vectors[i].iov_len)
            break;
    }
    return done;
}

Result<FILE_STANDARD_INFORMATION> standard_information(HANDLE object) {
    FILE_STANDARD_INFORMATION information{};
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        NtQueryInformationFile(object, &io, &information, sizeof(information), FileStandardInformation);
    if (status < 0)
        return errno_of(status);
    return information;
}

} // namespace

} // namespace host::nt

namespace host {

using namespace nt;

Result<Handle> open_at(Handle directory, std::string_view name, u32 mode, u32 permissions) {
    if (is_on_drive(directory))
        return drive::open_at(directory, name, mode);
    if (mode & kOpenAnonymous)
        return Errno::EOPNOTSUPP;
    HANDLE folder = TRY(directory_object(directory));
    HostName host_name(name, files().escapes_case);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    const u64 device = entry_of(directory)->device;
    ULONG disposition = FILE_OPEN;
    if (mode & kOpenCreate)
        disposition = mode & kOpenExclusive ? FILE_CREATE : FILE_OPEN_IF;
    ULONG options = 0;
    if (mode & kOpenDirectory)
        options = FILE_DIRECTORY_FILE;
    else if (mode & (kOpenWrite | kOpenCreate))
        options = FILE_NON_DIRECTORY_FILE;
    // Files are opened for writing, too, whatever is asked for: no call of the host adds that to a handle of a file
    // that has another name by then, or none.
    Object object;
    bool was_created = false, has_write_access = !(mode & kOpenDirectory);
    NTSTATUS status = open_object(folder, host_name, has_write_access ? kWriteAccess : kReadAccess, disposition, options,
                                  object.receive(), &was_created);
    if (has_write_access && !(mode & kOpenWrite) && wants_read_only(status)) {
        has_write_access = false;
        status = open_object(folder, host_name, kReadAccess, disposition, options, object.receive(), &was_created);
    }
    if (status < 0)
        return name_error(status, host_name);
    if ((mode & kOpenTruncate) && !was_created) {
        FILE_END_OF_FILE_INFORMATION end{};
        IO_STATUS_BLOCK io{};
        status = NtSetInformationFile(object.get(), &io, &end, sizeof(end), FileEndOfFileInformation);
        if (status < 0)
            return errno_of(status);
    }
    const Handle opened = TRY(adopt_file(object, device, (mode & kOpenWrite) != 0, has_write_access));
    if (was_created) {
        // Whatever is recorded under its id was another file's.
        const u64 file = entry_of(opened)->file;
        forget_attributes(file);
        const Result<void> recorded = record_permissions(file, permissions);
        if (recorded.is_error()) {
            close(opened);
            (void)unlink_at(directory, name);
            return recorded.error();
        }
    }
    return opened;
}

Result<Handle> create_with_attribute(Handle directory, std::string_view name, bool is_directory, const char* attribute,
                                     const void* value, usize length) {
    if (!files().has_extended_attributes || is_on_drive(directory))
        return Errno::EOPNOTSUPP;
    HANDLE folder = TRY(directory_object(directory));
    HostName host_name(name, files().escapes_case);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    if (host_name.is_empty())
        return Errno::EEXIST;
    alignas(8) u8 list[128];
    const usize bytes = TRY(extended::encode(TRY(extended::host_name(attribute)), value, length, list, sizeof(list)));
    Object object;
    const NTSTATUS status = open_object(folder, host_name, is_directory ? kReadAccess : kWriteAccess, FILE_CREATE,
                                        is_directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE, object.receive(), nullptr,
                                        {list, static_cast<ULONG>(bytes)});
    if (status < 0)
        return name_error(status, host_name);
    Result<Handle> opened = adopt_file(object, entry_of(directory)->device, !is_directory, !is_directory);
    if (opened.is_error())
        (void)(is_directory ? remove_directory_at(directory, name) : unlink_at(directory, name));
    return opened;
}

Result<Handle> reopen(Handle file, u32 mode) {
    HANDLE old = object_of(file);
    const HandleEntry* entry = entry_of(file);
    if (!entry || !old)
        return Errno::EBADF;
    const bool wants_write = (mode & kOpenWrite) != 0;
    Object object;
    if (!wants_write || entry->has_write_access) {
        if (NtDuplicateObject(this_process(), old, this_process(), object.receive(), 0, 0, DUPLICATE_SAME_ACCESS) < 0)
            return Errno::EMFILE;
        return adopt_file(object, entry->device, wants_write, entry->has_write_access);
    }
    // Relative to the file itself, by no name. (Wine goes by the name that the file had when it was opened.)
    HostName nothing(std::string_view(), false);
    const NTSTATUS status = open_object(old, nothing, kWriteAccess, FILE_OPEN, 0, object.receive());
    if (status < 0)
        return name_error(status, nothing);
    Identity identity{};
    if (identify(object.get(), identity) < 0 || identity.file != entry->file)
        return Errno::EACCES;
    return adopt_file(object, entry->device, true, true);
}

Result<usize> read_at(Handle file, const abi::iovec* vectors, usize count, u64 offset) {
    HANDLE object = TRY(data_object(file));
    return transfer_all(vectors, count, [&](IO_STATUS_BLOCK* io, void* buffer, ULONG length, usize done) {
        LARGE_INTEGER at;
        at.QuadPart = static_cast<i64>(offset + done);
        return NtReadFile(object, nullptr, nullptr, nullptr, io, buffer, length, &at, nullptr);
    });
}

Result<usize> write_at(Handle file, const abi::iovec* vectors, usize count, u64 offset) {
    HANDLE object = TRY(data_object(file, true));
    return transfer_all(vectors, count, [&](IO_STATUS_BLOCK* io, void* buffer, ULONG length, usize done) {
        LARGE_INTEGER at;
        at.QuadPart = static_cast<i64>(offset + done);
        return NtWriteFile(object, nullptr, nullptr, nullptr, io, buffer, length, &at, nullptr);
    });
}

Result<usize> append(Handle file, const abi::iovec* vectors, usize count) {
    HANDLE object = TRY(data_object(file, true));
    return transfer_all(vectors, count, [&](IO_STATUS_BLOCK* io, void* buffer, ULONG length, usize) {
        LARGE_INTEGER end;
        end.LowPart = FILE_WRITE_TO_END_OF_FILE;
        end.HighPart = -1;
        return NtWriteFile(object, nullptr, nullptr, nullptr, io, buffer, length, &end, nullptr);
    });
}

Result<void> truncate(Handle file, u64 length) {
    const HandleEntry* entry = entry_of(file);
    if (entry && !entry->is_writable)
        return Errno::EINVAL; // as ftruncate(2)
    HANDLE object = TRY(data_object(file));
    FILE_END_OF_FILE_INFORMATION end{};
    end.EndOfFile.QuadPart = static_cast<i64>(length);
    IO_STATUS_BLOCK io{};
    return void_result(NtSetInformationFile(object, &io, &end, sizeof(end), FileEndOfFileInformation));
}

Result<void> allocate(Handle file, i32 mode, u64 offset, u64 length) {
    // The host promises no space but by extending the file; it zeroes and cuts out nothing.
    if (mode != 0)
        return Errno::EOPNOTSUPP;
    HANDLE object = TRY(data_object(file));
    const FILE_STANDARD_INFORMATION information = TRY(standard_information(object));
    if (offset + length <= static_cast<u64>(information.EndOfFile.QuadPart))
        return {};
    return truncate(file, offset + length);
}

// A host without holes: all is data.
Result<u64> seek_data(Handle file, u64 offset) {
    HANDLE object = TRY(data_object(file));
    if (offset >= static_cast<u64>(TRY(standard_information(object)).EndOfFile.QuadPart))
        return Errno::ENXIO;
    return offset;
}

Result<u64> seek_hole(Handle file, u64 offset) {
    HANDLE object = TRY(data_object(file));
    const auto size = static_cast<u64>(TRY(standard_information(object)).EndOfFile.QuadPart);
    if (offset >= size)
        return Errno::ENXIO;
    return size;
}

Result<usize> copy_range(Handle, u64, Handle, u64, usize) { return Errno::EOPNOTSUPP; }

Result<void> sync(Handle file, bool) {
    HANDLE object = object_of(file);
    const HandleEntry* entry = entry_of(file);
    if (!entry || !object)
        return Errno::EBADF;
    TRY(flush_store());
    if (entry->kind == HandleKind::Directory)
        return {}; // the host's own log has the names
    IO_STATUS_BLOCK io{};
    if (entry->has_write_access)
        return void_result(NtFlushBuffersFile(object, &io));
    // It flushes through handles for writing only.
    HostName nothing(std::string_view(), false);
    Object writable;
    const NTSTATUS status = open_object(object, nothing, FILE_WRITE_DATA, FILE_OPEN, 0, writable.receive());
    if (status < 0)
        return name_error(status, nothing);
    return void_result(NtFlushBuffersFile(writable.get(), &io));
}

Result<void> sync_file_system(Handle) {
    // A volume is flushed by administrators only. What lxcore has not synced itself is the host's to write, as it is
    // for any of its programs; the side store is flushed.
    return flush_store();
}

Result<abi::statfs> file_system_info(Handle file) {
    HANDLE object = object_of(file);
    if (!object)
        return Errno::EBADF;
    FILE_FS_FULL_SIZE_INFORMATION size{};
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        NtQueryVolumeInformationFile(object, &io, &size, sizeof(size), FileFsFullSizeInformation);
    if (status < 0)
        return errno_of(status);
    abi::statfs info{};
    info.f_bsize = info.f_frsize = size.BytesPerSector * i64{size.SectorsPerAllocationUnit};
    info.f_blocks = static_cast<u64>(size.TotalAllocationUnits.QuadPart);
    info.f_bfree = static_cast<u64>(size.ActualAvailableAllocationUnits.QuadPart);
    info.f_bavail = static_cast<u64>(size.CallerAvailableAllocationUnits.QuadPart);
    info.f_namelen = kMaxNameBytes;
    return info;
}

} // namespace host
