// Reading and writing an open file as the system calls do: checks and side effects around File::read and write.
#pragma once

#include "lxcore/fs/file.hpp"

namespace lxcore {

// The access mode has been checked. Access time and inotify follow a successful read.
Result<usize> read_file(File& file, IoBuffer& buffer, i64 offset);
// RLIMIT_FSIZE (EFBIG and SIGXFSZ), set-id bits, times, inotify, O_SYNC.
Result<usize> write_file(File& file, IoBuffer& buffer, i64 offset);
// EFBIG and SIGXFSZ when a file of `length` bytes may not be made.
Result<void> check_file_size_limit(u64 length);

} // namespace lxcore
