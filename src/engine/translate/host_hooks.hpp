// What a host does so that translated code can run on it. The same sources serve the Linux and the NT host.
//
// Threads
//  - GS reaches the slots of slots.hpp. The host sets BLOCK and FRAME before a thread first enters guest code and in
//    adopt_thread(); on NT it owns the first LX_SLOT_COUNT TLS slots.
//  - set_guest_gs_base/guest FS: where FS must not hold a guest value (NT; Linux with options().rewrite_fs), guest_fs_base() and
//    set_guest_fs_base() read and write LX_SLOT_GUEST_FS, and adopt_thread() carries its value over to the new block.
//  - A thread starts by jumping to lx_return_to_guest(frame) on its kernel stack: argument in the C ABI's first register.
//
// Exceptions and interruptions of guest code
//  - For an exception or a kick at an instruction pointer for which holds() is true, the host copies the processor's registers
//    into the thread's Frame as they are (original_rax = ~0), fills in an engine::Exception below the frame, and continues
//    on the kernel stack: rsp = block.frame (minus room for the Exception, 16-byte aligned), DF, TF and AC clear, at
//      lx_enter_exception  first argument = frame, second = exception
//      lx_enter_interrupt  first argument = frame                                     (a kick)
//    The engine then finds out the guest's own registers before it calls lxcore. This may be done from within any host handler, with
//    the thread suspended or not: nothing of the engine's runs there.
//  - Elsewhere the rules of the direct engine hold: a kick between lx_exit_fast_begin/_end or lx_exit_full_begin/_end continues
//    at lx_exit_restart with rsp = block.frame; a kick in other kernel text, or where engine::is_way_in(), is ignored, since work is looked at on the way out.
//  - A single-step trap there has its cause in flags that the guest set: clear TF and go on. One in translated code is an exception.
//  - No other code address ever executes guest instructions: the host gives guest memory host_protection(), without PROT_EXEC.
//
// Stack: host rsp = guest rsp - options().stack_bias whenever the processor is in translated code. Whatever a host writes below rsp
// at an exception must fit into stack_bias bytes less the 128 of the red zone; what does not (NT's CONTEXT) overwrites guest
// memory below the red zone, which no guest may rely on.
//
// Memory: engine::code_memory_bytes() below 2 GiB, see engine.hpp; anywhere there. Linux maps it once, before the first clone, and it is
// inherited. host::map_code() gives more, near the guest's images; where it does not, what they name relative to RIP costs a
// register's way through memory. The rest of the engine's state lies in the image's data, which is private to each process.
// Every function of host.hpp that changes a mapping of guest memory calls engine::code_changed() when it has done so.
//
// Fork: engine::before_fork() and after_fork() around the copy, see engine.hpp. A host whose fork does not copy the image's data
// (NT) has nothing to do in the child: it starts with an empty cache.
#pragma once

#include "base/types.hpp"
#include "engine/engine.hpp"

namespace engine::translate {

struct Options {
    bool rewrite_fs = false; // fs: operands use LX_SLOT_GUEST_FS
    u32 stack_bias = 0;      // multiple of 64, up to 16384
    bool old_processor = false; // translations use nothing that only newer processors have; for tests
};
// Set once, before the first guest code runs in any process of the instance.
void set_options(const Options& options);
const Options& options();

// Whether translated guest code lies at the address. Takes no lock.
bool holds(u64 address);

} // namespace engine::translate

extern "C" {
// entry.S
extern const char lx_exit_fast_begin[], lx_exit_fast_end[], lx_exit_full_begin[], lx_exit_full_end[];
extern const char lx_exit_restart[], lx_enter_exception[], lx_enter_interrupt[];
[[noreturn]] void lx_return_to_guest(u64 frame);
}
