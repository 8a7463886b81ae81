// The instance host's side of the control protocol (src/manager/instance_protocol.hpp).
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace host::linux_host {

// Serves requests until the manager shuts the instance down or goes away; then ends the instance.
[[noreturn]] void serve_control_socket(i32 socket);
// Reports the ends of sessions: entry of a kernel thread of its own.
[[noreturn]] void report_sessions(i32 socket);
void send_ready(i32 socket);

} // namespace host::linux_host
