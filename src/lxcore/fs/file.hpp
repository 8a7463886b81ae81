// File: an open file description, what descriptors refer to. See open(2), "Open file descriptions".
//
// Every kind of file (VolFs, pipe, socket, tty, epoll...) derives from this. Operations get checked arguments: the
// access mode has been tested, buffers are IoBuffers that fault as values. Blocking is the operation's own work: it
// honours O_NONBLOCK through `flags` and returns ERESTARTSYS when a signal interrupts it.
#pragma once

#include "abi/fcntl.hpp"
#include "abi/poll.hpp"
#include "lxcore/fs/inode.hpp"
#include "lxcore/sync/wait_queue.hpp"
#include "lxcore/user/user_memory.hpp"

namespace lxcore {

class File;
class Process;
class Epoll;  // ipc/epoll.hpp
class Mm;
class SignalFd; // signal/signalfd.cpp
class Socket; // net/socket.hpp
class TimerFd; // time/timerfd.cpp
struct EpollItem;
struct MapRequest; // mm/mm.hpp
struct PipeState;  // ipc/pipe.hpp
class PosixQueue;  // ipc/posix_queues.cpp

// Collects what a poller must wait for: File::poll() calls add() for each wait queue that tells of changes.
class PollTable {
public:
    virtual void add(WaitQueue& queue) = 0;
    // Files backed by a host handle: the poller waits for it through the host. A file that calls this may leave that
    // handle's present readiness to the poller, which asks the host for all handles at once.
    virtual void add_host(host::Handle handle, u32 events) = 0;

protected:
    ~PollTable() = default;
};

inline constexpr i64 kCurrentPosition = -1;

// Where SEEK_SET, SEEK_CUR and SEEK_END lead. EINVAL, EOVERFLOW.
Result<u64> seek_target(i64 offset, i32 whence, u64 position, u64 size);

class File : public SharedObject {
public:
    Path path; // what was opened; pipes and the like have a detached dentry
    std::atomic<u32> flags{0}; // abi::O_* (access mode and status flags)
    Mutex position_lock;
    u64 position = 0;
    i32 owner_pid = 0;    // F_SETOWN
    i32 owner_signal = 0; // F_SETSIG
    RefPtr<Credentials> opener; // credentials at open time
    std::atomic<u32> lock_hint{0}; // non-zero once a record lock or flock was taken through any descriptor of it
    EpollItem* watches = nullptr;  // epoll instances that watch the file (ipc/epoll.cpp; IpcState::watch_lock)

    bool counts_writer = false; // holds one of inode().write_access and one of path.mount->writers
    bool is_named = false;      // opened by a path: inotify hears of its end

    ~File() override;

    // Access mode 3 ("for ioctl only") is neither.
    bool is_readable() const { return (flags.load(std::memory_order_relaxed) & 1) == 0; }
    bool is_writable() const { return ((flags.load(std::memory_order_relaxed) + 1) & 2) != 0; }
    bool is_nonblocking() const { return (flags.load(std::memory_order_relaxed) & abi::O_NONBLOCK) != 0; }
    Inode& inode() const { return path.inode(); }

    // offset: a file position, or kCurrentPosition: use and move `position` (the base class's helpers do that for
    // seekable files; streams ignore it). 0 bytes at the end of the file.
    virtual Result<usize> read(IoBuffer& buffer, i64 offset);
    virtual Result<usize> write(IoBuffer& buffer, i64 offset);
    virtual bool is_seekable() const { return false; } // else pread and lseek give ESPIPE
    virtual Result<u64> seek(i64 offset, i32 whence);
    // Entries from `position` on, "." and ".." included; the visitor gets the position that follows each. The caller
    // holds position_lock and stores the new position.
    virtual Result<void> read_directory(DirectoryVisitor& visitor);
    // Returns abi::POLL* bits that hold now; registers wait queues when `table` is given.
    virtual u32 poll(PollTable* table);
    virtual Result<i64> control(u32 request, u64 argument); // ioctl: ENOTTY
    virtual Result<void> map(MapRequest& request);          // mmap: ENODEV
    // ftruncate: length was checked. The default sets the inode's size.
    virtual Result<void> truncate(u64 length);
    virtual Result<void> allocate(i32 mode, u64 offset, u64 length);
    virtual Result<void> sync(bool data_only);
    // fcntl(F_SETFL) has changed O_APPEND, O_NONBLOCK, O_DIRECT or O_ASYNC.
    virtual void flags_changed() {}
    // A descriptor of some process was closed (flush): POSIX locks go with it.
    virtual void descriptor_closed() {}
    // The host handle that carries the file's bytes, for mapping and copy_range; kNoHandle when there is none.
    virtual host::Handle host_handle() { return host::kNoHandle; }
    // For /proc/<pid>/fdinfo.
    virtual void print_information(base::Writer&) {}
    // What the file is, for calls that work on one kind only; null for all others.
    virtual PipeState* pipe() { return nullptr; }
    virtual Epoll* epoll() { return nullptr; }
    virtual Socket* socket() { return nullptr; }
    virtual PosixQueue* message_queue() { return nullptr; }
    virtual Process* pidfd_process() { return nullptr; }
    virtual SignalFd* signal_fd() { return nullptr; }
    virtual TimerFd* timer_fd() { return nullptr; }

    // For read() and write() of seekable files: calls operation(offset) -> Result<usize> at the given offset or at
    // `position`, which then moves on. The lock is left out while nobody else can use this description.
    template <typename Operation>
    Result<usize> at_position(i64 offset, Operation&& operation) {
        if (offset != kCurrentPosition)
            return operation(static_cast<u64>(offset));
        if (reference_count() == 1) {
            Result<usize> done = operation(position);
            if (done.is_ok())
                position += done.value();
            return done;
        }
        LockGuard guard(position_lock);
        Result<usize> done = operation(position);
        if (done.is_ok())
            position += done.value();
        return done;
    }

protected:
    void destroy() override;
};

// Takes a dying file out of the epoll instances that watch it (ipc/epoll.cpp).
void forget_watches(File& file);

inline void File::destroy() {
    if (watches)
        forget_watches(*this);
    SharedObject::destroy();
}

// Reads a seekable file from kernel code (exec, tests of the first bytes). Short only at the end of the file.
Result<usize> read_kernel(File& file, void* buffer, usize length, u64 offset);

// A file that is in no tree: `kind` is "pipe", "socket", "[eventfd]"...; sets file.path to a detached dentry with a
// fresh inode of `mode`, or `inode` where one is given. The name shown is "pipe:[<inode>]" or "anon_inode:[eventfd]".
Result<void> attach_anonymous_inode(File& file, std::string_view kind, u32 mode, RefPtr<Inode> inode = {});

} // namespace lxcore
