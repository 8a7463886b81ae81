#include "interop/server.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace lxss::interop {

Server::Server(int connection) : connection_(connection) {
    ::fcntl(connection_, F_SETFL, O_NONBLOCK);
    ::fcntl(connection_, F_SETFD, FD_CLOEXEC);
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void Server::send(uint32_t channel, uint32_t type, std::string_view payload) {
    const interop_frame frame{channel, type, static_cast<uint32_t>(payload.size())};
    outgoing_.append(reinterpret_cast<const char*>(&frame), sizeof frame);
    outgoing_ += payload;
}

bool Server::flush() {
    size_t done = 0;
    while (done < outgoing_.size()) {
        const ssize_t count = ::write(connection_, outgoing_.data() + done, outgoing_.size() - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN)
            return false;
        if (count < 0)
            break;
        done += static_cast<size_t>(count);
    }
    outgoing_.erase(0, done);
    return true;
}

bool Server::receive() {
    char bytes[64 * 1024];
    const ssize_t count = ::read(connection_, bytes, sizeof bytes);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR;
    if (count == 0)
        return false;
    incoming_.append(bytes, static_cast<size_t>(count));
    size_t at = 0;
    interop_frame frame;
    while (incoming_.size() - at >= sizeof frame) {
        std::memcpy(&frame, incoming_.data() + at, sizeof frame);
        if (frame.length > kInteropMaxFrame)
            return false;
        if (incoming_.size() - at < sizeof frame + frame.length)
            break;
        take(frame, std::string_view(incoming_).substr(at + sizeof frame, frame.length));
        at += sizeof frame + frame.length;
    }
    incoming_.erase(0, at);
    return true;
}

void Server::take(const interop_frame& frame, std::string_view payload) {
    const auto found = channels_.find(frame.channel);
    if (found != channels_.end()) {
        found->second->take(frame.type, payload);
        if (found->second->is_over())
            channels_.erase(found);
        return;
    }
    // Others may still come for a channel that has just ended.
    if (frame.type != kInteropRun && frame.type != kInteropConnect)
        return;
    auto channel = std::make_unique<Channel>(frame.channel, *this);
    if (frame.type == kInteropRun ? channel->run(payload) : channel->connect(payload))
        channels_[frame.channel] = std::move(channel);
}

void Server::reap() {
    signalfd_siginfo information;
    while (::read(signals_.get(), &information, sizeof information) == sizeof information) {
    }
    int wait_status = 0;
    pid_t pid;
    while ((pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0)
        for (const auto& [number, channel] : channels_)
            if (channel->pid() == pid)
                channel->ended(wait_status);
}

void Server::serve_channels() {
    std::vector<pollfd> polled;
    polled.push_back({connection_, static_cast<short>(outgoing_.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    polled.push_back({signals_.get(), POLLIN, 0});
    std::vector<uint32_t> numbers;
    for (const auto& [number, channel] : channels_) {
        numbers.push_back(number);
        polled.push_back({channel->input(), POLLOUT, 0});
        polled.push_back({channel->output(), POLLIN, 0});
        polled.push_back({channel->error(), POLLIN, 0});
    }
    if (::poll(polled.data(), polled.size(), -1) < 0)
        return;
    for (size_t i = 0; i < numbers.size(); ++i) {
        Channel& channel = *channels_.at(numbers[i]);
        if (polled[2 + 3 * i].revents)
            channel.write_input();
        if (polled[3 + 3 * i].revents)
            channel.read_output();
        if (polled[4 + 3 * i].revents)
            channel.read_error();
    }
}

void Server::run() {
    while (flush() && receive()) {
        reap();
        std::erase_if(channels_, [](const auto& item) { return item.second->is_over(); });
        if (!flush())
            break;
        serve_channels();
    }
    channels_.clear();
}

} // namespace lxss::interop
