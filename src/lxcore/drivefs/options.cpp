#include "lxcore/drivefs/options.hpp"

#include "lxcore/fs/mount_options.hpp"

namespace lxcore {

Result<DriveOptions> DriveOptions::parse(std::string_view text) {
    DriveOptions options;
    for (MountOption option; next_mount_option(text, option);) {
        const std::string_view key = option.key, value = option.value;
        const auto mask = [&]() -> Result<u32> { return static_cast<u32>(TRY(parse_option_number(value, 8))) & 0777; };
        if (key == "uid")
            options.uid = static_cast<u32>(TRY(parse_option_number(value, 10)));
        else if (key == "gid")
            options.gid = static_cast<u32>(TRY(parse_option_number(value, 10)));
        else if (key == "umask")
            options.umask = TRY(mask());
        else if (key == "fmask")
            options.fmask = TRY(mask());
        else if (key == "dmask")
            options.dmask = TRY(mask());
        else if (key == "metadata" && value.empty())
            options.metadata = true;
        else if (key == "case" && value == "off")
            options.case_rule = Case::Off;
        else if (key == "case" && value == "dir")
            options.case_rule = Case::Directory;
        else if (key == "case" && value == "force")
            options.case_rule = Case::Force;
        else if (key == "symlinks" && value == "native")
            options.symlinks = Symlinks::Native;
        else if (key == "symlinks" && value == "lx")
            options.symlinks = Symlinks::Lx;
        else if (key == "symlinks" && value == "off")
            options.symlinks = Symlinks::Off;
        else if (key == "names" && value == "windows")
            options.escape_names = false;
        else if (key == "names" && value == "escape")
            options.escape_names = true;
        else
            return Errno::EINVAL;
    }
    return options;
}

void DriveOptions::print(base::Writer& writer) const {
    base::print(writer, ",uid={},gid={}", uid, gid);
    if (umask != 0)
        base::print(writer, ",umask={:03o}", umask);
    if (fmask != 0)
        base::print(writer, ",fmask={:03o}", fmask);
    if (dmask != 0)
        base::print(writer, ",dmask={:03o}", dmask);
    if (metadata)
        base::print(writer, ",metadata");
    base::print(writer, ",case={}", case_rule == Case::Off ? "off" : case_rule == Case::Directory ? "dir" : "force");
    if (symlinks != Symlinks::Native)
        base::print(writer, ",symlinks={}", symlinks == Symlinks::Lx ? "lx" : "off");
    if (escape_names)
        base::print(writer, ",names=escape");
}

} // namespace lxcore
