// fsck for a VolFs tree that no kernel uses: finds, and on request repairs, what an interrupted operation or
// a program of the host has left. What it looks for: docs/decisions/volfs-metadata.md, "Check".
#pragma once

#include "lxcore/volfs/storage.hpp"

namespace lxcore {

// Exit statuses as fsck(8) has them.
inline constexpr i32 kCheckClean = 0, kCheckRepaired = 1, kCheckLeft = 4, kCheckFailed = 8;

// What a host keeps in the tree by itself, below host.hpp (the NT host's folder lxss~host), it checks by itself. The paths are the
// tree's.
struct HostFinding {
    std::string_view path, what;
    bool is_problem;      // or a remark
    bool has_remedy;
    base::Result<void> outcome; // of the repair, where there was to be one
};
class HostReport {
public:
    virtual void tell(const HostFinding& finding) = 0;

protected:
    ~HostReport() = default;
};
// Called before anything else is looked at. An error ends the check.
using HostCheck = base::Result<void> (*)(bool repair, HostReport& report);

// Checks the tree at `root` and says what it finds, a line for each problem and one at the end, by `print`
// (lines without their ends). Returns the exit status. Runs on a kernel thread; needs nothing of the kernel
// but its memory.
i32 check_volfs(host::Handle root, bool repair, void (*print)(std::string_view line), HostCheck host_check = nullptr);

} // namespace lxcore
