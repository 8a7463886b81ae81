// The folder of an instance on the host: rootfs/ (its VolFs tree), lock, lxss.log.
#pragma once

#include "manager/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace lxss {

// Makes `folder` for an import, or accepts one that is there and empty, and makes rootfs/ in it.
// `made_folder` tells which of the two it was. Returns false with a message for the user.
bool prepare_instance_folder(const std::string& folder, bool& made_folder, std::string& error);

// Whether `folder` holds an instance and nothing else (rootfs/, and perhaps lock, lxss.log and the temp/ of
// WSL 1), so that it can be registered where it is. Closes it to other host users. False with a message.
bool adopt_instance_folder(const std::string& folder, std::string& error);

// Moves the instance to `target`, a folder that does not exist or is empty: by rename(2), or between file
// systems by a copy, after which `folder` is still there and `copied` is true. The instance must not run.
// Returns 0 or an errno value (EXDEV: it would have to be copied and cannot be); after a failure the target
// is as it was. `progress`, if there is one, is told of a copy how many of how many files are done.
using MoveProgress = std::function<void(uint64_t done, uint64_t total)>;
int move_instance_folder(const std::string& folder, const std::string& target, bool& copied,
                         const MoveProgress& progress = {});

// Has lxkernel do `work` (its option) with the tree of an instance that does not run, and waits for it:
// "--list-places" before a copy to another file system, "--adopt-places" in the copy, where the owners and
// modes of its files are kept beside them. Whether it could.
bool work_on_tree(const std::string& work, const std::string& folder);

// Whether `folder` could become an instance's: it does not exist, or is empty.
bool is_free_folder(const std::string& folder);

// "" if the instance's tree is there, else a message that says what can be done: its file system may not be
// mounted.
std::string missing_folder_problem(const std::string& name, const std::string& folder);

// Takes the exclusive lock of the folder. Whoever holds a copy of the descriptor holds the lock: lxkernel
// inherits it, and with its death the lock is free. Fails with a message; `held` tells that another kernel
// has it, which may be about to end.
UniqueFd lock_instance_folder(const std::string& folder, bool& held, std::string& error);

// Removes everything in the folder, and the folder too if `made_folder`. Links are removed, not followed.
// Waits up to `lock_seconds` for the kernel that may still use it. Returns 0 or an errno value.
int remove_instance_folder(const std::string& folder, bool made_folder, int lock_seconds);

} // namespace lxss
