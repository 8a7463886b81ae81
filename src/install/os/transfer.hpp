// Loading of a file from an address, by the library that the host has for it.
#pragma once

#include <filesystem>
#include <string>

namespace lxss {

// Completes `partial`, which holds what an earlier call has loaded, or is not there; shows progress on a
// terminal. "" or why not: what has come by then stays.
std::string load(const std::string& address, const std::filesystem::path& partial);

} // namespace lxss
