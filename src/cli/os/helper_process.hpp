// A host program whose standard output is read from a pipe; its standard error is that of lxss.
#pragma once

#include "manager/unique_fd.hpp"

#include <memory>
#include <string>
#include <vector>

namespace lxss {

class HelperProcess {
public:
    // Looks for a name without a slash in PATH. With `output_to_pipe` unset it writes where lxss does. Throws
    // LauncherError.
    // `input`: its standard input, else that of lxss. With `may_outlive` it goes on when lxss is killed.
    explicit HelperProcess(const std::vector<std::string>& words, bool output_to_pipe = true,
                           HostDescriptor input = kNoDescriptor, bool may_outlive = false);
    HelperProcess(const HelperProcess&) = delete;
    HelperProcess& operator=(const HelperProcess&) = delete;
    ~HelperProcess(); // ends it

    HostDescriptor output() const { return output_.get(); }
    // Waits for its end; LauncherError unless it exits with 0.
    void finish();
    // Waits for its end; its exit code. LauncherError when it was killed.
    int wait();

private:
    std::string program_;
    int pid_ = -1;     // Linux
    UniqueFd process_; // Windows
    UniqueFd output_;
};

// What writes the packages of a Debian `suite` (src/install/debian-packages): on Linux a program of the host,
// with the host's apt; on Windows one in the default instance, with that one's. Throws LauncherError.
std::unique_ptr<HelperProcess> start_debian_packages(const std::string& suite);

} // namespace lxss
