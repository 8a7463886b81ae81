// Which errno each call on a path gives, after POSIX and the man pages: a table of calls, gone through once
// for every way in which a path or its caller can be wrong. As root, as the owner, as another user, on a
// read-only mount.
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

static int same_call(const struct call* call, long (*run)(const char*)) {
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

static const char* repeated(const char* head, char character, int count, const char* tail) {
    static char text[PATH_MAX + 300];
    size_t length = strlen(head);
    strcpy(text, head);
    memset(text + length, character, (size_t)count);
    strcpy(text + length + count, tail);
    return text;
}

// ---- the path

TEST(prefix_is_not_a_directory) {
    SCRATCH();
    ASSERT_OK(put_file("file", ""));
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "file/name", "below a file", ENOTDIR);
        EXPECT_CALL(call, "file/..", "above a file", ENOTDIR);
        EXPECT_CALL(call, "file/.", "at a file's dot", ENOTDIR);
    }
    ASSERT_OK(mkfifo("fifo", 0644));
    ASSERT_OK(symlink("file", "to-file"));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "fifo/name", "below a FIFO", ENOTDIR);
        EXPECT_CALL(call, "to-file/name", "below a link to a file", ENOTDIR);
    }
}

TEST(prefix_is_missing) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(symlink("nowhere", "dangling"));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "missing/name", "below a missing directory", ENOENT);
        EXPECT_CALL(call, "missing/../source", "above a missing directory", ENOENT);
        EXPECT_CALL(call, "dangling/name", "below a dangling link", ENOENT);
    }
}

TEST(file_is_missing) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(symlink("nowhere", "dangling"));
    FOR_CALLS(call) {
        if ((call->flags & kCreates) || same_call(call, do_rename_to))
            continue;
        EXPECT_CALL(call, "missing", "of a missing file", ENOENT);
        if (call->flags & kFollows)
            EXPECT_CALL(call, "dangling", "of a dangling link", ENOENT);
    }
}

TEST(empty_path) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call)
    if (!same_call(call, do_bind)) // an empty name binds to an automatic one
        EXPECT_CALL(call, "", "of an empty path", ENOENT);
}

TEST(bad_address) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call) {
        if (same_call(call, do_bind))
            continue;
        // Null is futimens for utimensat, and the rest of the calls treat it as any other bad address.
        EXPECT_CALL(call, (const char*)8, "at a bad address", EFAULT);
        EXPECT_CALL(call, (const char*)0x7fffffffffff0000, "beyond user memory", EFAULT);
    }
}

TEST(component_too_long) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    FOR_CALLS(call) {
        if (same_call(call, do_bind))
            continue;
        EXPECT_CALL(call, repeated("", 'n', 256, ""), "of a name of 256 bytes", ENAMETOOLONG);
        EXPECT_CALL(call, repeated("", 'n', 256, "/name"), "below a name of 256 bytes", ENAMETOOLONG);
        // What does not exist is found out first.
        EXPECT_CALL(call, repeated("missing/", 'n', 256, ""), "of a long name in a missing directory",
                    ENOENT);
    }
}

TEST(longest_component) {
    SCRATCH();
    FOR_CALLS(call) {
        if (same_call(call, do_bind) || (call->flags & kNeedsRoot))
            continue;
        const char* name = repeated("", 'n', 255, "");
        ASSERT_OK(put_file("source", ""));
        if (call->flags & kCreates) {
            EXPECT_CALL(call, name, "of a name of 255 bytes", 0);
            EXPECT_TRUE(unlink(name) == 0 || rmdir(name) == 0);
        } else {
            EXPECT_CALL(call, name, "of a missing name of 255 bytes",
                        same_call(call, do_rename_to) ? 0 : ENOENT);
            unlink(name);
        }
    }
}

TEST(path_too_long) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(mkdir("d", 0755));
    // 4,095 bytes and a terminator are the most.
    char longest[PATH_MAX + 1];
    memset(longest, '/', sizeof longest);
    memcpy(longest, "./", 2);
    strcpy(longest + PATH_MAX - 1 - 6, "source");
    ASSERT_EQ(strlen(longest), PATH_MAX - 1);
    EXPECT_OK(do_stat(longest));
    memset(longest + 2, '/', PATH_MAX);
    strcpy(longest + PATH_MAX - 6, "source");
    ASSERT_EQ(strlen(longest), PATH_MAX);
    FOR_CALLS(call) {
        if (same_call(call, do_bind))
            continue;
        EXPECT_CALL(call, longest, "of a path of 4,096 bytes", ENAMETOOLONG);
        EXPECT_CALL(call, repeated("", 'n', PATH_MAX + 200, ""), "of a path without an end", ENAMETOOLONG);
    }
}

TEST(loops_of_links) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(symlink("loop2", "loop1"));
    ASSERT_OK(symlink("loop1", "loop2"));
    FOR_CALLS(call) {
        EXPECT_CALL(call, "loop1/name", "below a loop", ELOOP);
        if (call->flags & kFollows)
            EXPECT_CALL(call, "loop1", "of a loop", ELOOP);
    }
    // Forty links are followed, forty-one are not.
    ASSERT_OK(symlink("source", "l1"));
    for (int i = 2; i <= 41; i++) {
        char from[8], to[8];
        snprintf(to, sizeof to, "l%d", i - 1);
        snprintf(from, sizeof from, "l%d", i);
        ASSERT_OK(symlink(to, from));
    }
    EXPECT_OK(do_stat("l40"));
    EXPECT_ERRNO(do_stat("l41"), ELOOP);
}

TEST(any_byte_in_a_name) {
    SCRATCH();
    char name[256];
    for (int first = 1; first < 256; first++) {
        if (first == '/')
            continue;
        name[0] = (char)first;
        name[1] = 'x';
        name[2] = 0;
        EXPECT_OK(put_file(name, "x"));
        struct stat info;
        EXPECT_OK(stat(name, &info));
    }
    for (int first = 1; first < 256; first++)
        if (first != '/') {
            name[0] = (char)first;
            EXPECT_OK(unlink(name));
        }
    // All of them in one name of 255 bytes.
    int length = 0;
    for (int first = 1; first < 256; first++)
        if (first != '/')
            name[length++] = (char)first;
    name[length++] = '!';
    name[length] = 0;
    EXPECT_EQ(length, 255);
    EXPECT_OK(mkdir(name, 0755));
    EXPECT_ERRNO(mkdir(name, 0755), EEXIST);
    EXPECT_OK(rename(name, "plain"));
    EXPECT_OK(rename("plain", name));
    EXPECT_OK(rmdir(name));
}

// ---- what is there already

TEST(existing_names) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(put_file("file", ""));
    ASSERT_OK(mkdir("directory", 0755));
    ASSERT_OK(mkfifo("fifo", 0644));
    ASSERT_OK(symlink("file", "link"));
    ASSERT_OK(symlink("nowhere", "dangling"));
    ASSERT_OK(do_bind("socket"));
    static const char* const kExisting[] = {"file",   "directory", "fifo", "link",        "dangling",
                                            "socket", ".",         "..",   "directory/.", "directory/.."};
    FOR_CALLS(call)
    if ((call->flags & kCreates) && !((call->flags & kNeedsRoot) && geteuid() != 0))
        for (size_t i = 0; i < sizeof kExisting / sizeof kExisting[0]; i++)
            EXPECT_CALL(call, kExisting[i], kExisting[i], EEXIST);
}

TEST(trailing_slashes) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(put_file("file", ""));
    ASSERT_OK(symlink("file", "link"));
    FOR_CALLS(call) {
        if (call->flags & kCreates) {
            // Only a directory may be made with a slash behind it.
            const int want = same_call(call, do_open_create) ? EISDIR
                             : same_call(call, do_noreplace) ? ENOTDIR
                                                             : ENOENT;
            if (!same_call(call, do_mkdir) && !((call->flags & kNeedsRoot) && geteuid() != 0))
                EXPECT_CALL(call, "fresh/", "with a slash behind", want);
        } else if (!same_call(call, do_rename_to)) {
            EXPECT_CALL(call, "file/", "of a file with a slash behind", ENOTDIR);
            EXPECT_CALL(call, "link/", "of a link to a file with a slash behind", ENOTDIR);
        }
    }
    EXPECT_OK(mkdir("fresh/", 0755));
    EXPECT_OK(rmdir("fresh///"));
}

TEST(on_directories) {
    SCRATCH();
    ASSERT_OK(put_file("source", ""));
    ASSERT_OK(mkdir("d", 0755));
    FOR_CALLS(call)
    if (call->flags & kNotOnDirectory)
        EXPECT_CALL(call, "d", "of a directory", EISDIR);
    EXPECT_ERRNO(do_link_from("d"), EPERM);
    EXPECT_ERRNO(do_rename_to("d"), EISDIR);
    EXPECT_ERRNO(do_execve("d"), EACCES);
    EXPECT_ERRNO(rename("d", "source"), ENOTDIR);
    EXPECT_ERRNO(rename("d", "d/inner"), EINVAL);
    ASSERT_OK(mkdir("d/inner", 0755));
    EXPECT_ERRNO(rename("d", "d/inner/deeper"), EINVAL);
    EXPECT_ERRNO(rename("d/inner", "d"), ENOTEMPTY);
    ASSERT_OK(mkdir("empty", 0755));
    EXPECT_ERRNO(rename("empty", "d"), ENOTEMPTY);
    EXPECT_OK(rename("empty", "d/inner"));
    EXPECT_ERRNO(rename("d/.", "other"), EBUSY);
    EXPECT_ERRNO(rename("d/..", "other"), EBUSY);
    EXPECT_ERRNO(rename("d", "d/inner/.."), EBUSY);
    EXPECT_ERRNO(rmdir("d/."), EINVAL);
    EXPECT_ERRNO(rmdir("d/inner/.."), ENOTEMPTY);
    EXPECT_ERRNO(rmdir("source"), ENOTDIR);
    FOR_CALLS(call)
    if (call->flags & kDirectory)
        EXPECT_CALL(call, "source", "of a file", ENOTDIR);
}

// ---- the caller

// What the user of the next cases finds: see make_denied_tree().
static void make_denied_tree(void) {
    EXPECT_OK(mkdir("locked", 0700));
    EXPECT_OK(put_file("locked/file", "x"));
    EXPECT_OK(mkdir("locked/directory", 0755));
    EXPECT_OK(mkdir("readable", 0755)); // seen, not written
    EXPECT_OK(put_file("readable/file", "x"));
    EXPECT_OK(chmod("readable/file", 0600));
    EXPECT_OK(put_file("readable/open", "x"));
    EXPECT_OK(mkdir("readable/directory", 0700));
    EXPECT_OK(mkdir("nosearch", 0644));
}

#define AS_OTHER_USER(...)                                                                                   \
    IN_CHILD({                                                                                               \
        EXPECT_OK(become_other_user());                                                                      \
        __VA_ARGS__;                                                                                         \
    })

TEST(no_search_permission) {
    NEED_ROOT();
    SCRATCH();
    make_denied_tree();
    AS_OTHER_USER({
        EXPECT_OK(put_file("source", ""));
        FOR_CALLS(call) {
            if (call->flags & kNeedsRoot)
                continue;
            EXPECT_CALL(call, "locked/file", "in a directory without x", EACCES);
            EXPECT_CALL(call, "locked/missing", "missing in a directory without x", EACCES);
            EXPECT_CALL(call, "locked/directory/name", "below a directory without x", EACCES);
            EXPECT_CALL(call, "nosearch/name", "in a directory with r alone", EACCES);
        }
    });
}

TEST(no_write_permission_of_the_directory) {
    NEED_ROOT();
    SCRATCH();
    make_denied_tree();
    AS_OTHER_USER({
        EXPECT_OK(put_file("source", ""));
        FOR_CALLS(call) {
            if (call->flags & kNeedsRoot)
                continue;
            if (call->flags & kCreates)
                EXPECT_CALL(call, "readable/fresh", "in a directory without w", EACCES);
            if (call->flags & kRemoves)
                EXPECT_CALL(call, "readable/file", "in a directory without w", EACCES);
        }
        EXPECT_ERRNO(do_rmdir("readable/directory"), EACCES);
        EXPECT_ERRNO(do_rename_to("readable/fresh"), EACCES);
        EXPECT_ERRNO(do_rename_to("readable/file"), EACCES);
        // A name that is there, or has to be, comes before the permission to make one.
        EXPECT_ERRNO(do_mkdir("readable/file"), EEXIST);
        EXPECT_ERRNO(do_unlink("readable/missing"), ENOENT);
        EXPECT_OK(do_open_read("readable/open"));
        EXPECT_ERRNO(closed(open("readable/fresh", O_RDONLY | O_CREAT, 0644)), EACCES);
        EXPECT_OK(closed(open("readable/open", O_RDONLY | O_CREAT, 0644)));
    });
}

TEST(no_permission_of_the_file) {
    NEED_ROOT();
    SCRATCH();
    make_denied_tree();
    AS_OTHER_USER({
        FOR_CALLS(call) {
            if (call->flags & (kCreates | kNeedsRoot))
                continue;
            if (call->flags & kOwner)
                EXPECT_CALL(call, "readable/open", "of somebody else's file", EPERM);
            if (call->flags & (kWrites | kReads))
                EXPECT_CALL(call, call->flags & kDirectory ? "readable/directory" : "readable/file",
                            "of a file without rw", EACCES);
            if (call->flags & kWrites)
                EXPECT_CALL(call, "readable/open", "of a file without w", EACCES);
        }
        EXPECT_ERRNO(do_execve("readable/open"), EACCES);
        EXPECT_ERRNO(do_mknod_device("source"), EPERM);
        EXPECT_ERRNO(syscall(SYS_chroot, "readable"), EPERM);
    });
}

TEST(rights_of_root) {
    NEED_ROOT();
    SCRATCH();
    AS_OTHER_USER({
        EXPECT_OK(mkdir("theirs", 0));
        EXPECT_OK(put_file("their-file", "x"));
        EXPECT_OK(chmod("their-file", 0));
    });
    FOR_CALLS(call) {
        ASSERT_OK(put_file("source", "x"));
        if (call->flags & kCreates) {
            EXPECT_CALL(call, "theirs/name", "in a directory of mode 0", 0);
            EXPECT_TRUE(unlink("theirs/name") == 0 || rmdir("theirs/name") == 0);
        } else if (!(call->flags & (kDirectory | kRemoves)) && !same_call(call, do_rename_to) &&
                   !same_call(call, do_rmdir) && !same_call(call, do_execve)) {
            EXPECT_CALL(call, "their-file", "of a file of mode 0", 0);
            ASSERT_OK(chmod("their-file", 0));
            ASSERT_OK(chown("their-file", OTHER_UID, OTHER_GID));
        }
    }
    EXPECT_ERRNO(do_execve("their-file"), EACCES); // not even root runs what nobody may run
    EXPECT_ERRNO(access("their-file", X_OK), EACCES);
    EXPECT_OK(access("their-file", R_OK | W_OK));
}

// ---- the mount

TEST(read_only_mount) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("m", 0755));
    ASSERT_OK(mkdir("m/directory", 0755));
    ASSERT_OK(put_file("m/file", "x"));
    ASSERT_OK(symlink("file", "m/link"));
    ASSERT_OK(mkfifo("m/fifo", 0666));
    ASSERT_OK(put_file("source", ""));
    IN_CHILD({
        if (unshare(CLONE_NEWNS) == 0)
            EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
        EXPECT_OK(mount("m", "m", NULL, MS_BIND, NULL));
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
        EXPECT_OK(chdir("m"));
        FOR_CALLS(call) {
            // Sources and targets of two-name calls lie on the mount, too.
            if (call->flags & kChanges) {
                EXPECT_CALL(call, "file", "on a read-only mount", EROFS);
                EXPECT_CALL(call, "missing", "of a missing file on a read-only mount", ENOENT);
                if (!(call->flags & kNotOnDirectory))
                    EXPECT_CALL(call, "directory", "of a directory on a read-only mount", EROFS);
            } else if (same_call(call, do_link_to) || same_call(call, do_noreplace) ||
                       same_call(call, do_exchange)) {
                continue;
            } else if (call->flags & kCreates) {
                EXPECT_CALL(call, "fresh", "on a read-only mount", EROFS);
                EXPECT_CALL(call, "file", "over a file on a read-only mount", EEXIST);
            } else if (call->flags & kRemoves) {
                EXPECT_CALL(call, "file", "on a read-only mount", EROFS);
            }
        }
        EXPECT_ERRNO(link("file", "fresh"), EROFS);
        EXPECT_ERRNO(rename("file", "fresh"), EROFS);
        EXPECT_ERRNO(rename("file", "link"), EROFS);
        EXPECT_ERRNO(rmdir("directory"), EROFS);
        EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "link", 2), EROFS);
        EXPECT_ERRNO(open(".", O_TMPFILE | O_RDWR, 0600), EROFS);
        EXPECT_ERRNO(access("file", W_OK), EROFS);
        EXPECT_OK(access("file", R_OK));
        EXPECT_OK(access("fifo", W_OK)); // a FIFO's data is not on the disk
        EXPECT_ERRNO(closed(open("fresh", O_RDONLY | O_CREAT, 0644)), EROFS);
        EXPECT_OK(closed(open("file", O_RDONLY | O_CREAT, 0644)));
        // The file system itself is as writable as ever.
        EXPECT_OK(chdir(".."));
        EXPECT_ERRNO(rename("source", "m/fresh"), EXDEV);
        EXPECT_OK(umount2("m", MNT_DETACH));
        EXPECT_OK(put_file("m/file", "y"));
    });
}

// ---- descriptors

TEST(bad_descriptors) {
    SCRATCH();
    struct stat info;
    struct timespec times[2] = {{1, 1}, {2, 2}};
    int path = open(".", O_PATH);
    ASSERT_OK(path);
    ASSERT_OK(put_file("f", "x"));
    int reading = open("f", O_RDONLY);
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? -1 : 9999;
        EXPECT_ERRNO(fchmod(fd, 0644), EBADF);
        EXPECT_ERRNO(fchown(fd, 0, 0), EBADF);
        EXPECT_ERRNO(ftruncate(fd, 0), EBADF);
        EXPECT_ERRNO(fstat(fd, &info), EBADF);
        EXPECT_ERRNO(syscall(SYS_utimensat, fd, NULL, times, 0), EBADF);
        EXPECT_ERRNO(fsync(fd), EBADF);
        EXPECT_ERRNO(openat(fd, "f", O_RDONLY), EBADF);
        EXPECT_ERRNO(mkdirat(fd, "f", 0755), EBADF);
        EXPECT_ERRNO(unlinkat(fd, "f", 0), EBADF);
        EXPECT_ERRNO(renameat(fd, "f", AT_FDCWD, "g"), EBADF);
        EXPECT_ERRNO(renameat(AT_FDCWD, "f", fd, "g"), EBADF);
        EXPECT_ERRNO(linkat(AT_FDCWD, "f", fd, "g", 0), EBADF);
        EXPECT_ERRNO(symlinkat("f", fd, "g"), EBADF);
    }
    EXPECT_ERRNO(openat(reading, "f", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(mkdirat(reading, "f", 0755), ENOTDIR);
    EXPECT_ERRNO(ftruncate(reading, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_fchmod, path, 0700), EBADF);
    EXPECT_ERRNO(syscall(SYS_fchown, path, 0, 0), EBADF);
    EXPECT_ERRNO(syscall(SYS_utimensat, path, NULL, times, 0), EBADF);
    EXPECT_ERRNO(fsync(path), EBADF);
    EXPECT_ERRNO(fgetxattr(path, "user.x", NULL, 0), EBADF);
    EXPECT_ERRNO(flistxattr(path, NULL, 0), EBADF);
    EXPECT_OK(fstat(path, &info));
    int directory = open(".", O_RDONLY | O_DIRECTORY);
    EXPECT_ERRNO(ftruncate(directory, 0), EINVAL);
    close(directory);
    close(reading);
    close(path);
}

TEST(bad_arguments) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    EXPECT_ERRNO(syscall(SYS_truncate, "f", -1L), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mknod, "g", S_IFDIR | 0755, 0), EPERM);
    EXPECT_ERRNO(syscall(SYS_mknod, "g", S_IFLNK | 0755, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mknod, "g", S_IFMT | 0755, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_fchmodat, AT_FDCWD, (const char*)0, 0644), EFAULT);
    EXPECT_ERRNO(syscall(SYS_fchownat, AT_FDCWD, "f", 0, 0, 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_unlinkat, AT_FDCWD, "f", 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_linkat, AT_FDCWD, "f", AT_FDCWD, "g", 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 3), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 6), EINVAL);
    EXPECT_ERRNO(syscall(SYS_symlink, "", "g"), ENOENT);
    EXPECT_ERRNO(syscall(SYS_symlink, repeated("", 't', PATH_MAX, ""), "g"), ENAMETOOLONG);
    EXPECT_OK(syscall(SYS_symlink, repeated("", 't', PATH_MAX - 1, ""), "g"));
    struct timespec bad[2] = {{0, 1000000000}, {0, 0}};
    EXPECT_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    bad[0].tv_nsec = -1;
    EXPECT_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    bad[0].tv_nsec = 0;
    EXPECT_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", bad, 1), EINVAL);
}
