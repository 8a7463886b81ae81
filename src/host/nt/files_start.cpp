// First steps of the files: the tree's root, what the host can do, the hidden folder, the side store.
#include "host/nt/ea_calls.hpp"
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

} // namespace

void prepare_files(HANDLE root, HANDLE guest_tools) {
    files().root = adopt_folder(root, "the instance's folder");
    files().guest_tools = adopt_folder(guest_tools, "the folder of guest tools");
    HostName name(kHiddenFolder, nullptr);
    Object hidden;
    const NTSTATUS status = open_object(object_of(files().root), name, kAttributeAccess | FILE_READ_DATA, FILE_OPEN_IF,
                                        FILE_DIRECTORY_FILE, hidden.receive());
    if (status < 0)
        fail("the instance's folder", "cannot be written to", static_cast<u32>(status));
    files().hidden = adopt_folder(hidden.get(), "the hidden folder");
    files().next_number.store(1);
    files().has_posix_removal = can_remove_open_files();
    files().handles_follow_renames = true; // for the trial
    files().handles_follow_renames = do_handles_follow_renames(object_of(files().hidden));
    files().escapes_case = ea::set_case_sensitive(object_of(files().root), true) < 0;
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
