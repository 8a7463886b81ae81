// System calls of this folder; listed in syscall/table/time.inc.
#pragma once

#include "abi/signal.hpp"
#include "abi/time.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// clock_calls.cpp
Result<void> sys_clock_gettime(Clock clock, UserPtr<abi::timespec> time);
Result<void> sys_clock_settime(Clock clock, UserPtr<abi::timespec> time);
Result<void> sys_clock_getres(Clock clock, UserPtr<abi::timespec> resolution);
Result<void> sys_clock_nanosleep(Clock clock, i32 flags, UserPtr<abi::timespec> request,
                                 UserPtr<abi::timespec> remain);
Result<void> sys_nanosleep(UserPtr<abi::timespec> request, UserPtr<abi::timespec> remain);
Result<void> sys_gettimeofday(UserPtr<abi::timeval> time, UserPtr<abi::timezone> zone);
Result<void> sys_settimeofday(UserPtr<abi::timeval> time, UserPtr<abi::timezone> zone);
Result<i64> sys_time(UserPtr<i64> time);
Result<i32> sys_adjtimex(UserPtr<abi::timex> timex);
Result<i32> sys_clock_adjtime(Clock clock, UserPtr<abi::timex> timex);

// interval_timers.cpp
Result<void> sys_getitimer(i32 which, UserPtr<abi::itimerval> value);
Result<void> sys_setitimer(i32 which, UserPtr<abi::itimerval> value, UserPtr<abi::itimerval> old_value);
Result<u32> sys_alarm(u32 seconds);

// posix_timers.cpp
Result<void> sys_timer_create(Clock clock, UserPtr<abi::sigevent> event, UserPtr<i32> id);
Result<void> sys_timer_settime(i32 id, i32 flags, UserPtr<abi::itimerspec> value,
                               UserPtr<abi::itimerspec> old_value);
Result<void> sys_timer_gettime(i32 id, UserPtr<abi::itimerspec> value);
Result<i32> sys_timer_getoverrun(i32 id);
Result<void> sys_timer_delete(i32 id);

// timerfd.cpp
Result<i32> sys_timerfd_create(Clock clock, HexFlags flags);
Result<void> sys_timerfd_settime(Fd fd, i32 flags, UserPtr<abi::itimerspec> value,
                                 UserPtr<abi::itimerspec> old_value);
Result<void> sys_timerfd_gettime(Fd fd, UserPtr<abi::itimerspec> value);

} // namespace lxcore
