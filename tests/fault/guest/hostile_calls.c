/* Calls every system call with arguments no honest program would give.
 *
 *   hostile_calls SEED ROUNDS CALLS
 *
 * It runs in an instance alone: natively it would change whatever its caller has open, and may change.
 *
 * ROUNDS child processes, each with its own seed and a time limit, make CALLS calls each. Prints how they ended. A child
 * may end in any way (its own memory is fair game); only the kernel under it must not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kLastCall = 470, kSecondsPerChild = 3, kNotReady = 3 };

static uint64_t g_random;

static uint64_t next_random(void) {
    g_random ^= g_random << 13;
    g_random ^= g_random >> 7;
    g_random ^= g_random << 17;
    return g_random * 0x2545f4914f6cdd1dull;
}

/* Ends or stops the child for good, says nothing about the kernel, or harms what outlives the child. */
static int is_left_out(long number) {
    switch (number) {
    case SYS_exit: case SYS_exit_group: case SYS_pause: case SYS_reboot: case SYS_rt_sigreturn: case SYS_rt_sigsuspend:
    case SYS_vfork: case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo:
    case SYS_pidfd_send_signal: case SYS_process_madvise: case SYS_setsid:
        return 1;
    default:
        return 0;
    }
}

static unsigned char *g_page; /* one readable and writable page, with an unmapped one on either side */
static unsigned char *g_read_only;

static uint64_t hostile_pointer(void) {
    static const uint64_t bad[] = {
        0, 1, 0xfff, 0x1000, 0x620000000000, 0x620000000123, 0x624000000000, 0x624000000800, 0x624000010008,
        0x7fffffffe000, 0x7fffffffefff, 0x7ffffffff000, 0x800000000000, 0xffff800000000000, 0xffffffff81000000,
        0xffffffffff600000, 0xfffffffffffff000, ~0ull, 0x8000000000000000, 0x10000, 0x400000,
    };
    switch (next_random() % 8) {
    case 0: case 1: return bad[next_random() % (sizeof(bad) / sizeof(*bad))];
    case 2: return (uint64_t)g_page + 4096 - next_random() % 64; /* runs over the end */
    case 3: return (uint64_t)g_page - next_random() % 16;
    case 4: return (uint64_t)g_read_only + next_random() % 4096;
    case 5: return 0x624000000000 + (next_random() & 0xffffff8); /* the kernel's own memory */
    default: return (uint64_t)g_page + (next_random() % 512) * 8;
    }
}

static uint64_t hostile_argument(void) {
    switch (next_random() % 10) {
    case 0: case 1: case 2: case 3: return hostile_pointer();
    case 4: case 5: return next_random() % 24; /* descriptors, small flags and lengths */
    case 6: return (uint64_t)-(int64_t)(next_random() % 200);
    case 7: return 1ull << (next_random() % 64);
    case 8: return (next_random() % 3 ? 0x7fffffff : 0x7fffffffffffffff) + next_random() % 3;
    default: return next_random();
    }
}

static void fill_page(void) {
    for (unsigned i = 0; i < 4096 / 8; ++i) {
        const uint64_t value = next_random() % 3 ? hostile_argument() : 0;
        memcpy(g_page + i * 8, &value, 8);
    }
    if (next_random() % 2)
        memcpy(g_page + 8 * (next_random() % 256), "/tmp/hostile/file", 18);
    if (next_random() % 4 == 0)
        memcpy(g_page + 8 * (next_random() % 256), "/proc/self/maps", 16);
}

static void open_descriptors(void) {
    int pair[2];
    if (pipe(pair) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
        return;
    (void)!open("/tmp/hostile/file", O_RDWR | O_CREAT, 0644);
    (void)!open("/tmp/hostile", O_RDONLY | O_DIRECTORY);
    (void)!open("/proc/self/status", O_RDONLY);
    (void)!open("/dev/ptmx", O_RDWR | O_NOCTTY);
    (void)!open("/dev/zero", O_RDWR);
    (void)!epoll_create1(0);
    (void)!eventfd(0, EFD_NONBLOCK);
    (void)!socket(AF_INET, SOCK_STREAM, 0);
    (void)!socket(AF_INET, SOCK_DGRAM, 0);
    (void)!syscall(SYS_timerfd_create, 1, 0);
    (void)!syscall(SYS_inotify_init1, 0);
    (void)!syscall(SYS_memfd_create, "hostile", 2);
}

static void child(uint64_t seed, long calls) {
    g_random = seed * 0x9e3779b97f4a7c15ull + 1;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const struct rlimit processes = {200, 200}, memory = {512 << 20, 512 << 20}, size = {4 << 20, 4 << 20};
    setrlimit(RLIMIT_NPROC, &processes);
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_FSIZE, &size);
    for (int sig = 1; sig < 32; ++sig)
        if (sig != SIGSEGV && sig != SIGBUS && sig != SIGILL && sig != SIGALRM && sig != SIGABRT)
            signal(sig, SIG_IGN);
    char *area = mmap(NULL, 5 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_page = (unsigned char *)area + 4096;
    g_read_only = g_page + 2 * 4096;
    mprotect(g_page, 4096, PROT_READ | PROT_WRITE);
    mprotect(g_read_only, 4096, PROT_READ);
    if (chdir("/tmp/hostile") || chroot("/tmp/hostile"))
        _exit(kNotReady);
    open_descriptors();
    alarm(kSecondsPerChild);
    const pid_t self = getpid();
    for (long i = 0; i < calls; ++i) {
        if (i % 8 == 0)
            fill_page();
        long number = (long)(next_random() % (kLastCall + 1));
        if (next_random() % 64 == 0)
            number = (long)next_random(); /* no call at all */
        if (is_left_out(number))
            continue;
        uint64_t a[6];
        for (int k = 0; k < 6; ++k)
            a[k] = hostile_argument();
        if (number == SYS_clone)
            a[0] &= ~(uint64_t)0x4100; /* not CLONE_VM or CLONE_VFORK: the child would need a stack */
        if (number == SYS_ptrace || number == SYS_prlimit64 || number == SYS_setpriority || number == SYS_sched_setaffinity)
            a[0] = number == SYS_prlimit64 ? 0 : a[0];
        if (getenv("HOSTILE_VERBOSE"))
            dprintf(2, "%ld: %ld(%lx %lx %lx %lx %lx %lx)\n", i, number, a[0], a[1], a[2], a[3], a[4], a[5]);
        long result;
        register uint64_t r10 asm("r10") = a[3], r8 asm("r8") = a[4], r9 asm("r9") = a[5];
        asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
        if (getpid() != self)
            _exit(0); /* a fork's child has done its part */
        if (number == SYS_alarm || number == SYS_setitimer)
            alarm(kSecondsPerChild);
    }
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    if (access("/proc/lxss", F_OK) != 0) {
        fputs("hostile_calls: this is no instance of lxss, and it would harm the machine\n", stderr);
        return 2;
    }
    const uint64_t seed = strtoull(argv[1], NULL, 0);
    const long rounds = atol(argv[2]), calls = atol(argv[3]);
    system("mkdir -p /tmp/hostile");
    long whole = 0, ended = 0, late = 0;
    for (long round = 0; round < rounds; ++round) {
        fflush(NULL);
        const pid_t pid = fork();
        if (pid < 0) {
            perror("fork");
            return 1;
        }
        if (pid == 0)
            child(seed + (uint64_t)round, calls);
        int status = 0, ticks = 0;
        while (waitpid(pid, &status, WNOHANG) == 0) {
            if (++ticks == (kSecondsPerChild + 2) * 100) {
                kill(pid, SIGKILL); /* it blocked SIGALRM or sleeps in a call that goes on */
                waitpid(pid, &status, 0);
                ++late;
                break;
            }
            usleep(10000);
        }
        kill(-pid, SIGKILL);
        if (WIFEXITED(status) && WEXITSTATUS(status) == kNotReady) {
            fputs("a child could not be set up\n", stderr);
            return 1;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            ++whole;
        else
            ++ended;
    }
    printf("%ld whole, %ld ended, %ld late\n", whole, ended, late);
    return 0;
}
