// lxss-check: looks for what is wrong with the tree of an instance that does not run.
#include "check/tree_check.hpp"
#include "manager/instance_folder.hpp"
#include "manager/paths.hpp"
#include "manager/registry.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>

using namespace lxss;

namespace {

constexpr int kProblems = 1, kCannotCheck = 2;

constexpr const char* kHelp =
    R"(Checks the files of an instance that does not run.

Usage: lxss --check NAME [--repair]

Without --repair nothing is changed. The exit code is 0 when all is well (or was put right), 1 when problems are left,
2 when the instance could not be checked.
)";

int fail(const std::string& message) {
    std::fprintf(stderr, "lxss: %s\n", message.c_str());
    return kCannotCheck;
}

int check(const std::string& name, bool repair) {
    const Registry registry(data_folder() + "/registry.json");
    const RegistryEntry* entry = registry.find(name);
    if (!entry || entry->state != RegistryState::Installed)
        return fail("there is no instance named '" + name + "'");
    std::string error;
    bool held = false;
    const UniqueFd lock = lock_instance_folder(entry->folder, held, error);
    if (!lock)
        return fail(error + "; end it first: lxss --terminate " + name);
    const UniqueFd root(::open((entry->folder + "/rootfs").c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root)
        return fail("cannot open " + entry->folder + "/rootfs: " + std::strerror(errno));
    TreeCheck check;
    check.repair = repair;
    check.report = [](const std::string& path, const std::string& problem, bool repaired) {
        std::printf("%s: %s%s\n", path.c_str(), problem.c_str(), repaired ? " (repaired)" : "");
    };
    if (!check.run(root.get()))
        return fail("cannot read the files of '" + name + "': " + std::strerror(errno));
    std::printf("%lu files, %lu problems", check.files, check.found);
    if (check.found != 0)
        std::printf(", %lu repaired", check.repaired);
    std::printf("\n");
    return check.found == check.repaired ? 0 : kProblems;
}

} // namespace

int main(int argc, char** argv) {
    std::string name;
    bool repair = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--repair") {
            repair = true;
        } else if (word == "--help" || word == "-h") {
            std::fputs(kHelp, stdout);
            return 0;
        } else if (word.starts_with('-') || !name.empty()) {
            return fail("--check does not know '" + std::string(word) + "'");
        } else {
            name = word;
        }
    }
    if (name.empty())
        return fail("--check needs the name of an instance");
    try {
        return check(name, repair);
    } catch (const RegistryError& problem) {
        return fail(problem.what());
    }
}
