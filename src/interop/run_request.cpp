#include "interop/run_request.hpp"

namespace lxss {

static bool take_string(std::string_view& strings, std::string& out) {
    const size_t end = strings.find('\0');
    if (end == strings.npos)
        return false;
    out = strings.substr(0, end);
    strings.remove_prefix(end + 1);
    return true;
}

bool parse_run_request(const interop_header& header, std::string_view strings, HostProgramStart& start) {
    start.terminals = header.value & 7;
    start.rows = header.rows;
    start.columns = header.columns;
    if (!take_string(strings, start.folder))
        return false;
    for (uint32_t i = 0; i < header.argument_count; ++i)
        if (!take_string(strings, start.words.emplace_back()))
            return false;
    for (uint32_t i = 0; i < header.environment_count; ++i)
        if (!take_string(strings, start.environment.emplace_back()) ||
            start.environment.back().find('=', 1) == std::string::npos)
            return false;
    return strings.empty();
}

} // namespace lxss
