// Round trips between two processes (a byte through two pipes) and two threads (a futex).
#include "measure.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void pass(int from, int to) {
    char byte = 0;
    require(read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1, "pipe");
}

static void run_pipe(long count) {
    int there[2], back[2];
    require(pipe(there) == 0 && pipe(back) == 0, "pipe");
    const pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        for (long i = 0; i < count; i++) pass(there[0], back[1]);
        _exit(0);
    }
    require(write(there[1], "", 1) == 1, "pipe");
    for (long i = 1; i < count; i++) pass(back[0], there[1]);
    char byte;
    require(read(back[0], &byte, 1) == 1 && waitpid(child, NULL, 0) == child, "pipe");
    close(there[0]), close(there[1]), close(back[0]), close(back[1]);
}

// Whose turn it is: 0 the main thread's, 1 the other's.
static _Atomic unsigned turn;

static void take_turns(unsigned own, long count) {
    while (count-- > 0) {
        while (atomic_load(&turn) != own) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, own ^ 1, NULL, NULL, 0);
        atomic_store(&turn, own ^ 1);
        syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    }
}

static void* other_thread(void* count) {
    take_turns(1, *(const long*)count);
    return NULL;
}

static void run_futex(long count) {
    pthread_t thread;
    atomic_store(&turn, 0);
    require(pthread_create(&thread, NULL, other_thread, &count) == 0, "pthread_create");
    take_turns(0, count);
    pthread_join(thread, NULL);
}

int main(int argc, char** argv) {
    static const struct measure measures[] = {{"pipe", run_pipe}, {"futex", run_futex}, {NULL, NULL}};
    return measure_main(measures, argc, argv);
}
