// The system call instruction of the Linux host. Everything in host/linux goes through it.
#pragma once

#include "abi/syscall_numbers.hpp"
#include "base/result.hpp"
#include "base/types.hpp"

namespace host::linux_host {

// Returns what the host returned: -errno on failure.
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

} // namespace host::linux_host
