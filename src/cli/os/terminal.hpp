// The host's terminal while a session of the instance uses it.
#pragma once

#include "manager/unique_fd.hpp"

#include <cstdint>
#include <memory>

namespace lxss {

struct WindowSize {
    uint16_t rows = 0, columns = 0;
};

// Size of the first of standard input, output and error that is a terminal.
WindowSize terminal_size();

// How the host's terminal is used by a session; nothing without `descriptor`.
struct TerminalUse {
    HostDescriptor descriptor = kNoDescriptor;
    bool keep_signals = false; // Ctrl-C and its like make signals on the host, for all of a pipeline
    bool keep_output = false;  // others write to the terminal: its treatment of line ends stays
};

// Standard input's terminal, else standard output's: a pager at the end of a pipeline reads keys from there.
// None while lxss is in the background.
TerminalUse find_terminal();

// Standard error's terminal, for somebody else to write to: what shows progress. No descriptor where it is
// none.
class TerminalOutput {
public:
    TerminalOutput();
    TerminalOutput(const TerminalOutput&) = delete;
    TerminalOutput& operator=(const TerminalOutput&) = delete;
    ~TerminalOutput(); // whoever writes has closed it by now
    HostDescriptor descriptor() const { return descriptor_; }

private:
    HostDescriptor descriptor_ = kNoDescriptor;
};

// Keeps a terminal in raw mode: the session's own line discipline, inside the instance, does the editing and
// makes signals of Ctrl-C and its like. Restores the settings when it ends.
class RawTerminal {
public:
    explicit RawTerminal(TerminalUse use);
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal();

    // A terminal that is raw already is left to whoever made it so, such as another lxss of the same
    // pipeline.
    void enter();
    void leave();

private:
    TerminalUse use_;
    struct Settings; // of the host
    std::unique_ptr<Settings> saved_;
    bool raw_ = false;
};

} // namespace lxss
