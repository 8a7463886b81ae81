// Files over a host stream. The host never blocks for us: after EAGAIN the task sleeps on the handle.
#include "lxcore/ipc/stream_file.hpp"

#include "abi/termios.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

class HostStreamFile final : public File {
public:
    explicit HostStreamFile(host::Handle handle) : m_handle(handle) {}
    ~HostStreamFile() override { host::close(m_handle); }

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

    host::Handle m_handle;
};

// Lets the stream be opened again through /proc/<pid>/fd (/dev/stdout and its kin).
class StreamInode final : public Inode {
public:
    explicit StreamInode(host::Handle handle) {
        const auto copy = host::duplicate(handle);
        m_handle = copy.is_ok() ? copy.value() : host::kNoHandle;
    }
    ~StreamInode() override {
        if (m_handle != host::kNoHandle)
            host::close(m_handle);
    }
    bool opens_itself() const override { return true; }
    Result<RefPtr<File>> open(const Path&, u32) override {
        if (m_handle == host::kNoHandle)
            return Errno::ENXIO;
        const host::Handle copy = TRY(host::duplicate(m_handle));
        auto file = make_ref<HostStreamFile>(copy);
        if (file.is_error()) {
            host::close(copy);
            return file.error();
        }
        return RefPtr<File>(file.release_value());
    }

private:
    host::Handle m_handle;
};

} // namespace

Result<RefPtr<File>> make_stream_file(host::Handle handle, u32 access_mode) {
    auto made = make_ref<HostStreamFile>(handle);
    if (made.is_error()) {
        host::close(handle);
        return made.error();
    }
    auto file = made.release_value();
    file->flags.store(access_mode & abi::O_ACCMODE, std::memory_order_relaxed);
    // To the guest it is a pipe: something that is read in order and cannot be mapped.
    RefPtr<Inode> inode = TRY(make_ref<StreamInode>(handle));
    TRY(attach_anonymous_inode(*file, "pipe", abi::S_IFIFO | 0600, std::move(inode)));
    return RefPtr<File>(std::move(file));
}

} // namespace lxcore
