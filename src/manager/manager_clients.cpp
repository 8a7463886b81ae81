// Requests of clients.
#include "manager/instance_folder.hpp"
#include "manager/instance_name.hpp"
#include "manager/manager.hpp"
#include "manager/paths.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace lxss {

using namespace std::chrono_literals;

static_assert(kClientTerminalMask == (protocol::kRunStdinIsTerminal | protocol::kRunStdoutIsTerminal |
                                      protocol::kRunStderrIsTerminal));
static_assert(kClientTrace == protocol::kRunTrace && kClientTraceSummary == protocol::kRunTraceSummary);

static constexpr uint32_t kRunFlags = kClientTerminalMask | kClientTrace | kClientTraceSummary;

void Manager::accept_clients() {
    for (;;) {
        UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE) {
                spdlog::warn("no descriptors left for another client");
                accept_pause_ = Clock::now() + 100ms;
            }
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            return;
        }
        if (!peer_is_same_user(socket.get())) {
            spdlog::warn("a client of another user was turned away");
            continue;
        }
        auto client = std::make_shared<Client>();
        client->socket = std::move(socket);
        clients_.push_back(client);
        served_ = true;
        serve_client(client); // its request is usually there already
    }
}

void Manager::serve_client(const ClientPointer& client) {
    while (client->socket) {
        Packet packet;
        switch (receive_packet(client->socket.get(), packet)) {
        case ReceiveStatus::WouldBlock:
            return;
        case ReceiveStatus::Closed:
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
    if (!client->socket)
        return;
    client->socket.reset();
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
    if (!client->socket)
        return;
    ClientHeader header{};
    header.message = message;
    header.value = value;
    send_client_packet(client->socket.get(), header, {});
    client->gone = nullptr;
    client->session = 0;
    close_client(client);
}

void Manager::fail(const ClientPointer& client, const std::string& text, int exit_code) {
    if (!client->socket)
        return;
    ClientHeader header{};
    header.message = ClientMessage::Error;
    header.value = static_cast<uint32_t>(exit_code);
    send_client_packet(client->socket.get(), header, {text});
    client->gone = nullptr;
    client->session = 0;
    close_client(client);
}

void Manager::handle_request(const ClientPointer& client, ClientPacket packet) {
    if (packet.header.version != kClientProtocolVersion)
        return fail(client,
                    "this lxss and the running lxssd are of different versions; end lxssd with 'kill " +
                        std::to_string(::getpid()) + "' and try again");
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
    if (message == ClientMessage::SetDefault && count == 1) {
        const RegistryEntry* entry = require_installed(client, argument(0));
        if (!entry)
            return;
        try {
            registry_.set_default(entry->name);
        } catch (const RegistryError& error) {
            return fail(client, error.what());
        }
        return reply(client, ClientMessage::Done);
    }
    if (message == ClientMessage::Terminate && count == 1) {
        const RegistryEntry* entry = require_installed(client, argument(0));
        if (!entry)
            return;
        if (InstancePointer instance = find_instance(entry->name))
            return stop_instance(instance, 2s, [this, client] { reply(client, ClientMessage::Done); });
        return reply(client, ClientMessage::Done);
    }
    if (message == ClientMessage::Shutdown) {
        // The answer is the closed connection when the manager ends; until then the client waits.
        spdlog::info("shutdown asked for");
        return begin_shutdown();
    }
    spdlog::warn("request {} not understood", static_cast<uint32_t>(message));
    fail(client, "lxssd does not understand the request");
}

const RegistryEntry* Manager::require_installed(const ClientPointer& client, const std::string& name) {
    const RegistryEntry* entry = name.empty() ? registry_.default_entry() : registry_.find(name);
    if (!entry) {
        fail(client, name.empty() ? "there is no instance yet; 'lxss --import NAME FOLDER FILE.tar' makes one"
                                  : "there is no instance named '" + name + "'; 'lxss --list' names them");
        return nullptr;
    }
    if (entry->state != RegistryState::Installed) {
        fail(client, "the instance '" + entry->name + "' is being " +
                         (entry->state == RegistryState::Installing ? "imported" : "removed") +
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

void Manager::request_run(const ClientPointer& client, ClientPacket packet) {
    const RegistryEntry* entry = require_installed(client, packet.arguments[0]);
    if (!entry)
        return;
    InstancePointer instance = find_instance(entry->name);
    if (instance && instance->phase == Phase::Stopping) {
        // It cannot be brought back; start it anew as soon as it is gone.
        auto waiting = std::make_shared<ClientPacket>(std::move(packet));
        return stop_instance(instance, 0s, [this, client, waiting] {
            if (!client->socket)
                return;
            if (shutting_down_)
                return fail(client, "lxssd is ending; try again");
            request_run(client, std::move(*waiting));
        });
    }
    const uint32_t flags = packet.header.flags;
    const uint32_t engine = flags & (kClientEngineDirect | kClientEngineTranslate);
    if (!instance) {
        std::string error;
        instance = start_instance(*entry, Purpose::Serve, engine == kClientEngineTranslate, error);
        if (!instance)
            return fail(client, error);
    } else if (engine && (engine == kClientEngineTranslate) != instance->translates) {
        return fail(client, "the instance '" + entry->name + "' runs with the engine " +
                                (instance->translates ? "translate" : "direct") + "; 'lxss --terminate " + entry->name +
                                "' ends it first");
    }

    RunCommand command;
    command.program = "init";
    command.flags = flags & kRunFlags;
    command.rows = packet.header.rows;
    command.columns = packet.header.columns;
    command.arguments = {"init", "--session"};
    if (!packet.arguments[1].empty())
        command.arguments.push_back("--user=" + packet.arguments[1]);
    else if (!entry->default_user.empty())
        command.arguments.push_back("--default-user=" + entry->default_user);
    if (!packet.arguments[2].empty())
        command.arguments.push_back("--cd=" + packet.arguments[2]);
    if (flags & kClientRunLogin)
        command.arguments.push_back("--login");
    else if (flags & kClientRunShell)
        command.arguments.push_back("--shell");
    command.arguments.push_back("--");
    command.arguments.insert(command.arguments.end(), packet.arguments.begin() + 3, packet.arguments.end());
    command.environment = std::move(packet.environment);
    command.environment.push_back("WSL_DISTRO_NAME=" + entry->name);
    if (packet.descriptors.size() < 4)
        command.flags &= ~(kClientTrace | kClientTraceSummary);
    packet.descriptors.resize(command.flags & kClientTrace ? 4 : 3);
    start_session(instance, client, std::move(command), std::move(packet.descriptors),
                  [this, client](std::optional<int> wait_status, const std::string& problem) {
                      if (wait_status)
                          reply(client, ClientMessage::Exited, static_cast<uint32_t>(*wait_status));
                      else
                          fail(client, problem);
                  });
}

void Manager::request_list(const ClientPointer& client) {
    const RegistryEntry* default_entry = registry_.default_entry();
    for (const RegistryEntry& entry : registry_.entries()) {
        const InstancePointer instance = find_instance(entry.name);
        std::string state = "Stopped";
        if (entry.state == RegistryState::Installing)
            state = "Installing";
        else if (entry.state == RegistryState::Uninstalling)
            state = "Uninstalling";
        else if (instance)
            state = instance->purpose == Purpose::Export ? "Exporting"
                    : instance->phase == Phase::Stopping ? "Stopping"
                                                         : "Running";
        ClientHeader header{};
        header.message = ClientMessage::Item;
        send_client_packet(client->socket.get(), header,
                           {entry.name, entry.folder, state, &entry == default_entry ? "default" : ""});
    }
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
    if (!valid_instance_name(entry.name))
        return fail(client, "'" + entry.name + "' cannot be the name of an instance: " + kInstanceNameRule);
    if (registry_.find(entry.name))
        return fail(client, "there is an instance named '" + entry.name + "' already");
    if (!entry.folder.starts_with('/'))
        return fail(client, "the folder's name must be absolute");
    for (const RegistryEntry& other : registry_.entries())
        if ((entry.folder + "/").starts_with(other.folder + "/") ||
            (other.folder + "/").starts_with(entry.folder + "/"))
            return fail(client, entry.folder + " overlaps the folder of the instance '" + other.name + "'");

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
    InstancePointer instance = start_instance(entry, Purpose::Import, false, error);
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
    start_session(
        instance, client, std::move(command), std::move(packet.descriptors),
        [this, client, instance, outcome](std::optional<int> wait_status, const std::string& problem) {
            if (!client->socket)
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
            if (client->socket)
                request_export(client, std::move(*waiting));
        });
    }
    const bool own_instance = !instance;
    if (own_instance) {
        std::string error;
        instance = start_instance(*entry, Purpose::Export, false, error);
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
            if (wait_status && *wait_status == 0)
                reply(client, ClientMessage::Done);
            else
                fail(client, "export failed" + (wait_status ? "" : ": " + problem));
            if (own_instance)
                stop_instance(instance, 0s);
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
