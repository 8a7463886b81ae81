// One lxkernel process and the control connection to it.
#pragma once

#include "manager/instance_protocol.hpp"
#include "manager/os/process.hpp"
#include "manager/packet.hpp"

#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace lxss {

struct KernelOptions {
    std::string program;   // lxkernel
    std::string guest_dir; // programs for the instance
    std::string name;
    std::string folder;         // of the instance; holds rootfs/, lock and lxss.log
    std::string engine_options; // see engine::configure()
    bool no_init = false;
    bool portable = false; // a new tree is to be a portable one
    std::string drives;    // a line "name=host folder" for each that is to be mounted
    std::string interop;   // the host's side of interop as the instance's init mounts it, or "" for none
};

struct RunCommand {
    std::string program;                // a file in guest_dir
    std::vector<std::string> arguments; // argv, from argv[0] on
    std::vector<std::string> environment;
    uint32_t flags = 0; // kRun...
    uint16_t rows = 0, columns = 0;
};

class KernelProcess {
public:
    // What lxkernel reports; called from receive().
    struct Events {
        std::function<void()> ready;
        std::function<void(uint32_t session)> started;
        std::function<void(uint32_t session, int wait_status)> exited;
        std::function<void(uint32_t session, int error_number, const std::string& text)> failed;
    };

    // Requests may be made from here on; they wait.
    void expect(Events events) { events_ = std::move(events); }

    // Starts lxkernel; it holds the folder's lock from then on. Returns false with a message for the user.
    bool start(const KernelOptions& options, UniqueFd lock, std::string& error);

    bool started() const { return process_.id() >= 0; }
    // For wait_for(): the connection, and the process, which is ready when it has ended.
    HostDescriptor control() const { return control_.waitable(); }
    HostDescriptor process() const { return process_.waitable(); }
    bool ready() const { return ready_; }
    bool wants_to_send() const { return control_ && ready_ && !outbox_.empty(); }

    // Requests wait until lxkernel is ready and has room. False: too long for a packet.
    bool run(uint32_t session, const RunCommand& command, std::vector<UniqueFd> descriptors);
    void window_size(uint32_t session, uint16_t rows, uint16_t columns);
    void signal(uint32_t session, uint32_t number);
    void hangup(uint32_t session); // drops a Run that has not been sent yet
    void shutdown(uint32_t grace_milliseconds);

    // Reads all that has arrived and calls the events. Closes the connection when the peer has.
    void receive();
    void flush();

    // Ends lxkernel, and what it may leave behind in its process group, at once.
    void kill() const { process_.kill(); }
    // The status, once, when lxkernel has ended.
    std::optional<ExitStatus> take_status() { return process_.take_status(); }

    // After lxkernel's death: ends the processes that it has left, which are known by the lock of the folder
    // that they still hold. Waits a moment for them to be gone.
    void kill_orphans() const;

private:
    struct Outgoing {
        protocol::MessageType type;
        uint32_t session;
        std::vector<char> bytes;
        std::vector<UniqueFd> descriptors;
    };
    void queue(protocol::MessageType type, uint32_t session, std::vector<char> payload,
               std::vector<UniqueFd> descriptors = {});
    void handle(const Packet& packet);

    ChildProcess process_;
    Connection control_;
    bool ready_ = false;
    std::deque<Outgoing> outbox_;
    Events events_;
    std::string name_, folder_;
};

} // namespace lxss
