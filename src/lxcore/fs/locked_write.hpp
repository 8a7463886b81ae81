// Writing to files whose size the kernel itself keeps.
#pragma once

#include "lxcore/fs/file.hpp"

namespace lxcore {

// write(2) and pwrite(2) of a regular file: calls write(from) -> Result<usize> under the inode's lock, at
// `offset` or at the file's position, which moves on; with O_APPEND, as a whole at the end as it is under the
// lock, pwrite(2) included.
template <typename Write>
Result<usize> write_locked(File& file, Inode& inode, i64 offset, Write&& write) {
    if (!(file.flags.load(std::memory_order_relaxed) & abi::O_APPEND))
        return file.at_position(offset, [&](u64 from) -> Result<usize> {
            LockGuard guard(inode.lock);
            return write(from);
        });
    if (offset != kCurrentPosition) {
        LockGuard guard(inode.lock);
        return write(inode.size);
    }
    LockGuard position_guard(file.position_lock);
    LockGuard guard(inode.lock);
    const u64 end = inode.size;
    Result<usize> done = write(end);
    if (done.is_ok())
        file.position = end + done.value();
    return done;
}

} // namespace lxcore
