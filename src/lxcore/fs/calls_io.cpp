// read(2), write(2) and their relatives, lseek(2).
#include "abi/limits.hpp"
#include "abi/resource.hpp"
#include "abi/signal.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/io.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

// Positions are signed: what would end behind the last one is refused as a whole (rw_verify_area of Linux).
bool is_past_last_position(const File& file, const IoBuffer& buffer, i64 offset) {
    const u64 start = offset == kCurrentPosition ? file.position : static_cast<u64>(offset);
    return static_cast<i64>(start + buffer.left()) < 0;
}

} // namespace

Result<usize> read_file(File& file, IoBuffer& buffer, i64 offset) {
    if (is_past_last_position(file, buffer, offset)) [[unlikely]]
        return Errno::EINVAL;
    const usize count = TRY(file.read(buffer, offset));
    if (count != 0)
        note_accessed(file);
    return count;
}

Result<void> check_file_size_limit(u64 length) {
    const Process* process = current().process;
    if (!process || length <= process->limits[abi::RLIMIT_FSIZE].rlim_cur) [[likely]]
        return {};
    send_kernel_signal_to_task(current(), abi::SIGXFSZ);
    return Errno::EFBIG;
}

namespace {

// A write that would cross the limit is shortened; one that begins behind it fails.
Result<void> apply_file_size_limit(File& file, IoBuffer& buffer, i64 offset) {
    const Process* process = current().process;
    if (!process)
        return {};
    const u64 limit = process->limits[abi::RLIMIT_FSIZE].rlim_cur;
    if (limit == abi::RLIM_INFINITY) [[likely]]
        return {};
    u64 start = offset == kCurrentPosition ? file.position : static_cast<u64>(offset);
    if (file.flags.load(std::memory_order_relaxed) & abi::O_APPEND)
        start = file.inode().size;
    if (buffer.left() == 0)
        return {};
    if (start >= limit)
        return check_file_size_limit(start + 1);
    buffer.limit(limit - start);
    return {};
}

Result<HeldFile> get_readable(i32 fd) {
    HeldFile file = TRY(get_file(fd));
    if (!file->is_readable())
        return Errno::EBADF;
    return file;
}

Result<HeldFile> get_writable(i32 fd) {
    HeldFile file = TRY(get_file(fd));
    if (!file->is_writable())
        return Errno::EBADF;
    return file;
}

Result<void> check_offset(const File& file, i64 offset) {
    if (offset < 0)
        return Errno::EINVAL;
    return file.is_seekable() ? Result<void>() : Result<void>(Errno::ESPIPE);
}

enum class Direction : u8 { Read, Write };

// preadv2(2), pwritev2(2) and all that is less. `flags`: abi::RWF_*.
Result<u64> transfer_vectors(Direction direction, i32 fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset,
                             u32 flags) {
    HeldFile file = TRY(direction == Direction::Read ? get_readable(fd) : get_writable(fd));
    if (offset != kCurrentPosition)
        TRY(check_offset(*file, offset));
    UserVectors copied = TRY(UserVectors::copy(vectors, count));
    IoBuffer buffer = copied.buffer();
    buffer.limit(abi::MAX_RW_COUNT);
    if (flags & ~(abi::RWF_HIPRI | abi::RWF_DSYNC | abi::RWF_SYNC))
        return Errno::EOPNOTSUPP;
    if (direction == Direction::Read)
        return TRY(read_file(*file, buffer, offset));
    const usize written = TRY(write_file(*file, buffer, offset));
    if (written != 0 && (flags & (abi::RWF_DSYNC | abi::RWF_SYNC)) && file->inode().is_regular())
        TRY(file->sync(!(flags & abi::RWF_SYNC)));
    return written;
}

Result<i64> positional(i64 offset) { return offset < 0 ? Result<i64>(Errno::EINVAL) : Result<i64>(offset); }

} // namespace

Result<usize> write_file(File& file, IoBuffer& buffer, i64 offset) {
    if (is_past_last_position(file, buffer, offset)) [[unlikely]]
        return Errno::EINVAL;
    Inode& inode = file.inode();
    const bool is_regular = inode.is_regular();
    if (is_regular) {
        TRY(apply_file_size_limit(file, buffer, offset));
        if (must_remove_privileges(inode)) [[unlikely]]
            TRY(remove_privileges(inode));
    }
    const usize count = TRY(file.write(buffer, offset));
    if (count == 0)
        return count;
    note_modified(file);
    const u32 flags = file.flags.load(std::memory_order_relaxed);
    if ((flags & abi::O_DSYNC) && is_regular)
        TRY(file.sync((flags & abi::O_SYNC) != abi::O_SYNC));
    return count;
}

Result<u64> sys_read(Fd fd, OutBuffer buffer, u64 count) {
    HeldFile file = TRY(get_readable(fd));
    IoBuffer target = IoBuffer::user(buffer, base::min<u64>(count, abi::MAX_RW_COUNT));
    return read_file(*file, target, kCurrentPosition);
}

Result<u64> sys_write(Fd fd, InBuffer buffer, u64 count) {
    HeldFile file = TRY(get_writable(fd));
    IoBuffer source = IoBuffer::user(buffer, base::min<u64>(count, abi::MAX_RW_COUNT));
    return write_file(*file, source, kCurrentPosition);
}

Result<u64> sys_pread64(Fd fd, OutBuffer buffer, u64 count, i64 offset) {
    if (offset < 0)
        return Errno::EINVAL;
    HeldFile file = TRY(get_readable(fd));
    TRY(check_offset(*file, offset));
    IoBuffer target = IoBuffer::user(buffer, base::min<u64>(count, abi::MAX_RW_COUNT));
    return read_file(*file, target, offset);
}

Result<u64> sys_pwrite64(Fd fd, InBuffer buffer, u64 count, i64 offset) {
    if (offset < 0)
        return Errno::EINVAL;
    HeldFile file = TRY(get_writable(fd));
    TRY(check_offset(*file, offset));
    IoBuffer source = IoBuffer::user(buffer, base::min<u64>(count, abi::MAX_RW_COUNT));
    return write_file(*file, source, offset);
}

Result<u64> sys_readv(Fd fd, UserPtr<abi::iovec> vectors, i64 count) {
    return transfer_vectors(Direction::Read, fd, vectors, count, kCurrentPosition, 0);
}
Result<u64> sys_writev(Fd fd, UserPtr<abi::iovec> vectors, i64 count) {
    return transfer_vectors(Direction::Write, fd, vectors, count, kCurrentPosition, 0);
}
Result<u64> sys_preadv(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64) {
    return transfer_vectors(Direction::Read, fd, vectors, count, TRY(positional(offset)), 0);
}
Result<u64> sys_pwritev(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64) {
    return transfer_vectors(Direction::Write, fd, vectors, count, TRY(positional(offset)), 0);
}
Result<u64> sys_preadv2(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64, HexFlags flags) {
    return transfer_vectors(Direction::Read, fd, vectors, count, offset == -1 ? offset : TRY(positional(offset)),
                            static_cast<u32>(flags.value));
}
Result<u64> sys_pwritev2(Fd fd, UserPtr<abi::iovec> vectors, i64 count, i64 offset, u64, HexFlags flags) {
    return transfer_vectors(Direction::Write, fd, vectors, count, offset == -1 ? offset : TRY(positional(offset)),
                            static_cast<u32>(flags.value));
}

Result<u64> sys_lseek(Fd fd, i64 offset, i32 whence) {
    HeldFile file = TRY(get_file(fd));
    if (static_cast<u32>(whence) > abi::SEEK_HOLE)
        return Errno::EINVAL;
    return file->seek(offset, whence);
}

} // namespace lxcore
