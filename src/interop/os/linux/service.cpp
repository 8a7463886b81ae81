#include "interop/os/service.hpp"

#include "manager/os/linux/connection.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lxss {

// Descriptors that the manager leaves: the listening socket, and a pipe that ends with the instance.
static constexpr int kListener = 3, kLife = 4;

struct Service::State {};

Service::Service() = default;
Service::~Service() = default;

bool Service::open(int, char**) {
    struct stat status;
    if (::fstat(kListener, &status) != 0 || !S_ISSOCK(status.st_mode) || ::fstat(kLife, &status) != 0)
        return false;
    for (int descriptor : {kListener, kLife})
        ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    ::fcntl(kListener, F_SETFL, O_NONBLOCK);
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(022); // the manager's own is stricter than people's programs should have
    return true;
}

HostDescriptor Service::waitable() const {
    return kListener;
}
HostDescriptor Service::life() const {
    return kLife;
}

bool Service::accept(Connection& connection) {
    for (;;) {
        UniqueFd socket(::accept4(kListener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            if (errno == EMFILE || errno == ENFILE)
                ::usleep(100'000); // until a program has ended
            return false;
        }
        // The other end runs in the same manager's instance; of another user it cannot be, but by a mistake
        // in the folder's mode.
        if (!peer_is_same_user(socket.get()))
            continue;
        connection = make_connection(std::move(socket));
        return true;
    }
}

} // namespace lxss
