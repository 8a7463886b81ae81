// What lxss does for each verb. Each returns the exit code of lxss or throws LauncherError.
#pragma once

#include "cli/arguments.hpp"

namespace lxss {

int run_command(const Arguments& arguments);
int list_instances(const Arguments& arguments);
int import_instance(const Arguments& arguments);
int export_instance(const Arguments& arguments);

// check_verb.cpp. The exit code is as fsck(8) has it.
int check_instance(const Arguments& arguments);

// The verbs that are one request and no more.
int simple_request(const Arguments& arguments);

} // namespace lxss
