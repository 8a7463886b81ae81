// A host program whose standard output is read from a pipe; its standard error is that of lxss.
#pragma once

#include "manager/unique_fd.hpp"

#include <string>
#include <vector>

namespace lxss {

class HelperProcess {
public:
    // Looks for a name without a slash in PATH. With `output_to_pipe` unset it writes where lxss does. Throws
    // LauncherError.
    explicit HelperProcess(const std::vector<std::string>& words, bool output_to_pipe = true);
    HelperProcess(const HelperProcess&) = delete;
    HelperProcess& operator=(const HelperProcess&) = delete;
    ~HelperProcess(); // ends it

    HostDescriptor output() const { return output_.get(); }
    // Waits for its end; LauncherError unless it exits with 0.
    void finish();

private:
    std::string program_;
    int pid_ = -1;     // Linux
    UniqueFd process_; // Windows
    UniqueFd output_;
};

} // namespace lxss
