// What a connection is on this host: one end of a message pipe.
#pragma once

#include "manager/os/connection.hpp"
#include "manager/os/nt/windows.hpp"
#include "manager/os/runtime_folder.hpp"

namespace lxss {

struct Connection::State {
    ~State();
    bool start_reading(); // whether a message or an end may be there
    UniqueFd pipe;
    UniqueFd peer; // the process at the other end, into which descriptors are duplicated; or none
    UniqueFd read_event, write_event;
    OVERLAPPED read{}, write{};
    std::vector<char> incoming, outgoing;
    bool is_reading = false, is_writing = false, is_ended = false, blocks = true;
    DWORD error = 0;
};

// `pipe` was opened for overlapped operation, in message mode.
Connection make_connection(UniqueFd pipe, UniqueFd peer);
// A security descriptor's text: this user and nobody else.
std::wstring own_user_only();
// A pipe end that waits for a client, overlapped, for this user and this machine alone.
UniqueFd create_pipe(const std::wstring& name, bool is_first);
// Waits for clients at `first`, an end of the pipe `name`, and at further ones that it makes.
Listener make_listener(const std::wstring& name, UniqueFd first);

} // namespace lxss
