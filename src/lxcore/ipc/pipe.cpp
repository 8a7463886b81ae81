// The ring of a pipe, and the files at its ends.
#include "lxcore/ipc/pipe.hpp"

#include "abi/ioctl.hpp"
#include "abi/termios.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

using base::kPageSize;

namespace {

// Before each packet of a packet pipe.
using PacketHeader = u16;
constexpr usize kMaxPacket = PipeState::kAtomicBytes;
// What a large transfer copies at a time: the other side goes on with it meanwhile.
constexpr usize kChunk = 16 * 1024;

class PipeFile final : public File {
public:
    explicit PipeFile(RefPtr<PipeState> state) : m_pipe(std::move(state)) {}
    ~PipeFile() override;
    Result<usize> read(IoBuffer& buffer, i64 offset) override;
    Result<usize> write(IoBuffer& buffer, i64 offset) override;
    u32 poll(PollTable* table) override;
    Result<i64> control(u32 request, u64 argument) override;
    PipeState* pipe() override { return m_pipe.get(); }

    void count_in();
    // Blocks a FIFO's open until the other side has come.
    Result<void> wait_for_partner(u32 PipeState::* opens, u32 before);

    u32 writer_opens_at_open = 0; // a FIFO without a writer yet shows no hang-up
    bool is_counted = false;

private:
    // One transfer: 0 bytes when there is nothing, or no room. `before`, `after`: bytes queued around it.
    Result<usize> read_step(IoBuffer& buffer, u64& before, u64& after);
    Result<usize> write_step(IoBuffer& buffer, usize at_least, u64& before, u64& after);
    Result<usize> read_packet(IoBuffer& buffer);
    Result<usize> write_packets(IoBuffer& buffer);

    RefPtr<PipeState> m_pipe;
};

void PipeFile::count_in() {
    PipeState& pipe = *m_pipe;
    if (is_readable()) {
        ++pipe.readers;
        ++pipe.reader_opens;
    }
    if (is_writable()) {
        ++pipe.writers;
        ++pipe.writer_opens;
    }
    is_counted = true;
}

PipeFile::~PipeFile() {
    if (!is_counted)
        return;
    PipeState& pipe = *m_pipe;
    bool last = false;
    bool hang_up = false;
    {
        LockGuard guard(pipe.lock);
        if (is_readable())
            --pipe.readers;
        if (is_writable())
            --pipe.writers;
        last = pipe.readers == 0 && pipe.writers == 0;
        hang_up = pipe.readers == 0 || pipe.writers == 0;
    }
    if (hang_up && !last) {
        pipe.readable.wake_all();
        pipe.writable.wake_all();
    }
    if (last && path && inode().is_fifo() && inode().fifo) {
        // What nobody has read by now is lost: the next open starts with an empty FIFO.
        Inode& node = inode();
        RefPtr<PipeState> unused;
        LockGuard inode_guard(node.lock);
        LockGuard guard(pipe.lock);
        if (node.fifo == &pipe && pipe.readers == 0 && pipe.writers == 0)
            unused = std::move(node.fifo);
    }
}

Result<usize> PipeFile::read_packet(IoBuffer& buffer) {
    PipeState& pipe = *m_pipe;
    PacketHeader length = 0;
    IoBuffer header(&length, sizeof(length));
    TRY(pipe.peek(header, sizeof(length), 0));
    const usize wanted = base::min<usize>(length, buffer.left());
    const usize done = TRY(pipe.peek(buffer, wanted, sizeof(length)));
    pipe.consume(sizeof(length) + length);
    return done;
}

Result<usize> PipeFile::read_step(IoBuffer& buffer, u64& before, u64& after) {
    PipeState& pipe = *m_pipe;
    const auto take = [&]() -> Result<usize> {
        before = pipe.used();
        auto done = before == 0    ? Result<usize>(usize{0})
                    : pipe.packets ? read_packet(buffer)
                                   : pipe.take(buffer, base::min<u64>(buffer.left(), before));
        after = pipe.used();
        return done;
    };
    if (pipe.packets || buffer.left() <= PipeState::kAtomicBytes) {
        LockGuard guard(pipe.lock);
        if (!pipe.read_lock.is_locked())
            return take();
    }
    LockGuard side(pipe.read_lock);
    u64 position = 0;
    usize bytes = 0;
    {
        LockGuard guard(pipe.lock);
        bytes = base::min<u64>(base::min(buffer.left(), kChunk), pipe.used());
        if (pipe.packets || bytes <= PipeState::kAtomicBytes)
            return take();
        position = pipe.head;
    }
    auto done = pipe.copy(buffer, position, bytes, false);
    LockGuard guard(pipe.lock);
    before = pipe.used();
    if (done.is_ok())
        pipe.consume(done.value());
    after = pipe.used();
    return done;
}

Result<usize> PipeFile::read(IoBuffer& buffer, i64) {
    if (buffer.left() == 0)
        return usize{0};
    PipeState& pipe = *m_pipe;
    Waiter waiter(current());
    bool slept = false;
    usize total = 0;
    for (;;) {
        u64 before = 0;
        u64 after = 0;
        auto done = read_step(buffer, before, after);
        if (done.is_error() || done.value() != 0) {
            // Writers sleep (and pollers wait) for room for one atomic write.
            if (pipe.capacity() - before < PipeState::kAtomicBytes &&
                pipe.capacity() - after >= PipeState::kAtomicBytes)
                pipe.writable.wake(abi::POLLOUT | abi::POLLWRNORM);
            if (done.is_ok())
                total += done.value();
            if (done.is_ok() && after != 0 && buffer.left() != 0 && !pipe.packets)
                continue;
            // The wake-up that ended this sleep may have been meant for others, too.
            if (slept) {
                waiter.detach();
                if (pipe.used() != 0)
                    pipe.readable.wake(abi::POLLIN | abi::POLLRDNORM);
            }
            if (total != 0)
                return total;
            return done;
        }
        if (total != 0)
            return total;
        {
            LockGuard guard(pipe.lock);
            if (pipe.used() != 0)
                continue;
            if (pipe.writers == 0)
                return usize{0};
            if (is_nonblocking())
                return Errno::EAGAIN;
            if (!waiter.is_attached())
                waiter.attach_exclusive(pipe.readable);
        }
        slept = true;
        if (current().sleep() == SleepResult::Interrupted) {
            waiter.detach();
            if (pipe.used() != 0)
                pipe.readable.wake(abi::POLLIN | abi::POLLRDNORM);
            return Errno::ERESTARTSYS;
        }
    }
}

Result<usize> PipeFile::write_packets(IoBuffer& buffer) {
    PipeState& pipe = *m_pipe;
    usize total = 0;
    while (buffer.left() != 0) {
        PacketHeader length = static_cast<PacketHeader>(base::min(buffer.left(), kMaxPacket));
        if (pipe.room() < sizeof(length) + length)
            break;
        const u64 tail = pipe.tail;
        IoBuffer header(&length, sizeof(length));
        const auto put_header = pipe.put(header, sizeof(length));
        const auto put_body = pipe.put(buffer, length);
        if (put_header.is_error() || put_body.is_error() ||
            put_header.value() + put_body.value() != sizeof(length) + length) {
            pipe.tail = tail;
            if (total == 0)
                return Errno::EFAULT;
            break;
        }
        total += length;
    }
    return total;
}

// at_least: room without which nothing is written (up to PIPE_BUF bytes go in whole or not at all).
Result<usize> PipeFile::write_step(IoBuffer& buffer, usize at_least, u64& before, u64& after) {
    PipeState& pipe = *m_pipe;
    const auto put = [&]() -> Result<usize> {
        before = pipe.used();
        const u64 room = pipe.room();
        auto done = pipe.packets      ? write_packets(buffer)
                    : room < at_least ? Result<usize>(usize{0})
                                      : pipe.put(buffer, base::min<u64>(room, buffer.left()));
        after = pipe.used();
        return done;
    };
    if (pipe.packets || buffer.left() <= PipeState::kAtomicBytes) {
        LockGuard guard(pipe.lock);
        if (!pipe.write_lock.is_locked())
            return put();
    }
    LockGuard side(pipe.write_lock);
    u64 position = 0;
    usize bytes = 0;
    {
        LockGuard guard(pipe.lock);
        bytes = base::min<u64>(base::min(buffer.left(), kChunk), pipe.room());
        if (pipe.packets || bytes <= PipeState::kAtomicBytes)
            return put();
        position = pipe.tail;
    }
    auto done = pipe.copy(buffer, position, bytes, true);
    LockGuard guard(pipe.lock);
    before = pipe.used();
    if (done.is_ok())
        pipe.tail += done.value();
    after = pipe.used();
    return done;
}

Result<usize> PipeFile::write(IoBuffer& buffer, i64) {
    PipeState& pipe = *m_pipe;
    Waiter waiter(current());
    const usize wanted = buffer.left();
    const usize at_least = wanted <= PipeState::kAtomicBytes ? wanted : 1;
    usize total = 0;
    bool slept = false;
    if (wanted == 0)
        return usize{0};
    // What ends the call before all is written. The wake-up of this sleep may have been meant for another writer.
    const auto finish = [&](Errno error) -> Result<usize> {
        waiter.detach();
        if (slept && pipe.room() >= PipeState::kAtomicBytes)
            pipe.writable.wake(abi::POLLOUT | abi::POLLWRNORM);
        if (total != 0)
            return total;
        return error;
    };
    for (;;) {
        if (pipe.readers == 0) {
            send_kernel_signal_to_task(current(), abi::SIGPIPE);
            return finish(Errno::EPIPE);
        }
        u64 before = 0;
        u64 after = 0;
        auto done = write_step(buffer, at_least, before, after);
        if (done.is_error())
            return finish(done.error());
        total += done.value();
        if (done.value() != 0 && (before == 0 || pipe.is_polled))
            pipe.readable.wake(abi::POLLIN | abi::POLLRDNORM);
        if (total == wanted)
            return finish(Errno::OK);
        if (done.value() != 0)
            continue;
        {
            LockGuard guard(pipe.lock);
            if (pipe.readers == 0 || (!pipe.packets && pipe.room() >= at_least) ||
                (pipe.packets && pipe.room() >= base::min(buffer.left(), kMaxPacket) + sizeof(PacketHeader)))
                continue;
            if (is_nonblocking())
                return finish(Errno::EAGAIN);
            if (!waiter.is_attached())
                waiter.attach_exclusive(pipe.writable);
        }
        slept = true;
        if (current().sleep() == SleepResult::Interrupted)
            return finish(Errno::ERESTARTSYS);
    }
}

u32 PipeFile::poll(PollTable* table) {
    PipeState& pipe = *m_pipe;
    if (table) {
        if (is_readable())
            table->add(pipe.readable);
        if (is_writable())
            table->add(pipe.writable);
    }
    LockGuard guard(pipe.lock);
    if (table)
        pipe.is_polled = true;
    u32 ready = 0;
    if (is_readable()) {
        if (pipe.used() != 0)
            ready |= abi::POLLIN | abi::POLLRDNORM;
        if (pipe.writers == 0 && pipe.writer_opens != writer_opens_at_open)
            ready |= abi::POLLHUP;
    }
    if (is_writable()) {
        if (pipe.room() >= PipeState::kAtomicBytes)
            ready |= abi::POLLOUT | abi::POLLWRNORM;
        if (pipe.readers == 0)
            ready |= abi::POLLERR;
    }
    return ready;
}

Result<i64> PipeFile::control(u32 request, u64 argument) {
    if (request != abi::FIONREAD)
        return Errno::ENOTTY;
    i32 bytes = 0;
    {
        LockGuard guard(m_pipe->lock);
        bytes = static_cast<i32>(m_pipe->used());
    }
    TRY(UserPtr<i32>(argument).write(bytes));
    return i64{0};
}

Result<void> PipeFile::wait_for_partner(u32 PipeState::* opens, u32 before) {
    PipeState& pipe = *m_pipe;
    Waiter waiter(current());
    waiter.attach(pipe.opened);
    for (;;) {
        {
            LockGuard guard(pipe.lock);
            if (pipe.*opens != before)
                return {};
        }
        if (current().sleep() == SleepResult::Interrupted)
            return Errno::ERESTARTSYS;
    }
}

} // namespace

// ---- the ring ----

PipeState::~PipeState() {
    if (!pages)
        return;
    for (u32 i = 0; i < page_count; ++i)
        if (pages[i])
            release_pages(pages[i], 1);
    release(pages, page_count * sizeof(u8*));
}

Result<RefPtr<PipeState>> PipeState::create(u32 count) {
    auto pipe = TRY(make_ref<PipeState>());
    pipe->pages = static_cast<u8**>(allocate(count * sizeof(u8*)));
    if (!pipe->pages)
        return Errno::ENOMEM;
    pipe->page_count = count;
    return pipe;
}

Result<usize> PipeState::copy(IoBuffer& buffer, u64 position, usize length, bool into_pipe) {
    usize total = 0;
    while (total < length) {
        const usize within = position % kPageSize;
        const usize bytes = base::min(length - total, kPageSize - within);
        u8*& page = pages[(position >> base::kPageShift) % page_count];
        if (!page) {
            page = static_cast<u8*>(allocate_pages(1));
            if (!page) {
                if (total == 0)
                    return Errno::ENOMEM;
                return total;
            }
        }
        auto copied = into_pipe ? buffer.copy_out(page + within, bytes) : buffer.copy_in(page + within, bytes);
        if (copied.is_error()) {
            if (total == 0)
                return copied.error();
            return total;
        }
        total += copied.value();
        position += copied.value();
        if (copied.value() < bytes)
            break;
    }
    return total;
}

Result<usize> PipeState::take(IoBuffer& buffer, usize length) {
    const usize done = TRY(copy(buffer, head, length, false));
    consume(done);
    return done;
}

Result<usize> PipeState::put(IoBuffer& buffer, usize length) {
    const usize done = TRY(copy(buffer, tail, length, true));
    tail += done;
    return done;
}

Result<usize> PipeState::peek(IoBuffer& buffer, usize length, u64 skip) {
    return copy(buffer, head + skip, length, false);
}

void PipeState::consume(usize length) {
    head += length;
    // Small transfers then stay on the first page, which both sides have in their caches.
    if (head == tail && !write_lock.is_locked())
        head = tail = 0;
}

Result<void> PipeState::resize(u32 new_page_count) {
    if (used() > u64{new_page_count} << base::kPageShift)
        return Errno::EBUSY;
    auto** new_pages = static_cast<u8**>(allocate(new_page_count * sizeof(u8*)));
    if (!new_pages)
        return Errno::ENOMEM;
    // Pages move; the first holds the head, so that what is queued needs one page more than its length at most. With
    // the head in the middle of a page that may be one too many: then the bytes are copied down.
    const u64 first = head >> base::kPageShift;
    const u64 needed = head == tail ? 0 : ((tail - 1) >> base::kPageShift) - first + 1;
    if (needed > new_page_count) {
        release(new_pages, new_page_count * sizeof(u8*));
        return Errno::EBUSY;
    }
    for (u64 i = 0; i < needed; ++i)
        std::swap(new_pages[i], pages[(first + i) % page_count]);
    for (u32 i = 0; i < page_count; ++i)
        if (pages[i])
            release_pages(pages[i], 1);
    u8** old_pages = std::exchange(pages, new_pages);
    release(old_pages, page_count * sizeof(u8*));
    tail -= first << base::kPageShift;
    head -= first << base::kPageShift;
    page_count = new_page_count;
    return {};
}

// ---- opening and sizes ----

Result<RefPtr<File>> open_fifo(const Path& path, u32 flags) {
    Inode& node = path.inode();
    RefPtr<PipeState> pipe;
    {
        LockGuard guard(node.lock);
        if (!node.fifo)
            node.fifo = TRY(PipeState::create());
        pipe = node.fifo;
    }
    auto file = TRY(make_ref<PipeFile>(pipe));
    file->path = path;
    file->flags.store(flags & ~(abi::O_CREAT | abi::O_EXCL | abi::O_NOCTTY | abi::O_TRUNC | abi::O_CLOEXEC),
                      std::memory_order_relaxed);
    u32 readers_before = 0;
    u32 writers_before = 0;
    bool has_partner = true;
    {
        // Under the inode's lock, so that the last close of before does not take the pipe away.
        LockGuard inode_guard(node.lock);
        if (!node.fifo)
            node.fifo = pipe;
        LockGuard guard(pipe->lock);
        const u32 mode = flags & abi::O_ACCMODE;
        if (mode == abi::O_WRONLY && pipe->readers == 0 && (flags & abi::O_NONBLOCK))
            return Errno::ENXIO;
        readers_before = pipe->reader_opens;
        writers_before = pipe->writer_opens;
        file->count_in();
        if (mode == abi::O_RDONLY)
            has_partner = pipe->writers != 0;
        else if (mode == abi::O_WRONLY)
            has_partner = pipe->readers != 0;
        // A pipe of pipe(2), opened through /proc: its other side is there, or has gone for good.
        has_partner = has_partner || pipe->is_anonymous;
        // Only a reader that found no writer waits for one before it shows a hang-up.
        file->writer_opens_at_open = has_partner ? ~0u : writers_before;
    }
    pipe->opened.wake_all();
    if (!has_partner) {
        if (!file->is_writable()) {
            if (!(flags & abi::O_NONBLOCK))
                TRY(file->wait_for_partner(&PipeState::writer_opens, writers_before));
        } else {
            TRY(file->wait_for_partner(&PipeState::reader_opens, readers_before));
        }
    }
    return RefPtr<File>(std::move(file));
}

Result<PipePair> make_pipe(u32 flags) {
    auto pipe = TRY(PipeState::create());
    pipe->packets = (flags & abi::O_DIRECT) != 0;
    auto read_end = TRY(make_ref<PipeFile>(pipe));
    auto write_end = TRY(make_ref<PipeFile>(pipe));
    const u32 status = flags & (abi::O_NONBLOCK | abi::O_DIRECT);
    read_end->flags.store(abi::O_RDONLY | status, std::memory_order_relaxed);
    write_end->flags.store(abi::O_WRONLY | status, std::memory_order_relaxed);
    TRY(attach_anonymous_inode(*read_end, "pipe", abi::S_IFIFO | 0600));
    write_end->path = read_end->path;
    // Found by opens through /proc/PID/fd.
    pipe->is_anonymous = true;
    read_end->path.inode().fifo = pipe;
    read_end->count_in();
    write_end->count_in();
    read_end->writer_opens_at_open = write_end->writer_opens_at_open = ~0u;
    return PipePair{std::move(read_end), std::move(write_end)};
}

Result<i64> pipe_capacity(File& file) {
    PipeState* pipe = file.pipe();
    if (!pipe)
        return Errno::EBADF;
    LockGuard guard(pipe->lock);
    return static_cast<i64>(pipe->capacity());
}

Result<i64> set_pipe_capacity(File& file, u64 bytes) {
    PipeState* pipe = file.pipe();
    if (!pipe)
        return Errno::EBADF;
    if (bytes > 0x8000'0000)
        return Errno::EINVAL;
    // Rounded up to a power of two of pages, as Linux does. The largest packet must fit with its header.
    u32 count = pipe->packets ? 2 : 1;
    while ((u64{count} << base::kPageShift) < bytes)
        count *= 2;
    if (count > PipeState::kMaxPages && count > pipe->page_count &&
        !current().credentials->has_capability(24 /* CAP_SYS_RESOURCE */))
        return Errno::EPERM;
    bool made_room = false;
    {
        LockGuard reader(pipe->read_lock);
        LockGuard writer(pipe->write_lock);
        LockGuard guard(pipe->lock);
        if (count != pipe->page_count) {
            made_room = pipe->room() < PipeState::kAtomicBytes;
            TRY(pipe->resize(count));
            made_room = made_room && pipe->room() >= PipeState::kAtomicBytes;
        }
    }
    if (made_room)
        pipe->writable.wake_all();
    return static_cast<i64>(pipe->capacity());
}

} // namespace lxcore
