// Extended attributes of the host's files, as NTFS has them: for the instance's tree (LXATTRB and LXXATTR, as
// WSL 1 keeps them) and for drives ($LXUID and its like). Names are ASCII, at most 64 bytes, and their case
// counts for nothing: all are kept in capitals. A value has at least one byte. All attributes of a file
// together have 64 KiB.
#pragma once

#include <string_view>

#include "host/nt/internal.hpp"

namespace host::nt::extended {

// As getxattr(2), setxattr(2), removexattr(2): ENODATA, ERANGE, EEXIST; ENOSPC when the file cannot hold as
// much, EFAULT; EOPNOTSUPP where the file system has none; EACCES.
Result<usize> get(HANDLE file, std::string_view name, void* value, usize capacity);
Result<void> set(HANDLE file, std::string_view name, const void* value, usize length, i32 flags);
Result<void> remove(HANDLE file, std::string_view name);
// Their names as lxcore has them, "user." and small letters, each with a NUL; the number of bytes. ERANGE.
Result<usize> list(HANDLE file, char* names, usize capacity);

// The list of one attribute that NtCreateFile and NtSetEaFile take, in `out`, which is a multiple of four:
// its bytes. ENOSPC, EFAULT.
Result<usize> encode(std::string_view name, const void* value, usize length, u8* out, usize capacity);

// Whether the volume of `file`, which has none, can: as it says, and by trial. Where one of a crash is left,
// it goes.
bool can_hold(HANDLE file);

// The name of lxcore's ("user.lxattrb") as it is given to these; EOPNOTSUPP for one that has none.
Result<std::string_view> host_name(std::string_view name);

} // namespace host::nt::extended
