// First steps of the files: the tree's root, what the host can do, the hidden folder, the side store.
#include "host/nt/ea_calls.hpp"
#include "host/nt/extended_attributes.hpp"
#include "host/nt/files.hpp"
#include "host/nt/journal.hpp"
#include "host/nt/sockets.hpp"
#include "host/nt/streams.hpp"
#include "host/nt/tree_paths.hpp"

namespace host::nt {

namespace {

// Tried on a file, since the host's version and its file system both have a say.
bool can_remove_open_files() {
    OwnName name('d', 0);
    Object object;
    if (open_object(object_of(files().hidden), name, kAttributeAccess | DELETE, FILE_OPEN_IF, FILE_NON_DIRECTORY_FILE,
                    object.receive()) < 0)
        return false;
    IO_STATUS_BLOCK io{};
    DispositionEx request{kDispositionDelete | kDispositionPosix};
    const bool can = NtSetInformationFile(object.get(), &io, &request, sizeof(request), kDispositionEx) >= 0;
    if (!can) {
        FILE_DISPOSITION_INFORMATION plain{TRUE};
        NtSetInformationFile(object.get(), &io, &plain, sizeof(plain), FileDispositionInformation);
    }
    return can;
}

// A handle of our own, with the rights that we want.
Handle adopt_folder(HANDLE folder, std::string_view what) {
    HostName nothing(std::string_view(), nullptr);
    Object object;
    const NTSTATUS status = open_object(folder, nothing, kAttributeAccess | FILE_READ_DATA, FILE_OPEN,
                                        FILE_DIRECTORY_FILE, object.receive());
    Identity identity{};
    if (status < 0 || identify(object.get(), identity) < 0)
        fail(what, "cannot be opened", static_cast<u32>(status));
    FILE_FS_VOLUME_INFORMATION volume{};
    IO_STATUS_BLOCK io{};
    NtQueryVolumeInformationFile(object.get(), &io, &volume, sizeof(volume), FileFsVolumeInformation);
    const Result<Handle> handle =
        adopt(object.release(), {HandleKind::Directory, false, identity.file, volume.VolumeSerialNumber});
    if (handle.is_error())
        fail(what, "no handle left");
    return handle.value();
}

bool has_hidden_folder() {
    HostName name(kHiddenFolder, nullptr);
    Object hidden;
    return open_object(object_of(files().root), name, kAttributeAccess, FILE_OPEN, FILE_DIRECTORY_FILE, hidden.receive()) >= 0;
}

void take_hidden_folder(ULONG disposition) {
    HostName name(kHiddenFolder, nullptr);
    Object hidden;
    const NTSTATUS status = open_object(object_of(files().root), name, kAttributeAccess | FILE_READ_DATA, disposition,
                                        FILE_DIRECTORY_FILE, hidden.receive());
    if (status < 0)
        fail("the instance's folder", "cannot be written to", static_cast<u32>(status));
    files().hidden = adopt_folder(hidden.get(), "the hidden folder");
}

// What the host can do, by trying.
void try_host() {
    files().next_number.store(1);
    files().has_posix_removal = can_remove_open_files();
    files().handles_follow_renames = true; // for the trial
    files().handles_follow_renames = do_handles_follow_renames(object_of(files().hidden));
    files().escapes_case = ea::set_case_sensitive(object_of(files().root), true) < 0;
}

} // namespace

bool is_new_tree() {
    Object root;
    HostName itself(std::string_view(), nullptr);
    if (open_object(object_of(files().root), itself, kReadAccess, FILE_OPEN, FILE_DIRECTORY_FILE, root.receive()) < 0)
        return false;
    return is_empty_directory(root.get(), kHiddenFolder);
}

bool is_laid_out_by_wsl() {
    return extended::get(object_of(files().root), "LXATTRB", nullptr, 0).is_ok();
}

void prepare_files_for_check(HANDLE root, bool may_write) {
    files().root = adopt_folder(root, "the instance's folder");
    files().guest_tools = files().hidden = kNoHandle;
    const bool is_ours = has_hidden_folder();
    files().has_extended_attributes = !is_ours && is_laid_out_by_wsl();
    if (may_write && (is_ours || files().has_extended_attributes)) {
        take_hidden_folder(FILE_OPEN_IF);
        try_host();
        return;
    }
    if (is_ours)
        take_hidden_folder(FILE_OPEN);
    files().handles_follow_renames = true;
    bool is_sensitive;
    files().escapes_case = ea::is_case_sensitive(object_of(files().root), is_sensitive) < 0;
}

void prepare_files(HANDLE root, HANDLE guest_tools) {
    files().root = adopt_folder(root, "the instance's folder");
    files().guest_tools = adopt_folder(guest_tools, "the folder of guest tools");
    if (!has_hidden_folder() && !is_new_tree() && !is_laid_out_by_wsl())
        fail("the instance's rootfs cannot be opened here", kForeignTree);
    take_hidden_folder(FILE_OPEN_IF);
    try_host();
    open_store();
    finish_all_renames();
    empty_hidden_folder();
    start_socket_service();
}

void end_files() {
    drain_streams();
    (void)flush_store();
}

} // namespace host::nt
