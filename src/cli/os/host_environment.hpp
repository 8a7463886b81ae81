// What a session gets to know of the launcher's surroundings.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lxss {

// Of the environment, in UTF-8.
std::optional<std::string> environment_value(const std::string& name);
// "" when there is none.
std::string current_folder();

// Whether --cd may name such a folder, which the instance translates: on Windows "C:\..." or a share, on
// Linux nothing beside the instance's own.
bool names_folder_of_host(const std::string& folder);

// Variables for the instance's init. Linux: its display and sound, LXSS_X11=DISPLAY=SOCKET,
// LXSS_XAUTHORITY=HEXADECIMAL, LXSS_WAYLAND=SOCKET, LXSS_PULSE=SOCKET; none where the environment names no
// display. Windows: LXSS_HOST_PATH, its PATH.
std::vector<std::string> host_environment();

} // namespace lxss
