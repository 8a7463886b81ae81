// Internet sockets (sockets.cpp), as poll.cpp sees them.
#pragma once

#include "host/nt/handles.hpp"

namespace host::nt {

u32 socket_readiness(Handle handle, u32 events);
// An object that is set when something may have become ready; null when there is none.
HANDLE socket_event(Handle handle, u32 events);

} // namespace host::nt
