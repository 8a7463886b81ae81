// The registry of instances: a JSON file, replaced whole by each change.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lxss {

// The message is for the user.
struct RegistryError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// All but Installed stand in the file while the work goes on, so that a manager that is killed in the middle
// finds, at its next start, what it must remove or complete.
enum class RegistryState { Installed, Installing, Uninstalling, Converting };

struct RegistryEntry {
    std::string name;
    std::string folder; // absolute
    std::string default_user = {};
    RegistryState state = RegistryState::Installed;
    bool made_folder = true; // the folder itself was made by the import and goes with the instance
    // Of a move to another folder. Converting: where it goes to. Installed: what is left to be removed of the
    // folder it came from. "" when there is none.
    std::string target = {}, leftover = {};
    bool target_made = true, leftover_made = true; // as made_folder
};

class Registry {
public:
    // Reads `path`; a missing file is an empty registry. Throws RegistryError when the file cannot be read or
    // understood: it is then left as it is.
    explicit Registry(std::string path);

    const std::vector<RegistryEntry>& entries() const { return entries_; }
    const RegistryEntry* find(std::string_view name) const;

    // The default instance, or nullptr when none is installed. The first one installed becomes the default.
    const RegistryEntry* default_entry() const;

    // Each change is on disk (written aside, synced, renamed) when the call returns. On RegistryError nothing
    // has changed, in memory or on disk. put() adds an entry or replaces the one of that name.
    void put(const RegistryEntry& entry);
    void remove(std::string_view name);
    void rename(std::string_view name, const std::string& new_name); // which no other entry has
    void set_default(std::string_view name);

private:
    void load();
    void save(const std::vector<RegistryEntry>& entries, const std::string& default_name);

    std::string path_;
    std::vector<RegistryEntry> entries_;
    std::string default_name_;
};

} // namespace lxss
