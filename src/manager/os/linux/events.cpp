#include "manager/os/events.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <vector>

namespace lxss {

bool wait_for(std::span<WaitItem> items, int timeout_milliseconds, std::string& error) {
    std::vector<pollfd> polled;
    for (const WaitItem& item : items)
        polled.push_back(
            {item.descriptor, static_cast<short>(item.for_sending ? POLLIN | POLLOUT : POLLIN), 0});
    const int count = ::poll(polled.data(), polled.size(), timeout_milliseconds);
    if (count < 0 && errno != EINTR) {
        error = std::strerror(errno);
        return false;
    }
    for (size_t i = 0; i < items.size(); ++i) {
        items[i].is_ready = count > 0 && (polled[i].revents & ~POLLOUT) != 0;
        items[i].can_send = count > 0 && (polled[i].revents & POLLOUT) != 0;
    }
    return true;
}

TerminationEvents::TerminationEvents() {
    sigset_t set;
    ::sigemptyset(&set);
    for (int number : {SIGTERM, SIGINT, SIGHUP})
        ::sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    event_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::string TerminationEvents::take() {
    signalfd_siginfo information;
    if (::read(event_.get(), &information, sizeof information) != sizeof information)
        return "";
    return "signal " + std::to_string(information.ssi_signo);
}

} // namespace lxss
