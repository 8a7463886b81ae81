// What a connection is on this host.
#pragma once

#include "manager/os/connection.hpp"

namespace lxss {

struct Connection::State {
    UniqueFd socket;
    int error = 0; // errno of the last operation that failed
};

Connection make_connection(UniqueFd socket);

// The user at the other end of a UNIX socket is this process's user.
bool peer_is_same_user(int socket);

} // namespace lxss
