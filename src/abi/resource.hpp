// Resource limits and usage: getrlimit(2), prlimit(2), getrusage(2), sysinfo(2), times(2).
#pragma once

#include <cstddef>
#include <cstdint>

#include "time.hpp"

namespace abi {

inline constexpr uint32_t RLIMIT_CPU = 0;
inline constexpr uint32_t RLIMIT_FSIZE = 1;
inline constexpr uint32_t RLIMIT_DATA = 2;
inline constexpr uint32_t RLIMIT_STACK = 3;
inline constexpr uint32_t RLIMIT_CORE = 4;
inline constexpr uint32_t RLIMIT_RSS = 5;
inline constexpr uint32_t RLIMIT_NPROC = 6;
inline constexpr uint32_t RLIMIT_NOFILE = 7;
inline constexpr uint32_t RLIMIT_MEMLOCK = 8;
inline constexpr uint32_t RLIMIT_AS = 9;
inline constexpr uint32_t RLIMIT_LOCKS = 10;
inline constexpr uint32_t RLIMIT_SIGPENDING = 11;
inline constexpr uint32_t RLIMIT_MSGQUEUE = 12;
inline constexpr uint32_t RLIMIT_NICE = 13;
inline constexpr uint32_t RLIMIT_RTPRIO = 14;
inline constexpr uint32_t RLIMIT_RTTIME = 15;
inline constexpr uint32_t RLIM_NLIMITS = 16;
inline constexpr uint64_t RLIM_INFINITY = ~uint64_t{0};

struct rlimit {
    uint64_t rlim_cur;
    uint64_t rlim_max;
};
static_assert(sizeof(rlimit) == 16);
using rlimit64 = rlimit;

inline constexpr int32_t RUSAGE_SELF = 0;
inline constexpr int32_t RUSAGE_CHILDREN = -1;
inline constexpr int32_t RUSAGE_THREAD = 1;

struct rusage {
    timeval ru_utime;
    timeval ru_stime;
    int64_t ru_maxrss;  // in KiB
    int64_t ru_ixrss;
    int64_t ru_idrss;
    int64_t ru_isrss;
    int64_t ru_minflt;
    int64_t ru_majflt;
    int64_t ru_nswap;
    int64_t ru_inblock;
    int64_t ru_oublock;
    int64_t ru_msgsnd;
    int64_t ru_msgrcv;
    int64_t ru_nsignals;
    int64_t ru_nvcsw;
    int64_t ru_nivcsw;
};
static_assert(sizeof(rusage) == 144);

struct sysinfo {
    int64_t uptime;
    uint64_t loads[3];  // fixed point with SI_LOAD_SHIFT fraction bits
    uint64_t totalram;
    uint64_t freeram;
    uint64_t sharedram;
    uint64_t bufferram;
    uint64_t totalswap;
    uint64_t freeswap;
    uint16_t procs;
    uint16_t pad;
    uint64_t totalhigh;
    uint64_t freehigh;
    uint32_t mem_unit;
};
static_assert(sizeof(sysinfo) == 112 && offsetof(sysinfo, mem_unit) == 104);
inline constexpr uint32_t SI_LOAD_SHIFT = 16;

inline constexpr uint32_t USER_HZ = 100;  // the unit of tms and of AT_CLKTCK
struct tms {
    int64_t tms_utime;
    int64_t tms_stime;
    int64_t tms_cutime;
    int64_t tms_cstime;
};
static_assert(sizeof(tms) == 32);

}  // namespace abi
