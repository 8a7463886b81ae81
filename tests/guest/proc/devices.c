// The devices that every program counts on.
#include "harness.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

TEST(null) {
    char byte = 7;
    int fd = open("/dev/null", O_RDWR | O_TRUNC);
    ASSERT_OK(fd);
    EXPECT_EQ(write(fd, "gone", 4), 4);
    EXPECT_EQ(read(fd, &byte, 1), 0);
    EXPECT_EQ(lseek(fd, 100, SEEK_SET), 0);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
    EXPECT_ERRNO(ioctl(fd, TIOCGWINSZ, &byte), ENOTTY);
    close(fd);
}

TEST(zero) {
    char buffer[64];
    memset(buffer, 1, sizeof buffer);
    int fd = open("/dev/zero", O_RDWR);
    EXPECT_EQ(read(fd, buffer, 64), 64);
    int sum = 0;
    for (int i = 0; i < 64; i++)
        sum |= buffer[i];
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(write(fd, buffer, 64), 64);
    char* at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    EXPECT_EQ(at[5000], 0);
    at[5000] = 1;
    munmap(at, 8192);
    int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_TRUE(shared != MAP_FAILED);
    IN_CHILD(*shared = 9);
    EXPECT_EQ(*shared, 9);
    munmap(shared, 4096);
    close(fd);
}

TEST(full) {
    char byte = 1;
    int fd = open("/dev/full", O_RDWR);
    ASSERT_OK(fd);
    EXPECT_ERRNO(write(fd, "x", 1), ENOSPC);
    EXPECT_EQ(read(fd, &byte, 1), 1);
    EXPECT_EQ(byte, 0);
    close(fd);
}

TEST(random_devices) {
    static const char* names[] = {"/dev/random", "/dev/urandom"};
    for (int i = 0; i < 2; i++) {
        unsigned char one[32] = {0}, two[32] = {0};
        int fd = open(names[i], O_RDONLY);
        ASSERT_OK(fd);
        EXPECT_EQ(read(fd, one, 32), 32);
        EXPECT_EQ(read(fd, two, 32), 32);
        EXPECT_NE(memcmp(one, two, 32), 0);
        struct pollfd poller = {fd, POLLIN, 0};
        EXPECT_EQ(poll(&poller, 1, 0), 1);
        close(fd);
    }
}

TEST(numbers_and_modes) {
    static const struct {
        const char* path;
        int major, minor;
    } nodes[] = {{"/dev/null", 1, 3},    {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8},
                 {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},  {"/dev/ptmx", 5, 2}};
    struct stat info;
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        ASSERT_OK(stat(nodes[i].path, &info));
        EXPECT_TRUE(S_ISCHR(info.st_mode));
        EXPECT_EQ(info.st_rdev, makedev(nodes[i].major, nodes[i].minor));
        EXPECT_EQ(info.st_mode & 0777, 0666);
    }
}

TEST(descriptor_links) {
    SCRATCH();
    char buffer[32] = {0};
    ASSERT_OK(put_file("f", "by link"));
    int fd = open("f", O_RDONLY);
    struct h_text path = {0, {0}};
    h_add(&path, "/dev/fd/");
    h_add_number(&path, fd);
    EXPECT_STR(file_text(path.bytes), "by link");
    close(fd);
    EXPECT_EQ(readlink("/dev/stdin", buffer, sizeof buffer), 15);
    EXPECT_STR(buffer, "/proc/self/fd/0");
}

TEST(shared_memory_directory) {
    struct h_text path = {0, {0}};
    h_add(&path, "/dev/shm/lxss-test-");
    h_add_number(&path, getpid());
    int fd = open(path.bytes, O_RDWR | O_CREAT | O_EXCL, 0600);
    ASSERT_OK(fd);
    ASSERT_OK(ftruncate(fd, 4096));
    int* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    IN_CHILD(*at = 11);
    EXPECT_EQ(*at, 11);
    munmap(at, 4096);
    EXPECT_OK(unlink(path.bytes));
    close(fd);
}
