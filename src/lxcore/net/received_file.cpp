// Files for handles that come in messages from the host.
#include "lxcore/fs/handle_file.hpp"
#include "lxcore/ipc/stream_file.hpp"
#include "lxcore/net/host_connection.hpp"

namespace lxcore {

Result<RefPtr<File>> make_received_file(host::Handle handle) {
    const auto info = host::file_info(handle);
    const auto mode = host::access_mode(handle);
    if (info.is_ok() && mode.is_ok()) {
        switch (info.value().type) {
        case host::FileType::Regular: {
            // Most often a memfd: a compositor's keymap, a buffer.
            RefPtr<HandleFile> file = TRY(make_handle_file(handle, mode.value()));
            TRY(attach_anonymous_inode(*file, "host", abi::S_IFREG | 0600,
                                       RefPtr<Inode>(&file->handle_inode())));
            return RefPtr<File>(std::move(file));
        }
        case host::FileType::Fifo:
        case host::FileType::CharacterDevice:
        case host::FileType::Unknown: // of no file at all: an eventfd, with which PulseAudio's two sides wake each other
            return make_stream_file(handle, mode.value());
        case host::FileType::Socket:
            return make_connected_file(handle);
        default:
            break;
        }
    }
    host::close(handle);
    return Errno::EOPNOTSUPP;
}

} // namespace lxcore
