#include "manager/manager.hpp"

#include "manager/paths.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <spdlog/spdlog.h>

namespace lxss {

using namespace std::chrono_literals;

// Whoever started the manager is about to connect.
static constexpr std::chrono::milliseconds kFirstClientWait = 2s;

Manager::Manager(ManagerOptions options, RuntimeFolder& runtime)
    : options_(std::move(options)), runtime_(runtime), registry_(options_.data_folder + "/registry.json") {
    load_configuration();
    listener_ = runtime_.listen();
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
            runtime_.remove_listener();
            accept_clients();
            if (clients_.empty())
                break;
            listener_ = runtime_.listen();
        }

        std::vector<WaitItem> items;
        items.push_back({termination_.waitable()});
        items.push_back({accept_pause_ ? kNoDescriptor : listener_.waitable()});
        const std::vector<InstancePointer> instances = instances_;
        for (const InstancePointer& instance : instances) {
            items.push_back({instance->kernel.control(), instance->kernel.wants_to_send()});
            items.push_back({instance->kernel.process()});
        }
        const size_t first_client = items.size();
        const std::vector<ClientPointer> clients = clients_;
        for (const ClientPointer& client : clients)
            items.push_back({client->connection.waitable()});
        for (const auto& helper : helpers_)
            items.push_back({helper->process.waitable()});

        std::string error;
        if (!wait_for(items, poll_timeout(), error)) {
            spdlog::error("waiting for events: {}", error);
            return;
        }
        // Kernels before their deaths, so that a last Exited counts; clients before new ones.
        for (size_t i = 0; i < instances.size(); ++i) {
            if (items[2 + 2 * i].can_send)
                instances[i]->kernel.flush();
            if (items[2 + 2 * i].is_ready)
                instances[i]->kernel.receive();
        }
        for (size_t i = 0; i < clients.size(); ++i)
            if (items[first_client + i].is_ready)
                serve_client(clients[i]);
        if (items[1].is_ready)
            accept_clients();
        if (items[0].is_ready) {
            while (true) {
                const std::string event = termination_.take();
                if (event.empty())
                    break;
                spdlog::info("{}: ending", event);
                begin_shutdown(false);
            }
        }
        reap_children();
        check_deadlines();
    }
    runtime_.remove_listener();
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

void Manager::reap_children() {
    for (const InstancePointer& instance : std::vector(instances_)) {
        const std::optional<ExitStatus> status = instance->kernel.take_status();
        if (!status)
            continue;
        instance->kernel.receive();
        instance->kernel.kill_orphans();
        instance_died(instance, *status);
    }
    for (size_t i = 0; i < helpers_.size();) {
        const std::optional<ExitStatus> status = helpers_[i]->process.take_status();
        if (!status) {
            ++i;
            continue;
        }
        const std::unique_ptr<Helper> helper = std::move(helpers_[i]);
        helpers_.erase(helpers_.begin() + static_cast<std::ptrdiff_t>(i));
        helper->then(*status);
    }
}

void Manager::begin_shutdown(bool force) {
    shutting_down_ = true;
    // From here on a launcher starts a new manager, which waits until this one has ended.
    runtime_.remove_listener();
    listener_.reset();
    for (const InstancePointer& instance : std::vector(instances_))
        stop_instance(instance,
                      instance->purpose == Purpose::Serve && !force ? configuration_.stop_timeout : 0s);
}

void Manager::load_configuration() {
    const std::vector<std::string> known = configuration_.problems;
    configuration_ = read_configuration(options_.configuration_file, options_.data_folder + "/instances");
    for (const std::string& problem : configuration_.problems)
        if (std::find(known.begin(), known.end(), problem) == known.end())
            spdlog::warn("{}", problem);
}

} // namespace lxss
