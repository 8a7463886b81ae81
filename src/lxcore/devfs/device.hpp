// Character devices and the file systems that show them: null(4), zero(4), full(4), random(4), tty(4), pts(4).
#pragma once

#include "lxcore/fs/file.hpp"

namespace lxcore {

// The open file for a device node at `path`, by its inode's device number. ENXIO when there is no such device.
Result<RefPtr<File>> open_device(const Path& path, u32 flags);

// Registers devtmpfs and devpts.
Result<void> initialize_devices();

} // namespace lxcore
