// VolFs: the instance's Linux tree on host files. See README.md and docs/decisions/volfs-metadata.md.
#pragma once

#include "host/host.hpp"
#include "lxcore/fs/inode.hpp"

namespace lxcore {

// A super block over the host folder `root` (the handle stays the caller's to keep open). At most about
// `handle_budget` host handles are kept open at a time; those in use by mappings come on top. With `read_only`
// nothing on the host is ever changed. A new tree is a portable one (storage.hpp) if `wants_portable`. EIO, ENOMEM, ENOTDIR.
Result<RefPtr<SuperBlock>> create_volfs(host::Handle root, u32 handle_budget, bool read_only, bool wants_portable = false);

} // namespace lxcore
