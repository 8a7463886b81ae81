// ptrace(2): a tracer follows forks, threads and programs, and ends itself.
#include "ptrace.h"

#include <pthread.h>
#include <sched.h>
#include <spawn.h>

static volatile long g_value = 1234;

static void fork_once(void) {
    pid_t child = fork();
    if (child == 0)
        _exit(3);
    int status;
    waitpid(child, &status, 0);
    _exit(WEXITSTATUS(status));
}

TEST(forks_are_followed) {
    pid_t child = traced_child(fork_once);
    ASSERT_OK(child);
    EXPECT_OK(tracee(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT));
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, __WALL), child);
    EXPECT_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_FORK << 8);
    unsigned long message = 0;
    EXPECT_OK(tracee(PTRACE_GETEVENTMSG, child, 0, at(&message)));
    pid_t grandchild = (pid_t)message;
    EXPECT_EQ(waitpid(grandchild, &status, __WALL), grandchild);
    EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    EXPECT_OK(tracee(PTRACE_CONT, grandchild, 0, 0));
    int ends = 0;
    while (ends < 2) {
        pid_t pid = waitpid(-1, &status, __WALL);
        ASSERT_OK(pid);
        if (WIFEXITED(status)) {
            ++ends;
            EXPECT_EQ(WEXITSTATUS(status), 3);
            continue;
        }
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
            EXPECT_OK(tracee(PTRACE_GETEVENTMSG, pid, 0, at(&message)));
            EXPECT_EQ((long)message, 3L << 8);
            EXPECT_OK(tracee(PTRACE_CONT, pid, 0, 0));
        } else {
            EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGCHLD);
            EXPECT_OK(tracee(PTRACE_CONT, pid, 0, SIGCHLD));
        }
    }
}

extern char** environ;
static void spawn_true(void) {
    char* arguments[] = {"true", NULL};
    pid_t child;
    int error = posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ);
    int missing = posix_spawn(&child, "/bin/no-such-program", NULL, NULL, arguments, environ);
    int status = -1;
    while (waitpid(-1, &status, 0) > 0)
        ;
    _exit(error == 0 && missing == ENOENT ? 20 : 1);
}

// vfork and exec under a tracer: the parent's event, the child's stops, the end of vfork.
TEST(vfork_and_exec_are_followed) {
    pid_t child = traced_child(spawn_true);
    ASSERT_OK(child);
    EXPECT_OK(tracee(PTRACE_SETOPTIONS, child, 0,
                     PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE));
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    int starts = 0, execs = 0, done = 0, status = 0, result = -1;
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0)
            break;
        if (WIFEXITED(status)) {
            if (pid == child)
                result = WEXITSTATUS(status);
            continue;
        }
        ASSERT_TRUE(WIFSTOPPED(status));
        int event = status >> 16, signal = WSTOPSIG(status), pass = 0;
        if (event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_CLONE) {
            ++starts;
            // The memory of a parent that waits for its vfork child can be looked at.
            long word = 0;
            EXPECT_OK(tracee(PTRACE_PEEKDATA, pid, at((void*)&g_value), at(&word)));
            EXPECT_EQ(word, 1234L);
        } else if (event == PTRACE_EVENT_EXEC) {
            ++execs;
        } else if (event == PTRACE_EVENT_VFORK_DONE) {
            ++done;
        } else if (signal != SIGSTOP) {
            pass = signal;
        }
        EXPECT_OK(tracee(PTRACE_CONT, pid, 0, (unsigned long)pass));
    }
    EXPECT_EQ(result, 20);
    EXPECT_EQ(starts, 2);
    EXPECT_EQ(execs, 1);
    EXPECT_EQ(done, starts);
}

static void exec_true(void) { execl("/bin/true", "true", (char*)NULL); }

TEST(exec_traps) {
    pid_t child = traced_child(exec_true);
    ASSERT_OK(child);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP && status >> 16 == 0);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void* count_to_stop(void* argument) {
    (void)argument;
    for (int i = 0; i < 3; ++i)
        sched_yield();
    return NULL;
}

static void run_threads(void) {
    pthread_t threads[3];
    for (int i = 0; i < 3; ++i)
        pthread_create(&threads[i], NULL, count_to_stop, NULL);
    for (int i = 0; i < 3; ++i)
        pthread_join(threads[i], NULL);
    _exit(5);
}

TEST(threads_are_followed) {
    pid_t child = traced_child(run_threads);
    ASSERT_OK(child);
    EXPECT_OK(tracee(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE));
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    int clones = 0, first_stops = 0, ends = 0, status = 0;
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        ASSERT_OK(pid);
        if (WIFEXITED(status)) {
            if (pid == child)
                break;
            ++ends;
            continue;
        }
        ASSERT_TRUE(WIFSTOPPED(status));
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8))
            ++clones;
        else if (WSTOPSIG(status) == SIGSTOP)
            ++first_stops;
        EXPECT_OK(tracee(PTRACE_CONT, pid, 0, 0));
    }
    EXPECT_EQ(WEXITSTATUS(status), 5);
    EXPECT_EQ(clones, 3);
    EXPECT_EQ(first_stops, 3);
    EXPECT_EQ(ends, 3);
}

// Tracees outlive their tracer, unless it asked otherwise.
TEST(the_tracer_ends) {
    for (int kill_too = 0; kill_too < 2; ++kill_too) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                pause();
        pid_t tracer = fork();
        if (tracer == 0) {
            if (tracee(PTRACE_SEIZE, child, 0, kill_too ? 1 << 20 /* PTRACE_O_EXITKILL */ : 0))
                _exit(1);
            tracee(PTRACE_INTERRUPT, child, 0, 0);
            int status;
            _exit(waitpid(child, &status, __WALL) == child ? 0 : 2);
        }
        int status = -1;
        EXPECT_EQ(waitpid(tracer, &status, 0), tracer);
        EXPECT_EQ(status, 0);
        if (!kill_too) {
            EXPECT_EQ(waitpid(child, &status, WNOHANG), 0);
            EXPECT_OK(kill(child, SIGTERM));
        }
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == (kill_too ? SIGKILL : SIGTERM));
    }
}
