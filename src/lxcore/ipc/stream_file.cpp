// Files over a host stream. The host never blocks for us: after EAGAIN the task sleeps on the handle.
#include "lxcore/ipc/stream_file.hpp"

#include "abi/termios.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

// The host's side of a stream. Opens through /proc/PID/fd (/dev/stdin) share it, and its position with it.
struct HostStream final : public SharedObject {
    explicit HostStream(host::Handle handle) : handle(handle) {}
    ~HostStream() override { host::close(handle); }

    const host::Handle handle;
};

class HostStreamFile final : public File {
public:
    explicit HostStreamFile(RefPtr<HostStream> stream) : m_stream(std::move(stream)), m_handle(m_stream->handle) {}

    Result<usize> read(IoBuffer& buffer, i64 offset) override {
        if (offset != kCurrentPosition)
            return Errno::ESPIPE;
        return transfer(buffer, abi::POLLIN, [this](const abi::iovec* ranges, usize count) {
            return host::stream_read(m_handle, ranges, count);
        });
    }

    Result<usize> write(IoBuffer& buffer, i64 offset) override {
        if (offset != kCurrentPosition)
            return Errno::ESPIPE;
        // A blocking write is whole unless interrupted.
        usize total = 0;
        while (buffer.left() != 0) {
            auto done = transfer(buffer, abi::POLLOUT, [this](const abi::iovec* ranges, usize count) {
                return host::stream_write(m_handle, ranges, count);
            });
            if (done.is_error()) {
                if (done.error() == Errno::EPIPE)
                    send_kernel_signal_to_task(current(), abi::SIGPIPE);
                if (total != 0)
                    return total;
                return done.error();
            }
            if (done.value() == 0)
                break;
            total += done.value();
        }
        return total;
    }

    Result<u64> seek(i64 offset, i32 whence) override { return host::stream_seek(m_handle, offset, whence); }

    u32 poll(PollTable* table) override {
        const u32 wanted = (is_readable() ? abi::POLLIN | abi::POLLRDNORM | abi::POLLPRI : 0) |
                           (is_writable() ? abi::POLLOUT | abi::POLLWRNORM : 0);
        if (table) {
            table->add_host(m_handle, wanted);
            return 0;
        }
        host::PollItem item{m_handle, static_cast<i16>(wanted), 0};
        if (host::poll_now(&item, 1).is_error())
            return 0;
        return static_cast<u16>(item.returned);
    }

    Result<i64> control(u32 request, u64 argument) override {
        if (request != abi::FIONREAD)
            return Errno::ENOTTY;
        const i32 bytes = static_cast<i32>(TRY(host::stream_bytes_available(m_handle)));
        TRY(UserPtr<i32>(argument).write(bytes));
        return i64{0};
    }

    host::Handle host_handle() override { return m_handle; }

private:
    template <typename Step>
    Result<usize> transfer(IoBuffer& buffer, u32 event, Step step) {
        constexpr usize kRanges = 8;
        abi::iovec ranges[kRanges];
        const usize count = TRY(buffer.ranges(ranges, kRanges));
        for (;;) {
            auto done = step(ranges, count);
            if (done.is_ok()) {
                buffer.advance(done.value());
                return done.value();
            }
            if (done.error() != Errno::EAGAIN || is_nonblocking())
                return done.error();
            auto waited = wait_for_host_handle(m_handle, event, host::kNoDeadline);
            if (waited.is_error())
                return Errno::ERESTARTSYS;
        }
    }

    RefPtr<HostStream> m_stream;
    const host::Handle m_handle;
};

class HostStreamInode final : public Inode {
public:
    HostStreamInode(RefPtr<HostStream> stream, u32 access_mode)
        : m_stream(std::move(stream)), m_access_mode(access_mode & abi::O_ACCMODE) {}

    // EACCES for a direction that the host's descriptor may lack.
    Result<RefPtr<File>> open(const Path&, u32 flags) override {
        if (m_access_mode != abi::O_RDWR && (flags & abi::O_ACCMODE) != m_access_mode)
            return Errno::EACCES;
        return RefPtr<File>(TRY(make_ref<HostStreamFile>(m_stream)));
    }

private:
    RefPtr<HostStream> m_stream;
    const u32 m_access_mode;
};

} // namespace

Result<RefPtr<File>> make_stream_file(host::Handle handle, u32 access_mode) {
    auto made = make_ref<HostStream>(handle);
    if (made.is_error()) {
        host::close(handle);
        return made.error();
    }
    auto stream = made.release_value();
    auto file = TRY(make_ref<HostStreamFile>(stream));
    RefPtr<Inode> inode = TRY(make_ref<HostStreamInode>(stream, access_mode));
    file->flags.store(access_mode & abi::O_ACCMODE, std::memory_order_relaxed);
    // To the guest it is a pipe: something that is read in order and cannot be mapped.
    TRY(attach_anonymous_inode(*file, "pipe", abi::S_IFIFO | 0600, std::move(inode)));
    return RefPtr<File>(std::move(file));
}

} // namespace lxcore
