// A copy of an instance's folder on another volume.
#pragma once

#include "manager/instance_folder.hpp"

#include <string>

namespace lxss {

// Copies what is in `folder` but its lock into the empty folder `target`, to the disk, with times,
// attributes, extended attributes, hard links and holes. An errno value; ENOTSUP for what the target cannot
// hold.
int copy_instance_folder(const std::wstring& folder, const std::wstring& target,
                         const MoveProgress& progress);

} // namespace lxss
