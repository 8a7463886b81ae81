// The state that all pico processes of an instance share, at the start of the arena. There is no other mutable
// static data in lxcore: each pico process has its own copy of the image's data segment.
#pragma once

#include <atomic>
#include <string_view>

#include "abi/utsname.hpp"
#include "base/layout.hpp"
#include "base/list.hpp"
#include "base/result.hpp"
#include "host/thread_block.hpp"
#include "lxcore/sync/lock.hpp"
#include "lxcore/sync/wait_queue.hpp"

namespace lxcore {

struct ArenaState;     // memory/arena.cpp
struct TaskState;      // task/task_table.hpp: pids, process tree, groups, sessions
struct DentryCache;    // fs/dentry.hpp
struct MountState;     // fs/mount.hpp
struct FutexState;     // task/futex.cpp
struct TimerState;     // time/timer.hpp
struct SocketState;    // net/
struct TtyState;       // tty/
struct DeviceState;    // devfs/
struct DriveState;     // drivefs/
struct IpcState;       // ipc/
struct InotifyState;   // fs/inotify.cpp
struct FileLockState;  // fs/file_locks.cpp
struct MemoryFileState; // tmpfs/: memfd
struct SessionState;   // session/
struct ProcState;      // procfs/settings.cpp
class Mount;
class SuperBlock;

struct KernelState {
    u64 magic;
    u64 image_check; // address of a function of the image: start-up of each pico process verifies it
    ArenaState* arena;
    TaskState* tasks;
    DentryCache* dentries;
    MountState* mounts;
    FutexState* futexes;
    TimerState* timers;
    SocketState* sockets;
    TtyState* ttys;
    DeviceState* devices;
    DriveState* drives;
    IpcState* ipc;
    InotifyState* inotify;
    FileLockState* file_locks;
    MemoryFileState* memory_files;
    void* engine; // the engine's own
    SessionState* sessions;
    ProcState* proc;
    Mount* guest_tools; // a mount that is in no tree
    SuperBlock* root_file_system; // the instance's tree, wherever it is mounted

    u64 boot_monotonic_ns;
    i64 boot_realtime_seconds;
    Mutex utsname_lock;
    abi::new_utsname utsname;
    std::atomic<u32> shutting_down;
    std::atomic<u32> init_ready; // init has mounted what it mounts
    std::atomic<u64> next_unique; // inode numbers of pipes, sockets, anonymous files; mount ids...
    u64 missing_call_logged[8];   // bit per system call: its absence has been logged
};

inline KernelState& kernel() { return *reinterpret_cast<KernelState*>(base::kArenaBase); }
inline u64 next_unique_id() { return kernel().next_unique.fetch_add(1, std::memory_order_relaxed) + 1; }

struct BootOptions {
    u64 arena_bytes;
    std::string_view hostname;
    std::string_view instance_name;
    bool has_host_sockets; // whether UNIX sockets of the host may be mounted (interop)
    bool wants_portable_tree; // if the root tree is new (lxcore/volfs/storage.hpp)
};
// Builds the state of a new instance: arena, task table, file systems, devices. The calling thread becomes a
// kernel thread. Called once, by the instance host, with the arena mapped and zero.
Result<void> boot(const BootOptions& options, host::ThreadBlock& first_thread);

// One line for the instance log, formatted as base::print does.
void log_line(std::string_view text);

} // namespace lxcore
