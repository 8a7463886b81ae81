// Threads: raw clone, pthreads, exit of threads and of the process, robust lists, thread-local state.
#include "harness.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static atomic_int counter;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int guarded;

static void* add(void* times) {
    for (long i = 0; i < (long)times; i++) {
        pthread_mutex_lock(&mutex);
        guarded++;
        pthread_mutex_unlock(&mutex);
        atomic_fetch_add(&counter, 1);
    }
    return times;
}

TEST(mutex_stress) {
    pthread_t threads[4];
    void* result;
    guarded = 0;
    counter = 0;
    for (int i = 0; i < 4; i++)
        ASSERT_EQ(pthread_create(&threads[i], NULL, add, (void*)5000L), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_join(threads[i], &result), 0);
        EXPECT_EQ((long)result, 5000);
    }
    EXPECT_EQ(guarded, 20000);
    EXPECT_EQ(counter, 20000);
}

static void* wait_for_turn(void* which) {
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < 200; i++) {
        while (guarded % 2 != (int)(long)which)
            pthread_cond_wait(&condition, &mutex);
        guarded++;
        pthread_cond_broadcast(&condition);
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

TEST(condition_ping_pong) {
    pthread_t threads[2];
    guarded = 0;
    for (long i = 0; i < 2; i++)
        ASSERT_EQ(pthread_create(&threads[i], NULL, wait_for_turn, (void*)i), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    EXPECT_EQ(guarded, 400);
}

static pthread_barrier_t barrier;
static void* meet(void* unused) {
    (void)unused;
    for (int i = 0; i < 50; i++) {
        atomic_fetch_add(&counter, 1);
        pthread_barrier_wait(&barrier);
        if (counter != 4 * (i + 1))
            atomic_fetch_add(&guarded, 1);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

TEST(barriers) {
    pthread_t threads[4];
    counter = 0;
    guarded = 0;
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 4; i++)
        ASSERT_EQ(pthread_create(&threads[i], NULL, meet, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    EXPECT_EQ(counter, 200);
    EXPECT_EQ(guarded, 0);
    pthread_barrier_destroy(&barrier);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int values[2];
static void* read_or_write(void* writes) {
    for (int i = 0; i < 500; i++) {
        if (writes) {
            pthread_rwlock_wrlock(&rwlock);
            values[0]++;
            values[1]++;
        } else {
            pthread_rwlock_rdlock(&rwlock);
            if (values[0] != values[1])
                atomic_fetch_add(&counter, 1);
        }
        pthread_rwlock_unlock(&rwlock);
    }
    return NULL;
}

TEST(rwlocks) {
    pthread_t threads[4];
    counter = 0;
    values[0] = values[1] = 0;
    for (long i = 0; i < 4; i++)
        ASSERT_EQ(pthread_create(&threads[i], NULL, read_or_write, (void*)(i & 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    EXPECT_EQ(counter, 0);
    EXPECT_EQ(values[0], 1000);
}

static sem_t semaphore;
static void* post(void* unused) {
    for (int i = 0; i < 100; i++)
        sem_post(&semaphore);
    return unused;
}

TEST(semaphores) {
    pthread_t thread;
    ASSERT_OK(sem_init(&semaphore, 0, 0));
    ASSERT_EQ(pthread_create(&thread, NULL, post, NULL), 0);
    for (int i = 0; i < 100; i++)
        EXPECT_OK(sem_wait(&semaphore));
    EXPECT_ERRNO(sem_trywait(&semaphore), EAGAIN);
    pthread_join(thread, NULL);
}

static __thread int local = 7;
static void* look_at_local(void* unused) {
    (void)unused;
    int first = local;
    local = 8;
    sched_yield();
    return (void*)(long)(first * 10 + local);
}

TEST(thread_local_variables) {
    pthread_t threads[10];
    void* result;
    local = 1;
    for (int i = 0; i < 10; i++)
        ASSERT_EQ(pthread_create(&threads[i], NULL, look_at_local, NULL), 0);
    for (int i = 0; i < 10; i++) {
        pthread_join(threads[i], &result);
        EXPECT_EQ((long)result, 78);
    }
    EXPECT_EQ(local, 1);
}

static void* ids(void* unused) {
    (void)unused;
    return (void*)(long)(getpid() == h_pid && syscall(SYS_gettid) != h_pid);
}

TEST(ids_in_threads) {
    pthread_t thread;
    void* result;
    EXPECT_EQ(syscall(SYS_gettid), getpid());
    ASSERT_EQ(pthread_create(&thread, NULL, ids, NULL), 0);
    pthread_join(thread, &result);
    EXPECT_EQ((long)result, 1);
}

TEST(two_hundred_threads) {
    static pthread_t threads[200];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    counter = 0;
    guarded = 0;
    for (int i = 0; i < 200; i++)
        ASSERT_EQ(pthread_create(&threads[i], &attributes, add, (void*)10L), 0);
    for (int i = 0; i < 200; i++)
        pthread_join(threads[i], NULL);
    EXPECT_EQ(counter, 2000);
    EXPECT_EQ(guarded, 2000);
}

static void* exit_process(void* code) {
    syscall(SYS_exit_group, (long)code);
    return NULL;
}

TEST(exit_group_from_a_thread) {
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, exit_process, (void*)44L);
        for (;;)
            pause();
    }
    EXPECT_EXIT(child, 44);
}

static void* outlive(void* unused) {
    (void)unused;
    sleep_ms(30);
    syscall(SYS_exit_group, 45);
    return NULL;
}

TEST(main_thread_may_leave_first) {
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, outlive, NULL);
        syscall(SYS_exit, 1);
    }
    EXPECT_EXIT(child, 45);
}

static void* fork_in_thread(void* unused) {
    (void)unused;
    pid_t child = fork();
    if (child == 0)
        _exit(syscall(SYS_gettid) == getpid() ? 6 : 1);
    return (void*)(long)h_wait(child);
}

TEST(fork_in_a_thread) {
    pthread_t thread;
    void* status;
    ASSERT_EQ(pthread_create(&thread, NULL, fork_in_thread, NULL), 0);
    pthread_join(thread, &status);
    EXPECT_EQ((long)status, 6 << 8);
}

// A thread without any library: shares memory and files, clears its tid and wakes the joiner.
static int raw_body(void* argument) {
    int* data = argument;
    data[1] = (int)syscall(SYS_gettid);
    data[2] = open("/dev/null", O_RDONLY);
    return 0;
}

TEST(raw_clone) {
    size_t size = 64 << 10;
    char* stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static volatile int data[4];
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    data[0] = 1;
    int tid = clone(raw_body, stack + size, flags, (void*)data, (int*)&data[3], NULL, (int*)&data[0]);
    ASSERT_OK(tid);
    // clone() wrote the tid to data[3]; CLEARTID writes 0 to data[0] and wakes it.
    while (data[0])
        syscall(SYS_futex, &data[0], FUTEX_WAIT, 1, NULL);
    EXPECT_EQ(data[1], tid);
    EXPECT_EQ(data[3], tid);
    EXPECT_OK(close(data[2]));
    munmap(stack, size);
}

static int vm_body(void* argument) {
    *(volatile int*)argument = 5;
    return 9;
}

TEST(clone_vm_without_thread) {
    size_t size = 64 << 10;
    char* stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static volatile int data;
    data = 0;
    int child = clone(vm_body, stack + size, CLONE_VM | SIGCHLD, (void*)&data);
    ASSERT_OK(child);
    EXPECT_EXIT(child, 9);
    EXPECT_EQ(data, 5);
    munmap(stack, size);
}

static int files_body(void* argument) {
    *(int*)argument = dup2(0, 123);
    return chdir("/dev") == 0 ? 0 : 1;
}

TEST(clone_files_and_fs) {
    SCRATCH();
    size_t size = 64 << 10;
    char* stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char directory[64];
    int zero = open("/dev/null", O_RDONLY), ignored = 0;
    dup2(zero, 0);
    int child = clone(files_body, stack + size, CLONE_FILES | CLONE_FS | SIGCHLD, &ignored);
    ASSERT_OK(child);
    EXPECT_EXIT(child, 0);
    EXPECT_OK(fcntl(123, F_GETFD));
    close(123);
    EXPECT_TRUE(getcwd(directory, sizeof directory) != NULL);
    EXPECT_STR(directory, "/dev");
    // Without the flags: own copies.
    ASSERT_OK(chdir(h_scratch));
    child = clone(files_body, stack + size, SIGCHLD, &ignored);
    EXPECT_EXIT(child, 0);
    EXPECT_ERRNO(fcntl(123, F_GETFD), EBADF);
    EXPECT_FALSE(strcmp(getcwd(directory, sizeof directory) ? directory : "", "/dev") == 0);
    close(zero);
    munmap(stack, size);
}

static int waits_by_type(int exit_signal, int options) {
    size_t size = 64 << 10;
    char* stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static int data;
    int status, child = clone(vm_body, stack + size, exit_signal, &data);
    int got = waitpid(child, &status, options);
    int error = errno;
    if (got != child)
        waitpid(child, &status, __WALL);
    munmap(stack, size);
    return got == child ? 0 : -error;
}

TEST(clone_children_and_wall) {
    EXPECT_EQ(waits_by_type(SIGCHLD, 0), 0);
    EXPECT_EQ(waits_by_type(0, 0), -ECHILD);
    EXPECT_EQ(waits_by_type(0, __WCLONE), 0);
    EXPECT_EQ(waits_by_type(0, __WALL), 0);
}

static void* die_with_lock(void* lock) {
    pthread_mutex_lock(lock);
    return NULL;
}

TEST(robust_mutex_in_a_process) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t robust;
    pthread_t thread;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attributes);
    ASSERT_EQ(pthread_create(&thread, NULL, die_with_lock, &robust), 0);
    pthread_join(thread, NULL);
    EXPECT_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
    EXPECT_EQ(pthread_mutex_consistent(&robust), 0);
    EXPECT_EQ(pthread_mutex_unlock(&robust), 0);
    EXPECT_EQ(pthread_mutex_lock(&robust), 0);
    pthread_mutex_unlock(&robust);
}

TEST(robust_mutex_between_processes) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t* robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(robust, &attributes);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(robust);
        raise(SIGKILL);
    }
    EXPECT_KILLED(child, SIGKILL);
    EXPECT_EQ(pthread_mutex_lock(robust), EOWNERDEAD);
    pthread_mutex_consistent(robust);
    pthread_mutex_unlock(robust);
    munmap(robust, 4096);
}

static void* cancel_me(void* unused) {
    for (;;)
        pause();
    return unused;
}

TEST(cancellation) {
    pthread_t thread;
    void* result = NULL;
    ASSERT_EQ(pthread_create(&thread, NULL, cancel_me, NULL), 0);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    EXPECT_TRUE(result == PTHREAD_CANCELED);
}

static void note_signal(int number) {
    (void)number;
    atomic_fetch_add(&counter, 1);
}
static void* spin(void* unused) {
    while (!counter)
        ;
    return unused;
}

TEST(pthread_kill_reaches_a_busy_thread) {
    pthread_t thread;
    counter = 0;
    on_signal(SIGUSR1, note_signal, 0);
    ASSERT_EQ(pthread_create(&thread, NULL, spin, NULL), 0);
    EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
    pthread_join(thread, NULL);
    EXPECT_EQ(counter, 1);
}
