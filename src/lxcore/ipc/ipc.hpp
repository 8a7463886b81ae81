// State of inter-process communication that is not reached through a file.
#pragma once

#include "lxcore/memory/arena.hpp"

#include "lxcore/kernel.hpp"
#include "lxcore/memory/arena.hpp"

namespace lxcore {

struct PosixQueueState; // ipc/posix_queues.hpp
struct SystemVState;    // ipc/system_v.hpp

struct IpcState : ArenaObject {
    // Guards the lists of epoll watches: each File's and each epoll instance's. Taken before an epoll's own lock.
    Mutex watch_lock;
    SystemVState* system_v = nullptr;
    PosixQueueState* posix_queues = nullptr;
};
inline IpcState& ipc_state() { return *kernel().ipc; }

// Called by boot() once the arena works.
Result<void> initialize_ipc();

} // namespace lxcore
