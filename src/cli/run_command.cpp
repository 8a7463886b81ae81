#include "cli/conversation.hpp"
#include "cli/verbs.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

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
    request.descriptors = {0, 1, 2};
    request.terminal = find_terminal();
    UniqueFd no_input;
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

    if (!arguments.engine.empty())
        request.header.flags |= arguments.engine == "translate" ? kClientEngineTranslate : kClientEngineDirect;

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

    const int wait_status = static_cast<int>(converse(request).header.value);
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

} // namespace lxss
