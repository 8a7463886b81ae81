// What the files of the Linux host share. Static data here is set up by the instance host before the first clone and
// constant afterwards: every pico process inherits a copy.
#pragma once

#include "abi/signal.hpp"
#include "abi/signal_frame.hpp"
#include "base/assert.hpp"
#include "base/format.hpp"
#include "host/host.hpp"
#include "host/linux/syscall.hpp"

namespace host::linux_host {

struct State {
    i32 instance_process = 0;
    i32 log = -1;
    i32 failure_status = 1; // of fail()
    i32 arena = -1; // memfd
    i32 root = -1;
    i32 guest_tools = -1;
    u64 arena_bytes = 0;
    bool has_fsgsbase = false;
    u64 vdso = 0;
    i32 (*vdso_clock_gettime)(i32, abi::timespec*) = nullptr;
    u64 xsave_mask = 0;
    u32 xsave_bytes = 0; // of the standard format for that mask
    AddressRange reserved[16];
    usize reserved_count = 0;
    AddressRange initial_stack{}; // of the instance host: not wanted in pico processes
};
extern State g_state;

// Per process and per thread set-up of what clone does not inherit.
void install_signal_handlers();
void prepare_thread(ThreadBlock& block);
void set_gs_base(u64 base);

inline constexpr i32 kKickSignal = 23; // SIGURG: merged when sent twice, ignored by default

// The block of the thread whose kernel or signal stack this runs on.
inline ThreadBlock* block_of_stack() {
    return reinterpret_cast<ThreadBlock*>(reinterpret_cast<u64>(__builtin_frame_address(0)) &
                                          ~u64{kThreadBlockBytes - 1});
}

} // namespace host::linux_host
