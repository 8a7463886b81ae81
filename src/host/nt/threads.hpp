// Host threads of a pico process, and what each keeps beside its ThreadBlock.
#pragma once

#include "host/nt/internal.hpp"

extern "C" {
// guarded.S
void lx_run_on_stack(u64 stack, void (*function)(void*), void* argument, u64* saved);
[[noreturn]] void lx_leave_stack(u64 saved);
}

namespace host::nt {

// The guest's vector registers while its thread is in the kernel and Windows has been called: in the part of the block that the
// Linux host keeps for signal stacks.
struct alignas(64) VectorArea {
    u32 is_saved; // the registers' values are in `state`, not in the processor
    alignas(64) u8 state[kHostSignalStackBytes - 64];
};
static_assert(sizeof(VectorArea) == kHostSignalStackBytes);
inline VectorArea& vectors_of(ThreadBlock& block) {
    return *reinterpret_cast<VectorArea*>(reinterpret_cast<u64>(&block) + kTaskBytes);
}
// Gives `block` the current thread's vector registers to start with.
void copy_vectors_to(ThreadBlock& block);

// Takes a free slot for the thread `id`, which may not run yet. ENOMEM-like failure: ~0.
u32 take_slot(u32 thread_id, u32 process);
void release_slot(u32 slot);
// The event of a slot, as a handle of the calling process.
HANDLE event_of(u32 slot);
// As wait() without a deadline; false when `process` has died.
bool wait_or_death(u32* word, u32 expected, HANDLE process);
// Makes a thread that is in no wait leave guest code, if it is there.
void kick_running(u32 slot);
// Makes `slot` that of the calling thread.
void use_slot(u32 slot);
// Gives a thread of the instance host that has no block a slot. Ends the instance when there is none; `what` says whose.
void take_own_slot(std::string_view what);

// Makes the calling thread that of `block`, whose frame field is set, without changing stacks.
void use_block(ThreadBlock& block);
// Runs function(block) on the kernel stack of `block` as its thread. Returns when leave_block() is called there; by then nothing of
// the thread's uses the block.
void run_in_block(ThreadBlock& block, void (*function)(void*));
// Enters guest code as the block's frame says.
[[noreturn]] void start_guest(ThreadBlock& block);

// Stops all other threads of this process that have a block, for a moment in which the address space is consistent, and lets
// them go on. Under the process's kick lock. False, with none stopped, when there are too many.
bool suspend_other_threads();
void resume_other_threads();

// The thread that interrupts threads of this process on behalf of others, and ends the process when the instance host has died; a
// pico process starts it first.
bool start_kicker();
// By the instance host, for a process that has died: what its threads had begun is finished.
void sweep_slots_of(u32 process);

} // namespace host::nt
