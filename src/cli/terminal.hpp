// The host's terminal while a session of the instance uses it.
#pragma once

#include <cstdint>
#include <termios.h>

namespace lxss {

struct WindowSize {
    uint16_t rows = 0, columns = 0;
};

// Size of the first of standard input, output and error that is a terminal.
WindowSize terminal_size();

// Keeps standard input's terminal in raw mode: the session's own line discipline, inside the instance, does
// the editing and makes signals of Ctrl-C and its like. Restores the settings when it ends.
class RawTerminal {
public:
    RawTerminal() = default;
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal() { leave(); }

    // Does nothing unless standard input is a terminal.
    void enter();
    void leave();

private:
    bool raw_ = false;
    termios saved_{};
};

} // namespace lxss
