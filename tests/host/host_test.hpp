// Tests of the host interface (src/host/host.hpp) alone: what every host must pass. See README.md.
#pragma once

#include <string_view>

#include "base/format.hpp"
#include "host/host.hpp"

namespace host_test {

using base::Errno;
using host::ThreadBlock;

// ---- given by the host's start-up file (linux_start.cpp)

// Zeroed memory of the arena.
u8* arena_memory(usize bytes, usize alignment = 64);
void print_line(std::string_view line);

// ---- given by run.cpp

// Called by start-up in a pico process, as nothing but the host's own threads runs in the instance host.
// Returns whether all went well. The page of the arena at kSharedAddress is this file's.
inline constexpr u64 kSharedAddress = base::kArenaBase + base::kPageSize;
bool run_all();

// Fails the running test.
void report_failure(const char* what, const char* file, int line);

struct Test {
    const char* name;
    void (*run)();
};
extern const Test kMemoryTests[], kWaitTests[], kProcessTests[], kFileTests[],
    kSocketTests[]; // end with a null name

// A thread, a forked or a spawned pico process of a test: runs body(context) in kernel code.
enum class Kind { Thread, Fork, Spawn };
struct Child {
    ThreadBlock* block;
    u32* done; // 1 when body has returned
};
Child start(Kind kind, void (*body)(void*), void* context);
// Starts a thread that enters guest code at `rip`.
Child start_guest(u64 rip, void (*body)(void*), void* context);
// Waits until body has returned; for a thread, also until it has left its block.
bool finish(const Child& child, bool is_thread);

// What guest code did to get into the kernel, as the last child thread saw it.
struct Entry {
    enum class Why : u32 { None, SystemCall, Exception, Interrupt } why;
    u64 number, address;
    u32 trap;
};
Entry& last_entry();

u64 soon(u64 milliseconds);
void sleep_ms(u64 milliseconds);

// Guest addresses that nothing uses.
inline constexpr u64 kGuest = 0x2000'0000'0000;

} // namespace host_test

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ::host_test::report_failure(#condition, __FILE__, __LINE__);                                     \
    } while (false)
#define CHECK_ERROR(expression, expected) CHECK((expression).error() == ::base::Errno::expected)
#define CHECK_OK(expression) CHECK((expression).is_ok())
