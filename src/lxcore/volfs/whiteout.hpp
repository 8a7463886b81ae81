// RENAME_WHITEOUT: the host moves the file and puts the whiteout in its place in two steps. Before the first,
// the whiteout and a note of its place lie in the staging folder; whoever finds them there completes the
// rename or takes it back.
#pragma once

#include "host/host.hpp"

namespace lxcore {

// The note's name: the whiteout's, and this.
inline constexpr std::string_view kWhiteoutNote = ".place";

// Gives the whiteout `staged` the name `name` in `folder` where that is free, which is so once the file has
// been moved; else it goes, as its note does in either case.
base::Result<void> finish_whiteout(host::Handle staging, u64 staged, host::Handle folder,
                                   std::string_view name);

// Does so for all in the staging folder of the tree at `root`, for no kernel to run yet. Returns their
// number.
base::Result<u64> finish_whiteouts(host::Handle root, host::Handle staging, bool only_count = false);

} // namespace lxcore
