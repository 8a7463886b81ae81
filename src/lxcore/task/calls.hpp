// System calls of this folder; listed in syscall/table/task.inc.
#pragma once

#include "abi/prctl.hpp"
#include "abi/resource.hpp"
#include "abi/sched.hpp"
#include "abi/time.hpp"
#include "abi/utsname.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore {

// -- fork.cpp, exit.cpp, wait.cpp
Result<i32> sys_fork();
Result<i32> sys_vfork();
Result<i32> sys_clone(CloneFlags flags, u64 stack, UserPtr<i32> parent_tid, UserPtr<i32> child_tid, u64 tls);
Result<i32> sys_clone3(UserPtr<abi::clone_args> arguments, u64 size);
Result<i32> sys_exit(i32 code);
Result<i32> sys_exit_group(i32 code);
Result<i32> sys_wait4(i32 pid, UserPtr<i32> status, u32 options, UserPtr<abi::rusage> usage);
Result<i32> sys_waitid(u32 type, i32 id, UserPtr<abi::siginfo> info, u32 options, UserPtr<abi::rusage> usage);

// -- ids.cpp
Result<i32> sys_getpid();
Result<i32> sys_gettid();
Result<i32> sys_getppid();
Result<i32> sys_getpgid(i32 pid);
Result<i32> sys_getpgrp();
Result<i32> sys_getsid(i32 pid);
Result<i32> sys_setpgid(i32 pid, i32 pgid);
Result<i32> sys_setsid();

// -- credentials.cpp, capabilities.cpp
Result<u32> sys_getuid();
Result<u32> sys_geteuid();
Result<u32> sys_getgid();
Result<u32> sys_getegid();
Result<i32> sys_getresuid(UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved);
Result<i32> sys_getresgid(UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved);
Result<i32> sys_setuid(u32 uid);
Result<i32> sys_setgid(u32 gid);
Result<i32> sys_setreuid(u32 real, u32 effective);
Result<i32> sys_setregid(u32 real, u32 effective);
Result<i32> sys_setresuid(u32 real, u32 effective, u32 saved);
Result<i32> sys_setresgid(u32 real, u32 effective, u32 saved);
Result<u32> sys_setfsuid(u32 uid);
Result<u32> sys_setfsgid(u32 gid);
Result<i32> sys_getgroups(i32 size, UserPtr<u32> list);
Result<i32> sys_setgroups(i32 size, UserPtr<u32> list);
Result<i32> sys_capget(UserPtr<abi::__user_cap_header_struct> header, UserPtr<abi::__user_cap_data_struct> data);
Result<i32> sys_capset(UserPtr<abi::__user_cap_header_struct> header, UserPtr<abi::__user_cap_data_struct> data);
Result<i64> prctl_capabilities(i32 option, u64 argument2, u64 argument3, u64 argument4, u64 argument5);

// -- prctl.cpp
Result<i64> sys_prctl(i32 option, u64 argument2, u64 argument3, u64 argument4, u64 argument5);
Result<i32> sys_arch_prctl(i32 option, u64 address);

// -- resources.cpp
Result<i32> sys_getrlimit(u32 resource, UserPtr<abi::rlimit64> out);
Result<i32> sys_setrlimit(u32 resource, UserPtr<abi::rlimit64> in);
Result<i32> sys_prlimit64(i32 pid, u32 resource, UserPtr<abi::rlimit64> in, UserPtr<abi::rlimit64> out);
Result<i32> sys_getrusage(i32 who, UserPtr<abi::rusage> out);
Result<i64> sys_times(UserPtr<abi::tms> out);

// -- schedule.cpp
Result<i32> sys_sched_yield();
Result<i32> sys_sched_setscheduler(i32 tid, i32 policy, UserPtr<abi::sched_param> parameters);
Result<i32> sys_sched_getscheduler(i32 tid);
Result<i32> sys_sched_setparam(i32 tid, UserPtr<abi::sched_param> parameters);
Result<i32> sys_sched_getparam(i32 tid, UserPtr<abi::sched_param> parameters);
Result<i32> sys_sched_get_priority_max(i32 policy);
Result<i32> sys_sched_get_priority_min(i32 policy);
Result<i32> sys_sched_rr_get_interval(i32 tid, UserPtr<abi::timespec> out);
Result<i32> sys_sched_setattr(i32 tid, UserPtr<abi::sched_attr> attributes, u32 flags);
Result<i32> sys_sched_getattr(i32 tid, UserPtr<abi::sched_attr> attributes, u32 size, u32 flags);
Result<i32> sys_sched_setaffinity(i32 tid, u32 length, u64 mask);
Result<i64> sys_sched_getaffinity(i32 tid, u32 length, u64 mask);
Result<i32> sys_getpriority(u32 which, i32 who);
Result<i32> sys_setpriority(u32 which, i32 who, i32 nice);
Result<i32> sys_ioprio_get(i32 which, i32 who);
Result<i32> sys_ioprio_set(i32 which, i32 who, i32 priority);
Result<i32> sys_getcpu(UserPtr<u32> cpu, UserPtr<u32> node);

// -- pidfd.cpp
Result<i32> sys_pidfd_open(i32 pid, u32 flags);
Result<i32> sys_pidfd_send_signal(Fd fd, SignalNumber signal, UserPtr<abi::siginfo> info, u32 flags);
Result<i32> sys_pidfd_getfd(Fd fd, i32 target, u32 flags);
Result<i32> sys_kcmp(i32 pid1, i32 pid2, i32 type, u64 index1, u64 index2);

// -- system.cpp
Result<i32> sys_uname(UserPtr<abi::new_utsname> out);
Result<i32> sys_sethostname(u64 name, i32 length);
Result<i32> sys_setdomainname(u64 name, i32 length);
Result<i32> sys_sysinfo(UserPtr<abi::sysinfo> out);
Result<i64> sys_getrandom(u64 buffer, u64 length, u32 flags);
Result<i32> sys_set_tid_address(u64 address);
Result<i32> sys_set_robust_list(u64 head, u64 length);
Result<i32> sys_get_robust_list(i32 tid, UserPtr<u64> head, UserPtr<u64> length);
Result<i32> sys_unshare(CloneFlags flags);
Result<i32> sys_setns(Fd fd, CloneFlags type);
Result<i32> sys_seccomp(u32 operation, u32 flags, u64 argument);
Result<i32> sys_reboot(u32 magic1, u32 magic2, u32 command, u64 argument);
Result<i32> sys_syslog(i32 type, u64 buffer, i32 length);

} // namespace lxcore
