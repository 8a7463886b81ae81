#include "manager/manager.hpp"

#include "manager/instance_folder.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

namespace lxss {

using namespace std::chrono_literals;

// Whoever started the manager is about to connect.
static constexpr std::chrono::milliseconds kFirstClientWait = 2s;

Manager::Manager(ManagerOptions options, std::function<UniqueFd()> open_listener,
                 std::function<void()> remove_listener)
    : options_(std::move(options)), open_listener_(std::move(open_listener)),
      remove_listener_(std::move(remove_listener)), registry_(options_.data_folder + "/registry.json") {
    sigset_t set;
    ::sigemptyset(&set);
    for (int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP})
        ::sigaddset(&set, number);
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    load_configuration();
    listener_ = open_listener_();
}

Manager::~Manager() = default;

void Manager::run() {
    recover();
    for (;;) {
        const bool busy = !instances_.empty() || !helpers_.empty() || !clients_.empty();
        if (shutting_down_ && instances_.empty() && helpers_.empty())
            break;
        if (busy)
            idle_deadline_.reset();
        else if (!idle_deadline_) {
            const auto idle = options_.idle.value_or(configuration_.manager_idle_timeout);
            idle_deadline_ = Clock::now() + (served_ ? idle : std::max(idle, kFirstClientWait));
        } else if (Clock::now() >= *idle_deadline_) {
            // Nobody can connect any more once the name is gone; serve those who still came in before.
            remove_listener_();
            accept_clients();
            if (clients_.empty())
                break;
            listener_ = open_listener_();
        }

        std::vector<pollfd> polled;
        polled.push_back({signals_.get(), POLLIN, 0});
        polled.push_back({accept_pause_ ? -1 : listener_.get(), POLLIN, 0});
        const std::vector<InstancePointer> instances = instances_;
        for (const InstancePointer& instance : instances) {
            const short events = instance->kernel.wants_to_send() ? POLLIN | POLLOUT : POLLIN;
            polled.push_back({instance->kernel.control(), events, 0});
        }
        const std::vector<ClientPointer> clients = clients_;
        for (const ClientPointer& client : clients)
            polled.push_back({client->socket.get(), POLLIN, 0});

        if (::poll(polled.data(), polled.size(), poll_timeout()) < 0 && errno != EINTR) {
            spdlog::error("poll: {}", std::strerror(errno));
            return;
        }
        // Kernels before their deaths, so that a last Exited counts; clients before new ones.
        for (size_t i = 0; i < instances.size(); ++i) {
            if (polled[2 + i].revents & POLLOUT)
                instances[i]->kernel.flush();
            if (polled[2 + i].revents & ~POLLOUT)
                instances[i]->kernel.receive();
        }
        for (size_t i = 0; i < clients.size(); ++i)
            if (polled[2 + instances.size() + i].revents)
                serve_client(clients[i]);
        if (polled[1].revents)
            accept_clients();
        if (polled[0].revents)
            handle_signals();
        check_deadlines();
    }
    remove_listener_();
    spdlog::info("nothing left to do, ending");
}

int Manager::poll_timeout() const {
    std::optional<Clock::time_point> first = idle_deadline_;
    auto earlier = [&](const std::optional<Clock::time_point>& other) {
        if (other && (!first || *other < *first))
            first = other;
    };
    earlier(accept_pause_);
    for (const InstancePointer& instance : instances_) {
        earlier(instance->lock_retry);
        earlier(instance->start_deadline);
        earlier(instance->grace_deadline);
        earlier(instance->kill_deadline);
    }
    if (!first)
        return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - Clock::now());
    return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

void Manager::check_deadlines() {
    const Clock::time_point now = Clock::now();
    if (accept_pause_ && now >= *accept_pause_)
        accept_pause_.reset();
    for (const InstancePointer& instance : std::vector(instances_)) {
        std::string problem;
        if (instance->lock_retry && now >= *instance->lock_retry && !try_start(instance, problem))
            instance_gone(instance, problem);
        if (instance->start_deadline && now >= *instance->start_deadline) {
            instance->start_deadline.reset();
            spdlog::error("instance {}: its kernel did not become ready in time", instance->name);
            instance->kernel.kill();
        }
        if (instance->grace_deadline && now >= *instance->grace_deadline) {
            instance->grace_deadline.reset();
            spdlog::info("instance {}: last client gone", instance->name);
            stop_instance(instance, configuration_.stop_timeout);
        }
        if (instance->kill_deadline && now >= *instance->kill_deadline) {
            instance->kill_deadline.reset();
            spdlog::warn("instance {}: its kernel did not end in time, killing it", instance->name);
            instance->kernel.kill();
        }
    }
}

void Manager::handle_signals() {
    signalfd_siginfo information;
    while (::read(signals_.get(), &information, sizeof information) == sizeof information) {
        if (information.ssi_signo != SIGCHLD) {
            spdlog::info("signal {}: ending", information.ssi_signo);
            begin_shutdown(false);
        }
    }
    reap_children();
}

void Manager::reap_children() {
    for (;;) {
        siginfo_t information{};
        if (::waitid(P_ALL, 0, &information, WEXITED | WNOHANG | WNOWAIT) != 0 || information.si_pid == 0)
            return;
        const pid_t pid = information.si_pid;
        auto owner = std::find_if(instances_.begin(), instances_.end(), [&](const InstancePointer& instance) {
            return instance->kernel.pid() == pid;
        });
        // Before the number is free for others: what the kernel left in its process group goes with it.
        if (owner != instances_.end())
            (*owner)->kernel.kill();
        int wait_status = 0;
        ::waitpid(pid, &wait_status, 0);
        if (owner != instances_.end()) {
            const InstancePointer instance = *owner;
            instance->kernel.receive();
            instance->kernel.kill_orphans();
            instance_died(instance, wait_status);
        } else if (auto helper = helpers_.find(pid); helper != helpers_.end()) {
            auto then = std::move(helper->second);
            helpers_.erase(helper);
            then(wait_status);
        }
    }
}

void Manager::begin_shutdown(bool force) {
    shutting_down_ = true;
    // From here on a launcher starts a new manager, which waits until this one has ended.
    remove_listener_();
    listener_.reset();
    for (const InstancePointer& instance : std::vector(instances_))
        stop_instance(instance, instance->purpose == Purpose::Serve && !force ? configuration_.stop_timeout : 0s);
}

void Manager::load_configuration() {
    const std::vector<std::string> known = configuration_.problems;
    configuration_ = read_configuration(options_.configuration_file, options_.data_folder + "/instances");
    for (const std::string& problem : configuration_.problems)
        if (std::find(known.begin(), known.end(), problem) == known.end())
            spdlog::warn("{}", problem);
}

} // namespace lxss
