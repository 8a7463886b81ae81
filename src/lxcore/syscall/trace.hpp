// lxss --trace: what programs ask for, with decoded arguments and results.
#pragma once

#include "host/host.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/sync/lock.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// One traced run: shared by the session's first task and all that descend from it.
class Tracer final : public SharedObject {
public:
    host::Handle output = host::kNoHandle; // owned
    bool summary = false;
    Mutex lock; // of the counters
    struct Counter {
        u64 calls, errors, nanoseconds;
    };
    Counter* counters = nullptr; // kSystemCallCount of them, for the summary
    ~Tracer() override;
    // Prints the table of counts (at the session's end).
    void print_summary();
};

Result<RefPtr<Tracer>> create_tracer(host::Handle output, bool summary);
void trace_enter(host::Frame& frame);
void trace_leave(host::Frame& frame, i64 result);
// "--- SIGCHLD {...} ---", "+++ exited with 0 +++"
void trace_note(Task& task, std::string_view text);

} // namespace lxcore
