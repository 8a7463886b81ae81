// Extended attributes of drives: NTFS's, by the names that WSL gives them. Where a file system has none (FAT,
// and all under Wine) there is nothing to keep metadata in: EOPNOTSUPP.
#include "abi/xattr.hpp"
#include "host/nt/drive_files.hpp"

extern "C" {
NTSYSAPI NTSTATUS NTAPI NtQueryEaFile(HANDLE file, PIO_STATUS_BLOCK io, PVOID buffer, ULONG length,
                                      BOOLEAN single, PVOID list, ULONG list_length, PULONG index,
                                      BOOLEAN restart);
NTSYSAPI NTSTATUS NTAPI NtSetEaFile(HANDLE file, PIO_STATUS_BLOCK io, PVOID buffer, ULONG length);
}

namespace host::nt::drive {

namespace {

// lxcore's names of WSL's attributes are those of Linux hosts. Other attributes of users have no place that
// others know of.
constexpr std::string_view kPrefix = "user.", kOurs = "$LX", kCaseFlag = "user.$LXCASE";
constexpr usize kLongestName = 16, kLongestValue = 64;

Result<std::string_view> host_name_of(std::string_view name) {
    if (!name.starts_with(kPrefix) || !name.substr(kPrefix.size()).starts_with(kOurs) ||
        name.size() - kPrefix.size() > kLongestName)
        return Errno::EOPNOTSUPP;
    return name.substr(kPrefix.size());
}

bool has_attributes(HANDLE object) {
    alignas(8) u8 buffer[sizeof(FILE_FS_ATTRIBUTE_INFORMATION) + 64];
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        NtQueryVolumeInformationFile(object, &io, buffer, sizeof(buffer), FileFsAttributeInformation);
    return (status >= 0 || status == STATUS_BUFFER_OVERFLOW) &&
           (reinterpret_cast<const FILE_FS_ATTRIBUTE_INFORMATION*>(buffer)->FileSystemAttributes &
            FILE_SUPPORTS_EXTENDED_ATTRIBUTES);
}

// A request to read one attribute, and one to write one (FILE_FULL_EA_INFORMATION).
struct GetRequest {
    ULONG next;
    UCHAR name_length;
    CHAR name[kLongestName + 1];
};
struct FullEntry {
    ULONG next;
    UCHAR flags, name_length;
    USHORT value_length;
    CHAR data[kLongestName + 1 + kLongestValue]; // the name, a NUL, the value
};

// Whether names in a directory that differ by case are two.
Result<bool> case_flag(HANDLE object) {
    ULONG flags = 0;
    IO_STATUS_BLOCK io{};
    if (NtQueryInformationFile(object, &io, &flags, sizeof(flags), kCaseSensitive) < 0)
        return Errno::EOPNOTSUPP;
    return (flags & 1) != 0;
}

Result<usize> give(const void* from, usize length, void* value, usize capacity) {
    if (capacity == 0)
        return length;
    if (length > capacity)
        return Errno::ERANGE;
    if (copy_guarded(value, from, length) != 0)
        return Errno::EFAULT;
    return length;
}

} // namespace

Result<usize> get_attribute(HANDLE object, std::string_view name, void* value, usize capacity) {
    if (name == kCaseFlag) {
        const Result<bool> flag = case_flag(object);
        return flag.is_ok() && flag.value() ? give("1", 1, value, capacity) : Result<usize>(Errno::ENODATA);
    }
    const Result<std::string_view> wanted = host_name_of(name);
    if (wanted.is_error() || !has_attributes(object))
        return Errno::ENODATA;
    GetRequest request{0, static_cast<UCHAR>(wanted.value().size()), {}};
    __builtin_memcpy(request.name, wanted.value().data(), wanted.value().size());
    FullEntry entry{};
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        NtQueryEaFile(object, &io, &entry, sizeof(entry), TRUE, &request, sizeof(request), nullptr, TRUE);
    if (status < 0 || entry.value_length == 0 || entry.name_length != wanted.value().size() ||
        entry.value_length > kLongestValue)
        return Errno::ENODATA;
    return give(entry.data + entry.name_length + 1, entry.value_length, value, capacity);
}

Result<usize> get_attribute_at(Handle directory, std::string_view name, std::string_view attribute,
                               void* value, usize capacity) {
    HostName host_name(name, HostName::Plain{});
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    Object object;
    const NTSTATUS status = drive::open_object(TRY(directory_object(directory)), host_name,
                                               SYNCHRONIZE | FILE_READ_ATTRIBUTES, FILE_OPEN, 0, object);
    if (status == STATUS_ACCESS_DENIED)
        return Errno::ENODATA;
    if (status < 0)
        return error_of(status);
    return drive::get_attribute(object.get(), attribute, value, capacity);
}

Result<void> set_attribute(HANDLE object, std::string_view name, const void* value, usize length, i32 flags) {
    char copy[kLongestValue];
    if (length > sizeof(copy))
        return Errno::ENOSPC;
    if (copy_guarded(copy, value, length) != 0)
        return Errno::EFAULT;
    if (name == kCaseFlag) {
        ULONG bits = length != 0 && copy[0] == '1';
        IO_STATUS_BLOCK io{};
        const NTSTATUS status = NtSetInformationFile(object, &io, &bits, sizeof(bits), kCaseSensitive);
        return status < 0 ? Result<void>(Errno::EOPNOTSUPP) : Result<void>();
    }
    const std::string_view wanted = TRY(host_name_of(name));
    if (!has_attributes(object))
        return Errno::EOPNOTSUPP;
    if (flags != 0) {
        const bool is_there = drive::get_attribute(object, name, nullptr, 0).is_ok();
        if (is_there && (flags & static_cast<i32>(abi::XATTR_CREATE)))
            return Errno::EEXIST;
        if (!is_there && (flags & static_cast<i32>(abi::XATTR_REPLACE)))
            return Errno::ENODATA;
    }
    FullEntry entry{};
    entry.name_length = static_cast<UCHAR>(wanted.size());
    entry.value_length = static_cast<USHORT>(length);
    __builtin_memcpy(entry.data, wanted.data(), wanted.size());
    __builtin_memcpy(entry.data + wanted.size() + 1, copy, length);
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtSetEaFile(object, &io, &entry, sizeof(entry));
    return status < 0 ? Result<void>(error_of(status)) : Result<void>();
}

// WSL's own are not the guest's to see, and there are no others.
Result<usize> list_attributes(HANDLE, char*, usize) {
    return usize{0};
}

Result<void> remove_attribute(HANDLE object, std::string_view name) {
    if (drive::get_attribute(object, name, nullptr, 0).is_error())
        return Errno::ENODATA;
    return drive::set_attribute(object, name, nullptr, 0, 0); // without a value there is none
}

} // namespace host::nt::drive
