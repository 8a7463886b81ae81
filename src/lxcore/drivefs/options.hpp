// Mount options of drvfs.
#pragma once

#include <string_view>

#include "base/format.hpp"
#include "base/result.hpp"

namespace lxcore {

struct DriveOptions {
    enum class Case : u8 { Off, Directory, Force };
    enum class Symlinks : u8 { Native, Lx, Off };

    u32 uid = 0, gid = 0;
    u32 umask = 0, fmask = 0, dmask = 0; // bits that are not shown: of all, of files, of directories
    bool metadata = false;               // keep mode, owner and device in attributes of the host's files
    bool escape_names = false;           // names=escape: keep names that Windows does not take
    Case case_rule = Case::Directory;
    Symlinks symlinks = Symlinks::Native;

    // EINVAL for an unknown option or value.
    static base::Result<DriveOptions> parse(std::string_view text);
    // As /proc/mounts shows them, each with a leading comma.
    void print(base::Writer& writer) const;
};

} // namespace lxcore
