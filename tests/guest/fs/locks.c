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
