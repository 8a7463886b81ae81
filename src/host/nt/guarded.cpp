// Guarded access to guest memory, by the code of guarded.S.
#include "host/host.hpp"

extern "C" {
u64 lx_copy_guarded(void* to, const void* from, u64 length);
u64 lx_fill_guarded(void* to, u64 value, u64 length);
i64 lx_string_length_guarded(const char* text, u64 limit);
i64 lx_load_guarded(const u32* word);
i64 lx_cmpxchg_guarded(u32* word, u32 expected, u32 desired);
i64 lx_xchg_guarded(u32* word, u32 desired);
i64 lx_xadd_guarded(u32* word, u32 addend);
i64 lx_or_guarded(u32* word, u32 bits);
i64 lx_and_guarded(u32* word, u32 bits);
i64 lx_xor_guarded(u32* word, u32 bits);
}

namespace host {

namespace {

Result<u32> atomic_result(i64 value) {
    if (value < 0)
        return Errno::EFAULT;
    return static_cast<u32>(value);
}

} // namespace

usize copy_guarded(void* destination, const void* source, usize length) {
    return lx_copy_guarded(destination, source, length);
}
usize fill_guarded(void* destination, u8 value, usize length) { return lx_fill_guarded(destination, value, length); }
isize string_length_guarded(const char* text, usize limit) { return lx_string_length_guarded(text, limit); }
Result<u32> load_guarded(const u32* word) { return atomic_result(lx_load_guarded(word)); }
Result<u32> compare_exchange_guarded(u32* word, u32 expected, u32 desired) {
    return atomic_result(lx_cmpxchg_guarded(word, expected, desired));
}
Result<u32> exchange_guarded(u32* word, u32 desired) { return atomic_result(lx_xchg_guarded(word, desired)); }
Result<u32> fetch_add_guarded(u32* word, u32 addend) { return atomic_result(lx_xadd_guarded(word, addend)); }
Result<u32> fetch_or_guarded(u32* word, u32 bits) { return atomic_result(lx_or_guarded(word, bits)); }
Result<u32> fetch_and_guarded(u32* word, u32 bits) { return atomic_result(lx_and_guarded(word, bits)); }
Result<u32> fetch_xor_guarded(u32* word, u32 bits) { return atomic_result(lx_xor_guarded(word, bits)); }

} // namespace host
