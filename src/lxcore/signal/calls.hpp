// System calls of this folder; listed in syscall/table/signal.inc.
#pragma once

#include "abi/signal.hpp"
#include "abi/time.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// frame.cpp
Result<u64> sys_rt_sigreturn();
Result<void> sys_sigaltstack(UserPtr<abi::stack_t> new_stack, UserPtr<abi::stack_t> old_stack);

// actions.cpp
Result<void> sys_rt_sigaction(SignalNumber signal, UserPtr<abi::sigaction> action,
                              UserPtr<abi::sigaction> old_action, u64 size);
Result<void> sys_rt_sigprocmask(i32 how, UserPtr<u64> set, UserPtr<u64> old_set, u64 size);
Result<void> sys_rt_sigpending(UserPtr<void> set, u64 size);
Result<void> sys_rt_sigsuspend(UserPtr<u64> mask, u64 size);
Result<i32> sys_rt_sigtimedwait(UserPtr<u64> set, UserPtr<abi::siginfo> info, UserPtr<abi::timespec> timeout,
                                u64 size);
Result<void> sys_pause();

// kill.cpp
Result<void> sys_kill(i32 pid, SignalNumber signal);
Result<void> sys_tkill(i32 tid, SignalNumber signal);
Result<void> sys_tgkill(i32 tgid, i32 tid, SignalNumber signal);
Result<void> sys_rt_sigqueueinfo(i32 pid, SignalNumber signal, UserPtr<abi::siginfo> info);
Result<void> sys_rt_tgsigqueueinfo(i32 tgid, i32 tid, SignalNumber signal, UserPtr<abi::siginfo> info);

// signalfd.cpp
Result<i32> sys_signalfd(i32 fd, UserPtr<u64> mask, u64 size);
Result<i32> sys_signalfd4(i32 fd, UserPtr<u64> mask, u64 size, HexFlags flags);

} // namespace lxcore
