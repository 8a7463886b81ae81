#include "interop/host_program.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace lxss {

namespace {

constexpr int kNotExecutable = 126, kNotFound = 127, kFailed = 255;

struct Plan {
    UniqueFd streams[3]; // of the program
    UniqueFd master, slave;
    UniqueFd folder;
    HostProgramEnds ends;
};

// A pty of this host with the size of the instance's.
bool open_terminal(Plan& plan, const HostProgramStart& start) {
    plan.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    char name[64];
    if (!plan.master || ::grantpt(plan.master.get()) != 0 || ::unlockpt(plan.master.get()) != 0 ||
        ::ptsname_r(plan.master.get(), name, sizeof name) != 0)
        return false;
    plan.slave.reset(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    winsize size{};
    size.ws_row = start.rows;
    size.ws_col = start.columns;
    return plan.slave && ::ioctl(plan.slave.get(), TIOCSWINSZ, &size) == 0;
}

bool open_streams(Plan& plan, HostProgramStart& start) {
    if (start.terminals != 0 && !open_terminal(plan, start))
        return false;
    for (unsigned i = 0; i < 3; ++i) {
        if (start.terminals & 1u << i) {
            plan.streams[i].reset(::fcntl(plan.slave.get(), F_DUPFD_CLOEXEC, 3));
        } else if (start.streams[i]) {
            plan.streams[i] = std::move(start.streams[i]);
        } else {
            int pipe[2];
            if (::pipe2(pipe, O_CLOEXEC) != 0)
                return false;
            plan.streams[i].reset(pipe[i == 0 ? 0 : 1]);
            plan.ends.descriptors.emplace_back(pipe[i == 0 ? 1 : 0]);
            plan.ends.bits |= 1u << i; // kInteropEndInput, Output, Error
        }
        if (!plan.streams[i])
            return false;
    }
    if (plan.master) {
        plan.ends.descriptors.push_back(std::move(plan.master));
        plan.ends.bits |= kInteropEndTerminal;
    }
    return true;
}

void open_folder(Plan& plan, const HostProgramStart& start) {
    if (!start.folder.empty())
        plan.folder.reset(::open(start.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (plan.folder && ::faccessat(plan.folder.get(), ".", X_OK, 0) == 0)
        return;
    plan.ends.bits |= kInteropInHome;
    const char* home = std::getenv("HOME");
    plan.folder.reset(::open(home && *home ? home : "/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!plan.folder)
        plan.folder.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// In the child. Writes errno to `report` when the program cannot be run.
[[noreturn]] void become(Plan& plan, HostProgramStart& start, char** words, int report) {
    ::setsid();
    for (int number = 1; number < NSIG; ++number)
        ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (plan.slave)
        ::ioctl(plan.slave.get(), TIOCSCTTY, 0);
    for (std::string& variable : start.environment)
        ::putenv(variable.data());
    int failure = 0;
    if (plan.folder && ::fchdir(plan.folder.get()) != 0)
        failure = errno;
    if (const char* folder = ::getcwd(nullptr, 0))
        ::setenv("PWD", folder, 1);
    // First above the numbers that are about to be filled, then into place.
    report = ::fcntl(report, F_DUPFD_CLOEXEC, 16);
    int lifted[3];
    for (int i = 0; i < 3; ++i)
        lifted[i] = ::fcntl(plan.streams[i].get(), F_DUPFD_CLOEXEC, 16);
    for (int i = 0; i < 3; ++i)
        if (::dup2(lifted[i], i) < 0)
            failure = errno;
    if (failure == 0) {
        ::execvp(words[0], words);
        failure = errno;
    }
    [[maybe_unused]] const ssize_t written = ::write(report, &failure, sizeof failure);
    ::_exit(kNotFound);
}

} // namespace

bool HostProgram::start(HostProgramStart start, HostProgramEnds& ends, int& exit_code, std::string& error) {
    Plan plan;
    exit_code = kFailed;
    int report[2];
    if (start.words.empty() || start.words[0].empty()) {
        error = "no command was given";
        return false;
    }
    if (!open_streams(plan, start) || ::pipe2(report, O_CLOEXEC) != 0) {
        error = std::string("cannot make pipes on the host: ") + std::strerror(errno);
        return false;
    }
    UniqueFd report_read(report[0]), report_write(report[1]);
    open_folder(plan, start);
    std::vector<char*> words;
    for (std::string& word : start.words)
        words.push_back(word.data());
    words.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0)
        become(plan, start, words.data(), report_write.get());
    if (pid < 0) {
        error = std::string("cannot start a process on the host: ") + std::strerror(errno);
        return false;
    }
    report_write.reset();
    int failure = 0;
    ssize_t count;
    do
        count = ::read(report_read.get(), &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    if (count == sizeof failure) {
        ::waitpid(pid, nullptr, 0);
        const bool missing = failure == ENOENT || failure == ENOTDIR;
        exit_code = missing ? kNotFound : kNotExecutable;
        error = start.words[0] + ": " +
                (failure == ENOENT && start.words[0].find('/') == std::string::npos
                     ? "command not found on the host"
                     : std::string(std::strerror(failure)) + " (on the host)");
        return false;
    }
    pid_ = pid;
    handle_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    terminal_ = std::move(plan.slave);
    ends = std::move(plan.ends);
    return true;
}

std::optional<int> HostProgram::take_status() {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_)
        return std::nullopt;
    pid_ = -1;
    handle_.reset();
    terminal_.reset();
    return status;
}

void HostProgram::signal(int number) const {
    if (pid_ > 0 && number > 0 && number < NSIG)
        ::kill(-pid_, number);
}

void HostProgram::resize(uint16_t rows, uint16_t columns) const {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    if (terminal_)
        ::ioctl(terminal_.get(), TIOCSWINSZ, &size);
}

void HostProgram::hang_up() const {
    signal(SIGHUP);
    signal(SIGCONT);
}

} // namespace lxss
