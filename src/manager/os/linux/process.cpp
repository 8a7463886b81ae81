#include "manager/os/process.hpp"

#include "manager/os/linux/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lxss {

// The number that the lock of the instance's folder has in lxkernel and in every process that it clones.
static constexpr int kLockDescriptor = 5;

std::string ExitStatus::text() const {
    return (was_killed ? "was killed by signal " : "ended with status ") + std::to_string(code);
}

ChildProcess::ChildProcess() = default;
ChildProcess::~ChildProcess() = default;
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&&) noexcept = default;
HostDescriptor ChildProcess::waitable() const {
    return handle_.get();
}

// (glibc before 2.36 has no pidfd_open.)
static UniqueFd open_process(pid_t pid) {
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// In the child: with the descriptors `sources` as 0 and on and no others, and default signals, runs `argv`.
[[noreturn]] static void run_program(const int* sources, int count, char* const* argv) {
    ::setsid();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    // First above the numbers that are about to be filled, then into place.
    int lifted[8];
    for (int i = 0; i < count; ++i)
        lifted[i] = ::fcntl(sources[i], F_DUPFD_CLOEXEC, 16);
    for (int i = 0; i < count; ++i)
        ::dup2(lifted[i], i);
    ::close_range(static_cast<unsigned>(count), ~0u, 0);
    ::execv(argv[0], argv);
    ::dprintf(2, "lxssd: cannot run %s: %s\n", argv[0], std::strerror(errno));
    ::_exit(127);
}

static std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (std::string& word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
}

bool ChildProcess::start(const std::vector<std::string>& words, std::string& error,
                         std::span<const HostDescriptor> descriptors) {
    std::vector<std::string> copies = words;
    const std::vector<char*> argv = pointers_to(copies);
    const pid_t pid = ::fork();
    if (pid < 0) {
        error = std::string("cannot start a process: ") + std::strerror(errno);
        return false;
    }
    if (pid == 0) {
        const int null = ::open("/dev/null", O_RDWR);
        int sources[8] = {null, null, null};
        const size_t count = std::min(descriptors.size(), std::size(sources) - 3);
        std::copy_n(descriptors.begin(), count, sources + 3);
        run_program(sources, 3 + static_cast<int>(count), argv.data());
    }
    id_ = pid;
    handle_ = open_process(pid);
    return true;
}

std::optional<ExitStatus> ChildProcess::take_status() {
    if (id_ < 0)
        return std::nullopt;
    const pid_t pid = static_cast<pid_t>(id_);
    siginfo_t information{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &information, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        information.si_pid == 0)
        return std::nullopt;
    // Before the number is free for others: what it left in its process group goes with it.
    kill();
    int wait_status = 0;
    ::waitpid(pid, &wait_status, 0);
    id_ = -1;
    handle_.reset();
    if (WIFSIGNALED(wait_status))
        return ExitStatus{true, WTERMSIG(wait_status)};
    return ExitStatus{false, WEXITSTATUS(wait_status)};
}

void ChildProcess::kill() const {
    if (id_ > 0) {
        ::kill(static_cast<pid_t>(-id_), SIGKILL);
        ::kill(static_cast<pid_t>(id_), SIGKILL);
    }
}

bool start_kernel(const KernelStart& start, ChildProcess& process, Connection& control, std::string& error) {
    if (::access(start.program.c_str(), X_OK) != 0) {
        error = "cannot run the kernel " + start.program + ": " + std::strerror(errno);
        return false;
    }
    Connection kernel_end;
    if (!Connection::make_pair(control, kernel_end)) {
        error = std::string("cannot make a socket: ") + std::strerror(errno);
        return false;
    }
    control.set_non_blocking();
    // Descriptors of the new process: 0 /dev/null, 1 and 2 and 4 the log, 3 the control socket, 5 the lock.
    std::vector<std::string> words = {start.program, "--control-fd=3", "--log-fd=4"};
    words.insert(words.end(), start.words.begin(), start.words.end());
    const std::vector<char*> argv = pointers_to(words);
    std::vector<std::string> environment = start.environment;

    const pid_t pid = ::fork();
    if (pid < 0) {
        error = std::string("cannot start a process: ") + std::strerror(errno);
        return false;
    }
    if (pid == 0) {
        // lxkernel hands LXSS_* and WSL_* on to the instance's init; what is the manager's own stays here.
        for (const char* name : {"LXSS_HOME", "LXSS_KERNEL", "LXSS_GUEST_DIR", "LXSS_ENGINE_OPTIONS",
                                 "LXSS_GRACE", "LXSS_IDLE", "LXSS_CATALOG"})
            ::unsetenv(name);
        for (std::string& variable : environment)
            ::putenv(variable.data());
        static_assert(kLockDescriptor == 5);
        const int log = start.log.get();
        const int sources[6] = {::open("/dev/null", O_RDONLY), log, log,
                                kernel_end.waitable(),         log, start.lock.get()};
        run_program(sources, 6, argv.data());
    }
    process.id_ = pid;
    process.handle_ = open_process(pid);
    return true;
}

static std::string interop_name(const std::string& folder) {
    return folder + "/interop";
}

void remove_interop_name(const std::string& folder) {
    ::unlink(interop_name(folder).c_str());
}

bool start_interop(const std::string& program, const std::string& folder, ChildProcess& process,
                   UniqueFd& life, std::string& name, std::string& error) {
    name = interop_name(folder);
    auto fail = [&error](const char* what) {
        error = std::string(what) + ": " + std::strerror(errno);
        return false;
    };
    if (::access(program.c_str(), X_OK) != 0)
        return fail(("cannot run " + program).c_str());
    // The folder may have a longer name than fits into a socket's address.
    const UniqueFd place(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/interop", place.get());
    if (!place || !listener)
        return fail("cannot make a socket");
    ::unlinkat(place.get(), "interop", 0); // of an earlier run; the folder is locked
    if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener.get(), SOMAXCONN) != 0)
        return fail("cannot listen in the instance's folder");
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0)
        return fail("cannot make a pipe");
    const UniqueFd reader(pipe[0]);
    life.reset(pipe[1]);
    const HostDescriptor descriptors[] = {listener.get(), reader.get()};
    return process.start({program}, error, descriptors);
}

int kill_orphans_of(const std::string& folder) {
    // They may fork meanwhile: until a look finds none.
    int killed = 0;
    for (int looks = 0; looks < 20; ++looks) {
        bool found = false;
        std::error_code failure;
        for (const auto& item : std::filesystem::directory_iterator("/proc", failure)) {
            const pid_t pid = std::atoi(item.path().filename().c_str());
            if (pid <= 0 || pid == ::getpid())
                continue;
            const std::filesystem::path held =
                std::filesystem::read_symlink(item.path() / "fd" / std::to_string(kLockDescriptor), failure);
            if (held == folder + "/lock") {
                ::kill(pid, SIGKILL);
                found = true;
                ++killed;
            }
        }
        if (!found)
            break;
        ::usleep(1'000);
    }
    return killed;
}

int64_t own_process_id() {
    return ::getpid();
}

} // namespace lxss
