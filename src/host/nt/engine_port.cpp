#include "host/nt/engine_port.hpp"

#include "engine/translate/host_hooks.hpp"
#include "host/nt/internal.hpp"
#include "host/nt/memory.hpp"

namespace host::nt {

namespace {

// Between the low window, which is the guest's, and what Wine and Windows keep at the top of the lowest 2 GiB.
constexpr u64 kCodeMemory = 0x5000'0000;
static_assert(kCodeMemory >= kLowWindowEnd);

} // namespace

bool runs_guest_code(u64 rip) { return engine::translate::holds(rip); }

void prepare_engine() {
    // An exception's CONTEXT is written below rsp: the bias keeps the red zone out of it.
    engine::translate::set_options({.rewrite_fs = true, .stack_bias = 128});
    void* base = reinterpret_cast<void*>(kCodeMemory);
    SIZE_T size = engine::code_memory_bytes();
    if (NtAllocateVirtualMemory(this_process(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE) < 0)
        LXSS_PANIC("no executable memory below 2 GiB for translated code");
    engine::use_code_memory(kCodeMemory);
}

} // namespace host::nt

namespace engine {

void return_to_guest(host::ThreadBlock& block) { lx_return_to_guest(block.frame); }

} // namespace engine
