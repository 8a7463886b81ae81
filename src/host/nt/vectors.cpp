// The guest's vector registers. lxcore is compiled without them, but Windows uses them in any call: they are saved at the
// first call of a stay in the kernel, and restored on the way back to guest code.
#include "abi/signal_frame.hpp"
#include "host/nt/threads.hpp"

extern "C" {
i64 lx_xsave_guarded(void* area, u64 mask);
i64 lx_xrstor_guarded(const void* area, u64 mask);
u64 lx_copy_guarded(void* to, const void* from, u64 length);
u64 lx_fill_guarded(void* to, u64 value, u64 length);
// By the engine, on the kernel stack, last before the registers of the frame are loaded.
void lx_nt_restore_vectors();
}

namespace host {

using namespace nt;

namespace nt {

void preserve_vectors() {
    ThreadBlock* block = current_block();
    if (!block)
        return;
    VectorArea& vectors = vectors_of(*block);
    if (vectors.is_saved)
        return;
    __builtin_memset(vectors.state + 512, 0, 64);
    (void)lx_xsave_guarded(vectors.state, g_process.xsave_mask);
    vectors.is_saved = 1;
}

void copy_vectors_to(ThreadBlock& block) {
    VectorArea& to = vectors_of(block);
    if (ThreadBlock* mine = current_block()) {
        preserve_vectors();
        __builtin_memcpy(to.state, vectors_of(*mine).state, g_process.xsave_bytes);
        to.is_saved = 1;
    } else {
        to.is_saved = 0;
    }
}

} // namespace nt

usize vector_state_bytes() { return g_process.xsave_bytes; }
u64 vector_state_features() { return g_process.xsave_mask; }

Result<void> save_vector_state(void* area) {
    // XSAVE leaves most of the header as it is; the signal ABI wants it clean.
    if (lx_fill_guarded(static_cast<u8*>(area) + 512, 0, 64) != 0)
        return Errno::EFAULT;
    ThreadBlock* block = current_block();
    if (block && vectors_of(*block).is_saved) {
        if (lx_copy_guarded(area, vectors_of(*block).state, g_process.xsave_bytes) != 0)
            return Errno::EFAULT;
        return {};
    }
    if (lx_xsave_guarded(area, g_process.xsave_mask) != 0)
        return Errno::EFAULT;
    return {};
}

Result<void> restore_vector_state(const void* area) {
    ThreadBlock* block = current_block();
    if (lx_xrstor_guarded(area, g_process.xsave_mask) != 0)
        return Errno::EFAULT; // a malformed header faults likewise (#GP)
    if (block)
        vectors_of(*block).is_saved = 0;
    return {};
}

void reset_vector_state() {
    struct alignas(64) {
        u8 legacy[512];
        u64 header[8];
    } area{};
    // The control words' initial values; everything else is taken as initial because the header says so.
    area.legacy[0] = 0x7f;
    area.legacy[1] = 0x03;
    area.legacy[24] = 0x80;
    area.legacy[25] = 0x1f;
    (void)restore_vector_state(&area);
}

} // namespace host

void lx_nt_restore_vectors() {
    host::ThreadBlock& block = *host::current_block();
    host::nt::VectorArea& vectors = host::nt::vectors_of(block);
    if (!vectors.is_saved)
        return;
    (void)lx_xrstor_guarded(vectors.state, host::nt::g_process.xsave_mask);
    vectors.is_saved = 0;
}
