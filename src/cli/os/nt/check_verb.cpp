// lxss --check on the NT host: its kernel has no check yet.
#include "cli/connection.hpp"
#include "cli/verbs.hpp"

namespace lxss {

int check_instance(const Arguments&) {
    throw LauncherError("--check is not there yet on this host", 8); // fsck(8): the check could not be made
}

} // namespace lxss
