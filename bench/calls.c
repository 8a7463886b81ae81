// Times one operation. Prints nanoseconds for one.
//
//   calls NAME COUNT
//
// Static, so that the same file runs natively, in an instance and under PRoot.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char file_name[] = "/tmp/lxss-bench-XXXXXX";
static int file;
static char block[4096];
static int there[2], back[2];

static void fail(const char* what) {
    perror(what);
    exit(1);
}

static void check(long result, const char* what) {
    if (result < 0)
        fail(what);
}

static void do_getppid(void) { syscall(SYS_getppid); }

static void do_stat(void) {
    struct stat status;
    check(stat(file_name, &status), "stat");
}

static void do_open_close(void) {
    int opened = open(file_name, O_RDONLY);
    check(opened, "open");
    close(opened);
}

static void do_pread(void) {
    if (pread(file, block, sizeof(block), 0) != sizeof(block))
        fail("pread");
}

static void do_ping_pong(void) {
    char byte = 0;
    check(write(there[1], &byte, 1), "write");
    check(read(back[0], &byte, 1), "read");
}

static void wait_for(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("child");
}

static void do_fork(void) {
    pid_t child = fork();
    check(child, "fork");
    if (child == 0)
        _exit(0);
    wait_for(child);
}

static void do_exec(void) {
    pid_t child = fork();
    check(child, "fork");
    if (child == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    wait_for(child);
}

static void begin_ping_pong(void) {
    check(pipe(there), "pipe");
    check(pipe(back), "pipe");
    pid_t child = fork();
    check(child, "fork");
    if (child == 0) {
        char byte;
        close(there[1]);
        while (read(there[0], &byte, 1) == 1)
            check(write(back[1], &byte, 1), "write");
        _exit(0);
    }
}

static const struct {
    const char* name;
    void (*step)(void);
} operations[] = {
    {"getppid", do_getppid}, {"stat", do_stat}, {"open+close", do_open_close}, {"pread 4 KiB", do_pread},
    {"pipe ping-pong", do_ping_pong}, {"fork+exit+wait", do_fork}, {"fork+exec+wait", do_exec},
};

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    file = mkstemp(file_name);
    check(file, "mkstemp");
    if (write(file, block, sizeof(block)) != sizeof(block))
        fail("write");
    int result = 2;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(argv[1], operations[i].name))
            continue;
        if (operations[i].step == do_ping_pong)
            begin_ping_pong();
        long count = atol(argv[2]);
        struct timespec begin, end;
        // What happens once only (a call site's first use, a page's first touch) is not what is measured.
        for (long n = 0; n < count / 10 + 2; n++)
            operations[i].step();
        clock_gettime(CLOCK_MONOTONIC, &begin);
        for (long n = 0; n < count; n++)
            operations[i].step();
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("%.1f\n", ((end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec)) / count);
        result = 0;
    }
    unlink(file_name);
    return result;
}
