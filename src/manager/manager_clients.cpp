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
        return request_move(client, argument(0), argument(1));
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

const RegistryEntry* Manager::require_installed(const ClientPointer& client, const std::string& name) {
    const RegistryEntry* entry = name.empty() ? default_entry() : registry_.find(name);
    if (!entry) {
        fail(client, name.empty() ? "there is no instance yet; 'lxss --install' makes one of a distribution, 'lxss "
                             "--import NAME FOLDER FILE.tar' one of an archive"
                                  : "there is no instance named '" + name + "'; 'lxss --list' names them");
        return nullptr;
    }
    if (entry->state != RegistryState::Installed) {
        fail(client, "the instance '" + entry->name + "' is being " +
                         (entry->state == RegistryState::Installing     ? "imported"
                          : entry->state == RegistryState::Uninstalling ? "removed"
                                                                        : "moved") +
                         "; try again when that is done");
        return nullptr;
    }
    InstancePointer instance = find_instance(entry->name);
    // One that has been exported and is about to end is waited for, as any other.
    if (instance && instance->purpose != Purpose::Serve && instance->phase != Phase::Stopping) {
        fail(client, "the instance '" + entry->name + "' is being exported; try again when that is done");
        return nullptr;
    }
    return entry;
}

const RegistryEntry* Manager::require_stopped(const ClientPointer& client, const std::string& name,
                                              std::function<void()> again) {
    const RegistryEntry* entry = require_installed(client, name);
    InstancePointer instance = entry ? find_instance(entry->name) : nullptr;
    if (!instance)
        return entry;
    if (instance->phase == Phase::Stopping)
        stop_instance(instance, 0s, [client, again] {
            if (client->connection)
                again();
        });
    else
        fail(client, "the instance '" + entry->name + "' is running; 'lxss --terminate " + entry->name +
                         "' ends it first");
    return nullptr;
}

const RegistryEntry* Manager::default_entry() const {
    const RegistryEntry* chosen = registry_.find(configuration_.default_instance);
    return chosen && chosen->state == RegistryState::Installed ? chosen : registry_.default_entry();
}

bool Manager::check_new_name(const ClientPointer& client, const std::string& name) {
    if (!valid_instance_name(name))
        fail(client, "'" + name + "' cannot be the name of an instance: " + kInstanceNameRule);
    else if (registry_.find(name))
        fail(client, "there is an instance named '" + name + "' already");
    else
        return true;
    return false;
}

bool Manager::check_new_folder(const ClientPointer& client, const std::string& folder) {
    if (!is_absolute_path(folder)) {
        fail(client, "the folder's name must be absolute");
        return false;
    }
    for (const RegistryEntry& other : registry_.entries())
        for (const std::string& used : {other.folder, other.target, other.leftover})
            if (!used.empty() &&
                ((folder + "/").starts_with(used + "/") || (used + "/").starts_with(folder + "/"))) {
                fail(client, folder + " overlaps the folder of the instance '" + other.name + "'");
                return false;
            }
    return true;
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
        instance = start_instance(*entry, Purpose::Serve, error);
        if (!instance)
            return fail(client, error);
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

void Manager::request_catalog(const ClientPointer& client) {
    load_configuration();
    try {
        for (const Distribution& distribution : read_catalogs({configuration_.catalog, options_.catalog}))
            item(client, {distribution.name, distribution.friendly_name, distribution.source,
                          distribution.checksum,
                          options_.data_folder + "/download/" + distribution.name + "-" +
                              distribution.checksum.substr(0, 16),
                          distribution.is_default ? "default" : ""});
    } catch (const CatalogError& problem) {
        return fail(client, problem.what());
    }
    reply(client, ClientMessage::Done);
}

void Manager::request_list(const ClientPointer& client) {
    load_configuration();
    const RegistryEntry* chosen = default_entry();
    for (const RegistryEntry& entry : registry_.entries()) {
        const InstancePointer instance = find_instance(entry.name);
        std::string state = "Stopped";
        if (entry.state == RegistryState::Installing)
            state = "Installing";
        else if (entry.state == RegistryState::Uninstalling)
            state = "Uninstalling";
        else if (entry.state == RegistryState::Converting)
            state = "Converting";
        else if (instance)
            state = instance->purpose == Purpose::Export ? "Exporting"
                    : instance->phase == Phase::Stopping ? "Stopping"
                                                         : "Running";
        item(client, {entry.name, entry.folder, state, &entry == chosen ? "default" : ""});
    }
    reply(client, ClientMessage::Done);
}

void Manager::request_status(const ClientPointer& client) {
    load_configuration();
    const RegistryEntry* chosen = default_entry();
    auto milliseconds = [](std::chrono::milliseconds time) {
        return time.count() < 0 ? std::string("never") : std::to_string(time.count()) + " ms";
    };
    item(client, {"Default Instance", chosen ? chosen->name : "(none)"});
    item(client, {"Default Version", "1"});
    item(client, {"Running Instances", std::to_string(instances_.size())});
    item(client, {"Registry", options_.data_folder + "/registry.json"});
    item(client, {"Settings", options_.configuration_file});
    item(client, {"Instance Folder", configuration_.instance_folder});
    item(client, {"Instance Idle Timeout",
                  milliseconds(options_.grace.value_or(configuration_.idle_timeout))});
    item(client, {"Manager", "lxssd " LXSS_VERSION ", process " + std::to_string(own_process_id())});
    for (const std::string& problem : configuration_.problems)
        item(client, {"Warning", problem});
    reply(client, ClientMessage::Done);
}

void Manager::request_set_default(const ClientPointer& client, const std::string& name) {
    const RegistryEntry* entry = require_installed(client, name);
    if (!entry)
        return;
    load_configuration();
    if (!configuration_.default_instance.empty() &&
        !same_instance_name(configuration_.default_instance, entry->name))
        return fail(client, "defaultInstance in " + options_.configuration_file +
                                " names another instance; change it there");
    try {
        registry_.set_default(entry->name);
    } catch (const RegistryError& error) {
        return fail(client, error.what());
    }
    reply(client, ClientMessage::Done);
}

void Manager::request_rename(const ClientPointer& client, const std::string& name,
                             const std::string& new_name) {
    const RegistryEntry* entry = require_stopped(
        client, name, [this, client, name, new_name] { request_rename(client, name, new_name); });
    // The same name in other letters is a change too.
    if (!entry || (!(same_instance_name(name, new_name) && valid_instance_name(new_name)) &&
                   !check_new_name(client, new_name)))
        return;
    try {
        registry_.rename(entry->name, new_name);
    } catch (const RegistryError& error) {
        return fail(client, error.what());
    }
    reply(client, ClientMessage::Done);
}

void Manager::request_import_in_place(const ClientPointer& client, const std::string& name,
                                      const std::string& folder) {
    RegistryEntry entry;
    entry.name = name;
    entry.folder = folder;
    std::string error;
    bool held = false;
    if (!check_new_name(client, name) || !check_new_folder(client, folder))
        return;
    if (!adopt_instance_folder(folder, error) || !lock_instance_folder(folder, held, error))
        return fail(client, error);
    try {
        registry_.put(entry);
    } catch (const RegistryError& problem) {
        return fail(client, problem.what());
    }
    spdlog::info("instance {}: registered in {}", name, folder);
    reply(client, ClientMessage::Done);
}

void Manager::request_set_user(const ClientPointer& client, const std::string& name,
                               const std::string& user) {
    const RegistryEntry* entry = require_installed(client, name);
    if (!entry)
        return;
    RegistryEntry changed = *entry;
    changed.default_user = user;
    try {
        registry_.put(changed);
    } catch (const RegistryError& error) {
        return fail(client, error.what());
    }
    reply(client, ClientMessage::Done);
}

void Manager::request_import(const ClientPointer& client, ClientPacket packet) {
    RegistryEntry entry;
    entry.name = packet.arguments[0];
    entry.folder = packet.arguments[1];
    const std::string size = packet.arguments[2];
    if (entry.folder.empty()) {
        load_configuration();
        entry.folder = configuration_.instance_folder + "/" + entry.name;
    }
    if (!check_new_name(client, entry.name) || !check_new_folder(client, entry.folder))
        return;

    std::string error;
    if (!prepare_instance_folder(entry.folder, entry.made_folder, error))
        return fail(client, error);
    entry.state = RegistryState::Installing;
    try {
        registry_.put(entry);
    } catch (const RegistryError& problem) {
        remove_instance_folder(entry.folder, entry.made_folder, 0);
        return fail(client, problem.what());
    }
    spdlog::info("instance {}: import into {}", entry.name, entry.folder);
    auto undo = [this, client, name = entry.name](const std::string& reason) {
        spdlog::info("instance {}: import undone: {}", name, reason);
        remove_entry(name, [this, client, reason](const std::string& problem) {
            fail(client,
                 "import failed: " + reason + (problem.empty() ? "; nothing was kept" : "\n" + problem));
        });
    };
    InstancePointer instance = start_instance(entry, Purpose::Import, error);
    if (!instance)
        return undo(error);
    client->gone = [this, instance] { stop_instance(instance, 0s); };

    // What to do once the kernel has ended, which is when the lock is free and all is written.
    auto outcome = std::make_shared<std::string>("interrupted");
    instance->when_stopped.push_back([this, client, entry, outcome, undo]() mutable {
        client->gone = nullptr;
        if (!outcome->empty())
            return undo(*outcome);
        try {
            entry.state = RegistryState::Installed;
            registry_.put(entry);
        } catch (const RegistryError& problem) {
            return undo(problem.what());
        }
        spdlog::info("instance {}: import done", entry.name);
        reply(client, ClientMessage::Done);
    });
    RunCommand command;
    command.program = "import";
    command.arguments = {"import"};
    if (!size.empty())
        command.arguments.push_back("--size=" + size);
    if (packet.header.flags & kClientSetUp)
        command.arguments.push_back("--set-up");
    start_session(
        instance, client, std::move(command), std::move(packet.descriptors),
        [this, client, instance, outcome](std::optional<int> wait_status, const std::string& problem) {
            if (!client->connection)
                *outcome = "its client has gone";
            else if (!wait_status)
                *outcome = problem;
            else if (*wait_status != 0)
                *outcome = "the archive could not be unpacked";
            else
                outcome->clear();
            stop_instance(instance, 0s);
        });
}

void Manager::request_export(const ClientPointer& client, ClientPacket packet) {
    const RegistryEntry* entry = require_installed(client, packet.arguments[0]);
    if (!entry)
        return;
    InstancePointer instance = find_instance(entry->name);
    if (instance && instance->phase == Phase::Stopping) {
        auto waiting = std::make_shared<ClientPacket>(std::move(packet));
        return stop_instance(instance, 0s, [this, client, waiting] {
            if (client->connection)
                request_export(client, std::move(*waiting));
        });
    }
    const bool own_instance = !instance;
    if (own_instance) {
        std::string error;
        instance = start_instance(*entry, Purpose::Export, error);
        if (!instance)
            return fail(client, error);
        client->gone = [this, instance] { stop_instance(instance, 0s); };
    }
    RunCommand command;
    command.program = "export";
    command.arguments = {"export", "--compress=" + packet.arguments[1]};
    start_session(
        instance, client, std::move(command), std::move(packet.descriptors),
        [this, client, instance, own_instance](std::optional<int> wait_status, const std::string& problem) {
            auto answer = [this, client, wait_status, problem] {
                if (wait_status && *wait_status == 0)
                    reply(client, ClientMessage::Done);
                else
                    fail(client, "export failed" + (wait_status ? "" : ": " + problem));
            };
            // The answer promises that the instance is free again.
            if (own_instance)
                stop_instance(instance, 0s, answer);
            else
                answer();
        });
}

void Manager::request_unregister(const ClientPointer& client, const std::string& name) {
    const RegistryEntry* found = registry_.find(name);
    // A removal that failed may be tried again; anything else must be an instance at rest.
    const bool again = found && found->state == RegistryState::Uninstalling;
    if (!again && !require_installed(client, name))
        return;
    RegistryEntry entry = *found;
    auto remove = [this, client, entry]() mutable {
        entry.state = RegistryState::Uninstalling;
        try {
            registry_.put(entry);
        } catch (const RegistryError& error) {
            return fail(client, error.what());
        }
        spdlog::info("instance {}: unregistered", entry.name);
        remove_entry(entry.name, [this, client](const std::string& problem) {
            problem.empty() ? reply(client, ClientMessage::Done) : fail(client, problem);
        });
    };
    if (InstancePointer instance = find_instance(entry.name))
        return stop_instance(instance, 0s, remove);
    remove();
}

} // namespace lxss
