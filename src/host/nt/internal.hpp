// What the files of the NT host share. Three kinds of state:
//  - Shared: the host section, one for all processes of the instance, at one address. No pointer, handle or id in it is valid
//    in one process only, but where it says whose it is.
//  - g_process: of the calling process, set up again in each (nothing is inherited but what Shared tells).
//  - ThreadBlock and ThreadSlot: of one thread.
#pragma once

#include <atomic>

#include "base/assert.hpp"
#include "base/format.hpp"
#include "base/layout.hpp"
#include "host/host.hpp"
#include "host/nt/errors.hpp"
#include "host/nt/nt.hpp"

namespace host::nt {

inline constexpr u64 kGranule = 64 * 1024; // of views and section offsets

// ---- the host section ---------------------------------------------------------------------------------------

inline constexpr u64 kSharedBase = 0x6210'0000'0000; // within the kernel's range (base/layout.hpp)
inline constexpr u64 kSharedBytes = u64{32} << 20;
// The files' part of the host section (handles.cpp); zero at first, like everything in it.
inline constexpr u64 kFilesArea = kSharedBase + (u64{4} << 20);
inline constexpr u64 kFilesAreaBytes = u64{16} << 20;

inline constexpr u32 kMaxThreads = 4096;
inline constexpr u32 kMaxProcesses = 1024;
inline constexpr u32 kInheritedEvents = 48;

// One for each host thread of the instance that may wait.
struct alignas(64) ThreadSlot {
    std::atomic<u32> thread;  // its id; 0: the slot is free
    std::atomic<u32> process; // index in Shared::processes
    // What it waits on: Shared::waiting[slot]. Whoever changes that entry from a word to one with a mark wakes the
    // thread: when `parked` was 1, by its event.
    std::atomic<u32> parked;
    std::atomic<u32> is_interruptible;
    std::atomic<u32> kick;    // its process is asked to interrupt it if it runs guest code
    u64 event;       // its handle in the instance host; kept when the slot changes hands; 0 before
    ThreadBlock* block; // current one
};

// Marks on an entry of Shared::waiting, whose words are 4-byte aligned.
inline constexpr u64 kWoken = 1, kInterrupted = 2, kWaitMarks = 3;
// Stands for a word while a thread waits for host objects in an *_interruptible call.
inline constexpr u64 kPollWait = 8;

enum class ProcessState : u32 { Free, Starting, Ready, Claimed, Running, Dead };
inline constexpr u32 kHeldByClaimer = 1, kHeldByProcess = 2;
enum class Order : u32 { None, Spawn, Fork, Done, Failed };

struct alignas(64) ProcessRecord {
    std::atomic<ProcessState> state;
    std::atomic<u32> order; // an Order; the parent and the new process wait on it
    u32 process_id;         // the host's
    // Id of its first thread, which is what lxcore knows it by (host_process): as on Linux, where the two are one.
    i32 number;
    ThreadBlock* block; // Spawn, Fork: its first thread
    void (*entry)(ThreadBlock&);
    u64 transfer;       // Fork: handle in the parent of the section with the parent's map
    u64 transfer_bytes;
    u32 parent_id;      // Fork: the parent's process_id
    u32 claimed_by;     // index of the process that took it from the pool
    std::atomic<u32> holders; // kHeldBy*: the record is free again when both are gone
    i32 error;          // Failed
    std::atomic<u32> kicks; // changed to make the kicker thread look for threads to interrupt, and at `closes`
    u64 handle;         // of the process, in the instance host
    std::atomic<u64> ended_user_ns, ended_system_ns; // CPU time of threads that have ended
    // Duplicates of handles that its kicker thread is asked to close (handles.cpp), 0 where there is none.
    std::atomic<u64> closes[16];
    std::atomic<u32> closes_done; // changed with each
};

struct Shared {
    u64 magic;
    u64 image_check; // address of a function: pico processes verify that the image lies where it lies here
    u32 instance_process_id;
    u64 arena_bytes;
    // Values of handles that every pico process inherits.
    u64 arena_section, host_section, instance_process, log_file, root_folder, guest_tools_folder;
    u64 inherited_events[kInheritedEvents]; // of the first slots
    std::atomic<u32> pool_wanted;           // changed to make the pool thread look
    std::atomic<u32> pool_ready;            // changed when a process of the pool is ready, or cannot be had
    std::atomic<u32> pool_failures;
    std::atomic<u32> slots_in_use;          // no slot above it was ever used
    std::atomic<u32> waiters[256];          // by hash of the word: how many wait
    std::atomic<u64> waiting[kMaxThreads];
    ThreadSlot slots[kMaxThreads];
    ProcessRecord processes[kMaxProcesses];
};
static_assert(sizeof(Shared) <= kFilesArea - kSharedBase);

inline Shared& shared() { return *reinterpret_cast<Shared*>(kSharedBase); }

// A short lock in the host section: it spins, and is taken from an owner whose process has died (what it guards must be fit for
// use after every single store). Not recursive.
class SharedLock {
public:
    void lock();
    void unlock() { m_owner.store(0, std::memory_order_release); }

private:
    std::atomic<u32> m_owner; // slot + 1
};

class SharedGuard {
public:
    explicit SharedGuard(SharedLock& lock) : m_lock(lock) { lock.lock(); }
    LXSS_NO_COPY(SharedGuard);
    ~SharedGuard() { m_lock.unlock(); }

private:
    SharedLock& m_lock;
};

// ---- the calling process and thread --------------------------------------------------------------------------

struct Process {
    u32 index = 0;              // in Shared::processes; 0 is the instance host
    HANDLE instance = nullptr;  // the instance host, for DuplicateHandle in both directions
    HANDLE log = nullptr;
    u64 xsave_mask = 0;
    u32 xsave_bytes = 0;        // of the standard format for that mask
    u64 performance_frequency = 0;
    u32 failure_status = 1;     // of fail()
};
extern Process g_process;

inline bool is_instance_host() { return g_process.index == 0; }
inline ProcessRecord& this_record() { return shared().processes[g_process.index]; }

// TLS slots in the TEB. The first are the engine's (engine/translate/slots.hpp), block and frame among them.
template <u32 Index>
u64 tls_slot() {
    u64 value;
    asm volatile("movq %%gs:%c1, %0" : "=r"(value) : "i"(0x1480 + 8 * Index));
    return value;
}
template <u32 Index>
void set_tls_slot(u64 value) {
    asm volatile("movq %0, %%gs:%c1" : : "r"(value), "i"(0x1480 + 8 * Index) : "memory");
}
inline constexpr u32 kTlsThreadSlot = 13; // index + 1 of the thread's ThreadSlot
inline constexpr u32 kTlsLeave = 14;      // where exit_thread() leaves the kernel stack to
inline constexpr u32 kTlsCount = 15;

inline u32 current_slot() { return static_cast<u32>(tls_slot<kTlsThreadSlot>()) - 1; }

// Every host function that may call Windows while a guest thread is in the kernel calls this first: Windows changes vector
// registers, which are the guest's. Saves them once per stay in the kernel; the way back to guest code restores them.
void preserve_vectors();

// ---- interruptible waits for host objects (poll sets, sockets, console) -----------------------------------------
//   if (!begin_poll()) return Errno::EINTR;
//   DWORD which = WaitForMultipleObjects(..., thread_event(), ...);
//   if (end_poll(which was the event)) return Errno::EINTR;

// False when the thread has work pending.
bool begin_poll();
HANDLE thread_event();
// `consumed`: the wait ended by the event. Returns whether the thread was interrupted.
bool end_poll(bool consumed);

// The NT handle of a file in the calling process, or null (handles.cpp). Stays open as long as `handle` is.
HANDLE native_handle(Handle handle);

// ---- other processes -------------------------------------------------------------------------------------------

// A handle of a pico process by its number (ProcessRecord::number), or null. To be closed.
HANDLE open_process(i32 number, DWORD access);

// ---- first steps (start.cpp) -------------------------------------------------------------------------------------

void complain(std::string_view text);
// Ends the instance host with a message for the user and the log, and Process::failure_status.
[[noreturn]] void fail(std::string_view what, std::string_view why, u32 code = 0);

} // namespace host::nt
