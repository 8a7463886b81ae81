/* One process for each kind of blocking call, and a parent that checks what its partners see when it is killed.
 *
 *   sleepers [outside]
 *
 * Makes them, says "ready" once all sleep, waits until all have been killed, and prints "PASS" or what was wrong. "outside":
 * by the host. Then nobody can look through the list of robust mutexes, which is gone with the process's memory.
 *
 * The names of the sleeping processes (comm) start with "sleeper". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


static int g_failures;
static int g_live_pipe[2];   /* every sleeper holds its writing end: end of file once all are gone */
static int g_read_pipe[2];   /* "read" is the only reader */
static int g_write_pipe[2];  /* "write" is the only writer */
static int g_stream[2];      /* "recv" has the other end */
static int g_idle_pipe[2];   /* nobody writes */
static int g_queue, g_semaphore, g_undo;
static int g_record_file;
static unsigned *g_shared;   /* futex words: waiter, robust mutex behind */
static pthread_mutex_t *g_robust;
static char g_folder[] = "/tmp/sleepers-XXXXXX";

static void fail(const char *what, int error) {
    printf("FAIL %s (%s)\n", what, strerror(error));
    fflush(stdout);
    ++g_failures;
}

static char *path(const char *name) {
    char *text;
    return asprintf(&text, "%s/%s", g_folder, name) < 0 ? NULL : text;
}

static void sleep_read(void) {
    char byte;
    close(g_read_pipe[1]);
    (void)!read(g_read_pipe[0], &byte, 1);
}

static void sleep_write(void) {
    static char block[1 << 16];
    for (;;)
        (void)!write(g_write_pipe[1], block, sizeof(block));
}

static void sleep_recv(void) {
    char byte;
    (void)!recv(g_stream[1], &byte, 1, 0);
}

static void sleep_futex(void) {
    for (;;)
        syscall(SYS_futex, g_shared, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void sleep_robust(void) {
    pthread_mutex_lock(g_robust);
    pause();
}

static void sleep_poll(void) {
    struct pollfd entries[2] = {{g_idle_pipe[0], POLLIN, 0}, {g_stream[1], POLLIN, 0}};
    poll(entries, 2, -1);
}

static void sleep_select(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(g_idle_pipe[0], &set);
    select(g_idle_pipe[0] + 1, &set, NULL, NULL, NULL);
}

static void sleep_epoll(void) {
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, g_idle_pipe[0], &event);
    epoll_wait(epoll, &event, 1, -1);
}

static void sleep_wait(void) {
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "sleeper child");
        pause();
    }
    wait(NULL);
}

static void sleep_vfork(void) {
    if (vfork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
}

static void sleep_flock_owner(void) {
    int file = open(path("flock"), O_RDWR);
    flock(file, LOCK_EX);
    pause();
}

static void sleep_flock(void) {
    usleep(200000);
    int file = open(path("flock"), O_RDWR);
    flock(file, LOCK_EX);
    pause();
}

static void sleep_record_owner(void) {
    struct flock lock = {.l_type = F_WRLCK};
    fcntl(g_record_file, F_SETLKW, &lock);
    pause();
}

static void sleep_record(void) {
    usleep(200000);
    struct flock lock = {.l_type = F_WRLCK};
    fcntl(g_record_file, F_SETLKW, &lock);
    pause();
}

static void sleep_accept(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path("socket"));
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&address, sizeof(address));
    listen(server, 5);
    accept(server, NULL, NULL);
    accept(server, NULL, NULL);
    pause();
}

static void sleep_inet_accept(void) {
    int server = socket(AF_INET, SOCK_STREAM, 0);
    listen(server, 5);
    accept(server, NULL, NULL);
}

static void sleep_tty(void) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), number = 0, unlock = 0;
    char name[32], byte;
    ioctl(master, 0x80045430 /* TIOCGPTN */, &number);
    ioctl(master, 0x40045431 /* TIOCSPTLCK */, &unlock);
    snprintf(name, sizeof(name), "/dev/pts/%d", number);
    int slave = open(name, O_RDWR | O_NOCTTY);
    (void)!read(slave, &byte, 1);
}

static void sleep_nanosleep(void) { sleep(10000); }

static void sleep_sigwait(void) {
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigwait(&set, &number);
}

static void sleep_msgrcv(void) {
    struct { long type; char text[8]; } message;
    msgrcv(g_queue, &message, sizeof(message.text), 0, 0);
}

static void sleep_semop(void) {
    struct sembuf operation = {0, -1, 0};
    semop(g_semaphore, &operation, 1);
}

static void sleep_undo(void) {
    struct sembuf operation = {0, 1, SEM_UNDO};
    semop(g_undo, &operation, 1);
    pause();
}

static void sleep_timerfd(void) {
    char bytes[8];
    (void)!read(timerfd_create(CLOCK_MONOTONIC, 0), bytes, 8);
}

static void sleep_inotify(void) {
    char bytes[64];
    int watch = inotify_init();
    inotify_add_watch(watch, g_folder, IN_DELETE_SELF);
    (void)!read(watch, bytes, sizeof(bytes));
}

static void sleep_fifo(void) { (void)!open(path("fifo"), O_RDONLY); }

static void *thread(void *word) {
    syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
    return NULL;
}

static void sleep_threads(void) {
    pthread_t threads[8];
    for (int i = 0; i < 8; ++i)
        pthread_create(&threads[i], NULL, thread, g_shared);
    for (int i = 0; i < 8; ++i)
        pthread_join(threads[i], NULL);
}

static void spin(void) {
    for (;;)
        getppid();
}

static const struct {
    const char *name;
    void (*sleep)(void);
} kSleepers[] = {
    {"read", sleep_read}, {"write", sleep_write}, {"recv", sleep_recv}, {"futex", sleep_futex},
    {"robust", sleep_robust}, {"poll", sleep_poll}, {"select", sleep_select}, {"epoll", sleep_epoll},
    {"wait", sleep_wait}, {"vfork", sleep_vfork}, {"flockown", sleep_flock_owner}, {"flock", sleep_flock},
    {"lockown", sleep_record_owner}, {"lock", sleep_record}, {"accept", sleep_accept}, {"inet", sleep_inet_accept},
    {"tty", sleep_tty}, {"nanosleep", sleep_nanosleep}, {"sigwait", sleep_sigwait}, {"msgrcv", sleep_msgrcv},
    {"semop", sleep_semop}, {"undo", sleep_undo}, {"timerfd", sleep_timerfd}, {"inotify", sleep_inotify},
    {"fifo", sleep_fifo}, {"threads", sleep_threads}, {"spin", spin},
};
enum { kCount = sizeof(kSleepers) / sizeof(*kSleepers) };

static void prepare(void) {
    if (!mkdtemp(g_folder) || pipe(g_live_pipe) || pipe(g_read_pipe) || pipe(g_write_pipe) || pipe(g_idle_pipe) ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, g_stream))
        exit(2);
    close(open(path("flock"), O_RDWR | O_CREAT, 0600));
    g_record_file = open(path("record"), O_RDWR | O_CREAT, 0600);
    (void)!syscall(SYS_mknod, path("fifo"), 0010600, 0);
    g_shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_robust = (pthread_mutex_t *)(g_shared + 64);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(g_robust, &attributes);
    g_queue = msgget(IPC_PRIVATE, 0600);
    g_semaphore = semget(IPC_PRIVATE, 1, 0600);
    g_undo = semget(IPC_PRIVATE, 1, 0600);
}


int main(int argc, char **argv) {
    const int outside = argc > 1 && !strcmp(argv[1], "outside");
    pid_t pids[kCount];
    signal(SIGPIPE, SIG_IGN);
    prepare();
    for (int i = 0; i < kCount; ++i) {
        /* Known to be missing: a process that waits for its vfork's child ends only after that, even by SIGKILL. */
        if (!outside && kSleepers[i].sleep == sleep_vfork) {
            pids[i] = 0;
            continue;
        }
        pids[i] = fork();
        if (pids[i] == 0) {
            char name[16];
            snprintf(name, sizeof(name), "sleeper %s", kSleepers[i].name);
            prctl(PR_SET_NAME, name);
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(g_live_pipe[0]);
            if (kSleepers[i].sleep != sleep_read)
                close(g_read_pipe[0]), close(g_read_pipe[1]);
            if (kSleepers[i].sleep != sleep_write)
                close(g_write_pipe[0]), close(g_write_pipe[1]);
            if (kSleepers[i].sleep != sleep_recv)
                close(g_stream[0]), close(g_stream[1]), g_stream[1] = g_idle_pipe[0];
            else
                close(g_stream[0]);
            kSleepers[i].sleep();
            pause();
            _exit(0);
        }
    }
    close(g_live_pipe[1]);
    close(g_read_pipe[0]);
    close(g_write_pipe[1]);
    close(g_stream[1]);
    sleep(1);
    /* Two clients that the server of "accept" takes, and one that waits in its queue. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path("socket"));
    int clients[3];
    for (int i = 0; i < 3; ++i) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(clients[i], (struct sockaddr *)&address, sizeof(address)))
            fail("connect", errno);
    }
    printf("ready");
    for (int i = 0; i < kCount; ++i)
        if (pids[i])
            printf(" %s=%d", kSleepers[i].name, pids[i]);
    printf("\n");
    fflush(stdout);
    alarm(40);

    for (int i = 0; i < kCount; ++i) {
        int status = 0;
        if (!pids[i])
            continue;
        pid_t pid = waitpid(pids[i], &status, 0);
        if (pid != pids[i])
            fail("waitpid", errno);
        else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            printf("FAIL %s ended with status %#x\n", kSleepers[i].name, status), ++g_failures;
    }
    char byte, block[4096];
    if (read(g_live_pipe[0], &byte, 1) != 0)
        fail("the pipe that all held does not end", errno);
    if (write(g_read_pipe[1], "x", 1) != -1 || errno != EPIPE)
        fail("writing to the dead reader", errno);
    ssize_t got;
    while ((got = read(g_write_pipe[0], block, sizeof(block))) > 0)
        ;
    if (got != 0)
        fail("reading from the dead writer", errno);
    if (recv(g_stream[0], &byte, 1, 0) != 0)
        fail("the dead peer's stream does not end", errno);
    if (send(g_stream[0], "x", 1, 0) != -1 || errno != EPIPE)
        fail("sending to the dead peer", errno);
    for (int i = 0; i < 3; ++i) {
        errno = 0;
        got = recv(clients[i], &byte, 1, 0);
        if (got != 0 && errno != ECONNRESET)
            fail("a client of the dead server", errno);
    }
    int again = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(again, (struct sockaddr *)&address, sizeof(address)) != -1 || errno != ECONNREFUSED)
        fail("connecting to the dead server", errno);
    if (flock(open(path("flock"), O_RDWR), LOCK_EX | LOCK_NB))
        fail("flock", errno);
    struct flock lock = {.l_type = F_WRLCK};
    if (fcntl(g_record_file, F_SETLK, &lock))
        fail("fcntl lock", errno);
    if (semctl(g_undo, 0, GETVAL) != 0)
        fail("SEM_UNDO", 0);
    if (semctl(g_semaphore, 0, GETNCNT) != 0)
        fail("semaphore's waiters", 0);
    struct { long type; char text[8]; } message = {1, "hello"};
    if (msgsnd(g_queue, &message, sizeof(message.text), 0) || msgrcv(g_queue, &message, sizeof(message.text), 0, IPC_NOWAIT) < 0)
        fail("message queue", errno);
    int error = pthread_mutex_trylock(g_robust);
    if (!outside && error != EOWNERDEAD)
        fail("robust mutex", error);
    if (syscall(SYS_futex, g_shared, FUTEX_WAKE, 1000, NULL, NULL, 0) != 0)
        fail("futex waiters are left", 0);
    msgctl(g_queue, IPC_RMID, NULL);
    semctl(g_semaphore, 0, IPC_RMID);
    semctl(g_undo, 0, IPC_RMID);
    puts(g_failures ? "FAILED" : "PASS");
    return g_failures != 0;
}
