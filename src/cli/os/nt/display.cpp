#include "cli/os/display.hpp"

namespace lxss {

// Windows has neither an X11 nor a PulseAudio server of its own.
std::vector<std::string> display_environment() {
    return {};
}

} // namespace lxss
