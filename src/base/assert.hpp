// Assertions of the freestanding parts. A failed one names the broken invariant and ends the instance: it is
// never used for anything the guest can cause.
#pragma once

namespace base {

// Supplied by the host (src/host/<host>): writes the message and a backtrace to the instance log and ends the
// instance.
[[noreturn]] void panic(const char* message, const char* file, int line);

} // namespace base

#define LXSS_ASSERT(condition)                                                                               \
    do {                                                                                                     \
        if (!(condition)) [[unlikely]]                                                                       \
            ::base::panic("assertion failed: " #condition, __FILE__, __LINE__);                              \
    } while (false)

#define LXSS_PANIC(message) ::base::panic(message, __FILE__, __LINE__)
