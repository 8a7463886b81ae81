// The terminal of a client of the manager: a pty whose master side is relayed to the host's terminal.
#pragma once

#include "lxcore/fs/file.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

class Tty;

class SessionTerminal : public SharedObject {
public:
    // What the session's programs get as descriptors 0 to 2 (read-write).
    RefPtr<File> slave;
    // Keeps `tty` alive; both become the session's controlling terminal (SpawnRequest).
    RefPtr<SharedObject> tty_holder;
    Tty* tty = nullptr;

    virtual void resize(u16 rows, u16 columns) = 0; // SIGWINCH to the foreground group
    virtual void hang_up() = 0;                     // SIGHUP and SIGCONT; reads give the end, writes EIO
    // Returns when all that programs have written is with the host, or the host takes no more; then ends the relay.
    virtual void drain_and_close() = 0;
    virtual i32 foreground_group() = 0; // pgid, or 0
};

// Starts the relay, a kernel thread. Takes over both handles (which may be the same number twice: then one is used).
// Bytes from `input` go to the line discipline, the terminal's output goes to `output`.
Result<RefPtr<SessionTerminal>> create_session_terminal(host::Handle input, host::Handle output, u16 rows, u16 columns);

} // namespace lxcore
