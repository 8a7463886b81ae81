// Calls on files, each on many of them: files MEASURE COUNT FOLDER. FOLDER is on the file system to be measured, and is left as
// it was found. Prints seconds per operation. And files tree FOLDER COUNT BYTES: makes COUNT files of BYTES, a hundred to a
// folder, for programs that go through trees.
#include "measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { known_files = 1000 };

// The names are made before the clock starts.
static char (*names)[32];

static void make_names(char (*out)[32], long count, const char* prefix) {
    for (long i = 0; i < count; i++) snprintf(out[i], sizeof out[i], "%s%ld", prefix, i);
}

static char (*new_names(long count, const char* prefix))[32] {
    char (*made)[32] = malloc((size_t)count * sizeof *made);
    require(made != NULL, "malloc");
    make_names(made, count, prefix);
    return made;
}

static void make_file(const char* name, const char* content, size_t bytes) {
    const int descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    require(descriptor >= 0, name);
    require(write(descriptor, content, bytes) == (ssize_t)bytes, name);
    require(close(descriptor) == 0, name);
}

static double run_stat(long count) {
    struct stat result;
    const double start = seconds_now();
    for (long i = 0; i < count; i++) require(stat(names[i % known_files], &result) == 0, "stat");
    return seconds_now() - start;
}

static double run_open(long count) {
    const double start = seconds_now();
    for (long i = 0; i < count; i++) {
        const int descriptor = open(names[i % known_files], O_RDONLY);
        require(descriptor >= 0 && close(descriptor) == 0, "open");
    }
    return seconds_now() - start;
}

static double run_readdir(long count) {
    const double start = seconds_now();
    for (long i = 0; i < count; i++) {
        DIR* folder = opendir(".");
        long seen = 0;
        require(folder != NULL, "opendir");
        while (readdir(folder)) seen++;
        require(seen == known_files + 2, "readdir");
        closedir(folder);
    }
    return seconds_now() - start;
}

// Creation, renaming and removal go over the same new files; one of the three is what was asked for.
static void measure_changes(long count, double* create, double* move, double* remove) {
    char (*first)[32] = new_names(count, "new"), (*second)[32] = new_names(count, "moved");
    double start = seconds_now();
    for (long i = 0; i < count; i++) {
        const int descriptor = open(first[i], O_WRONLY | O_CREAT | O_EXCL, 0644);
        require(descriptor >= 0 && close(descriptor) == 0, "create");
    }
    *create = seconds_now() - start;
    start = seconds_now();
    for (long i = 0; i < count; i++) require(rename(first[i], second[i]) == 0, "rename");
    *move = seconds_now() - start;
    start = seconds_now();
    for (long i = 0; i < count; i++) require(unlink(second[i]) == 0, "unlink");
    *remove = seconds_now() - start;
    free(first), free(second);
}

static double run_create(long count) {
    double create, move, remove;
    measure_changes(count, &create, &move, &remove);
    return create;
}

static double run_rename(long count) {
    double create, move, remove;
    measure_changes(count, &create, &move, &remove);
    return move;
}

static double run_unlink(long count) {
    double create, move, remove;
    measure_changes(count, &create, &move, &remove);
    return remove;
}

static double run_mkdir(long count) {
    char (*folders)[32] = new_names(count, "folder");
    const double start = seconds_now();
    for (long i = 0; i < count; i++) require(mkdir(folders[i], 0755) == 0, "mkdir");
    for (long i = 0; i < count; i++) require(rmdir(folders[i]) == 0, "rmdir");
    const double seconds = seconds_now() - start;
    free(folders);
    return seconds;
}

static void enter(const char* folder) {
    require(mkdir(folder, 0755) == 0 && chdir(folder) == 0, folder);
}

static int make_tree(const char* top, long count, size_t bytes) {
    char* content = calloc(1, bytes + 1);
    char name[64];
    require(content != NULL, "calloc");
    memset(content, 'x', bytes);
    enter(top);
    for (long i = 0; i < count; i++) {
        if (i % 100 == 0) {
            snprintf(name, sizeof name, "folder%ld", i / 100);
            require(mkdir(name, 0755) == 0, name);
        }
        snprintf(name, sizeof name, "folder%ld/file%ld.txt", i / 100, i % 100);
        make_file(name, content, bytes);
    }
    free(content);
    return 0;
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        double (*run)(long count);
    } measures[] = {{"stat", run_stat},     {"open", run_open},     {"readdir", run_readdir}, {"create", run_create},
                    {"rename", run_rename}, {"unlink", run_unlink}, {"mkdir", run_mkdir}};
    if (argc == 5 && strcmp(argv[1], "tree") == 0) return make_tree(argv[2], atol(argv[3]), (size_t)atol(argv[4]));
    const long count = argc == 4 ? atol(argv[2]) : 0;
    for (size_t m = 0; count > 0 && m < sizeof measures / sizeof *measures; m++) {
        if (strcmp(measures[m].name, argv[1]) != 0) continue;
        require(chdir(argv[3]) == 0, argv[3]);
        char folder[32];
        snprintf(folder, sizeof folder, "calls%d", getpid());
        enter(folder);
        names = new_names(known_files, "file");
        for (long i = 0; i < known_files; i++) make_file(names[i], "content", 7);
        measures[m].run(count / 10 + 1);
        const double seconds = measures[m].run(count);
        for (long i = 0; i < known_files; i++) require(unlink(names[i]) == 0, names[i]);
        require(chdir("..") == 0 && rmdir(folder) == 0, folder);
        printf("%.12f\n", seconds / (double)count);
        return 0;
    }
    fprintf(stderr, "usage: %s MEASURE COUNT FOLDER, or %s tree FOLDER COUNT BYTES\n", argv[0], argv[0]);
    return 2;
}
