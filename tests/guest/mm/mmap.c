// mmap, munmap, mprotect.
#include "harness.h"

#include <setjmp.h>
#include <sys/mman.h>

static sigjmp_buf out;
static void* volatile fault_address;
static volatile int fault_code;

static void on_fault(int number, siginfo_t* info, void* context) {
    (void)number, (void)context;
    fault_address = info->si_addr;
    fault_code = info->si_code;
    siglongjmp(out, 1);
}

// Whether the access faults with this signal.
static int faults(volatile char* at, int write, int number) {
    volatile int faulted = 0;
    on_signal_info(number, on_fault, 0);
    if (sigsetjmp(out, 1) == 0) {
        if (write)
            *at = 1;
        else
            (void)*at;
    } else
        faulted = 1;
    signal(number, SIG_DFL);
    return faulted;
}

static char* map_anonymous(size_t size) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(anonymous_is_zero) {
    char* at = map_anonymous(1 << 20);
    ASSERT_TRUE(at != MAP_FAILED);
    EXPECT_EQ((uintptr_t)at & 4095, 0);
    int sum = 0;
    for (int i = 0; i < 1 << 20; i += 512)
        sum |= at[i];
    EXPECT_EQ(sum, 0);
    memset(at, 1, 1 << 20);
    EXPECT_OK(munmap(at, 1 << 20));
}

TEST(invalid_arguments) {
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 100), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mmap, 4097, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                 EINVAL);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, -4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    EXPECT_ERRNO(
        syscall(SYS_mmap, 0x7ffffffff000, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
        ENOMEM);
    EXPECT_ERRNO(syscall(SYS_munmap, 1, 4096), EINVAL);
    EXPECT_ERRNO(syscall(SYS_munmap, 4096, 0), EINVAL);
    EXPECT_OK(munmap((char*)0x500000000000, 4096));
    EXPECT_ERRNO(syscall(SYS_mprotect, 1, 4096, PROT_READ), EINVAL);
    EXPECT_ERRNO(mprotect((char*)0x500000000000, 4096, PROT_READ), ENOMEM);
    EXPECT_OK(mprotect((char*)0x500000000000, 0, PROT_READ));
}

TEST(private_file_mapping) {
    SCRATCH();
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_RDWR);
    char* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    close(fd);
    EXPECT_STR(at, "content");
    EXPECT_EQ(at[4095], 0);
    at[0] = 'K';
    EXPECT_STR(file_text("f"), "content");
    EXPECT_OK(munmap(at, 4096));
}

TEST(shared_file_mapping) {
    SCRATCH();
    char buffer[8] = {0};
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_RDWR);
    char* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    at[0] = 'K';
    EXPECT_EQ(pread(fd, buffer, 7, 0), 7);
    EXPECT_STR(buffer, "Kontent");
    EXPECT_EQ(pwrite(fd, "XY", 2, 2), 2);
    EXPECT_STR(at, "KoXYent");
    EXPECT_OK(msync(at, 4096, MS_SYNC));
    EXPECT_OK(munmap(at, 4096));
    close(fd);
}

TEST(mapping_offsets) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(ftruncate(fd, 5 * 4096));
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(pwrite(fd, &"01234"[i], 1, i * 4096), 1);
    char* at = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 3 * 4096);
    ASSERT_TRUE(at != MAP_FAILED);
    EXPECT_EQ(at[0], '3');
    EXPECT_EQ(at[4096], '4');
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
    munmap(at, 8192);
    close(fd);
}

TEST(mapping_rights_follow_the_descriptor) {
    SCRATCH();
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_RDONLY);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
    char* at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT_ERRNO(mprotect(at, 4096, PROT_READ | PROT_WRITE), EACCES);
    munmap(at, 4096);
    close(fd);
    fd = open("f", O_WRONLY);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
    close(fd);
    fd = open(".", O_RDONLY);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
    close(fd);
}

TEST(two_shared_mappings_are_one) {
    SCRATCH();
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_RDWR);
    char* one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char* two = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    one[1] = 'O';
    EXPECT_EQ(two[1], 'O');
    munmap(one, 4096), munmap(two, 4096);
    close(fd);
}

TEST(fixed_replaces) {
    char* at = map_anonymous(4 * 4096);
    memset(at, 7, 4 * 4096);
    char* again =
        mmap(at + 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    EXPECT_TRUE(again == at + 4096);
    EXPECT_EQ(at[4095], 7);
    EXPECT_EQ(at[4096], 0);
    EXPECT_EQ(at[8192], 7);
    munmap(at, 4 * 4096);
}

TEST(fixed_noreplace) {
    char* at = map_anonymous(4 * 4096);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | 0x100000;
    EXPECT_ERRNO(syscall(SYS_mmap, at + 4096, 4096, PROT_READ, flags, -1, 0), EEXIST);
    munmap(at + 4096, 4096);
    EXPECT_EQ(syscall(SYS_mmap, at + 4096, 4096, PROT_READ, flags, -1, 0), at + 4096);
    munmap(at, 4 * 4096);
}

TEST(hint_is_taken_when_free) {
    char* at = map_anonymous(4 * 4096);
    munmap(at, 4 * 4096);
    char* again = mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_TRUE(again == at);
    char* other = mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_TRUE(other != MAP_FAILED && other != at);
    munmap(at, 4096), munmap(other, 4096);
}

TEST(munmap_splits) {
    char* at = map_anonymous(5 * 4096);
    memset(at, 1, 5 * 4096);
    EXPECT_OK(munmap(at + 2 * 4096, 4096));
    EXPECT_EQ(at[2 * 4096 - 1], 1);
    EXPECT_EQ(at[3 * 4096], 1);
    EXPECT_TRUE(faults(at + 2 * 4096, 0, SIGSEGV));
    EXPECT_TRUE(fault_address == at + 2 * 4096);
    EXPECT_EQ(fault_code, SEGV_MAPERR);
    // A range with holes may be unmapped.
    EXPECT_OK(munmap(at, 5 * 4096));
    EXPECT_TRUE(faults(at, 0, SIGSEGV));
}

TEST(mprotect_takes_and_gives) {
    char* at = map_anonymous(3 * 4096);
    at[4096] = 5;
    EXPECT_OK(mprotect(at + 4096, 4096, PROT_READ));
    EXPECT_EQ(at[4096], 5);
    EXPECT_TRUE(faults(at + 4100, 1, SIGSEGV));
    EXPECT_TRUE(fault_address == at + 4100);
    EXPECT_EQ(fault_code, SEGV_ACCERR);
    EXPECT_FALSE(faults(at, 1, SIGSEGV));
    EXPECT_FALSE(faults(at + 8192, 1, SIGSEGV));
    EXPECT_OK(mprotect(at, 3 * 4096, PROT_NONE));
    EXPECT_TRUE(faults(at, 0, SIGSEGV));
    EXPECT_OK(mprotect(at, 3 * 4096, PROT_READ | PROT_WRITE));
    EXPECT_EQ(at[4096], 5);
    munmap(at + 4096, 4096);
    EXPECT_ERRNO(mprotect(at, 3 * 4096, PROT_READ), ENOMEM);
    // What lies before the hole has changed.
    EXPECT_TRUE(faults(at, 1, SIGSEGV));
    munmap(at, 3 * 4096);
}

TEST(system_calls_respect_protection) {
    char* at = map_anonymous(4096);
    int fd = open("/dev/zero", O_RDONLY);
    EXPECT_EQ(read(fd, at, 100), 100);
    mprotect(at, 4096, PROT_READ);
    EXPECT_ERRNO(read(fd, at, 100), EFAULT);
    mprotect(at, 4096, PROT_NONE);
    int pipes[2];
    ASSERT_OK(pipe(pipes));
    EXPECT_ERRNO(write(pipes[1], at, 100), EFAULT);
    close(pipes[0]), close(pipes[1]), close(fd);
    munmap(at, 4096);
}

TEST(beyond_the_end_of_file_is_sigbus) {
    SCRATCH();
    ASSERT_OK(put_file("f", "short"));
    int fd = open("f", O_RDWR);
    char* at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT_FALSE(faults(at + 4000, 0, SIGBUS));
    EXPECT_TRUE(faults(at + 4096, 0, SIGBUS));
    EXPECT_TRUE(fault_address == at + 4096);
    EXPECT_EQ(fault_code, BUS_ADRERR);
    // The file grows: the page is there.
    ASSERT_OK(ftruncate(fd, 8192));
    EXPECT_FALSE(faults(at + 4096, 0, SIGBUS));
    at[4096] = 'x';
    char byte = 0;
    EXPECT_EQ(pread(fd, &byte, 1, 4096), 1);
    EXPECT_EQ(byte, 'x');
    munmap(at, 8192);
    close(fd);
}

TEST(a_private_mapping_sees_its_file_grow) {
    SCRATCH();
    ASSERT_OK(put_file("f", "short"));
    int fd = open("f", O_RDWR);
    char* at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    at[0] = 'S';
    EXPECT_TRUE(faults(at + 2 * 4096, 0, SIGBUS));
    EXPECT_TRUE(faults(at + 2 * 4096, 1, SIGBUS));
    EXPECT_EQ(pwrite(fd, "grown", 5, 2 * 4096), 5);
    EXPECT_FALSE(faults(at + 2 * 4096, 0, SIGBUS));
    EXPECT_STR(at + 2 * 4096, "grown");
    EXPECT_EQ(at[4096], 0);
    EXPECT_STR(at, "Short"); // what was written stays
    EXPECT_EQ(mprotect(at + 4096, 2 * 4096, PROT_NONE), 0);
    EXPECT_TRUE(faults(at + 2 * 4096, 0, SIGSEGV));
    munmap(at, 3 * 4096);
    close(fd);
}

TEST(what_a_file_has_lost_is_sigbus) {
    SCRATCH();
    ASSERT_OK(put_file("f", "short"));
    int fd = open("f", O_RDWR);
    char* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT_FALSE(faults(at, 0, SIGBUS));
    ASSERT_OK(ftruncate(fd, 0));
    EXPECT_TRUE(faults(at, 0, SIGBUS));
    munmap(at, 4096);
    close(fd);
}

TEST(generated_code_runs) {
    static const unsigned char code[] = {0xb8, 0x2a, 0, 0, 0, 0xc3};
    unsigned char* at = (unsigned char*)map_anonymous(4096);
    memcpy(at, code, sizeof code);
    ASSERT_OK(mprotect(at, 4096, PROT_READ | PROT_EXEC));
    EXPECT_EQ(((int (*)(void))at)(), 42);
    ASSERT_OK(mprotect(at, 4096, PROT_READ | PROT_WRITE));
    at[1] = 43;
    ASSERT_OK(mprotect(at, 4096, PROT_READ | PROT_EXEC));
    EXPECT_EQ(((int (*)(void))at)(), 43);
    munmap(at, 4096);
}

TEST(generated_code_in_writable_memory) {
    unsigned char* at =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    // mov $39,%eax; syscall; ret: a system call from generated code, changed while it lies there.
    static const unsigned char code[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};
    memcpy(at, code, sizeof code);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(((int (*)(void))at)(), getpid());
    at[1] = 110; // getppid
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(((int (*)(void))at)(), getppid());
    EXPECT_EQ(memcmp(at + 5, code + 5, 3), 0);
    munmap(at, 4096);
}

TEST(no_execution_without_the_right) {
    unsigned char* at = (unsigned char*)map_anonymous(4096);
    at[0] = 0xc3;
    on_signal_info(SIGSEGV, on_fault, 0);
    if (sigsetjmp(out, 1) == 0) {
        ((void (*)(void))at)();
        EXPECT_TRUE(!"code in a page without PROT_EXEC runs");
    } else
        EXPECT_TRUE(fault_address == at);
    munmap(at, 4096);
}

TEST(shared_anonymous_across_fork) {
    int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int* own = (int*)map_anonymous(4096);
    *shared = *own = 1;
    IN_CHILD({
        EXPECT_EQ(*shared, 1);
        EXPECT_EQ(*own, 1);
        *shared = *own = 2;
    });
    EXPECT_EQ(*shared, 2);
    EXPECT_EQ(*own, 1);
    munmap(shared, 4096), munmap(own, 4096);
}

TEST(private_file_mapping_across_fork) {
    SCRATCH();
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_RDWR);
    char* at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    at[0] = 'P';
    IN_CHILD({
        EXPECT_STR(at, "Pontent");
        at[0] = 'C';
    });
    EXPECT_STR(at, "Pontent");
    munmap(at, 4096);
    close(fd);
}

TEST(mapping_outlives_unlink) {
    SCRATCH();
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_RDWR);
    char* at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    ASSERT_OK(unlink("f"));
    EXPECT_STR(at, "content");
    munmap(at, 4096);
}

TEST(many_mappings) {
    char* at = mmap(NULL, 1000 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    for (int i = 0; i < 1000; i += 2)
        EXPECT_OK(mprotect(at + i * 4096, 4096, PROT_READ | PROT_WRITE));
    for (int i = 0; i < 1000; i += 2)
        at[i * 4096] = (char)i;
    for (int i = 0; i < 1000; i += 2)
        EXPECT_EQ(at[i * 4096], (char)i);
    EXPECT_TRUE(faults(at + 501 * 4096, 0, SIGSEGV));
    EXPECT_OK(munmap(at, 1000 * 4096));
}

TEST(large_reservation) {
    size_t size = 64UL << 30;
    char* at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    ASSERT_OK(mprotect(at + (size >> 1), 4096, PROT_READ | PROT_WRITE));
    at[size >> 1] = 1;
    EXPECT_OK(munmap(at, size));
}
