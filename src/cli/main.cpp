// lxss: the launcher.
#include "cli/connection.hpp"
#include "cli/conversation.hpp"
#include "cli/verbs.hpp"
#include "manager/paths.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

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

// `lxss --check ...` is a program of its own: it reads the registry and the tree, which the launcher is too small for.
static int run_check(char** words) {
    const std::string program = program_folder() + "/lxss-check";
    ::execv(program.c_str(), words);
    std::fprintf(stderr, "lxss: cannot run %s: %s\n", program.c_str(), std::strerror(errno));
    return 1;
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
    // A closed standard descriptor would be taken by a socket and then handed to the session.
    for (int descriptor = 0; descriptor < 3; ++descriptor)
        if (::fcntl(descriptor, F_GETFD) < 0)
            ::open("/dev/null", O_RDWR);
    if (argc > 1 && std::string_view(argv[1]) == "--check")
        return run_check(argv + 1);
    try {
        return dispatch(parse_arguments({argv + 1, argv + argc}));
    } catch (const UsageError& problem) {
        std::fprintf(stderr, "lxss: %s\n", problem.what());
        return 1;
    } catch (const LauncherError& problem) {
        std::fprintf(stderr, "lxss: %s\n", problem.what());
        return problem.exit_code;
    }
}
