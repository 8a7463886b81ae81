// Mounts a drive and does what its arguments say in it, a step each, printing what comes of each: the result, or the error's name.
//
//   drive_steps SOURCE OPTIONS STEP...
//
// A step is a line of words: "mkdir d", "write f text", "unlink a". Files that "open" has opened stay so until "close".
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char* error_name(int error) {
    static const struct {
        int error;
        const char* name;
    } kNames[] = {{ENOENT, "ENOENT"},   {EEXIST, "EEXIST"},   {ENOTDIR, "ENOTDIR"}, {EISDIR, "EISDIR"},
                  {EACCES, "EACCES"},   {EPERM, "EPERM"},     {EINVAL, "EINVAL"},   {ENOTEMPTY, "ENOTEMPTY"},
                  {EROFS, "EROFS"},     {ENODEV, "ENODEV"},   {EXDEV, "EXDEV"},     {EOPNOTSUPP, "EOPNOTSUPP"},
                  {ENAMETOOLONG, "ENAMETOOLONG"}, {EBUSY, "EBUSY"}, {ESTALE, "ESTALE"}, {EIO, "EIO"}};
    for (size_t i = 0; i < sizeof kNames / sizeof *kNames; ++i)
        if (kNames[i].error == error)
            return kNames[i].name;
    return strerror(error);
}

static int compare_names(const void* left, const void* right) {
    return strcmp(*(char* const*)left, *(char* const*)right);
}

static void list(const char* folder) {
    DIR* directory = opendir(folder);
    char* names[512];
    size_t count = 0;
    if (!directory) {
        puts(error_name(errno));
        return;
    }
    for (struct dirent* entry; count < 512 && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            names[count] = malloc(strlen(entry->d_name) + 2);
            sprintf(names[count++], "%s%s", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
        }
    closedir(directory);
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; ++i)
        printf("%s%s", i ? " " : "", names[i]);
    puts("");
}

static void print_file(const char* name) {
    char text[4096];
    const int fd = open(name, O_RDONLY);
    const ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (length < 0)
        puts(error_name(errno));
    else
        printf("%.*s\n", (int)length, text);
    close(fd);
}

static void print_attributes(const char* name) {
    struct stat info;
    if (lstat(name, &info) < 0)
        puts(error_name(errno));
    else
        printf("%s %o %u:%u %lld %u\n", S_ISDIR(info.st_mode) ? "directory" : S_ISREG(info.st_mode) ? "file" : "other",
               info.st_mode & 07777, info.st_uid, info.st_gid, S_ISDIR(info.st_mode) ? 0 : (long long)info.st_size,
               S_ISDIR(info.st_mode) ? 0 : (unsigned)info.st_nlink);
}

static int write_text(const char* name, const char* text, int flags) {
    const int fd = open(name, O_WRONLY | O_CREAT | flags, 0666);
    if (fd < 0)
        return -1;
    const ssize_t written = write(fd, text, strlen(text));
    return close(fd) | (written == (ssize_t)strlen(text) ? 0 : -1);
}

// Waits for an event of the watch that "watch" has begun; says what has happened.
static void print_event(int watch) {
    char buffer[4096] __attribute__((aligned(8)));
    struct pollfd poller = {watch, POLLIN, 0};
    if (poll(&poller, 1, 10000) != 1) {
        puts("nothing");
        return;
    }
    const ssize_t length = read(watch, buffer, sizeof buffer);
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event* event = (const struct inotify_event*)(buffer + at);
        printf("%s%x:%s", at ? " " : "", event->mask, event->len ? event->name : "");
        at += (ssize_t)(sizeof *event + event->len);
    }
    puts("");
}

static void step(char* line) {
    static int opened = -1, watch = -1;
    char* words[4] = {0};
    char* next = NULL;
    for (int i = 0; i < 4 && (words[i] = strtok_r(i ? NULL : line, i == 2 ? "" : " ", &next)); ++i) {
    }
    const char *what = words[0], *a = words[1], *b = words[2];
    int result = -1;
    if (strcmp(what, "ls") == 0)
        return list(a);
    if (strcmp(what, "cat") == 0)
        return print_file(a);
    if (strcmp(what, "stat") == 0)
        return print_attributes(a);
    if (strcmp(what, "event") == 0)
        return print_event(watch);
    if (strcmp(what, "wait") == 0) { // for the test
        puts("waiting");
        fflush(stdout);
        char answer;
        result = read(STDIN_FILENO, &answer, 1) == 1 ? 0 : -1;
    } else if (strcmp(what, "mkdir") == 0)
        result = mkdir(a, 0777);
    else if (strcmp(what, "rmdir") == 0)
        result = rmdir(a);
    else if (strcmp(what, "unlink") == 0)
        result = unlink(a);
    else if (strcmp(what, "rename") == 0)
        result = rename(a, b);
    else if (strcmp(what, "link") == 0)
        result = link(a, b);
    else if (strcmp(what, "chmod") == 0)
        result = chmod(a, (mode_t)strtol(b, NULL, 8));
    else if (strcmp(what, "write") == 0)
        result = write_text(a, b, O_TRUNC);
    else if (strcmp(what, "append") == 0)
        result = write_text(a, b, O_APPEND);
    else if (strcmp(what, "create") == 0)
        result = write_text(a, "", O_EXCL);
    else if (strcmp(what, "truncate") == 0)
        result = truncate(a, atol(b));
    else if (strcmp(what, "touch") == 0) {
        const struct timespec times[2] = {{atol(b), 0}, {atol(b), 0}};
        result = utimensat(AT_FDCWD, a, times, 0);
    } else if (strcmp(what, "mtime") == 0) {
        struct stat info;
        result = stat(a, &info);
        if (result == 0) {
            printf("%lld\n", (long long)info.st_mtime);
            return;
        }
    } else if (strcmp(what, "cd") == 0)
        result = chdir(a);
    else if (strcmp(what, "open") == 0)
        result = (opened = open(a, O_RDONLY)) < 0 ? -1 : 0;
    else if (strcmp(what, "close") == 0)
        result = close(opened);
    else if (strcmp(what, "watch") == 0)
        result = (watch = inotify_init()) < 0 || inotify_add_watch(watch, a, IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVE) < 0 ? -1 : 0;
    else {
        printf("no step '%s'\n", what);
        return;
    }
    puts(result < 0 ? error_name(errno) : "ok");
}

int main(int argc, char** argv) {
    if (argc < 3)
        return 2;
    mkdir("/mnt", 0755);
    if (mkdir("/mnt/drive", 0755) < 0 && errno != EEXIST)
        return 3;
    if (mount(argv[1], "/mnt/drive", "drvfs", strcmp(argv[2], "ro") == 0 ? MS_RDONLY : 0, strcmp(argv[2], "ro") == 0 ? "" : argv[2]) < 0) {
        printf("mount %s\n", error_name(errno));
        return 1;
    }
    if (chdir("/mnt/drive") < 0)
        return 4;
    for (int i = 3; i < argc; ++i) {
        char* line = strdup(argv[i]);
        step(line);
        free(line);
        fflush(stdout);
    }
    return chdir("/") < 0 || umount2("/mnt/drive", MNT_DETACH) < 0 ? 5 : 0;
}
