// The way to borrowed.S, the same for every engine.
#include "engine/engine.hpp"

extern "C" {
u64 lx_run_borrowed(u64* parent_context, u64 child_frame);
[[noreturn]] void lx_release_borrowed(u64 parent_context, u64 value);
}

namespace engine {

u64 run_borrowed(host::ThreadBlock& child) { return lx_run_borrowed(&child.host_private, child.frame); }
void release_borrowed(host::ThreadBlock& child, u64 value) { lx_release_borrowed(child.host_private, value); }

} // namespace engine
