// What the tests of ptrace(2) share.
#pragma once

#include "harness.h"

#include <sys/ptrace.h>
#include <sys/user.h>

#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

// musl and glibc disagree on the type of the request.
static inline long tracee(long request, pid_t pid, unsigned long address, unsigned long data) {
    return syscall(SYS_ptrace, request, (long)pid, address, data);
}

static inline unsigned long at(const void* pointer) { return (unsigned long)pointer; }

// A child that asks to be traced, stops itself, and then runs `body`.
static inline pid_t traced_child(void (*body)(void)) {
    pid_t child = fork();
    if (child == 0) {
        if (tracee(PTRACE_TRACEME, 0, 0, 0))
            _exit(101);
        kill(getpid(), SIGSTOP);
        body();
        _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
        return -1;
    return child;
}

static inline void end(pid_t child) {
    int status;
    kill(child, SIGKILL);
    waitpid(child, &status, __WALL);
}
