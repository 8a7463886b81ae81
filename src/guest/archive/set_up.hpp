// An instance from packages: the archive has brought them in /.lxss-setup.
#pragma once

namespace lxss {

// Unpacks the Debian packages /.lxss-setup/essential/*.deb, which is enough for their own tools to run, then
// runs
// /.lxss-setup/run by /bin/sh with the usual file systems mounted, and removes the folder. Throws
// ArchiveError.
void set_up_from_packages();

} // namespace lxss
