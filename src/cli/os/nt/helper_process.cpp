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

std::string replace_program(const std::string& program, const std::vector<std::string>&) {
    return "this needs " + program + ", which lxss has for Linux hosts only";
}

} // namespace lxss
