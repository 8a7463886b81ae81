// fork, vfork, exit codes, wait4, waitid, reparenting.
#include "harness.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

static pid_t child_exits(int code) {
    pid_t child = fork();
    if (child == 0)
        _exit(code);
    return child;
}

static pid_t child_sleeps(void) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    return child;
}

TEST(exit_codes) {
    int status;
    pid_t child = child_exits(7);
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_EXIT(child_exits(255), 255);
    EXPECT_EXIT(child_exits(256 + 3), 3);
    EXPECT_EXIT(child_exits(-1), 255);
}

TEST(killed_children) {
    static const int signals[] = {SIGKILL, SIGTERM, SIGUSR1, SIGALRM, SIGHUP};
    for (int i = 0; i < 5; i++) {
        pid_t child = child_sleeps();
        ASSERT_OK(child);
        EXPECT_OK(kill(child, signals[i]));
        EXPECT_KILLED(child, signals[i]);
    }
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        abort();
    }
    EXPECT_KILLED(child, SIGABRT);
}

TEST(ids_in_the_child) {
    pid_t parent = getpid();
    IN_CHILD({
        EXPECT_NE(getpid(), parent);
        EXPECT_EQ(getppid(), parent);
        EXPECT_EQ(getpid(), syscall(SYS_gettid));
        EXPECT_EQ(getpgrp(), getpgid(parent));
        EXPECT_EQ(getsid(0), getsid(parent));
    });
}

TEST(memory_is_copied) {
    static volatile int data = 1;
    volatile int stack = 1;
    int* heap = malloc(sizeof(int));
    *heap = 1;
    IN_CHILD({
        EXPECT_EQ(data + stack + *heap, 3);
        data = stack = *heap = 5;
        EXPECT_EQ(data + stack + *heap, 15);
    });
    EXPECT_EQ(data + stack + *heap, 3);
    free(heap);
}

TEST(no_children) {
    int status;
    siginfo_t info;
    EXPECT_ERRNO(waitpid(-1, &status, 0), ECHILD);
    EXPECT_ERRNO(waitpid(getpid(), &status, 0), ECHILD);
    EXPECT_ERRNO(waitpid(-1, &status, WNOHANG), ECHILD);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
    EXPECT_ERRNO(waitpid(-1, &status, 0x10000000 | 0x1000), EINVAL);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
    EXPECT_ERRNO(waitid(99, 0, &info, WEXITED), EINVAL);
}

TEST(wait_without_blocking) {
    int status = 77;
    pid_t child = child_sleeps();
    EXPECT_EQ(waitpid(child, &status, WNOHANG), 0);
    EXPECT_EQ(status, 77);
    siginfo_t info;
    memset(&info, 1, sizeof info);
    EXPECT_OK(waitid(P_PID, child, &info, WEXITED | WNOHANG));
    EXPECT_EQ(info.si_pid, 0);
    EXPECT_EQ(info.si_signo, 0);
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
}

TEST(wait_for_any) {
    int status, seen = 0;
    pid_t children[4];
    for (int i = 0; i < 4; i++)
        children[i] = child_exits(i);
    for (int i = 0; i < 4; i++) {
        pid_t child = wait(&status);
        for (int j = 0; j < 4; j++)
            if (children[j] == child) {
                EXPECT_EQ(WEXITSTATUS(status), j);
                seen |= 1 << j;
            }
    }
    EXPECT_EQ(seen, 15);
    EXPECT_ERRNO(wait(&status), ECHILD);
}

TEST(wait_for_a_group) {
    int status;
    pid_t one = child_sleeps(), two = child_sleeps();
    EXPECT_OK(setpgid(two, two));
    kill(one, SIGKILL), kill(two, SIGKILL);
    EXPECT_EQ(waitpid(-two, &status, 0), two);
    EXPECT_ERRNO(waitpid(-two, &status, 0), ECHILD);
    EXPECT_EQ(waitpid(0, &status, 0), one);
}

TEST(waitid_tells_why) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    pid_t child = child_exits(9);
    EXPECT_OK(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    EXPECT_EQ(info.si_pid, child);
    EXPECT_EQ(info.si_signo, SIGCHLD);
    EXPECT_EQ(info.si_code, CLD_EXITED);
    EXPECT_EQ(info.si_status, 9);
    EXPECT_EQ(info.si_uid, getuid());
    // WNOWAIT has left the zombie.
    EXPECT_OK(kill(child, 0));
    EXPECT_OK(waitid(P_ALL, 0, &info, WEXITED));
    EXPECT_EQ(info.si_pid, child);
    EXPECT_ERRNO(kill(child, 0), ESRCH);
    child = child_sleeps();
    kill(child, SIGTERM);
    EXPECT_OK(waitid(P_PID, child, &info, WEXITED));
    EXPECT_EQ(info.si_code, CLD_KILLED);
    EXPECT_EQ(info.si_status, SIGTERM);
}

TEST(stop_and_continue) {
    int status;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    pid_t child = child_sleeps();
    kill(child, SIGSTOP);
    EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
    EXPECT_TRUE(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), SIGSTOP);
    EXPECT_EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0);
    kill(child, SIGCONT);
    EXPECT_EQ(waitpid(child, &status, WCONTINUED), child);
    EXPECT_TRUE(WIFCONTINUED(status));
    // In a process group that is not orphaned, whatever this program was started from.
    EXPECT_OK(setpgid(child, child));
    kill(child, SIGTSTP);
    EXPECT_OK(waitid(P_PID, child, &info, WSTOPPED));
    EXPECT_EQ(info.si_code, CLD_STOPPED);
    EXPECT_EQ(info.si_status, SIGTSTP);
    kill(child, SIGCONT);
    EXPECT_OK(waitid(P_PID, child, &info, WCONTINUED));
    EXPECT_EQ(info.si_code, CLD_CONTINUED);
    EXPECT_EQ(info.si_status, SIGCONT);
    kill(child, SIGSTOP);
    EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
}

TEST(orphan_goes_to_the_subreaper) {
    int pipes[2], status;
    pid_t orphan = 0;
    ASSERT_OK(pipe(pipes));
    ASSERT_OK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    pid_t child = fork();
    if (child == 0) {
        pid_t first = getpid();
        pid_t inner = fork();
        if (inner == 0) {
            for (int i = 0; i < 2000 && getppid() == first; i++)
                sleep_ms(1);
            pid_t now = getppid();
            EXPECT_EQ(write(pipes[1], &now, sizeof now), sizeof now);
            _exit(5);
        }
        _exit(0);
    }
    EXPECT_EXIT(child, 0);
    pid_t reaper = 0;
    EXPECT_EQ(read(pipes[0], &reaper, sizeof reaper), sizeof reaper);
    EXPECT_EQ(reaper, getpid());
    orphan = wait(&status);
    EXPECT_GT(orphan, 0);
    EXPECT_EQ(status, 5 << 8);
    ASSERT_OK(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0));
    close(pipes[0]), close(pipes[1]);
}

static volatile int shared_by_vfork;

TEST(vfork_shares_memory_and_suspends) {
    shared_by_vfork = 0;
    pid_t child = vfork();
    if (child == 0) {
        sleep_ms(30);
        shared_by_vfork = 1;
        _exit(3);
    }
    EXPECT_EQ(shared_by_vfork, 1);
    EXPECT_EXIT(child, 3);
}

TEST(deep_chain) {
    pid_t child = fork();
    if (child == 0) {
        for (int depth = 0; depth < 10; depth++) {
            pid_t inner = fork();
            if (inner == 0)
                continue;
            int status = 0;
            waitpid(inner, &status, 0);
            _exit(WEXITSTATUS(status) + 1);
        }
        _exit(0);
    }
    EXPECT_EXIT(child, 10);
}

TEST(fifty_at_once) {
    pid_t children[50];
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    for (int i = 0; i < 50; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char byte;
            close(pipes[1]);
            long count = read(pipes[0], &byte, 1);
            _exit((int)count + i);
        }
        ASSERT_OK(children[i]);
    }
    close(pipes[1]);
    for (int i = 0; i < 50; i++)
        EXPECT_EXIT(children[i], i);
    close(pipes[0]);
}

TEST(usage_of_children) {
    struct rusage usage;
    int status;
    memset(&usage, 0xff, sizeof usage);
    pid_t child = child_exits(0);
    EXPECT_EQ(wait4(child, &status, 0, &usage), child);
    EXPECT_GE(usage.ru_utime.tv_sec, 0);
    EXPECT_LT(usage.ru_utime.tv_sec, 100);
    EXPECT_OK(getrusage(RUSAGE_CHILDREN, &usage));
    EXPECT_OK(getrusage(RUSAGE_SELF, &usage));
    EXPECT_GT(usage.ru_maxrss, 0);
    EXPECT_ERRNO(getrusage(77, &usage), EINVAL);
}

TEST(pending_and_alarms_are_not_inherited) {
    on_signal(SIGALRM, SIG_DFL, 0);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    alarm(100);
    IN_CHILD({
        sigset_t set;
        sigpending(&set);
        EXPECT_EQ(sigismember(&set, SIGUSR1), 0);
        EXPECT_EQ(alarm(0), 0);
        sigprocmask(SIG_SETMASK, NULL, &set);
        EXPECT_EQ(sigismember(&set, SIGUSR1), 1);
    });
    EXPECT_GT(alarm(0), 90);
}

TEST(registers_and_handlers_after_fork) {
    on_signal(SIGUSR1, SIG_IGN, 0);
    IN_CHILD({
        EXPECT_OK(raise(SIGUSR1));
        signal(SIGUSR1, SIG_DFL);
    });
    EXPECT_OK(raise(SIGUSR1));
}
