#include "cli/conversation.hpp"
#include "cli/os/streams.hpp"
#include "cli/verbs.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace lxss {

// A session starts with an environment of its own, as in WSL: what describes the terminal passes, and what
// WSLENV names (name[/flags]:name...; the path flags p and l need drives, and such a variable stays behind
// until then).
static std::vector<std::string> session_environment() {
    std::vector<std::string> environment;
    auto pass = [&](const std::string& name) {
        if (const char* value = std::getenv(name.c_str()))
            environment.push_back(name + "=" + value);
    };
    for (const char* name : {"TERM", "COLORTERM", "LANG"})
        pass(name);
    const char* list = std::getenv("WSLENV");
    if (!list)
        return environment;
    pass("WSLENV");
    for (std::string_view rest = list; !rest.empty();) {
        const std::string_view item = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(item.size() + 1, rest.size()));
        const std::string_view name = item.substr(0, item.find('/'));
        const std::string_view flags = item.substr(name.size());
        if (!name.empty() && flags.find_first_of("plw") == flags.npos)
            pass(std::string(name));
    }
    return environment;
}

static std::string joined(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words)
        line += (line.empty() ? "" : " ") + word;
    return line;
}

int run_command(const Arguments& arguments) {
    Request request;
    request.header.message = ClientMessage::Run;
    request.descriptors = {standard_stream(0), standard_stream(1), standard_stream(2)};
    request.terminal = find_terminal();
    UniqueFd no_input;
    if (request.terminal.descriptor != kNoDescriptor) {
        for (int i = 0; i < 3; ++i)
            if (is_terminal(standard_stream(i)))
                request.header.flags |= 1u << i;
    } else if (is_terminal(standard_stream(0))) {
        no_input = open_nothing();
        request.descriptors[0] = no_input.get();
    }
    const WindowSize size = terminal_size();
    request.header.rows = size.rows;
    request.header.columns = size.columns;

    UniqueFd trace;
    if (arguments.trace) {
        request.header.flags |= kClientTrace | (arguments.trace_summary ? kClientTraceSummary : 0);
        std::string error;
        trace = arguments.trace_file.empty() ? duplicate(standard_stream(2), error)
                                             : open_for_writing(arguments.trace_file, false, error);
        if (!trace)
            throw LauncherError("cannot write the trace to " + arguments.trace_file + ": " + error);
        request.descriptors.push_back(trace.get());
    }

    request.arguments = {arguments.instance, arguments.user, arguments.folder};
    if (arguments.mode == RunMode::Login) {
        request.header.flags |= kClientRunLogin;
    } else if (arguments.mode == RunMode::Shell) {
        request.header.flags |= kClientRunShell;
        request.arguments.push_back(joined(arguments.words));
    } else {
        request.arguments.insert(request.arguments.end(), arguments.words.begin(), arguments.words.end());
    }
    request.environment = session_environment();

    const uint32_t wait_status = converse(request).header.value;
    return ended_by_signal(wait_status) ? 128 + signal_of(wait_status) : exit_code_of(wait_status);
}

} // namespace lxss
