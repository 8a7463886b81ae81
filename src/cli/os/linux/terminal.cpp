#include "cli/os/terminal.hpp"

#include <initializer_list>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace lxss {

TerminalOutput::TerminalOutput() {
    if (::isatty(STDERR_FILENO))
        descriptor_ = STDERR_FILENO;
}
TerminalOutput::~TerminalOutput() = default;

WindowSize terminal_size() {
    winsize size{};
    for (int descriptor : {0, 1, 2})
        if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0)
            return {size.ws_row, size.ws_col};
    return {};
}

TerminalUse find_terminal() {
    TerminalUse use;
    const bool input = ::isatty(STDIN_FILENO), output = ::isatty(STDOUT_FILENO);
    if (input || output)
        use = {input ? STDIN_FILENO : STDOUT_FILENO, !input, !output};
    // A program in the background must not read the terminal; lxkernel, which reads on behalf of the session,
    // is not stopped by the terminal's driver as the program itself would be.
    const pid_t foreground = use.descriptor < 0 ? -1 : ::tcgetpgrp(use.descriptor);
    if (foreground > 0 && foreground != ::getpgrp())
        use = {};
    return use;
}

struct RawTerminal::Settings {
    termios value{};
};

RawTerminal::RawTerminal(TerminalUse use) : use_(use), saved_(std::make_unique<Settings>()) {}
RawTerminal::~RawTerminal() {
    leave();
}

void RawTerminal::enter() {
    if (raw_ || use_.descriptor < 0 || ::tcgetattr(use_.descriptor, &saved_->value) != 0 ||
        !(saved_->value.c_lflag & (ICANON | ECHO)))
        return;
    termios settings = saved_->value;
    ::cfmakeraw(&settings);
    if (use_.keep_signals)
        settings.c_lflag |= saved_->value.c_lflag & ISIG;
    if (use_.keep_output)
        settings.c_oflag = saved_->value.c_oflag;
    raw_ = ::tcsetattr(use_.descriptor, TCSANOW, &settings) == 0;
}

void RawTerminal::leave() {
    if (raw_)
        ::tcsetattr(use_.descriptor, TCSADRAIN, &saved_->value);
    raw_ = false;
}

} // namespace lxss
