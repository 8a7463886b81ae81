// Files over a host stream: what a client of the manager passes as standard input, output and error.
#pragma once

#include "lxcore/fs/file.hpp"

namespace lxcore {

// Takes over `handle` (a pipe, file, socket or terminal of the host) and closes it with the file's last reference.
// access_mode: abi::O_RDONLY, O_WRONLY or O_RDWR.
Result<RefPtr<File>> make_stream_file(host::Handle handle, u32 access_mode);

} // namespace lxcore
