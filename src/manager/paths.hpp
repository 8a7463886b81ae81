// Where lxss keeps its things. LXSS_HOME puts all of them below one folder (tests use it for isolation);
// otherwise the host's conventions hold. Needs no library beyond the C++ standard one. Names are in UTF-8,
// with / on every host.
#pragma once

#include <string>

namespace lxss {

// Folder of the registry, the log and instances that scripts/run makes: $LXSS_HOME, else
// Linux: $XDG_DATA_HOME/lxss, else ~/.local/share/lxss; NT: %LOCALAPPDATA%/lxss. Empty when the environment
// names no home.
std::string data_folder();

// The user's settings, lxss.conf(5): $LXSS_HOME/lxss.conf, else
// Linux: $XDG_CONFIG_HOME/lxss/lxss.conf, else ~/.config/lxss/lxss.conf; NT: in data_folder(). Empty when the
// environment names no home.
std::string configuration_file();

// Folder of the manager's locks and, on Linux, its socket: $LXSS_HOME/run, else
// Linux: $XDG_RUNTIME_DIR/lxss if that is a folder of ours, else /tmp/lxss-<uid>; NT: data_folder()/run.
std::string runtime_folder();

// The running program, its folder, and the file of another program beside it.
std::string program_path();
std::string program_folder();
std::string program_file(const char* name);

// A file that is installed with lxss, and one of its helper programs.
std::string shared_file(const char* name);
std::string helper_program(const char* name);

// Folder of the Linux programs that go into instances.
std::string guest_programs_folder();

// Makes `folder` and the missing ones above it, private to the user. Returns false with errno set.
bool make_folders(const std::string& folder);

} // namespace lxss
