#include "manager/registry.hpp"

#include "manager/instance_name.hpp"
#include "manager/os/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace lxss {

using nlohmann::json;

static constexpr int kFormatVersion = 1;

static const char* state_name(RegistryState state) {
    switch (state) {
    case RegistryState::Installing:
        return "installing";
    case RegistryState::Uninstalling:
        return "uninstalling";
    case RegistryState::Converting:
        return "converting";
    case RegistryState::Installed:
        break;
    }
    return "installed";
}

static RegistryState state_from_name(const std::string& name) {
    for (RegistryState state : {RegistryState::Installed, RegistryState::Installing,
                                RegistryState::Uninstalling, RegistryState::Converting})
        if (name == state_name(state))
            return state;
    throw RegistryError("unknown state '" + name + "'");
}

Registry::Registry(std::string path) : path_(std::move(path)) {
    load();
}

void Registry::load() {
    std::ifstream file(path_);
    if (!file) {
        if (errno == ENOENT)
            return;
        throw RegistryError("cannot read the registry " + path_ + ": " + std::strerror(errno));
    }
    try {
        const json document = json::parse(file);
        if (document.at("version") != kFormatVersion)
            throw RegistryError("its version is not " + std::to_string(kFormatVersion));
        for (const json& item : document.at("instances")) {
            RegistryEntry entry;
            entry.name = item.at("name");
            entry.folder = item.at("folder");
            entry.default_user = item.value("default_user", "");
            entry.state = state_from_name(item.value("state", "installed"));
            entry.made_folder = item.value("made_folder", true);
            entry.target = item.value("target", "");
            entry.target_made = item.value("target_made", true);
            entry.leftover = item.value("leftover", "");
            entry.leftover_made = item.value("leftover_made", true);
            if (!valid_instance_name(entry.name) || !is_absolute_path(entry.folder) || find(entry.name) ||
                (entry.state == RegistryState::Converting && !is_absolute_path(entry.target)))
                throw RegistryError("bad entry '" + entry.name + "'");
            entries_.push_back(std::move(entry));
        }
        default_name_ = document.value("default", "");
    } catch (const std::exception& problem) {
        throw RegistryError("the registry " + path_ + " is damaged (" + problem.what() +
                            "); correct it, or move it away to start with an empty one, in which 'lxss "
                            "--import-in-place' registers instances by their folders");
    }
}

const RegistryEntry* Registry::find(std::string_view name) const {
    for (const RegistryEntry& entry : entries_)
        if (same_instance_name(entry.name, name))
            return &entry;
    return nullptr;
}

const RegistryEntry* Registry::default_entry() const {
    if (const RegistryEntry* entry = find(default_name_); entry && entry->state == RegistryState::Installed)
        return entry;
    for (const RegistryEntry& entry : entries_)
        if (entry.state == RegistryState::Installed)
            return &entry;
    return nullptr;
}

void Registry::put(const RegistryEntry& entry) {
    std::vector<RegistryEntry> changed = entries_;
    auto place = std::find_if(changed.begin(), changed.end(), [&](const RegistryEntry& other) {
        return same_instance_name(other.name, entry.name);
    });
    if (place == changed.end())
        changed.push_back(entry);
    else
        *place = entry;
    save(changed,
         default_name_.empty() && entry.state == RegistryState::Installed ? entry.name : default_name_);
}

void Registry::remove(std::string_view name) {
    std::vector<RegistryEntry> changed = entries_;
    std::erase_if(changed, [&](const RegistryEntry& entry) { return same_instance_name(entry.name, name); });
    save(changed, same_instance_name(default_name_, name) ? "" : default_name_);
}

void Registry::rename(std::string_view name, const std::string& new_name) {
    std::vector<RegistryEntry> changed = entries_;
    for (RegistryEntry& entry : changed)
        if (same_instance_name(entry.name, name))
            entry.name = new_name;
    save(changed, same_instance_name(default_name_, name) ? new_name : default_name_);
}

void Registry::set_default(std::string_view name) {
    if (const RegistryEntry* entry = find(name))
        save(entries_, entry->name);
}

void Registry::save(const std::vector<RegistryEntry>& entries, const std::string& default_name) {
    json instances = json::array();
    for (const RegistryEntry& entry : entries) {
        json item = {{"name", entry.name},
                     {"folder", entry.folder},
                     {"default_user", entry.default_user},
                     {"state", state_name(entry.state)},
                     {"made_folder", entry.made_folder}};
        if (!entry.target.empty())
            item.update({{"target", entry.target}, {"target_made", entry.target_made}});
        if (!entry.leftover.empty())
            item.update({{"leftover", entry.leftover}, {"leftover_made", entry.leftover_made}});
        instances.push_back(std::move(item));
    }
    const json document = {{"version", kFormatVersion}, {"default", default_name}, {"instances", instances}};
    std::string text;
    try {
        text = document.dump(2) + "\n";
    } catch (const json::exception&) {
        throw RegistryError("the folder's name is not UTF-8; choose another one");
    }

    if (const std::string problem = replace_file(path_, text); !problem.empty())
        throw RegistryError("the registry cannot be saved: " + problem);
    entries_ = entries;
    default_name_ = default_name;
}

} // namespace lxss
