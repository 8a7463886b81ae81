// pipe, pipe2, FIFOs.
#include "harness.h"

#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>

TEST(bytes_go_through) {
    int pipes[2];
    char buffer[16] = {0};
    ASSERT_OK(pipe(pipes));
    EXPECT_EQ(write(pipes[1], "hello", 5), 5);
    EXPECT_EQ(write(pipes[1], " you", 4), 4);
    EXPECT_EQ(read(pipes[0], buffer, 3), 3);
    EXPECT_STR(buffer, "hel");
    EXPECT_EQ(read(pipes[0], buffer, 16), 6);
    EXPECT_ERRNO(write(pipes[0], "x", 1), EBADF);
    EXPECT_ERRNO(read(pipes[1], buffer, 1), EBADF);
    close(pipes[0]), close(pipes[1]);
    EXPECT_ERRNO(syscall(SYS_pipe, 8), EFAULT);
}

TEST(end_of_file_when_writers_are_gone) {
    int pipes[2];
    char byte;
    ASSERT_OK(pipe(pipes));
    EXPECT_EQ(write(pipes[1], "x", 1), 1);
    int copy = dup(pipes[1]);
    close(pipes[1]);
    close(copy);
    EXPECT_EQ(read(pipes[0], &byte, 1), 1);
    EXPECT_EQ(read(pipes[0], &byte, 1), 0);
    close(pipes[0]);
}

static volatile int sigpipes;
static void count_sigpipe(int number) {
    (void)number;
    sigpipes++;
}

TEST(no_reader_is_epipe) {
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    close(pipes[0]);
    on_signal(SIGPIPE, SIG_IGN, 0);
    EXPECT_ERRNO(write(pipes[1], "x", 1), EPIPE);
    sigpipes = 0;
    on_signal(SIGPIPE, count_sigpipe, 0);
    EXPECT_ERRNO(write(pipes[1], "x", 1), EPIPE);
    EXPECT_EQ(sigpipes, 1);
    EXPECT_EQ(write(pipes[1], "x", 0), 0);
    close(pipes[1]);
}

TEST(pipe2_flags) {
    int pipes[2];
    char byte;
    ASSERT_OK(pipe2(pipes, O_CLOEXEC | O_NONBLOCK));
    EXPECT_EQ(fcntl(pipes[0], F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(pipes[0], F_GETFL), O_RDONLY | O_NONBLOCK);
    EXPECT_EQ(fcntl(pipes[1], F_GETFL), O_WRONLY | O_NONBLOCK);
    EXPECT_ERRNO(read(pipes[0], &byte, 1), EAGAIN);
    close(pipes[0]), close(pipes[1]);
    EXPECT_ERRNO(pipe2(pipes, O_APPEND), EINVAL);
}

TEST(capacity) {
    int pipes[2];
    static char block[4096];
    ASSERT_OK(pipe2(pipes, O_NONBLOCK));
    long total = 0, count;
    while ((count = write(pipes[1], block, sizeof block)) > 0)
        total += count;
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(total, 65536);
    EXPECT_ERRNO(write(pipes[1], block, 1), EAGAIN);
    EXPECT_EQ(read(pipes[0], block, 4096), 4096);
    EXPECT_EQ(write(pipes[1], block, 1), 1);
    close(pipes[0]), close(pipes[1]);
}

TEST(pipe_size) {
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    EXPECT_EQ(fcntl(pipes[0], F_GETPIPE_SZ), 65536);
    EXPECT_EQ(fcntl(pipes[1], F_SETPIPE_SZ, 5000), 8192);
    EXPECT_EQ(fcntl(pipes[0], F_GETPIPE_SZ), 8192);
    static char block[8192];
    EXPECT_EQ(write(pipes[1], block, 8192), 8192);
    EXPECT_ERRNO(fcntl(pipes[0], F_SETPIPE_SZ, 4096), EBUSY);
    EXPECT_EQ(fcntl(pipes[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    close(pipes[0]), close(pipes[1]);
}

TEST(small_writes_are_atomic) {
    int pipes[2];
    static char block[65536];
    ASSERT_OK(pipe2(pipes, O_NONBLOCK));
    EXPECT_EQ(write(pipes[1], block, 65536 - 4096 + 0), 61440);
    EXPECT_EQ(write(pipes[1], block, 4000), 4000);
    // 96 bytes are left in the last buffer: a write of at most PIPE_BUF goes whole or not at all.
    EXPECT_ERRNO(write(pipes[1], block, 4096), EAGAIN);
    EXPECT_EQ(write(pipes[1], block, 96), 96);
    close(pipes[0]), close(pipes[1]);
}

TEST(large_nonblocking_write_is_partial) {
    int pipes[2];
    static char block[200000];
    ASSERT_OK(pipe2(pipes, O_NONBLOCK));
    EXPECT_EQ(write(pipes[1], block, sizeof block), 65536);
    close(pipes[0]), close(pipes[1]);
}

TEST(bytes_available) {
    int pipes[2], count = -1;
    ASSERT_OK(pipe(pipes));
    EXPECT_OK(ioctl(pipes[0], FIONREAD, &count));
    EXPECT_EQ(count, 0);
    EXPECT_EQ(write(pipes[1], "12345", 5), 5);
    EXPECT_OK(ioctl(pipes[0], FIONREAD, &count));
    EXPECT_EQ(count, 5);
    close(pipes[0]), close(pipes[1]);
}

TEST(poll_states) {
    int pipes[2];
    static char block[65536];
    ASSERT_OK(pipe2(pipes, O_NONBLOCK));
    struct pollfd in = {pipes[0], POLLIN | POLLOUT, 0}, out = {pipes[1], POLLIN | POLLOUT, 0};
    EXPECT_EQ(poll(&in, 1, 0), 0);
    EXPECT_EQ(poll(&out, 1, 0), 1);
    EXPECT_EQ(out.revents, POLLOUT);
    EXPECT_EQ(write(pipes[1], block, 65536), 65536);
    EXPECT_EQ(poll(&out, 1, 0), 0);
    EXPECT_EQ(poll(&in, 1, 0), 1);
    EXPECT_EQ(in.revents, POLLIN);
    close(pipes[0]);
    EXPECT_EQ(poll(&out, 1, 0), 1);
    EXPECT_EQ(out.revents & POLLERR, POLLERR);
    close(pipes[1]);
    ASSERT_OK(pipe(pipes));
    in.fd = pipes[0];
    close(pipes[1]);
    EXPECT_EQ(poll(&in, 1, 0), 1);
    EXPECT_EQ(in.revents, POLLHUP);
    close(pipes[0]);
}

TEST(child_writes_parent_reads) {
    int pipes[2];
    char buffer[100];
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        for (int i = 0; i < 1000; i++)
            if (write(pipes[1], "0123456789", 10) != 10)
                _exit(1);
        _exit(0);
    }
    close(pipes[1]);
    long total = 0, count;
    while ((count = read(pipes[0], buffer, sizeof buffer)) > 0)
        total += count;
    EXPECT_EQ(count, 0);
    EXPECT_EQ(total, 10000);
    EXPECT_EXIT(child, 0);
    close(pipes[0]);
}

TEST(blocked_writer_goes_on) {
    int pipes[2];
    static char block[300000];
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        _exit(write(pipes[1], block, sizeof block) == sizeof block ? 0 : 1);
    }
    close(pipes[1]);
    long total = 0, count;
    while ((count = read(pipes[0], block, 7777)) > 0)
        total += count;
    EXPECT_EQ(total, 300000);
    EXPECT_EXIT(child, 0);
    close(pipes[0]);
}

TEST(reader_death_ends_a_blocked_writer) {
    int pipes[2];
    static char block[100000];
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        close(pipes[0]);
        long count = write(pipes[1], block, sizeof block);
        (void)count;
        _exit(1);
    }
    close(pipes[1]);
    EXPECT_OK(wait_until_asleep(child));
    close(pipes[0]);
    EXPECT_KILLED(child, SIGPIPE);
}

static void* open_reader(void* name) {
    return (void*)(long)open(name, O_RDONLY);
}

TEST(fifo_open_waits_for_the_other_side) {
    SCRATCH();
    char buffer[8] = {0};
    ASSERT_OK(mkfifo("p", 0600));
    EXPECT_ERRNO(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, NULL, open_reader, "p"), 0);
    int out = open("p", O_WRONLY);
    void* in;
    pthread_join(thread, &in);
    EXPECT_OK(out);
    EXPECT_GE((long)in, 0);
    EXPECT_EQ(write(out, "via", 3), 3);
    EXPECT_EQ(read((int)(long)in, buffer, 8), 3);
    EXPECT_STR(buffer, "via");
    close(out);
    EXPECT_EQ(read((int)(long)in, buffer, 8), 0);
    close((int)(long)in);
}

TEST(fifo_nonblocking_reader) {
    SCRATCH();
    char byte;
    ASSERT_OK(mkfifo("p", 0600));
    int in = open("p", O_RDONLY | O_NONBLOCK);
    ASSERT_OK(in);
    EXPECT_EQ(read(in, &byte, 1), 0);
    int out = open("p", O_WRONLY | O_NONBLOCK);
    ASSERT_OK(out);
    EXPECT_ERRNO(read(in, &byte, 1), EAGAIN);
    EXPECT_EQ(write(out, "y", 1), 1);
    close(out);
    EXPECT_EQ(read(in, &byte, 1), 1);
    EXPECT_EQ(read(in, &byte, 1), 0);
    struct pollfd poller = {in, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 1);
    EXPECT_EQ(poller.revents, POLLHUP);
    close(in);
    int both = open("p", O_RDWR);
    ASSERT_OK(both);
    EXPECT_EQ(write(both, "z", 1), 1);
    EXPECT_EQ(read(both, &byte, 1), 1);
    close(both);
}
