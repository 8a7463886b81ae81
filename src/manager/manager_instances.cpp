// Life of instances and sessions.
#include "manager/instance_folder.hpp"
#include "manager/instance_name.hpp"
#include "manager/manager.hpp"
#include "manager/os/files.hpp"
#include "manager/os/self.hpp"
#include "manager/paths.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <spdlog/spdlog.h>

namespace lxss {

using namespace std::chrono_literals;

// A kernel whose manager has died takes a while to end its instance in order.
static constexpr std::chrono::milliseconds kLockPatience = 10s;

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
    events.started = [weak](uint32_t session) {
        if (auto self = weak.lock())
            if (auto found = self->sessions.find(session); found != self->sessions.end())
                found->second.unstarted.reset();
    };
    events.exited = [this, weak](uint32_t session, int wait_status) {
        if (auto self = weak.lock())
            session_ended(self, session, wait_status, "");
    };
    events.failed = [this, weak](uint32_t session, int error_number, const std::string& text) {
        if (auto self = weak.lock())
            session_ended(self, session, std::nullopt, text.empty() ? std::strerror(error_number) : text);
    };
    instance->kernel.expect(std::move(events));
    load_configuration();
    instance->lock_deadline = Clock::now() + kLockPatience;
    if (!try_start(instance, error))
        return nullptr;
    instances_.push_back(instance);
    return instance;
}

// Programs of the host are started by a process of its own, which the instance reaches by the name that is
// returned: on Linux a socket in its folder. "" when it cannot be started.
std::string Manager::start_interop_of(const InstancePointer& instance) {
    auto host_side = std::make_unique<Helper>();
    std::string name, error;
    if (!start_interop(helper_program("lxss-interop"), instance->folder, host_side->process,
                       instance->interop, name, error)) {
        spdlog::error("instance {}: no interop: {}", instance->name, error);
        return "";
    }
    // Its socket is removed when nobody holds it any more: a removed one that is held keeps the disk busy. By
    // then another kernel may have made a new one.
    host_side->then = [this, folder = instance->folder](const ExitStatus&) {
        const bool is_used = std::any_of(instances_.begin(), instances_.end(),
                                         [&](const auto& other) { return other->folder == folder; });
        if (!is_used)
            remove_interop_name(folder);
    };
    helpers_.push_back(std::move(host_side));
    return name;
}

// True while there is hope: it has started, or will be tried again.
bool Manager::try_start(const InstancePointer& instance, std::string& error) {
    instance->lock_retry.reset();
    error = missing_folder_problem(instance->name, instance->folder);
    if (!error.empty())
        return false;
    bool held = false;
    UniqueFd lock = lock_instance_folder(instance->folder, held, error);
    if (!lock) {
        const Clock::time_point now = Clock::now();
        if (held && now < *instance->lock_deadline)
            instance->lock_retry = now + 10ms;
        return instance->lock_retry.has_value();
    }
    KernelOptions options;
    options.program = options_.kernel + (instance->translates ? kTranslatingKernelSuffix : "");
    options.guest_dir = options_.guest_dir;
    options.name = instance->name;
    options.folder = instance->folder;
    options.engine_options = instance->translates ? options_.engine_options : "";
    options.no_init = instance->purpose != Purpose::Serve;
    options.portable = instance->purpose == Purpose::ImportPortable;
    for (const auto& [name, folder] : configuration_.drives)
        options.drives += name + "=" + folder + "\n";
    if (instance->purpose == Purpose::Serve && configuration_.of_instance(instance->name).interop)
        options.interop = start_interop_of(instance);
    if (!instance->kernel.start(options, std::move(lock), error))
        return false;
    instance->start_deadline = Clock::now() + 60s;
    return true;
}

void Manager::start_session(const InstancePointer& instance, const ClientPointer& client, RunCommand command,
                            std::vector<UniqueFd> descriptors,
                            std::function<void(std::optional<int>, const std::string&)> ended) {
    const uint32_t session = instance->next_session++;
    instance->grace_deadline.reset();
    client->instance = instance->name;
    client->session = session;
    // An instance that is ending by itself takes requests until its end is seen; these go to the next kernel.
    std::vector<UniqueFd> copies;
    for (const UniqueFd& descriptor : descriptors)
        copies.push_back(duplicate_descriptor(descriptor.get()));
    Session& entry = instance->sessions[session];
    entry.client = client;
    entry.ended = std::move(ended);
    if (instance->purpose == Purpose::Serve && !client->was_restarted &&
        std::all_of(copies.begin(), copies.end(), [](const UniqueFd& copy) { return bool(copy); }))
        entry.unstarted = Session::Request{command, std::move(copies)};
    if (!instance->kernel.run(session, command, std::move(descriptors)))
        session_ended(instance, session, std::nullopt, "the command and its environment are too long");
}

// Gives a session that its kernel has ended without starting to a new kernel. Once for each: a kernel that
// ends whatever it is asked to run would take for ever.
bool Manager::restart_session(const Instance& dead, Session& session) {
    const RegistryEntry* entry = registry_.find(dead.name);
    if (!entry || entry->state != RegistryState::Installed)
        return false;
    InstancePointer instance = find_instance(dead.name);
    std::string error;
    if (!instance)
        instance = start_instance(*entry, Purpose::Serve, dead.translates, error);
    if (!instance || instance->phase != Phase::Running)
        return false;
    spdlog::info("instance {}: a command that came as it ended is run anew", dead.name);
    session.client->was_restarted = true;
    Session::Request request = std::move(*session.unstarted);
    start_session(instance, session.client, std::move(request.command), std::move(request.descriptors),
                  std::move(session.ended));
    return true;
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
    const auto grace = options_.grace.value_or(configuration_.idle_timeout_of(instance->name));
    if (!used && grace.count() >= 0)
        instance->grace_deadline = Clock::now() + grace;
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
    if (!instance->kernel.started())
        return instance_gone(instance, "the instance '" + instance->name + "' was terminated");
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

void Manager::instance_died(const InstancePointer& instance, const ExitStatus& status) {
    const std::string how = status.text();
    spdlog::info("instance {}: its kernel {}", instance->name, how);
    std::string problem;
    if (instance->phase == Phase::Stopping)
        problem = "the instance '" + instance->name + "' was terminated";
    else if (!instance->kernel.ready())
        problem =
            "the instance '" + instance->name + "' could not start: its kernel " + how + log_tail(*instance);
    else
        problem = "the instance '" + instance->name + "' has ended: its kernel " + how + log_tail(*instance);
    instance_gone(instance, problem);
}

void Manager::instance_gone(const InstancePointer& instance, const std::string& problem) {
    std::erase(instances_, instance);
    instance->interop.reset();
    auto sessions = std::move(instance->sessions);
    instance->sessions.clear();
    const bool ended_by_itself = instance->phase == Phase::Running && instance->kernel.ready();
    for (auto& [number, session] : sessions)
        if (!ended_by_itself || !session.unstarted || !session.client || !restart_session(*instance, session))
            session.ended(std::nullopt, problem);
    for (auto& then : instance->when_stopped)
        then();
}

} // namespace lxss
