// futex(2): wait, wake, time-outs, requeue, bitsets, between processes, priority inheritance.
#include "harness.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

static volatile int word, woken;

static long futex(volatile void* at, int operation, unsigned value, const void* timeout, volatile void* other,
                  unsigned third) {
    return syscall(SYS_futex, at, operation, value, timeout, other, third);
}

TEST(value_differs) {
    word = 1;
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), EAGAIN);
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0), EAGAIN);
}

TEST(bad_arguments) {
    struct timespec bad = {0, 2000000000}, negative = {-1, 0};
    EXPECT_ERRNO(futex((char*)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    EXPECT_ERRNO(futex((void*)4096, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
    EXPECT_ERRNO(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS);
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT, word, &bad, NULL, 0), EINVAL);
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT, word, &negative, NULL, 0), EINVAL);
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT_BITSET, word, NULL, NULL, 0), EINVAL);
    EXPECT_ERRNO(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
}

TEST(timeouts) {
    struct timespec some = {0, 20000000}, until;
    word = 0;
    long start = now_ms();
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT, 0, &some, NULL, 0), ETIMEDOUT);
    EXPECT_GE(now_ms() - start, 19);
    clock_gettime(CLOCK_MONOTONIC, &until);
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &until, NULL, ~0U), ETIMEDOUT);
    clock_gettime(CLOCK_REALTIME, &until);
    EXPECT_ERRNO(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, NULL, ~0U), ETIMEDOUT);
}

static void* waiter(void* bits) {
    long result = futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (unsigned)(long)bits);
    if (result == 0)
        __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
    return (void*)result;
}

static void start_waiters(pthread_t* threads, int count, long bits) {
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, waiter, (void*)bits);
    sleep_ms(30);
}

TEST(wake_counts) {
    pthread_t threads[3];
    word = 0, woken = 0;
    EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 0);
    start_waiters(threads, 3, ~0L);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    WAIT_UNTIL(woken == 1);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 2);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    EXPECT_EQ(woken, 3);
}

TEST(bitsets) {
    pthread_t one[1], two[1];
    word = 0, woken = 0;
    start_waiters(one, 1, 1);
    start_waiters(two, 1, 2);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4), 0);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2), 1);
    pthread_join(two[0], NULL);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 1), 1);
    pthread_join(one[0], NULL);
}

TEST(requeue) {
    pthread_t threads[4];
    static volatile int second;
    word = 0, woken = 0, second = 0;
    start_waiters(threads, 4, ~0L);
    EXPECT_ERRNO(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void*)10, &second, 77), EAGAIN);
    EXPECT_EQ(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void*)2, &second, 0), 3);
    WAIT_UNTIL(woken == 1);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 1);
    EXPECT_EQ(futex(&second, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 2);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

TEST(wake_op) {
    pthread_t threads[2];
    static volatile int second;
    word = 0, woken = 0, second = 5;
    start_waiters(threads, 2, ~0L);
    // second += 3; wake one at `word`, and one at `second` if the old value was 5.
    EXPECT_EQ(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void*)1, &second,
                    FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)),
              1);
    EXPECT_EQ(second, 8);
    EXPECT_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

TEST(between_processes) {
    volatile int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        while (*shared == 0)
            futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(*shared);
    }
    EXPECT_OK(wait_until_asleep(child));
    *shared = 3;
    EXPECT_EQ(futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    EXPECT_EXIT(child, 3);
    munmap((void*)shared, 4096);
}

TEST(shared_file_at_two_addresses) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(ftruncate(fd, 4096));
    volatile int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t child = fork();
    if (child == 0) {
        volatile int* other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        munmap((void*)shared, 4096);
        while (*other == 0)
            futex(other, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(0);
    }
    EXPECT_OK(wait_until_asleep(child));
    *shared = 1;
    EXPECT_EQ(futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    EXPECT_EXIT(child, 0);
    munmap((void*)shared, 4096);
    close(fd);
}

TEST(private_words_do_not_meet_across_fork) {
    static volatile int own;
    own = 0;
    pid_t child = fork();
    if (child == 0) {
        struct timespec limit = {0, 80000000};
        _exit(futex(&own, FUTEX_WAIT, 0, &limit, NULL, 0) < 0 && errno == ETIMEDOUT ? 0 : 1);
    }
    EXPECT_OK(wait_until_asleep(child));
    EXPECT_EQ(futex(&own, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    EXPECT_EXIT(child, 0);
}

TEST(ping_pong_between_processes) {
    volatile int* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    for (int i = 0; i < 500; i++) {
        int turn = 2 * i + (child == 0);
        int now;
        while ((now = *shared) != turn)
            futex(shared, FUTEX_WAIT, (unsigned)now, NULL, NULL, 0);
        *shared = turn + 1;
        futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    if (child == 0)
        _exit(0);
    EXPECT_EXIT(child, 0);
    EXPECT_EQ(*shared, 1000);
    munmap((void*)shared, 4096);
}

TEST(priority_inheritance) {
    volatile unsigned lock = 0;
    EXPECT_OK(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    EXPECT_EQ(lock & FUTEX_TID_MASK, syscall(SYS_gettid));
    EXPECT_ERRNO(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
    EXPECT_ERRNO(futex(&lock, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
    EXPECT_OK(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    EXPECT_EQ(lock, 0);
    EXPECT_ERRNO(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
}
