#include "manager/os/runtime_folder.hpp"

#include "manager/os/linux/connection.hpp"
#include "manager/paths.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace lxss {

static constexpr const char* kSocketName = "lxssd.sock";

// Through /proc/self/fd, so that neither a long folder name nor a folder exchanged after the check matters.
static sockaddr_un socket_address(int folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, kSocketName);
    return address;
}

// The socket that systemd listens on for us (sd_listen_fds(3)), whose descriptors begin at 3.
static UniqueFd socket_of_service_manager() {
    const char* process = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    const bool ours = process && count && std::atoi(process) == ::getpid() && std::strcmp(count, "1") == 0;
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
        ::unsetenv(name);
    int type = 0, listening = 0;
    socklen_t length = sizeof type;
    if (!ours || ::getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET ||
        ::getsockopt(3, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || !listening)
        return {};
    ::fcntl(3, F_SETFD, FD_CLOEXEC);
    ::fcntl(3, F_SETFL, O_NONBLOCK);
    return UniqueFd(3);
}

bool RuntimeFolder::open(std::string& error) {
    const std::string folder = runtime_folder();
    const char* home = std::getenv("LXSS_HOME");
    const bool below_home = home && *home;
    if ((below_home ? !make_folders(folder) : ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)) {
        error = "cannot make " + folder + ": " + std::strerror(errno);
        return false;
    }
    UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (!descriptor || ::fstat(descriptor.get(), &status) != 0) {
        error = "cannot open " + folder + ": " + std::strerror(errno) +
                (errno == ENOTDIR || errno == ELOOP ? " (it must be a folder, not a link)" : "");
        return false;
    }
    if (status.st_uid != ::geteuid()) {
        error = folder + " belongs to another user; set XDG_RUNTIME_DIR to a folder of your own";
        return false;
    }
    if (status.st_mode & 077) {
        error = folder + " is open to other users; run 'chmod 700 " + folder + "' if you trust what is in it";
        return false;
    }
    folder_ = std::move(descriptor);
    activated_ = socket_of_service_manager();
    return true;
}

UniqueFd RuntimeFolder::lock(const char* name, int patience_milliseconds, std::string& error) const {
    UniqueFd lock(::openat(folder_.get(), name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock) {
        error = "cannot write to " + runtime_folder() + ": " + std::strerror(errno);
        return {};
    }
    if (patience_milliseconds < 0) {
        while (::flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
        }
        return lock;
    }
    for (int waited = 0;; waited += 10) {
        if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0)
            return lock;
        if (waited >= patience_milliseconds)
            return {};
        ::usleep(10'000);
    }
}

Connection RuntimeFolder::connect(std::string& error) const {
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const sockaddr_un address = socket_address(folder_.get());
    if (!socket ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno != ENOENT && errno != ECONNREFUSED)
            error =
                "cannot connect to the session manager in " + runtime_folder() + ": " + std::strerror(errno);
        return {};
    }
    if (!peer_is_same_user(socket.get())) {
        error = "another user serves the socket in " + runtime_folder();
        return {};
    }
    return make_connection(std::move(socket));
}

struct Listener::State {
    UniqueFd socket;
};

Listener::Listener() = default;
Listener::Listener(std::unique_ptr<State> state) : state_(std::move(state)) {}
Listener::~Listener() = default;
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
void Listener::reset() {
    state_.reset();
}
HostDescriptor Listener::waitable() const {
    return state_ ? state_->socket.get() : kNoDescriptor;
}

// 0 when there is none.
static uint64_t identity_of_socket(int folder) {
    struct stat status;
    return ::fstatat(folder, kSocketName, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

Listener RuntimeFolder::listen() {
    auto state = std::make_unique<Listener::State>();
    if (activated_) {
        state->socket.reset(::fcntl(activated_.get(), F_DUPFD_CLOEXEC, 0));
        return Listener(std::move(state));
    }
    state->socket.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_un address = socket_address(folder_.get());
    ::unlinkat(folder_.get(), kSocketName,
               0); // left by a manager that was killed; the lock says it is not in use
    if (!state->socket ||
        ::bind(state->socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(state->socket.get(), SOMAXCONN) != 0)
        throw std::runtime_error(std::string("cannot listen in the runtime folder: ") + std::strerror(errno));
    bound_ = identity_of_socket(folder_.get());
    return Listener(std::move(state));
}

void RuntimeFolder::remove_listener() const {
    if (bound_ != 0 && identity_of_socket(folder_.get()) == bound_)
        ::unlinkat(folder_.get(), kSocketName, 0);
}

Listener::Status Listener::accept(Connection& connection) {
    for (;;) {
        UniqueFd socket(
            state_ ? ::accept4(state_->socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1);
        if (!socket) {
            if (state_ && (errno == EINTR || errno == ECONNABORTED))
                continue;
            return state_ && (errno == EMFILE || errno == ENFILE) ? Status::OutOfDescriptors : Status::None;
        }
        if (!peer_is_same_user(socket.get()))
            return Status::OtherUser;
        connection = make_connection(std::move(socket));
        return Status::Accepted;
    }
}

} // namespace lxss
