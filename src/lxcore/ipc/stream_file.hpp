// Files over a host stream: what a client of the manager passes as standard input, output and error.
#pragma once

#include "lxcore/fs/file.hpp"

namespace lxcore {

// Takes over `handle` (a pipe, file, socket or terminal of the host) and closes it with the file's last reference, also on
// failure. access_mode: abi::O_RDONLY, O_WRONLY or O_RDWR. To the guest it is a pipe.
Result<RefPtr<File>> make_stream_file(host::Handle handle, u32 access_mode);
// The same for what has no name on the host either: an eventfd(2) or the like.
Result<RefPtr<File>> make_nameless_stream_file(host::Handle handle, u32 access_mode);

} // namespace lxcore
