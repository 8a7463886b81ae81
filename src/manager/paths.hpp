// Where lxss keeps its things. LXSS_HOME puts all of them below one folder (tests use it for isolation);
// otherwise the XDG base directories hold. Needs no library beyond the C++ standard one.
#pragma once

#include "manager/unique_fd.hpp"

#include <string>
#include <sys/un.h>

namespace lxss {

// Folder of the registry, the log and instances that scripts/run makes: $LXSS_HOME, else $XDG_DATA_HOME/lxss,
// else
// ~/.local/share/lxss. Empty when the environment names no home.
std::string data_folder();

// The user's settings, lxss.conf(5): $LXSS_HOME/lxss.conf, else $XDG_CONFIG_HOME/lxss/lxss.conf, else
// ~/.config/lxss/lxss.conf. Empty when the environment names no home.
std::string configuration_file();

// Folder of the socket: $LXSS_HOME/run, else $XDG_RUNTIME_DIR/lxss if that is a folder of ours, else
// /tmp/lxss-<uid>.
std::string runtime_folder();

// Makes the runtime folder with mode 0700 if it is missing, and opens it. Fails, with a message for the user
// in `error`, unless it is a real folder that belongs to this user and that nobody else may enter: whoever
// may reach the socket acts as this user.
UniqueFd open_runtime_folder(std::string& error);

inline constexpr const char* kSocketName = "lxssd.sock";
inline constexpr const char* kLockName = "lxssd.lock";
inline constexpr const char* kStartLockName = "start.lock";

// Address of the manager's socket in an open runtime folder. It goes through /proc/self/fd, so that neither a
// long folder name nor a folder exchanged after the check matters.
sockaddr_un socket_address(int runtime_folder_descriptor);

// The user at the other end of a connected UNIX socket is this process's user.
bool peer_is_same_user(int socket);

// Folder of the running program.
std::string program_folder();

// Makes `folder` and the missing ones above it, mode 0700. Returns false with errno set.
bool make_folders(const std::string& folder);

} // namespace lxss
