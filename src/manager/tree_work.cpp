#include "manager/instance_folder.hpp"
#include "manager/os/process.hpp"
#include "manager/paths.hpp"

#include <chrono>
#include <cstdlib>
#include <thread>

namespace lxss {

bool work_on_tree(const std::string& work, const std::string& folder) {
    const char* other = std::getenv("LXSS_KERNEL");
    ChildProcess kernel;
    std::string error;
    if (!kernel.start(
            {other && *other ? other : program_file("lxkernel"), work, "--root=" + folder + "/rootfs"},
            error))
        return false;
    for (;;) {
        if (const std::optional<ExitStatus> status = kernel.take_status())
            return !status->was_killed && status->code == 0;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

} // namespace lxss
