// memfd_create: data, sharing, seals, mappings of memory files.
#include "harness.h"

#include <sys/mman.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static int memory_file(unsigned flags) { return (int)syscall(SYS_memfd_create, "test", flags); }

TEST(data_and_holes) {
    int fd = memory_file(0);
    ASSERT_OK(fd);
    struct stat info;
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_mode, S_IFREG | 0777);
    EXPECT_EQ(info.st_size, 0);
    EXPECT_EQ(pwrite(fd, "end", 3, 100000), 3);
    char buffer[64];
    EXPECT_EQ(pread(fd, buffer, 10, 50000), 10);
    EXPECT_EQ(buffer[0], 0);
    EXPECT_EQ(pread(fd, buffer, 10, 99999), 4);
    EXPECT_EQ(memcmp(buffer, "\0end", 4), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 98304);
    EXPECT_EQ(lseek(fd, 98304, SEEK_HOLE), 100003);
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_blocks, 8);
    EXPECT_OK(ftruncate(fd, 100001));
    EXPECT_OK(ftruncate(fd, 200000));
    EXPECT_EQ(pread(fd, buffer, 4, 100000), 4);
    EXPECT_EQ(memcmp(buffer, "e\0\0\0", 4), 0);
    EXPECT_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 200000));
    EXPECT_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO);
    EXPECT_OK(fallocate(fd, 0, 300000, 10));
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_size, 300010);
    EXPECT_ERRNO(syscall(SYS_memfd_create, "x", 0x8000), EINVAL);
    close(fd);
}

TEST(big_files) {
    int fd = memory_file(0);
    ASSERT_OK(fd);
    static char block[1 << 20];
    for (int i = 0; i < 16; ++i) {
        memset(block, 'a' + i, sizeof block);
        ASSERT_EQ(write(fd, block, sizeof block), (long)sizeof block);
    }
    for (int i = 0; i < 16; ++i) {
        ASSERT_EQ(pread(fd, block, sizeof block, (off_t)i << 20), (long)sizeof block);
        EXPECT_EQ(block[0], 'a' + i);
        EXPECT_EQ(block[sizeof block - 1], 'a' + i);
    }
    EXPECT_EQ(pwrite(fd, "x", 1, 1LL << 40), 1);
    EXPECT_OK(ftruncate(fd, 10));
    EXPECT_OK(ftruncate(fd, 1LL << 41));
    EXPECT_EQ(pread(fd, block, 4, 5000), 4);
    EXPECT_EQ(block[0], 0);
    close(fd);
}

TEST(shared_with_children) {
    int fd = memory_file(0);
    ASSERT_OK(fd);
    ASSERT_OK(ftruncate(fd, 8192));
    char* memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_TRUE(memory != MAP_FAILED);
    char* private_view = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ASSERT_TRUE(private_view != MAP_FAILED);
    memory[0] = 'p';
    EXPECT_EQ(private_view[0], 'p');
    private_view[1] = 'q';
    EXPECT_EQ(memory[1], 0);
    IN_CHILD({
        memory[4096] = 'c';
        EXPECT_EQ(pwrite(fd, "w", 1, 4097), 1);
    });
    EXPECT_EQ(memory[4096], 'c');
    EXPECT_EQ(memory[4097], 'w');
    char byte;
    EXPECT_EQ(pread(fd, &byte, 1, 4096), 1);
    EXPECT_EQ(byte, 'c');
    munmap(memory, 8192);
    munmap(private_view, 8192);
    close(fd);
}

TEST(shrunk_under_a_mapping) {
    int fd = memory_file(0);
    ASSERT_OK(fd);
    ASSERT_OK(ftruncate(fd, 65536));
    char* memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_TRUE(memory != MAP_FAILED);
    memset(memory, 'x', 65536);
    ASSERT_OK(ftruncate(fd, 4096));
    ASSERT_OK(ftruncate(fd, 65536));
    EXPECT_EQ(memory[0], 'x');
    EXPECT_EQ(memory[8192], 0);
    memory[8192] = 'y';
    char byte;
    EXPECT_EQ(pread(fd, &byte, 1, 8192), 1);
    EXPECT_EQ(byte, 'y');
    munmap(memory, 65536);
    EXPECT_EQ(pread(fd, &byte, 1, 8192), 1);
    EXPECT_EQ(byte, 'y');
    close(fd);
}

TEST(seals) {
    int fd = memory_file(2 /* MFD_ALLOW_SEALING */);
    ASSERT_OK(fd);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), 0);
    ASSERT_EQ(write(fd, "text", 4), 4);
    EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    EXPECT_ERRNO(ftruncate(fd, 1), EPERM);
    EXPECT_OK(ftruncate(fd, 5));
    EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    EXPECT_ERRNO(ftruncate(fd, 6), EPERM);
    EXPECT_ERRNO(pwrite(fd, "x", 1, 5), EPERM);
    EXPECT_EQ(pwrite(fd, "x", 1, 0), 1);
    void* memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_TRUE(memory != MAP_FAILED);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    munmap(memory, 4096);
    EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    EXPECT_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
    EXPECT_TRUE(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    EXPECT_EQ(errno, EPERM);
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    EXPECT_TRUE(memory != MAP_FAILED);
    munmap(memory, 4096);
    EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    close(fd);
    fd = memory_file(0);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    close(fd);
}
