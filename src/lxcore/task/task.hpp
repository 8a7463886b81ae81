// Task: one guest thread. Process: a thread group. See clone(2), and the README of this folder.
#pragma once

#include "abi/resource.hpp"
#include "abi/sched.hpp"
#include "base/list.hpp"
#include "host/host.hpp"
#include "lxcore/fs/path.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/ptrace/tracee.hpp"
#include "lxcore/signal/signal_state.hpp"
#include "lxcore/sync/lock.hpp"
#include "lxcore/sync/wait_queue.hpp"
#include "lxcore/task/credentials.hpp"

namespace lxcore {

class File;
class FdTable;
class Inode;
class Mm;
class Process;
class ProcessGroup;
class Session;
class Tty;
class Tracer; // syscall/trace.hpp
struct ExecImage; // task/exec.hpp
struct PosixTimers; // time/

// Root, working directory and umask, shared by tasks created with CLONE_FS.
class FsContext final : public SharedObject {
public:
    Mutex lock;
    Path root, cwd;
    u32 umask = 022;
};

enum class SleepResult : u8 { Woken, TimedOut, Interrupted };

// Counted references to many files, held for the length of one call (poll). It lies on the task's kernel stack or in
// the arena; the reaper drops what a dead task's blocks hold.
struct HeldFileBlock {
    HeldFileBlock* next = nullptr;
    File** files = nullptr; // entries may be null
    usize count = 0;
};

// Puts off the host's part of unpark() until the locks that the caller holds are free: on a host that switches to a
// woken thread at once, that thread would run into them. While one exists, those made below it do nothing.
class DeferredWakes {
public:
    DeferredWakes();
    LXSS_NO_COPY(DeferredWakes);
    ~DeferredWakes();

private:
    friend class Task;
    bool add(Task& task, u32 state_before);
    static constexpr usize kCapacity = 8; // more are woken at once
    struct Entry {
        Task* task;
        u32 state_before;
    };
    Entry m_entries[kCapacity];
    usize m_count = 0;
    bool m_is_outermost;
};

class Task : public host::ThreadBlock {
public:
    i32 tid = 0;
    Process* process = nullptr;
    base::ListNode process_node; // in Process::threads
    base::ListNode hash_node;    // in the pid table

    RefPtr<Credentials> credentials;
    RefPtr<Mm> mm;
    RefPtr<FdTable> files;
    RefPtr<FsContext> fs;
    char name[16] = {}; // comm

    // -- signals; `pending` is guarded by the process's signal lock, `blocked` changes only by the task itself.
    SignalSet blocked = 0;
    SignalSet real_blocked = 0;  // the mask proper while sigtimedwait has opened `blocked`
    SignalSet saved_blocked = 0; // restored after a handler ran (sigsuspend, ppoll)
    bool restore_blocked = false;
    PendingSignals pending;
    abi::stack_t alternate_stack{};
    // The last system call may be restarted (its original number is in the frame).
    u64 restart_deadline = 0;

    // -- sleeping
    std::atomic<u32> park_word{0};
    DeferredWakes* deferred_wakes = nullptr;
    u32 sleeps_without_spin = 0; // see Task::sleep
    bool spin_helps = false;
    Waiter* waiters = nullptr;

    // -- for the reaper
    static constexpr usize kHeldLocks = 16;
    static constexpr usize kHeldFiles = 16;
    Mutex* held_locks[kHeldLocks] = {};
    u32 held_lock_count = 0;
    File* held_files[kHeldFiles] = {};
    u32 held_file_count = 0;
    HeldFileBlock* held_file_blocks = nullptr;

    // -- thread life
    u64 clear_child_tid = 0; // guest address
    u64 robust_list = 0;     // guest address of abi::robust_list_head
    u64 rseq_address = 0;
    bool is_kernel_thread = false;
    void* kernel_argument = nullptr; // of a kernel thread's entry
    i32 death_signal = 0;            // of a dead pico process's task: what killed it, for the cleaner
    bool is_exiting = false;
    i32 exit_signal = 0;
    Task* vfork_parent = nullptr; // the task whose host thread this one borrows
    ExecImage* exec_image = nullptr;
    RefPtr<Tracer> tracer;
    u64 trace_start_ns = 0;
    u64 start_time_ns = 0;
    u64 parent_death_signal = 0;
    u64 timer_slack_ns = 50'000;
    u64 min_faults = 0, maj_faults = 0;
    i32 nice = 0;
    u32 personality = 0;
    u32 oom_score_adjust = 0;
    void* futex_waiter = nullptr;
    u32 scheduler_policy = abi::SCHED_NORMAL; // recorded only: the host schedules
    u32 realtime_priority = 0;
    bool reset_scheduler_on_fork = false;
    u16 io_priority = 0;
    // The first thread of a new pico process that has not run yet. Until the host has made that process (host_thread is 0)
    // it shares the fate of its creator's.
    bool is_starting = false;
    u64 set_child_tid = 0;           // guest address that a forked child fills in itself
    host::CpuTimes borrowed_times{}; // of the host thread when a vfork child took it over
    bool is_counted_off = false;     // no longer in Process::thread_count
    // Set by the task as its last act, or by the cleaner in its place: it holds nothing and owes nobody anything. Its block is not
    // used again before, as what is in it tells the reaper what a killed task held.
    std::atomic<bool> is_finished{false};
    Tracee tracee;               // ptrace(2)
    base::ListNode tracee_node;  // in Process::tracees of the tracer
    Task* next_retired = nullptr;    // TaskState::retired

    // Sleeps until unpark(), the deadline, or (when interruptible) a deliverable signal or the group's end.
    // Spins briefly first: waking a thread on another core costs 20-50 us in a VM.
    SleepResult sleep(u64 deadline_ns = host::kNoDeadline, bool interruptible = true);
    // As sleep() (always interruptible), and also until one of the host handles is ready; those have `returned` set.
    SleepResult sleep_with_host(host::PollItem* items, usize count, u64 deadline_ns);
    // As sleep(), also until a member of a host poll set is ready: `count` events were then taken from it.
    SleepResult sleep_with_poll_set(host::Handle set, abi::epoll_event* events, usize capacity, u64 deadline_ns,
                                    usize& count);
    void unpark();
    // As unpark(), and makes up for another's unpark() that was broken off between its parts (its process was killed).
    void unpark_anew();
    // Whether it sleeps right now, in one of the two ways above.
    bool is_asleep() const;
    // Whether a blocking call must give up: a deliverable signal, a stop, or the group's end.
    bool is_interrupted() { return (work.load(std::memory_order_acquire) & (host::kWorkSignal | host::kWorkStop)) != 0; }
    // Sets work bits and gets the task out of guest code or an interruptible host call.
    void kick(u32 bits);

    host::Frame& frame_of() { return guest_frame(); }

private:
    friend class DeferredWakes;
    void finish_unpark(u32 state_before);
};
static_assert(sizeof(Task) <= host::kTaskBytes - sizeof(Task*));

inline Task& current() { return *static_cast<Task*>(host::current_block()); }

enum class ProcessState : u8 { Running, Stopped, Zombie, Dead };

// One entry per thing wait4 can report beside an exit.
enum : u32 { kReportStop = 1, kReportContinue = 2 };

class Process final : public SharedObject {
public:
    i32 pid = 0;
    Process* parent = nullptr;      // guarded by TaskState::tree_lock, as are the lists and group membership
    std::atomic<i32> parent_pid{0}; // for getppid() without the lock
    base::ListNode sibling_node;    // in parent's children
    base::List<Process, &Process::sibling_node> children;
    // Changed under tree_lock and signal_lock: either is enough to walk it. An ended leader stays until the
    // process is reaped.
    base::List<Task, &Task::process_node> threads;
    u32 thread_count = 0; // of threads that have not ended
    // What it traces, guarded by tree_lock.
    base::List<Task, &Task::tracee_node> tracees;
    base::List<EndedTracee, &EndedTracee::node> ended_tracees;
    ProcessGroup* group = nullptr;
    base::ListNode group_node;
    Session* session = nullptr;

    // -- signals
    Mutex signal_lock; // pending sets and queues of the process and its threads, stop state
    PendingSignals pending;
    RefPtr<SignalHandlers> handlers;

    // -- end of life, stop and continue
    ProcessState state = ProcessState::Running;
    bool group_exiting = false; // exit_group, a fatal signal, or exec from a thread
    Task* exec_survivor = nullptr; // with group_exiting by exec: the thread that stays
    i32 exit_status = 0;        // as wait4 reports it
    u32 report = 0;             // kReport*
    i32 stop_signal = 0;
    u32 continues = 0; // SIGCONT and SIGKILL sent so far: a stop that was decided on before must not happen
    i32 exit_signal = abi::SIGCHLD;
    bool is_reparented = false;
    bool is_child_subreaper = false;
    bool has_execed = false;
    bool is_dumpable = true;
    bool no_new_privileges = false;
    WaitQueue child_wait; // parents wait here for their children; also pidfd pollers of this process
    WaitQueue exit_wait;
    Task* leader = nullptr;

    // -- what /proc and wait4 tell
    RefPtr<File> executable;    // guarded by info_lock
    Mutex info_lock;
    abi::rlimit64 limits[abi::RLIM_NLIMITS]{};
    u64 start_time_ns = 0;
    u64 user_ns = 0, system_ns = 0;                   // of threads that have ended
    u64 children_user_ns = 0, children_system_ns = 0; // of children waited for
    i32 host_process = 0;
    bool borrows_host = false;   // a vfork child that runs in its parent's pico process
    bool exit_completed = false; // the guest's exit has run to its end (else the reaper does it)

    // -- timers
    PosixTimers* timers = nullptr;
    u64 session_id = 0; // of the manager's session (instance protocol), for its first process; else 0
    struct EndedSession* session_record = nullptr; // allocated with session_id, so that reporting cannot fail
    u32 login_uid = ~0u; // audit: the user that a login was for; inherited
    u64 max_resident_bytes = 0, children_max_resident_bytes = 0;
    u64 min_faults = 0, maj_faults = 0;                   // of threads that have ended
    u64 children_min_faults = 0, children_maj_faults = 0; // of children waited for
    Tty* controlling_tty() const;
};

class ProcessGroup final : public SharedObject {
public:
    i32 pgid = 0;
    Session* session = nullptr;
    base::List<Process, &Process::group_node> members;
    base::ListNode hash_node;
};

class Session final : public SharedObject {
public:
    i32 sid = 0;
    Process* leader = nullptr;
    RefPtr<SharedObject> tty_holder; // keeps `tty` alive
    Tty* tty = nullptr;              // controlling terminal
    u32 group_count = 0;
};

// A file taken from the descriptor table for the length of a call, listed in the task so that the reaper can drop
// it when the process is killed meanwhile.
class HeldFile {
public:
    HeldFile() = default;
    explicit HeldFile(RefPtr<File> file);
    HeldFile(HeldFile&& other) noexcept
        : m_file(std::exchange(other.m_file, nullptr)), m_counted(std::exchange(other.m_counted, false)) {}
    HeldFile& operator=(HeldFile&& other) noexcept;
    ~HeldFile() {
        if (m_counted)
            drop();
    }
    File* get() const { return m_file; }
    File* operator->() const { return m_file; }
    File& operator*() const { return *m_file; }
    explicit operator bool() const { return m_file != nullptr; }
    // A counted reference, to keep.
    RefPtr<File> ref() const;
    // Without a reference: for a table that only the current task uses, and that cannot change before the call ends.
    static HeldFile borrow(File* file) {
        HeldFile held;
        held.m_file = file;
        return held;
    }

private:
    void drop();
    File* m_file = nullptr;
    bool m_counted = false; // holds a reference and is listed in the task
};

} // namespace lxcore
