// What the host asks of NTFS that not every file system of Windows has: extended attributes, and folders that
// tell case apart. In a file of their own, since Wine has neither: the tests link tests/nt/ea_double.cpp in
// its place.
#pragma once

#include "host/nt/nt.hpp"

namespace host::nt::ea {

// Extended attributes for a new file (FILE_FULL_EA_INFORMATION).
struct List {
    void* data = nullptr;
    ULONG length = 0;
};
// As NtCreateFile, shared in every way, synchronous.
NTSTATUS create_file(HANDLE* file, ACCESS_MASK access, OBJECT_ATTRIBUTES* attributes, IO_STATUS_BLOCK* io,
                     ULONG disposition, ULONG options, const List& list);
// As NtQueryEaFile from the first one on; `names` (FILE_GET_EA_INFORMATION) may be null.
NTSTATUS query(HANDLE file, IO_STATUS_BLOCK* io, void* buffer, ULONG length, void* names, ULONG names_length);
// As NtSetEaFile.
NTSTATUS set(HANDLE file, IO_STATUS_BLOCK* io, void* buffer, ULONG length);
// Whether the volume says that it has them.
bool are_supported(HANDLE file);

// Makes a folder tell upper and lower case apart, or no longer; those made below it inherit it.
NTSTATUS set_case_sensitive(HANDLE folder, bool is_sensitive);
NTSTATUS is_case_sensitive(HANDLE folder, bool& is_sensitive);

} // namespace host::nt::ea
