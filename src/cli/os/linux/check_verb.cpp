// lxss --check: lxkernel looks through the files of an instance that does not run, while this process holds
// the lock of its folder.
#include "cli/conversation.hpp"
#include "cli/verbs.hpp"
#include "manager/instance_name.hpp"
#include "manager/paths.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

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

// Whoever holds it is the only one who changes the instance's files.
UniqueFd take_lock(const Found& instance) {
    const std::string path = instance.folder + "/lock";
    UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    // A folder that cannot be written can still be looked at: nobody else writes there either.
    if (!lock && errno == EROFS)
        lock.reset(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!lock)
        throw LauncherError("cannot open " + path + ": " + std::strerror(errno), kCheckFailed);
    // Processes of an instance that has just been killed take a moment to die.
    int failure = ::flock(lock.get(), LOCK_EX | LOCK_NB);
    for (int tries = 0; failure != 0 && errno == EWOULDBLOCK && tries < 400; ++tries) {
        ::usleep(5'000);
        failure = ::flock(lock.get(), LOCK_EX | LOCK_NB);
    }
    if (failure != 0)
        throw LauncherError(errno == EWOULDBLOCK
                                ? "the instance '" + instance.name + "' is running; 'lxss --terminate " +
                                      instance.name + "' ends it"
                                : "cannot lock " + path + ": " + std::strerror(errno),
                            kCheckFailed);
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
        throw LauncherError("the instance '" + instance.name + "' is running; 'lxss --terminate " +
                                instance.name + "' ends it",
                            kCheckFailed);
    const UniqueFd lock = take_lock(instance);
    std::vector<std::string> words = {kernel_program(), "--check", "--root=" + instance.folder + "/rootfs"};
    if (arguments.repair)
        words.push_back("--repair");
    std::vector<char*> argv;
    for (std::string& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid < 0)
        throw LauncherError(std::string("cannot start a process: ") + std::strerror(errno), kCheckFailed);
    if (pid == 0) {
        ::fcntl(lock.get(), F_SETFD, 0); // it lasts as long as the check, even if this process is killed
        ::execv(argv[0], argv.data());
        std::fprintf(stderr, "lxss: cannot run %s: %s\n", argv[0], std::strerror(errno));
        ::_exit(kCheckFailed);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            throw LauncherError(std::string("lost the check: ") + std::strerror(errno), kCheckFailed);
    if (WIFSIGNALED(status))
        throw LauncherError("the check was ended by signal " + std::to_string(WTERMSIG(status)),
                            kCheckFailed);
    return WEXITSTATUS(status);
}

} // namespace lxss
