// The request to run a program, as it comes from the instance.
#pragma once

#include "interop/host_program.hpp"

#include <string_view>

namespace lxss {

// Fills in what the packet says; the streams are not its part. False when counts and strings do not add up.
bool parse_run_request(const interop_header& header, std::string_view strings, HostProgramStart& start);

} // namespace lxss
