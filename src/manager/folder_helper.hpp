// What lxssd runs as a process of its own, since it may take long: removal and move of an instance's folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lxss {

// Exit codes beside errno values, which are smaller: the move had to copy; a move that was cut short was
// undone.
inline constexpr int kMovedByCopy = 250;
inline constexpr int kUndone = 251;
// What ChildProcess makes of a program that cannot be run. (The errno of that number is none of a folder's.)
inline constexpr int kHelperNotRun = 127;

// Command lines for run_folder_helper().
std::vector<std::string> remove_words(const std::string& folder, bool made_folder);
// After a manager's death: the helper that it had started may still be at work on the folder, and is waited
// for.
std::vector<std::string> resume_remove_words(const std::string& folder, bool made_folder);
// `shows_progress`: the helper's given_descriptor() is a terminal.
std::vector<std::string> move_words(const std::string& folder, const std::string& target,
                                    bool shows_progress);
// After a manager's death in the middle: ends as the move itself does when it had gone through, else removes
// what is in the target.
std::vector<std::string> resume_move_words(const std::string& folder, const std::string& target,
                                           bool target_made);

// Does the work and returns the exit code; nothing when `words` ask for no such work.
std::optional<int> run_folder_helper(const std::vector<std::string>& words);

} // namespace lxss
