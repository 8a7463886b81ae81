// The way to the session manager, which is started when none runs.
#pragma once

#include "manager/packet.hpp"

#include <stdexcept>

namespace lxss {

// The message is for the user, `exit_code` for the caller of lxss.
struct LauncherError : std::runtime_error {
    explicit LauncherError(const std::string& text, int code = 255)
        : std::runtime_error(text), exit_code(code) {}
    int exit_code;
};

// The manager closed the connection without a last reply.
struct ManagerEnded : LauncherError {
    using LauncherError::LauncherError;
};

// The manager ended before it read everything that was sent to it.
struct RequestUnread : LauncherError {
    RequestUnread() : LauncherError("the session manager has ended unexpectedly") {}
};

// Connects to the manager, starting one if there is none, and sends the request. Throws LauncherError.
Connection send_request(const ClientHeader& header, const std::vector<std::string>& arguments,
                        const std::vector<std::string>& environment = {},
                        std::span<const HostDescriptor> descriptors = {});

// Whether a manager serves now; starts none.
bool manager_is_running();

// Waits for the next packet. Turns Error packets and a manager that has gone into LauncherError;
// RequestUnread for a request that is alone on its connection means that it has not been carried out.
ClientPacket receive_reply(Connection& connection);

} // namespace lxss
