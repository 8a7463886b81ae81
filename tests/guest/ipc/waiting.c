// poll, ppoll, select, pselect, epoll, eventfd.
#include "harness.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>

TEST(poll_basics) {
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    struct pollfd set[3] = {{pipes[0], POLLIN, 0}, {-5, POLLIN, 99}, {999, POLLIN, 0}};
    EXPECT_EQ(poll(set, 3, 0), 1);
    EXPECT_EQ(set[0].revents, 0);
    EXPECT_EQ(set[1].revents, 0);
    EXPECT_EQ(set[2].revents, POLLNVAL);
    long start = now_ms();
    EXPECT_EQ(poll(set, 1, 30), 0);
    EXPECT_GE(now_ms() - start, 29);
    EXPECT_EQ(write(pipes[1], "x", 1), 1);
    EXPECT_EQ(poll(set, 1, -1), 1);
    EXPECT_ERRNO(syscall(SYS_poll, 8, 1, 0), EFAULT);
    EXPECT_ERRNO(syscall(SYS_poll, set, 1 << 30, 0), EINVAL);
    close(pipes[0]), close(pipes[1]);
    struct pollfd file = {open("/dev/null", O_RDWR), POLLIN | POLLOUT | POLLPRI, 0};
    EXPECT_EQ(poll(&file, 1, 0), 1);
    EXPECT_EQ(file.revents, POLLIN | POLLOUT);
    close(file.fd);
}

TEST(poll_wakes_for_another_process) {
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(20);
        _exit(write(pipes[1], "x", 1) == 1 ? 0 : 1);
    }
    struct pollfd poller = {pipes[0], POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 5000), 1);
    EXPECT_EXIT(child, 0);
    close(pipes[0]), close(pipes[1]);
}

static volatile int signals;
static void counting(int number) {
    (void)number;
    signals++;
}

TEST(ppoll_mask) {
    sigset_t none;
    signals = 0;
    on_signal(SIGUSR1, counting, 0);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    sigemptyset(&none);
    struct timespec limit = {5, 0};
    EXPECT_ERRNO(ppoll(NULL, 0, &limit, &none), EINTR);
    EXPECT_EQ(signals, 1);
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
}

TEST(select_sets) {
    int one[2], two[2];
    fd_set in, out;
    ASSERT_OK(pipe(one));
    ASSERT_OK(pipe(two));
    EXPECT_EQ(write(two[1], "x", 1), 1);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(one[0], &in), FD_SET(two[0], &in), FD_SET(one[1], &out);
    struct timeval limit = {5, 0};
    EXPECT_EQ(select(two[1] + 1, &in, &out, NULL, &limit), 2);
    EXPECT_FALSE(FD_ISSET(one[0], &in));
    EXPECT_TRUE(FD_ISSET(two[0], &in));
    EXPECT_TRUE(FD_ISSET(one[1], &out));
    FD_ZERO(&in);
    FD_SET(one[0], &in);
    limit = (struct timeval){0, 20000};
    EXPECT_EQ(syscall(SYS_select, one[0] + 1, &in, NULL, NULL, &limit), 0);
    EXPECT_FALSE(FD_ISSET(one[0], &in));
    EXPECT_EQ(limit.tv_sec * 1000000 + limit.tv_usec, 0);
    FD_SET(40, &in); // not open
    EXPECT_ERRNO(select(41, &in, NULL, NULL, &limit), EBADF);
    EXPECT_ERRNO(select(-1, NULL, NULL, NULL, NULL), EINVAL);
    sigset_t none;
    sigemptyset(&none);
    struct timespec zero = {0, 0};
    FD_ZERO(&in);
    FD_SET(two[0], &in);
    EXPECT_EQ(pselect(two[0] + 1, &in, NULL, NULL, &zero, &none), 1);
    close(one[0]), close(one[1]), close(two[0]), close(two[1]);
}

static int add(int epoll, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

TEST(epoll_level_and_edge) {
    int pipes[2], epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[4];
    char byte;
    ASSERT_OK(epoll);
    ASSERT_OK(pipe(pipes));
    ASSERT_OK(add(epoll, pipes[0], EPOLLIN, 0x1122334455667788));
    EXPECT_EQ(epoll_wait(epoll, events, 4, 0), 0);
    EXPECT_EQ(write(pipes[1], "ab", 2), 2);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(epoll_wait(epoll, events, 4, 0), 1);
        EXPECT_EQ(events[0].events, EPOLLIN);
        EXPECT_EQ(events[0].data.u64, 0x1122334455667788);
    }
    struct epoll_event change = {.events = EPOLLIN | EPOLLET, .data.u64 = 5};
    ASSERT_OK(epoll_ctl(epoll, EPOLL_CTL_MOD, pipes[0], &change));
    EXPECT_EQ(epoll_wait(epoll, events, 4, 0), 1);
    EXPECT_EQ(events[0].data.u64, 5);
    EXPECT_EQ(epoll_wait(epoll, events, 4, 0), 0);
    EXPECT_EQ(read(pipes[0], &byte, 1), 1);
    EXPECT_EQ(epoll_wait(epoll, events, 4, 0), 0);
    EXPECT_EQ(write(pipes[1], "c", 1), 1);
    EXPECT_EQ(epoll_wait(epoll, events, 4, 0), 1);
    EXPECT_EQ(epoll_wait(epoll, events, 4, 0), 0);
    close(pipes[0]), close(pipes[1]), close(epoll);
}

TEST(epoll_oneshot) {
    int fd = eventfd(1, 0), epoll = epoll_create1(0);
    struct epoll_event event;
    ASSERT_OK(add(epoll, fd, EPOLLIN | EPOLLONESHOT, 1));
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 1);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
    event.events = EPOLLIN | EPOLLONESHOT;
    ASSERT_OK(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 1);
    close(fd), close(epoll);
}

TEST(epoll_errors) {
    SCRATCH();
    int pipes[2], epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    ASSERT_OK(pipe(pipes));
    ASSERT_OK(add(epoll, pipes[0], EPOLLIN, 0));
    EXPECT_ERRNO(add(epoll, pipes[0], EPOLLIN, 0), EEXIST);
    EXPECT_ERRNO(add(epoll, 999, EPOLLIN, 0), EBADF);
    EXPECT_ERRNO(add(999, pipes[0], EPOLLIN, 0), EBADF);
    EXPECT_ERRNO(add(pipes[0], pipes[1], EPOLLIN, 0), EINVAL);
    EXPECT_ERRNO(add(epoll, epoll, EPOLLIN, 0), EINVAL);
    EXPECT_ERRNO(epoll_ctl(epoll, EPOLL_CTL_MOD, pipes[1], &event), ENOENT);
    EXPECT_ERRNO(epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[1], NULL), ENOENT);
    EXPECT_ERRNO(epoll_ctl(epoll, 77, pipes[0], &event), EINVAL);
    ASSERT_OK(put_file("f", ""));
    int file = open("f", O_RDONLY);
    EXPECT_ERRNO(add(epoll, file, EPOLLIN, 0), EPERM);
    EXPECT_ERRNO(epoll_wait(epoll, &event, 0, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_epoll_create1, 77), EINVAL);
    EXPECT_ERRNO(syscall(SYS_epoll_create, 0), EINVAL);
    EXPECT_OK(epoll_ctl(epoll, EPOLL_CTL_DEL, pipes[0], NULL));
    close(pipes[0]), close(pipes[1]), close(epoll), close(file);
}

TEST(epoll_close_removes) {
    int fd = eventfd(1, 0), epoll = epoll_create1(0);
    struct epoll_event event;
    ASSERT_OK(add(epoll, fd, EPOLLIN, 7));
    int copy = dup(fd);
    close(fd);
    // The open file lives on by its copy.
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 1);
    close(copy);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 0), 0);
    close(epoll);
}

TEST(epoll_nested) {
    int inner = epoll_create1(0), outer = epoll_create1(0), fd = eventfd(0, 0);
    struct epoll_event event;
    ASSERT_OK(add(inner, fd, EPOLLIN, 1));
    ASSERT_OK(add(outer, inner, EPOLLIN, 2));
    EXPECT_ERRNO(add(inner, outer, EPOLLIN, 3), ELOOP);
    EXPECT_EQ(epoll_wait(outer, &event, 1, 0), 0);
    EXPECT_OK(eventfd_write(fd, 1));
    EXPECT_EQ(epoll_wait(outer, &event, 1, 1000), 1);
    EXPECT_EQ(event.data.u64, 2);
    struct pollfd poller = {outer, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 1);
    close(inner), close(outer), close(fd);
}

TEST(epoll_is_fair) {
    int epoll = epoll_create1(0), fds[4], seen = 0;
    struct epoll_event event;
    for (int i = 0; i < 4; i++) {
        fds[i] = eventfd(1, 0);
        ASSERT_OK(add(epoll, fds[i], EPOLLIN, (uint64_t)i));
    }
    for (int i = 0; i < 4; i++)
        if (epoll_wait(epoll, &event, 1, 0) == 1)
            seen |= 1 << event.data.u64;
    EXPECT_EQ(seen, 15);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    close(epoll);
}

TEST(epoll_hang_up) {
    int pipes[2], epoll = epoll_create1(0);
    struct epoll_event event;
    ASSERT_OK(pipe(pipes));
    ASSERT_OK(add(epoll, pipes[0], 0, 1));
    close(pipes[1]);
    EXPECT_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
    EXPECT_EQ(event.events, EPOLLHUP);
    close(pipes[0]), close(epoll);
}

TEST(event_descriptor) {
    uint64_t value = 0;
    int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT_OK(fd);
    EXPECT_EQ(read(fd, &value, 8), 8);
    EXPECT_EQ(value, 3);
    EXPECT_ERRNO(read(fd, &value, 8), EAGAIN);
    value = 5;
    EXPECT_EQ(write(fd, &value, 8), 8);
    EXPECT_EQ(write(fd, &value, 8), 8);
    EXPECT_EQ(read(fd, &value, 8), 8);
    EXPECT_EQ(value, 10);
    value = ~0UL;
    EXPECT_ERRNO(write(fd, &value, 8), EINVAL);
    value = ~0UL - 1;
    EXPECT_EQ(write(fd, &value, 8), 8);
    value = 1;
    EXPECT_ERRNO(write(fd, &value, 8), EAGAIN);
    struct pollfd poller = {fd, POLLIN | POLLOUT, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 1);
    EXPECT_EQ(poller.revents, POLLIN);
    EXPECT_ERRNO(read(fd, &value, 4), EINVAL);
    close(fd);
    fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    EXPECT_EQ(read(fd, &value, 8), 8);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(read(fd, &value, 8), 8);
    EXPECT_ERRNO(read(fd, &value, 8), EAGAIN);
    close(fd);
    EXPECT_ERRNO(eventfd(0, 0x10), EINVAL);
}
