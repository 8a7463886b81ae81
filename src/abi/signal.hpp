// Signals: signal(7), sigaction(2), sigaltstack(2), signalfd(2), sigevent(3type). The frame that a handler
// runs on is in signal_frame.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace abi {

inline constexpr int32_t SIGHUP = 1;
inline constexpr int32_t SIGINT = 2;
inline constexpr int32_t SIGQUIT = 3;
inline constexpr int32_t SIGILL = 4;
inline constexpr int32_t SIGTRAP = 5;
inline constexpr int32_t SIGABRT = 6;
inline constexpr int32_t SIGBUS = 7;
inline constexpr int32_t SIGFPE = 8;
inline constexpr int32_t SIGKILL = 9;
inline constexpr int32_t SIGUSR1 = 10;
inline constexpr int32_t SIGSEGV = 11;
inline constexpr int32_t SIGUSR2 = 12;
inline constexpr int32_t SIGPIPE = 13;
inline constexpr int32_t SIGALRM = 14;
inline constexpr int32_t SIGTERM = 15;
inline constexpr int32_t SIGSTKFLT = 16;
inline constexpr int32_t SIGCHLD = 17;
inline constexpr int32_t SIGCONT = 18;
inline constexpr int32_t SIGSTOP = 19;
inline constexpr int32_t SIGTSTP = 20;
inline constexpr int32_t SIGTTIN = 21;
inline constexpr int32_t SIGTTOU = 22;
inline constexpr int32_t SIGURG = 23;
inline constexpr int32_t SIGXCPU = 24;
inline constexpr int32_t SIGXFSZ = 25;
inline constexpr int32_t SIGVTALRM = 26;
inline constexpr int32_t SIGPROF = 27;
inline constexpr int32_t SIGWINCH = 28;
inline constexpr int32_t SIGIO = 29;
inline constexpr int32_t SIGPWR = 30;
inline constexpr int32_t SIGSYS = 31;
inline constexpr int32_t SIGIOT = SIGABRT;
inline constexpr int32_t SIGPOLL = SIGIO;
inline constexpr int32_t SIGRTMIN = 32;
inline constexpr int32_t SIGRTMAX = 64;
inline constexpr int32_t _NSIG = 64;

// A signal set is 64 bits, signal 1 in bit 0. Calls that take a set also take its size in bytes.
using sigset_t = uint64_t;
inline constexpr uint32_t SIGSET_SIZE = 8;
constexpr sigset_t sigmask(int32_t signal) { return sigset_t{1} << (signal - 1); }

inline constexpr uint32_t SIG_BLOCK = 0;
inline constexpr uint32_t SIG_UNBLOCK = 1;
inline constexpr uint32_t SIG_SETMASK = 2;

inline constexpr uint64_t SIG_DFL = 0;
inline constexpr uint64_t SIG_IGN = 1;
inline constexpr uint64_t SA_NOCLDSTOP = 0x1;
inline constexpr uint64_t SA_NOCLDWAIT = 0x2;
inline constexpr uint64_t SA_SIGINFO = 0x4;
inline constexpr uint64_t SA_UNSUPPORTED = 0x400;
inline constexpr uint64_t SA_EXPOSE_TAGBITS = 0x800;
inline constexpr uint64_t SA_RESTORER = 0x04000000;
inline constexpr uint64_t SA_ONSTACK = 0x08000000;
inline constexpr uint64_t SA_RESTART = 0x10000000;
inline constexpr uint64_t SA_NODEFER = 0x40000000;
inline constexpr uint64_t SA_RESETHAND = 0x80000000;

// As rt_sigaction takes it; the C library's own structure is ordered differently.
struct sigaction {
    uint64_t sa_handler;  // a user address, SIG_DFL or SIG_IGN
    uint64_t sa_flags;
    uint64_t sa_restorer;
    sigset_t sa_mask;
};
static_assert(sizeof(sigaction) == 32);

union sigval {
    int32_t sival_int;
    uint64_t sival_ptr;
};
static_assert(sizeof(sigval) == 8);

struct siginfo {
    int32_t si_signo;
    int32_t si_errno;
    int32_t si_code;
    int32_t __pad0;
    union {
        int32_t _pad[28];
        struct {  // kill, tgkill
            int32_t pid;
            uint32_t uid;
        } _kill;
        struct {  // timer_create
            int32_t tid;
            int32_t overrun;
            sigval value;
            int32_t sys_private;
        } _timer;
        struct {  // sigqueue, mq_notify
            int32_t pid;
            uint32_t uid;
            sigval value;
        } _rt;
        struct {  // SIGCHLD
            int32_t pid;
            uint32_t uid;
            int32_t status;
            int64_t utime;
            int64_t stime;
        } _sigchld;
        struct {  // SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP
            uint64_t addr;
            union {
                int16_t addr_lsb;
                struct {
                    uint64_t dummy;
                    uint64_t lower;
                    uint64_t upper;
                } addr_bnd;
                struct {
                    uint64_t dummy;
                    uint32_t pkey;
                } addr_pkey;
                struct {
                    uint64_t data;
                    uint32_t type;
                    uint32_t flags;
                } perf;
            };
        } _sigfault;
        struct {  // SIGPOLL
            int64_t band;
            int32_t fd;
        } _sigpoll;
        struct {  // SIGSYS
            uint64_t call_addr;
            int32_t syscall;
            uint32_t arch;
        } _sigsys;
    };
};
static_assert(sizeof(siginfo) == 128 && offsetof(siginfo, _pad) == 16);
static_assert(offsetof(siginfo, _sigchld.utime) == 32 && offsetof(siginfo, _rt.value) == 24);
static_assert(offsetof(siginfo, _sigfault.addr_lsb) == 24 &&
              offsetof(siginfo, _sigfault.addr_bnd.lower) == 32);

inline constexpr int32_t SI_USER = 0;
inline constexpr int32_t SI_KERNEL = 0x80;
inline constexpr int32_t SI_QUEUE = -1;
inline constexpr int32_t SI_TIMER = -2;
inline constexpr int32_t SI_MESGQ = -3;
inline constexpr int32_t SI_ASYNCIO = -4;
inline constexpr int32_t SI_SIGIO = -5;
inline constexpr int32_t SI_TKILL = -6;
inline constexpr int32_t SI_DETHREAD = -7;
inline constexpr int32_t SI_ASYNCNL = -60;

inline constexpr int32_t ILL_ILLOPC = 1;
inline constexpr int32_t ILL_ILLOPN = 2;
inline constexpr int32_t ILL_ILLADR = 3;
inline constexpr int32_t ILL_ILLTRP = 4;
inline constexpr int32_t ILL_PRVOPC = 5;
inline constexpr int32_t ILL_PRVREG = 6;
inline constexpr int32_t ILL_COPROC = 7;
inline constexpr int32_t ILL_BADSTK = 8;

inline constexpr int32_t FPE_INTDIV = 1;
inline constexpr int32_t FPE_INTOVF = 2;
inline constexpr int32_t FPE_FLTDIV = 3;
inline constexpr int32_t FPE_FLTOVF = 4;
inline constexpr int32_t FPE_FLTUND = 5;
inline constexpr int32_t FPE_FLTRES = 6;
inline constexpr int32_t FPE_FLTINV = 7;
inline constexpr int32_t FPE_FLTSUB = 8;
inline constexpr int32_t FPE_FLTUNK = 14;
inline constexpr int32_t FPE_CONDTRAP = 15;

inline constexpr int32_t SEGV_MAPERR = 1;
inline constexpr int32_t SEGV_ACCERR = 2;
inline constexpr int32_t SEGV_BNDERR = 3;
inline constexpr int32_t SEGV_PKUERR = 4;
inline constexpr int32_t SEGV_CPERR = 10;

inline constexpr int32_t BUS_ADRALN = 1;
inline constexpr int32_t BUS_ADRERR = 2;
inline constexpr int32_t BUS_OBJERR = 3;
inline constexpr int32_t BUS_MCEERR_AR = 4;
inline constexpr int32_t BUS_MCEERR_AO = 5;

inline constexpr int32_t TRAP_BRKPT = 1;
inline constexpr int32_t TRAP_TRACE = 2;
inline constexpr int32_t TRAP_BRANCH = 3;
inline constexpr int32_t TRAP_HWBKPT = 4;
inline constexpr int32_t TRAP_UNK = 5;
inline constexpr int32_t TRAP_PERF = 6;

inline constexpr int32_t CLD_EXITED = 1;
inline constexpr int32_t CLD_KILLED = 2;
inline constexpr int32_t CLD_DUMPED = 3;
inline constexpr int32_t CLD_TRAPPED = 4;
inline constexpr int32_t CLD_STOPPED = 5;
inline constexpr int32_t CLD_CONTINUED = 6;

inline constexpr int32_t POLL_IN = 1;
inline constexpr int32_t POLL_OUT = 2;
inline constexpr int32_t POLL_MSG = 3;
inline constexpr int32_t POLL_ERR = 4;
inline constexpr int32_t POLL_PRI = 5;
inline constexpr int32_t POLL_HUP = 6;

inline constexpr int32_t SYS_SECCOMP = 1;
inline constexpr int32_t SYS_USER_DISPATCH = 2;

struct stack_t {
    uint64_t ss_sp;
    int32_t ss_flags;
    int32_t __pad0;
    uint64_t ss_size;
};
static_assert(sizeof(stack_t) == 24);
inline constexpr uint32_t SS_ONSTACK = 1;
inline constexpr uint32_t SS_DISABLE = 2;
inline constexpr uint32_t SS_AUTODISARM = 0x80000000;
inline constexpr uint32_t MINSIGSTKSZ = 2048;
inline constexpr uint32_t SIGSTKSZ = 8192;

struct sigevent {
    sigval sigev_value;
    int32_t sigev_signo;
    int32_t sigev_notify;
    union {
        int32_t _pad[12];
        int32_t _tid;
        struct {
            uint64_t function;
            uint64_t attribute;
        } _sigev_thread;
    };
};
static_assert(sizeof(sigevent) == 64 && offsetof(sigevent, _tid) == 16);
inline constexpr int32_t SIGEV_SIGNAL = 0;
inline constexpr int32_t SIGEV_NONE = 1;
inline constexpr int32_t SIGEV_THREAD = 2;
inline constexpr int32_t SIGEV_THREAD_ID = 4;

struct signalfd_siginfo {
    uint32_t ssi_signo;
    int32_t ssi_errno;
    int32_t ssi_code;
    uint32_t ssi_pid;
    uint32_t ssi_uid;
    int32_t ssi_fd;
    uint32_t ssi_tid;
    uint32_t ssi_band;
    uint32_t ssi_overrun;
    uint32_t ssi_trapno;
    int32_t ssi_status;
    int32_t ssi_int;
    uint64_t ssi_ptr;
    uint64_t ssi_utime;
    uint64_t ssi_stime;
    uint64_t ssi_addr;
    uint16_t ssi_addr_lsb;
    uint16_t __pad2;
    int32_t ssi_syscall;
    uint64_t ssi_call_addr;
    uint32_t ssi_arch;
    uint8_t __pad[28];
};
static_assert(sizeof(signalfd_siginfo) == 128 && offsetof(signalfd_siginfo, ssi_ptr) == 48);
inline constexpr uint32_t SFD_CLOEXEC = 02000000;
inline constexpr uint32_t SFD_NONBLOCK = 04000;

}  // namespace abi
