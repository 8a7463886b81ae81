// The host's part of `lxkernel --check`: what it keeps in the tree by itself, in the folder lxss~host, and
// how names are spelled.
#pragma once

#include "lxcore/volfs/check.hpp"

namespace host::nt {

// After prepare_files_for_check(). Leaves a store that can be used; an error where there can be none.
Result<void> check_tree(lxcore::TreeWork work, lxcore::HostReport& report);

// In name_check.cpp: names that no guest can reach, since a host program, or a host with other rules, has
// made them.
Result<void> check_names(bool repair, lxcore::HostReport& report);

} // namespace host::nt
