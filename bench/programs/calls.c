// Single system calls of one thread: getppid, stat, open-close, pread.
#include "measure.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char path[] = "/etc/passwd";

static void run_getppid(long count) {
    while (count-- > 0) syscall(SYS_getppid);
}

static void run_stat(long count) {
    struct stat result;
    while (count-- > 0) require(stat(path, &result) == 0, path);
}

static void run_open_close(long count) {
    while (count-- > 0) {
        const int descriptor = open(path, O_RDONLY);
        require(descriptor >= 0 && close(descriptor) == 0, path);
    }
}

static void run_pread(long count) {
    static char buffer[4096];
    const int descriptor = open("/bin/sh", O_RDONLY);
    require(descriptor >= 0, "/bin/sh");
    while (count-- > 0) require(pread(descriptor, buffer, sizeof buffer, 4096) == sizeof buffer, "pread");
    close(descriptor);
}

int main(int argc, char** argv) {
    static const struct measure measures[] = {{"getppid", run_getppid},
                                              {"stat", run_stat},
                                              {"open-close", run_open_close},
                                              {"pread", run_pread},
                                              {NULL, NULL}};
    return measure_main(measures, argc, argv);
}
