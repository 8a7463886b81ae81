// The functions of ntdll.dll for files that mingw's headers leave out, and structures of later Windows than theirs.
#pragma once

#include "host/nt/nt.hpp"

extern "C" {
NTSYSAPI NTSTATUS NTAPI NtReadFile(HANDLE file, HANDLE event, PIO_APC_ROUTINE apc, PVOID context, PIO_STATUS_BLOCK io,
                                   PVOID buffer, ULONG length, PLARGE_INTEGER offset, PULONG key);
NTSYSAPI NTSTATUS NTAPI NtWriteFile(HANDLE file, HANDLE event, PIO_APC_ROUTINE apc, PVOID context,
                                    PIO_STATUS_BLOCK io, PVOID buffer, ULONG length, PLARGE_INTEGER offset, PULONG key);
NTSYSAPI NTSTATUS NTAPI NtFlushBuffersFile(HANDLE file, PIO_STATUS_BLOCK io);
NTSYSAPI NTSTATUS NTAPI NtQueryDirectoryFile(HANDLE file, HANDLE event, PIO_APC_ROUTINE apc, PVOID context,
                                             PIO_STATUS_BLOCK io, PVOID buffer, ULONG length, FILE_INFORMATION_CLASS what,
                                             BOOLEAN single, PUNICODE_STRING mask, BOOLEAN restart);
NTSYSAPI NTSTATUS NTAPI NtWaitForMultipleObjects(ULONG count, const HANDLE* objects, ULONG kind, BOOLEAN alertable,
                                                 const LARGE_INTEGER* timeout);
}

#ifndef FILE_WRITE_TO_END_OF_FILE
#define FILE_WRITE_TO_END_OF_FILE 0xffffffff
#endif

namespace host::nt {

// Information classes of Windows 10.
inline constexpr auto kDispositionEx = static_cast<FILE_INFORMATION_CLASS>(64);
inline constexpr auto kRenameEx = static_cast<FILE_INFORMATION_CLASS>(65);
inline constexpr auto kCaseSensitive = static_cast<FILE_INFORMATION_CLASS>(71);
inline constexpr auto kIdFullDirectory = static_cast<FILE_INFORMATION_CLASS>(38);

struct DispositionEx {
    ULONG flags;
};
inline constexpr ULONG kDispositionDelete = 1, kDispositionPosix = 2, kDispositionIgnoreReadOnly = 0x10;
inline constexpr ULONG kRenameReplace = 1, kRenamePosix = 2, kRenameIgnoreReadOnly = 0x40;

// FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION, with room for a name.
struct RenameRequest {
    union {
        BOOLEAN replace;
        ULONG flags;
    };
    HANDLE directory;
    ULONG name_bytes;
    WCHAR name[256];
};

} // namespace host::nt
