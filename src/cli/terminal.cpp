#include "cli/terminal.hpp"

#include <initializer_list>
#include <sys/ioctl.h>
#include <unistd.h>

namespace lxss {

WindowSize terminal_size() {
    winsize size{};
    for (int descriptor : {0, 1, 2})
        if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0)
            return {size.ws_row, size.ws_col};
    return {};
}

void RawTerminal::enter() {
    if (raw_ || ::tcgetattr(STDIN_FILENO, &saved_) != 0)
        return;
    termios settings = saved_;
    ::cfmakeraw(&settings);
    raw_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0;
}

void RawTerminal::leave() {
    if (raw_)
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_);
    raw_ = false;
}

} // namespace lxss
