// sendfile(2) and copy_file_range(2).
#include "abi/limits.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/io.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

constexpr usize kChunkPages = 16;

// Copies until `length`, the end of `in`, or a short write. Offsets are kCurrentPosition or move on here; `out` is
// then at the position that its own rules say.
Result<u64> copy_bytes(File& in, i64& in_offset, File& out, i64& out_offset, u64 length) {
    PageBuffer chunk(length > base::kPageSize ? kChunkPages : 1);
    if (!chunk)
        return Errno::ENOMEM;
    u64 total = 0;
    while (total < length) {
        IoBuffer target(chunk.data(), base::min<u64>(chunk.size(), length - total));
        auto got = read_file(in, target, in_offset);
        if (got.is_error())
            return total ? Result<u64>(total) : got.error();
        if (got.value() == 0)
            break;
        IoBuffer source(chunk.data(), got.value());
        auto put = write_file(out, source, out_offset);
        const usize written = put.is_ok() ? put.value() : 0;
        if (in_offset != kCurrentPosition)
            in_offset += static_cast<i64>(written);
        else if (written < got.value())
            TRY(in.seek(-static_cast<i64>(got.value() - written), abi::SEEK_CUR)); // what was not passed on
        if (out_offset != kCurrentPosition)
            out_offset += static_cast<i64>(written);
        total += written;
        if (put.is_error())
            return total ? Result<u64>(total) : put.error();
        if (written < got.value() || current().is_interrupted())
            break;
    }
    return total;
}

} // namespace

Result<u64> sys_sendfile(Fd out_fd, Fd in_fd, UserPtr<i64> offset, u64 count) {
    i64 position = kCurrentPosition, out_position = kCurrentPosition;
    if (offset) {
        position = TRY(offset.read());
        if (position < 0)
            return Errno::EINVAL;
    }
    HeldFile in = TRY(get_file(in_fd));
    if (!in->is_readable())
        return Errno::EBADF;
    if (offset && !in->is_seekable())
        return Errno::ESPIPE;
    HeldFile out = TRY(get_file(out_fd));
    if (!out->is_writable())
        return Errno::EBADF;
    if (!in->is_seekable() || in->inode().is_directory() || (out->flags.load() & abi::O_APPEND))
        return Errno::EINVAL;
    const u64 copied =
        TRY(copy_bytes(*in, position, *out, out_position, base::min<u64>(count, abi::MAX_RW_COUNT)));
    if (offset)
        TRY(offset.write(position));
    return copied;
}

Result<u64> sys_copy_file_range(Fd in_fd, UserPtr<i64> in_offset, Fd out_fd, UserPtr<i64> out_offset, u64 length,
                                HexFlags flags) {
    if (flags != 0)
        return Errno::EINVAL;
    HeldFile in = TRY(get_file(in_fd));
    HeldFile out = TRY(get_file(out_fd));
    i64 from = kCurrentPosition, to = kCurrentPosition;
    if (in_offset)
        from = TRY(in_offset.read());
    if (out_offset)
        to = TRY(out_offset.read());
    if (in->inode().is_directory() || out->inode().is_directory())
        return Errno::EISDIR;
    if (!in->inode().is_regular() || !out->inode().is_regular())
        return Errno::EINVAL;
    if (!in->is_readable() || !out->is_writable() || (out->flags.load() & abi::O_APPEND))
        return Errno::EBADF;
    const i64 from_start = in_offset ? from : static_cast<i64>(in->position);
    const i64 to_start = out_offset ? to : static_cast<i64>(out->position);
    i64 end;
    if (from_start < 0 || to_start < 0)
        return Errno::EINVAL;
    length = base::min<u64>(length, abi::MAX_RW_COUNT);
    if (__builtin_add_overflow(from_start, static_cast<i64>(length), &end) ||
        __builtin_add_overflow(to_start, static_cast<i64>(length), &end))
        return Errno::EOVERFLOW;
    if (&in->inode() == &out->inode() && from_start < to_start + static_cast<i64>(length) &&
        to_start < from_start + static_cast<i64>(length))
        return Errno::EINVAL;
    const u64 copied = TRY(copy_bytes(*in, from, *out, to, length));
    if (in_offset)
        TRY(in_offset.write(from));
    if (out_offset)
        TRY(out_offset.write(to));
    return copied;
}

} // namespace lxcore
