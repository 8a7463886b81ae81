#include "cli/conversation.hpp"
#include "cli/verbs.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace lxss {

// A session starts with an environment of its own, as in WSL: what describes the terminal passes, and what
// WSLENV names (name[/flags]:name...), whose paths are translated inside.
static std::vector<std::string> session_environment() {
    std::vector<std::string> environment;
    auto pass = [&](const std::string& name) {
        if (const char* value = std::getenv(name.c_str()))
            environment.push_back(name + "=" + value);
    };
    for (const char* name : {"TERM", "COLORTERM", "LANG"})
        pass(name);
    char folder[PATH_MAX];
    if (::getcwd(folder, sizeof folder))
        environment.push_back(std::string("LXSS_CURRENT_FOLDER=") + folder);
    const char* list = std::getenv("WSLENV");
    if (!list)
        return environment;
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
    request.descriptors = {0, 1, 2};
    request.terminal = find_terminal();
    if (request.terminal.descriptor >= 0) {
        for (int i = 0; i < 3; ++i)
            if (::isatty(i))
                request.header.flags |= 1u << i;
    } else if (::isatty(STDIN_FILENO)) {
        no_input.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        request.descriptors[0] = no_input.get();
    }
    const WindowSize size = terminal_size();
    request.header.rows = size.rows;
    request.header.columns = size.columns;
}

static int exit_code(const Request& request) {
    const int wait_status = static_cast<int>(converse(request).header.value);
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
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
    case Verb::Mount:
        request.arguments.insert(request.arguments.end(),
                                 {"mount", absolute_folder(arguments.folder), arguments.name, arguments.options});
        break;
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
        trace.reset(arguments.trace_file.empty() ? ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                                                 : ::open(arguments.trace_file.c_str(),
                                                          O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
        if (!trace)
            throw LauncherError("cannot write the trace to " + arguments.trace_file + ": " +
                                std::strerror(errno));
        request.descriptors.push_back(trace.get());
    }

    request.arguments = {arguments.instance, arguments.user, arguments.folder};
    if (arguments.mode == RunMode::Login) {
        request.header.flags |= kClientRunLogin;
    } else if (arguments.mode != RunMode::Exec) {
        request.header.flags |= kClientRunShell | (arguments.mode == RunMode::LoginShell ? kClientRunLogin : 0);
        request.arguments.push_back(joined(arguments.words));
    } else {
        request.arguments.insert(request.arguments.end(), arguments.words.begin(), arguments.words.end());
    }
    request.environment = session_environment();
    return exit_code(request);
}

} // namespace lxss
