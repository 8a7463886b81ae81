#include "interop/channel.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

namespace lxss::interop {

namespace {

// A program that could not be run tells its parent errno through this pipe; exec closes it.
struct ExecReport {
    UniqueFd reader, writer;
    bool make() {
        int pipe[2];
        if (::pipe2(pipe, O_CLOEXEC) != 0)
            return false;
        reader.reset(pipe[0]);
        writer.reset(pipe[1]);
        return true;
    }
    int wait() {
        writer.reset();
        int failure = 0;
        ssize_t count;
        while ((count = ::read(reader.get(), &failure, sizeof failure)) < 0 && errno == EINTR) {
        }
        return count == sizeof failure ? failure : 0;
    }
};

struct Command {
    interop_run head{};
    std::string folder;
    std::vector<std::string> words, environment;
};

bool take_string(std::string_view& payload, std::string& text) {
    const size_t end = payload.find('\0');
    if (end == payload.npos)
        return false;
    text = payload.substr(0, end);
    payload.remove_prefix(end + 1);
    return true;
}

bool parse(std::string_view payload, Command& command) {
    if (payload.size() < sizeof command.head)
        return false;
    std::memcpy(&command.head, payload.data(), sizeof command.head);
    payload.remove_prefix(sizeof command.head);
    if (!take_string(payload, command.folder))
        return false;
    for (std::vector<std::string>* list : {&command.words, &command.environment}) {
        const uint32_t count = list == &command.words ? command.head.argument_count : command.head.environment_count;
        for (uint32_t i = 0; i < count; ++i)
            if (std::string text; take_string(payload, text))
                list->push_back(std::move(text));
            else
                return false;
    }
    return payload.empty() && !command.words.empty();
}

// In the child.
[[noreturn]] void run_command(Command& command, const int (&streams)[3], int terminal, int report) {
    ::setsid();
    if (terminal >= 0)
        ::ioctl(terminal, TIOCSCTTY, 0);
    for (int i = 0; i < 3; ++i)
        ::dup2(streams[i], i);
    ::fcntl(report, F_SETFD, FD_CLOEXEC);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const char* home = std::getenv("HOME");
    if (command.folder.empty() || ::chdir(command.folder.c_str()) != 0)
        if (!home || ::chdir(home) != 0)
            [[maybe_unused]] const int changed = ::chdir("/");
    for (std::string& variable : command.environment)
        ::putenv(variable.data());
    std::vector<char*> words;
    for (std::string& word : command.words)
        words.push_back(word.data());
    words.push_back(nullptr);
    ::execvp(words[0], words.data());
    const int failure = errno;
    [[maybe_unused]] const ssize_t written = ::write(report, &failure, sizeof failure);
    ::_exit(127);
}

void set_size(int terminal, uint16_t rows, uint16_t columns) {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    ::ioctl(terminal, TIOCSWINSZ, &size);
}

} // namespace

Channel::~Channel() {
    if (pid_ > 0) {
        ::kill(-pid_, SIGHUP);
        ::kill(-pid_, SIGCONT);
    }
}

void Channel::fail(const std::string& text) {
    sink_.send(number_, kInteropFailed, std::string_view(text.c_str(), text.size() + 1));
    over_ = true;
}

bool Channel::run(std::string_view payload) {
    Command command;
    ExecReport report;
    if (!parse(payload, command)) {
        fail("the request is malformed");
        return false;
    }
    // Pipes, or the sides of a pty where the instance has a terminal.
    UniqueFd inner[3], slave;
    bool good = report.make();
    if (good && command.head.terminals != 0) {
        int master = -1, other = -1;
        good = ::openpty(&master, &other, nullptr, nullptr, nullptr) == 0;
        terminal_.reset(master);
        slave.reset(other);
        if (good) {
            ::fcntl(master, F_SETFD, FD_CLOEXEC);
            ::fcntl(other, F_SETFD, FD_CLOEXEC);
            set_size(master, command.head.rows, command.head.columns);
        }
    }
    UniqueFd* const outer[3] = {&input_, &output_, &error_};
    bool terminal_is_read = false;
    for (int i = 0; i < 3 && good; ++i) {
        if (command.head.terminals & 1u << i) {
            inner[i].reset(::fcntl(slave.get(), F_DUPFD_CLOEXEC, 3));
            // What is written to the terminal comes once, as output if that is one, else as errors.
            if (i == 0 || !terminal_is_read)
                outer[i]->reset(::fcntl(terminal_.get(), F_DUPFD_CLOEXEC, 3));
            terminal_is_read = terminal_is_read || i > 0;
            continue;
        }
        int pair[2];
        good = ::pipe2(pair, O_CLOEXEC) == 0;
        if (good) {
            inner[i].reset(pair[i == 0 ? 0 : 1]);
            outer[i]->reset(pair[i == 0 ? 1 : 0]);
        }
    }
    if (good) {
        for (UniqueFd* descriptor : outer)
            if (*descriptor)
                ::fcntl(descriptor->get(), F_SETFL, O_NONBLOCK);
        pid_ = ::fork();
        good = pid_ >= 0;
    }
    if (pid_ == 0) {
        // Above the standard numbers, all three.
        int streams[3];
        for (int i = 0; i < 3; ++i)
            streams[i] = ::fcntl(inner[i].get(), F_DUPFD_CLOEXEC, 10);
        run_command(command, streams, slave.get(), ::fcntl(report.writer.get(), F_DUPFD_CLOEXEC, 10));
    }
    if (!good) {
        fail(std::string("the host cannot start a program: ") + std::strerror(errno));
        return false;
    }
    for (UniqueFd& end : inner)
        end.reset();
    slave.reset();
    if (const int failure = report.wait()) {
        fail(command.words[0] + ": " + (failure == ENOENT ? "not found on the host" : std::strerror(failure)));
        return false;
    }
    return true;
}

bool Channel::connect(std::string_view path) {
    is_connection_ = true;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name(path.substr(0, path.find('\0')));
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (name.size() >= sizeof address.sun_path) {
        fail("the socket's name is too long");
        return false;
    }
    std::memcpy(address.sun_path, name.c_str(), name.size());
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        fail("cannot connect to " + name + ": " + std::strerror(errno));
        return false;
    }
    output_ = std::move(socket);
    input_.reset(::fcntl(output_.get(), F_DUPFD_CLOEXEC, 3));
    return true;
}

void Channel::take(uint32_t type, std::string_view payload) {
    uint32_t number = 0;
    uint16_t size[2] = {};
    if (payload.size() == sizeof number) {
        std::memcpy(&number, payload.data(), sizeof number);
        std::memcpy(size, payload.data(), sizeof size);
    }
    if (type == kInteropInput) {
        pending_input_ += payload;
        write_input();
    } else if (type == kInteropInputEnd) {
        input_ends_ = true;
        write_input();
    } else if (type == kInteropCredit) {
        credit_ += number;
        if (wait_status_ >= 0)
            ended(wait_status_);
    } else if (type == kInteropSize && terminal_) {
        set_size(terminal_.get(), size[0], size[1]);
    } else if (type == kInteropSignal && pid_ > 0 && number >= 1 && number <= 64) {
        const pid_t foreground = terminal_ ? ::tcgetpgrp(terminal_.get()) : -1;
        ::kill(foreground > 0 ? -foreground : -pid_, static_cast<int>(number));
    } else if (type == kInteropHangup) {
        over_ = true;
    }
}

void Channel::write_input() {
    while (!pending_input_.empty() && input_) {
        const ssize_t count = ::write(input_.get(), pending_input_.data(), pending_input_.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        const uint32_t taken = static_cast<uint32_t>(count < 0 ? pending_input_.size() : count);
        // What a program does not read any more is gone.
        if (count < 0)
            input_.reset();
        pending_input_.erase(0, taken);
        sink_.send(number_, kInteropCredit, {reinterpret_cast<const char*>(&taken), sizeof taken});
    }
    if (!input_)
        pending_input_.clear();
    if (!input_ends_ || !pending_input_.empty() || !input_)
        return;
    if (is_connection_)
        ::shutdown(input_.get(), SHUT_WR);
    input_.reset();
}

void Channel::read(UniqueFd& from, uint32_t type, bool to_the_end) {
    do {
        char bytes[kInteropMaxData];
        if (!from || credit_ == 0)
            return;
        const ssize_t count = ::read(from.get(), bytes, std::min<uint64_t>(sizeof bytes, credit_));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) { // EIO: the last program on the pty has gone
            from.reset();
            if (is_connection_)
                finish();
            return;
        }
        credit_ -= static_cast<uint64_t>(count);
        sink_.send(number_, type, {bytes, static_cast<size_t>(count)});
    } while (to_the_end);
}

void Channel::read_output() {
    read(output_, kInteropOutput, false);
}

void Channel::read_error() {
    read(error_, kInteropError, false);
}

void Channel::ended(int wait_status) {
    wait_status_ = wait_status;
    pid_ = -1;
    read(output_, kInteropOutput, true);
    read(error_, kInteropError, true);
    // Without credit there may be more; its coming brings us here again. What is left open belongs to daemons.
    if (credit_ > 0)
        finish();
}

void Channel::finish() {
    const int32_t status = std::max(wait_status_, 0);
    sink_.send(number_, kInteropExit, {reinterpret_cast<const char*>(&status), sizeof status});
    over_ = true;
}

} // namespace lxss::interop
