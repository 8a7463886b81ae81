// How guest code runs: what lxcore and hosts ask of an engine, and what an engine calls in lxcore.
// Engines: direct/ (guest code runs as it is, call sites are patched) and translate/ (code cache). A kernel is linked with one.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "host/host.hpp"

namespace engine {

using base::Errno;
using base::Result;

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

// Prepares the engine's shared state. Called once, by boot().
Result<void> initialize();

// A patched copy of one executable segment of a file, known to the engine. Opaque to lxcore.
class Text;
// The copy for the segment that lies at `offset` of the file, `length` bytes; null when there is none (yet).
Text* find_text(u64 offset, u64 length, const TextIdentity& identity);
// The call site `site` bytes into the segment has trapped: remembers it, and makes a better copy when that pays. Returns the best
// copy there is; null when there is none or the segment is not fit for it (not ELF, too large). Reads the file.
Text* learn_site(host::Handle file, u64 offset, u64 length, const TextIdentity& identity, u64 site);
// Where the trampolines of a text mapped at `address` have to be: kTrampolineSlack bytes from here.
u64 trampoline_address(const Text& text, u64 address);
// Maps the copy at `address` and its trampolines at trampoline_address(), which is free or held by slack.
Result<void> map_text(const Text& text, u64 address, u32 protection);
// Bytes that the address-space code keeps free behind each executable image.
inline constexpr u64 kTrampolineSlack = 64 * 1024;
// A guest instruction pointer as the guest may see it in a signal frame (the engine's trampolines are hidden), and
// back. Both return their argument for ordinary addresses.
u64 canonical_rip(u64 rip);
u64 executable_rip(u64 rip);
// The guest set its GS base (arch_prctl): from now on this process's calls come in by the slow way only.
void guest_owns_gs(u64 base);

// ---- asked of the engine by the host ----

// Options by name, separated by commas, before the first guest code runs; false when the engine has none of that name. For tests
// and debugging: see each engine's README.
bool configure(std::string_view options);
// Whether guest code runs in place, so that its system calls have to be caught where they are.
bool runs_in_place();
// Whether FS is not the guest's: the guest's FS base is ThreadBlock::guest_fs_base (on NT a slot) and goes with adopt_thread().
bool keeps_fs_base();
// Memory that each process needs for translated code: readable, writable, executable, private, zero, below 2 GiB, at the same address
// in a process and its forks, and kept out of the guest's hands (host::reserved_ranges). 0: none.
u64 code_memory_bytes();
// Called once the memory is there, before the process (or, where it is inherited, the first one) runs guest code.
void use_code_memory(u64 address);
// Whether `rip` is on the way from translated code into the kernel, outside the kernel's text: a kick there has nothing to do.
bool is_way_in(u64 rip);
// What a host gives to guest memory that shall have `protection` (abi::PROT_*): a translating engine never executes it in place.
u32 host_protection(u32 protection);
// The host has changed what [address, address + length) holds, or who may access it. Called with Mm::lock held; may be
// called for ranges that hold no code.
void code_changed(u64 address, u64 length);
// Around the host's copy of the calling process: between the two the engine's private state is consistent. The second is called
// in the parent, and in the child if the engine's data has been copied to it.
void before_fork();
void after_fork();

// ---- called by the engine, implemented by lxcore ----

// The hardware exceptions that guest code can raise, by x86 trap number.
struct Exception {
    u32 trap;     // 0 #DE, 1 #DB, 3 #BP, 4 #OF, 5 #BR, 6 #UD, 13 #GP, 14 #PF, 16 #MF, 17 #AC, 19 #XM
    u64 error;    // page-fault error code
    u64 address;  // CR2
    bool bus_error; // a mapped page that cannot be had (past the end of a file, disk full)
};

// Where a guest address lies in patched text or its trampolines.
struct TextPlace {
    const Text* text;
    u64 text_start; // address of the text's mapping
};

// What an address is as code.
struct CodeRange {
    u64 start, end; // of one mapping with equal properties
    bool may_change; // the guest, or somebody through another mapping, can write it
};

} // namespace engine

extern "C" {
// Whether the current process may execute `address`, and what is around it.
bool lxcore_find_code(u64 address, engine::CodeRange* range);
// Whether the current process can read all of the range, and it changes only with its mappings: it is private and can only be read. (Whether
// a private mapping shows what is written to its file is unspecified, says mmap(2).)
bool lxcore_is_constant(u64 address, u64 length);
// Finds `length` free bytes within `reach` below `near` in the current address space, takes them from the guest until the next exec, and
// maps them by host::map_code(). 0: there is no room, or the host has no such mappings.
u64 lxcore_reserve_code_space(u64 near, u64 length, u64 reach);
// Calls visit(context, block) for every thread block, but the caller's, that runs in the current address space.
void lxcore_visit_other_threads(void (*visit)(void* context, host::ThreadBlock& block), void* context);
// The text or trampolines of the current process at `address`; false when it lies in neither.
bool lxcore_find_text(u64 address, engine::TextPlace* place);
// The call site whose syscall instruction ends at `address` has trapped: tells the engine, and maps its copy of the text, or a
// better one than is mapped, if that is safe now.
void lxcore_improve_text(u64 address);
// Puts the files' own bytes back in all texts of the current process: trampolines cannot be used any more.
void lxcore_abandon_texts();
// Each runs on the kernel stack of the calling thread, and returns to have the frame resumed.
void lxcore_system_call(host::Frame* frame);
void lxcore_exception(host::Frame* frame, const engine::Exception* exception);
void lxcore_interrupt(host::Frame* frame);
// Called whenever ThreadBlock::work is not zero on the way out; returns when nothing is left to do.
void lxcore_return_work(host::Frame* frame);
}
