// What lxss does for each verb. Each returns the exit code of lxss or throws LauncherError.
#pragma once

#include "cli/arguments.hpp"
#include "manager/unique_fd.hpp"

namespace lxss {

// Of lxss itself, as wsl.exe's -1: a command's own failure mostly has another one.
inline constexpr int kLxssFailed = 255;

int run_command(const Arguments& arguments);
int list_instances(const Arguments& arguments);
int list_online();
int install_instance(const Arguments& arguments);
int import_instance(const Arguments& arguments);
int export_instance(const Arguments& arguments);
int print_status();
int print_version();

// Answered by the end of the manager. None may be running, and then none is started for it.
int shut_down(const Arguments& arguments);

// check_verb.cpp. The exit code is as fsck(8) has it.
int check_instance(const Arguments& arguments);

// The verbs that are one request and no more.
int simple_request(const Arguments& arguments);

// --debug-shell, --mount, --unmount, --system-info: init of the instance does it, as root.
int run_tool(const Arguments& arguments);

// Makes an instance in `folder` ("": the user's folder for instances) from an open archive, or from a file,
// "-", or the folder of an OCI image layout. `flags`: kClientSetUp, kClientPortable.
void import_archive(const std::string& name, const std::string& folder, HostDescriptor archive,
                    uint32_t flags);
void import_file(const std::string& name, const std::string& folder, const std::string& file, uint32_t flags);
// kClientPortable, if the user wants it.
uint32_t import_flags(const Arguments& arguments);

// The absolute name of a folder whose parents may be missing too.
std::string whole_folder_name(const std::string& folder);

} // namespace lxss
