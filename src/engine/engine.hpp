// How guest code runs: what lxcore asks of an engine, and what an engine calls in lxcore.
// Engines: direct/ (guest code runs as it is, call sites are patched) and, later, translate/ (code cache).
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "host/host.hpp"

namespace engine {

// ---- asked of the engine ----

// Leaves the kernel for guest code with every register of block's frame; the kernel stack is dropped.
[[noreturn]] void return_to_guest(host::ThreadBlock& block);

// Runs guest code as `child` on the calling host thread (vfork), whose own context stays suspended here until
// release_borrowed(child) is called from the child's kernel stack. Returns the value given there.
u64 run_borrowed(host::ThreadBlock& child);
[[noreturn]] void release_borrowed(host::ThreadBlock& child, u64 value);

// Text of a file as the address-space code sees it. Identity decides whether learned call sites still hold.
struct TextIdentity {
    u64 device, inode;
    u64 size;
    i64 modified_seconds;
    u32 modified_nanoseconds;
};

// Maps [address, address + length) of an executable private file mapping with its learned call sites already
// patched. Returns false when the engine has nothing better than a plain mapping (the caller then does that).
// `slack_after` tells the caller how many bytes behind the whole image must stay free for trampolines (see
// trampoline_slack).
bool map_text(u64 address, u64 length, u32 protection, host::Handle file, u64 offset, const TextIdentity& identity);
// Bytes that the address-space code keeps free behind each executable image.
inline constexpr u64 kTrampolineSlack = 64 * 1024;
// The range is about to be unmapped, replaced, moved or made writable. With `restore`, the engine first puts
// the file's own bytes back (the mapping stays; protection as before).
void text_changing(u64 address, u64 length, bool restore);
// A guest instruction pointer as the guest may see it in a signal frame (the engine's trampolines are hidden), and
// back. Both return their argument for ordinary addresses.
u64 canonical_rip(u64 rip);
u64 executable_rip(u64 rip);
// The address space was emptied (exec).
void text_cleared();
// The guest set its GS base (arch_prctl): from now on this process's calls come in by the slow way only.
void guest_owns_gs(u64 base);

// ---- called by the engine, implemented by lxcore ----

// The hardware exceptions that guest code can raise, by x86 trap number.
struct Exception {
    u32 trap;     // 0 #DE, 1 #DB, 3 #BP, 4 #OF, 5 #BR, 6 #UD, 13 #GP, 14 #PF, 16 #MF, 17 #AC, 19 #XM
    u64 error;    // page-fault error code
    u64 address;  // CR2
    bool bus_error; // a mapped page that cannot be had (past the end of a file, disk full)
};

} // namespace engine

extern "C" {
// Each runs on the kernel stack of the calling thread, and returns to have the frame resumed.
void lxcore_system_call(host::Frame* frame);
void lxcore_exception(host::Frame* frame, const engine::Exception* exception);
void lxcore_interrupt(host::Frame* frame);
// Called whenever ThreadBlock::work is not zero on the way out; returns when nothing is left to do.
void lxcore_return_work(host::Frame* frame);
}
