// Pipes and FIFOs: pipe(7), fifo(7).
//
// The bytes lie in a ring of arena pages that are allocated when first written. A transfer copies straight between
// guest memory and the ring; nobody is woken (and no host call made) unless the pipe was empty for a sleeping reader
// or full for a sleeping writer.
//
// Small transfers copy under `lock`. Large ones hold only their side's lock (`read_lock`, `write_lock`) while they copy,
// so that both sides copy at the same time; whoever holds `lock` and finds its own side's lock taken takes that
// one first. Nobody sleeps for data or room with any of them held.
#pragma once

#include "lxcore/fs/file.hpp"

namespace lxcore {

struct PipeState final : public SharedObject {
    static constexpr u32 kDefaultPages = 16; // 64 KiB
    static constexpr u32 kMaxPages = 256;    // /proc/sys/fs/pipe-max-size
    static constexpr u32 kAtomicBytes = 4096; // PIPE_BUF

    Mutex read_lock;  // the bytes at the head are being copied
    Mutex write_lock; // the room behind the tail is being filled
    // Guards everything below. Taken after an inode's lock (FIFO opens) and the two above; the queues' locks come
    // after it.
    Mutex lock;
    WaitQueue readable; // blocked readers, pollers of read ends
    WaitQueue writable;
    WaitQueue opened;   // FIFO opens that wait for the other side
    u32 readers = 0, writers = 0;            // open files
    u32 reader_opens = 0, writer_opens = 0;  // ever, so that a blocked open notices a short visit
    bool packets = false;                    // pipe2(O_DIRECT): each write keeps its bounds
    bool is_anonymous = false;               // of pipe(2): opens find no name and wait for nobody
    bool is_polled = false;                  // edge-triggered pollers want to hear of every write

    u32 page_count = kDefaultPages;
    u8** pages = nullptr; // `page_count` entries; null until written
    u64 head = 0, tail = 0; // bytes read and written, both set back to 0 when they meet

    ~PipeState() override;
    static Result<RefPtr<PipeState>> create(u32 page_count = kDefaultPages);

    u64 capacity() const { return u64{page_count} << base::kPageShift; }
    u64 used() const { return tail - head; }
    u64 room() const { return capacity() - used(); }
    // With the lock held; `length` is at most used() / room(). Short on a fault or (put) when memory ends.
    Result<usize> take(IoBuffer& buffer, usize length);
    Result<usize> put(IoBuffer& buffer, usize length);
    // As take() without consuming, from `skip` bytes behind the head (tee).
    Result<usize> peek(IoBuffer& buffer, usize length, u64 skip);
    void consume(usize length);
    // EBUSY when more bytes are queued than would fit. All three locks held.
    Result<void> resize(u32 new_page_count);
    // Copies at a position of the ring, with the side's lock held.
    Result<usize> copy(IoBuffer& buffer, u64 position, usize length, bool into_pipe);
};

// Opens a FIFO with the blocking rules of fifo(7): ENXIO, ERESTARTSYS. `flags`: as open(2)'s.
Result<RefPtr<File>> open_fifo(const Path& path, u32 flags);

// fcntl(F_GETPIPE_SZ, F_SETPIPE_SZ): bytes. EBADF when the file is no pipe; EPERM over the maximum; EBUSY.
Result<i64> pipe_capacity(File& file);
Result<i64> set_pipe_capacity(File& file, u64 bytes);

// The two ends of a new pipe. flags: abi::O_NONBLOCK, O_DIRECT.
struct PipePair {
    RefPtr<File> read_end, write_end;
};
Result<PipePair> make_pipe(u32 flags);

} // namespace lxcore
