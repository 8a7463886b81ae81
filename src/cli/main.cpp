// lxss: the launcher.
#include "cli/connection.hpp"
#include "cli/conversation.hpp"
#include "cli/os/streams.hpp"
#include "cli/verbs.hpp"

#include <cstdio>

using namespace lxss;

// Shutdown is answered by the end of the manager. None may be running, and then none is started for it.
static int shut_down() {
    if (!manager_is_running())
        return 0;
    try {
        Request request;
        request.header.message = ClientMessage::Shutdown;
        request.forward_signals = false;
        converse(request);
    } catch (const ManagerEnded&) {
    }
    return 0;
}

static int dispatch(const Arguments& arguments) {
    switch (arguments.verb) {
    case Verb::Run:
        return run_command(arguments);
    case Verb::List:
        return list_instances(arguments);
    case Verb::Import:
        return import_instance(arguments);
    case Verb::Export:
        return export_instance(arguments);
    case Verb::Shutdown:
        return shut_down();
    case Verb::SetDefault:
    case Verb::Terminate:
    case Verb::Unregister:
    case Verb::SetUser:
        return simple_request(arguments);
    case Verb::Version:
        std::printf("lxss %s\n", LXSS_VERSION);
        return 0;
    case Verb::Help:
        std::fputs(kHelpText, stdout);
        return 0;
    }
    return 1;
}

int main(int argc, char** argv) {
    const std::vector<std::string> words = prepare_launcher(argc, argv);
    try {
        return dispatch(parse_arguments(words));
    } catch (const UsageError& problem) {
        std::fprintf(stderr, "lxss: %s\n", problem.what());
        return 1;
    } catch (const LauncherError& problem) {
        std::fprintf(stderr, "lxss: %s\n", problem.what());
        return problem.exit_code;
    }
}
