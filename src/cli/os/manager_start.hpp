// Starting lxssd.
#pragma once

#include <string>

namespace lxss {

// Runs lxssd with no tie to this process and waits for its answer: "ok", "running" (another one serves), ""
// (it ended at once) or a problem. Returns false, with a message, when it cannot be run.
bool run_manager(std::string& answer, std::string& error);

} // namespace lxss
