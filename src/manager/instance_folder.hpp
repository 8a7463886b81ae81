// The folder of an instance on the host: rootfs/ (its VolFs tree), lock, lxss.log.
#pragma once

#include "manager/unique_fd.hpp"

#include <string>

namespace lxss {

// Makes `folder` for an import, or accepts one that is there and empty, and makes rootfs/ in it.
// `made_folder` tells which of the two it was. Returns false with a message for the user.
bool prepare_instance_folder(const std::string& folder, bool& made_folder, std::string& error);

// Takes the exclusive lock of the folder, waiting half a second at most. Whoever holds a copy of the
// descriptor holds the lock: lxkernel inherits it, and with its death the lock is free. Fails, with a
// message, while another kernel has it.
UniqueFd lock_instance_folder(const std::string& folder, std::string& error);

// Removes everything in the folder, and the folder too if `made_folder`. Links are removed, not followed.
// Waits up to `lock_seconds` for the kernel that may still use it. Returns 0 or an errno value.
int remove_instance_folder(const std::string& folder, bool made_folder, int lock_seconds);

} // namespace lxss
