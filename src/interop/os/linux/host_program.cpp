#include "interop/host_program.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace lxss {

// The program is in a session of its own, whose leader stays its parent: without one that is in the session
// and not in its process group, nothing of it could be stopped (setpgid(2), "orphaned process group").
struct HostProgram::State {
    pid_t leader = -1, program = -1;
    UniqueFd events;   // from the leader
    UniqueFd terminal; // the slave: sizes are set through it
};

namespace {

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

// What the leader of the session writes, each in one piece.
struct Report {
    enum Kind { Started, Failed, Status } kind;
    int value; // pid; errno; wait status
};

void send_report(int events, Report::Kind kind, int value) {
    const Report report{kind, value};
    [[maybe_unused]] const ssize_t written = ::write(events, &report, sizeof report);
}

void set_default_signals() {
    for (int number = 1; number < NSIG; ++number)
        ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// A process group of its own, in the foreground. Called on both sides of the fork: whoever comes first.
void take_foreground(const Plan& plan, pid_t pid) {
    ::setpgid(pid, pid);
    if (plan.slave)
        ::tcsetpgrp(plan.slave.get(), pid);
}

// Writes errno to `failed`, which exec closes, when the program cannot be run.
[[noreturn]] void become_program(Plan& plan, HostProgramStart& start, char** words, int failed) {
    ::signal(SIGTTOU, SIG_IGN);
    take_foreground(plan, ::getpid());
    set_default_signals();
    for (std::string& variable : start.environment)
        ::putenv(variable.data());
    int failure = 0;
    if (plan.folder && ::fchdir(plan.folder.get()) != 0)
        failure = errno;
    if (const char* folder = ::getcwd(nullptr, 0))
        ::setenv("PWD", folder, 1);
    // First above the numbers that are about to be filled, then into place.
    failed = ::fcntl(failed, F_DUPFD_CLOEXEC, 16);
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
    [[maybe_unused]] const ssize_t written = ::write(failed, &failure, sizeof failure);
    ::_exit(kNotFound);
}

// The leader of the session: starts the program and tells of its stops and its end. A terminal that is closed
// is told to the program by HostProgram::hang_up().
[[noreturn]] void lead(Plan& plan, HostProgramStart& start, char** words, int events) {
    ::setsid();
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGTTOU, SIG_IGN);
    if (plan.slave)
        ::ioctl(plan.slave.get(), TIOCSCTTY, 0);
    int failed[2];
    pid_t program = ::pipe2(failed, O_CLOEXEC) == 0 ? ::fork() : -1;
    if (program == 0)
        become_program(plan, start, words, failed[1]);
    if (program < 0) {
        send_report(events, Report::Failed, errno);
        ::_exit(0);
    }
    take_foreground(plan, program);
    ::close(failed[1]);
    int failure = 0;
    ssize_t count;
    do
        count = ::read(failed[0], &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    if (count == sizeof failure) {
        ::waitpid(program, nullptr, 0);
        send_report(events, Report::Failed, failure);
        ::_exit(0);
    }
    // Nothing is held open here that others wait for the end of.
    events = ::dup2(events, 0);
    ::close_range(1, ~0u, 0);
    send_report(events, Report::Started, program);
    for (int status = 0;;) {
        if (::waitpid(program, &status, WUNTRACED) != program)
            continue;
        send_report(events, Report::Status, status);
        if (!WIFSTOPPED(status))
            ::_exit(0);
    }
}

bool read_report(int events, Report& report) {
    ssize_t count;
    do
        count = ::read(events, &report, sizeof report);
    while (count < 0 && errno == EINTR);
    if (count >= 0 && count != sizeof report)
        errno = EPIPE; // nobody writes any more
    return count == sizeof report;
}

} // namespace

HostProgram::HostProgram() = default;
HostProgram::~HostProgram() = default;
HostProgram::HostProgram(HostProgram&&) noexcept = default;
HostProgram& HostProgram::operator=(HostProgram&&) noexcept = default;

bool HostProgram::start(HostProgramStart start, HostProgramEnds& ends, int& exit_code, std::string& error) {
    Plan plan;
    exit_code = kInteropFailure;
    int events[2];
    if (start.words.empty() || start.words[0].empty()) {
        error = "no command was given";
        return false;
    }
    if (!open_streams(plan, start) || ::pipe2(events, O_CLOEXEC) != 0) {
        error = std::string("cannot make pipes on the host: ") + std::strerror(errno);
        return false;
    }
    UniqueFd reader(events[0]), writer(events[1]);
    open_folder(plan, start);
    std::vector<char*> words;
    for (std::string& word : start.words)
        words.push_back(word.data());
    words.push_back(nullptr);
    const pid_t leader = ::fork();
    if (leader == 0)
        lead(plan, start, words.data(), writer.get());
    if (leader < 0) {
        error = std::string("cannot start a process on the host: ") + std::strerror(errno);
        return false;
    }
    writer.reset();
    Report report{Report::Failed, EINTR};
    read_report(reader.get(), report);
    if (report.kind != Report::Started) {
        ::waitpid(leader, nullptr, 0);
        const int failure = report.value;
        const bool missing = failure == ENOENT || failure == ENOTDIR;
        exit_code = missing ? kNotFound : kNotExecutable;
        error = start.words[0] + ": " +
                (failure == ENOENT && start.words[0].find('/') == std::string::npos
                     ? "command not found on the host"
                     : std::string(std::strerror(failure)) + " (on the host)");
        return false;
    }
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    state_ = std::make_unique<State>(State{leader, report.value, std::move(reader), std::move(plan.slave)});
    ends = std::move(plan.ends);
    return true;
}

bool HostProgram::is_running() const {
    return state_ != nullptr;
}

HostDescriptor HostProgram::waitable() const {
    return state_ ? state_->events.get() : kNoDescriptor;
}

std::optional<HostProgramEvent> HostProgram::take_event() {
    Report report{Report::Status, SIGKILL}; // of a leader that was killed
    if (!state_ || (!read_report(state_->events.get(), report) && errno == EAGAIN))
        return std::nullopt;
    if (WIFSTOPPED(report.value))
        return HostProgramEvent{false, report.value, false};
    ::waitpid(state_->leader, nullptr, 0);
    state_.reset();
    return HostProgramEvent{true, report.value, false};
}

bool HostProgram::signal(int number) {
    if (state_ && number > 0 && number < NSIG)
        ::kill(-state_->program, number);
    return false;
}

void HostProgram::resize(uint16_t rows, uint16_t columns) const {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    if (state_ && state_->terminal)
        ::ioctl(state_->terminal.get(), TIOCSWINSZ, &size);
}

void HostProgram::hang_up() {
    signal(SIGHUP);
    signal(SIGCONT);
}

} // namespace lxss
