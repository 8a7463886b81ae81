#include "manager/folder_helper.hpp"

#include "manager/instance_folder.hpp"
#include "manager/os/files.hpp"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

namespace lxss {

using namespace std::chrono_literals;

static constexpr int kLockSeconds = 10;
// What the helper of a killed manager may take for a large tree on a slow disk.
static constexpr std::chrono::seconds kOtherHelperMayTake = 3600s;

std::vector<std::string> remove_words(const std::string& folder, bool made_folder) {
    return {"--remove", folder, made_folder ? "--with-folder" : "--contents"};
}

std::vector<std::string> resume_remove_words(const std::string& folder, bool made_folder) {
    return {"--resume-remove", folder, made_folder ? "--with-folder" : "--contents"};
}

std::vector<std::string> move_words(const std::string& folder, const std::string& target,
                                    bool shows_progress) {
    return {"--move", folder, target, shows_progress ? "--progress" : "--quiet"};
}

std::vector<std::string> resume_move_words(const std::string& folder, const std::string& target,
                                           bool target_made) {
    return {"--resume-move", folder, target, target_made ? "--with-folder" : "--contents"};
}

// A line that is rewritten in place, at most ten times a second.
static void show_move(uint64_t done, uint64_t total) {
    static std::chrono::steady_clock::time_point next;
    const auto now = std::chrono::steady_clock::now();
    if (now < next || total == 0)
        return;
    next = now + 100ms;
    show(given_descriptor(),
         "\rMoving: " + std::to_string(done * 100 / total) + "%, " + std::to_string(done) + " files\033[K");
}

static int move(const std::string& folder, const std::string& target, bool shows_progress) {
    bool held = false, copied = false;
    std::string error;
    const UniqueFd lock = lock_instance_folder(folder, held, error);
    if (!lock)
        return held ? EBUSY : EIO;
    const int failure = move_instance_folder(folder, target, copied,
                                             shows_progress ? MoveProgress(show_move) : MoveProgress());
    if (shows_progress)
        show(given_descriptor(), "\r\033[K");
    return failure == 0 && copied ? kMovedByCopy : failure;
}

static int resume_move(const std::string& folder, const std::string& target, bool target_made) {
    const auto deadline = std::chrono::steady_clock::now() + kOtherHelperMayTake;
    bool held = false;
    std::string error;
    // While the helper of the move goes on, it holds the lock.
    while (std::filesystem::exists(folder + "/rootfs")) {
        const UniqueFd lock = lock_instance_folder(folder, held, error);
        if (lock && std::filesystem::exists(folder + "/rootfs"))
            return remove_instance_folder(target, target_made, 0) == 0 ? kUndone : EIO;
        if (!lock && (!held || std::chrono::steady_clock::now() > deadline))
            return EBUSY;
        std::this_thread::sleep_for(50ms);
    }
    return 0;
}

std::optional<int> run_folder_helper(const std::vector<std::string>& words) {
    if (words.size() == 3 && words[0] == "--remove")
        return remove_instance_folder(words[1], words[2] == "--with-folder", kLockSeconds);
    if (words.size() == 3 && words[0] == "--resume-remove")
        return remove_instance_folder(words[1], words[2] == "--with-folder",
                                      static_cast<int>(kOtherHelperMayTake.count()));
    if (words.size() == 4 && words[0] == "--move")
        return move(words[1], words[2], words[3] == "--progress");
    if (words.size() == 4 && words[0] == "--resume-move")
        return resume_move(words[1], words[2], words[3] == "--with-folder");
    return std::nullopt;
}

} // namespace lxss
