// Directories of the NT host: listing and making.
#include "abi/stat.hpp"
#include "host/nt/drive_files.hpp"

namespace host {

using namespace nt;

void rewind_directory(Handle directory) {
    if (HandleEntry* entry = entry_of(directory))
        entry->position.store(0);
}

Result<void> read_directory(Handle directory, bool (*visit)(void* context, const DirectoryEntry& entry),
                            void* context) {
    if (is_on_drive(directory))
        return drive::read_directory(directory, visit, context);
    // Each call scans from the start and passes over what was taken before: the host's own position is one per Windows
    // handle, and a handle may move between processes. With a handle of its own: Wine lists one in the first process alone that asks
    // for it, and shows for ever what was there then. Small enough for a kernel stack.
    Object own;
    HostName itself(std::string_view(), nullptr);
    const NTSTATUS opened =
        open_object(TRY(directory_object(directory)), itself, kReadAccess, FILE_OPEN, FILE_DIRECTORY_FILE, own.receive());
    if (opened < 0)
        return errno_of(opened);
    HandleEntry& state = *entry_of(directory);
    const bool is_root = state.file == entry_of(files().root)->file;
    alignas(8) u8 buffer[2048];
    char name[kMaxNameBytes];
    const u64 taken = state.position.load();
    u64 index = 0;
    for (bool restart = true;; restart = false) {
        IO_STATUS_BLOCK io{};
        const NTSTATUS status = NtQueryDirectoryFile(own.get(), nullptr, nullptr, nullptr, &io, buffer, sizeof(buffer),
                                                     kIdFullDirectory, FALSE, nullptr, restart);
        if (status == STATUS_NO_MORE_FILES || status == STATUS_NO_SUCH_FILE)
            return {};
        if (status < 0)
            return errno_of(status);
        for (const u8* at = buffer;;) {
            const auto& found = *reinterpret_cast<const FILE_ID_FULL_DIR_INFORMATION*>(at);
            const usize length = found.FileNameLength / sizeof(WCHAR);
            if (index++ >= taken) {
                const bool is_dot = length <= 2 && found.FileName[0] == '.' && (length == 1 || found.FileName[1] == '.');
                isize bytes = is_dot ? static_cast<isize>(length) : -1;
                if (is_dot)
                    name[0] = name[1] = '.';
                else
                    bytes = guest_name(found.FileName, length, files().escapes_case, name);
                if (bytes > 0) {
                    FileType type = FileType::Regular;
                    if (found.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
                        type = FileType::Symlink;
                    else if (found.FileAttributes & FILE_ATTRIBUTE_DIRECTORY)
                        type = FileType::Directory;
                    u64 id = static_cast<u64>(found.FileId.QuadPart);
                    if (is_root && is_dot)
                        id = state.file;
                    if (!visit(context, {id, type, std::string_view(name, static_cast<usize>(bytes))}))
                        return {};
                }
                state.position.store(index);
            }
            if (found.NextEntryOffset == 0)
                break;
            at += found.NextEntryOffset;
        }
    }
}

Result<void> make_directory_at(Handle directory, std::string_view name, u32 permissions) {
    if (is_on_drive(directory))
        return drive::make_directory_at(directory, name);
    HANDLE folder = TRY(directory_object(directory));
    HostName host_name(name, files().escapes_case);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    if (host_name.is_empty())
        return Errno::EEXIST;
    Object object;
    const NTSTATUS status =
        open_object(folder, host_name, kAttributeAccess, FILE_CREATE, FILE_DIRECTORY_FILE, object.receive());
    if (status < 0)
        return name_error(status, host_name);
    Identity identity{};
    if (identify(object.get(), identity) >= 0) {
        forget_attributes(identity.file);
        Result<void> recorded = record_permissions(identity.file, permissions);
        if (recorded.is_error()) {
            (void)remove_directory_at(directory, name);
            return recorded.error();
        }
    }
    return {};
}

} // namespace host
