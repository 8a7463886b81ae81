// Requests that read or change the registry.
#include "manager/catalog.hpp"
#include "manager/instance_folder.hpp"
#include "manager/instance_name.hpp"
#include "manager/manager.hpp"
#include "manager/os/files.hpp"

#include <spdlog/spdlog.h>

namespace lxss {

using namespace std::chrono_literals;

const RegistryEntry* Manager::require_installed(const ClientPointer& client, const std::string& name) {
    const RegistryEntry* entry = name.empty() ? default_entry() : registry_.find(name);
    if (!entry) {
        fail(client, name.empty()
                         ? "there is no instance yet; 'lxss --install' makes one of a distribution, 'lxss "
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

void Manager::request_catalog(const ClientPointer& client) {
    load_configuration();
    try {
        for (const Distribution& distribution : read_catalogs({configuration_.catalog, options_.catalog}))
            item(client,
                 {distribution.name, distribution.friendly_name, distribution.source, distribution.checksum,
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
    item(client,
         {"Instance Idle Timeout", milliseconds(options_.grace.value_or(configuration_.idle_timeout))});
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
        remove_entry(entry.name, false, [this, client](const std::string& problem) {
            problem.empty() ? reply(client, ClientMessage::Done) : fail(client, problem);
        });
    };
    if (InstancePointer instance = find_instance(entry.name))
        return stop_instance(instance, 0s, remove);
    remove();
}

} // namespace lxss
