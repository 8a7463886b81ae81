/* Uses up one resource after the other, checks the error, gives it back, and checks that things work again.
 *
 *   exhaust descriptors [LIMIT] | memory | processes | threads | stack | disk FOLDER
 *
 * Prints "PASS", or what was wrong. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int g_failures;

static void check(int good, const char *what) {
    if (!good) {
        printf("FAIL %s (%s)\n", what, strerror(errno));
        ++g_failures;
    }
}

static void set_limit(int which, rlim_t value) {
    const struct rlimit limit = {value, value};
    check(setrlimit(which, &limit) == 0, "setrlimit");
}

/* Opens files until that fails; the error. */
static int open_all(int (*open_one)(int), int *fds, int capacity, int *count) {
    *count = 0;
    while (*count < capacity) {
        const int fd = open_one(*count);
        if (fd < 0)
            return errno;
        fds[(*count)++] = fd;
    }
    return 0;
}

static int open_null(int i) { (void)i; return open("/dev/null", O_RDWR); }
static int open_host_file(int i) {
    char name[32];
    snprintf(name, sizeof(name), "/var/tmp/exhaust/%d", i);
    return open(name, O_RDWR | O_CREAT, 0600);
}
static int open_socket(int i) { (void)i; return socket(AF_UNIX, SOCK_STREAM, 0); }
static int open_inet(int i) { (void)i; return socket(AF_INET, SOCK_STREAM, 0); }
static int open_pipe(int i) {
    int pair[2];
    (void)i;
    if (pipe(pair))
        return -1;
    close(pair[1]);
    return pair[0];
}
static int open_epoll(int i) { (void)i; return epoll_create1(0); }

/* With `limit` the guest's own limit is met; without one only the host's may be. */
static void descriptors(int limit) {
    static int (*const kinds[])(int) = {open_null, open_host_file, open_socket, open_inet, open_pipe, open_epoll};
    static int fds[5000];
    mkdir("/var/tmp/exhaust", 0700);
    if (limit)
        set_limit(RLIMIT_NOFILE, (rlim_t)limit);
    for (unsigned kind = 0; kind < sizeof(kinds) / sizeof(*kinds); ++kind) {
        for (int turn = 0; turn < 2; ++turn) {
            int count = 0;
            const int error = open_all(kinds[kind], fds, limit ? 5000 : 600, &count);
            if (limit ? error != EMFILE : error != 0 && error != EMFILE && error != ENFILE)
                printf("FAIL kind %u turn %d: %s\n", kind, turn, strerror(error)), ++g_failures;
            check(!limit || count <= limit, "more than the limit");
            if (count <= 10)
                printf("FAIL kind %u turn %d: only %d could be opened\n", kind, turn, count), ++g_failures;
            while (count > 0)
                close(fds[--count]);
            const int again = open("/etc/passwd", O_RDONLY);
            check(again >= 0, "open after all was closed");
            close(again);
        }
    }
    if (system("rm -rf /var/tmp/exhaust") != 0)
        check(0, "rm");
}

static void memory(void) {
    set_limit(RLIMIT_AS, 256 << 20);
    enum { kBlock = 4 << 20 };
    for (int turn = 0; turn < 3; ++turn) {
        void *blocks[128];
        int count = 0;
        for (; count < 128; ++count) {
            blocks[count] = mmap(NULL, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (blocks[count] == MAP_FAILED)
                break;
            memset(blocks[count], 1, kBlock);
        }
        check(count > 30 && count < 128 && errno == ENOMEM, "mmap under RLIMIT_AS");
        check(brk((char *)sbrk(0) + (64 << 20)) == -1 && errno == ENOMEM, "brk under RLIMIT_AS");
        while (count > 0)
            munmap(blocks[--count], kBlock);
    }
    char *block = malloc(1 << 20);
    check(block != NULL, "malloc after that");
}

static void processes(void) {
    set_limit(RLIMIT_NPROC, 40);
    if (setuid(65534) != 0)
        check(0, "setuid");
    for (int turn = 0; turn < 3; ++turn) {
        pid_t pids[100];
        int count = 0;
        for (; count < 100; ++count) {
            pids[count] = fork();
            if (pids[count] == 0) {
                pause();
                _exit(0);
            }
            if (pids[count] < 0)
                break;
        }
        check(count > 20 && count <= 40 && errno == EAGAIN, "fork under RLIMIT_NPROC");
        while (count > 0) {
            kill(pids[--count], SIGKILL);
            check(waitpid(pids[count], NULL, 0) == pids[count], "waitpid");
        }
    }
    check(system("true") == 0, "a process after that");
}

static void *wait_on_lock(void *lock) {
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

static void threads(void) {
    set_limit(RLIMIT_NPROC, 60);
    if (setuid(65534) != 0)
        check(0, "setuid");
    for (int turn = 0; turn < 3; ++turn) {
        pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        pthread_t ids[100];
        int count = 0, error = 0;
        pthread_mutex_lock(&lock);
        for (; count < 100; ++count)
            if ((error = pthread_create(&ids[count], NULL, wait_on_lock, &lock)) != 0)
                break;
        pthread_mutex_unlock(&lock);
        check(count > 40 && count < 100 && error == EAGAIN, "pthread_create under RLIMIT_NPROC");
        while (count > 0)
            pthread_join(ids[--count], NULL);
        usleep(50000);
    }
}

static int sink(volatile char *above) {
    volatile char frame[4096];
    frame[0] = above ? above[0] : 0;
    return above ? sink(frame) + frame[0] : 0;
}

static void stack(void) {
    set_limit(RLIMIT_CORE, 0);
    for (int turn = 0; turn < 4; ++turn) {
        const pid_t pid = fork();
        if (pid == 0) {
            if (turn % 2)
                set_limit(RLIMIT_STACK, 256 << 10);
            char first = 1;
            _exit(sink(&first) == 0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        check(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "the overflow of the stack");
    }
    /* A signal handler without a stack to run on, and a stack pointer into nowhere. */
    for (int turn = 0; turn < 4; ++turn) {
        const pid_t pid = fork();
        if (pid == 0) {
            signal(SIGUSR1, (void (*)(int))(void *)usleep);
            static const unsigned long places[] = {0, 0x624000000800, 0x7ffffffff000, 0xffff800000000000};
            asm volatile("mov %0, %%rsp; mov %1, %%edi; mov %2, %%esi; mov $62, %%eax; syscall; push %%rax; ud2"
                         : : "r"(places[turn]), "r"(getpid()), "i"(SIGUSR1) : "rax", "rdi", "rsi", "rcx", "r11");
        }
        int status = 0;
        waitpid(pid, &status, 0);
        check(WIFSIGNALED(status), "a signal without a stack");
    }
}

static void disk(const char *folder) {
    static char block[1 << 20];
    char name[256];
    if (chdir(folder) != 0) {
        check(0, folder);
        return;
    }
    for (int turn = 0; turn < 3; ++turn) {
        int file = open("large", O_RDWR | O_CREAT | O_TRUNC, 0600);
        check(file >= 0, "open");
        memset(block, 'x', sizeof(block));
        ssize_t wrote = 0;
        int blocks = 0;
        while (blocks < 4096 && (wrote = write(file, block, sizeof(block))) > 0)
            ++blocks;
        check(wrote == -1 && errno == ENOSPC, "write to the full disk");
        int small = 0;
        for (; small < 100000; ++small) {
            snprintf(name, sizeof(name), "small%d", small);
            const int fd = open(name, O_WRONLY | O_CREAT, 0600);
            if (fd < 0) {
                check(errno == ENOSPC, "create on the full disk");
                break;
            }
            wrote = write(fd, block, 5000);
            close(fd);
            if (wrote != 5000)
                break;
        }
        mkdir("folder", 0700);
        rename("large", "renamed");
        (void)!symlink("somewhere", "link");
        (void)!chmod("renamed", 0644);
        (void)!truncate("renamed", 100);
        struct stat information;
        check(fstat(file, &information) == 0 && information.st_size == 100, "size after truncate");
        close(file);
        for (int i = 0; i <= small; ++i) {
            snprintf(name, sizeof(name), "small%d", i);
            unlink(name);
        }
        check(unlink("renamed") == 0, "unlink");
        unlink("link");
        rmdir("folder");
        file = open("after", O_RDWR | O_CREAT, 0600);
        check(file >= 0 && write(file, block, sizeof(block)) == sizeof(block), "write after files were deleted");
        close(file);
        unlink("after");
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "descriptors"))
        descriptors(argc > 2 ? atoi(argv[2]) : 0);
    else if (!strcmp(what, "memory"))
        memory();
    else if (!strcmp(what, "processes"))
        processes();
    else if (!strcmp(what, "threads"))
        threads();
    else if (!strcmp(what, "stack"))
        stack();
    else if (!strcmp(what, "disk") && argc > 2)
        disk(argv[2]);
    else
        return 2;
    puts(g_failures ? "FAILED" : "PASS");
    return g_failures != 0;
}
