// splice(2), tee(2), vmsplice(2). Bytes are copied; what the calls promise is the effect, not the means.
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/pipe.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr u64 kAllFlags = abi::SPLICE_F_MOVE | abi::SPLICE_F_NONBLOCK | abi::SPLICE_F_MORE | abi::SPLICE_F_GIFT;
constexpr usize kChunkPages = 16;

// Sleeps until `pipe` has something to read (or its writers are gone: returns 0), or room; the bytes there.
Result<u64> wait_for_pipe(PipeState& pipe, bool for_room, bool nonblocking) {
    WaitQueue& queue = for_room ? pipe.writable : pipe.readable;
    Waiter waiter(current());
    for (;;) {
        {
            LockGuard guard(pipe.lock);
            if (for_room) {
                if (pipe.readers == 0) {
                    guard.unlock();
                    send_kernel_signal_to_task(current(), abi::SIGPIPE);
                    return Errno::EPIPE;
                }
                if (pipe.room() >= PipeState::kAtomicBytes)
                    return pipe.room();
            } else {
                if (pipe.used() != 0)
                    return pipe.used();
                if (pipe.writers == 0)
                    return u64{0};
            }
            if (nonblocking)
                return Errno::EAGAIN;
            if (!waiter.is_attached())
                waiter.attach(queue);
        }
        if (current().sleep() == SleepResult::Interrupted)
            return Errno::ERESTARTSYS;
    }
}

// Puts what could not be passed on back in front of the pipe.
void unread(PipeState& pipe, const char* data, usize length) {
    if (length == 0)
        return;
    LockGuard reader(pipe.read_lock);
    LockGuard writer(pipe.write_lock);
    LockGuard guard(pipe.lock);
    const u16 header = static_cast<u16>(length); // of a packet pipe
    const usize extra = pipe.packets ? sizeof(header) : 0;
    // A writer may have used the room meanwhile: the pipe then grows rather than to lose what was taken out of it.
    while (pipe.room() < length + extra)
        if (pipe.resize(pipe.page_count * 2).is_error())
            return;
    if (pipe.head < length + extra) {
        const u64 shift = base::align_up(length + extra, pipe.capacity());
        // Only whole rounds of the ring leave the bytes where they are.
        pipe.head += shift;
        pipe.tail += shift;
    }
    const u64 tail = pipe.tail;
    pipe.head -= length + extra;
    pipe.tail = pipe.head;
    IoBuffer head(const_cast<u16*>(&header), extra);
    IoBuffer body(const_cast<char*>(data), length);
    if (extra != 0)
        (void)pipe.put(head, extra).is_ok();
    (void)pipe.put(body, length).is_ok();
    pipe.tail = tail;
}

struct Side {
    File& file;
    i64 offset; // kCurrentPosition, or where
};

// From a pipe to anything.
Result<usize> from_pipe(PipeState& pipe, File& in, Side out, usize length, bool nonblocking) {
    const u64 available = TRY(wait_for_pipe(pipe, false, nonblocking));
    if (available == 0)
        return usize{0};
    if (PipeState* target = out.file.pipe())
        length = base::min<u64>(length, TRY(wait_for_pipe(*target, true, nonblocking)));
    length = base::min<u64>(base::min<u64>(length, available), kChunkPages * base::kPageSize);
    PageBuffer chunk((length + base::kPageSize - 1) / base::kPageSize);
    if (!chunk)
        return Errno::ENOMEM;
    IoBuffer taken(chunk.data(), length);
    const usize got = TRY(in.read(taken, kCurrentPosition));
    IoBuffer given(chunk.data(), got);
    auto put = out.file.write(given, out.offset);
    const usize done = put.is_ok() ? put.value() : 0;
    if (done < got)
        unread(pipe, chunk.data() + done, got - done);
    if (put.is_error())
        return put.error();
    return done;
}

// From anything but a pipe to a pipe.
Result<usize> to_pipe(Side in, PipeState& pipe, File& out, usize length, bool nonblocking) {
    const u64 room = TRY(wait_for_pipe(pipe, true, nonblocking));
    length = base::min<u64>(base::min<u64>(length, room), kChunkPages * base::kPageSize);
    PageBuffer chunk((length + base::kPageSize - 1) / base::kPageSize);
    if (!chunk)
        return Errno::ENOMEM;
    IoBuffer taken(chunk.data(), length);
    const usize got = TRY(in.file.read(taken, in.offset));
    IoBuffer given(chunk.data(), got);
    if (got == 0)
        return usize{0};
    return out.write(given, kCurrentPosition);
}

Result<i64> read_offset(UserPtr<i64> user, File& file) {
    if (!user)
        return kCurrentPosition;
    if (file.pipe())
        return Errno::ESPIPE;
    const i64 offset = TRY(user.read());
    if (!file.is_seekable())
        return Errno::EINVAL;
    if (offset < 0)
        return Errno::EINVAL;
    return offset;
}

} // namespace

Result<i64> sys_splice(Fd in_fd, UserPtr<i64> in_user, Fd out_fd, UserPtr<i64> out_user, u64 length, HexFlags flags) {
    if (length == 0)
        return i64{0};
    if (flags & ~kAllFlags)
        return Errno::EINVAL;
    auto in = TRY(get_file(in_fd));
    auto out = TRY(get_file(out_fd));
    if (!in->is_readable() || !out->is_writable())
        return Errno::EBADF;
    PipeState* in_pipe = in->pipe();
    PipeState* out_pipe = out->pipe();
    if (in_pipe && in_pipe == out_pipe)
        return Errno::EINVAL;
    if (!in_pipe && !out_pipe)
        return Errno::EINVAL;
    if (!out_pipe && (out->flags.load(std::memory_order_relaxed) & abi::O_APPEND))
        return Errno::EINVAL;
    const i64 in_offset = TRY(read_offset(in_user, *in));
    const i64 out_offset = TRY(read_offset(out_user, *out));
    const bool nonblocking = (flags & abi::SPLICE_F_NONBLOCK) != 0;
    usize done = 0;
    if (in_pipe) {
        done = TRY(from_pipe(*in_pipe, *in, {*out, out_offset}, length,
                             nonblocking || in->is_nonblocking() || (out_pipe && out->is_nonblocking())));
    } else {
        done = TRY(to_pipe({*in, in_offset}, *out_pipe, *out, length, nonblocking || out->is_nonblocking()));
    }
    if (in_user)
        TRY(in_user.write(in_offset + static_cast<i64>(done)));
    if (out_user)
        TRY(out_user.write(out_offset + static_cast<i64>(done)));
    return static_cast<i64>(done);
}

Result<i64> sys_tee(Fd in_fd, Fd out_fd, u64 length, HexFlags flags) {
    if (flags & ~kAllFlags)
        return Errno::EINVAL;
    if (length == 0)
        return i64{0};
    auto in = TRY(get_file(in_fd));
    auto out = TRY(get_file(out_fd));
    if (!in->is_readable() || !out->is_writable())
        return Errno::EBADF;
    PipeState* from = in->pipe();
    PipeState* to = out->pipe();
    if (!from || !to || from == to)
        return Errno::EINVAL;
    const bool nonblocking = (flags & abi::SPLICE_F_NONBLOCK) || in->is_nonblocking() || out->is_nonblocking();
    const u64 available = TRY(wait_for_pipe(*from, false, nonblocking));
    if (available == 0)
        return i64{0};
    const u64 room = TRY(wait_for_pipe(*to, true, nonblocking));
    length = base::min(base::min(length, available), base::min<u64>(room, kChunkPages * base::kPageSize));
    PageBuffer chunk((length + base::kPageSize - 1) / base::kPageSize);
    if (!chunk)
        return Errno::ENOMEM;
    usize got = 0;
    {
        LockGuard guard(from->lock);
        IoBuffer copy(chunk.data(), length);
        got = TRY(from->peek(copy, base::min<u64>(length, from->used()), 0));
    }
    IoBuffer given(chunk.data(), got);
    return static_cast<i64>(TRY(out->write(given, kCurrentPosition)));
}

Result<i64> sys_vmsplice(Fd fd, UserPtr<abi::iovec> vectors, u64 count, HexFlags flags) {
    if (flags & ~kAllFlags)
        return Errno::EINVAL;
    auto file = TRY(get_file(fd));
    PipeState* pipe = file->pipe();
    if (!pipe)
        return Errno::EBADF;
    auto list = TRY(UserVectors::copy(vectors, static_cast<i64>(base::min<u64>(count, 0x7fff'ffff))));
    if (list.total() == 0)
        return i64{0};
    const bool nonblocking = (flags & abi::SPLICE_F_NONBLOCK) || file->is_nonblocking();
    IoBuffer buffer = list.buffer();
    const bool writes = file->is_writable();
    TRY(wait_for_pipe(*pipe, writes, nonblocking));
    return static_cast<i64>(TRY(writes ? file->write(buffer, kCurrentPosition) : file->read(buffer, kCurrentPosition)));
}

} // namespace lxcore
