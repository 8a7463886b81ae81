// brk, mremap, madvise, mincore, mlock, memfd_create and its seals.
#include "harness.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

static char* map_anonymous(size_t size) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(brk_moves) {
    char* start = (char*)syscall(SYS_brk, 0);
    EXPECT_TRUE(syscall(SYS_brk, start + 65536) == (long)(start + 65536));
    int sum = 0;
    for (int i = 0; i < 65536; i++)
        sum |= start[i];
    EXPECT_EQ(sum, 0);
    start[65535] = 1;
    EXPECT_TRUE(syscall(SYS_brk, start) == (long)start);
    EXPECT_TRUE(syscall(SYS_brk, start + 65536) == (long)(start + 65536));
    EXPECT_EQ(start[65535], 0);
    // What cannot be is answered with the present value.
    EXPECT_TRUE(syscall(SYS_brk, 1) == (long)(start + 65536));
    EXPECT_TRUE(syscall(SYS_brk, 0x7fffffffffff) == (long)(start + 65536));
    EXPECT_TRUE(syscall(SYS_brk, start) == (long)start);
}

TEST(mremap_shrinks_grows_moves) {
    char* at = map_anonymous(8 * 4096);
    for (int i = 0; i < 8; i++)
        at[i * 4096] = (char)(i + 1);
    EXPECT_TRUE(mremap(at, 8 * 4096, 4 * 4096, 0) == at);
    // In place: the room behind is free again.
    EXPECT_TRUE(mremap(at, 4 * 4096, 6 * 4096, 0) == at);
    EXPECT_EQ(at[3 * 4096], 4);
    EXPECT_EQ(at[4 * 4096], 0);
    char* block = mmap(at + 6 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ASSERT_TRUE(block == at + 6 * 4096);
    EXPECT_TRUE(mremap(at, 6 * 4096, 10 * 4096, 0) == MAP_FAILED && errno == ENOMEM);
    char* moved = mremap(at, 6 * 4096, 10 * 4096, MREMAP_MAYMOVE);
    ASSERT_TRUE(moved != MAP_FAILED);
    EXPECT_TRUE(moved != at);
    EXPECT_EQ(moved[3 * 4096], 4);
    munmap(moved, 10 * 4096), munmap(block, 4096);
}

TEST(mremap_fixed) {
    char* at = map_anonymous(2 * 4096);
    char* target = map_anonymous(4 * 4096);
    at[0] = 9;
    EXPECT_TRUE(mremap(at, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target + 4096) ==
                target + 4096);
    EXPECT_EQ(target[4096], 9);
    EXPECT_EQ(target[0], 0);
    EXPECT_ERRNO(syscall(SYS_mremap, target, 4096, 4096, MREMAP_FIXED, target), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mremap, target + 1, 4096, 8192, MREMAP_MAYMOVE, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mremap, target, 4096, 0, MREMAP_MAYMOVE, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mremap, 0x500000000000, 4096, 8192, MREMAP_MAYMOVE, 0), EFAULT);
    munmap(target, 4 * 4096);
}

TEST(mremap_of_a_file) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(ftruncate(fd, 3 * 4096));
    EXPECT_EQ(pwrite(fd, "z", 1, 2 * 4096), 1);
    char* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char* more = mremap(at, 4096, 3 * 4096, MREMAP_MAYMOVE);
    ASSERT_TRUE(more != MAP_FAILED);
    EXPECT_EQ(more[2 * 4096], 'z');
    munmap(more, 3 * 4096);
    close(fd);
}

TEST(madvise_dontneed) {
    SCRATCH();
    char* at = map_anonymous(3 * 4096);
    memset(at, 1, 3 * 4096);
    EXPECT_OK(madvise(at + 4096, 4096, MADV_DONTNEED));
    EXPECT_EQ(at[4095] * 100 + at[4096] * 10 + at[8192], 101);
    EXPECT_ERRNO(madvise(at + 1, 4096, MADV_DONTNEED), EINVAL);
    EXPECT_ERRNO(madvise(at, 4096, 9999), EINVAL);
    EXPECT_OK(madvise(at, 3 * 4096, MADV_WILLNEED));
    EXPECT_OK(madvise(at, 3 * 4096, MADV_RANDOM));
    munmap(at + 4096, 4096);
    EXPECT_ERRNO(madvise(at, 3 * 4096, MADV_DONTNEED), ENOMEM);
    munmap(at, 3 * 4096);
    // A private file mapping shows the file again.
    ASSERT_OK(put_file("f", "original"));
    int fd = open("f", O_RDONLY);
    at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    at[0] = 'X';
    EXPECT_OK(madvise(at, 4096, MADV_DONTNEED));
    EXPECT_STR(at, "original");
    munmap(at, 4096);
    close(fd);
}

TEST(madvise_fork_rules) {
    char* at = map_anonymous(2 * 4096);
    at[0] = at[4096] = 7;
    ASSERT_OK(madvise(at, 4096, MADV_WIPEONFORK));
    IN_CHILD({
        EXPECT_EQ(at[0], 0);
        EXPECT_EQ(at[4096], 7);
    });
    ASSERT_OK(madvise(at, 4096, MADV_KEEPONFORK));
    ASSERT_OK(madvise(at + 4096, 4096, MADV_DONTFORK));
    pid_t child = fork();
    if (child == 0) {
        EXPECT_EQ(at[0], 7);
        *(volatile char*)(at + 4096) = 1;
        _exit(0);
    }
    EXPECT_KILLED(child, SIGSEGV);
    munmap(at, 2 * 4096);
}

TEST(mincore_and_msync_errors) {
    unsigned char pages[4] = {0};
    char* at = map_anonymous(4 * 4096);
    memset(at, 1, 4 * 4096);
    EXPECT_OK(mincore(at, 4 * 4096, pages));
    EXPECT_EQ(pages[0] & pages[3] & 1, 1);
    munmap(at + 4096, 4096);
    EXPECT_ERRNO(mincore(at, 4 * 4096, pages), ENOMEM);
    EXPECT_ERRNO(mincore(at + 1, 4096, pages), EINVAL);
    EXPECT_ERRNO(msync(at, 4 * 4096, MS_SYNC), ENOMEM);
    EXPECT_ERRNO(syscall(SYS_msync, at + 1, 4096, MS_SYNC), EINVAL);
    EXPECT_ERRNO(syscall(SYS_msync, at, 4096, MS_SYNC | MS_ASYNC), EINVAL);
    munmap(at, 4 * 4096);
}

TEST(mlock_limits) {
    IN_CHILD({
        char* at = map_anonymous(64 * 4096);
        struct rlimit limit = {16 * 4096, 16 * 4096};
        EXPECT_OK(setrlimit(RLIMIT_MEMLOCK, &limit));
        if (geteuid() == 0)
            EXPECT_OK(become_other_user());
        EXPECT_OK(mlock(at, 8 * 4096));
        EXPECT_ERRNO(mlock(at, 64 * 4096), ENOMEM);
        EXPECT_OK(munlock(at, 8 * 4096));
        EXPECT_OK(munlockall());
    });
}

TEST(memfd_and_seals) {
    int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_OK(fd);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), 0);
    ASSERT_OK(ftruncate(fd, 4096));
    EXPECT_EQ(write(fd, "text", 4), 4);
    EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    EXPECT_ERRNO(ftruncate(fd, 100), EPERM);
    EXPECT_ERRNO(ftruncate(fd, 8192), EPERM);
    EXPECT_ERRNO(pwrite(fd, "x", 1, 4096), EPERM);
    char* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    munmap(at, 4096);
    EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    EXPECT_ERRNO(write(fd, "x", 1), EPERM);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
    at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    EXPECT_STR(at, "text");
    munmap(at, 4096);
    EXPECT_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    close(fd);
    fd = memfd_create("x", 0);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    close(fd);
    EXPECT_ERRNO(memfd_create("x", 0x1000), EINVAL);
}

TEST(large_copy_on_write_tree) {
    size_t size = 16 << 20;
    char* at = map_anonymous(size);
    memset(at, 1, size);
    IN_CHILD({
        for (size_t i = 0; i < size; i += 4096)
            at[i] = 2;
        IN_CHILD({
            EXPECT_EQ(at[4096], 2);
            at[4096] = 3;
        });
        EXPECT_EQ(at[4096], 2);
    });
    EXPECT_EQ(at[4096], 1);
    munmap(at, size);
}
