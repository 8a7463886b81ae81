// DriveFs: folders of the host, shared with the host's programs. See README.md.
#pragma once

#include "base/result.hpp"
#include "host/thread_block.hpp"

namespace lxcore {

// Makes the type "drvfs" known to mount(2). At boot.
base::Result<void> initialize_drivefs();
// The kernel thread that passes the host's changes on to inotify.
void drive_watch_thread(host::ThreadBlock&);

} // namespace lxcore
