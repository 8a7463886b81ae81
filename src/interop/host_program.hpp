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

class HostProgram {
public:
    HostProgram() = default;
    HostProgram(HostProgram&&) noexcept = default;
    HostProgram& operator=(HostProgram&&) noexcept = default;

    // Starts the program in a session of its own. On failure returns false, with the exit code and the text
    // that a shell would give.
    bool start(HostProgramStart start, HostProgramEnds& ends, int& exit_code, std::string& error);

    bool is_running() const { return pid_ > 0; }
    HostDescriptor waitable() const { return handle_.get(); } // readable once the program has ended
    // The wait status, once, when it has ended.
    std::optional<int> take_status();
    void signal(int number) const; // to its process group
    void resize(uint16_t rows, uint16_t columns) const;
    // As when a terminal is closed.
    void hang_up() const;

private:
    pid_t pid_ = -1;
    UniqueFd handle_;
    UniqueFd terminal_; // the slave: sizes are set through it
};

} // namespace lxss
