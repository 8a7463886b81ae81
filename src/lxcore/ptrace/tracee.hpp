// A task's side of ptrace(2): what is kept in each Task. See ptrace.hpp for what the rest of the kernel calls.
#pragma once

#include "abi/signal.hpp"
#include "base/list.hpp"
#include "lxcore/memory/arena.hpp"

namespace lxcore {

class Process;
class Task;

// The end of a traced thread, until its tracer has waited for it. Made when tracing begins, so that it cannot fail at the end.
struct EndedTracee : ArenaObject {
    base::ListNode node; // in Process::ended_tracees
    i32 tid = 0;
    i32 wait_status = 0;
    u32 uid = 0;
};

enum class Resume : u8 { Continue, SystemCall, Step, Listen };

// Where a system-call stop stands, for PTRACE_GET_SYSCALL_INFO.
enum class CallStop : u8 { None, Entry, Exit };

// What a tracer wants done in the memory of a stopped tracee, which does it itself: only it has that memory mapped.
enum class MemoryRequest : u32 { None, Read, Write, Done };

// Guarded by tree_lock, except where it says otherwise.
struct Tracee {
    Process* tracer = nullptr;
    EndedTracee* end = nullptr;
    u32 options = 0; // abi::PTRACE_O_*
    bool is_seized = false;
    bool wants_interrupt = false;       // PTRACE_INTERRUPT, or the first stop of a seized child
    bool has_left_group_stop = false;   // resumed by its tracer while the process counts as stopped
    bool exec_is_to_be_reported = false;
    bool has_report = false;            // the stop has not been waited for
    // Waits in stop(); written under tree_lock, read without by the tracee.
    std::atomic<bool> is_stopped{false};
    std::atomic<bool> is_listening{false}; // PTRACE_LISTEN
    u32 stop = 0; // as in a wait status above its low byte: signal, and event << 8
    u64 message = 0;
    bool has_information = false;
    abi::siginfo information{};
    u32 resume_signal = 0;
    Resume resume = Resume::Continue;
    CallStop call_stop = CallStop::None;
    bool stops_at_calls = false; // the tracee's own: set when it is resumed
    bool steps = false;          // the tracee's own: TF in its frame is ours
    Task* carrier = nullptr;     // the vfork child that runs on this task's host thread

    // Pages of the arena: the vector state while it is stopped, and one page for memory requests.
    char* vector_state = nullptr;
    char* transfer = nullptr;
    u64 fs_base = 0;
    bool registers_changed = false; // vector_state or fs_base
    // The memory request. Its kind is set last and says who may touch the rest.
    std::atomic<MemoryRequest> request{MemoryRequest::None};
    u64 request_address = 0;
    u32 request_length = 0, request_done = 0;
    i32 request_by = 0; // the thread that asked
};

} // namespace lxcore
