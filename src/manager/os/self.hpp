// The manager's own process: what is set up at its start, and who has started it.
#pragma once

#include "manager/unique_fd.hpp"

#include <string>
#include <vector>

namespace lxss {

#if defined(_WIN32)
inline constexpr const char* kKernelProgram = "lxkernel.exe";
// Behind that name: the kernel with the translating engine. Here that is the only one.
inline constexpr const char* kTranslatingKernelSuffix = "";
inline constexpr const char* kNoHomeText =
    "set LOCALAPPDATA or LXSS_HOME to a folder: instances are registered there";
#else
inline constexpr const char* kKernelProgram = "lxkernel";
inline constexpr const char* kTranslatingKernelSuffix = "-translate";
inline constexpr const char* kNoHomeText =
    "set HOME or LXSS_HOME to an absolute folder name: instances are registered there";
#endif

// Files made from now on are private to the user; a vanished peer is an error, not a signal; as many
// descriptors as the host allows.
void prepare_process();

// The command line in UTF-8, without the program's name.
std::vector<std::string> own_arguments(int count, char** arguments);

// The launcher that waits for the manager to serve; without one, standard error.
class Starter {
public:
    // Takes the argument that tells where the launcher reads; false for any other.
    bool accept(const std::string& argument);
    // One line, once.
    void tell(const std::string& line);

private:
    UniqueFd ready_;
};

} // namespace lxss
