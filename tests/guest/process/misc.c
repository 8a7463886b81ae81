// Limits, prctl, personality, priorities, affinity, uname, sysinfo, getrandom, process groups, pidfds.
#include "harness.h"

#include <poll.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

TEST(limits_get_and_set) {
    IN_CHILD({
        struct rlimit limit;
        struct rlimit now;
        EXPECT_OK(getrlimit(RLIMIT_NOFILE, &limit));
        EXPECT_LE(limit.rlim_cur, limit.rlim_max);
        limit.rlim_cur = 100;
        limit.rlim_max = 200;
        EXPECT_OK(setrlimit(RLIMIT_NOFILE, &limit));
        EXPECT_OK(getrlimit(RLIMIT_NOFILE, &now));
        EXPECT_EQ(now.rlim_cur, 100);
        limit.rlim_cur = 201;
        EXPECT_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
        EXPECT_ERRNO(syscall(SYS_getrlimit, 99, &limit), EINVAL);
        EXPECT_ERRNO(syscall(SYS_prlimit64, 0x3ffffff, RLIMIT_NOFILE, NULL, &limit), ESRCH);
        EXPECT_OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &now));
        EXPECT_EQ(now.rlim_max, 200);
        if (geteuid() == 0)
            EXPECT_OK(become_other_user());
        limit.rlim_cur = 100;
        limit.rlim_max = 300;
        EXPECT_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
    });
}

TEST(cpu_limit_sends_sigxcpu) {
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        struct rlimit limit = {1, 3};
        setrlimit(RLIMIT_CPU, &limit);
        for (;;)
            ;
    }
    EXPECT_KILLED(child, SIGXCPU);
}

TEST(data_limit_stops_allocation) {
    IN_CHILD({
        struct rlimit limit = {64 << 20, 64 << 20};
        EXPECT_OK(setrlimit(RLIMIT_AS, &limit));
        EXPECT_ERRNO(syscall(SYS_mmap, 0, 128L << 20, 3, 0x22, -1, 0), ENOMEM);
    });
}

TEST(thread_name) {
    char name[17] = {0}, old[17] = {0};
    ASSERT_OK(prctl(PR_GET_NAME, old));
    ASSERT_OK(prctl(PR_SET_NAME, "a-name-that-is-too-long"));
    ASSERT_OK(prctl(PR_GET_NAME, name));
    EXPECT_STR(name, "a-name-that-is-");
    EXPECT_STR(file_text("/proc/self/comm"), "a-name-that-is-\n");
    ASSERT_OK(prctl(PR_SET_NAME, old));
}

TEST(parent_death_signal) {
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        pid_t inner = fork();
        if (inner == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            EXPECT_EQ(write(pipes[1], "r", 1), 1);
            for (;;)
                pause();
        }
        char byte;
        EXPECT_EQ(read(pipes[0], &byte, 1), 1);
        _exit(0);
    }
    EXPECT_EXIT(child, 0);
    close(pipes[1]);
    char byte;
    EXPECT_EQ(read(pipes[0], &byte, 1), 0); // the inner one held the pipe open until it was killed
    close(pipes[0]);
}

TEST(prctl_flags) {
    IN_CHILD({
        EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
        EXPECT_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        EXPECT_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
        EXPECT_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
        EXPECT_EQ(prctl(PR_GET_DUMPABLE), 1);
        EXPECT_OK(prctl(PR_SET_DUMPABLE, 0));
        EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
        EXPECT_ERRNO(prctl(PR_SET_DUMPABLE, 7), EINVAL);
        EXPECT_ERRNO(prctl(9999), EINVAL);
        int value = -1;
        EXPECT_OK(prctl(PR_SET_PDEATHSIG, SIGHUP));
        EXPECT_OK(prctl(PR_GET_PDEATHSIG, &value));
        EXPECT_EQ(value, SIGHUP);
        EXPECT_ERRNO(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
        EXPECT_EQ(prctl(PR_GET_KEEPCAPS), 0);
    });
}

TEST(personality_query) {
    int now = personality(0xffffffff);
    EXPECT_EQ(now & 0xff, 0);
    EXPECT_EQ(personality(0x0040000 | now), now);
    EXPECT_EQ(personality(now), 0x0040000 | now);
}

TEST(priorities) {
    IN_CHILD({
        errno = 0;
        int now = getpriority(PRIO_PROCESS, 0);
        EXPECT_EQ(errno, 0);
        EXPECT_OK(setpriority(PRIO_PROCESS, 0, now + 2));
        EXPECT_EQ(getpriority(PRIO_PROCESS, 0), now + 2);
        EXPECT_OK(setpriority(PRIO_PROCESS, 0, 100));
        EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 19);
        EXPECT_ERRNO(getpriority(99, 0), EINVAL);
        EXPECT_ERRNO(getpriority(PRIO_PROCESS, 0x3ffffff), ESRCH);
        if (geteuid() == 0)
            EXPECT_OK(become_other_user());
        EXPECT_ERRNO(setpriority(PRIO_PROCESS, 0, 0), EACCES);
    });
}

TEST(scheduling) {
    cpu_set_t set;
    CPU_ZERO(&set);
    ASSERT_GE(syscall(SYS_sched_getaffinity, 0, sizeof set, &set), 8);
    EXPECT_GE(CPU_COUNT(&set), 1);
    EXPECT_OK(sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&set);
    EXPECT_ERRNO(sched_setaffinity(0, sizeof set, &set), EINVAL);
    EXPECT_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
    EXPECT_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    EXPECT_EQ(sched_get_priority_min(SCHED_OTHER), 0);
    EXPECT_OK(sched_yield());
    EXPECT_ERRNO(syscall(SYS_sched_getscheduler, 0x3ffffff), ESRCH);
    unsigned cpu = 9999;
    EXPECT_OK(syscall(SYS_getcpu, &cpu, NULL, NULL));
    EXPECT_LT(cpu, 9999);
}

TEST(uname_fields) {
    struct utsname name;
    ASSERT_OK(uname(&name));
    EXPECT_STR(name.sysname, "Linux");
    EXPECT_STR(name.machine, "x86_64");
    EXPECT_TRUE(name.release[0] >= '3' && strchr(name.release, '.') != NULL);
    EXPECT_TRUE(name.nodename[0] != 0);
    EXPECT_ERRNO(syscall(SYS_uname, 8), EFAULT);
}

TEST(sysinfo_values) {
    struct sysinfo info;
    ASSERT_OK(sysinfo(&info));
    EXPECT_GT(info.totalram, 0);
    EXPECT_LE(info.freeram, info.totalram);
    EXPECT_GT(info.procs, 0);
    EXPECT_GT(info.mem_unit, 0);
}

TEST(random_bytes) {
    unsigned char one[64] = {0}, two[64] = {0};
    EXPECT_EQ(syscall(SYS_getrandom, one, 64, 0), 64);
    EXPECT_EQ(syscall(SYS_getrandom, two, 64, 1 /* GRND_NONBLOCK */), 64);
    EXPECT_NE(memcmp(one, two, 64), 0);
    EXPECT_ERRNO(syscall(SYS_getrandom, one, 64, 0x100), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getrandom, 8, 64, 0), EFAULT);
    EXPECT_EQ(syscall(SYS_getrandom, one, 0, 0), 0);
}

TEST(cpu_times) {
    struct tms times_now;
    EXPECT_NE(times(&times_now), -1);
    struct rusage usage;
    long end = now_ms() + 30;
    while (now_ms() < end)
        ;
    ASSERT_OK(getrusage(RUSAGE_SELF, &usage));
    EXPECT_GT(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + usage.ru_utime.tv_sec, 0);
}

TEST(process_groups) {
    IN_CHILD({
        EXPECT_OK(setpgid(0, 0));
        EXPECT_EQ(getpgrp(), getpid());
        EXPECT_EQ(getpgid(0), getpid());
        EXPECT_ERRNO(setsid(), EPERM);
        EXPECT_ERRNO(setpgid(0, -1), EINVAL);
        EXPECT_ERRNO(setpgid(0x3ffffff, 0), ESRCH);
        EXPECT_ERRNO(getpgid(0x3ffffff), ESRCH);
        EXPECT_ERRNO(setpgid(0, 0x3ffffff), EPERM);
        EXPECT_ERRNO(setpgid(getppid(), 0), ESRCH);
    });
}

TEST(sessions) {
    IN_CHILD({
        pid_t old = getsid(0);
        EXPECT_EQ(setsid(), getpid());
        EXPECT_EQ(getsid(0), getpid());
        EXPECT_EQ(getpgrp(), getpid());
        EXPECT_NE(old, getpid());
        EXPECT_ERRNO(setpgid(0, 0), EPERM);
        EXPECT_ERRNO(getsid(0x3ffffff), ESRCH);
        EXPECT_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    });
}

TEST(unknown_system_calls) {
    EXPECT_ERRNO(syscall(999), ENOSYS);
    EXPECT_ERRNO(syscall(0x7fffffff), ENOSYS);
    EXPECT_ERRNO(syscall(SYS_create_module), ENOSYS);
    EXPECT_ERRNO(syscall(183 /* afs_syscall */), ENOSYS);
}

TEST(pidfd) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    int fd = (int)syscall(434, child, 0);
    ASSERT_OK(fd);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct pollfd poller = {fd, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 0);
    EXPECT_OK(syscall(424, fd, 0, NULL, 0));
    EXPECT_OK(syscall(424, fd, SIGTERM, NULL, 0));
    EXPECT_EQ(poll(&poller, 1, 5000), 1);
    EXPECT_EQ(poller.revents, POLLIN);
    siginfo_t info;
    EXPECT_OK(waitid(3 /* P_PIDFD */, fd, &info, WEXITED));
    EXPECT_EQ(info.si_status, SIGTERM);
    EXPECT_ERRNO(syscall(424, fd, 0, NULL, 0), ESRCH);
    close(fd);
    EXPECT_ERRNO(syscall(434, 0x3ffffff, 0), ESRCH);
    EXPECT_ERRNO(syscall(434, -1, 0), EINVAL);
    EXPECT_ERRNO(syscall(434, getpid(), 0x10000), EINVAL);
}

TEST(pidfd_getfd) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    int pipes[2];
    char byte;
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        int own = open("f", O_RDONLY);
        dup2(own, 50);
        EXPECT_EQ(write(pipes[1], "x", 1), 1);
        for (;;)
            pause();
    }
    EXPECT_EQ(read(pipes[0], &byte, 1), 1);
    int fd = (int)syscall(434, child, 0);
    int got = (int)syscall(438, fd, 50, 0);
    EXPECT_OK(got);
    EXPECT_EQ(read(got, &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
    EXPECT_ERRNO(syscall(438, fd, 51, 0), EBADF);
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
    close(fd), close(got), close(pipes[0]), close(pipes[1]);
}

TEST(clone3_and_flags) {
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } arguments;
    memset(&arguments, 0, sizeof arguments);
    int fd = -1;
    pid_t tid = 0;
    arguments.flags = 0x00001000 /* CLONE_PIDFD */ | 0x00100000 /* CLONE_PARENT_SETTID */;
    arguments.pidfd = (uintptr_t)&fd;
    arguments.parent_tid = (uintptr_t)&tid;
    arguments.exit_signal = SIGCHLD;
    long child = syscall(435, &arguments, sizeof arguments);
    if (child == 0)
        _exit(4);
    ASSERT_OK(child);
    EXPECT_GE(fd, 0);
    EXPECT_EQ(tid, child);
    EXPECT_EXIT((pid_t)child, 4);
    close(fd);
    EXPECT_ERRNO(syscall(435, &arguments, 10), EINVAL);
    // CLONE_THREAD wants CLONE_SIGHAND, and that CLONE_VM.
    EXPECT_ERRNO(syscall(SYS_clone, 0x00010000, 0, 0, 0, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clone, 0x00000800, 0, 0, 0, 0), EINVAL);
}
