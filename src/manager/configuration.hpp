// The user's settings of the session manager, lxss.conf(5). Read anew at each use, since the file is small.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lxss {

struct InstanceConfiguration {
    std::optional<std::chrono::milliseconds> idle_timeout; // negative: never
    bool interop = true;
};

struct Configuration {
    std::string default_instance; // "": the one of --set-default
    std::string instance_folder;  // absolute; where --install puts instances
    std::string catalog;          // absolute; a file of distributions beside the shipped one, or ""
    std::chrono::milliseconds idle_timeout{15'000}; // of an instance after its last client; negative: never
    std::chrono::milliseconds manager_idle_timeout{3'000};
    std::chrono::milliseconds stop_timeout{3'000}; // from SIGTERM to SIGKILL
    std::map<std::string, std::string>
        drives; // name below /mnt -> absolute host folder; host_drives() unless set
    std::map<std::string, InstanceConfiguration> instances; // by lower-case name
    std::vector<std::string> problems; // "FILE:LINE: what is wrong"; such a line has no effect

    const InstanceConfiguration& of_instance(const std::string& name) const;
    std::chrono::milliseconds idle_timeout_of(const std::string& name) const;
};

// A missing file is an empty one. `default_instance_folder` holds where the file names none.
Configuration read_configuration(const std::string& path, const std::string& default_instance_folder);

} // namespace lxss
