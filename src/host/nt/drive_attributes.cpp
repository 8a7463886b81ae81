// Extended attributes of drives: NTFS's, by the names that WSL gives them. Where a file system has none (FAT,
// and all under Wine) there is nothing to keep metadata in: EOPNOTSUPP.
#include "abi/xattr.hpp"
#include "host/nt/drive_files.hpp"
#include "host/nt/ea_calls.hpp"
#include "host/nt/extended_attributes.hpp"

namespace host::nt::drive {

namespace {

// lxcore's names of WSL's attributes are those of Linux hosts. Other attributes of users have no place that
// others know of.
constexpr std::string_view kOurs = "$LX", kCaseFlag = "user.$LXCASE";
constexpr usize kLongestName = 16;

Result<std::string_view> host_name_of(std::string_view name) {
    const std::string_view wanted = TRY(extended::host_name(name));
    return wanted.starts_with(kOurs) && wanted.size() <= kLongestName ? Result<std::string_view>(wanted)
                                                                      : Result<std::string_view>(Errno::EOPNOTSUPP);
}

} // namespace

Result<usize> get_attribute(HANDLE object, std::string_view name, void* value, usize capacity) {
    if (name == kCaseFlag) {
        bool is_sensitive = false;
        if (ea::is_case_sensitive(object, is_sensitive) < 0 || !is_sensitive)
            return Errno::ENODATA;
        return capacity == 0 || copy_guarded(value, "1", 1) == 0 ? Result<usize>(usize{1}) : Result<usize>(Errno::EFAULT);
    }
    const Result<std::string_view> wanted = host_name_of(name);
    if (wanted.is_error() || !ea::are_supported(object))
        return Errno::ENODATA;
    const Result<usize> got = extended::get(object, wanted.value(), value, capacity);
    // Where the user may not look there is none.
    return got.error() == Errno::EACCES || got.error() == Errno::EOPNOTSUPP ? Result<usize>(Errno::ENODATA) : got;
}

Result<usize> get_attribute_at(Handle directory, std::string_view name, std::string_view attribute,
                               void* value, usize capacity) {
    HostName host_name(name, HostName::Plain{});
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    Object object;
    const NTSTATUS status = drive::open_object(TRY(directory_object(directory)), host_name,
                                               SYNCHRONIZE | FILE_READ_ATTRIBUTES | FILE_READ_EA, FILE_OPEN, 0, object);
    if (status == STATUS_ACCESS_DENIED)
        return Errno::ENODATA;
    if (status < 0)
        return error_of(status);
    return drive::get_attribute(object.get(), attribute, value, capacity);
}

Result<void> set_attribute(HANDLE object, std::string_view name, const void* value, usize length, i32 flags) {
    if (name == kCaseFlag) {
        char first = 0;
        if (length != 0 && copy_guarded(&first, value, 1) != 0)
            return Errno::EFAULT;
        return ea::set_case_sensitive(object, first == '1') < 0 ? Result<void>(Errno::EOPNOTSUPP) : Result<void>();
    }
    const std::string_view wanted = TRY(host_name_of(name));
    if (!ea::are_supported(object))
        return Errno::EOPNOTSUPP;
    return extended::set(object, wanted, value, length, flags);
}

// WSL's own are not the guest's to see, and there are no others.
Result<usize> list_attributes(HANDLE, char*, usize) {
    return usize{0};
}

Result<void> remove_attribute(HANDLE object, std::string_view name) {
    if (name == kCaseFlag)
        return drive::get_attribute(object, name, nullptr, 0).is_error() ? Result<void>(Errno::ENODATA)
                                                                         : drive::set_attribute(object, name, nullptr, 0, 0);
    const Result<std::string_view> wanted = host_name_of(name);
    if (wanted.is_error() || !ea::are_supported(object))
        return Errno::ENODATA;
    return extended::remove(object, wanted.value());
}

} // namespace host::nt::drive
