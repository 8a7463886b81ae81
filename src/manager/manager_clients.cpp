// Requests of clients.
#include "manager/catalog.hpp"
#include "manager/instance_folder.hpp"
#include "manager/instance_name.hpp"
#include "manager/manager.hpp"
#include "manager/os/files.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace lxss {

using namespace std::chrono_literals;

static_assert(kClientTerminalMask == (protocol::kRunStdinIsTerminal | protocol::kRunStdoutIsTerminal |
                                      protocol::kRunStderrIsTerminal));
static_assert(kClientTrace == protocol::kRunTrace && kClientTraceSummary == protocol::kRunTraceSummary);

static constexpr uint32_t kRunFlags = kClientTerminalMask | kClientTrace | kClientTraceSummary;

void Manager::accept_clients() {
    for (;;) {
        Connection connection;
        switch (listener_.accept(connection)) {
        case Listener::Status::None:
            return;
        case Listener::Status::OutOfDescriptors:
            spdlog::warn("no descriptors left for another client");
            accept_pause_ = Clock::now() + 100ms;
            return;
        case Listener::Status::OtherUser:
            spdlog::warn("a client of another user was turned away");
            continue;
        case Listener::Status::Accepted:
            break;
        }
        auto client = std::make_shared<Client>();
        client->connection = std::move(connection);
        clients_.push_back(client);
        served_ = true;
        serve_client(client); // its request is usually there already
    }
}

void Manager::serve_client(const ClientPointer& client) {
    while (client->connection) {
        Packet packet;
        switch (client->connection.receive(packet)) {
        case ReceiveStatus::WouldBlock:
            return;
        case ReceiveStatus::Closed:
        case ReceiveStatus::Broken:
            return close_client(client);
        case ReceiveStatus::Received:
            break;
        }
        std::optional<ClientPacket> decoded = decode_client_packet(std::move(packet));
        if (!decoded) {
            spdlog::warn("malformed request from a client");
            return close_client(client);
        }
        handle_request(client, std::move(*decoded));
    }
}

void Manager::close_client(const ClientPointer& client) {
    if (!client->connection)
        return;
    client->connection.reset();
    std::erase(clients_, client);
    if (InstancePointer instance = client->session ? find_instance(client->instance) : nullptr) {
        auto session = instance->sessions.find(client->session);
        if (session != instance->sessions.end() && session->second.client == client) {
            session->second.client = nullptr;
            instance->kernel.hangup(client->session);
            consider_grace(instance);
        }
    }
    if (auto gone = std::move(client->gone))
        gone();
}

void Manager::reply(const ClientPointer& client, ClientMessage message, uint32_t value) {
    if (!client->connection)
        return;
    ClientHeader header{};
    header.message = message;
    header.value = value;
    send_client_packet(client->connection, header, {});
    client->gone = nullptr;
    client->session = 0;
    close_client(client);
}

void Manager::fail(const ClientPointer& client, const std::string& text, int exit_code) {
    if (!client->connection)
        return;
    ClientHeader header{};
    header.message = ClientMessage::Error;
    header.value = static_cast<uint32_t>(exit_code);
    send_client_packet(client->connection, header, {text});
    client->gone = nullptr;
    client->session = 0;
    close_client(client);
}

void Manager::handle_request(const ClientPointer& client, ClientPacket packet) {
    if (packet.header.version != kClientProtocolVersion)
        return fail(client,
                    "this lxss and the running lxssd are of different versions; end lxssd with 'kill " +
                        std::to_string(own_process_id()) + "' and try again");
    if (client->asked) {
        InstancePointer instance = client->session ? find_instance(client->instance) : nullptr;
        if (!instance)
            return;
        if (packet.header.message == ClientMessage::WindowSize)
            instance->kernel.window_size(client->session, packet.header.rows, packet.header.columns);
        else if (packet.header.message == ClientMessage::Signal)
            instance->kernel.signal(client->session, packet.header.value);
        return;
    }
    client->asked = true;
    if (shutting_down_)
        return fail(client, "lxssd is ending; try again");

    const ClientMessage message = packet.header.message;
    const size_t count = packet.arguments.size(), descriptors = packet.descriptors.size();
    auto argument = [&](size_t index) { return packet.arguments[index]; };
    if (message == ClientMessage::Run && count >= 3 && descriptors >= 3)
        return request_run(client, std::move(packet));
    if (message == ClientMessage::List)
        return request_list(client);
    if (message == ClientMessage::Import && count == 3 && descriptors == 3)
        return request_import(client, std::move(packet));
    if (message == ClientMessage::Export && count == 2 && descriptors == 3)
        return request_export(client, std::move(packet));
    if (message == ClientMessage::Unregister && count == 1)
        return request_unregister(client, argument(0));
    if (message == ClientMessage::SetUser && count == 2)
        return request_set_user(client, argument(0), argument(1));
    if (message == ClientMessage::SetDefault && count == 1)
        return request_set_default(client, argument(0));
    if (message == ClientMessage::ImportInPlace && count == 2)
        return request_import_in_place(client, argument(0), argument(1));
    if (message == ClientMessage::Rename && count == 2)
        return request_rename(client, argument(0), argument(1));
    if (message == ClientMessage::Move && count == 2)
        return request_move(
            client, argument(0), argument(1),
            std::make_shared<UniqueFd>(descriptors ? std::move(packet.descriptors[0]) : UniqueFd()));
    if (message == ClientMessage::Catalog)
        return request_catalog(client);
    if (message == ClientMessage::Tool && count >= 2 && descriptors >= 3)
        return request_tool(client, std::move(packet));
    if (message == ClientMessage::Status)
        return request_status(client);
    if (message == ClientMessage::Terminate && count == 1) {
        const RegistryEntry* entry = require_installed(client, argument(0));
        if (!entry)
            return;
        if (InstancePointer instance = find_instance(entry->name))
            return stop_instance(instance, configuration_.stop_timeout,
                                 [this, client] { reply(client, ClientMessage::Done); });
        return reply(client, ClientMessage::Done);
    }
    if (message == ClientMessage::Shutdown) {
        // The answer is the closed connection when the manager ends; until then the client waits.
        spdlog::info("shutdown asked for");
        return begin_shutdown(packet.header.flags & kClientForce);
    }
    spdlog::warn("request {} not understood", static_cast<uint32_t>(message));
    fail(client, "lxssd does not understand the request");
}

void Manager::item(const ClientPointer& client, const std::vector<std::string>& strings) {
    ClientHeader header{};
    header.message = ClientMessage::Item;
    if (client->connection)
        send_client_packet(client->connection, header, strings);
}

void Manager::run_for_client(const ClientPointer& client, const std::string& name, RunCommand command,
                             std::vector<UniqueFd> descriptors) {
    const RegistryEntry* entry = require_installed(client, name);
    if (!entry)
        return;
    InstancePointer instance = find_instance(entry->name);
    if (instance && instance->phase == Phase::Stopping) {
        // It cannot be brought back; start it anew as soon as it is gone.
        auto waiting = std::make_shared<std::pair<RunCommand, std::vector<UniqueFd>>>(std::move(command),
                                                                                      std::move(descriptors));
        return stop_instance(instance, 0s, [this, client, name, waiting] {
            if (!client->connection)
                return;
            if (shutting_down_)
                return fail(client, "lxssd is ending; try again");
            run_for_client(client, name, std::move(waiting->first), std::move(waiting->second));
        });
    }
    if (!instance) {
        std::string error;
        instance = start_instance(*entry, Purpose::Serve, client->engine == kClientEngineTranslate, error);
        if (!instance)
            return fail(client, error);
    } else if (client->engine && (client->engine == kClientEngineTranslate) != instance->translates) {
        return fail(client, "the instance '" + entry->name + "' runs with the engine " +
                                (instance->translates ? "translate" : "direct") + "; 'lxss --terminate " +
                                entry->name + "' ends it first");
    }
    start_session(instance, client, std::move(command), std::move(descriptors),
                  [this, client](std::optional<int> wait_status, const std::string& problem) {
                      if (wait_status)
                          reply(client, ClientMessage::Exited, static_cast<uint32_t>(*wait_status));
                      else
                          fail(client, problem);
                  });
}

// What the packets of Run and Tool have in common.
static RunCommand command_of(ClientPacket& packet) {
    RunCommand command;
    command.program = "init";
    command.flags = packet.header.flags & kRunFlags;
    command.rows = packet.header.rows;
    command.columns = packet.header.columns;
    command.environment = std::move(packet.environment);
    if (packet.descriptors.size() < 4)
        command.flags &= ~(kClientTrace | kClientTraceSummary);
    packet.descriptors.resize(command.flags & kClientTrace ? 4 : 3);
    return command;
}

void Manager::request_run(const ClientPointer& client, ClientPacket packet) {
    const RegistryEntry* entry = require_installed(client, packet.arguments[0]);
    if (!entry)
        return;
    client->engine = packet.header.flags & (kClientEngineDirect | kClientEngineTranslate);
    RunCommand command = command_of(packet);
    command.arguments = {"init", "--session"};
    if (!packet.arguments[1].empty())
        command.arguments.push_back("--user=" + packet.arguments[1]);
    else if (!entry->default_user.empty())
        command.arguments.push_back("--default-user=" + entry->default_user);
    if (!packet.arguments[2].empty())
        command.arguments.push_back("--cd=" + packet.arguments[2]);
    if (packet.header.flags & kClientRunLogin)
        command.arguments.push_back("--login");
    if (packet.header.flags & kClientRunShell)
        command.arguments.push_back("--shell");
    command.arguments.push_back("--");
    command.arguments.insert(command.arguments.end(), packet.arguments.begin() + 3, packet.arguments.end());
    command.environment.push_back("WSL_DISTRO_NAME=" + entry->name);
    run_for_client(client, entry->name, std::move(command), std::move(packet.descriptors));
}

void Manager::request_tool(const ClientPointer& client, ClientPacket packet) {
    const RegistryEntry* entry = require_installed(client, packet.arguments[0]);
    if (!entry)
        return;
    RunCommand command = command_of(packet);
    command.arguments = {"init", "--" + packet.arguments[1]};
    command.arguments.insert(command.arguments.end(), packet.arguments.begin() + 2, packet.arguments.end());
    command.environment.push_back("WSL_DISTRO_NAME=" + entry->name);
    run_for_client(client, entry->name, std::move(command), std::move(packet.descriptors));
}

} // namespace lxss
