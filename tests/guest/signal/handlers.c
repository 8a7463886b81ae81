// Delivery: handlers, siginfo, masks, nesting, flags, sigsuspend, sigtimedwait, queues, default actions.
#include "harness.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <sys/time.h>

static volatile int count, order[16], depth, max_depth;
static siginfo_t last;

static void counting(int number) {
    order[count & 15] = number;
    count++;
}

static void remember(int number, siginfo_t* info, void* context) {
    (void)context;
    last = *info;
    order[count & 15] = number;
    count++;
}

TEST(handler_runs) {
    count = 0;
    ASSERT_OK(on_signal(SIGUSR1, counting, 0));
    EXPECT_OK(raise(SIGUSR1));
    EXPECT_EQ(count, 1);
    EXPECT_OK(kill(getpid(), SIGUSR1));
    EXPECT_EQ(count, 2);
    on_signal(SIGUSR1, SIG_IGN, 0);
    raise(SIGUSR1);
    EXPECT_EQ(count, 2);
}

TEST(old_action_is_returned) {
    struct sigaction old;
    on_signal(SIGUSR2, counting, SA_RESTART | SA_NODEFER);
    ASSERT_OK(sigaction(SIGUSR2, NULL, &old));
    EXPECT_TRUE(old.sa_handler == counting);
    EXPECT_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO | SA_ONSTACK), SA_RESTART | SA_NODEFER);
}

TEST(invalid_signals) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    EXPECT_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
    EXPECT_ERRNO(sigaction(SIGSTOP, &action, NULL), EINVAL);
    EXPECT_ERRNO(sigaction(65, &action, NULL), EINVAL);
    EXPECT_ERRNO(sigaction(0, &action, NULL), EINVAL);
    EXPECT_ERRNO(kill(getpid(), 65), EINVAL);
    EXPECT_ERRNO(kill(getpid(), -1), EINVAL);
    EXPECT_OK(kill(getpid(), 0));
    EXPECT_ERRNO(kill(0x3ffffff, 0), ESRCH);
    EXPECT_ERRNO(syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_tgkill, getpid(), 0x3ffffff, 0), ESRCH);
    EXPECT_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, &action, 0, 4), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigprocmask, 77, &action, 0, 8), EINVAL);
}

TEST(siginfo_of_kill) {
    on_signal_info(SIGUSR1, remember, 0);
    kill(getpid(), SIGUSR1);
    EXPECT_EQ(last.si_signo, SIGUSR1);
    EXPECT_EQ(last.si_code, SI_USER);
    EXPECT_EQ(last.si_pid, getpid());
    EXPECT_EQ(last.si_uid, getuid());
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    EXPECT_EQ(last.si_code, SI_TKILL);
    EXPECT_EQ(last.si_pid, getpid());
}

TEST(siginfo_of_sigqueue) {
    on_signal_info(SIGRTMIN, remember, 0);
    union sigval value = {.sival_int = 12345};
    ASSERT_OK(sigqueue(getpid(), SIGRTMIN, value));
    EXPECT_EQ(last.si_code, SI_QUEUE);
    EXPECT_EQ(last.si_value.sival_int, 12345);
    EXPECT_EQ(last.si_pid, getpid());
}

TEST(siginfo_of_sigchld) {
    on_signal_info(SIGCHLD, remember, 0);
    count = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(21);
    WAIT_UNTIL(count == 1);
    EXPECT_EQ(last.si_code, CLD_EXITED);
    EXPECT_EQ(last.si_pid, child);
    EXPECT_EQ(last.si_status, 21);
    EXPECT_EXIT(child, 21);
}

TEST(blocked_signals_wait) {
    sigset_t set;
    count = 0;
    on_signal(SIGUSR1, counting, 0);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    EXPECT_EQ(count, 0);
    ASSERT_OK(sigpending(&set));
    EXPECT_EQ(sigismember(&set, SIGUSR1), 1);
    EXPECT_EQ(sigismember(&set, SIGUSR2), 0);
    unblock_signal(SIGUSR1);
    // Standard signals do not queue.
    EXPECT_EQ(count, 1);
    ASSERT_OK(sigpending(&set));
    EXPECT_EQ(sigismember(&set, SIGUSR1), 0);
}

TEST(realtime_signals_queue_in_order) {
    count = 0;
    on_signal_info(SIGRTMIN + 1, remember, 0);
    on_signal_info(SIGRTMIN + 2, remember, 0);
    on_signal_info(SIGUSR2, remember, 0);
    block_signal(SIGRTMIN + 1), block_signal(SIGRTMIN + 2), block_signal(SIGUSR2);
    union sigval value = {.sival_int = 1};
    for (int i = 0; i < 3; i++) {
        value.sival_int = i;
        sigqueue(getpid(), SIGRTMIN + 2, value);
        sigqueue(getpid(), SIGRTMIN + 1, value);
    }
    raise(SIGUSR2);
    sigset_t none, old;
    sigemptyset(&none);
    siginfo_t info;
    sigset_t two = signal_set(SIGRTMIN + 2), one = signal_set(SIGRTMIN + 1);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(sigwaitinfo(&two, &info), SIGRTMIN + 2);
        EXPECT_EQ(info.si_value.sival_int, i);
    }
    EXPECT_EQ(sigwaitinfo(&one, &info), SIGRTMIN + 1);
    EXPECT_EQ(info.si_value.sival_int, 0);
    EXPECT_EQ(count, 0);
    sigprocmask(SIG_SETMASK, &none, &old);
    EXPECT_EQ(count, 3);
    // Frames are stacked from the lowest number up, so that the last one pushed runs first.
    note_number("first handler is that of SIGUSR2:", order[0] == SIGUSR2);
}

TEST(kill_and_stop_cannot_be_blocked) {
    sigset_t all, now;
    sigfillset(&all);
    h_signals_used |= 1;
    ASSERT_OK(sigprocmask(SIG_SETMASK, &all, NULL));
    ASSERT_OK(sigprocmask(SIG_SETMASK, NULL, &now));
    EXPECT_EQ(sigismember(&now, SIGKILL), 0);
    EXPECT_EQ(sigismember(&now, SIGSTOP), 0);
    EXPECT_EQ(sigismember(&now, SIGTERM), 1);
}

static void raising(int number) {
    depth++;
    if (depth > max_depth)
        max_depth = depth;
    if (count++ < 3)
        raise(number);
    depth--;
}

TEST(own_signal_is_blocked_in_its_handler) {
    count = depth = max_depth = 0;
    on_signal(SIGUSR1, raising, 0);
    raise(SIGUSR1);
    EXPECT_EQ(max_depth, 1);
    EXPECT_EQ(count, 4);
}

TEST(nodefer_nests) {
    count = depth = max_depth = 0;
    on_signal(SIGUSR1, raising, SA_NODEFER);
    raise(SIGUSR1);
    EXPECT_EQ(max_depth, 4);
}

static sigset_t mask_in_handler;
static void look_at_mask(int number) {
    (void)number;
    sigprocmask(SIG_SETMASK, NULL, &mask_in_handler);
}

TEST(action_mask) {
    struct sigaction action = {.sa_handler = look_at_mask};
    sigset_t now;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGHUP);
    on_signal(SIGUSR1, SIG_DFL, 0);
    ASSERT_OK(sigaction(SIGUSR1, &action, NULL));
    raise(SIGUSR1);
    EXPECT_EQ(sigismember(&mask_in_handler, SIGHUP), 1);
    EXPECT_EQ(sigismember(&mask_in_handler, SIGUSR1), 1);
    EXPECT_EQ(sigismember(&mask_in_handler, SIGUSR2), 0);
    sigprocmask(SIG_SETMASK, NULL, &now);
    EXPECT_EQ(sigismember(&now, SIGHUP), 0);
    EXPECT_EQ(sigismember(&now, SIGUSR1), 0);
}

TEST(resethand) {
    struct sigaction now;
    count = 0;
    on_signal(SIGUSR1, counting, SA_RESETHAND);
    raise(SIGUSR1);
    EXPECT_EQ(count, 1);
    sigaction(SIGUSR1, NULL, &now);
    EXPECT_TRUE(now.sa_handler == SIG_DFL);
}

TEST(handler_runs_before_kill_returns) {
    on_signal(SIGUSR1, counting, 0);
    for (int i = 1; i <= 1000; i++) {
        count = i - 1;
        kill(getpid(), SIGUSR1);
        if (count != i) {
            EXPECT_EQ(count, i);
            break;
        }
    }
}

TEST(sigsuspend_swaps_the_mask) {
    sigset_t none, now;
    count = 0;
    on_signal(SIGUSR1, counting, 0);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    sigemptyset(&none);
    EXPECT_ERRNO(sigsuspend(&none), EINTR);
    EXPECT_EQ(count, 1);
    sigprocmask(SIG_SETMASK, NULL, &now);
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
}

TEST(sigsuspend_waits) {
    sigset_t none;
    count = 0;
    on_signal(SIGALRM, counting, 0);
    block_signal(SIGALRM);
    struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    sigemptyset(&none);
    EXPECT_ERRNO(sigsuspend(&none), EINTR);
    EXPECT_EQ(count, 1);
}

TEST(pause_ends) {
    count = 0;
    on_signal(SIGALRM, counting, SA_RESTART);
    struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    EXPECT_ERRNO(pause(), EINTR);
    EXPECT_EQ(count, 1);
}

TEST(sigtimedwait_takes_signals) {
    siginfo_t info;
    struct timespec zero = {0, 0}, some = {0, 20000000};
    block_signal(SIGUSR1);
    sigset_t set = signal_set(SIGUSR1);
    EXPECT_ERRNO(sigtimedwait(&set, &info, &zero), EAGAIN);
    EXPECT_ERRNO(sigtimedwait(&set, &info, &some), EAGAIN);
    raise(SIGUSR1);
    EXPECT_EQ(sigtimedwait(&set, &info, &zero), SIGUSR1);
    EXPECT_EQ(info.si_signo, SIGUSR1);
    EXPECT_ERRNO(sigtimedwait(&set, &info, &zero), EAGAIN);
    struct timespec bad = {0, 2000000000};
    EXPECT_ERRNO(sigtimedwait(&set, &info, &bad), EINVAL);
    count = 0;
    on_signal(SIGALRM, counting, 0);
    struct itimerval soon = {{0, 0}, {0, 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    struct timespec long_time = {5, 0};
    EXPECT_ERRNO(syscall(SYS_rt_sigtimedwait, &set, &info, &long_time, 8), EINTR);
    EXPECT_EQ(count, 1);
}

TEST(rt_sigqueueinfo_rules) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    on_signal_info(SIGUSR1, remember, 0);
    info.si_signo = SIGUSR1;
    info.si_code = -20;
    info.si_value.sival_int = 99;
    ASSERT_OK(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
    EXPECT_EQ(last.si_code, -20);
    EXPECT_EQ(last.si_value.sival_int, 99);
    // Only to oneself may a process claim what the kernel says.
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    info.si_code = SI_USER;
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
}

static pid_t child_waits(void) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    return child;
}

TEST(default_actions) {
    const int deadly[] = {SIGHUP,  SIGINT,    SIGPIPE, SIGALRM, SIGTERM,   SIGUSR1,  SIGUSR2,
                          SIGPROF, SIGVTALRM, SIGIO,   SIGPWR,  SIGSTKFLT, SIGRTMIN, SIGRTMAX};
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        pid_t child = child_waits();
        kill(child, deadly[i]);
        EXPECT_KILLED(child, deadly[i]);
    }
    static const int harmless[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    pid_t child = child_waits();
    for (int i = 0; i < 4; i++)
        kill(child, harmless[i]);
    int status;
    EXPECT_EQ(waitpid(child, &status, WNOHANG), 0);
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
}

TEST(core_signals_kill) {
    static const int cores[] = {SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,
                                SIGFPE,  SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++) {
        pid_t child = child_waits();
        kill(child, cores[i]);
        EXPECT_KILLED(child, cores[i]);
    }
}

TEST(nocldwait_leaves_no_zombies) {
    int status;
    on_signal(SIGCHLD, SIG_IGN, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(1);
    EXPECT_ERRNO(waitpid(child, &status, 0), ECHILD);
    on_signal(SIGCHLD, SIG_DFL, SA_NOCLDWAIT);
    child = fork();
    if (child == 0)
        _exit(1);
    EXPECT_ERRNO(waitpid(-1, &status, 0), ECHILD);
}

TEST(nocldstop) {
    int status;
    count = 0;
    on_signal(SIGCHLD, counting, SA_NOCLDSTOP);
    pid_t child = child_waits();
    kill(child, SIGSTOP);
    EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
    EXPECT_EQ(count, 0);
    on_signal_info(SIGCHLD, remember, 0);
    kill(child, SIGCONT);
    EXPECT_EQ(waitpid(child, &status, WCONTINUED), child);
    WAIT_UNTIL(count == 1);
    EXPECT_EQ(last.si_code, CLD_CONTINUED);
    on_signal(SIGCHLD, SIG_DFL, 0);
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
}

TEST(kill_a_group_and_everyone_else) {
    pid_t one = child_waits(), two = child_waits();
    setpgid(one, one), setpgid(two, one);
    EXPECT_OK(kill(-one, SIGTERM));
    EXPECT_KILLED(one, SIGTERM);
    EXPECT_KILLED(two, SIGTERM);
    EXPECT_ERRNO(kill(-one, SIGTERM), ESRCH);
}

TEST(kill_needs_permission) {
    NEED_ROOT();
    pid_t target = child_waits();
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(kill(target, SIGTERM), EPERM);
        EXPECT_ERRNO(kill(target, 0), EPERM);
        EXPECT_ERRNO(kill(1, SIGTERM), EPERM);
    });
    kill(target, SIGKILL);
    EXPECT_KILLED(target, SIGKILL);
}

static void* wait_in_thread(void* unused) {
    (void)unused;
    sigset_t set = signal_set(SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    while (!count)
        sleep_ms(1);
    return NULL;
}

TEST(process_signal_goes_to_a_thread_that_takes_it) {
    pthread_t thread;
    count = 0;
    on_signal(SIGUSR1, counting, 0);
    block_signal(SIGUSR1);
    ASSERT_EQ(pthread_create(&thread, NULL, wait_in_thread, NULL), 0);
    kill(getpid(), SIGUSR1);
    pthread_join(thread, NULL);
    EXPECT_EQ(count, 1);
}

TEST(signalfd_reads) {
    struct signalfd_siginfo info;
    block_signal(SIGUSR1);
    sigset_t set = signal_set(SIGUSR1);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    ASSERT_OK(fd);
    EXPECT_ERRNO(read(fd, &info, sizeof info), EAGAIN);
    union sigval value = {.sival_int = 4711};
    sigqueue(getpid(), SIGUSR1, value);
    EXPECT_EQ(read(fd, &info, sizeof info), sizeof info);
    EXPECT_EQ(info.ssi_signo, SIGUSR1);
    EXPECT_EQ(info.ssi_code, SI_QUEUE);
    EXPECT_EQ(info.ssi_int, 4711);
    EXPECT_EQ(info.ssi_pid, getpid());
    EXPECT_ERRNO(read(fd, &info, 10), EINVAL);
    EXPECT_ERRNO(signalfd(0, &set, 0), EINVAL);
    EXPECT_ERRNO(signalfd(-1, &set, 1), EINVAL);
    close(fd);
}

TEST(many_signals_between_processes) {
    on_signal(SIGUSR1, counting, SA_RESTART);
    count = 0;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 300; i++)
            kill(parent, SIGUSR1);
        _exit(0);
    }
    EXPECT_EXIT(child, 0);
    EXPECT_GT(count, 0);
    EXPECT_LE(count, 300);
}
