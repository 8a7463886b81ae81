// flock(2) locks, POSIX record locks and open-file-description locks: fcntl(2), "Advisory record locking".
//
// The locks of one inode hang off Inode::file_locks. One lock (FileLockState::lock) guards them all: deadlock
// detection must see every waiting owner at once.
#pragma once

#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/file.hpp"

namespace lxcore {

// Allocates kernel().file_locks; called by boot() after the arena is there.
Result<void> initialize_file_locks();

// fcntl(2) with F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ variants. EAGAIN, EDEADLK, EINTR (as ERESTARTSYS),
// EINVAL, EBADF (access mode), EOVERFLOW, ENOLCK.
Result<void> fcntl_lock(File& file, u32 command, UserPtr<abi::flock> argument);

void posix_locks_closed_slow(File& file, const FdTable* owner);

// A descriptor of `owner` that referred to `file` was closed: all of the owner's POSIX locks on the inode go.
// Called for each close(2), dup2 over, exec and exit.
inline void posix_locks_closed(File& file, const FdTable* owner) {
    if (file.path.dentry && file.inode().file_locks) [[unlikely]]
        posix_locks_closed_slow(file, owner);
}

// By ~File, while path is still set: flock and OFD locks of this open file description.
void release_file_locks_slow(File& file);
inline void release_file_locks(File& file) {
    if (file.lock_hint.load(std::memory_order_relaxed)) [[unlikely]]
        release_file_locks_slow(file);
}

// By ~Inode.
void free_file_locks(Inode& inode);

// One line per lock, as /proc/locks shows them.
void print_file_locks(base::Writer& writer);

} // namespace lxcore
