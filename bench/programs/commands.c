// commands COUNT [--before SCRIPT] PROGRAM ARGUMENTS...: runs a command COUNT times after once to warm up, its output thrown
// away, and prints seconds per run. SCRIPT is run by sh before each, and does not count. Times are taken in here so that
// starting a chroot or PRoot around it does not count.
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
    char** command = argv + 2;
    char* before[] = {"sh", "-c", NULL, NULL};
    if (argc > 4 && strcmp(argv[2], "--before") == 0) {
        before[2] = argv[3];
        command += 2;
    }
    if (count <= 0) {
        fprintf(stderr, "usage: %s COUNT [--before SCRIPT] PROGRAM ARGUMENTS...\n", argv[0]);
        return 2;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    double seconds = 0;
    for (long i = -1; i < count; i++) {
        if (before[2]) run(before, &actions);
        const double start = seconds_now();
        run(command, &actions);
        if (i >= 0) seconds += seconds_now() - start;
    }
    printf("%.12f\n", seconds / (double)count);
    return 0;
}
