#include "cli/conversation.hpp"
#include "cli/os/host_environment.hpp"
#include "cli/os/streams.hpp"
#include "cli/verbs.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace lxss {

// A session starts with an environment of its own, as in WSL: what describes the terminal passes, and what
// WSLENV names (name[/flags]:name...), whose paths are translated inside.
static std::vector<std::string> session_environment() {
    std::vector<std::string> environment;
    auto pass = [&](const std::string& name) {
        if (const std::optional<std::string> value = environment_value(name))
            environment.push_back(name + "=" + *value);
    };
    for (const char* name : {"TERM", "COLORTERM", "LANG"})
        pass(name);
    if (const std::string folder = current_folder(); !folder.empty())
        environment.push_back("LXSS_CURRENT_FOLDER=" + folder);
    for (std::string& variable : host_environment())
        environment.push_back(std::move(variable));
    const std::string list = environment_value("WSLENV").value_or("");
    pass("WSLENV");
    for (std::string_view rest = list; !rest.empty();) {
        const std::string_view item = rest.substr(0, rest.find(':'));
        rest.remove_prefix(std::min(item.size() + 1, rest.size()));
        const std::string_view name = item.substr(0, item.find('/'));
        const std::string_view flags = item.substr(name.size());
        if (!name.empty() && flags.find('w') == flags.npos)
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

// The standard streams of lxss are those of the session. `no_input` holds a descriptor that the request uses.
static void give_streams(Request& request, UniqueFd& no_input) {
    request.descriptors = {standard_stream(0), standard_stream(1), standard_stream(2)};
    request.terminal = find_terminal();
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
}

static int exit_code(const Request& request) {
    const uint32_t wait_status = converse(request).header.value;
    return ended_by_signal(wait_status) ? 128 + signal_of(wait_status) : exit_code_of(wait_status);
}

int run_tool(const Arguments& arguments) {
    Request request;
    UniqueFd no_input;
    request.header.message = ClientMessage::Tool;
    give_streams(request, no_input);
    request.environment = session_environment();
    request.arguments = {arguments.instance};
    switch (arguments.verb) {
    case Verb::DebugShell:
        request.arguments.push_back("debug-shell");
        break;
    case Verb::SystemInfo:
        request.arguments.push_back("system-info");
        break;
    case Verb::Mount: {
        const std::string& folder = arguments.folder;
        const bool is_drive = folder.size() == 2 && folder[1] == ':';
        request.arguments.insert(
            request.arguments.end(),
            {"mount", is_drive ? folder : whole_folder_name(folder), arguments.name, arguments.options});
        break;
    }
    case Verb::Unmount:
        request.arguments.insert(request.arguments.end(), {"unmount", arguments.name});
        break;
    default:
        throw LauncherError("no tool of the instance");
    }
    return exit_code(request);
}

int run_command(const Arguments& arguments) {
    Request request;
    UniqueFd no_input;
    request.header.message = ClientMessage::Run;
    give_streams(request, no_input);
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

    if (!arguments.engine.empty())
        request.header.flags |=
            arguments.engine == "translate" ? kClientEngineTranslate : kClientEngineDirect;

    request.arguments = {arguments.instance, arguments.user, arguments.folder};
    if (arguments.mode == RunMode::Login) {
        request.header.flags |= kClientRunLogin;
    } else if (arguments.mode != RunMode::Exec) {
        request.header.flags |=
            kClientRunShell | (arguments.mode == RunMode::LoginShell ? kClientRunLogin : 0);
        request.arguments.push_back(joined(arguments.words));
    } else {
        request.arguments.insert(request.arguments.end(), arguments.words.begin(), arguments.words.end());
    }
    request.environment = session_environment();
    return exit_code(request);
}

} // namespace lxss
