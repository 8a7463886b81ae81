// dup, dup2, dup3, fcntl on descriptors, close_range.
#include "harness.h"

TEST(dup_shares_the_offset) {
    SCRATCH();
    ASSERT_OK(put_file("f", "0123456789"));
    int fd = open("f", O_RDONLY), copy = dup(fd);
    EXPECT_OK(copy);
    lseek(fd, 4, SEEK_SET);
    EXPECT_EQ(lseek(copy, 0, SEEK_CUR), 4);
    int other = open("f", O_RDONLY);
    EXPECT_EQ(lseek(other, 0, SEEK_CUR), 0);
    close(fd);
    EXPECT_EQ(lseek(copy, 0, SEEK_CUR), 4);
    close(copy), close(other);
}

TEST(dup2_replaces) {
    int one = open("/dev/null", O_RDONLY), two = open("/dev/zero", O_RDONLY);
    char byte = 1;
    EXPECT_EQ(dup2(one, two), two);
    EXPECT_EQ(read(two, &byte, 1), 0);
    EXPECT_EQ(dup2(one, one), one);
    EXPECT_ERRNO(dup2(-1, two), EBADF);
    EXPECT_ERRNO(dup2(999, 999), EBADF);
    EXPECT_ERRNO(dup2(one, -1), EBADF);
    EXPECT_ERRNO(dup2(one, 1 << 30), EBADF);
    EXPECT_EQ(read(two, &byte, 1), 0);
    close(one), close(two);
}

TEST(dup3_flags) {
    int one = open("/dev/null", O_RDONLY);
    EXPECT_EQ(dup3(one, 200, O_CLOEXEC), 200);
    EXPECT_EQ(fcntl(200, F_GETFD), FD_CLOEXEC);
    EXPECT_ERRNO(syscall(SYS_dup3, one, one, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_dup3, one, 200, O_APPEND), EINVAL);
    EXPECT_EQ(dup2(one, 200), 200);
    EXPECT_EQ(fcntl(200, F_GETFD), 0);
    close(200), close(one);
}

TEST(close_on_exec_flag) {
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    int copy = dup(fd);
    EXPECT_EQ(fcntl(copy, F_GETFD), 0);
    EXPECT_OK(fcntl(fd, F_SETFD, 0));
    EXPECT_EQ(fcntl(fd, F_GETFD), 0);
    close(fd), close(copy);
}

TEST(dupfd) {
    int fd = open("/dev/null", O_RDONLY);
    int copy = fcntl(fd, F_DUPFD, 100);
    EXPECT_EQ(copy, 100);
    int next = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    EXPECT_EQ(next, 101);
    EXPECT_EQ(fcntl(next, F_GETFD), FD_CLOEXEC);
    EXPECT_ERRNO(fcntl(fd, F_DUPFD, -1), EINVAL);
    EXPECT_ERRNO(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
    EXPECT_ERRNO(fcntl(999, F_DUPFD, 0), EBADF);
    close(fd), close(copy), close(next);
}

TEST(status_flags) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600);
    int copy = dup(fd);
    EXPECT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_CREAT | O_EXCL | O_NONBLOCK), O_RDWR | O_APPEND);
    EXPECT_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
    EXPECT_EQ(fcntl(copy, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    // The access mode cannot be changed.
    EXPECT_OK(fcntl(fd, F_SETFL, O_WRONLY));
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    close(fd), close(copy);
}

TEST(unknown_command) {
    int fd = open("/dev/null", O_RDONLY);
    EXPECT_ERRNO(fcntl(fd, 9999), EINVAL);
    EXPECT_ERRNO(fcntl(999, F_GETFD), EBADF);
    EXPECT_ERRNO(fcntl(fd, F_GETPIPE_SZ), EBADF);
    close(fd);
}

TEST(many_descriptors) {
    int fds[200];
    for (int i = 0; i < 200; i++) {
        fds[i] = open("/dev/null", O_RDONLY);
        if (i > 0)
            EXPECT_EQ(fds[i], fds[i - 1] + 1);
    }
    close(fds[50]), close(fds[10]);
    EXPECT_EQ(dup(fds[0]), fds[10]);
    EXPECT_EQ(dup(fds[0]), fds[50]);
    for (int i = 0; i < 200; i++)
        EXPECT_OK(close(fds[i]));
}

TEST(close_range_call) {
    int fd = open("/dev/null", O_RDONLY);
    for (int i = 300; i < 310; i++)
        dup2(fd, i);
    EXPECT_OK(syscall(436, 302, 305, 0));
    EXPECT_OK(fcntl(301, F_GETFD));
    EXPECT_ERRNO(fcntl(302, F_GETFD), EBADF);
    EXPECT_ERRNO(fcntl(305, F_GETFD), EBADF);
    EXPECT_OK(fcntl(306, F_GETFD));
    EXPECT_OK(syscall(436, 306, 307, 4 /* CLOSE_RANGE_CLOEXEC */));
    EXPECT_EQ(fcntl(306, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(308, F_GETFD), 0);
    EXPECT_ERRNO(syscall(436, 10, 5, 0), EINVAL);
    EXPECT_ERRNO(syscall(436, 302, 305, 64), EINVAL);
    EXPECT_OK(syscall(436, 300, ~0U, 0));
    EXPECT_ERRNO(fcntl(309, F_GETFD), EBADF);
    close(fd);
}

TEST(fork_shares_open_files) {
    SCRATCH();
    ASSERT_OK(put_file("f", "0123456789"));
    int fd = open("f", O_RDONLY);
    IN_CHILD({
        EXPECT_EQ(lseek(fd, 7, SEEK_SET), 7);
        close(fd);
    });
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 7);
    close(fd);
}

TEST(kcmp_or_enosys) {
    // Same open file or not: through the offset, where kcmp is not allowed.
    int fd = open("/dev/null", O_RDONLY), copy = dup(fd), other = open("/dev/null", O_RDONLY);
    long same = syscall(SYS_kcmp, getpid(), getpid(), 0, fd, copy);
    if (same < 0) {
        close(fd), close(copy), close(other);
        SKIP("kcmp is not there");
    }
    EXPECT_EQ(same, 0);
    EXPECT_NE(syscall(SYS_kcmp, getpid(), getpid(), 0, fd, other), 0);
    close(fd), close(copy), close(other);
}
