// read, write, pread, pwrite, readv, pwritev, lseek, O_APPEND.
#include "harness.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

TEST(write_then_read) {
    SCRATCH();
    char buffer[16] = {0};
    int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);
    ASSERT_OK(fd);
    EXPECT_EQ(write(fd, "hello", 5), 5);
    EXPECT_EQ(read(fd, buffer, 16), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(read(fd, buffer, 3), 3);
    EXPECT_STR(buffer, "hel");
    EXPECT_EQ(read(fd, buffer, 16), 2);
    EXPECT_OK(close(fd));
}

TEST(bad_descriptors) {
    char byte = 0;
    EXPECT_ERRNO(read(-1, &byte, 1), EBADF);
    EXPECT_ERRNO(write(-1, &byte, 1), EBADF);
    EXPECT_ERRNO(read(1000, &byte, 1), EBADF);
    EXPECT_ERRNO(close(1000), EBADF);
    EXPECT_ERRNO(lseek(1000, 0, SEEK_SET), EBADF);
}

TEST(access_mode_is_checked) {
    SCRATCH();
    char byte = 0;
    ASSERT_OK(put_file("f", "x"));
    int fd = open("f", O_RDONLY);
    EXPECT_ERRNO(write(fd, &byte, 1), EBADF);
    close(fd);
    fd = open("f", O_WRONLY);
    EXPECT_ERRNO(read(fd, &byte, 1), EBADF);
    EXPECT_ERRNO(pread(fd, &byte, 1, 0), EBADF);
    close(fd);
}

TEST(bad_addresses) {
    SCRATCH();
    ASSERT_OK(put_file("f", "text"));
    int fd = open("f", O_RDWR);
    EXPECT_ERRNO(syscall(SYS_read, fd, 8, 4), EFAULT);
    EXPECT_ERRNO(syscall(SYS_write, fd, 8, 4), EFAULT);
    EXPECT_ERRNO(syscall(SYS_write, fd, -8, 4), EFAULT);
    EXPECT_EQ(syscall(SYS_read, fd, 8, 0), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
    close(fd);
}

TEST(partial_fault_writes_what_can_be_read) {
    char* page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int pipes[2];
    char buffer[16] = {0};
    ASSERT_TRUE(page != MAP_FAILED);
    ASSERT_OK(munmap(page + 4096, 4096));
    memset(page, 'a', 4096);
    ASSERT_OK(pipe(pipes));
    EXPECT_ERRNO(write(pipes[1], page + 4096, 10), EFAULT);
    EXPECT_EQ(write(pipes[1], page + 4091, 5), 5);
    EXPECT_EQ(read(pipes[0], buffer, 16), 5);
    close(pipes[0]);
    close(pipes[1]);
    munmap(page, 4096);
}

TEST(lseek_whence) {
    SCRATCH();
    ASSERT_OK(put_file("f", "0123456789"));
    int fd = open("f", O_RDWR);
    EXPECT_EQ(lseek(fd, 4, SEEK_SET), 4);
    EXPECT_EQ(lseek(fd, 2, SEEK_CUR), 6);
    EXPECT_EQ(lseek(fd, -1, SEEK_END), 9);
    EXPECT_EQ(lseek(fd, 5, SEEK_END), 15);
    EXPECT_ERRNO(lseek(fd, -20, SEEK_CUR), EINVAL);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERRNO(lseek(fd, 0, 77), EINVAL);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 15);
    close(fd);
}

TEST(hole_reads_as_zeroes) {
    SCRATCH();
    char buffer[32];
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    EXPECT_EQ(lseek(fd, 20, SEEK_SET), 20);
    EXPECT_EQ(write(fd, "x", 1), 1);
    memset(buffer, 1, sizeof buffer);
    EXPECT_EQ(pread(fd, buffer, 32, 0), 21);
    int sum = 0;
    for (int i = 0; i < 20; i++)
        sum |= buffer[i];
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(buffer[20], 'x');
    close(fd);
}

TEST(pread_pwrite_keep_the_offset) {
    SCRATCH();
    char buffer[8] = {0};
    ASSERT_OK(put_file("f", "abcdef"));
    int fd = open("f", O_RDWR);
    EXPECT_EQ(lseek(fd, 1, SEEK_SET), 1);
    EXPECT_EQ(pread(fd, buffer, 2, 3), 2);
    EXPECT_STR(buffer, "de");
    EXPECT_EQ(pwrite(fd, "XY", 2, 4), 2);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 1);
    EXPECT_ERRNO(pread(fd, buffer, 1, -1), EINVAL);
    EXPECT_ERRNO(pwrite(fd, buffer, 1, -1), EINVAL);
    EXPECT_EQ(pread(fd, buffer, 1, 100), 0);
    close(fd);
    EXPECT_STR(file_text("f"), "abcdXY");
}

TEST(readv_writev) {
    SCRATCH();
    char one[4] = {0}, two[8] = {0};
    struct iovec out[3] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}};
    struct iovec in[2] = {{one, 3}, {two, 7}};
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    EXPECT_EQ(writev(fd, out, 3), 6);
    lseek(fd, 0, SEEK_SET);
    EXPECT_EQ(readv(fd, in, 2), 6);
    EXPECT_STR(one, "abc");
    EXPECT_STR(two, "def");
    EXPECT_ERRNO(writev(fd, out, -1), EINVAL);
    EXPECT_ERRNO(writev(fd, out, 1025), EINVAL);
    EXPECT_EQ(writev(fd, out, 0), 0);
    struct iovec negative = {one, (size_t)-1};
    EXPECT_ERRNO(readv(fd, &negative, 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_readv, fd, 8, 1), EFAULT);
    close(fd);
}

TEST(preadv_pwritev) {
    SCRATCH();
    char one[3] = {0}, two[3] = {0};
    struct iovec out[2] = {{"12", 2}, {"34", 2}};
    struct iovec in[2] = {{one, 2}, {two, 2}};
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    EXPECT_EQ(pwritev(fd, out, 2, 3), 4);
    EXPECT_EQ(preadv(fd, in, 2, 3), 4);
    EXPECT_STR(one, "12");
    EXPECT_STR(two, "34");
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 0);
    // preadv2 with offset -1 uses and moves the file's offset.
    EXPECT_EQ(syscall(SYS_preadv2, fd, in, 2, -1L, 0L, 0), 4);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 4);
    EXPECT_ERRNO(syscall(SYS_preadv2, fd, in, 2, 0L, 0L, 0x40000000), EOPNOTSUPP);
    close(fd);
}

TEST(append_goes_to_the_end) {
    SCRATCH();
    ASSERT_OK(put_file("f", "abc"));
    int fd = open("f", O_RDWR | O_APPEND);
    lseek(fd, 0, SEEK_SET);
    EXPECT_EQ(write(fd, "d", 1), 1);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 4);
    // Linux: pwrite on O_APPEND appends, whatever the offset.
    EXPECT_EQ(pwrite(fd, "e", 1, 0), 1);
    close(fd);
    EXPECT_STR(file_text("f"), "abcde");
}

TEST(append_by_two_descriptors) {
    SCRATCH();
    int one = open("f", O_WRONLY | O_APPEND | O_CREAT, 0644);
    int two = open("f", O_WRONLY | O_APPEND);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(write(one, "1", 1), 1);
        EXPECT_EQ(write(two, "2", 1), 1);
    }
    close(one);
    close(two);
    EXPECT_STR(file_text("f"), "121212");
}

TEST(read_of_a_directory) {
    SCRATCH();
    char byte;
    int fd = open(".", O_RDONLY);
    EXPECT_ERRNO(read(fd, &byte, 1), EISDIR);
    EXPECT_ERRNO(write(fd, &byte, 1), EBADF);
    close(fd);
}

TEST(seek_on_a_pipe) {
    int pipes[2];
    char byte;
    ASSERT_OK(pipe(pipes));
    EXPECT_ERRNO(lseek(pipes[0], 0, SEEK_CUR), ESPIPE);
    EXPECT_ERRNO(pread(pipes[0], &byte, 1, 0), ESPIPE);
    EXPECT_ERRNO(pwrite(pipes[1], &byte, 1, 0), ESPIPE);
    close(pipes[0]);
    close(pipes[1]);
}

TEST(large_file_offsets) {
    SCRATCH();
    char byte = 0;
    off_t far = 5L << 30;
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    EXPECT_EQ(pwrite(fd, "z", 1, far), 1);
    EXPECT_EQ(lseek(fd, 0, SEEK_END), far + 1);
    EXPECT_EQ(pread(fd, &byte, 1, far), 1);
    EXPECT_EQ(byte, 'z');
    EXPECT_EQ(pread(fd, &byte, 1, far - 1), 1);
    EXPECT_EQ(byte, 0);
    close(fd);
}

TEST(offset_limit) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    EXPECT_ERRNO(pwrite(fd, "z", 1, 0x7fffffffffffffff), EINVAL);
    // The file system says how large a file may be: tmpfs lets the last byte be written, ext4 does not.
    errno = 0;
    ssize_t written = pwrite(fd, "z", 1, 0x7ffffffffffffffe);
    EXPECT_TRUE(written == 1 || (written == -1 && errno == EFBIG));
    EXPECT_EQ(pread(fd, &(char){0}, 1, 0x7ffffffffffffffe), written == 1 ? 1 : 0);
    close(fd);
}

TEST(a_big_write_in_one_call) {
    SCRATCH();
    size_t size = 3 << 20;
    char* data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 7 + (i >> 12));
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    EXPECT_EQ(write(fd, data, size), size);
    char* back = calloc(1, size);
    EXPECT_EQ(pread(fd, back, size, 0), size);
    EXPECT_EQ(memcmp(data, back, size), 0);
    free(data);
    free(back);
    close(fd);
}

TEST(file_size_limit_sends_sigxfsz) {
    SCRATCH();
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {10, 10};
        setrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, SIG_IGN);
        int fd = open("f", O_RDWR | O_CREAT, 0644);
        EXPECT_EQ(write(fd, "0123456789abc", 13), 10);
        EXPECT_ERRNO(write(fd, "x", 1), EFBIG);
        EXPECT_ERRNO(ftruncate(fd, 11), EFBIG);
        signal(SIGXFSZ, SIG_DFL);
        EXPECT_ERRNO(write(fd, "x", 1), EFBIG);
        _exit(1);
    }
    EXPECT_KILLED(child, SIGXFSZ);
}

TEST(fsync_family) {
    SCRATCH();
    int pipes[2];
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    EXPECT_OK(fsync(fd));
    EXPECT_OK(fdatasync(fd));
    EXPECT_OK(syncfs(fd));
    EXPECT_OK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
    EXPECT_OK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    ASSERT_OK(pipe(pipes));
    EXPECT_ERRNO(fsync(pipes[0]), EINVAL);
    EXPECT_ERRNO(fsync(-1), EBADF);
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
}
