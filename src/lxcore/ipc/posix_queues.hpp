// POSIX message queues: mq_overview(7). State that is not reached through an open queue.
#pragma once

#include "lxcore/ipc/ipc.hpp"
#include "lxcore/memory/arena.hpp"

namespace lxcore {

class PosixQueue;

struct PosixQueueState : ArenaObject {
    Mutex lock;                   // names; before the queues' locks
    PosixQueue* queues = nullptr; // each with a reference, as long as it has its name
    u32 count = 0;
    // /proc/sys/fs/mqueue/
    static constexpr u32 kMaxQueues = 256;
    static constexpr i64 kMaxMessages = 10, kMaxBytes = 8192;               // without CAP_SYS_RESOURCE
    static constexpr i64 kHardMaxMessages = 65536, kHardMaxBytes = 1 << 24; // with it
};
inline PosixQueueState& posix_queue_state() { return *ipc_state().posix_queues; }

} // namespace lxcore
