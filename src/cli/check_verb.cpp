// lxss --check: lxkernel looks through the files of an instance that does not run, while this process holds
// the lock of its folder.
#include "cli/conversation.hpp"
#include "cli/os/helper_process.hpp"
#include "cli/verbs.hpp"
#include "manager/instance_folder.hpp"
#include "manager/instance_name.hpp"
#include "manager/paths.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace lxss {

// Exit codes are fsck(8)'s.
static constexpr int kCheckFailed = 8;

namespace {

struct Found {
    std::string name, folder, state;
};

Found find_instance(const std::string& name) {
    Request request;
    request.header.message = ClientMessage::List;
    request.forward_signals = false;
    Found found;
    converse(request, [&](const ClientPacket& item) {
        if (item.arguments.size() >= 3 && same_instance_name(item.arguments[0], name))
            found = {item.arguments[0], item.arguments[1], item.arguments[2]};
    });
    if (found.name.empty())
        throw LauncherError("there is no instance named '" + name + "'; 'lxss --list' names them",
                            kCheckFailed);
    return found;
}

[[noreturn]] void say_it_runs(const std::string& name) {
    throw LauncherError("the instance '" + name + "' is running; 'lxss --terminate " + name + "' ends it",
                        kCheckFailed);
}

// Whoever holds it is the only one who changes the instance's files.
UniqueFd take_lock(const Found& instance) {
    using namespace std::chrono_literals;
    std::string error;
    bool held = false;
    UniqueFd lock = lock_instance_folder(instance.folder, held, error);
    // Processes of an instance that has just been killed take a moment to die.
    for (int tries = 0; !lock && held && tries < 400; ++tries) {
        std::this_thread::sleep_for(5ms);
        lock = lock_instance_folder(instance.folder, held, error);
    }
    if (!lock && held)
        say_it_runs(instance.name);
    if (!lock)
        throw LauncherError(error, kCheckFailed);
    return lock;
}

std::string kernel_program() {
    const char* other = std::getenv("LXSS_KERNEL");
    return other && *other ? other : program_file("lxkernel");
}

} // namespace

int check_instance(const Arguments& arguments) {
    const Found instance = find_instance(arguments.instance);
    if (instance.state == "Running")
        say_it_runs(instance.name);
    const UniqueFd lock = take_lock(instance);
    std::vector<std::string> words = {kernel_program(), "--check", "--root=" + instance.folder + "/rootfs"};
    if (arguments.repair)
        words.push_back("--repair");
    std::fflush(stdout);
    try {
        // The lock, as its standard input, lasts as long as the check, even if this process is killed.
        const int code = HelperProcess(words, false, lock.get(), true).wait();
        return code <= kCheckFailed ? code : kCheckFailed;
    } catch (const LauncherError& error) {
        throw LauncherError(error.what(), kCheckFailed);
    }
}

} // namespace lxss
