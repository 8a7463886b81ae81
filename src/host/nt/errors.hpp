// Windows' errors as Linux's.
#pragma once

#include "base/result.hpp"
#include "host/nt/nt.hpp"

namespace host::nt {

// EIO for what has no counterpart.
base::Errno errno_of(NTSTATUS status);
// Of GetLastError() and WSAGetLastError().
base::Errno errno_of_win32(DWORD error);

// The result of an Nt* call without a value.
inline base::Result<void> void_result(NTSTATUS status) {
    if (status < 0)
        return errno_of(status);
    return {};
}

} // namespace host::nt
