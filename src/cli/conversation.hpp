// One request to the manager from its sending to its last reply, with the signals of the host forwarded
// meanwhile.
#pragma once

#include "cli/connection.hpp"
#include "cli/os/terminal.hpp"

#include <functional>

namespace lxss {

struct Request {
    ClientHeader header{};
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    std::vector<HostDescriptor> descriptors;
    TerminalUse terminal;        // that the session reads and writes
    bool forward_signals = true; // otherwise they act on lxss as usual
};

// Returns the last reply, Exited or Done. Throws LauncherError.
ClientPacket converse(const Request& request, const std::function<void(const ClientPacket&)>& on_item = {});

} // namespace lxss
