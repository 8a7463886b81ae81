// The host's display and sound, for programs of the instance.
#pragma once

#include <string>
#include <vector>

namespace lxss {

// Variables for the instance's init: LXSS_X11=DISPLAY=SOCKET, LXSS_XAUTHORITY=HEXADECIMAL,
// LXSS_WAYLAND=SOCKET, LXSS_PULSE=SOCKET. None where the environment names no display.
std::vector<std::string> display_environment();

} // namespace lxss
