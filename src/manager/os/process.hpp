// Child processes, and the start of a kernel.
#pragma once

#include "manager/os/connection.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lxss {

struct ExitStatus {
    bool was_killed = false;  // by the host or another process
    int code = 0;             // exit code, or the number of the signal that killed it
    std::string text() const; // "was killed by signal 9", "ended with status 1"
};

class ChildProcess {
public:
    ChildProcess();
    ~ChildProcess();
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&& other) noexcept;

    // Runs `words[0]`, a file, with the arguments `words`, in a session of its own. Standard streams lead
    // nowhere; the first of `descriptors` is given_descriptor() there.
    bool start(const std::vector<std::string>& words, std::string& error,
               std::span<const HostDescriptor> descriptors = {});

    int64_t id() const { return id_; }
    // For wait_for(): ready when the process has ended.
    HostDescriptor waitable() const;
    // The status, once, when the process has ended. Its number may stand for another process afterwards.
    std::optional<ExitStatus> take_status();
    // Ends it, and what it has started and left in its group, at once.
    void kill() const;

private:
    friend bool start_kernel(const struct KernelStart&, ChildProcess&, Connection&, std::string&);
    friend bool start_interop(const std::string&, const std::string&, ChildProcess&, UniqueFd&, std::string&,
                              std::string&);
    int64_t id_ = -1;
    UniqueFd handle_;
    UniqueFd group_; // NT: the job
};

struct KernelStart {
    std::string program;
    std::vector<std::string> words;       // arguments but for the descriptors' and the program's own name
    std::vector<std::string> environment; // NAME=value: set in the kernel's environment
    std::string folder;                   // of the instance
    UniqueFd lock;                        // held by the kernel and all its processes from then on
    UniqueFd log;
};
// Starts a kernel; `control` becomes the manager's end, non-blocking, of the connection to it. Returns false
// with a message for the user.
bool start_kernel(const KernelStart& start, ChildProcess& process, Connection& control, std::string& error);

// Starts the host's side of interop for an instance, which ends when `life` is closed. `name` becomes what
// the instance mounts (host::connect_local()). False with a message.
bool start_interop(const std::string& program, const std::string& folder, ChildProcess& process,
                   UniqueFd& life, std::string& name, std::string& error);
// Takes away what is left of the name in the instance's folder, once nobody uses it.
void remove_interop_name(const std::string& folder);

// After a kernel's death: ends the processes that it has left, which are known by the lock of `folder` that
// they still hold. Waits a moment for them to be gone. Returns how many there were.
int kill_orphans_of(const std::string& folder);

int64_t own_process_id();

} // namespace lxss
