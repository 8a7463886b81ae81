// Which errno each call on a path gives, after POSIX and the man pages: a table of calls, gone through once
// for every way in which a path or its caller can be wrong. As root, as the owner, as another user, on a
// read-only mount.
#ifndef LXSS_TESTS_GUEST_POSIX_CALLS_H
#define LXSS_TESTS_GUEST_POSIX_CALLS_H

#include "harness.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

enum {
    kCreates = 1,     // makes the name; fails with EEXIST where there is one
    kRemoves = 2,     // takes the name away
    kChanges = 4,     // changes the file (EROFS on a read-only mount)
    kFollows = 8,     // follows a symbolic link in the last component
    kNeedsRoot = 16,  // EPERM for others, before or after the path is looked at
    kReads = 32,      // needs read permission of the file
    kWrites = 64,     // needs write permission of the file
    kDirectory = 128, // works on directories only
    kOwner = 256,     // EPERM for all but the owner and root
    kNotOnDirectory = 512,
};

static char buffer[PATH_MAX + 300];

static long do_chmod(const char* path) {
    return syscall(SYS_chmod, path, 0644);
}
static long do_fchmodat(const char* path) {
    return syscall(SYS_fchmodat, AT_FDCWD, path, 0644);
}
static long do_chown(const char* path) {
    return syscall(SYS_chown, path, getuid(), getgid());
}
static long do_lchown(const char* path) {
    return syscall(SYS_lchown, path, getuid(), getgid());
}
static long do_truncate(const char* path) {
    return syscall(SYS_truncate, path, 10L);
}
static long do_utimensat(const char* path) {
    struct timespec times[2] = {{1000, 1}, {2000, 2}};
    return syscall(SYS_utimensat, AT_FDCWD, path, times, 0);
}
static long do_utimensat_now(const char* path) {
    return syscall(SYS_utimensat, AT_FDCWD, path, NULL, 0);
}
static long closed(long fd) {
    if (fd >= 0)
        close((int)fd);
    return fd >= 0 ? 0 : fd;
}
static long do_open_read(const char* path) {
    return closed(syscall(SYS_open, path, O_RDONLY | O_NONBLOCK));
}
static long do_open_write(const char* path) {
    return closed(syscall(SYS_open, path, O_WRONLY | O_NONBLOCK));
}
static long do_open_trunc(const char* path) {
    return closed(syscall(SYS_open, path, O_RDONLY | O_TRUNC | O_NONBLOCK));
}
static long do_open_path(const char* path) {
    return closed(syscall(SYS_open, path, O_PATH));
}
static long do_open_create(const char* path) {
    return closed(syscall(SYS_open, path, O_RDWR | O_CREAT | O_EXCL, 0644));
}
static long do_open_directory(const char* path) {
    return closed(syscall(SYS_open, path, O_RDONLY | O_DIRECTORY));
}
static long do_stat(const char* path) {
    struct stat info;
    return stat(path, &info);
}
static long do_lstat(const char* path) {
    struct stat info;
    return lstat(path, &info);
}
static long do_access(const char* path) {
    return syscall(SYS_access, path, F_OK);
}
static long do_readlink(const char* path) {
    char target[16];
    long length = syscall(SYS_readlink, path, target, sizeof target);
    return length == -1 && errno == EINVAL ? 0 : length; // not a link, and found
}
static long do_statfs(const char* path) {
    struct statfs info;
    return statfs(path, &info);
}
static long do_chdir(const char* path) {
    int here = open(".", O_PATH | O_DIRECTORY), result = chdir(path), number = errno;
    if (here < 0 || fchdir(here) < 0)
        return -2;
    close(here);
    errno = number;
    return result;
}
static long do_mkdir(const char* path) {
    return syscall(SYS_mkdir, path, 0755);
}
static long do_mkfifo(const char* path) {
    return syscall(SYS_mknod, path, S_IFIFO | 0644, 0);
}
static long do_mknod_file(const char* path) {
    return syscall(SYS_mknod, path, S_IFREG | 0644, 0);
}
static long do_mknod_device(const char* path) {
    return syscall(SYS_mknod, path, S_IFCHR | 0644, makedev(1, 3));
}
static long do_bind(const char* path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path)
        return -3;
    strcpy(name.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), result = bind(fd, (struct sockaddr*)&name, sizeof name),
        number = errno;
    close(fd);
    errno = result < 0 && number == EADDRINUSE ? EEXIST : number;
    return result;
}
static long do_symlink(const char* path) {
    return syscall(SYS_symlink, "target", path);
}
static long do_link_to(const char* path) {
    return syscall(SYS_link, "source", path);
}
static long do_link_from(const char* path) {
    long result = syscall(SYS_link, path, "fresh-link");
    int number = errno;
    unlink("fresh-link");
    errno = number;
    return result;
}
static long do_rename_to(const char* path) {
    return syscall(SYS_rename, "source", path);
}
static long do_rename_from(const char* path) {
    return syscall(SYS_rename, path, "fresh-name");
}
static long do_exchange(const char* path) {
    return syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, "source", 2);
}
static long do_noreplace(const char* path) {
    return syscall(SYS_renameat2, AT_FDCWD, "source", AT_FDCWD, path, 1);
}
static long do_unlink(const char* path) {
    return syscall(SYS_unlink, path);
}
static long do_rmdir(const char* path) {
    return syscall(SYS_rmdir, path);
}
static long do_setxattr(const char* path) {
    return setxattr(path, "user.x", "1", 1, 0);
}
static long do_getxattr(const char* path) {
    char value[8];
    long length = getxattr(path, "user.x", value, sizeof value);
    return length == -1 && errno == ENODATA ? 0 : length;
}
static long do_listxattr(const char* path) {
    return listxattr(path, buffer, 100);
}
static long do_chroot(const char* path) {
    pid_t child = fork();
    if (child == 0)
        _exit(syscall(SYS_chroot, path) == 0 ? 0 : errno);
    int status = h_wait(child);
    errno = WEXITSTATUS(status);
    return status == 0 ? 0 : -1;
}
static long do_execve(const char* path) {
    pid_t child = fork();
    if (child == 0) {
        char* const none[] = {NULL};
        execve(path, none, none);
        _exit(errno);
    }
    int status = h_wait(child);
    errno = WEXITSTATUS(status);
    return -1;
}
static long do_inotify(const char* path) {
    int fd = (int)syscall(SYS_inotify_init1, 0);
    long result = syscall(SYS_inotify_add_watch, fd, path, 2);
    int number = errno;
    close(fd);
    errno = number;
    return result;
}

static const struct call {
    const char* name;
    long (*run)(const char* path);
    int flags;
} kCalls[] = {
    {"chmod", do_chmod, kChanges | kFollows | kOwner},
    {"fchmodat", do_fchmodat, kChanges | kFollows | kOwner},
    {"chown", do_chown, kChanges | kFollows | kOwner},
    {"lchown", do_lchown, kChanges | kOwner},
    {"truncate", do_truncate, kChanges | kFollows | kWrites | kNotOnDirectory},
    {"utimensat", do_utimensat, kChanges | kFollows | kOwner},
    {"utimensat now", do_utimensat_now, kChanges | kFollows | kWrites},
    {"open for reading", do_open_read, kFollows | kReads},
    {"open for writing", do_open_write, kChanges | kFollows | kWrites | kNotOnDirectory},
    {"open O_TRUNC", do_open_trunc, kChanges | kFollows | kWrites | kReads | kNotOnDirectory},
    {"open O_PATH", do_open_path, kFollows},
    {"open O_CREAT|O_EXCL", do_open_create, kCreates},
    {"open O_DIRECTORY", do_open_directory, kFollows | kReads | kDirectory},
    {"stat", do_stat, kFollows},
    {"lstat", do_lstat, 0},
    {"access", do_access, kFollows},
    {"readlink", do_readlink, 0},
    {"statfs", do_statfs, kFollows},
    {"chdir", do_chdir, kFollows | kDirectory},
    {"mkdir", do_mkdir, kCreates},
    {"mkfifo", do_mkfifo, kCreates},
    {"mknod of a file", do_mknod_file, kCreates},
    {"mknod of a device", do_mknod_device, kCreates | kNeedsRoot},
    {"bind", do_bind, kCreates},
    {"symlink", do_symlink, kCreates},
    {"link to", do_link_to, kCreates},
    {"link from", do_link_from, 0},
    {"rename from", do_rename_from, kRemoves},
    {"rename exchange", do_exchange, kRemoves},
    {"rename without replacing", do_noreplace, kCreates},
    {"unlink", do_unlink, kRemoves | kNotOnDirectory},
    {"setxattr", do_setxattr, kChanges | kFollows | kWrites},
    {"getxattr", do_getxattr, kFollows | kReads},
    {"listxattr", do_listxattr, kFollows},
    {"inotify_add_watch", do_inotify, kFollows | kReads},
    {"chroot", do_chroot, kFollows | kDirectory | kNeedsRoot},
    {"execve", do_execve, kFollows},
    {"rename to", do_rename_to, 0},
    {"rmdir", do_rmdir, 0},
};
enum { kCallCount = sizeof kCalls / sizeof kCalls[0] };

static H_UNUSED int same_call(const struct call* call, long (*run)(const char*)) {
    return call->run == run;
}

// One line of the table: `call` on `path` fails with `want` (0: does not fail).
static void expect_call(const struct call* call, const char* path, const char* what, int want, int line) {
    errno = 0;
    long got = call->run(path);
    int number = got < 0 ? errno : 0;
    if (number == want)
        return;
    struct h_text text = {0, {0}};
    h_where(&text, __FILE__, line);
    h_add(&text, call->name);
    h_add(&text, " ");
    h_add(&text, what);
    h_add(&text, number ? " fails with " : " succeeds");
    if (number)
        h_add_errno(&text, number);
    h_add(&text, ", want ");
    if (want)
        h_add_errno(&text, want);
    else
        h_add(&text, "success");
    h_fail(&text);
}

#define FOR_CALLS(call) for (const struct call* call = kCalls; call < kCalls + kCallCount; call++)
#define EXPECT_CALL(call, path, what, want) expect_call(call, path, what, want, __LINE__)

static H_UNUSED const char* repeated(const char* head, char character, int count, const char* tail) {
    static char text[PATH_MAX + 300];
    size_t length = strlen(head);
    strcpy(text, head);
    memset(text + length, character, (size_t)count);
    strcpy(text + length + count, tail);
    return text;
}

#endif
