// Clocks, sleeps, interval timers, POSIX timers, timerfd.
#include "harness.h"

#include <poll.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

static volatile int count;
static siginfo_t last;
static void counting(int number, siginfo_t* info, void* context) {
    (void)number, (void)context;
    last = *info;
    count++;
}

static long ns(struct timespec time) {
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

TEST(all_clocks) {
    for (int clock = 0; clock <= 11; clock++) {
        if (clock == 8 || clock == 9)
            continue; // alarm clocks need a real-time clock
        struct timespec now = {-1, -1}, resolution = {-1, -1};
        if (clock == 10) { // CLOCK_SGI_CYCLE has been removed
            EXPECT_ERRNO(syscall(SYS_clock_gettime, clock, &now), EINVAL);
            continue;
        }
        EXPECT_OK(syscall(SYS_clock_gettime, clock, &now));
        EXPECT_GE(now.tv_nsec, 0);
        EXPECT_LT(now.tv_nsec, 1000000000);
        EXPECT_OK(syscall(SYS_clock_getres, clock, &resolution));
        EXPECT_GT(resolution.tv_nsec, 0);
    }
    struct timespec now;
    EXPECT_ERRNO(syscall(SYS_clock_gettime, 12, &now), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clock_getres, 99, &now), EINVAL);
    EXPECT_OK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
}

TEST(monotonic_never_goes_back) {
    struct timespec before, now;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (int i = 0; i < 10000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (ns(now) < ns(before)) {
            EXPECT_GE(ns(now), ns(before));
            break;
        }
        before = now;
    }
}

TEST(library_and_raw_calls_agree) {
    struct timespec library, raw;
    struct timeval of_day;
    for (int clock = 0; clock < 2; clock++) {
        clock_gettime(clock, &library);
        syscall(SYS_clock_gettime, clock, &raw);
        EXPECT_LT(ns(raw) - ns(library), 1000000000);
        EXPECT_GE(ns(raw) - ns(library), 0);
    }
    ASSERT_OK(gettimeofday(&of_day, NULL));
    clock_gettime(CLOCK_REALTIME, &library);
    EXPECT_LE(library.tv_sec - of_day.tv_sec, 1);
    ASSERT_OK(syscall(SYS_gettimeofday, &of_day, NULL));
    EXPECT_LE(of_day.tv_sec - library.tv_sec, 1);
    EXPECT_LE(syscall(SYS_time, NULL) - library.tv_sec, 1);
    EXPECT_LE(time(NULL) - library.tv_sec, 1);
}

TEST(cpu_clocks) {
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    sleep_ms(50);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    EXPECT_LT(ns(after) - ns(before), 40000000);
    // Others may have the processor meanwhile.
    long end = now_ms() + 5000;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    while (ns(after) - ns(before) <= 1000000 && now_ms() < end);
    EXPECT_GT(ns(after) - ns(before), 1000000);
}

TEST(setting_clocks_needs_rights) {
    IN_CHILD({
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        if (geteuid() == 0)
            EXPECT_OK(become_other_user());
        EXPECT_ERRNO(clock_settime(CLOCK_REALTIME, &now), EPERM);
        EXPECT_ERRNO(clock_settime(CLOCK_MONOTONIC, &now), EINVAL);
        struct timex query = {.modes = 0};
        EXPECT_GE(adjtimex(&query), 0);
    });
}

TEST(sleeping) {
    struct timespec time = {0, 30000000};
    long start = now_ms();
    EXPECT_OK(nanosleep(&time, NULL));
    EXPECT_GE(now_ms() - start, 29);
    EXPECT_LT(now_ms() - start, 1500);
    time.tv_nsec = 1000000000;
    EXPECT_ERRNO(nanosleep(&time, NULL), EINVAL);
    time = (struct timespec){-1, 0};
    EXPECT_ERRNO(nanosleep(&time, NULL), EINVAL);
    EXPECT_ERRNO(syscall(SYS_nanosleep, 8, NULL), EFAULT);
}

TEST(absolute_sleeping) {
    struct timespec until;
    for (int clock = 0; clock < 2; clock++) {
        clock_gettime(clock, &until);
        until.tv_nsec += 30000000;
        if (until.tv_nsec >= 1000000000)
            until.tv_nsec -= 1000000000, until.tv_sec++;
        long start = now_ms();
        EXPECT_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL), 0);
        EXPECT_GE(now_ms() - start, 25);
        EXPECT_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL), 0);
    }
    EXPECT_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &until, NULL), EINVAL);
    EXPECT_EQ(clock_nanosleep(77, 0, &until, NULL), EINVAL);
}

TEST(interval_timer) {
    struct itimerval timer = {{0, 10000}, {0, 10000}}, now;
    count = 0;
    on_signal_info(SIGALRM, counting, SA_RESTART);
    ASSERT_OK(setitimer(ITIMER_REAL, &timer, NULL));
    WAIT_UNTIL(count >= 3);
    EXPECT_EQ(last.si_code, SI_KERNEL);
    ASSERT_OK(getitimer(ITIMER_REAL, &now));
    EXPECT_EQ(now.it_interval.tv_usec, 10000);
    EXPECT_LE(now.it_value.tv_usec, 10000);
    timer = (struct itimerval){{0, 0}, {0, 0}};
    ASSERT_OK(setitimer(ITIMER_REAL, &timer, &now));
    EXPECT_EQ(now.it_interval.tv_usec, 10000);
    timer.it_value.tv_usec = 2000000;
    EXPECT_ERRNO(setitimer(ITIMER_REAL, &timer, NULL), EINVAL);
    EXPECT_ERRNO(syscall(SYS_setitimer, 7, &timer, NULL), EINVAL);
}

TEST(virtual_and_profiling_timers) {
    struct itimerval timer = {{0, 0}, {0, 20000}};
    count = 0;
    on_signal_info(SIGVTALRM, counting, 0);
    on_signal_info(SIGPROF, counting, 0);
    ASSERT_OK(setitimer(ITIMER_VIRTUAL, &timer, NULL));
    ASSERT_OK(setitimer(ITIMER_PROF, &timer, NULL));
    long end = now_ms() + 3000;
    while (count < 2 && now_ms() < end)
        ;
    EXPECT_EQ(count, 2);
}

TEST(alarm_returns_what_was_left) {
    on_signal_info(SIGALRM, counting, 0);
    alarm(0); // the time limit of --fork
    EXPECT_EQ(alarm(100), 0);
    EXPECT_GE(alarm(50), 99);
    EXPECT_GE(alarm(0), 49);
    EXPECT_EQ(alarm(0), 0);
}

TEST(posix_timer_signals) {
    timer_t timer;
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 4242};
    struct itimerspec spec = {{0, 0}, {0, 10000000}}, now;
    count = 0;
    on_signal_info(SIGUSR1, counting, 0);
    ASSERT_OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    ASSERT_OK(timer_settime(timer, 0, &spec, NULL));
    WAIT_UNTIL(count == 1);
    EXPECT_EQ(last.si_code, SI_TIMER);
    EXPECT_EQ(last.si_value.sival_int, 4242);
    EXPECT_EQ(last.si_overrun, 0);
    ASSERT_OK(timer_gettime(timer, &now));
    EXPECT_EQ(ns(now.it_value), 0);
    spec.it_value.tv_sec = 100;
    ASSERT_OK(timer_settime(timer, 0, &spec, NULL));
    ASSERT_OK(timer_gettime(timer, &now));
    EXPECT_GE(now.it_value.tv_sec, 99);
    EXPECT_OK(timer_delete(timer));
    EXPECT_ERRNO(timer_create(77, &event, &timer), EINVAL);
    event.sigev_signo = 99;
    EXPECT_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
}

TEST(posix_timer_overrun) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec spec = {{0, 1000000}, {0, 1000000}};
    count = 0;
    on_signal_info(SIGUSR1, counting, 0);
    block_signal(SIGUSR1);
    ASSERT_OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    ASSERT_OK(timer_settime(timer, 0, &spec, NULL));
    sleep_ms(30);
    struct itimerspec none = {{0, 0}, {0, 0}};
    siginfo_t info;
    sigset_t set = signal_set(SIGUSR1);
    EXPECT_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    EXPECT_GE(info.si_overrun, 10);
    EXPECT_OK(timer_settime(timer, 0, &none, NULL));
    EXPECT_OK(timer_delete(timer));
}

TEST(posix_timer_to_a_thread) {
    struct {
        union sigval value;
        int signal, notify, tid;
        int rest[11];
    } event = {.signal = SIGUSR2, .notify = 4 /* SIGEV_THREAD_ID */, .tid = (int)syscall(SYS_gettid)};
    int timer = -1;
    struct itimerspec spec = {{0, 0}, {0, 10000000}};
    count = 0;
    on_signal_info(SIGUSR2, counting, 0);
    ASSERT_OK(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &timer));
    ASSERT_OK(syscall(SYS_timer_settime, timer, 0, &spec, NULL));
    WAIT_UNTIL(count == 1);
    EXPECT_OK(syscall(SYS_timer_delete, timer));
    EXPECT_ERRNO(syscall(SYS_timer_delete, timer), EINVAL);
    event.tid = 0x3ffffff;
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &timer), EINVAL);
}

TEST(timer_descriptor) {
    uint64_t times = 0;
    struct itimerspec spec = {{0, 10000000}, {0, 10000000}}, old;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    ASSERT_OK(fd);
    EXPECT_ERRNO(read(fd, &times, sizeof times), EAGAIN);
    ASSERT_OK(timerfd_settime(fd, 0, &spec, NULL));
    struct pollfd poller = {fd, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 5000), 1);
    EXPECT_EQ(read(fd, &times, sizeof times), 8);
    EXPECT_GE(times, 1);
    EXPECT_ERRNO(read(fd, &times, 4), EINVAL);
    sleep_ms(55);
    EXPECT_EQ(read(fd, &times, sizeof times), 8);
    EXPECT_GE(times, 5);
    ASSERT_OK(timerfd_gettime(fd, &old));
    EXPECT_EQ(old.it_interval.tv_nsec, 10000000);
    spec = (struct itimerspec){{0, 0}, {0, 0}};
    ASSERT_OK(timerfd_settime(fd, 0, &spec, &old));
    EXPECT_EQ(poll(&poller, 1, 20), 0);
    // A moment that has passed.
    spec.it_value.tv_nsec = 1;
    ASSERT_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL));
    EXPECT_EQ(read(fd, &times, sizeof times), 8);
    EXPECT_EQ(times, 1);
    close(fd);
    EXPECT_ERRNO(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
    EXPECT_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    EXPECT_ERRNO(timerfd_settime(1, 0, &spec, NULL), EINVAL);
}

TEST(blocking_timer_descriptor) {
    uint64_t times = 0;
    struct itimerspec spec = {{0, 0}, {0, 20000000}};
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    ASSERT_OK(timerfd_settime(fd, 0, &spec, NULL));
    long start = now_ms();
    EXPECT_EQ(read(fd, &times, sizeof times), 8);
    EXPECT_GE(now_ms() - start, 19);
    EXPECT_EQ(times, 1);
    close(fd);
}
