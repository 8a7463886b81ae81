// Waiting for connections, processes and the host's wish to end.
#pragma once

#include "manager/unique_fd.hpp"

#include <span>
#include <string>

namespace lxss {

struct WaitItem {
    HostDescriptor descriptor = kNoDescriptor; // none: never ready
    bool for_sending = false;                  // also wait until a connection has room
    bool is_ready = false;                     // something to receive, an end, or an event
    bool can_send = false;
};

// Waits until an item is ready or `timeout_milliseconds` (-1: for ever) are over, and fills in what is.
// Returns false with a message when the host refuses.
bool wait_for(std::span<WaitItem> items, int timeout_milliseconds, std::string& error);

// The host's signals to a manager that it shall end. From construction on they do not end the process by
// themselves; one object per process.
class TerminationEvents {
public:
    TerminationEvents();
    HostDescriptor waitable() const { return event_.get(); }
    // Takes one event: its name, or "" when there is none.
    std::string take();

private:
    UniqueFd event_;
};

} // namespace lxss
