// What the benchmark programs share: a clock, a count from the command line, one number on standard output.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// A benchmark that cannot do its operation must not print a time.
__attribute__((noreturn)) static inline void fail(const char* what) {
    perror(what);
    exit(1);
}

static inline void require(int good, const char* what) {
    if (!good) fail(what);
}

struct measure {
    const char* name;
    void (*run)(long count);
};

// Runs the measure named by the first argument as often as the second says, after a tenth of that to warm up, and
// prints seconds per operation.
static inline int measure_main(const struct measure* measures, int argc, char** argv) {
    const long count = argc == 3 ? atol(argv[2]) : 0;
    for (; count > 0 && measures->name; measures++) {
        if (strcmp(measures->name, argv[1]) != 0) continue;
        measures->run(count / 10 + 1);
        const double start = seconds_now();
        measures->run(count);
        printf("%.12f\n", (seconds_now() - start) / (double)count);
        return 0;
    }
    fprintf(stderr, "usage: %s MEASURE COUNT\n", argv[0]);
    return 2;
}
