// truncate, ftruncate, fallocate, SEEK_HOLE; sendfile, copy_file_range, splice, tee.
#include "harness.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static long size_of(const char* path) {
    struct stat info;
    return stat(path, &info) < 0 ? -1 : info.st_size;
}

TEST(truncate_shrinks_and_grows) {
    SCRATCH();
    char buffer[16];
    ASSERT_OK(put_file("f", "0123456789"));
    EXPECT_OK(truncate("f", 4));
    EXPECT_STR(file_text("f"), "0123");
    EXPECT_OK(truncate("f", 8));
    int fd = open("f", O_RDWR);
    EXPECT_EQ(read(fd, buffer, 16), 8);
    EXPECT_EQ(memcmp(buffer, "0123\0\0\0\0", 8), 0);
    EXPECT_OK(ftruncate(fd, 0));
    EXPECT_EQ(size_of("f"), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 8);
    close(fd);
}

TEST(truncate_errors) {
    SCRATCH();
    int pipes[2];
    ASSERT_OK(put_file("f", "x"));
    EXPECT_ERRNO(truncate("f", -1), EINVAL);
    EXPECT_ERRNO(truncate("missing", 0), ENOENT);
    EXPECT_ERRNO(truncate(".", 0), EISDIR);
    int fd = open("f", O_RDONLY);
    EXPECT_ERRNO(ftruncate(fd, 0), EINVAL);
    close(fd);
    ASSERT_OK(pipe(pipes));
    EXPECT_ERRNO(ftruncate(pipes[1], 0), EINVAL);
    close(pipes[0]), close(pipes[1]);
    EXPECT_ERRNO(ftruncate(-1, 0), EBADF);
}

TEST(fallocate_modes) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    if (fallocate(fd, 0, 0, 10000) < 0 && errno == EOPNOTSUPP) {
        close(fd);
        SKIP("no fallocate in this file system");
    }
    EXPECT_EQ(size_of("f"), 10000);
    EXPECT_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 50000));
    EXPECT_EQ(size_of("f"), 10000);
    EXPECT_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
    EXPECT_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    EXPECT_ERRNO(fallocate(fd, 0x4000, 0, 10), EOPNOTSUPP);
    EXPECT_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
    EXPECT_EQ(pwrite(fd, "abcdefgh", 8, 0), 8);
    EXPECT_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3));
    char buffer[8];
    EXPECT_EQ(pread(fd, buffer, 8, 0), 8);
    EXPECT_EQ(memcmp(buffer, "ab\0\0\0fgh", 8), 0);
    EXPECT_EQ(size_of("f"), 10000);
    close(fd);
    fd = open("f", O_RDONLY);
    EXPECT_ERRNO(fallocate(fd, 0, 0, 10), EBADF);
    close(fd);
}

TEST(seek_data_and_hole) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    static char block[65536];
    memset(block, 'x', sizeof block);
    ASSERT_OK(ftruncate(fd, 1 << 20));
    EXPECT_EQ(pwrite(fd, block, sizeof block, 512 << 10), sizeof block);
    // A file system may know no holes; then all is data and the end is a hole.
    off_t data = lseek(fd, 0, SEEK_DATA), hole = lseek(fd, 512 << 10, SEEK_HOLE);
    EXPECT_TRUE(data == 512 << 10 || data == 0);
    EXPECT_TRUE(hole == (512 << 10) + 65536 || hole == 1 << 20);
    EXPECT_ERRNO(lseek(fd, 1 << 20, SEEK_DATA), ENXIO);
    EXPECT_ERRNO(lseek(fd, 2 << 20, SEEK_HOLE), ENXIO);
    EXPECT_EQ(lseek(fd, (1 << 20) - 1, SEEK_HOLE), (1 << 20) - (data == 0 ? 0 : 1));
    close(fd);
}

TEST(sendfile_between_files_and_pipes) {
    SCRATCH();
    int pipes[2];
    char buffer[16] = {0};
    ASSERT_OK(put_file("in", "0123456789"));
    int in = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(sendfile(out, in, NULL, 4), 4);
    EXPECT_EQ(lseek(in, 0, SEEK_CUR), 4);
    off_t at = 6;
    EXPECT_EQ(sendfile(out, in, &at, 100), 4);
    EXPECT_EQ(at, 10);
    EXPECT_EQ(lseek(in, 0, SEEK_CUR), 4);
    EXPECT_STR(file_text("out"), "01236789");
    ASSERT_OK(pipe(pipes));
    at = 0;
    EXPECT_EQ(sendfile(pipes[1], in, &at, 3), 3);
    EXPECT_EQ(read(pipes[0], buffer, 16), 3);
    EXPECT_STR(buffer, "012");
    EXPECT_ERRNO(sendfile(in, in, NULL, 3), EBADF);
    EXPECT_EQ(lseek(in, 0, SEEK_END), 10);
    EXPECT_EQ(sendfile(out, in, NULL, 3), 0);
    close(in), close(out), close(pipes[0]), close(pipes[1]);
}

TEST(copy_file_range_call) {
    SCRATCH();
    ASSERT_OK(put_file("in", "0123456789"));
    int in = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(syscall(SYS_copy_file_range, in, NULL, out, NULL, 100, 0), 10);
    EXPECT_STR(file_text("out"), "0123456789");
    long from = 2, to = 8;
    EXPECT_EQ(syscall(SYS_copy_file_range, in, &from, out, &to, 4, 0), 4);
    EXPECT_EQ(from, 6);
    EXPECT_EQ(to, 12);
    EXPECT_STR(file_text("out"), "012345672345");
    EXPECT_ERRNO(syscall(SYS_copy_file_range, in, NULL, out, NULL, 1, 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_copy_file_range, out, NULL, in, NULL, 1, 0), EBADF);
    close(in), close(out);
}

TEST(splice_and_tee) {
    SCRATCH();
    int one[2], two[2];
    char buffer[16] = {0};
    ASSERT_OK(pipe(one));
    ASSERT_OK(pipe(two));
    ASSERT_OK(put_file("f", "0123456789"));
    int fd = open("f", O_RDWR);
    loff_t at = 2;
    EXPECT_EQ(splice(fd, &at, one[1], NULL, 5, 0), 5);
    EXPECT_EQ(at, 7);
    EXPECT_EQ(tee(one[0], two[1], 3, 0), 3);
    EXPECT_EQ(read(two[0], buffer, 16), 3);
    EXPECT_STR(buffer, "234");
    at = 0;
    EXPECT_EQ(splice(one[0], NULL, fd, &at, 100, 0), 5);
    EXPECT_STR(file_text("f"), "2345656789");
    EXPECT_ERRNO(splice(one[0], NULL, two[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    EXPECT_ERRNO(splice(fd, NULL, fd, NULL, 1, 0), EINVAL);
    EXPECT_ERRNO(splice(one[0], &at, two[1], NULL, 1, 0), ESPIPE);
    struct iovec part = {"vm", 2};
    EXPECT_EQ(vmsplice(one[1], &part, 1, 0), 2);
    EXPECT_EQ(read(one[0], buffer, 16), 2);
    close(fd), close(one[0]), close(one[1]), close(two[0]), close(two[1]);
}
