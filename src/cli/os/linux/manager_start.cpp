#include "cli/os/manager_start.hpp"

#include "manager/paths.hpp"
#include "manager/unique_fd.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lxss {

bool run_manager(std::string& answer, std::string& error) {
    const std::string program = program_file("lxssd");
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) {
        error = std::string("cannot make a pipe: ") + std::strerror(errno);
        return false;
    }
    UniqueFd from_manager(pipe[0]), ready(pipe[1]);
    const pid_t child = ::fork();
    if (child < 0) {
        error = std::string("cannot start a process: ") + std::strerror(errno);
        return false;
    }
    if (child == 0) {
        ::setsid();
        if (::fork() != 0)
            ::_exit(0);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        const int null = ::open("/dev/null", O_RDWR);
        ready.reset(::fcntl(ready.get(), F_DUPFD, 16));
        for (int i = 0; i < 3; ++i)
            ::dup2(null, i);
        ::dup2(ready.get(), 3);
        ::close_range(4, ~0u, 0);
        [[maybe_unused]] const int changed = ::chdir("/");
        ::execl(program.c_str(), "lxssd", "--ready-fd=3", nullptr);
        ::dprintf(3, "cannot run %s: %s", program.c_str(), std::strerror(errno));
        ::_exit(127);
    }
    ready.reset();
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    char buffer[512];
    for (;;) {
        const ssize_t count = ::read(from_manager.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return true;
        answer.append(buffer, static_cast<size_t>(count));
    }
}

} // namespace lxss
