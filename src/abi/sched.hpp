// Creating, scheduling and waiting for tasks: clone(2), sched(7), sched_setattr(2), wait(2), waitid(2),
// getpriority(2), ioprio_set(2), pidfd_open(2).
#pragma once

#include <cstddef>
#include <cstdint>

#include "resource.hpp"

namespace abi {

inline constexpr uint64_t CSIGNAL = 0xff;
inline constexpr uint64_t CLONE_NEWTIME = 0x80;  // unshare and clone3 only: shares its bit with CSIGNAL
inline constexpr uint64_t CLONE_VM = 0x100;
inline constexpr uint64_t CLONE_FS = 0x200;
inline constexpr uint64_t CLONE_FILES = 0x400;
inline constexpr uint64_t CLONE_SIGHAND = 0x800;
inline constexpr uint64_t CLONE_PIDFD = 0x1000;
inline constexpr uint64_t CLONE_PTRACE = 0x2000;
inline constexpr uint64_t CLONE_VFORK = 0x4000;
inline constexpr uint64_t CLONE_PARENT = 0x8000;
inline constexpr uint64_t CLONE_THREAD = 0x10000;
inline constexpr uint64_t CLONE_NEWNS = 0x20000;
inline constexpr uint64_t CLONE_SYSVSEM = 0x40000;
inline constexpr uint64_t CLONE_SETTLS = 0x80000;
inline constexpr uint64_t CLONE_PARENT_SETTID = 0x100000;
inline constexpr uint64_t CLONE_CHILD_CLEARTID = 0x200000;
inline constexpr uint64_t CLONE_DETACHED = 0x400000;
inline constexpr uint64_t CLONE_UNTRACED = 0x800000;
inline constexpr uint64_t CLONE_CHILD_SETTID = 0x1000000;
inline constexpr uint64_t CLONE_NEWCGROUP = 0x2000000;
inline constexpr uint64_t CLONE_NEWUTS = 0x4000000;
inline constexpr uint64_t CLONE_NEWIPC = 0x8000000;
inline constexpr uint64_t CLONE_NEWUSER = 0x10000000;
inline constexpr uint64_t CLONE_NEWPID = 0x20000000;
inline constexpr uint64_t CLONE_NEWNET = 0x40000000;
inline constexpr uint64_t CLONE_IO = 0x80000000;
inline constexpr uint64_t CLONE_CLEAR_SIGHAND = 0x100000000;  // clone3 only
inline constexpr uint64_t CLONE_INTO_CGROUP = 0x200000000;    // clone3 only

struct clone_args {
    uint64_t flags;
    uint64_t pidfd;
    uint64_t child_tid;
    uint64_t parent_tid;
    uint64_t exit_signal;
    uint64_t stack;
    uint64_t stack_size;
    uint64_t tls;
    uint64_t set_tid;
    uint64_t set_tid_size;
    uint64_t cgroup;
};
static_assert(sizeof(clone_args) == 88);
inline constexpr uint32_t CLONE_ARGS_SIZE_VER0 = 64;
inline constexpr uint32_t CLONE_ARGS_SIZE_VER1 = 80;
inline constexpr uint32_t CLONE_ARGS_SIZE_VER2 = 88;

inline constexpr uint32_t PIDFD_NONBLOCK = 04000;
inline constexpr uint32_t PIDFD_THREAD = 0200;

inline constexpr uint32_t SCHED_NORMAL = 0;
inline constexpr uint32_t SCHED_OTHER = SCHED_NORMAL;
inline constexpr uint32_t SCHED_FIFO = 1;
inline constexpr uint32_t SCHED_RR = 2;
inline constexpr uint32_t SCHED_BATCH = 3;
inline constexpr uint32_t SCHED_IDLE = 5;
inline constexpr uint32_t SCHED_DEADLINE = 6;
inline constexpr uint32_t SCHED_EXT = 7;
inline constexpr uint32_t SCHED_RESET_ON_FORK = 0x40000000;

inline constexpr uint64_t SCHED_FLAG_RESET_ON_FORK = 0x01;
inline constexpr uint64_t SCHED_FLAG_RECLAIM = 0x02;
inline constexpr uint64_t SCHED_FLAG_DL_OVERRUN = 0x04;
inline constexpr uint64_t SCHED_FLAG_KEEP_POLICY = 0x08;
inline constexpr uint64_t SCHED_FLAG_KEEP_PARAMS = 0x10;
inline constexpr uint64_t SCHED_FLAG_UTIL_CLAMP_MIN = 0x20;
inline constexpr uint64_t SCHED_FLAG_UTIL_CLAMP_MAX = 0x40;

struct sched_param {
    int32_t sched_priority;
};
static_assert(sizeof(sched_param) == 4);

struct sched_attr {
    uint32_t size;
    uint32_t sched_policy;
    uint64_t sched_flags;
    int32_t sched_nice;
    uint32_t sched_priority;
    uint64_t sched_runtime;
    uint64_t sched_deadline;
    uint64_t sched_period;
    uint32_t sched_util_min;
    uint32_t sched_util_max;
};
static_assert(sizeof(sched_attr) == 56);
inline constexpr uint32_t SCHED_ATTR_SIZE_VER0 = 48;
inline constexpr uint32_t SCHED_ATTR_SIZE_VER1 = 56;

inline constexpr uint32_t WNOHANG = 1;
inline constexpr uint32_t WUNTRACED = 2;
inline constexpr uint32_t WSTOPPED = WUNTRACED;
inline constexpr uint32_t WEXITED = 4;
inline constexpr uint32_t WCONTINUED = 8;
inline constexpr uint32_t WNOWAIT = 0x01000000;
inline constexpr uint32_t __WNOTHREAD = 0x20000000;
inline constexpr uint32_t __WALL = 0x40000000;
inline constexpr uint32_t __WCLONE = 0x80000000;

inline constexpr uint32_t P_ALL = 0;
inline constexpr uint32_t P_PID = 1;
inline constexpr uint32_t P_PGID = 2;
inline constexpr uint32_t P_PIDFD = 3;

// The status word of wait(2): how it is made, and the usual readings.
inline constexpr uint32_t WCOREFLAG = 0x80;
inline constexpr uint32_t WAIT_STATUS_CONTINUED = 0xffff;
constexpr uint32_t wait_status_exited(uint32_t code) { return (code & 0xff) << 8; }
constexpr uint32_t wait_status_signaled(uint32_t signal, bool core) {
    return (signal & 0x7f) | (core ? WCOREFLAG : 0);
}
constexpr uint32_t wait_status_stopped(uint32_t signal) { return (signal << 8) | 0x7f; }
constexpr uint32_t WTERMSIG(uint32_t status) { return status & 0x7f; }
constexpr uint32_t WEXITSTATUS(uint32_t status) { return (status >> 8) & 0xff; }
constexpr uint32_t WSTOPSIG(uint32_t status) { return WEXITSTATUS(status); }
constexpr bool WIFEXITED(uint32_t status) { return WTERMSIG(status) == 0; }
constexpr bool WIFSTOPPED(uint32_t status) { return (status & 0xff) == 0x7f; }
constexpr bool WIFCONTINUED(uint32_t status) { return status == WAIT_STATUS_CONTINUED; }
constexpr bool WIFSIGNALED(uint32_t status) { return WTERMSIG(status) != 0 && WTERMSIG(status) != 0x7f; }
constexpr bool WCOREDUMP(uint32_t status) { return (status & WCOREFLAG) != 0; }

inline constexpr uint32_t PRIO_PROCESS = 0;
inline constexpr uint32_t PRIO_PGRP = 1;
inline constexpr uint32_t PRIO_USER = 2;

// ioprio_set(2): a class above thirteen bits of level.
inline constexpr uint32_t IOPRIO_CLASS_SHIFT = 13;
inline constexpr uint32_t IOPRIO_CLASS_NONE = 0;
inline constexpr uint32_t IOPRIO_CLASS_RT = 1;
inline constexpr uint32_t IOPRIO_CLASS_BE = 2;
inline constexpr uint32_t IOPRIO_CLASS_IDLE = 3;
inline constexpr uint32_t IOPRIO_WHO_PROCESS = 1;
inline constexpr uint32_t IOPRIO_WHO_PGRP = 2;
inline constexpr uint32_t IOPRIO_WHO_USER = 3;

// kcmp(2)
inline constexpr uint32_t KCMP_FILE = 0;
inline constexpr uint32_t KCMP_VM = 1;
inline constexpr uint32_t KCMP_FILES = 2;
inline constexpr uint32_t KCMP_FS = 3;
inline constexpr uint32_t KCMP_SIGHAND = 4;
inline constexpr uint32_t KCMP_IO = 5;
inline constexpr uint32_t KCMP_SYSVSEM = 6;
inline constexpr uint32_t KCMP_EPOLL_TFD = 7;

}  // namespace abi
