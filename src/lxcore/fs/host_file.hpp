// What open files whose bytes are a host file's have in common: moving bytes without a copy, and positions.
#pragma once

#include "lxcore/fs/file.hpp"
#include "lxcore/fs/handle_slot.hpp"

namespace lxcore {

// Calls transfer(vectors, count, offset) -> Result<usize> until the buffer is through or a call comes back short.
template <typename Transfer>
Result<usize> transfer_all(IoBuffer& buffer, u64 offset, bool stop_when_short, Transfer&& transfer) {
    constexpr usize kVectors = 8;
    usize done = 0;
    while (buffer.left() != 0) {
        abi::iovec vectors[kVectors];
        Result<usize> count = buffer.ranges(vectors, kVectors, usize{1} << 30);
        if (count.is_error())
            return done ? Result<usize>(done) : count;
        usize wanted = 0;
        for (usize i = 0; i < count.value(); ++i)
            wanted += vectors[i].iov_len;
        Result<usize> moved = transfer(vectors, count.value(), offset + done);
        if (moved.is_error())
            return done ? Result<usize>(done) : moved;
        buffer.advance(moved.value());
        done += moved.value();
        if (moved.value() == 0 || (stop_when_short && moved.value() < wanted))
            break;
    }
    return done;
}

// lseek(2) of a file of `size` bytes; position_lock is held. pin() -> Result<HandlePin> is asked for data and holes.
template <typename Pin>
Result<u64> seek_host_file(File& file, i64 offset, i32 whence, u64 size, Pin&& pin) {
    if (whence != static_cast<i32>(abi::SEEK_DATA) && whence != static_cast<i32>(abi::SEEK_HOLE))
        return file.position = TRY(seek_target(offset, whence, file.position, size));
    if (file.inode().is_directory())
        return Errno::EINVAL;
    if (offset < 0 || static_cast<u64>(offset) >= size)
        return Errno::ENXIO;
    HandlePin pinned = TRY(pin());
    const auto from = static_cast<u64>(offset);
    return file.position = TRY(whence == static_cast<i32>(abi::SEEK_DATA) ? host::seek_data(pinned.handle(), from)
                                                                         : host::seek_hole(pinned.handle(), from));
}

} // namespace lxcore
