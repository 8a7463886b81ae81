// fsck for a VolFs tree that no kernel uses: finds, and on request repairs, what an interrupted operation or
// a program of the host has left. What it looks for: docs/decisions/volfs-metadata.md, "Check".
#pragma once

#include "lxcore/volfs/storage.hpp"

namespace lxcore {

// Exit statuses as fsck(8) has them.
inline constexpr i32 kCheckClean = 0, kCheckRepaired = 1, kCheckLeft = 4, kCheckFailed = 8;

// What is done to a tree that no kernel uses.
enum class TreeWork : u8 {
    Check,
    Repair,
    List,  // what a move to another file system needs before its copy: the list of places (places.hpp), where one has a use
    Adopt, // and after it, in the copy: its files' owners and modes by that list. Fails without one, and changes nothing then.
};

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
using HostCheck = base::Result<void> (*)(TreeWork work, HostReport& report);

// Checks the tree at `root` and says what it finds, a line for each problem and one at the end, by `print`
// (lines without their ends); or does the other work, and prints what goes wrong. Returns the exit status. Runs on a kernel
// thread; needs nothing of the kernel but its memory.
i32 check_volfs(host::Handle root, TreeWork work, void (*print)(std::string_view line), HostCheck host_check = nullptr);

// The work that a word of the kernel's command line asks for, "--check" and the like; `repair` goes with that one.
constexpr bool take_work(std::string_view word, bool& is_work, TreeWork& work) {
    const bool is_known = word == "--check" || word == "--list-places" || word == "--adopt-places";
    if (is_known && !(word == "--check" && is_work)) // --repair came first
        work = word == "--check" ? TreeWork::Check : word == "--list-places" ? TreeWork::List : TreeWork::Adopt;
    else if (word == "--repair")
        work = TreeWork::Repair;
    else if (!is_known)
        return false;
    is_work = true;
    return true;
}

} // namespace lxcore
