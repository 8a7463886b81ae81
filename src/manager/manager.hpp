// The session manager: clients, instances and what happens between them. One thread; everything that may take
// long (removing a tree) runs in a helper process.
#pragma once

#include "manager/kernel_process.hpp"
#include "manager/packet.hpp"
#include "manager/registry.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace lxss {

struct ManagerOptions {
    std::string data_folder; // absolute; holds the registry
    std::string kernel;      // lxkernel; with "-translate" behind it, the one with that engine
    std::string engine_options; // for the engine
    std::string guest_dir;
    std::chrono::milliseconds grace{15'000}; // an instance lives this long after its last client
    std::chrono::milliseconds idle{3'000};   // the manager lives this long with nothing to do
};

class Manager {
public:
    // `open_listener` makes the listening socket anew (see run()). Throws RegistryError.
    Manager(ManagerOptions options, std::function<UniqueFd()> open_listener,
            std::function<void()> remove_listener);
    ~Manager();

    // Serves until idle, told to shut down, or SIGTERM. SIGCHLD, SIGTERM, SIGINT and SIGHUP must be blocked.
    void run();

private:
    using Clock = std::chrono::steady_clock;

    struct Client {
        UniqueFd socket;
        bool asked = false;   // its one request has arrived
        std::string instance; // of its session
        uint32_t session = 0;
        std::function<void()> gone; // what its disappearance undoes
    };
    using ClientPointer = std::shared_ptr<Client>;

    enum class Phase { Running, Stopping };
    enum class Purpose { Serve, Import, Export };

    struct Session {
        ClientPointer client; // null once the client has gone
        // Called with the wait status, or without one when the session could not be run to its end.
        std::function<void(std::optional<int> wait_status, const std::string& problem)> ended;
    };

    struct Instance {
        std::string name, folder;
        Purpose purpose = Purpose::Serve;
        bool translates = false; // which engine its kernel has
        Phase phase = Phase::Running;
        KernelProcess kernel;
        std::map<uint32_t, Session> sessions;
        uint32_t next_session = 1;
        std::optional<Clock::time_point> start_deadline, grace_deadline, kill_deadline;
        std::vector<std::function<void()>> when_stopped;
        bool failed_to_start = false;
    };
    using InstancePointer = std::shared_ptr<Instance>;

    // Clients (manager_clients.cpp).
    void accept_clients();
    void serve_client(const ClientPointer& client);
    void close_client(const ClientPointer& client);
    void handle_request(const ClientPointer& client, ClientPacket packet);
    void request_run(const ClientPointer& client, ClientPacket packet);
    void request_list(const ClientPointer& client);
    void request_import(const ClientPointer& client, ClientPacket packet);
    void request_export(const ClientPointer& client, ClientPacket packet);
    void request_unregister(const ClientPointer& client, const std::string& name);
    void request_set_user(const ClientPointer& client, const std::string& name, const std::string& user);
    void reply(const ClientPointer& client, ClientMessage message, uint32_t value = 0);
    void fail(const ClientPointer& client, const std::string& text, int exit_code = 1);
    // The installed entry of that name (the default for ""), or nullptr after telling the client why not.
    const RegistryEntry* require_installed(const ClientPointer& client, const std::string& name);

    // Instances (manager_instances.cpp).
    InstancePointer start_instance(const RegistryEntry& entry, Purpose purpose, bool translates, std::string& error);
    InstancePointer find_instance(const std::string& name) const;
    void start_session(const InstancePointer& instance, const ClientPointer& client, RunCommand command,
                       std::vector<UniqueFd> descriptors,
                       std::function<void(std::optional<int>, const std::string&)> ended);
    void stop_instance(const InstancePointer& instance, std::chrono::milliseconds grace,
                       std::function<void()> then = {});
    void instance_died(const InstancePointer& instance, int wait_status);
    void session_ended(const InstancePointer& instance, uint32_t session, std::optional<int> wait_status,
                       const std::string& problem);
    void consider_grace(const InstancePointer& instance);
    std::string log_tail(const Instance& instance) const;

    // Removal of an instance's folder in a helper process, then of its registry entry.
    void remove_entry(const std::string& name, std::function<void(const std::string& problem)> then);
    void recover();

    void begin_shutdown();
    void reap_children();
    void handle_signals();
    void check_deadlines();
    int poll_timeout() const;

    ManagerOptions options_;
    std::function<UniqueFd()> open_listener_;
    std::function<void()> remove_listener_;
    Registry registry_;
    UniqueFd listener_, signals_;
    std::vector<ClientPointer> clients_;
    std::vector<InstancePointer> instances_;
    std::map<pid_t, std::function<void(int wait_status)>> helpers_;
    bool shutting_down_ = false;
    bool served_ = false; // a client has been here
    std::optional<Clock::time_point> idle_deadline_;
    std::optional<Clock::time_point> accept_pause_; // no descriptors left: clients wait
};

} // namespace lxss
