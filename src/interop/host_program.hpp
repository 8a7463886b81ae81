// A program of the host that runs for an instance.
#pragma once

#include "interop/protocol.h"
#include "manager/unique_fd.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
    bool is_end = false;    // else the program has been stopped
    int wait_status = 0;    // as wait(2) gives it on Linux
    bool all_ended = false; // at the end: nothing that the program has started runs on
};

// One for each host in os/.
class HostProgram {
public:
    HostProgram();
    ~HostProgram();
    HostProgram(HostProgram&&) noexcept;
    HostProgram& operator=(HostProgram&&) noexcept;

    // On failure returns false, with the exit code and the text that a shell would give.
    bool start(HostProgramStart start, HostProgramEnds& ends, int& exit_code, std::string& error);

    bool is_running() const;
    HostDescriptor waitable() const; // ready when there is an event
    std::optional<HostProgramEvent> take_event();
    // A Linux signal number, for the program and what it has started in its process group, or job. True when
    // the program counts as stopped from now on; otherwise an event tells.
    bool signal(int number);
    void resize(uint16_t rows, uint16_t columns) const;
    // As when a terminal is closed.
    void hang_up();

    struct State; // of the host

private:
    std::unique_ptr<State> state_; // while it runs
};

// Exit codes as shells give them.
inline constexpr int kNotExecutable = 126, kNotFound = 127, kInteropFailure = 255;

} // namespace lxss
