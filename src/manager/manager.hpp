// The session manager: clients, instances and what happens between them. One thread; everything that may take
// long (removing a tree) runs in a helper process.
#pragma once

#include "manager/configuration.hpp"
#include "manager/kernel_process.hpp"
#include "manager/os/events.hpp"
#include "manager/os/runtime_folder.hpp"
#include "manager/packet.hpp"
#include "manager/registry.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace lxss {

struct ManagerOptions {
    std::string data_folder;        // absolute; holds the registry
    std::string configuration_file; // lxss.conf; "" for none
    std::string kernel;             // lxkernel; with "-translate" behind it, the one with that engine
    std::string engine_options;     // for the translating engine, see engine::configure()
    std::string guest_dir;
    std::string catalog; // the shipped one
    // Instead of what lxss.conf says: an instance lives this long after its last client, the manager this
    // long with nothing to do.
    std::optional<std::chrono::milliseconds> grace, idle;
};

class Manager {
public:
    // Throws RegistryError. `runtime` must outlive it.
    Manager(ManagerOptions options, RuntimeFolder& runtime);
    ~Manager();

    // Serves until idle, told to shut down, or the host asks to end.
    void run();

private:
    using Clock = std::chrono::steady_clock;

    struct Client {
        Connection connection;
        bool asked = false;         // its one request has arrived
        bool was_restarted = false; // its session has been given to a second kernel
        std::string instance;       // of its session
        uint32_t session = 0;
        uint32_t engine = 0;        // kClientEngine...: what its instance must have
        std::function<void()> gone; // what its disappearance undoes
    };
    using ClientPointer = std::shared_ptr<Client>;

    enum class Phase { Running, Stopping };
    enum class Purpose { Serve, Import, ImportPortable, Export };

    struct Session {
        ClientPointer client; // null once the client has gone, and for what no client waits for
        // Called with the wait status, or without one when the session could not be run to its end.
        std::function<void(std::optional<int> wait_status, const std::string& problem)> ended;
        // Until its kernel has started it: what a new kernel can start it from, should this one end first.
        struct Request {
            RunCommand command;
            std::vector<UniqueFd> descriptors;
        };
        std::optional<Request> unstarted;
    };

    struct Instance {
        std::string name, folder;
        Purpose purpose = Purpose::Serve;
        bool translates = false; // which engine its kernel has
        Phase phase = Phase::Running;
        // While another kernel, which may be about to end, holds the folder's lock.
        std::optional<Clock::time_point> lock_retry, lock_deadline;
        KernelProcess kernel;
        std::map<uint32_t, Session> sessions;
        uint32_t next_session = 1;
        std::optional<Clock::time_point> start_deadline, grace_deadline, kill_deadline;
        std::vector<std::function<void()>> when_stopped;
        UniqueFd interop; // the host's side of interop lives as long
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
    void request_set_default(const ClientPointer& client, const std::string& name);
    void request_import_in_place(const ClientPointer& client, const std::string& name,
                                 const std::string& folder);
    void request_rename(const ClientPointer& client, const std::string& name, const std::string& new_name);
    void request_move(const ClientPointer& client, const std::string& name, const std::string& folder,
                      std::shared_ptr<UniqueFd> terminal);
    void request_catalog(const ClientPointer& client);
    void request_tool(const ClientPointer& client, ClientPacket packet);
    void request_status(const ClientPointer& client);
    void reply(const ClientPointer& client, ClientMessage message, uint32_t value = 0);
    void fail(const ClientPointer& client, const std::string& text, int exit_code = 255);
    void item(const ClientPointer& client, const std::vector<std::string>& strings);
    // Runs a program of the guest tools for the client, in a running instance, started if need be.
    void run_for_client(const ClientPointer& client, const std::string& name, RunCommand command,
                        std::vector<UniqueFd> descriptors);
    // The installed entry of that name (the default for ""), or nullptr after telling the client why not.
    const RegistryEntry* require_installed(const ClientPointer& client, const std::string& name);
    // The same, of an instance that does not run; nullptr also when `again` will be called, once it has
    // ended.
    const RegistryEntry* require_stopped(const ClientPointer& client, const std::string& name,
                                         std::function<void()> again);
    const RegistryEntry* default_entry() const;
    // False after telling the client that the name or the folder cannot be a new instance's.
    bool check_new_name(const ClientPointer& client, const std::string& name);
    bool check_new_folder(const ClientPointer& client, const std::string& folder);

    // Instances (manager_instances.cpp).
    InstancePointer start_instance(const RegistryEntry& entry, Purpose purpose, bool translates,
                                   std::string& error);
    bool try_start(const InstancePointer& instance, std::string& error);
    std::string start_interop_of(const InstancePointer& instance);
    InstancePointer find_instance(const std::string& name) const;
    void start_session(const InstancePointer& instance, const ClientPointer& client, RunCommand command,
                       std::vector<UniqueFd> descriptors,
                       std::function<void(std::optional<int>, const std::string&)> ended);
    void stop_instance(const InstancePointer& instance, std::chrono::milliseconds grace,
                       std::function<void()> then = {});
    void instance_died(const InstancePointer& instance, const ExitStatus& status);
    void instance_gone(const InstancePointer& instance, const std::string& problem);
    bool restart_session(const Instance& dead, Session& session);
    void session_ended(const InstancePointer& instance, uint32_t session, std::optional<int> wait_status,
                       const std::string& problem);
    void consider_grace(const InstancePointer& instance);
    std::string log_tail(const Instance& instance) const;

    // Work on folders (manager_folders.cpp), which may take long: in a helper process, whose exit status
    // `then` gets: lxssd itself, with `words` and `descriptors` from 3 on. Returns "" or a message.
    std::string start_helper(const std::vector<std::string>& words, std::function<void(int failure)> then,
                             std::span<const HostDescriptor> descriptors = {});
    // Removal of an instance's folder, then of its registry entry. `resumes`: a manager that was killed has
    // begun it.
    void remove_entry(const std::string& name, bool resumes,
                      std::function<void(const std::string& problem)> then);
    void remove_leftover(const std::string& name);
    void finish_move(const std::string& name, bool copied,
                     std::function<void(const std::string& problem)> then);
    void undo_move(const std::string& name);
    void recover();

    void load_configuration();

    void begin_shutdown(bool force);
    void reap_children();
    void check_deadlines();
    int poll_timeout() const;

    ManagerOptions options_;
    Configuration configuration_;
    RuntimeFolder& runtime_;
    Registry registry_;
    Listener listener_;
    TerminationEvents termination_;
    std::vector<ClientPointer> clients_;
    std::vector<InstancePointer> instances_;
    struct Helper {
        ChildProcess process;
        std::function<void(const ExitStatus& status)> then;
    };
    std::vector<std::unique_ptr<Helper>> helpers_;
    bool shutting_down_ = false;
    bool served_ = false; // a client has been here
    std::optional<Clock::time_point> idle_deadline_;
    std::optional<Clock::time_point> accept_pause_; // no descriptors left: clients wait
};

} // namespace lxss
