#include "engine/direct/direct.hpp"

#include "engine/engine.hpp"

namespace engine {

void guest_owns_gs(u64 base) {
    host::ThreadBlock& block = *host::current_block();
    // Trampolines find the kernel through GS.
    lxcore_abandon_texts();
    block.guest_gs_base = base;
    block.uses_guest_gs = 1;
    block.work.fetch_or(host::kWorkFullReturn, std::memory_order_relaxed);
}

bool configure(std::string_view options) { return options.empty(); }
bool keeps_fs_base() { return false; }
bool runs_in_place() { return true; }
u64 code_memory_bytes() { return 0; }
void use_code_memory(u64) {}
bool is_way_in(u64) { return false; }
u32 host_protection(u32 protection) { return protection; }
void code_changed(u64, u64) {}
void before_fork() {}
void after_fork() {}

} // namespace engine

void lx_trapped_system_call(host::Frame* frame) {
    if (!host::current_block()->uses_guest_gs)
        lxcore_improve_text(frame->rip);
    lxcore_system_call(frame);
    // The site may have been patched under this very call: its return address then lies within the patch.
    frame->rip = engine::executable_rip(frame->rip);
}
