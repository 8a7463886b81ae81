// State of sockets that is not reached through a file.
#pragma once

#include "lxcore/kernel.hpp"
#include "lxcore/memory/arena.hpp"

namespace lxcore {

class UnixSocket;
struct PassedFiles;

struct SocketState : ArenaObject {
    // Abstract names, unix(7): bound sockets, hashed by name.
    static constexpr usize kBuckets = 64;
    Mutex abstract_lock;
    UnixSocket* abstract_names[kBuckets] = {};
    u32 next_autobind = 0;
    // Files of messages that nobody received, to be released outside of the ends of other files (see unix_rights.cpp).
    Mutex drop_lock;  // guards the list
    Mutex drain_lock; // held by whoever empties it
    PassedFiles* dropped = nullptr;
};
inline SocketState& socket_state() { return *kernel().sockets; }

// Called by boot() once the arena works.
Result<void> initialize_sockets();

} // namespace lxcore
