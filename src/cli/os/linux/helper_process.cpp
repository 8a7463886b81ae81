#include "cli/os/helper_process.hpp"

#include "cli/connection.hpp"
#include "manager/paths.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lxss {

HelperProcess::HelperProcess(const std::vector<std::string>& words, bool output_to_pipe, HostDescriptor given,
                             bool may_outlive)
    : program_(words[0]) {
    int pipe[2] = {-1, -1};
    if (output_to_pipe && ::pipe2(pipe, O_CLOEXEC) != 0)
        throw LauncherError(std::string("cannot make a pipe: ") + std::strerror(errno));
    output_.reset(pipe[0]);
    const UniqueFd input(pipe[1]);
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0)
        throw LauncherError(std::string("cannot start a process: ") + std::strerror(errno));
    if (pid_ == 0) {
        if (!may_outlive)
            ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        if (given != kNoDescriptor)
            ::dup2(given, STDIN_FILENO);
        if (output_to_pipe)
            ::dup2(input.get(), STDOUT_FILENO);
        ::execvp(argv[0], argv.data());
        ::dprintf(2, "lxss: cannot run %s: %s\n", argv[0], std::strerror(errno));
        ::_exit(127);
    }
}

std::unique_ptr<HelperProcess> start_debian_packages(const std::string& suite) {
    return std::make_unique<HelperProcess>(
        std::vector<std::string>{helper_program("debian-packages"), suite});
}

HelperProcess::~HelperProcess() {
    if (pid_ < 0)
        return;
    ::kill(pid_, SIGTERM);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void HelperProcess::finish() {
    if (const int code = wait(); code != 0)
        throw LauncherError(program_ + " failed with status " + std::to_string(code));
}

int HelperProcess::wait() {
    output_.reset();
    int wait_status = 0;
    while (::waitpid(pid_, &wait_status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (WIFSIGNALED(wait_status))
        throw LauncherError(program_ + " was ended by signal " + std::to_string(WTERMSIG(wait_status)));
    return WEXITSTATUS(wait_status);
}

} // namespace lxss
