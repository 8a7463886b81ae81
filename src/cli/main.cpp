// lxss: the launcher.
#include "cli/connection.hpp"
#include "cli/conversation.hpp"
#include "cli/os/streams.hpp"
#include "cli/os/helper_process.hpp"
#include "cli/verbs.hpp"
#include "manager/paths.hpp"

#include <cstdio>

using namespace lxss;

static int dispatch(const Arguments& arguments) {
    switch (arguments.verb) {
    case Verb::Run:
        return run_command(arguments);
    case Verb::List:
        return list_instances(arguments);
    case Verb::ListOnline:
        return list_online();
    case Verb::Install:
        return install_instance(arguments);
    case Verb::Import:
        return import_instance(arguments);
    case Verb::Export:
        return export_instance(arguments);
    case Verb::Shutdown:
        return shut_down(arguments);
    case Verb::SetDefault:
    case Verb::Terminate:
    case Verb::Unregister:
    case Verb::SetUser:
    case Verb::Rename:
    case Verb::Move:
    case Verb::ImportInPlace:
        return simple_request(arguments);
    case Verb::DebugShell:
    case Verb::SystemInfo:
    case Verb::Mount:
    case Verb::Unmount:
        return run_tool(arguments);
    case Verb::Check: {
        // A program of its own: it reads the registry and the tree, which the launcher is too small for.
        std::vector<std::string> words = {"--check"};
        words.insert(words.end(), arguments.words.begin(), arguments.words.end());
        throw LauncherError(replace_program(program_file("lxss-check"), words));
    }
    case Verb::Status:
        return print_status();
    case Verb::Version:
        return print_version();
    case Verb::Help:
        std::fputs(kHelpText, stdout);
        return 0;
    }
    return kLxssFailed;
}

int main(int argc, char** argv) {
    const std::vector<std::string> words = prepare_launcher(argc, argv);
    try {
        return dispatch(parse_arguments(words));
    } catch (const UsageError& problem) {
        std::fprintf(stderr, "lxss: %s\n", problem.what());
        return kLxssFailed;
    } catch (const LauncherError& problem) {
        std::fprintf(stderr, "lxss: %s\n", problem.what());
        return problem.exit_code;
    }
}
