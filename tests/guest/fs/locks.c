// Record locks, open-file-description locks, flock.
#include "harness.h"

#include <sys/file.h>

static int lock(int fd, int command, int type, off_t start, off_t length) {
    struct flock request = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &request);
}

TEST(record_locks_exclude_other_processes) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 10, 10));
    EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 0)); // one's own never conflict
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 0, 10));
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 20, 0));
    pid_t parent = getpid();
    IN_CHILD({
        EXPECT_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
        EXPECT_ERRNO(lock(fd, F_SETLK, F_RDLCK, 15, 1), EAGAIN);
        EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 10));
        EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 20, 5));
        struct flock query = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
        EXPECT_OK(fcntl(fd, F_GETLK, &query));
        EXPECT_EQ(query.l_type, F_WRLCK);
        EXPECT_EQ(query.l_start, 10);
        EXPECT_EQ(query.l_len, 10);
        EXPECT_EQ(query.l_pid, parent);
    });
    close(fd);
}

TEST(shared_record_locks) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(lock(fd, F_SETLK, F_RDLCK, 0, 0));
    IN_CHILD({
        EXPECT_OK(lock(fd, F_SETLK, F_RDLCK, 0, 0));
        EXPECT_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN);
    });
    EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    close(fd);
    int reader = open("f", O_RDONLY);
    EXPECT_ERRNO(lock(reader, F_SETLK, F_WRLCK, 0, 0), EBADF);
    close(reader);
}

TEST(closing_any_descriptor_drops_record_locks) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600), other = open("f", O_RDWR);
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    close(other);
    IN_CHILD(EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 0)));
    close(fd);
}

TEST(waiting_for_a_record_lock) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    pid_t child = fork();
    if (child == 0)
        _exit(lock(fd, F_SETLKW, F_WRLCK, 0, 0) == 0 ? 0 : 1);
    EXPECT_OK(wait_until_asleep(child));
    EXPECT_EQ(waitpid(child, NULL, WNOHANG), 0);
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    EXPECT_EXIT(child, 0);
    close(fd);
}

TEST(deadlock_is_found) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600), pipes[2];
    char byte;
    ASSERT_OK(pipe(pipes));
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t child = fork();
    if (child == 0) {
        EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 1, 1));
        EXPECT_EQ(write(pipes[1], "x", 1), 1);
        _exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 0 : 1);
    }
    EXPECT_EQ(read(pipes[0], &byte, 1), 1);
    EXPECT_OK(wait_until_asleep(child));
    EXPECT_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    EXPECT_EXIT(child, 0);
    close(fd), close(pipes[0]), close(pipes[1]);
}

TEST(open_file_locks) {
    SCRATCH();
    int one = open("f", O_RDWR | O_CREAT, 0600), two = open("f", O_RDWR);
    ASSERT_OK(lock(one, F_OFD_SETLK, F_WRLCK, 0, 10));
    EXPECT_ERRNO(lock(two, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
    EXPECT_OK(lock(two, F_OFD_SETLK, F_WRLCK, 10, 10));
    struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    EXPECT_OK(fcntl(two, F_OFD_GETLK, &query));
    EXPECT_EQ(query.l_pid, -1);
    EXPECT_EQ(query.l_len, 10);
    // They belong to the open file: a child has them too, and they end with the last descriptor.
    IN_CHILD({
        EXPECT_OK(lock(one, F_OFD_SETLK, F_WRLCK, 0, 10));
        EXPECT_ERRNO(lock(one, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
    });
    close(one);
    EXPECT_OK(lock(two, F_OFD_SETLK, F_WRLCK, 0, 10));
    query.l_pid = 5;
    EXPECT_ERRNO(fcntl(two, F_OFD_SETLK, &query), EINVAL);
    close(two);
}

TEST(flock_rules) {
    SCRATCH();
    int one = open("f", O_RDWR | O_CREAT, 0600), two = open("f", O_RDONLY), copy = dup(one);
    EXPECT_OK(flock(one, LOCK_EX));
    EXPECT_ERRNO(flock(two, LOCK_EX | LOCK_NB), EAGAIN);
    EXPECT_ERRNO(flock(two, LOCK_SH | LOCK_NB), EAGAIN);
    EXPECT_OK(flock(copy, LOCK_SH));
    EXPECT_OK(flock(two, LOCK_SH | LOCK_NB));
    EXPECT_ERRNO(flock(one, LOCK_EX | LOCK_NB), EAGAIN);
    close(one);
    EXPECT_OK(flock(copy, LOCK_UN));
    EXPECT_OK(flock(two, LOCK_EX | LOCK_NB));
    EXPECT_ERRNO(flock(two, 77), EINVAL);
    EXPECT_ERRNO(flock(-1, LOCK_EX), EBADF);
    close(two), close(copy);
}

TEST(flock_waits) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(flock(fd, LOCK_EX));
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        int own = open("f", O_RDWR);
        _exit(flock(own, LOCK_EX) == 0 ? 0 : 1);
    }
    EXPECT_OK(wait_until_asleep(child));
    close(fd);
    EXPECT_EXIT(child, 0);
}

// ---- who waits for whom

// A child that holds byte `own` of the file, says so, and then waits for byte `wanted`; its exit status is 0 when it gets it.
static pid_t start_waiter(const char* name, int own, int wanted) {
    int ready[2];
    char byte;
    if (pipe(ready) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        int fd = open(name, O_RDWR);
        if (lock(fd, F_SETLK, F_WRLCK, own, 1) < 0)
            _exit(2);
        if (write(ready[1], "x", 1) != 1)
            _exit(3);
        _exit(lock(fd, F_SETLKW, F_WRLCK, wanted, 1) == 0 ? 0 : errno);
    }
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]), close(ready[1]);
    EXPECT_OK(wait_until_asleep(child));
    return child;
}

TEST(deadlock_of_three) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t one = start_waiter("f", 1, 0); // waits for us
    pid_t two = start_waiter("f", 2, 1); // waits for one
    EXPECT_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 2, 1), EDEADLK);
    EXPECT_ERRNO(lock(fd, F_SETLK, F_WRLCK, 2, 1), EAGAIN); // who does not wait cannot deadlock
    // Without us they get what they want, one after the other.
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 0, 1));
    EXPECT_EXIT(one, 0);
    EXPECT_EXIT(two, 0);
    close(fd);
}

TEST(deadlock_over_two_files) {
    SCRATCH();
    int f = open("f", O_RDWR | O_CREAT, 0600), g = open("g", O_RDWR | O_CREAT, 0600), ready[2];
    char byte;
    ASSERT_OK(pipe(ready));
    ASSERT_OK(lock(f, F_SETLK, F_WRLCK, 0, 0));
    pid_t child = fork();
    if (child == 0) {
        EXPECT_OK(lock(g, F_SETLK, F_RDLCK, 0, 0));
        EXPECT_EQ(write(ready[1], "x", 1), 1);
        _exit(lock(f, F_SETLKW, F_RDLCK, 100, 1) == 0 ? 0 : 1);
    }
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_OK(wait_until_asleep(child));
    EXPECT_OK(lock(g, F_SETLKW, F_RDLCK, 0, 0)); // both may read
    EXPECT_ERRNO(lock(g, F_SETLKW, F_WRLCK, 0, 0), EDEADLK);
    close(f);
    EXPECT_EXIT(child, 0);
    close(g), close(ready[0]), close(ready[1]);
}

static void nothing(int number) { (void)number; }

TEST(a_signal_ends_the_wait) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_handler = nothing};
        sigaction(SIGUSR1, &action, NULL);
        int own = open("f", O_RDWR);
        EXPECT_ERRNO(lock(own, F_SETLKW, F_WRLCK, 0, 0), EINTR);
        EXPECT_ERRNO(lock(own, F_OFD_SETLKW, F_WRLCK, 0, 0), EINTR);
        EXPECT_OK(flock(fd, LOCK_UN));
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(wait_until_asleep(child));
        EXPECT_OK(kill(child, SIGUSR1));
        for (int round = 0; i == 0 && round < 100; round++)
            usleep(1000); // until it waits again
    }
    EXPECT_EXIT(child, 0);
    close(fd);
}

TEST(a_killed_owner_lets_go) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 5, 1));
    pid_t owner = start_waiter("f", 0, 5);
    pid_t waiter = start_waiter("f", 1, 0);
    EXPECT_OK(kill(owner, SIGKILL));
    EXPECT_EXIT(waiter, 0);
    EXPECT_EQ(waitpid(owner, NULL, 0), owner);
    // It no longer waits for us, either.
    EXPECT_OK(lock(fd, F_SETLKW, F_WRLCK, 0, 2));
    close(fd);
}

// ---- ranges

// What another process would meet on [start, start + length): "R10+5" or "-".
static const char* held(const char* name, off_t start, off_t length) {
    static char text[64];
    int pipes[2];
    memset(text, 0, sizeof text);
    if (pipe(pipes) < 0)
        return "pipe";
    pid_t child = fork();
    if (child == 0) {
        int fd = open(name, O_RDWR);
        struct flock query = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
        if (fcntl(fd, F_GETLK, &query) < 0)
            _exit(1);
        if (query.l_type == F_UNLCK)
            strcpy(text, "-");
        else
            snprintf(text, sizeof text, "%c%ld+%ld", query.l_type == F_RDLCK ? 'R' : 'W', (long)query.l_start,
                     (long)query.l_len);
        _exit(write(pipes[1], text, sizeof text) == sizeof text ? 0 : 1);
    }
    EXPECT_EQ(read(pipes[0], text, sizeof text), sizeof text);
    close(pipes[0]), close(pipes[1]);
    waitpid(child, NULL, 0);
    return text;
}

TEST(ranges_split_and_join) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(lock(fd, F_SETLK, F_RDLCK, 0, 100));
    EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 40, 20));
    EXPECT_STR(held("f", 0, 0), "R0+40");
    EXPECT_STR(held("f", 40, 1), "W40+20");
    EXPECT_STR(held("f", 60, 1), "R60+40");
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 50, 5));
    EXPECT_STR(held("f", 50, 5), "-");
    EXPECT_STR(held("f", 45, 1), "W40+10");
    EXPECT_STR(held("f", 55, 1), "W55+5");
    EXPECT_OK(lock(fd, F_SETLK, F_RDLCK, 30, 40));
    EXPECT_STR(held("f", 50, 1), "R0+100");
    // To the end, wherever that is.
    EXPECT_OK(lock(fd, F_SETLK, F_WRLCK, 90, 0));
    EXPECT_STR(held("f", 1000000, 1), "W90+0");
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    EXPECT_STR(held("f", 0, 0), "-");
    close(fd);
}

TEST(where_ranges_start) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(ftruncate(fd, 100));
    EXPECT_EQ(lseek(fd, 50, SEEK_SET), 50);
    struct flock request = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = -10, .l_len = 5};
    EXPECT_OK(fcntl(fd, F_SETLK, &request));
    EXPECT_STR(held("f", 0, 0), "W40+5");
    request = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
    EXPECT_OK(fcntl(fd, F_SETLK, &request));
    request = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -20, .l_len = 0};
    EXPECT_OK(fcntl(fd, F_SETLK, &request));
    EXPECT_STR(held("f", 0, 0), "W80+0");
    request = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
    EXPECT_OK(fcntl(fd, F_SETLK, &request));
    // A negative length is what lies before the start.
    request = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 30, .l_len = -10};
    EXPECT_OK(fcntl(fd, F_SETLK, &request));
    EXPECT_STR(held("f", 0, 0), "W20+10");
    request = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -1, .l_len = 10};
    EXPECT_ERRNO(fcntl(fd, F_SETLK, &request), EINVAL);
    request = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = -10};
    EXPECT_ERRNO(fcntl(fd, F_SETLK, &request), EINVAL);
    request = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = INT64_MAX, .l_len = 2};
    EXPECT_ERRNO(fcntl(fd, F_SETLK, &request), EOVERFLOW);
    request = (struct flock){.l_type = F_WRLCK, .l_whence = 7};
    EXPECT_ERRNO(fcntl(fd, F_SETLK, &request), EINVAL);
    request = (struct flock){.l_type = 9, .l_whence = SEEK_SET};
    EXPECT_ERRNO(fcntl(fd, F_SETLK, &request), EINVAL);
    close(fd);
}

TEST(kinds_of_locks_and_fork) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    // flock and record locks do not know each other.
    ASSERT_OK(flock(fd, LOCK_EX));
    ASSERT_OK(lock(fd, F_SETLK, F_WRLCK, 0, 0));
    IN_CHILD({
        // The child shares the open file and with it flock's lock; record locks it has none of.
        EXPECT_OK(flock(fd, LOCK_SH));
        EXPECT_ERRNO(lock(fd, F_SETLK, F_RDLCK, 0, 0), EAGAIN);
        EXPECT_OK(flock(fd, LOCK_EX));
    });
    EXPECT_OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    // They are kept over exec: a shell that inherits the descriptor still holds the file.
    char command[100];
    int other = open("f", O_RDWR);
    snprintf(command, sizeof command, "exec sleep 0.1 %d>&%d", fd, fd);
    EXPECT_ERRNO(flock(other, LOCK_EX | LOCK_NB), EAGAIN);
    EXPECT_OK(system(command));
    EXPECT_ERRNO(flock(other, LOCK_EX | LOCK_NB), EAGAIN);
    close(fd);
    EXPECT_OK(flock(other, LOCK_EX | LOCK_NB));
    close(other);
}
