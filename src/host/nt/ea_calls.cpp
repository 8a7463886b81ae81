#include "host/nt/ea_calls.hpp"

#include "host/nt/nt_files.hpp"

extern "C" {
NTSYSAPI NTSTATUS NTAPI NtQueryEaFile(HANDLE file, PIO_STATUS_BLOCK io, PVOID buffer, ULONG length,
                                      BOOLEAN single, PVOID list, ULONG list_length, PULONG index,
                                      BOOLEAN restart);
NTSYSAPI NTSTATUS NTAPI NtSetEaFile(HANDLE file, PIO_STATUS_BLOCK io, PVOID buffer, ULONG length);
}

namespace host::nt::ea {

NTSTATUS create_file(HANDLE* file, ACCESS_MASK access, OBJECT_ATTRIBUTES* attributes, IO_STATUS_BLOCK* io,
                     ULONG disposition, ULONG options, const List& list) {
    return NtCreateFile(file, access | SYNCHRONIZE, attributes, io, nullptr, FILE_ATTRIBUTE_NORMAL,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, disposition,
                        options | FILE_SYNCHRONOUS_IO_NONALERT, list.data, list.length);
}

NTSTATUS query(HANDLE file, IO_STATUS_BLOCK* io, void* buffer, ULONG length, void* names,
               ULONG names_length) {
    return NtQueryEaFile(file, io, buffer, length, FALSE, names, names_length, nullptr, TRUE);
}

NTSTATUS set(HANDLE file, IO_STATUS_BLOCK* io, void* buffer, ULONG length) {
    return NtSetEaFile(file, io, buffer, length);
}

bool are_supported(HANDLE file) {
    alignas(8) u8 buffer[sizeof(FILE_FS_ATTRIBUTE_INFORMATION) + 64];
    IO_STATUS_BLOCK io{};
    const NTSTATUS status =
        NtQueryVolumeInformationFile(file, &io, buffer, sizeof(buffer), FileFsAttributeInformation);
    return (status >= 0 || status == STATUS_BUFFER_OVERFLOW) &&
           (reinterpret_cast<const FILE_FS_ATTRIBUTE_INFORMATION*>(buffer)->FileSystemAttributes &
            FILE_SUPPORTS_EXTENDED_ATTRIBUTES);
}

NTSTATUS set_case_sensitive(HANDLE folder, bool is_sensitive) {
    ULONG flags = is_sensitive; // FILE_CS_FLAG_CASE_SENSITIVE_DIR
    IO_STATUS_BLOCK io{};
    return NtSetInformationFile(folder, &io, &flags, sizeof(flags), kCaseSensitive);
}

NTSTATUS is_case_sensitive(HANDLE folder, bool& is_sensitive) {
    ULONG flags = 0;
    IO_STATUS_BLOCK io{};
    const NTSTATUS status = NtQueryInformationFile(folder, &io, &flags, sizeof(flags), kCaseSensitive);
    is_sensitive = (flags & 1) != 0;
    return status;
}

} // namespace host::nt::ea
