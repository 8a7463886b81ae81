#include "cli/verbs.hpp"

#include "cli/conversation.hpp"
#include "cli/os/terminal.hpp"

#include <cstdio>
#include <optional>

namespace lxss {

int simple_request(const Arguments& arguments) {
    Request request;
    std::optional<TerminalOutput> terminal;
    request.forward_signals = false;
    request.arguments = {arguments.instance};
    switch (arguments.verb) {
    case Verb::SetDefault:
        request.header.message = ClientMessage::SetDefault;
        break;
    case Verb::Terminate:
        request.header.message = ClientMessage::Terminate;
        break;
    case Verb::Unregister:
        request.header.message = ClientMessage::Unregister;
        break;
    case Verb::SetUser:
        request.header.message = ClientMessage::SetUser;
        request.arguments.push_back(arguments.user);
        break;
    case Verb::Rename:
        request.header.message = ClientMessage::Rename;
        request.arguments.push_back(arguments.name);
        break;
    case Verb::Move:
        request.header.message = ClientMessage::Move;
        terminal.emplace();
        if (terminal->descriptor() != kNoDescriptor)
            request.descriptors = {terminal->descriptor()};
        request.arguments.push_back(whole_folder_name(arguments.folder));
        break;
    case Verb::ImportInPlace:
        request.header.message = ClientMessage::ImportInPlace;
        request.arguments.push_back(whole_folder_name(arguments.folder));
        break;
    default:
        throw LauncherError("not a simple request");
    }
    converse(request);
    return 0;
}

int shut_down(const Arguments& arguments) {
    if (!manager_is_running())
        return 0;
    try {
        Request request;
        request.header.message = ClientMessage::Shutdown;
        request.header.flags = arguments.force ? kClientForce : 0;
        request.forward_signals = false;
        converse(request);
    } catch (const ManagerEnded&) {
        // This is the answer.
    }
    return 0;
}

int print_status() {
    Request request;
    request.header.message = ClientMessage::Status;
    request.forward_signals = false;
    converse(request, [](const ClientPacket& item) {
        if (item.arguments.size() == 2)
            std::printf("%s: %s\n", item.arguments[0].c_str(), item.arguments[1].c_str());
    });
    return std::fflush(stdout) == 0 ? 0 : kLxssFailed;
}

int print_version() {
    std::printf("lxss %s\n", LXSS_VERSION);
    return 0;
}

} // namespace lxss
