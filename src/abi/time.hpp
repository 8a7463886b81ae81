// Clocks and timers: clock_gettime(2), setitimer(2), timer_create(2), timerfd_create(2), adjtimex(2).
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

struct timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};
static_assert(sizeof(timespec) == 16);

struct timeval {
    int64_t tv_sec;
    int64_t tv_usec;
};
static_assert(sizeof(timeval) == 16);

struct itimerval {
    timeval it_interval;
    timeval it_value;
};
static_assert(sizeof(itimerval) == 32);

struct itimerspec {
    timespec it_interval;
    timespec it_value;
};
static_assert(sizeof(itimerspec) == 32);

struct timezone {
    int32_t tz_minuteswest;
    int32_t tz_dsttime;
};
static_assert(sizeof(timezone) == 8);

struct utimbuf {
    int64_t actime;
    int64_t modtime;
};
static_assert(sizeof(utimbuf) == 16);

inline constexpr int64_t NSEC_PER_SEC = 1000000000;

inline constexpr int32_t CLOCK_REALTIME = 0;
inline constexpr int32_t CLOCK_MONOTONIC = 1;
inline constexpr int32_t CLOCK_PROCESS_CPUTIME_ID = 2;
inline constexpr int32_t CLOCK_THREAD_CPUTIME_ID = 3;
inline constexpr int32_t CLOCK_MONOTONIC_RAW = 4;
inline constexpr int32_t CLOCK_REALTIME_COARSE = 5;
inline constexpr int32_t CLOCK_MONOTONIC_COARSE = 6;
inline constexpr int32_t CLOCK_BOOTTIME = 7;
inline constexpr int32_t CLOCK_REALTIME_ALARM = 8;
inline constexpr int32_t CLOCK_BOOTTIME_ALARM = 9;
inline constexpr int32_t CLOCK_TAI = 11;

// A negative clock id names the CPU clock of a process or thread: the inverted id above three bits, of which
// bit 2 means "thread" and the low two the kind of clock.
inline constexpr int32_t CPUCLOCK_PROF = 0;
inline constexpr int32_t CPUCLOCK_VIRT = 1;
inline constexpr int32_t CPUCLOCK_SCHED = 2;
inline constexpr int32_t CLOCKFD = 3;
inline constexpr int32_t CPUCLOCK_CLOCK_MASK = 3;
inline constexpr int32_t CPUCLOCK_PERTHREAD_MASK = 4;
constexpr int32_t cpuclock_pid(int32_t clock) { return ~(clock >> 3); }

inline constexpr uint32_t TIMER_ABSTIME = 1;

inline constexpr uint32_t ITIMER_REAL = 0;
inline constexpr uint32_t ITIMER_VIRTUAL = 1;
inline constexpr uint32_t ITIMER_PROF = 2;

inline constexpr uint32_t TFD_TIMER_ABSTIME = 1;
inline constexpr uint32_t TFD_TIMER_CANCEL_ON_SET = 2;
inline constexpr uint32_t TFD_NONBLOCK = 04000;
inline constexpr uint32_t TFD_CLOEXEC = 02000000;

struct timex {
    uint32_t modes;
    int32_t __pad0;
    int64_t offset;
    int64_t freq;
    int64_t maxerror;
    int64_t esterror;
    int32_t status;
    int32_t __pad1;
    int64_t constant;
    int64_t precision;
    int64_t tolerance;
    timeval time;
    int64_t tick;
    int64_t ppsfreq;
    int64_t jitter;
    int32_t shift;
    int32_t __pad2;
    int64_t stabil;
    int64_t jitcnt;
    int64_t calcnt;
    int64_t errcnt;
    int64_t stbcnt;
    int32_t tai;
    int32_t __pad3[11];
};
static_assert(sizeof(timex) == 208 && offsetof(timex, time) == 72 && offsetof(timex, tai) == 160);

inline constexpr uint32_t ADJ_OFFSET = 0x0001;
inline constexpr uint32_t ADJ_FREQUENCY = 0x0002;
inline constexpr uint32_t ADJ_MAXERROR = 0x0004;
inline constexpr uint32_t ADJ_ESTERROR = 0x0008;
inline constexpr uint32_t ADJ_STATUS = 0x0010;
inline constexpr uint32_t ADJ_TIMECONST = 0x0020;
inline constexpr uint32_t ADJ_TAI = 0x0080;
inline constexpr uint32_t ADJ_SETOFFSET = 0x0100;
inline constexpr uint32_t ADJ_MICRO = 0x1000;
inline constexpr uint32_t ADJ_NANO = 0x2000;
inline constexpr uint32_t ADJ_TICK = 0x4000;
inline constexpr uint32_t ADJ_OFFSET_SINGLESHOT = 0x8001;
inline constexpr uint32_t ADJ_OFFSET_SS_READ = 0xa001;

inline constexpr uint32_t STA_PLL = 0x0001;
inline constexpr uint32_t STA_UNSYNC = 0x0040;
inline constexpr uint32_t STA_NANO = 0x2000;

inline constexpr int32_t TIME_OK = 0;
inline constexpr int32_t TIME_ERROR = 5;

}  // namespace abi
