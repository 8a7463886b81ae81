// EINTR and SA_RESTART, per blocking call.
#include "harness.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile int count;
static int wake_descriptor = -1;
static volatile int futex_word;

// The second signal makes a restarted call end: it writes the byte that the reader waits for.
static void counting(int number) {
    (void)number;
    if (count == 1)
        futex_word = 1;
    if (++count == 2 && wake_descriptor >= 0) {
        long ignored = write(wake_descriptor, "w", 1);
        (void)ignored;
    }
}

static void start_timer(int flags) {
    struct itimerval timer = {{0, 15000}, {0, 15000}};
    count = futex_word = 0;
    on_signal(SIGALRM, counting, flags);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_timer(void) {
    struct itimerval none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &none, NULL);
    wake_descriptor = -1;
}

TEST(read_of_a_pipe) {
    int pipes[2];
    char byte;
    ASSERT_OK(pipe(pipes));
    start_timer(0);
    EXPECT_ERRNO(read(pipes[0], &byte, 1), EINTR);
    stop_timer();
    wake_descriptor = pipes[1];
    start_timer(SA_RESTART);
    EXPECT_EQ(read(pipes[0], &byte, 1), 1);
    EXPECT_GE(count, 2);
    stop_timer();
    close(pipes[0]), close(pipes[1]);
}

TEST(partial_write_of_a_pipe) {
    int pipes[2];
    static char block[100000];
    ASSERT_OK(pipe(pipes));
    start_timer(0);
    EXPECT_EQ(write(pipes[1], block, sizeof block), 65536);
    EXPECT_ERRNO(write(pipes[1], block, 10), EINTR);
    stop_timer();
    close(pipes[0]), close(pipes[1]);
}

TEST(sleep_and_its_remainder) {
    struct timespec time = {5, 0}, left = {0, 0};
    start_timer(SA_RESTART); // nanosleep ends with EINTR also with SA_RESTART
    EXPECT_ERRNO(nanosleep(&time, &left), EINTR);
    stop_timer();
    EXPECT_EQ(left.tv_sec, 4);
    EXPECT_GT(left.tv_nsec, 500000000);
}

TEST(waitpid_is_restarted) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(60);
        _exit(0);
    }
    start_timer(0);
    EXPECT_ERRNO(waitpid(child, &status, 0), EINTR);
    stop_timer();
    start_timer(SA_RESTART);
    EXPECT_EQ(waitpid(child, &status, 0), child);
    stop_timer();
}

TEST(poll_is_never_restarted) {
    struct pollfd none = {-1, 0, 0};
    start_timer(SA_RESTART);
    EXPECT_ERRNO(poll(&none, 1, 5000), EINTR);
    EXPECT_ERRNO(poll(NULL, 0, -1), EINTR);
    EXPECT_ERRNO(select(0, NULL, NULL, NULL, NULL), EINTR);
    stop_timer();
}

TEST(epoll_is_never_restarted) {
    struct epoll_event event;
    int fd = epoll_create1(0);
    start_timer(SA_RESTART);
    EXPECT_ERRNO(epoll_wait(fd, &event, 1, -1), EINTR);
    EXPECT_ERRNO(epoll_wait(fd, &event, 1, 5000), EINTR);
    stop_timer();
    close(fd);
}

TEST(futex_wait) {
    int word = 0;
    struct timespec limit = {5, 0};
    start_timer(0);
    EXPECT_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL), EINTR);
    EXPECT_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &limit), EINTR);
    stop_timer();
    start_timer(SA_RESTART);
    EXPECT_ERRNO(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &limit), EINTR);
    stop_timer();
    // Restarted after the first signal; after the second the word has changed.
    start_timer(SA_RESTART);
    EXPECT_ERRNO(syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, NULL), EAGAIN);
    EXPECT_EQ(count, 2);
    stop_timer();
}

TEST(socket_receive) {
    int pair[2];
    char byte;
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    start_timer(0);
    EXPECT_ERRNO(recv(pair[0], &byte, 1, 0), EINTR);
    stop_timer();
    wake_descriptor = pair[1];
    start_timer(SA_RESTART);
    EXPECT_EQ(recv(pair[0], &byte, 1, 0), 1);
    stop_timer();
    // With a receive time-out the call is not restarted.
    struct timeval limit = {5, 0};
    ASSERT_OK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    start_timer(SA_RESTART);
    EXPECT_ERRNO(recv(pair[0], &byte, 1, 0), EINTR);
    stop_timer();
    close(pair[0]), close(pair[1]);
}

TEST(open_of_a_fifo) {
    SCRATCH();
    ASSERT_OK(mkfifo("p", 0600));
    start_timer(0);
    EXPECT_ERRNO(open("p", O_RDONLY), EINTR);
    stop_timer();
}

TEST(ignored_signals_interrupt_nothing) {
    struct timespec time = {0, 50000000};
    on_signal(SIGALRM, SIG_IGN, 0);
    struct itimerval timer = {{0, 10000}, {0, 10000}};
    setitimer(ITIMER_REAL, &timer, NULL);
    EXPECT_OK(nanosleep(&time, NULL));
    stop_timer();
}

TEST(lock_wait) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600), pipes[2];
    char byte;
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        fcntl(fd, F_SETLK, &lock);
        EXPECT_EQ(write(pipes[1], "x", 1), 1);
        for (;;)
            pause();
    }
    EXPECT_EQ(read(pipes[0], &byte, 1), 1);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    start_timer(0);
    EXPECT_ERRNO(fcntl(fd, F_SETLKW, &lock), EINTR);
    stop_timer();
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
    EXPECT_OK(fcntl(fd, F_SETLK, &lock));
    close(fd), close(pipes[0]), close(pipes[1]);
}
