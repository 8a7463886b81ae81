// Instances from archives, and archives from instances.
#include "manager/instance_folder.hpp"
#include "manager/manager.hpp"

#include <filesystem>
#include <spdlog/spdlog.h>

namespace lxss {

using namespace std::chrono_literals;

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

    // In the registry before anything is on the disk, so that whatever a killed manager leaves is known.
    std::error_code failure;
    if (!is_free_folder(entry.folder) && !std::filesystem::is_empty(entry.folder, failure))
        return fail(client,
                    failure ? "cannot open " + entry.folder + ": " + failure.message()
                            : entry.folder + " is not empty; name a folder that is empty or does not exist");
    entry.made_folder = !std::filesystem::exists(entry.folder, failure);
    entry.state = RegistryState::Installing;
    std::string error;
    try {
        registry_.put(entry);
        bool made_folder = false;
        if (!prepare_instance_folder(entry.folder, made_folder, error)) {
            registry_.remove(entry.name);
            return fail(client, error);
        }
    } catch (const RegistryError& problem) {
        return fail(client, problem.what());
    }
    const bool is_portable = (packet.header.flags & kClientPortable) != 0;
    spdlog::info("instance {}: import into {}{}", entry.name, entry.folder, is_portable ? ", portable" : "");
    auto undo = [this, client, name = entry.name](const std::string& reason) {
        spdlog::info("instance {}: import undone: {}", name, reason);
        remove_entry(name, false, [this, client, reason](const std::string& problem) {
            fail(client,
                 "import failed: " + reason + (problem.empty() ? "; nothing was kept" : "\n" + problem));
        });
    };
    InstancePointer instance =
        start_instance(entry, is_portable ? Purpose::ImportPortable : Purpose::Import, false, error);
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

} // namespace lxss
