#include "host/nt/engine_port.hpp"

#include "engine/translate/host_hooks.hpp"
#include "host/nt/internal.hpp"

namespace host::nt {

bool runs_guest_code(u64 rip) { return engine::translate::holds(rip); }

void prepare_engine() {
    // An exception's CONTEXT is written below rsp: the bias keeps the red zone out of it.
    engine::translate::set_options({.rewrite_fs = true, .stack_bias = 128});
    const engine::CodeMemory memory = engine::code_memory();
    void* base = reinterpret_cast<void*>(memory.start);
    SIZE_T size = memory.length;
    ULONG old;
    if (NtProtectVirtualMemory(this_process(), &base, &size, PAGE_EXECUTE_READWRITE, &old) < 0)
        LXSS_PANIC("the code cache cannot be made executable");
}

} // namespace host::nt

namespace engine {

void return_to_guest(host::ThreadBlock& block) { lx_return_to_guest(block.frame); }

} // namespace engine
