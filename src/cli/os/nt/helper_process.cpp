#include "cli/os/helper_process.hpp"

#include "cli/connection.hpp"

namespace lxss {

// The helpers are programs of a Linux host: downloads and packages come later here.
HelperProcess::HelperProcess(const std::vector<std::string>& words, bool) : program_(words[0]) {
    throw LauncherError("this needs " + program_ +
                        ", which lxss has for Linux hosts only; import an archive instead");
}
HelperProcess::~HelperProcess() = default;
void HelperProcess::finish() {}

} // namespace lxss
