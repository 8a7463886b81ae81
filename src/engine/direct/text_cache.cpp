// Learned call sites and patched copies of text.
#include "engine/direct/direct.hpp"
#include "engine/engine.hpp"

namespace engine {

bool map_text(u64, u64, u32, host::Handle, u64, const TextIdentity&) { return false; }
void text_changing(u64, u64, bool) {}
void text_cleared() {}
u64 canonical_rip(u64 rip) { return rip; }
u64 executable_rip(u64 rip) { return rip; }

namespace direct {

void call_site_trapped(u64) {}

} // namespace direct

} // namespace engine
