// The control protocol's transport on this host.
#pragma once

#include "base/types.hpp"

namespace host::linux_host {

// Before the first packet.
void use_control_socket(i32 socket);

} // namespace host::linux_host
