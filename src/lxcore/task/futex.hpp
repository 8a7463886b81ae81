// futex(2), futex_waitv(2) and robust futexes.
#pragma once

#include "abi/futex.hpp"
#include "lxcore/syscall/syscall.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

// Called by boot().
Result<void> initialize_futexes();

// Wakes one waiter for `address` in the current process (clear_child_tid at a thread's end).
void futex_wake_address(Task& task, u64 address);
// Marks the robust futexes that the dying current task holds (FUTEX_OWNER_DIED) and wakes a waiter of each.
// The guest's list is walked with a bound and never trusted.
void exit_robust_list(Task& task);
// By the reaper, before it releases the locks of a dead task: empties the queues that it was changing when it died. Who waited
// there finds itself woken once unparked; spurious wake-ups are allowed to futexes.
void futex_repair(Task& task);
// By the reaper, for a task whose host thread is gone: takes its waiters out of the queues. The locks that it
// held must have been released before.
void futex_cancel(Task& task);

Result<i64> sys_futex(UserPtr<u32> word, FutexOperation operation, u32 value, u64 timeout_or_value2,
                      UserPtr<u32> word2, u32 value3);
Result<i32> sys_futex_waitv(UserPtr<abi::futex_waitv> waiters, u32 count, u32 flags,
                            UserPtr<abi::timespec> timeout, Clock clock);

} // namespace lxcore
