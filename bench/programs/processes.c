// Processes made and waited for: fork and exit, fork and exec, posix_spawn.
#include "measure.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static char program[] = "/bin/true";
static char* const arguments[] = {program, NULL};
static char* const environment[] = {NULL};

static void wait_for(pid_t child) {
    int status;
    require(child > 0 && waitpid(child, &status, 0) == child && status == 0, "child");
}

static void run_fork(long count) {
    while (count-- > 0) {
        const pid_t child = fork();
        if (child == 0) _exit(0);
        wait_for(child);
    }
}

static void run_fork_exec(long count) {
    while (count-- > 0) {
        const pid_t child = fork();
        if (child == 0) {
            execve(program, arguments, environment);
            _exit(127);
        }
        wait_for(child);
    }
}

static void run_spawn(long count) {
    while (count-- > 0) {
        pid_t child;
        require(posix_spawn(&child, program, NULL, NULL, arguments, environment) == 0, program);
        wait_for(child);
    }
}

int main(int argc, char** argv) {
    static const struct measure measures[] = {
        {"fork", run_fork}, {"fork-exec", run_fork_exec}, {"spawn", run_spawn}, {NULL, NULL}};
    return measure_main(measures, argc, argv);
}
