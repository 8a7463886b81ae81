#include "cli/connection.hpp"

#include "manager/paths.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace lxss {

static UniqueFd try_connect(int folder) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const sockaddr_un address = socket_address(folder);
    if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return {};
    if (!peer_is_same_user(socket.get()))
        throw LauncherError("another user serves the socket in " + runtime_folder());
    return socket;
}

// Runs lxssd with no tie to this process and waits until it serves. Two launchers at once start one manager:
// the lock is held until it answers.
static UniqueFd start_manager(int folder) {
    UniqueFd lock(::openat(folder, kStartLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock)
        throw LauncherError("cannot write to " + runtime_folder() + ": " + std::strerror(errno));
    while (::flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
    if (UniqueFd socket = try_connect(folder))
        return socket;

    const std::string program = program_folder() + "/lxssd";
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0)
        throw LauncherError(std::string("cannot make a pipe: ") + std::strerror(errno));
    UniqueFd answer(pipe[0]), ready(pipe[1]);
    const pid_t child = ::fork();
    if (child < 0)
        throw LauncherError(std::string("cannot start a process: ") + std::strerror(errno));
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
    std::string text;
    char buffer[512];
    for (;;) {
        const ssize_t count = ::read(answer.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        text.append(buffer, static_cast<size_t>(count));
    }
    if (text.empty())
        throw LauncherError("the session manager " + program + " ended at once; see " + data_folder() +
                            "/log/lxssd.log");
    if (text != "ok" && text != "running")
        throw LauncherError("the session manager cannot start: " + text);
    return try_connect(folder);
}

UniqueFd send_request(const ClientHeader& header, const std::vector<std::string>& arguments,
                      const std::vector<std::string>& environment, std::span<const int> descriptors) {
    std::string error;
    const UniqueFd runtime = open_runtime_folder(error);
    if (!runtime)
        throw LauncherError(error);
    for (int attempt = 0; attempt < 20; ++attempt) {
        UniqueFd socket = try_connect(runtime.get());
        if (!socket && errno != ENOENT && errno != ECONNREFUSED)
            throw LauncherError("cannot connect to the session manager in " + runtime_folder() + ": " +
                                std::strerror(errno));
        if (!socket)
            socket = start_manager(runtime.get());
        if (socket) {
            if (send_client_packet(socket.get(), header, arguments, environment, descriptors))
                return socket;
            if (errno == EMSGSIZE)
                throw LauncherError(
                    "the command line is too long: all words and the environment together may have "
                    "190 KiB");
            if (errno != EPIPE && errno != ECONNRESET)
                throw LauncherError(std::string("cannot send to the session manager: ") +
                                    std::strerror(errno));
        }
        ::usleep(20'000);
    }
    throw LauncherError("the session manager does not answer; see " + data_folder() + "/log/lxssd.log");
}

bool manager_is_running() {
    std::string error;
    const UniqueFd runtime = open_runtime_folder(error);
    if (!runtime)
        throw LauncherError(error);
    return static_cast<bool>(try_connect(runtime.get()));
}

ClientPacket receive_reply(int socket) {
    Packet packet;
    if (receive_packet(socket, packet) != ReceiveStatus::Received) {
        if (errno == ECONNRESET)
            throw RequestUnread();
        throw ManagerEnded("the session manager has ended unexpectedly; see " + data_folder() +
                           "/log/lxssd.log");
    }
    std::optional<ClientPacket> reply = decode_client_packet(std::move(packet));
    if (!reply || reply->header.version != kClientProtocolVersion)
        throw LauncherError(
            "the session manager is of another version; end it with 'lxss --shutdown' of that version");
    if (reply->header.message == ClientMessage::Error)
        throw LauncherError(reply->arguments.empty() ? "the request failed" : reply->arguments[0],
                            static_cast<int>(reply->header.value));
    return std::move(*reply);
}

} // namespace lxss
