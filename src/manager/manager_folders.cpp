// What happens to instances' folders: removal and move, and what a manager that was killed has left of them.
#include "manager/folder_helper.hpp"
#include "manager/instance_folder.hpp"
#include "manager/manager.hpp"
#include "manager/paths.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <spdlog/spdlog.h>

namespace lxss {

std::string Manager::start_helper(const std::vector<std::string>& words, std::function<void(int)> then,
                                  std::span<const HostDescriptor> descriptors) {
    auto helper = std::make_unique<Helper>();
    std::vector<std::string> command = {program_path()};
    command.insert(command.end(), words.begin(), words.end());
    std::string error;
    if (!helper->process.start(command, error, descriptors))
        return error;
    helper->then = [then = std::move(then)](const ExitStatus& status) {
        then(status.was_killed ? EINTR : status.code);
    };
    helpers_.push_back(std::move(helper));
    return "";
}

std::string missing_folder_problem(const std::string& name, const std::string& folder) {
    std::error_code failure;
    if (std::filesystem::is_directory(folder + "/rootfs", failure))
        return "";
    return "the files of the instance '" + name + "' are not in " + folder +
           (failure && failure != std::errc::no_such_file_or_directory ? " (" + failure.message() + ")"
                                                                       : "") +
           "; bring the folder back (is its file system mounted?), or have lxss forget the instance with "
           "'lxss --unregister " +
           name + "'; if the folder has moved, 'lxss --import-in-place' registers it where it is now";
}

static std::string reason(int failure) {
    if (failure == EXDEV)
        return "that is another file system, and the owners and modes of its files, which are kept beside "
               "them, could not be "
               "carried over: use --export and --import";
    if (failure == ENOTSUP)
        return "that file system cannot hold what belongs to its files: use --export and --import";
    if (failure == kHelperNotRun)
        return "lxssd cannot run " + program_path() +
               " any more, as when it has been replaced: end lxssd by 'lxss --shutdown'";
    return failure == EBUSY ? "another lxss uses it" : std::strerror(failure);
}

void Manager::remove_entry(const std::string& name, bool resumes,
                           std::function<void(const std::string&)> then) {
    const RegistryEntry* entry = registry_.find(name);
    if (!entry)
        return then("");
    auto finish = [this, name, folder = entry->folder, then](int failure) {
        std::string problem;
        if (failure != 0) {
            problem = "cannot remove " + folder + ": " + reason(failure) + "; 'lxss --unregister " + name +
                      "' tries again";
        } else {
            try {
                registry_.remove(name);
            } catch (const RegistryError& error) {
                problem = error.what();
            }
        }
        if (!problem.empty())
            spdlog::error("instance {}: {}", name, problem);
        then(problem);
    };
    const auto words = resumes ? resume_remove_words : remove_words;
    const std::string error = start_helper(words(entry->folder, entry->made_folder), finish);
    if (!error.empty())
        then(error);
}

void Manager::remove_leftover(const std::string& name) {
    const RegistryEntry* entry = registry_.find(name);
    if (!entry || entry->leftover.empty())
        return;
    start_helper(remove_words(entry->leftover, entry->leftover_made),
                 [this, name, folder = entry->leftover](int failure) {
                     const RegistryEntry* now = registry_.find(name);
                     if (failure)
                         spdlog::error("instance {}: cannot remove {}: {}", name, folder, reason(failure));
                     if (failure || !now || now->leftover != folder)
                         return; // the next start tries again
                     RegistryEntry changed = *now;
                     changed.leftover.clear();
                     try {
                         registry_.put(changed);
                     } catch (const RegistryError& error) {
                         spdlog::error("instance {}: {}", name, error.what());
                     }
                 });
}

// The instance is in its target folder, and, if it was copied, also where it came from.
void Manager::finish_move(const std::string& name, bool copied,
                          std::function<void(const std::string& problem)> then) {
    const RegistryEntry* entry = registry_.find(name);
    if (!entry)
        return then("the instance is gone");
    RegistryEntry changed = *entry;
    if (copied) {
        changed.leftover = entry->folder;
        changed.leftover_made = entry->made_folder;
    }
    changed.folder = entry->target;
    changed.made_folder = entry->target_made;
    changed.target.clear();
    changed.state = RegistryState::Installed;
    try {
        registry_.put(changed);
    } catch (const RegistryError& error) {
        return then(error.what());
    }
    spdlog::info("instance {}: moved to {}", name, changed.folder);
    remove_leftover(name);
    then("");
}

// The instance has stayed where it was.
void Manager::undo_move(const std::string& name) {
    const RegistryEntry* entry = registry_.find(name);
    if (!entry)
        return;
    RegistryEntry changed = *entry;
    changed.target.clear();
    changed.state = RegistryState::Installed;
    try {
        registry_.put(changed);
    } catch (const RegistryError& error) {
        spdlog::error("instance {}: {}", name, error.what());
    }
}

void Manager::request_move(const ClientPointer& client, const std::string& name, const std::string& folder,
                           std::shared_ptr<UniqueFd> terminal) {
    const RegistryEntry* entry =
        require_stopped(client, name, [=, this] { request_move(client, name, folder, terminal); });
    if (!entry || !check_new_folder(client, folder))
        return;
    if (const std::string problem = missing_folder_problem(entry->name, entry->folder); !problem.empty())
        return fail(client, problem);
    if (!is_free_folder(folder))
        return fail(client, folder + " is not empty; name a folder that is empty or does not exist");
    RegistryEntry moving = *entry;
    moving.state = RegistryState::Converting;
    moving.target = folder;
    moving.target_made = !std::filesystem::exists(folder);
    try {
        registry_.put(moving);
    } catch (const RegistryError& error) {
        return fail(client, error.what());
    }
    spdlog::info("instance {}: move from {} to {}", moving.name, moving.folder, folder);
    auto finish = [this, client, name = moving.name, folder](int failure) {
        if (failure != 0 && failure != kMovedByCopy) {
            undo_move(name);
            return fail(client, "cannot move the instance to " + folder + ": " + reason(failure) +
                                    "; it is where it was");
        }
        finish_move(name, failure == kMovedByCopy, [this, client](const std::string& problem) {
            problem.empty() ? reply(client, ClientMessage::Done) : fail(client, problem);
        });
    };
    const HostDescriptor number = terminal->get();
    const std::string error = start_helper(move_words(moving.folder, folder, bool(*terminal)), finish,
                                           {&number, *terminal ? size_t{1} : size_t{0}});
    if (!error.empty()) {
        undo_move(moving.name);
        fail(client, error);
    }
}

// The helper of a killed manager may still be at work.
static void tell_of_wait(const RegistryEntry& entry) {
    bool held = false;
    std::string error;
    if (!lock_instance_folder(entry.folder, held, error) && held)
        spdlog::warn("instance {}: another process still uses {}; that is waited for, for an hour at most",
                     entry.name, entry.folder);
}

// What a manager that was killed in the middle of an import, a removal or a move has left.
void Manager::recover() {
    for (const RegistryEntry& entry : std::vector(registry_.entries())) {
        if (!entry.leftover.empty())
            remove_leftover(entry.name);
        if (entry.state == RegistryState::Installed)
            continue;
        tell_of_wait(entry);
        if (entry.state != RegistryState::Converting) {
            spdlog::warn("instance {}: an interrupted import or removal is cleaned up", entry.name);
            remove_entry(entry.name, true, [](const std::string&) {});
            continue;
        }
        // The helper of the move may have outlived its manager; it holds the lock until it is done.
        spdlog::warn("instance {}: an interrupted move is cleaned up", entry.name);
        start_helper(resume_move_words(entry.folder, entry.target, entry.target_made),
                     [this, name = entry.name](int result) {
                         if (result == 0)
                             finish_move(name, false, [](const std::string&) {});
                         else if (result == kUndone)
                             undo_move(name);
                         else
                             spdlog::error("instance {}: its move could not be cleaned up: {}", name,
                                           reason(result));
                     });
    }
}

} // namespace lxss
