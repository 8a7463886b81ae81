#include "cli/connection.hpp"

#include "cli/os/manager_start.hpp"
#include "manager/os/runtime_folder.hpp"
#include "manager/paths.hpp"

#include <chrono>
#include <thread>

namespace lxss {

static void open_folder(RuntimeFolder& runtime) {
    std::string error;
    if (!runtime.open(error))
        throw LauncherError(error);
}

// Empty when no manager serves.
static Connection try_connect(const RuntimeFolder& runtime) {
    std::string error;
    Connection connection = runtime.connect(error);
    if (!error.empty())
        throw LauncherError(error);
    return connection;
}

// Two launchers at once start one manager: the lock is held until it answers.
static Connection start_manager(const RuntimeFolder& runtime) {
    std::string error, answer;
    const UniqueFd lock = runtime.lock(kStartLockName, -1, error);
    if (!lock)
        throw LauncherError(error);
    if (Connection connection = try_connect(runtime))
        return connection;
    if (!run_manager(answer, error))
        throw LauncherError(error);
    if (answer.empty())
        throw LauncherError("the session manager ended at once; see " + data_folder() + "/log/lxssd.log");
    if (answer != "ok" && answer != "running")
        throw LauncherError("the session manager cannot start: " + answer);
    return try_connect(runtime);
}

Connection send_request(const ClientHeader& header, const std::vector<std::string>& arguments,
                        const std::vector<std::string>& environment,
                        std::span<const HostDescriptor> descriptors) {
    RuntimeFolder runtime;
    open_folder(runtime);
    for (int attempt = 0; attempt < 20; ++attempt) {
        Connection connection = try_connect(runtime);
        if (!connection)
            connection = start_manager(runtime);
        if (connection) {
            switch (send_client_packet(connection, header, arguments, environment, descriptors)) {
            case SendStatus::Sent:
                return connection;
            case SendStatus::TooLong:
                throw LauncherError(
                    "the command line is too long: all words and the environment together may have "
                    "190 KiB");
            case SendStatus::PeerGone:
                break;
            case SendStatus::WouldBlock:
            case SendStatus::Failed:
                throw LauncherError("cannot send to the session manager: " + connection.last_error());
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw LauncherError("the session manager does not answer; see " + data_folder() + "/log/lxssd.log");
}

bool manager_is_running() {
    RuntimeFolder runtime;
    open_folder(runtime);
    return static_cast<bool>(try_connect(runtime));
}

ClientPacket receive_reply(Connection& connection) {
    Packet packet;
    switch (connection.receive(packet)) {
    case ReceiveStatus::Received:
        break;
    case ReceiveStatus::Broken:
        throw RequestUnread();
    default:
        throw ManagerEnded("the session manager has ended unexpectedly; see " + data_folder() +
                           "/log/lxssd.log");
    }
    std::optional<ClientPacket> reply = decode_client_packet(std::move(packet));
    if (!reply || reply->header.version != kClientProtocolVersion)
        throw LauncherError(
            "the session manager is of another version; end it with 'lxss --shutdown' of that version");
    if (reply->header.message == ClientMessage::Error)
        throw LauncherError(reply->arguments.empty() ? "the request failed" : reply->arguments[0],
                            static_cast<int>(reply->header.value));
    return std::move(*reply);
}

} // namespace lxss
