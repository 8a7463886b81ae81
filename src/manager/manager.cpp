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

Manager::Manager(ManagerOptions options, const RuntimeFolder& runtime)
    : options_(std::move(options)), runtime_(runtime), registry_(options_.data_folder + "/registry.json"),
      listener_(runtime.listen()) {}

Manager::~Manager() = default;

void Manager::run() {
    recover();
    for (;;) {
        const bool busy = !instances_.empty() || !helpers_.empty() || !clients_.empty();
        if (shutting_down_ && instances_.empty() && helpers_.empty())
            break;
        if (busy)
            idle_deadline_.reset();
        else if (!idle_deadline_)
            idle_deadline_ =
                Clock::now() + (served_ ? options_.idle : std::max(options_.idle, kFirstClientWait));
        else if (Clock::now() >= *idle_deadline_) {
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
                begin_shutdown();
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
        if (instance->start_deadline && now >= *instance->start_deadline) {
            instance->start_deadline.reset();
            spdlog::error("instance {}: its kernel did not become ready in time", instance->name);
            instance->kernel.kill();
        }
        if (instance->grace_deadline && now >= *instance->grace_deadline) {
            instance->grace_deadline.reset();
            spdlog::info("instance {}: last client gone", instance->name);
            stop_instance(instance, 3s);
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

void Manager::begin_shutdown() {
    shutting_down_ = true;
    // From here on a launcher starts a new manager, which waits until this one has ended.
    runtime_.remove_listener();
    listener_.reset();
    for (const InstancePointer& instance : std::vector(instances_))
        stop_instance(instance, instance->purpose == Purpose::Serve ? 3s : 0s);
}

void Manager::remove_entry(const std::string& name, std::function<void(const std::string&)> then) {
    const RegistryEntry* entry = registry_.find(name);
    if (!entry)
        return then("");
    const std::string folder = entry->folder;
    const bool made_folder = entry->made_folder;
    auto helper = std::make_unique<Helper>();
    std::string error;
    if (!helper->process.start({program_path(), "--remove=" + folder, made_folder ? "--with-folder" : "--contents"},
                               error))
        return then(error);
    helper->then = [this, name, folder, then = std::move(then)](const ExitStatus& status) {
        const int failure = status.was_killed ? EINTR : status.code;
        std::string problem;
        if (failure != 0) {
            problem = "cannot remove " + folder + ": " +
                      (failure == EBUSY ? "another lxss uses it" : std::strerror(failure)) +
                      "; 'lxss --unregister " + name + "' tries again";
        } else {
            try {
                registry_.remove(name);
            } catch (const RegistryError& error) {
                problem = error.what();
            }
        }
        if (!problem.empty())
            spdlog::error("instance {}: {}", name, problem);
        then(problem);
    };
    helpers_.push_back(std::move(helper));
}

// What a manager that was killed in the middle of an import or a removal has left.
void Manager::recover() {
    for (const RegistryEntry& entry : std::vector(registry_.entries())) {
        if (entry.state == RegistryState::Installed)
            continue;
        spdlog::warn("instance {}: an interrupted import or removal is cleaned up", entry.name);
        remove_entry(entry.name, [](const std::string&) {});
    }
}

} // namespace lxss
