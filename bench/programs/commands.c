// commands COUNT PROGRAM ARGUMENTS...: runs a command COUNT times after once to warm up, its output thrown away, and
// prints seconds per run. Times are taken in here so that starting a chroot or PRoot around it does not count.
#include "measure.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static void run(char** command, posix_spawn_file_actions_t* actions) {
    pid_t child;
    int status;
    require(posix_spawnp(&child, command[0], actions, NULL, command, environ) == 0, command[0]);
    require(waitpid(child, &status, 0) == child, "waitpid");
    if (status == 0) return;
    fprintf(stderr, "%s: status %#x\n", command[0], (unsigned)status);
    exit(1);
}

int main(int argc, char** argv) {
    const long count = argc > 2 ? atol(argv[1]) : 0;
    if (count <= 0) {
        fprintf(stderr, "usage: %s COUNT PROGRAM ARGUMENTS...\n", argv[0]);
        return 2;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    run(argv + 2, &actions);
    const double start = seconds_now();
    for (long i = 0; i < count; i++) run(argv + 2, &actions);
    printf("%.12f\n", (seconds_now() - start) / (double)count);
    return 0;
}
