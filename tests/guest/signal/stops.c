// Stop and continue, and signals under load: many senders, timers and threads at once.
#include "harness.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static void pause_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) < 0 && errno == EINTR)
        ;
}

static void* count_up(void* argument) {
    volatile unsigned long* counter = argument;
    for (;;)
        ++*counter;
    return NULL;
}

// All threads of a stopped process stand still, also those that make no calls.
TEST(stop_halts_every_thread) {
    volatile unsigned long* counters =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        for (int i = 0; i < 3; ++i)
            pthread_create(&thread, NULL, count_up, (void*)&counters[i * 8]);
        for (;;)
            pause();
    }
    ASSERT_OK(child);
    for (int round = 0; round < 5; ++round) {
        while (!counters[0] || !counters[8] || !counters[16])
            pause_ms(1);
        EXPECT_OK(kill(child, SIGSTOP));
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
        EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        pause_ms(20);
        unsigned long before[3] = {counters[0], counters[8], counters[16]};
        pause_ms(20);
        for (int i = 0; i < 3; ++i)
            EXPECT_EQ(counters[i * 8], before[i]);
        EXPECT_OK(kill(child, SIGCONT));
        EXPECT_EQ(waitpid(child, &status, WCONTINUED), child);
        EXPECT_TRUE(WIFCONTINUED(status));
        counters[0] = counters[8] = counters[16] = 0;
    }
    kill(child, SIGSTOP);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
    EXPECT_OK(kill(child, SIGKILL)); // ends a stopped process, too
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    munmap((void*)counters, 4096);
}

// A sleep goes on for what is left after a stop, and a signal sent meanwhile waits.
TEST(stopped_sleep_goes_on) {
    pid_t child = fork();
    if (child == 0) {
        struct timespec begin, end, time = {0, 200 * 1000000};
        clock_gettime(CLOCK_MONOTONIC, &begin);
        if (nanosleep(&time, NULL))
            _exit(1);
        clock_gettime(CLOCK_MONOTONIC, &end);
        long ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
        _exit(ms >= 199 && ms < 450 ? 0 : 2);
    }
    pause_ms(50);
    int status = 0;
    EXPECT_OK(kill(child, SIGSTOP));
    EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
    pause_ms(50);
    EXPECT_OK(kill(child, SIGCONT));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

// SIGCONT takes pending stops away, and a stop takes a pending SIGCONT away, even when blocked.
TEST(stop_and_continue_cancel_each_other) {
    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGCONT);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGTSTP);
    sigpending(&pending);
    EXPECT_TRUE(sigismember(&pending, SIGTSTP));
    raise(SIGCONT);
    sigpending(&pending);
    EXPECT_TRUE(!sigismember(&pending, SIGTSTP));
    EXPECT_TRUE(sigismember(&pending, SIGCONT));
    raise(SIGTSTP);
    sigpending(&pending);
    EXPECT_TRUE(!sigismember(&pending, SIGCONT));
    raise(SIGCONT);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static volatile sig_atomic_t g_handled;
static void count_signal(int signal) {
    (void)signal;
    ++g_handled;
}

static volatile int g_stop;
static void* call_a_lot(void* argument) {
    long* errors = argument;
    int ends[2];
    if (pipe(ends))
        return NULL;
    unsigned char pattern[32], back[32];
    for (int i = 0; i < 32; ++i)
        pattern[i] = (unsigned char)(i * 7 + 1);
    while (!g_stop) {
        // SA_RESTART: no call may fail, and nothing may be lost.
        if (write(ends[1], pattern, 32) != 32 || read(ends[0], back, 32) != 32 || memcmp(pattern, back, 32))
            ++*errors;
        if (getppid() < 0)
            ++*errors;
        volatile double x = 1.25;
        for (int i = 0; i < 20; ++i)
            x = x * 1.5 - x / 2;
        if (x != 1.25)
            ++*errors;
    }
    close(ends[0]);
    close(ends[1]);
    return NULL;
}

TEST(signal_storm) {
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    on_signal(SIGUSR1, count_signal, SA_RESTART);
    sigaction(SIGALRM, &action, NULL);
    g_handled = 0;
    g_stop = 0;
    long errors[3] = {0};
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i)
        ASSERT_EQ(pthread_create(&threads[i], NULL, call_a_lot, &errors[i]), 0);
    struct itimerval every = {{0, 200}, {0, 200}};
    EXPECT_OK(setitimer(ITIMER_REAL, &every, NULL));
    for (int i = 0; i < 3000; ++i)
        pthread_kill(threads[i % 3], SIGUSR1);
    pause_ms(200);
    struct itimerval none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &none, NULL);
    g_stop = 1;
    for (int i = 0; i < 3; ++i)
        pthread_join(threads[i], NULL);
    EXPECT_TRUE(g_handled > 0);
    EXPECT_EQ(errors[0] + errors[1] + errors[2], 0L);
    signal(SIGALRM, SIG_DFL);
}

// No wake-up is lost: each side waits for the other's signal, 2000 times.
TEST(sigsuspend_ping_pong) {
    sigset_t set, old, open;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    open = old;
    sigdelset(&open, SIGUSR1);
    on_signal(SIGUSR1, count_signal, 0);
    g_handled = 0;
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 2000; ++i) {
            while (g_handled <= i)
                sigsuspend(&open);
            kill(getppid(), SIGUSR1);
        }
        _exit(0);
    }
    for (int i = 0; i < 2000; ++i) {
        kill(child, SIGUSR1);
        while (g_handled <= i)
            sigsuspend(&open);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

struct waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static unsigned g_words[2];
static void* wake_second(void* argument) {
    (void)argument;
    pause_ms(20);
    __atomic_store_n(&g_words[1], 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &g_words[1], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
    return NULL;
}

TEST(wait_for_several_words) {
    struct waitv words[2] = {{0, (uintptr_t)&g_words[0], 2 | FUTEX_PRIVATE_FLAG, 0},
                             {0, (uintptr_t)&g_words[1], 2 | FUTEX_PRIVATE_FLAG, 0}};
    if (syscall(SYS_futex_waitv, words, 2, 1, NULL, 0) < 0 && errno == ENOSYS)
        SKIP("no futex_waitv");
    EXPECT_ERRNO(syscall(SYS_futex_waitv, words, 0, 0, NULL, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_futex_waitv, words, 129, 0, NULL, 0), EINVAL);
    struct timespec past = {0, 1};
    EXPECT_ERRNO(syscall(SYS_futex_waitv, words, 2, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT);
    words[1].value = 7;
    EXPECT_ERRNO(syscall(SYS_futex_waitv, words, 2, 0, NULL, 0), EAGAIN);
    words[1].value = 0;
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, NULL, wake_second, NULL), 0);
    EXPECT_EQ(syscall(SYS_futex_waitv, words, 2, 0, NULL, 0), 1L);
    pthread_join(thread, NULL);
}

static pthread_mutex_t g_pi;
static long g_sum;
static void* add_under_lock(void* argument) {
    (void)argument;
    for (int i = 0; i < 20000; ++i) {
        pthread_mutex_lock(&g_pi);
        ++g_sum;
        pthread_mutex_unlock(&g_pi);
    }
    return NULL;
}

TEST(inheriting_mutex_under_load) {
    pthread_mutexattr_t attribute;
    pthread_mutexattr_init(&attribute);
    if (pthread_mutexattr_setprotocol(&attribute, PTHREAD_PRIO_INHERIT))
        SKIP("no priority inheritance");
    ASSERT_EQ(pthread_mutex_init(&g_pi, &attribute), 0);
    g_sum = 0;
    pthread_t threads[4];
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(pthread_create(&threads[i], NULL, add_under_lock, NULL), 0);
    for (int i = 0; i < 4; ++i)
        pthread_join(threads[i], NULL);
    EXPECT_EQ(g_sum, 80000L);
    EXPECT_EQ(pthread_mutex_destroy(&g_pi), 0);
}
