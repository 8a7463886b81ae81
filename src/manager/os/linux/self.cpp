#include "manager/os/self.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lxss {

void prepare_process() {
    ::umask(077);
    ::signal(SIGPIPE, SIG_IGN);
    rlimit descriptors;
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &descriptors);
    }
}

std::vector<std::string> own_arguments(int count, char** arguments) {
    return {arguments + 1, arguments + count};
}

bool Starter::accept(const std::string& argument) {
    if (!argument.starts_with("--ready-fd="))
        return false;
    ready_.reset(std::atoi(argument.c_str() + 11));
    ::fcntl(ready_.get(), F_SETFD, FD_CLOEXEC);
    return true;
}

void Starter::tell(const std::string& line) {
    if (ready_) {
        [[maybe_unused]] const ssize_t written = ::write(ready_.get(), line.data(), line.size());
        ready_.reset();
    } else if (line != "ok") {
        ::dprintf(2, "lxssd: %s\n", line.c_str());
    }
}

} // namespace lxss
