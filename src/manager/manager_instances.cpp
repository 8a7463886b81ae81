// Life of instances and sessions.
#include "manager/instance_folder.hpp"
#include "manager/instance_name.hpp"
#include "manager/manager.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <spdlog/spdlog.h>
#include <sys/wait.h>

namespace lxss {

using namespace std::chrono_literals;

Manager::InstancePointer Manager::find_instance(const std::string& name) const {
    for (const InstancePointer& instance : instances_)
        if (same_instance_name(instance->name, name))
            return instance;
    return nullptr;
}

Manager::InstancePointer Manager::start_instance(const RegistryEntry& entry, Purpose purpose, bool translates,
                                                 std::string& error) {
    auto instance = std::make_shared<Instance>();
    instance->name = entry.name;
    instance->folder = entry.folder;
    instance->purpose = purpose;
    instance->translates = translates;
    std::weak_ptr<Instance> weak = instance;
    KernelProcess::Events events;
    events.ready = [weak] {
        if (auto self = weak.lock())
            self->start_deadline.reset();
    };
    events.exited = [this, weak](uint32_t session, int wait_status) {
        if (auto self = weak.lock())
            session_ended(self, session, wait_status, "");
    };
    events.failed = [this, weak](uint32_t session, int error_number, const std::string& text) {
        if (auto self = weak.lock())
            session_ended(self, session, std::nullopt, text.empty() ? std::strerror(error_number) : text);
    };
    const KernelOptions options{translates ? options_.kernel + "-translate" : options_.kernel,
                                options_.guest_dir,
                                entry.name,
                                entry.folder,
                                translates ? options_.engine_options : "",
                                purpose != Purpose::Serve};
    if (!instance->kernel.start(options, std::move(events), error))
        return nullptr;
    instance->start_deadline = Clock::now() + 60s;
    instances_.push_back(instance);
    return instance;
}

void Manager::start_session(const InstancePointer& instance, const ClientPointer& client, RunCommand command,
                            std::vector<UniqueFd> descriptors,
                            std::function<void(std::optional<int>, const std::string&)> ended) {
    const uint32_t session = instance->next_session++;
    instance->grace_deadline.reset();
    client->instance = instance->name;
    client->session = session;
    instance->sessions[session] = {client, std::move(ended)};
    if (!instance->kernel.run(session, command, std::move(descriptors)))
        session_ended(instance, session, std::nullopt, "the command and its environment are too long");
}

void Manager::session_ended(const InstancePointer& instance, uint32_t session, std::optional<int> wait_status,
                            const std::string& problem) {
    auto found = instance->sessions.find(session);
    if (found == instance->sessions.end())
        return;
    Session ended = std::move(found->second);
    instance->sessions.erase(found);
    ended.ended(wait_status, problem);
    consider_grace(instance);
}

void Manager::consider_grace(const InstancePointer& instance) {
    if (instance->phase != Phase::Running || instance->purpose != Purpose::Serve)
        return;
    const bool used = std::any_of(instance->sessions.begin(), instance->sessions.end(),
                                  [](const auto& item) { return item.second.client != nullptr; });
    if (!used)
        instance->grace_deadline = Clock::now() + options_.grace;
}

void Manager::stop_instance(const InstancePointer& instance, std::chrono::milliseconds grace,
                            std::function<void()> then) {
    if (then)
        instance->when_stopped.push_back(std::move(then));
    if (instance->phase == Phase::Stopping)
        return;
    instance->phase = Phase::Stopping;
    instance->start_deadline.reset();
    instance->grace_deadline.reset();
    if (!instance->kernel.ready()) {
        instance->kernel.kill();
        return;
    }
    instance->kernel.shutdown(static_cast<uint32_t>(grace.count()));
    instance->kill_deadline = Clock::now() + grace + 3s;
}

std::string Manager::log_tail(const Instance& instance) const {
    const std::string path = instance.folder + "/lxss.log";
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        lines.push_back(line);
        if (lines.size() > 5)
            lines.erase(lines.begin());
    }
    if (lines.empty())
        return "; its log " + path + " is empty";
    std::string text = "; the end of its log " + path + ":";
    for (const std::string& line : lines)
        text += "\n    " + line;
    return text;
}

void Manager::instance_died(const InstancePointer& instance, int wait_status) {
    std::erase(instances_, instance);
    const std::string how = WIFSIGNALED(wait_status)
                                ? "was killed by signal " + std::to_string(WTERMSIG(wait_status))
                                : "ended with status " + std::to_string(WEXITSTATUS(wait_status));
    spdlog::info("instance {}: its kernel {}", instance->name, how);
    std::string problem;
    if (instance->phase == Phase::Stopping)
        problem = "the instance '" + instance->name + "' was terminated";
    else if (!instance->kernel.ready())
        problem =
            "the instance '" + instance->name + "' could not start: its kernel " + how + log_tail(*instance);
    else
        problem = "the instance '" + instance->name + "' has ended: its kernel " + how + log_tail(*instance);
    auto sessions = std::move(instance->sessions);
    instance->sessions.clear();
    for (auto& [number, session] : sessions)
        session.ended(std::nullopt, problem);
    for (auto& then : instance->when_stopped)
        then();
}

} // namespace lxss
