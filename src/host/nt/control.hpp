// The control protocol's transport on this host.
#pragma once

#include "host/nt/nt.hpp"

namespace host::nt {

// In the instance host, before the first packet: its end of the manager's message pipe.
void use_control_pipe(HANDLE pipe);

} // namespace host::nt
