#include "cli/os/client_events.hpp"

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace lxss {

static_assert(kHangupSignal == SIGHUP);

void ClientEvents::watch(const TerminalUse& terminal) {
    sigset_t set;
    ::sigemptyset(&set);
    for (int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT})
        ::sigaddset(&set, number);
    if (terminal.descriptor != kNoDescriptor)
        ::sigaddset(&set, SIGTSTP);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    event_.reset(::signalfd(-1, &set, SFD_CLOEXEC));
}

ClientEvent ClientEvents::take() {
    signalfd_siginfo information;
    if (::read(event_.get(), &information, sizeof information) != sizeof information)
        return {};
    const int number = static_cast<int>(information.ssi_signo);
    switch (number) {
    case SIGWINCH:
        return {ClientEvent::Kind::Resized};
    case SIGTSTP:
        return {ClientEvent::Kind::Suspend};
    case SIGCONT:
        return {ClientEvent::Kind::Resumed};
    default:
        return {ClientEvent::Kind::Signal, number}; // the host's numbers are Linux's on this host
    }
}

void ClientEvents::suspend_process() {
    ::raise(SIGSTOP);
}

bool wait_for_reply(HostDescriptor reply, const ClientEvents& events, int milliseconds, bool& has_reply) {
    for (;;) {
        pollfd polled[2] = {{reply, POLLIN, 0}, {events.waitable(), POLLIN, 0}};
        const int count = ::poll(polled, 2, milliseconds);
        if (count < 0 && errno == EINTR)
            continue;
        has_reply = count > 0 && polled[0].revents;
        return count != 0;
    }
}

} // namespace lxss
