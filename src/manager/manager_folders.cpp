// What happens to instances' folders: removal and move, and what a manager that was killed has left of them.
#include "manager/instance_folder.hpp"
#include "manager/manager.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lxss {

static constexpr int kLockSeconds = 10;
// Exit statuses of helpers of a move beside errno values, which are smaller: it had to copy; it was undone.
static constexpr int kMovedByCopy = 250;
static constexpr int kUndone = 251;

int Manager::start_helper(std::function<int()> work, std::function<void(int)> then) {
    const pid_t pid = ::fork();
    if (pid < 0)
        return errno;
    if (pid == 0) {
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::setsid();
        ::_exit(work());
    }
    helpers_[pid] = [then = std::move(then)](int wait_status) {
        then(WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : EINTR);
    };
    return 0;
}

static std::string reason(int failure) {
    return failure == EBUSY ? "another lxss uses it" : std::strerror(failure);
}

void Manager::remove_entry(const std::string& name, std::function<void(const std::string&)> then) {
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
    const int failure = start_helper(
        [folder = entry->folder, made_folder = entry->made_folder] {
            return remove_instance_folder(folder, made_folder, kLockSeconds);
        },
        finish);
    if (failure)
        then(std::string("cannot start a process: ") + std::strerror(failure));
}

void Manager::remove_leftover(const std::string& name) {
    const RegistryEntry* entry = registry_.find(name);
    if (!entry || entry->leftover.empty())
        return;
    start_helper([folder = entry->leftover,
                  made = entry->leftover_made] { return remove_instance_folder(folder, made, 0); },
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

void Manager::request_move(const ClientPointer& client, const std::string& name, const std::string& folder) {
    const RegistryEntry* entry =
        require_stopped(client, name, [this, client, name, folder] { request_move(client, name, folder); });
    if (!entry || !check_new_folder(client, folder))
        return;
    if (!is_free_folder(folder))
        return fail(client, folder + " is not empty; name a folder that is empty or does not exist");
    struct stat status;
    RegistryEntry moving = *entry;
    moving.state = RegistryState::Converting;
    moving.target = folder;
    moving.target_made = ::lstat(folder.c_str(), &status) != 0;
    try {
        registry_.put(moving);
    } catch (const RegistryError& error) {
        return fail(client, error.what());
    }
    spdlog::info("instance {}: move from {} to {}", moving.name, moving.folder, folder);
    auto work = [from = moving.folder, folder] {
        bool held = false, copied = false;
        std::string error;
        const UniqueFd lock = lock_instance_folder(from, held, error);
        if (!lock)
            return held ? EBUSY : EIO;
        const int failure = move_instance_folder(from, folder, copied);
        return failure == 0 && copied ? kMovedByCopy : failure;
    };
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
    if (const int failure = start_helper(work, finish)) {
        undo_move(moving.name);
        fail(client, std::string("cannot start a process: ") + std::strerror(failure));
    }
}

// What a manager that was killed in the middle of an import, a removal or a move has left.
void Manager::recover() {
    for (const RegistryEntry& entry : std::vector(registry_.entries())) {
        if (!entry.leftover.empty())
            remove_leftover(entry.name);
        if (entry.state == RegistryState::Installed)
            continue;
        if (entry.state != RegistryState::Converting) {
            spdlog::warn("instance {}: an interrupted import or removal is cleaned up", entry.name);
            remove_entry(entry.name, [](const std::string&) {});
            continue;
        }
        // The helper of the move may have outlived its manager; it holds the lock until it is done.
        spdlog::warn("instance {}: an interrupted move is cleaned up", entry.name);
        auto work = [from = entry.folder, to = entry.target, made = entry.target_made] {
            bool held = true;
            std::string error;
            struct stat status;
            for (int tries = 0; ::lstat((from + "/rootfs").c_str(), &status) == 0; ++tries) {
                const UniqueFd lock = lock_instance_folder(from, held, error);
                if (lock && ::lstat((from + "/rootfs").c_str(), &status) == 0)
                    return remove_instance_folder(to, made, 0) == 0 ? kUndone : EIO;
                if (!held || tries > 20 * 600)
                    return EBUSY;
                ::usleep(50'000);
            }
            return 0;
        };
        start_helper(work, [this, name = entry.name](int result) {
            if (result == 0)
                finish_move(name, false, [](const std::string&) {});
            else if (result == kUndone)
                undo_move(name);
            else
                spdlog::error("instance {}: its move could not be cleaned up: {}", name, reason(result));
        });
    }
}

} // namespace lxss
