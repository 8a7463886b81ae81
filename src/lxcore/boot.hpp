// Start of the kernel, in the instance host.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "host/host.hpp"
#include "lxcore/kernel.hpp"

namespace lxcore {

// The kernel's own threads (timers), once pids can be given.
Result<void> start_kernel_threads();
// Starts `init --boot` from the guest tools as pid 1. Of the host's environment it gets the LXSS_* and WSL_* variables.
Result<void> start_init(std::string_view hostname, char** environment);

// A program for a client of the manager. `program` is a file in the guest tools; `strings` holds argument_count and
// then environment_count texts, each NUL-terminated.
struct SessionStart {
    u32 session_id;
    std::string_view program;
    std::string_view strings;
    u32 argument_count, environment_count;
    host::Handle streams[3]; // taken over
    bool is_terminal[3];
    u16 rows, columns;
    host::Handle trace; // or kNoHandle; taken over
    bool trace_summary;
};
// Returns the guest pid.
Result<i32> start_session(const SessionStart& start);
void resize_session(u32 session_id, u16 rows, u16 columns);
// The client has gone: as a closed terminal.
void hang_up_session(u32 session_id);
// To the session's foreground process group.
void signal_session(u32 session_id, u32 signal);
// All output that the session's terminal still holds has been relayed; its record is dropped.
void finish_session(u32 session_id);
// SIGTERM to all, then SIGKILL after the grace time, then everything is written to the host's disk.
void shut_down(u64 grace_ns);

} // namespace lxcore
