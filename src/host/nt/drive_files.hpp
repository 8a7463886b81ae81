// Files of drives: as Windows' own programs see them, and used by those at the same time. Names are plain,
// attributes are the file system's, what is open stays where it is. The functions of host.hpp hand over to
// these for handles of drives.
#pragma once

#include "host/nt/files.hpp"

namespace host::nt {

// Whether a directory or file is one of a drive.
bool is_on_drive(Handle handle);

namespace drive {

Result<Handle> open_at(Handle directory, std::string_view name, u32 mode);
Result<FileInfo> file_info(HANDLE object, u64 device);
Result<FileInfo> file_info_at(Handle directory, std::string_view name);
Result<void> read_directory(Handle directory, bool (*visit)(void* context, const DirectoryEntry& entry),
                            void* context);
Result<void> make_directory_at(Handle directory, std::string_view name);
Result<usize> read_symlink_at(Handle directory, std::string_view name, char* buffer, usize capacity);
Result<void> link_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to);
Result<void> unlink_at(Handle directory, std::string_view name, bool is_directory);
Result<void> rename_at(Handle from_directory, std::string_view from, Handle to_directory, std::string_view to,
                       u32 flags);
Result<void> set_permissions(Handle file, u32 permissions);
Result<void> set_times_at(Handle directory, std::string_view name, const abi::timespec* accessed,
                          const abi::timespec* modified);

// drive_attributes.cpp
Result<usize> get_attribute(HANDLE object, std::string_view name, void* value, usize capacity);
Result<usize> get_attribute_at(Handle directory, std::string_view name, std::string_view attribute,
                               void* value, usize capacity);
Result<void> set_attribute(HANDLE object, std::string_view name, const void* value, usize length, i32 flags);
Result<usize> list_attributes(HANDLE object, char* names, usize capacity);
Result<void> remove_attribute(HANDLE object, std::string_view name);

// Opens a file for what is to be done with it, with the right to change attributes if the user has it. Links
// are not followed. STATUS_* of NtCreateFile.
NTSTATUS open_object(HANDLE directory, HostName& name, ACCESS_MASK access, ULONG disposition, ULONG options,
                     Object& object, bool* was_created = nullptr);
// A handle of it; ELOOP for a link.
Result<Handle> adopt_object(Object& object, bool is_writable);
// Errors of what is open elsewhere, by the rules of DriveFs, and others.
Errno error_of(NTSTATUS status);

} // namespace drive

} // namespace host::nt
