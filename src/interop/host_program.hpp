// A program of the host that runs for an instance.
#pragma once

#include "interop/protocol.h"
#include "manager/unique_fd.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace lxss {

struct HostProgramStart {
    std::string folder; // "" is the home folder
    std::vector<std::string> words, environment;
    unsigned terminals = 0; // bit i: stream i is the terminal
    uint16_t rows = 0, columns = 0;
    std::array<UniqueFd, 3> streams; // those that were handed over
};

// What goes back to the instance.
struct HostProgramEnds {
    unsigned bits = 0; // kInterop*
    std::vector<UniqueFd> descriptors;
};

struct HostProgramEvent {
    bool is_end = false; // else the program has been stopped
    int wait_status = 0;
};

class HostProgram {
public:
    HostProgram() = default;
    HostProgram(HostProgram&&) noexcept = default;
    HostProgram& operator=(HostProgram&&) noexcept = default;

    // Starts the program in a session of its own, whose leader stays its parent: without one that is in the
    // session and not in its process group, nothing of it could be stopped (setpgid(2), "orphaned process
    // group"). On failure returns false, with the exit code and the text that a shell would give.
    bool start(HostProgramStart start, HostProgramEnds& ends, int& exit_code, std::string& error);

    bool is_running() const { return program_ > 0; }
    HostDescriptor waitable() const { return events_.get(); } // readable when there is an event
    std::optional<HostProgramEvent> take_event();
    void signal(int number) const; // to its process group
    void resize(uint16_t rows, uint16_t columns) const;
    // As when a terminal is closed.
    void hang_up() const;

private:
    pid_t leader_ = -1, program_ = -1;
    UniqueFd events_;   // from the leader
    UniqueFd terminal_; // the slave: sizes are set through it
};

} // namespace lxss
