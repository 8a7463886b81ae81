// The head of each thread's kernel block: what assembly and host signal handlers must reach at fixed offsets.
//
// One block is kThreadBlockBytes of arena memory, aligned to its own size:
//   [ThreadBlock, then the Task that derives from it][signal stack of the host][kernel stack, frame at its top]
// so that the block is found from any kernel or signal stack pointer by masking.
#pragma once

#include <atomic>

#include "base/types.hpp"

namespace host {

inline constexpr usize kThreadBlockBytes = 64 * 1024;
inline constexpr usize kTaskBytes = 8 * 1024;            // room for the Task at the block's start
inline constexpr usize kHostSignalStackBytes = 20 * 1024; // holds a host signal frame with AVX-512 state
inline constexpr usize kKernelStackOffset = kTaskBytes + kHostSignalStackBytes;

// The guest's registers while its thread is in the kernel, at the very top of the kernel stack.
// The tail from rip on is what iretq takes.
struct Frame {
    u64 r15, r14, r13, r12, rbp, rbx;             // callee-saved: restored only by the full return path
    u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi; // rax: the result
    u64 original_rax;                              // system call number, or ~0 when not in a system call
    u64 rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(Frame) == 21 * 8);
// Where the frame lies in a block: 16-byte aligned, as calls from the entry code need.
inline constexpr usize kFrameOffset = (kThreadBlockBytes - sizeof(Frame)) & ~usize{15};

inline constexpr u64 kGuestCodeSelector = 0x33;
inline constexpr u64 kGuestStackSelector = 0x2b;

// Bits of ThreadBlock::work: reasons not to return to guest code by the short way.
enum Work : u32 {
    kWorkSignal = 1,      // a signal may be deliverable
    kWorkStop = 2,        // the thread group is stopped or ends
    kWorkTrace = 4,       // system calls of this task are traced
    kWorkFullReturn = 8,  // the frame was changed: restore every register
    kWorkRestart = 16,    // see signal delivery
    kWorkRetire = 32,     // the thread must give up its block (vfork child handed over, exit)
    kWorkWake = 64,       // a wake-up for a thread in a host poll: ends that call, means nothing elsewhere
};

struct ThreadBlock {
    ThreadBlock* self;             // 0x00: read by current()
    u64 frame;                     // 0x08: address of the Frame
    u64 guest_rsp;                 // 0x10: scratch of the entry code
    std::atomic<u32> work;         // 0x18
    std::atomic<u32> in_translation; // 0x1c: translating engine: the thread may be in translated code
    u64 entry;                     // 0x20: where trampolines jump
    u64 guest_gs_base;             // 0x28
    u64 canary;                    // 0x30: at the end of the Task area, against stack overflow
    std::atomic<u32> host_alive;   // 0x38: cleared and woken by the host when the thread has left the block
    i32 host_process;              // 0x3c
    i32 host_thread;               // 0x40
    std::atomic<u32> in_guest_hint;// 0x44: statistics only
    u64 fault_address;             // 0x48: of the last exception in guest code
    u64 fault_error;               // 0x50
    u32 fault_trap;                // 0x58
    u32 uses_guest_gs;             // 0x5c: the guest owns GS: entry by the slow way only
    u64 host_private;              // 0x60
    u64 fork_fs_base;              // 0x68: FS base with which a new thread starts
    u64 guest_fs_base;             // 0x70: where FS is not the guest's own: engine/translate/slots.hpp
    u64 engine_slots[8];           // 0x78: translating engine: see there
    u64 host_file_calls;           // 0xb8: how often this thread has asked the host about files; the host counts

    Frame& guest_frame() { return *reinterpret_cast<Frame*>(frame); }
};
static_assert(sizeof(ThreadBlock) <= 0xc0);

// The running thread's block.
inline ThreadBlock* current_block() {
    ThreadBlock* block;
#if defined(_WIN32)
    asm("movq %%gs:0x1480, %0" : "=r"(block)); // the first TLS slot, kept for lxcore
#else
    asm("movq %%gs:0, %0" : "=r"(block));
#endif
    return block;
}

} // namespace host
