// Raw system calls of the host. They are made from lxcore's own image, which Syscall User Dispatch exempts.
#pragma once

#include "abi/syscall_numbers.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

extern "C" i64 lx_host_call_interruptible(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);

namespace host::linux_host {

inline i64 host_call(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    i64 result;
    register u64 r10 asm("r10") = d;
    register u64 r8 asm("r8") = e;
    register u64 r9 asm("r9") = f;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

// -EINTR at once when the calling task has work pending, and when a kick arrives; there is no window between the
// check and the call (see guarded.S and signals.cpp).
inline i64 host_call_interruptible(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    return lx_host_call_interruptible(number, a, b, c, d, e, f);
}

inline bool is_error(i64 result) { return result < 0 && result >= -4095; }
inline base::Errno error_of(i64 result) { return static_cast<base::Errno>(-result); }

inline base::Result<void> void_result(i64 result) {
    if (is_error(result))
        return error_of(result);
    return {};
}
template <typename T>
base::Result<T> value_result(i64 result) {
    if (is_error(result))
        return error_of(result);
    return static_cast<T>(result);
}

template <typename T>
u64 address_of(T* pointer) {
    return reinterpret_cast<u64>(pointer);
}

} // namespace host::linux_host
