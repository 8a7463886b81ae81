// First steps of a program that is the instance host: lxkernel, and the tests of the host interface.
#pragma once

#include <string_view>

#include "host/host.hpp"

namespace host::linux_host {

void complain(std::string_view text);
// Ends the program with a message for the user and the log; `result` may be a host call's error.
[[noreturn]] void fail(std::string_view what, std::string_view why, i64 result = 0);

// An open folder; fails without it.
i32 open_folder(const char* path);

struct Arguments {
    i32 count;
    char** values;
    char** environment;
};
// `stack` as the program got it.
Arguments read_start(u64* stack);
// Learns what the machine has, maps the arena, installs the signal handlers: g_state is complete but for the folders.
void prepare_host(u64* stack);
// Makes the calling thread that of `block`, a zeroed block of the arena, on its kernel stack, and calls `function`.
[[noreturn]] void enter_block(ThreadBlock& block, void (*function)());

// Entry of the thread that spawn_process() needs (threads.cpp).
[[noreturn]] void spawner_thread(ThreadBlock&);
// In the place of one who was killed between making a request and waking it.
void wake_spawner();

} // namespace host::linux_host
