#include "host/nt/errors.hpp"

namespace host::nt {

using base::Errno;

namespace {

struct StatusRow {
    NTSTATUS status;
    Errno error;
};
constexpr StatusRow kStatuses[] = {
    {STATUS_ACCESS_DENIED, Errno::EACCES},
    {STATUS_ACCESS_VIOLATION, Errno::EFAULT},
    {STATUS_BUFFER_TOO_SMALL, Errno::ERANGE},
    {STATUS_CANNOT_DELETE, Errno::EACCES},
    {STATUS_COMMITMENT_LIMIT, Errno::ENOMEM},
    {STATUS_CONFLICTING_ADDRESSES, Errno::ENOMEM},
    {STATUS_DELETE_PENDING, Errno::ENOENT},
    {STATUS_DIRECTORY_NOT_EMPTY, Errno::ENOTEMPTY},
    {STATUS_DISK_FULL, Errno::ENOSPC},
    {STATUS_EAS_NOT_SUPPORTED, Errno::EOPNOTSUPP},
    {STATUS_EA_LIST_INCONSISTENT, Errno::EINVAL},
    {STATUS_EA_TOO_LARGE, Errno::ENOSPC},
    {STATUS_END_OF_FILE, Errno::EIO},
    {STATUS_FILE_IS_A_DIRECTORY, Errno::EISDIR},
    {STATUS_FILE_TOO_LARGE, Errno::EFBIG},
    {STATUS_INSUFFICIENT_RESOURCES, Errno::ENOMEM},
    {STATUS_INVALID_DEVICE_REQUEST, Errno::EINVAL},
    {STATUS_INVALID_EA_NAME, Errno::EINVAL},
    {STATUS_INVALID_HANDLE, Errno::EBADF},
    {STATUS_INVALID_PARAMETER, Errno::EINVAL},
    {STATUS_MEDIA_WRITE_PROTECTED, Errno::EROFS},
    {STATUS_NAME_TOO_LONG, Errno::ENAMETOOLONG},
    {STATUS_NOT_A_DIRECTORY, Errno::ENOTDIR},
    {STATUS_NOT_IMPLEMENTED, Errno::ENOSYS},
    {STATUS_NOT_SAME_DEVICE, Errno::EXDEV},
    {STATUS_NOT_SUPPORTED, Errno::EOPNOTSUPP},
    {STATUS_NONEXISTENT_EA_ENTRY, Errno::ENODATA},
    {STATUS_NO_EAS_ON_FILE, Errno::ENODATA},
    {STATUS_NO_MEMORY, Errno::ENOMEM},
    {STATUS_NO_SUCH_FILE, Errno::ENOENT},
    {STATUS_OBJECT_NAME_COLLISION, Errno::EEXIST},
    {STATUS_OBJECT_NAME_INVALID, Errno::EINVAL},
    {STATUS_OBJECT_NAME_NOT_FOUND, Errno::ENOENT},
    {STATUS_OBJECT_PATH_NOT_FOUND, Errno::ENOENT},
    {STATUS_OBJECT_TYPE_MISMATCH, Errno::EBADF},
    {STATUS_PIPE_BROKEN, Errno::EPIPE},
    {STATUS_PIPE_CLOSING, Errno::EPIPE},
    {STATUS_PIPE_DISCONNECTED, Errno::EPIPE},
    {STATUS_PIPE_EMPTY, Errno::EAGAIN},
    {STATUS_SECTION_TOO_BIG, Errno::ENOMEM},
    {STATUS_SHARING_VIOLATION, Errno::EBUSY},
    {STATUS_TOO_MANY_LINKS, Errno::EMLINK},
    {STATUS_TOO_MANY_OPENED_FILES, Errno::EMFILE},
};

struct Win32Row {
    DWORD code;
    Errno error;
};
constexpr Win32Row kWin32[] = {
    {ERROR_ACCESS_DENIED, Errno::EACCES},
    {ERROR_ALREADY_EXISTS, Errno::EEXIST},
    {ERROR_BROKEN_PIPE, Errno::EPIPE},
    {ERROR_CALL_NOT_IMPLEMENTED, Errno::ENOSYS},
    {ERROR_COMMITMENT_LIMIT, Errno::ENOMEM},
    {ERROR_DIR_NOT_EMPTY, Errno::ENOTEMPTY},
    {ERROR_DIRECTORY, Errno::ENOTDIR},
    {ERROR_DISK_FULL, Errno::ENOSPC},
    {ERROR_FILE_EXISTS, Errno::EEXIST},
    {ERROR_FILE_NOT_FOUND, Errno::ENOENT},
    {ERROR_INSUFFICIENT_BUFFER, Errno::ERANGE},
    {ERROR_INVALID_HANDLE, Errno::EBADF},
    {ERROR_INVALID_NAME, Errno::EINVAL},
    {ERROR_INVALID_PARAMETER, Errno::EINVAL},
    {ERROR_NOACCESS, Errno::EFAULT},
    {ERROR_NOT_ENOUGH_MEMORY, Errno::ENOMEM},
    {ERROR_NOT_SAME_DEVICE, Errno::EXDEV},
    {ERROR_NOT_SUPPORTED, Errno::EOPNOTSUPP},
    {ERROR_NO_DATA, Errno::EPIPE},
    {ERROR_NO_SYSTEM_RESOURCES, Errno::ENOMEM},
    {ERROR_OUTOFMEMORY, Errno::ENOMEM},
    {ERROR_PATH_NOT_FOUND, Errno::ENOENT},
    {ERROR_PIPE_NOT_CONNECTED, Errno::EPIPE},
    {ERROR_SHARING_VIOLATION, Errno::EBUSY},
    {ERROR_TOO_MANY_LINKS, Errno::EMLINK},
    {ERROR_TOO_MANY_OPEN_FILES, Errno::EMFILE},
    {ERROR_WRITE_PROTECT, Errno::EROFS},
};

// Winsock's codes that are WSABASEERR plus the errno of 4.4BSD, by that number.
constexpr Win32Row kSockets[] = {
    {10004, Errno::EINTR},        {10009, Errno::EBADF},           {10013, Errno::EACCES},
    {10014, Errno::EFAULT},       {10022, Errno::EINVAL},          {10024, Errno::EMFILE},
    {10035, Errno::EAGAIN},       {10036, Errno::EINPROGRESS},     {10037, Errno::EALREADY},
    {10038, Errno::ENOTSOCK},     {10039, Errno::EDESTADDRREQ},    {10040, Errno::EMSGSIZE},
    {10041, Errno::EPROTOTYPE},   {10042, Errno::ENOPROTOOPT},     {10043, Errno::EPROTONOSUPPORT},
    {10044, Errno::ESOCKTNOSUPPORT}, {10045, Errno::EOPNOTSUPP},   {10046, Errno::EPFNOSUPPORT},
    {10047, Errno::EAFNOSUPPORT}, {10048, Errno::EADDRINUSE},      {10049, Errno::EADDRNOTAVAIL},
    {10050, Errno::ENETDOWN},     {10051, Errno::ENETUNREACH},     {10052, Errno::ENETRESET},
    {10053, Errno::ECONNABORTED}, {10054, Errno::ECONNRESET},      {10055, Errno::ENOBUFS},
    {10056, Errno::EISCONN},      {10057, Errno::ENOTCONN},        {10058, Errno::EPIPE},
    {10060, Errno::ETIMEDOUT},    {10061, Errno::ECONNREFUSED},    {10064, Errno::EHOSTDOWN},
    {10065, Errno::EHOSTUNREACH},
};

} // namespace

Errno errno_of(NTSTATUS status) {
    for (const StatusRow& row : kStatuses)
        if (row.status == status)
            return row.error;
    return Errno::EIO;
}

Errno errno_of_win32(DWORD code) {
    for (const Win32Row& row : kWin32)
        if (row.code == code)
            return row.error;
    for (const Win32Row& row : kSockets)
        if (row.code == code)
            return row.error;
    return Errno::EIO;
}

} // namespace host::nt
