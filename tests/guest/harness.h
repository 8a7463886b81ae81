// The harness of the guest tests. One program holds the cases of one family of system calls:
//
//     #include "harness.h"
//     TEST(close_twice) {
//         int fd = open("/dev/null", O_RDONLY);
//         ASSERT_OK(fd);
//         EXPECT_OK(close(fd));
//         EXPECT_ERRNO(close(fd), EBADF);
//     }
//
// The file provides main(). It prints with write(2) alone and starts no process by itself, so that it is of
// use while most of a kernel is still missing. What it prints must not depend on pids, addresses or times:
// the output under lxss is compared with the output on native Linux.
//
//     program                 all cases, one after another in this process
//     program CASE...         these cases
//     program --list          the names of the cases
//     program --fork ...      each case in a child process, with a time limit
//     program -v ...          say which case starts
//     program --lxss ...      also the cases for lxss only (as does LXSS_GUEST in the environment)
//
// Each case prints one line: "ok NAME", "FAIL NAME file:line message" or "skip NAME reason". A case may print
// facts to compare with note("..."); these lines start with "# ".
#ifndef LXSS_TESTS_GUEST_HARNESS_H
#define LXSS_TESTS_GUEST_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define H_UNUSED __attribute__((unused))

// ---- registration
// -------------------------------------------------------------------------------------------

struct h_case {
    const char* name;
    int line;
    void (*run)(void);
    struct h_case* next;
};

static struct h_case* h_cases;

static void h_register(struct h_case* one) {
    struct h_case** at = &h_cases;
    while (*at && (*at)->line < one->line)
        at = &(*at)->next;
    one->next = *at;
    *at = one;
}

#define TEST(id)                                                                                             \
    static void h_run_##id(void);                                                                            \
    static struct h_case h_case_##id = {#id, __LINE__, h_run_##id, 0};                                       \
    __attribute__((constructor)) static void h_register_##id(void) {                                         \
        h_register(&h_case_##id);                                                                            \
    }                                                                                                        \
    static void h_run_##id(void)

// ---- output
// -------------------------------------------------------------------------------------------------

struct h_text {
    size_t length;
    char bytes[600];
};

static H_UNUSED void h_add(struct h_text* text, const char* add) {
    while (*add && text->length < sizeof text->bytes - 2)
        text->bytes[text->length++] = *add++;
}

static H_UNUSED void h_add_number(struct h_text* text, long value) {
    char digits[24];
    int at = sizeof digits;
    unsigned long rest = value < 0 ? 0UL - (unsigned long)value : (unsigned long)value;
    digits[--at] = 0;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    h_add(text, digits + at);
}

static H_UNUSED void h_put(struct h_text* text) {
    text->bytes[text->length++] = '\n';
    size_t done = 0;
    while (done < text->length) {
        ssize_t count = write(1, text->bytes + done, text->length - done);
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    text->length = 0;
}

static const char* h_errno_name(long number) {
    static const struct {
        int number;
        const char* name;
    } names[] = {
        {E2BIG, "E2BIG"},
        {EACCES, "EACCES"},
        {EADDRINUSE, "EADDRINUSE"},
        {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
        {EAFNOSUPPORT, "EAFNOSUPPORT"},
        {EAGAIN, "EAGAIN"},
        {EALREADY, "EALREADY"},
        {EBADF, "EBADF"},
        {EBUSY, "EBUSY"},
        {ECHILD, "ECHILD"},
        {ECONNREFUSED, "ECONNREFUSED"},
        {ECONNRESET, "ECONNRESET"},
        {EDEADLK, "EDEADLK"},
        {EDOM, "EDOM"},
        {EEXIST, "EEXIST"},
        {EFAULT, "EFAULT"},
        {EFBIG, "EFBIG"},
        {EIDRM, "EIDRM"},
        {EINPROGRESS, "EINPROGRESS"},
        {EINTR, "EINTR"},
        {EINVAL, "EINVAL"},
        {EIO, "EIO"},
        {EISCONN, "EISCONN"},
        {EISDIR, "EISDIR"},
        {ELOOP, "ELOOP"},
        {EMFILE, "EMFILE"},
        {EMLINK, "EMLINK"},
        {EMSGSIZE, "EMSGSIZE"},
        {ENAMETOOLONG, "ENAMETOOLONG"},
        {ENFILE, "ENFILE"},
        {ENODATA, "ENODATA"},
        {ENODEV, "ENODEV"},
        {ENOENT, "ENOENT"},
        {ENOEXEC, "ENOEXEC"},
        {ENOMEM, "ENOMEM"},
        {ENOMSG, "ENOMSG"},
        {ENOSPC, "ENOSPC"},
        {ENOSYS, "ENOSYS"},
        {ENOTBLK, "ENOTBLK"},
        {ENOTCONN, "ENOTCONN"},
        {ENOTDIR, "ENOTDIR"},
        {ENOTEMPTY, "ENOTEMPTY"},
        {ENOTSOCK, "ENOTSOCK"},
        {ENOTTY, "ENOTTY"},
        {ENXIO, "ENXIO"},
        {EOPNOTSUPP, "EOPNOTSUPP"},
        {EOVERFLOW, "EOVERFLOW"},
        {EOWNERDEAD, "EOWNERDEAD"},
        {EPERM, "EPERM"},
        {EPIPE, "EPIPE"},
        {EPROTONOSUPPORT, "EPROTONOSUPPORT"},
        {EPROTOTYPE, "EPROTOTYPE"},
        {ERANGE, "ERANGE"},
        {EROFS, "EROFS"},
        {ESPIPE, "ESPIPE"},
        {ESRCH, "ESRCH"},
        {ETIMEDOUT, "ETIMEDOUT"},
        {ETXTBSY, "ETXTBSY"},
        {EXDEV, "EXDEV"},
        {EDESTADDRREQ, "EDESTADDRREQ"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

static H_UNUSED void h_add_errno(struct h_text* text, long number) {
    const char* name = h_errno_name(number);
    if (name)
        h_add(text, name);
    else {
        h_add(text, "errno ");
        h_add_number(text, number);
    }
}

// Prints a fact that must be the same natively and under lxss.
static H_UNUSED void note(const char* text) {
    struct h_text line = {0, {0}};
    h_add(&line, "# ");
    h_add(&line, text);
    h_put(&line);
}

static H_UNUSED void note_number(const char* text, long value) {
    struct h_text line = {0, {0}};
    h_add(&line, "# ");
    h_add(&line, text);
    h_add(&line, " ");
    h_add_number(&line, value);
    h_put(&line);
}

// ---- expectations
// -------------------------------------------------------------------------------------------

static volatile int h_failed;
static const char* volatile h_skipped;
static struct h_text h_message;
static pid_t h_pid;
static const char* h_name = "";

static H_UNUSED void h_where(struct h_text* text, const char* file, int line) {
    const char* slash = strrchr(file, '/');
    h_add(text, slash ? slash + 1 : file);
    h_add(text, ":");
    h_add_number(text, line);
    h_add(text, " ");
}

// Keeps the first failure of a case. In a child process of the case: prints it and ends the child, so that
// the parent's check of the exit status fails too.
static H_UNUSED void h_fail(struct h_text* text) {
    if (getpid() != h_pid) {
        struct h_text line = {0, {0}};
        h_add(&line, "# in a child of ");
        h_add(&line, h_name);
        h_add(&line, ": ");
        text->bytes[text->length] = 0;
        h_add(&line, text->bytes);
        h_put(&line);
        _exit(99);
    }
    if (!h_failed) {
        h_message = *text;
        h_failed = 1;
    }
}

static H_UNUSED int h_true(int holds, const char* what, const char* file, int line) {
    if (holds)
        return 1;
    int number = errno;
    struct h_text text = {0, {0}};
    h_where(&text, file, line);
    h_add(&text, what);
    h_add(&text, " does not hold (errno is ");
    h_add_errno(&text, number);
    h_add(&text, ")");
    h_fail(&text);
    return 0;
}

static H_UNUSED int h_compare(long got, long want, int holds, const char* what, const char* relation,
                              const char* file, int line) {
    if (holds)
        return 1;
    int number = errno;
    struct h_text text = {0, {0}};
    h_where(&text, file, line);
    h_add(&text, what);
    h_add(&text, " is ");
    h_add_number(&text, got);
    h_add(&text, ", want ");
    h_add(&text, relation);
    h_add_number(&text, want);
    if (got == -1) {
        h_add(&text, " (errno is ");
        h_add_errno(&text, number);
        h_add(&text, ")");
    }
    h_fail(&text);
    return 0;
}

static H_UNUSED int h_ok(long got, const char* what, const char* file, int line) {
    if (got != -1)
        return 1;
    int number = errno;
    struct h_text text = {0, {0}};
    h_where(&text, file, line);
    h_add(&text, what);
    h_add(&text, " fails with ");
    h_add_errno(&text, number);
    h_fail(&text);
    return 0;
}

static H_UNUSED int h_fails_with(long got, int number, int want, const char* what, const char* file,
                                 int line) {
    if (got == -1 && number == want)
        return 1;
    struct h_text text = {0, {0}};
    h_where(&text, file, line);
    h_add(&text, what);
    if (got == -1) {
        h_add(&text, " fails with ");
        h_add_errno(&text, number);
    } else {
        h_add(&text, " is ");
        h_add_number(&text, got);
    }
    h_add(&text, ", want ");
    h_add_errno(&text, want);
    h_fail(&text);
    return 0;
}

static H_UNUSED int h_same_text(const char* got, const char* want, const char* what, const char* file,
                                int line) {
    if (strcmp(got, want) == 0)
        return 1;
    struct h_text text = {0, {0}};
    h_where(&text, file, line);
    h_add(&text, what);
    h_add(&text, " is \"");
    h_add(&text, got);
    h_add(&text, "\", want \"");
    h_add(&text, want);
    h_add(&text, "\"");
    h_fail(&text);
    return 0;
}

#define H_COMPARE(shown, got, relation, text, want)                                                          \
    __extension__({                                                                                          \
        long h_got = (long)(got), h_want = (long)(want);                                                     \
        h_compare(h_got, h_want, h_got relation h_want, shown, text, __FILE__, __LINE__);                    \
    })
#define H_ERRNO(shown, expression, number)                                                                   \
    __extension__({                                                                                          \
        errno = 0;                                                                                           \
        long h_got = (long)(expression);                                                                     \
        h_fails_with(h_got, errno, number, shown, __FILE__, __LINE__);                                       \
    })

// EXPECT_ notes the failure and goes on; ASSERT_ leaves the function (which must return void).
#define EXPECT_TRUE(condition) h_true(!!(condition), #condition, __FILE__, __LINE__)
#define EXPECT_FALSE(condition) h_true(!(condition), "not " #condition, __FILE__, __LINE__)
#define EXPECT_EQ(got, want) H_COMPARE(#got, got, ==, "", want)
#define EXPECT_NE(got, want) H_COMPARE(#got, got, !=, "not ", want)
#define EXPECT_LT(got, want) H_COMPARE(#got, got, <, "less than ", want)
#define EXPECT_LE(got, want) H_COMPARE(#got, got, <=, "at most ", want)
#define EXPECT_GT(got, want) H_COMPARE(#got, got, >, "more than ", want)
#define EXPECT_GE(got, want) H_COMPARE(#got, got, >=, "at least ", want)
#define EXPECT_OK(expression) h_ok((long)(expression), #expression, __FILE__, __LINE__)
#define EXPECT_ERRNO(expression, number) H_ERRNO(#expression, expression, number)
#define EXPECT_STR(got, want) h_same_text(got, want, #got, __FILE__, __LINE__)

#define H_ASSERT(check)                                                                                      \
    do {                                                                                                     \
        if (!(check))                                                                                        \
            return;                                                                                          \
    } while (0)
#define ASSERT_TRUE(condition) H_ASSERT(h_true(!!(condition), #condition, __FILE__, __LINE__))
#define ASSERT_EQ(got, want) H_ASSERT(H_COMPARE(#got, got, ==, "", want))
#define ASSERT_GE(got, want) H_ASSERT(H_COMPARE(#got, got, >=, "at least ", want))
#define ASSERT_OK(expression) H_ASSERT(h_ok((long)(expression), #expression, __FILE__, __LINE__))
#define ASSERT_ERRNO(expression, number) H_ASSERT(H_ERRNO(#expression, expression, number))

#define SKIP(reason)                                                                                         \
    do {                                                                                                     \
        h_skipped = reason;                                                                                  \
        return;                                                                                              \
    } while (0)
#define NEED_ROOT()                                                                                          \
    do {                                                                                                     \
        if (geteuid() != 0)                                                                                  \
            SKIP("needs root");                                                                              \
    } while (0)
static int h_under_lxss H_UNUSED;
// For behaviour that lxss has and native Linux has not.
#define NEED_LXSS()                                                                                          \
    do {                                                                                                     \
        if (!h_under_lxss && !getenv("LXSS_GUEST"))                                                          \
            SKIP("for lxss only");                                                                           \
    } while (0)

// ---- child processes
// ----------------------------------------------------------------------------------------

static H_UNUSED int h_wait(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

// The child has ended with this exit code / was killed by this signal.
#define EXPECT_EXIT(pid, code)                                                                               \
    __extension__({                                                                                          \
        int h_status = h_wait(pid);                                                                          \
        h_compare(h_status, (code) << 8, h_status == (code) << 8, "status of " #pid, "", __FILE__,           \
                  __LINE__);                                                                                 \
    })
#define EXPECT_KILLED(pid, number)                                                                           \
    __extension__({                                                                                          \
        int h_status = h_wait(pid) & ~0x80;                                                                  \
        h_compare(h_status, number, h_status == (number), "status of " #pid, "", __FILE__, __LINE__);        \
    })

// Runs BODY in a child and expects the child to reach its end.
#define IN_CHILD(...)                                                                                        \
    do {                                                                                                     \
        pid_t h_child = fork();                                                                              \
        if (h_child == 0) {                                                                                  \
            __VA_ARGS__;                                                                                     \
            _exit(0);                                                                                        \
        }                                                                                                    \
        if (EXPECT_OK(h_child))                                                                              \
            EXPECT_EXIT(h_child, 0);                                                                         \
    } while (0)

#define OTHER_UID 54321
#define OTHER_GID 54322

// Gives up root for good in a child process; all three ids, and the supplementary groups.
static H_UNUSED int become_other_user(void) {
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, OTHER_GID, OTHER_GID, OTHER_GID) < 0 ||
        syscall(SYS_setresuid, OTHER_UID, OTHER_UID, OTHER_UID) < 0)
        return -1;
    return 0;
}

// ---- signals, time
// ------------------------------------------------------------------------------------------

static unsigned long h_signals_used;

// Installs a handler (or SIG_DFL, SIG_IGN); the harness restores SIG_DFL and an empty mask after the case.
static H_UNUSED int on_signal(int number, void (*handler)(int), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    h_signals_used |= 1UL << (number - 1);
    return sigaction(number, &action, NULL);
}

static H_UNUSED int on_signal_info(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    h_signals_used |= 1UL << (number - 1);
    return sigaction(number, &action, NULL);
}

static H_UNUSED sigset_t signal_set(int number) {
    sigset_t set;
    sigemptyset(&set);
    if (number)
        sigaddset(&set, number);
    return set;
}

static H_UNUSED int block_signal(int number) {
    sigset_t set = signal_set(number);
    h_signals_used |= 1UL << (number - 1);
    return sigprocmask(SIG_BLOCK, &set, NULL);
}

static H_UNUSED int unblock_signal(int number) {
    sigset_t set = signal_set(number);
    return sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void h_restore_signals(void) {
    if (!h_signals_used)
        return;
    for (int number = 1; number <= 64; number++)
        if (h_signals_used & 1UL << (number - 1)) {
            struct sigaction action;
            memset(&action, 0, sizeof action);
            action.sa_handler = SIG_IGN; // drops what is pending
            sigaction(number, &action, NULL);
            action.sa_handler = SIG_DFL;
            sigaction(number, &action, NULL);
        }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    h_signals_used = 0;
}

static H_UNUSED void sleep_ms(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

static H_UNUSED long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Waits until the condition holds, at most 5 seconds.
#define WAIT_UNTIL(condition)                                                                                \
    do {                                                                                                     \
        long h_end = now_ms() + 5000;                                                                        \
        while (!(condition) && now_ms() < h_end)                                                             \
            sleep_ms(1);                                                                                     \
        EXPECT_TRUE(condition);                                                                              \
    } while (0)

// Waits until a task sleeps in the kernel (state S or T of /proc/PID/stat), at most 5 seconds.
static H_UNUSED int wait_until_asleep(pid_t pid) {
    char path[64] = "/proc/", buffer[512];
    struct h_text text = {0, {0}};
    h_add(&text, path);
    h_add_number(&text, pid);
    h_add(&text, "/stat");
    text.bytes[text.length] = 0;
    for (int i = 0; i < 5000; i++) {
        int fd = open(text.bytes, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return -1;
        ssize_t length = read(fd, buffer, sizeof buffer - 1);
        close(fd);
        if (length <= 0)
            return -1;
        buffer[length] = 0;
        char* end = strrchr(buffer, ')');
        if (end && (end[2] == 'S' || end[2] == 'T' || end[2] == 'Z'))
            return 0;
        sleep_ms(1);
    }
    return -1;
}

// ---- files
// --------------------------------------------------------------------------------------------------

static char h_scratch[PATH_MAX];
static char h_self[PATH_MAX];

// Removes what lies below the directory, by the calls that every kernel brings up early.
static void h_empty_directory(int directory) {
    char buffer[4096];
    for (int again = 1; again;) {
        again = 0;
        lseek(directory, 0, SEEK_SET);
        long length;
        while ((length = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0)
            for (long at = 0; at < length;) {
                unsigned short size = *(unsigned short*)(buffer + at + 16);
                const char* name = buffer + at + 19;
                at += size;
                if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                    continue;
                if (unlinkat(directory, name, 0) == 0) {
                    again = 1;
                    continue;
                }
                if (unlinkat(directory, name, AT_REMOVEDIR) == 0) {
                    again = 1;
                    continue;
                }
                fchmodat(directory, name, 0700, 0);
                int inner = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
                if (inner < 0)
                    continue;
                h_empty_directory(inner);
                close(inner);
                if (unlinkat(directory, name, AT_REMOVEDIR) == 0)
                    again = 1;
            }
    }
}

static void h_leave_scratch(void) {
    if (!h_scratch[0])
        return;
    int ignored = chdir("/");
    (void)ignored;
    chmod(h_scratch, 0700);
    int fd = open(h_scratch, O_RDONLY | O_DIRECTORY);
    if (fd >= 0) {
        h_empty_directory(fd);
        close(fd);
    }
    rmdir(h_scratch);
    h_scratch[0] = 0;
}

// Makes a fresh directory the working directory (mode 0777); it is removed after the case.
static H_UNUSED int h_enter_scratch(void) {
    const char* base = getenv("TMPDIR");
    struct h_text text = {0, {0}};
    h_add(&text, base && *base ? base : "/tmp");
    h_add(&text, "/lxss-test-");
    h_add_number(&text, getpid());
    text.bytes[text.length] = 0;
    if (mkdir(text.bytes, 0777) < 0 && errno != EEXIST)
        return -1;
    strcpy(h_scratch, text.bytes);
    chmod(h_scratch, 0777);
    umask(022);
    return chdir(h_scratch);
}
#define SCRATCH() ASSERT_OK(h_enter_scratch())

// st_nlink of a directory with that many directories in it: two more, or 1 in file systems that do not count them (btrfs), which the
// working directory tells.
static H_UNUSED nlink_t links_with_directories(nlink_t count) {
    struct stat info;
    return stat(".", &info) == 0 && info.st_nlink == 1 ? 1 : count + 2;
}

// Creates or overwrites a file.
static H_UNUSED int put_file(const char* path, const char* text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        return -1;
    size_t length = strlen(text);
    ssize_t count = write(fd, text, length);
    close(fd);
    return count == (ssize_t)length ? 0 : -1;
}

// The start of a file as a string (in a static buffer of 64 KiB); "" when it cannot be read.
static H_UNUSED const char* file_text(const char* path) {
    static char buffer[65536];
    size_t have = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t count;
        while (have < sizeof buffer - 1 && (count = read(fd, buffer + have, sizeof buffer - 1 - have)) > 0)
            have += (size_t)count;
        close(fd);
    }
    buffer[have] = 0;
    return buffer;
}

// ---- main
// ---------------------------------------------------------------------------------------------------

static int h_counts[3]; // ok, failed, skipped

static int h_run_case(struct h_case* one) {
    struct h_text line = {0, {0}};
    h_pid = getpid();
    h_failed = 0;
    h_skipped = NULL;
    h_name = one->name;
    one->run();
    if (getpid() != h_pid) // a child ran off the end of its case
        _exit(98);
    h_restore_signals();
    h_leave_scratch();
    int result = h_failed ? 1 : h_skipped ? 2 : 0;
    h_add(&line, result == 1 ? "FAIL " : result == 2 ? "skip " : "ok ");
    h_add(&line, one->name);
    if (result) {
        h_message.bytes[h_message.length] = 0;
        h_add(&line, " ");
        h_add(&line, result == 1 ? h_message.bytes : h_skipped);
    }
    h_put(&line);
    return result;
}

static int h_run_case_in_child(struct h_case* one) {
    struct h_text line = {0, {0}};
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(h_run_case(one));
    }
    int status = child < 0 ? -1 : h_wait(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 2)
        return WEXITSTATUS(status);
    h_add(&line, "FAIL ");
    h_add(&line, one->name);
    h_add(&line, WIFSIGNALED(status) ? " killed by signal " : " ended with status ");
    h_add_number(&line, WIFSIGNALED(status) ? WTERMSIG(status) : status);
    h_put(&line);
    return 1;
}

#ifdef HARNESS_CHILD_MAIN
static int HARNESS_CHILD_MAIN(int argc, char** argv);
#endif

int main(int argc, char** argv) {
    struct h_text line = {0, {0}};
    int in_child = 0, verbose = 0, named = 0, unknown = 0;
#ifdef HARNESS_CHILD_MAIN
    if (argc > 1 && argv[1][0] == '@')
        return HARNESS_CHILD_MAIN(argc, argv);
#endif
    if (argc > 0 && argv[0][0] != '/' && strchr(argv[0], '/') && getcwd(h_self, sizeof h_self / 2)) {
        strcat(h_self, "/");
        strncat(h_self, argv[0], sizeof h_self / 2 - 2);
    } else
        strncpy(h_self, argc > 0 && argv[0][0] == '/' ? argv[0] : "/proc/self/exe", sizeof h_self - 1);
    syscall(436 /* close_range */, 3, ~0U, 0); // what a caller left open would change the numbers
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            for (struct h_case* one = h_cases; one; one = one->next) {
                h_add(&line, one->name);
                h_put(&line);
            }
            return 0;
        }
        if (strcmp(argv[i], "--fork") == 0)
            in_child = 1;
        else if (strcmp(argv[i], "--lxss") == 0)
            h_under_lxss = 1;
        else if (strcmp(argv[i], "-v") == 0)
            verbose = 1;
        else
            named++;
    }
    for (int i = 1; i < argc || !named; i++) {
        const char* name = named ? argv[i] : NULL;
        if (name && name[0] == '-')
            continue;
        int found = 0;
        for (struct h_case* one = h_cases; one; one = one->next) {
            if (name && strcmp(name, one->name) != 0)
                continue;
            found = 1;
            if (verbose) {
                h_add(&line, "run ");
                h_add(&line, one->name);
                h_put(&line);
            }
            h_counts[in_child ? h_run_case_in_child(one) : h_run_case(one)]++;
        }
        if (!found && name) {
            h_add(&line, "FAIL ");
            h_add(&line, name);
            h_add(&line, " no such case");
            h_put(&line);
            unknown = 1;
        }
        if (!named)
            break;
    }
    h_add_number(&line, h_counts[0]);
    h_add(&line, " ok, ");
    h_add_number(&line, h_counts[1]);
    h_add(&line, " failed, ");
    h_add_number(&line, h_counts[2]);
    h_add(&line, " skipped");
    h_put(&line);
    return h_counts[1] || unknown ? 1 : 0;
}

#endif
