// lxssd: started by lxss when it is needed, ends by itself. See README.md in this folder.
#include "manager/manager.hpp"
#include "manager/paths.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <string>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

using namespace lxss;

// The launcher reads one line from this descriptor: "ok", "running" (another manager serves already) or a
// problem.
static void tell_starter(int descriptor, const std::string& line) {
    if (descriptor >= 0) {
        [[maybe_unused]] const ssize_t written = ::write(descriptor, line.data(), line.size());
        ::close(descriptor);
    } else if (line != "ok") {
        ::dprintf(2, "lxssd: %s\n", line.c_str());
    }
}

static std::chrono::milliseconds seconds_from_environment(const char* name,
                                                          std::chrono::milliseconds fallback) {
    const char* text = std::getenv(name);
    if (!text)
        return fallback;
    char* end = nullptr;
    const double seconds = std::strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds < 1e9))
        return fallback;
    return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

static std::string from_environment(const char* name, std::string fallback) {
    const char* text = std::getenv(name);
    return text && *text ? text : fallback;
}

// Exclusive while a manager lives. One that is about to end gets a moment to do so.
static bool take_lock(int lock) {
    for (int tries = 0; tries < 100; ++tries) {
        if (::flock(lock, LOCK_EX | LOCK_NB) == 0)
            return true;
        ::usleep(10'000);
    }
    return false;
}

int main(int argc, char** argv) {
    int ready = -1;
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], "--ready-fd=", 11) == 0) {
            ready = std::atoi(argv[i] + 11);
            ::fcntl(ready, F_SETFD, FD_CLOEXEC);
        } else {
            ::dprintf(2, "lxssd: it is started by lxss; unknown argument '%s'\n", argv[i]);
            return 2;
        }
    }
    ::umask(077);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    ::sigemptyset(&blocked);
    for (int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP})
        ::sigaddset(&blocked, number);
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    rlimit descriptors;
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &descriptors);
    }

    std::string error;
    ManagerOptions options;
    options.data_folder = data_folder();
    if (options.data_folder.empty() || !options.data_folder.starts_with('/')) {
        tell_starter(ready,
                     "set HOME or LXSS_HOME to an absolute folder name: instances are registered there");
        return 1;
    }
    if (!make_folders(options.data_folder + "/log")) {
        tell_starter(ready, "cannot make " + options.data_folder + "/log: " + std::strerror(errno));
        return 1;
    }
    UniqueFd runtime = open_runtime_folder(error);
    if (!runtime) {
        tell_starter(ready, error);
        return 1;
    }
    UniqueFd lock(::openat(runtime.get(), kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock || !take_lock(lock.get())) {
        tell_starter(ready, "running");
        return 0;
    }

    const std::string programs = program_folder();
    options.kernel = from_environment("LXSS_KERNEL", programs + "/lxkernel");
    options.guest_dir =
        from_environment("LXSS_GUEST_DIR", programs.substr(0, programs.rfind('/')) + "/libexec/guest");
    options.engine_options = from_environment("LXSS_ENGINE_OPTIONS", "");
    options.grace = seconds_from_environment("LXSS_GRACE", options.grace);
    options.idle = seconds_from_environment("LXSS_IDLE", options.idle);

    try {
        auto logger = spdlog::basic_logger_mt("lxssd", options.data_folder + "/log/lxssd.log");
        logger->flush_on(spdlog::level::info);
        spdlog::set_default_logger(logger);
    } catch (const spdlog::spdlog_ex& problem) {
        tell_starter(ready, problem.what());
        return 1;
    }

    const int folder = runtime.get();
    auto open_listener = [folder] {
        UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const sockaddr_un address = socket_address(folder);
        ::unlinkat(folder, kSocketName,
                   0); // left by a manager that was killed; the lock says it is not in use
        if (!listener ||
            ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener.get(), SOMAXCONN) != 0)
            throw std::runtime_error(std::string("cannot listen in the runtime folder: ") +
                                     std::strerror(errno));
        return listener;
    };
    auto remove_listener = [folder] { ::unlinkat(folder, kSocketName, 0); };
    try {
        Manager manager(options, open_listener, remove_listener);
        spdlog::info("lxssd {} serves {} as process {}", LXSS_VERSION, options.data_folder, ::getpid());
        tell_starter(ready, "ok");
        manager.run();
    } catch (const std::exception& problem) {
        spdlog::error("{}", problem.what());
        tell_starter(ready, problem.what());
        return 1;
    }
    return 0;
}
