// truncate, ftruncate, fallocate, SEEK_HOLE; sendfile, copy_file_range, splice, tee.
#include "harness.h"

#include <linux/falloc.h>

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

// "abcd" in pages of 4 KiB.
static int pages(const char* letters) {
    static char page[4096];
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (; *letters; letters++) {
        memset(page, *letters, sizeof page);
        EXPECT_EQ(write(fd, page, sizeof page), sizeof page);
    }
    return fd;
}

// The first byte of each page, '.' for zero.
static const char* letters_of(int fd) {
    static char text[32];
    char byte;
    int at = 0;
    for (; pread(fd, &byte, 1, at * 4096) == 1; at++)
        text[at] = byte ? byte : '.';
    text[at] = 0;
    return text;
}

TEST(fallocate_ranges) {
    SCRATCH();
    int fd = pages("abcd");
    if (fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 4096, 4096) < 0 && errno == EOPNOTSUPP) {
        close(fd);
        SKIP("no such modes in this file system");
    }
    EXPECT_STR(letters_of(fd), "acd");
    EXPECT_EQ(size_of("f"), 3 * 4096);
    EXPECT_OK(fallocate(fd, FALLOC_FL_INSERT_RANGE, 4096, 8192));
    EXPECT_STR(letters_of(fd), "a..cd");
    EXPECT_EQ(size_of("f"), 5 * 4096);
    EXPECT_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 3 * 4096, 4096));
    EXPECT_STR(letters_of(fd), "a...d");
    EXPECT_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 4 * 4096, 8192));
    EXPECT_STR(letters_of(fd), "a....");
    EXPECT_OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 4 * 4096, 8192));
    EXPECT_STR(letters_of(fd), "a.....");
    // What is written through the call's own view of the size is where it should be.
    EXPECT_EQ(lseek(fd, 0, SEEK_END), 6 * 4096);
    EXPECT_EQ(write(fd, "e", 1), 1);
    EXPECT_STR(letters_of(fd), "a.....e");
    // Ranges of whole blocks, within the file.
    EXPECT_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 1, 4096), EINVAL);
    EXPECT_ERRNO(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 4096, 100 * 4096), EINVAL);
    EXPECT_ERRNO(fallocate(fd, FALLOC_FL_INSERT_RANGE, 100 * 4096, 4096), EINVAL);
    // EINVAL, since Linux 6.12 EOPNOTSUPP.
    EXPECT_TRUE(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0 &&
                (errno == EINVAL || errno == EOPNOTSUPP));
    EXPECT_ERRNO(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EOPNOTSUPP);
    EXPECT_ERRNO(fallocate(fd, 0, INT64_MAX, 1), EFBIG);
    close(fd);
}

TEST(fallocate_of_other_things) {
    SCRATCH();
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    EXPECT_ERRNO(fallocate(pipes[1], 0, 0, 10), ESPIPE);
    close(pipes[0]), close(pipes[1]);
    EXPECT_ERRNO(fallocate(-1, 0, 0, 10), EBADF);
    int directory = open(".", O_RDONLY);
    EXPECT_ERRNO(fallocate(directory, 0, 0, 10), EBADF); // not for writing
    close(directory);
    int device = open("/dev/null", O_WRONLY);
    EXPECT_ERRNO(fallocate(device, 0, 0, 10), ENODEV);
    close(device);
}

TEST(holes_are_found_one_by_one) {
    SCRATCH();
    int fd = pages("a");
    for (int i = 2; i < 10; i += 2)
        EXPECT_EQ(pwrite(fd, "x", 1, i << 20), 1);
    if (lseek(fd, 0, SEEK_HOLE) == (8 << 20) + 1) {
        close(fd);
        SKIP("no holes in this file system");
    }
    off_t at = 0;
    for (int i = 0; i < 10; i += 2) {
        EXPECT_EQ(lseek(fd, at, SEEK_DATA), i << 20);
        at = lseek(fd, i << 20, SEEK_HOLE);
        EXPECT_EQ(at, i == 8 ? (8 << 20) + 1 : (i << 20) + 4096);
    }
    EXPECT_ERRNO(lseek(fd, at, SEEK_DATA), ENXIO);
    // A hole that is made is found as well.
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 << 20, 4096) == 0)
        EXPECT_EQ(lseek(fd, 4096, SEEK_DATA), 4 << 20);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
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
