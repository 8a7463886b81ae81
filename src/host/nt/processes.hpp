// Pico processes: the pool of pre-started ones, orders to them, deaths. See processes.cpp.
#pragma once

#include "host/nt/internal.hpp"

namespace host::nt {

// ---- in the instance host

// Starts the thread that keeps the pool full.
void start_pool();
// Tells of every pico process that has died, with the signal that killed it if it has not ended by itself. Runs in a thread of its own.
[[noreturn]] void reap_processes(void (*notify)(i32 number, i32 signal));

// ---- in a pico process

// All of a pico process's life: waits for its order, and runs its first thread.
[[noreturn]] void run_pico_process();

// ---- in any process

// Takes a process from the pool, which waits for an order. EAGAIN when no process can be started.
Result<ProcessRecord*> claim_process();
// Gives the order and waits until the process has carried it out. The Order's failure as an error. The record is the process's
// alone afterwards: it may end, and the record be used again, at any time.
Result<void> give_order(ProcessRecord& record, Order order);
// In place of an order: the process is not wanted any more.
void give_up(ProcessRecord& record);

// fork.cpp: the child's half of fork_process().
Result<void> copy_parent(ProcessRecord& record);

} // namespace host::nt
