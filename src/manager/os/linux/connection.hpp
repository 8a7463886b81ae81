// What a connection is on this host.
#pragma once

#include "manager/os/connection.hpp"

namespace lxss {

struct Connection::State {
    UniqueFd socket;
    int error = 0; // errno of the last operation that failed
};

Connection make_connection(UniqueFd socket);

} // namespace lxss
