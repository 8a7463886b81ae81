// Mounts a drive and does what its arguments say in it, a step each, printing what comes of each: the result, or the error's name.
//
//   drive_steps SOURCE OPTIONS STEP...
//   drive_steps "" FOLDER STEP...         in a folder of the instance's own tree
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
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char* error_name(int error) {
    static const struct {
        int error;
        const char* name;
    } kNames[] = {{ENOENT, "ENOENT"},   {EEXIST, "EEXIST"},   {ENOTDIR, "ENOTDIR"}, {EISDIR, "EISDIR"},
                  {EACCES, "EACCES"},   {EPERM, "EPERM"},     {EINVAL, "EINVAL"},   {ENOTEMPTY, "ENOTEMPTY"},
                  {EROFS, "EROFS"},     {ENODEV, "ENODEV"},   {EXDEV, "EXDEV"},     {EOPNOTSUPP, "EOPNOTSUPP"},
                  {ENAMETOOLONG, "ENAMETOOLONG"}, {EBUSY, "EBUSY"}, {ESTALE, "ESTALE"}, {EIO, "EIO"},
                  {ENODATA, "ENODATA"}, {ENOSPC, "ENOSPC"}, {E2BIG, "E2BIG"},   {ERANGE, "ERANGE"}};
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

static const char* type_name(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR: return "directory";
    case S_IFREG: return "file";
    case S_IFLNK: return "link";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    default: return "device";
    }
}

static void print_attributes(const char* name) {
    struct stat info;
    if (lstat(name, &info) < 0)
        puts(error_name(errno));
    else if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
        printf("%s %o %u:%u %c %u:%u\n", type_name(info.st_mode), info.st_mode & 07777, info.st_uid, info.st_gid,
               S_ISCHR(info.st_mode) ? 'c' : 'b', major(info.st_rdev), minor(info.st_rdev));
    else
        printf("%s %o %u:%u %lld %u\n", type_name(info.st_mode),
               info.st_mode & 07777, info.st_uid, info.st_gid, S_ISDIR(info.st_mode) ? 0 : (long long)info.st_size,
               S_ISDIR(info.st_mode) ? 0 : (unsigned)info.st_nlink);
}

static void print_target(const char* name) {
    char target[4096];
    const ssize_t length = readlink(name, target, sizeof target);
    if (length < 0)
        puts(error_name(errno));
    else
        printf("%.*s\n", (int)length, target);
}

static void print_xattrs(const char* name) {
    char names[4096], value[65536];
    const ssize_t length = llistxattr(name, names, sizeof names);
    if (length < 0)
        puts(error_name(errno));
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
        const ssize_t bytes = lgetxattr(name, names + at, value, sizeof value);
        if (bytes < 0)
            printf("%s%s %s", at ? " " : "", names + at, error_name(errno));
        else if (bytes > 64)
            printf("%s%s=%zd bytes", at ? " " : "", names + at, bytes);
        else
            printf("%s%s=%.*s", at ? " " : "", names + at, (int)bytes, value);
    }
    if (length >= 0)
        puts("");
}

// "name=value", or "name*count" for so many bytes.
static int set_xattr(const char* name, char* what) {
    char* separator = strpbrk(what, "=*");
    if (!separator)
        return lremovexattr(name, what);
    static char many[65536];
    const size_t count = *separator == '*' ? (size_t)atol(separator + 1) : strlen(separator + 1);
    const char* value = *separator == '*' ? memset(many, 'x', count) : separator + 1;
    *separator = 0;
    return lsetxattr(name, what, value, count, 0);
}

// "c 1 3", "b 8 0", "p", "s".
static int make_node(const char* name, const char* what) {
    unsigned high = 0, low = 0;
    char kind = 0;
    sscanf(what, "%c %u %u", &kind, &high, &low);
    const mode_t type = kind == 'c' ? S_IFCHR : kind == 'b' ? S_IFBLK : kind == 'p' ? S_IFIFO : S_IFSOCK;
    return mknod(name, type | 0666, makedev(high, low));
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
    if (strcmp(what, "target") == 0)
        return print_target(a);
    if (strcmp(what, "xattrs") == 0)
        return print_xattrs(a);
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
    else if (strcmp(what, "chown") == 0)
        result = lchown(a, (uid_t)atoi(b), (gid_t)atoi(strchr(b, ':') + 1));
    else if (strcmp(what, "symlink") == 0)
        result = symlink(b, a);
    else if (strcmp(what, "mknod") == 0)
        result = make_node(a, b);
    else if (strcmp(what, "xattr") == 0)
        result = set_xattr(a, words[2]);
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
    umask(022);
    const int is_in_tree = argv[1][0] == 0;
    if (is_in_tree && chdir(argv[2]) < 0) {
        puts(error_name(errno));
        return 1;
    }
    mkdir("/mnt", 0755);
    if (mkdir("/mnt/drive", 0755) < 0 && errno != EEXIST)
        return 3;
    if (!is_in_tree && mount(argv[1], "/mnt/drive", "drvfs", strcmp(argv[2], "ro") == 0 ? MS_RDONLY : 0, strcmp(argv[2], "ro") == 0 ? "" : argv[2]) < 0) {
        printf("mount %s\n", error_name(errno));
        return 1;
    }
    if (!is_in_tree && chdir("/mnt/drive") < 0)
        return 4;
    for (int i = 3; i < argc; ++i) {
        char* line = strdup(argv[i]);
        step(line);
        free(line);
        fflush(stdout);
    }
    return !is_in_tree && (chdir("/") < 0 || umount2("/mnt/drive", MNT_DETACH) < 0) ? 5 : 0;
}
