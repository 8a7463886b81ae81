// What the kernel keeps of file systems: warm operations ask the host nothing, and many files stay within the bounds.
// For lxss only: /proc/lxss tells.
#include "harness.h"

#include <dirent.h>
#include <sys/xattr.h>

// A number of /proc/lxss/FILE by its name ("" for the first).
static long lxss_number(const char* path, const char* name) {
    char text[2048];
    int fd = open(path, O_RDONLY);
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return -1;
    text[length] = 0;
    char* at = text;
    if (*name) {
        at = strstr(text, name);
        if (!at)
            return -1;
        at += strlen(name);
    }
    return atol(at);
}
static long host_calls(void) { return lxss_number("/proc/lxss/host_file_calls", ""); }
static long cache(const char* name) { return lxss_number("/proc/lxss/caches", name); }

static void read_names(const char* path) {
    DIR* stream = opendir(path);
    while (stream && readdir(stream))
        ;
    closedir(stream);
}

static void op_stat(void) {
    struct stat info;
    (void)stat("d/f", &info);
    (void)lstat("d/l", &info);
}
static void op_open(void) { close(open("d/f", O_RDWR)); }
static void op_fstat(void) {
    struct stat info;
    int fd = open("d/f", O_RDONLY);
    (void)fstat(fd, &info);
    (void)lseek(fd, 0, SEEK_END);
    close(fd);
}
static void op_access(void) { (void)access("d/f", R_OK); }
static void op_missing(void) {
    struct stat info;
    (void)stat("d/missing", &info);
    (void)access("nowhere/at/all", F_OK);
}
static void op_readdir(void) { read_names("d"); }
static void op_readdir_large(void) { read_names("large"); }
static void op_readlink(void) {
    char target[64];
    (void)readlink("d/l", target, sizeof target);
}
static void op_follow(void) {
    struct stat info;
    (void)stat("d/l", &info);
}
static void op_chdir(void) {
    char path[PATH_MAX];
    (void)!chdir("d");
    (void)!getcwd(path, sizeof path);
    (void)!chdir("..");
}
static void op_path(void) { close(open("d/f", O_PATH)); }
static void op_end_of_file(void) {
    char byte;
    int fd = open("d/empty", O_RDONLY);
    (void)!read(fd, &byte, 1);
    close(fd);
}
static void op_absent_attribute(void) {
    char value[16];
    (void)!getxattr("d/f", "user.none", value, sizeof value);
    (void)!listxattr("d/f", value, sizeof value);
}

TEST(warm_operations_ask_the_host_nothing) {
    NEED_LXSS();
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "text"));
    ASSERT_OK(put_file("d/empty", ""));
    ASSERT_OK(symlink("f", "d/l"));
    ASSERT_OK(mkdir("large", 0755));
    char name[64];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "large/name-number-%d", i);
        ASSERT_OK(close(open(name, O_WRONLY | O_CREAT, 0644)));
    }
    static const struct {
        const char* name;
        void (*run)(void);
    } operations[] = {
        {"stat", op_stat},
        {"open", op_open},
        {"fstat and lseek", op_fstat},
        {"access", op_access},
        {"a missing name", op_missing},
        {"readdir", op_readdir},
        {"readdir of 5,000 names", op_readdir_large},
        {"readlink", op_readlink},
        {"a symbolic link", op_follow},
        {"chdir and getcwd", op_chdir},
        {"O_PATH", op_path},
        {"the end of a file", op_end_of_file},
        {"an absent attribute", op_absent_attribute},
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        operations[i].run();
        const long before = host_calls();
        for (int round = 0; round < 50; round++)
            operations[i].run();
        const long after = host_calls();
        if (after != before)
            note(operations[i].name);
        EXPECT_EQ(after - before, 0);
    }
    // All names of a directory that was made here are known, those that were never asked for included.
    long before = host_calls();
    EXPECT_ERRNO(access("d/never-asked-for", F_OK), ENOENT);
    EXPECT_EQ(host_calls(), before);
    // And the counter counts: a new file must come to the host.
    EXPECT_OK(put_file("d/new", ""));
    EXPECT_GT(host_calls(), before);
}

static int call_fsync(int fd) { return fsync(fd); }
static int call_fdatasync(int fd) { return fdatasync(fd); }
static int call_syncfs(int fd) { return syncfs(fd); }
static int call_sync_file_range(int fd) {
    return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}
static int call_write(int fd) { return pwrite(fd, "x", 1, 0) == 1 ? 0 : -1; }

// What is to be on the disk when a call returns is given to the host: seen by the calls that it costs.
TEST(synchronising_reaches_the_host) {
    NEED_LXSS();
    SCRATCH();
    static const struct {
        const char* name;
        int (*call)(int fd);
        int flags;
        long host_calls;
    } rows[] = {
        {"fsync", call_fsync, 0, 1},
        {"fdatasync", call_fdatasync, 0, 1},
        {"syncfs", call_syncfs, 0, 1},
        {"sync_file_range", call_sync_file_range, 0, 1},
        {"write", call_write, 0, 1},
        {"write to an O_DSYNC file", call_write, O_DSYNC, 2},
        {"write to an O_SYNC file", call_write, O_SYNC, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = open("f", O_RDWR | O_CREAT | rows[i].flags, 0600);
        EXPECT_EQ(write(fd, "text", 4), 4);
        EXPECT_OK(rows[i].call(fd)); // opens what it needs
        const long before = host_calls();
        for (int round = 0; round < 10; round++)
            EXPECT_OK(rows[i].call(fd));
        const long calls = host_calls() - before;
        if (calls < 10 * rows[i].host_calls)
            note(rows[i].name);
        EXPECT_GE(calls, 10 * rows[i].host_calls);
        close(fd);
    }
    const long before = host_calls();
    sync();
    EXPECT_GT(host_calls(), before);
}

// What is said of names without asking stays true, however they come and go.
TEST(absent_names) {
    SCRATCH();
    ASSERT_OK(mkdir("a", 0755));
    ASSERT_OK(mkdir("b", 0755));
    const char* const names[] = {"a/1", "a/2", "b/1", "b/2", "a/d/1", NULL};
#define EXPECT_THERE(...)                                                                                      \
    do {                                                                                                     \
        const int there[] = {__VA_ARGS__};                                                                   \
        for (int i = 0; names[i]; i++)                                                                       \
            EXPECT_EQ(access(names[i], F_OK) == 0, there[i]);                                                \
    } while (0)
    EXPECT_THERE(0, 0, 0, 0, 0);
    EXPECT_OK(put_file("a/1", "x"));
    EXPECT_OK(link("a/1", "b/2"));
    EXPECT_THERE(1, 0, 0, 1, 0);
    EXPECT_OK(rename("b/2", "a/2"));
    EXPECT_OK(unlink("a/1"));
    EXPECT_THERE(0, 1, 0, 0, 0);
    EXPECT_OK(symlink(".", "a/1"));
    EXPECT_OK(mkfifo("b/1", 0600));
    EXPECT_THERE(1, 1, 1, 0, 0);
    EXPECT_OK(unlink("a/1"));
    EXPECT_OK(rename("b/1", "a/1"));
    EXPECT_OK(mkdir("b/2", 0755));
    EXPECT_OK(rename("b/2", "a/d"));
    EXPECT_THERE(1, 1, 0, 0, 0);
    IN_CHILD(EXPECT_OK(mknod("a/d/1", S_IFREG | 0600, 0)));
    EXPECT_THERE(1, 1, 0, 0, 1);
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "a/d", AT_FDCWD, "b", 2u)); // RENAME_EXCHANGE
    EXPECT_OK(access("b/1", F_OK));
    EXPECT_OK(put_file("a/d/3", ""));
    EXPECT_OK(access("a/d/3", F_OK));
    EXPECT_ERRNO(access("a/d/1", F_OK), ENOENT);
    // A file without a name gets one.
    const int fd = open("a", O_TMPFILE | O_RDWR, 0600);
    if (fd >= 0) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        EXPECT_ERRNO(access("a/4", F_OK), ENOENT);
        EXPECT_OK(linkat(AT_FDCWD, path, AT_FDCWD, "a/4", AT_SYMLINK_FOLLOW));
        EXPECT_OK(access("a/4", F_OK));
        close(fd);
    }
}

static void check_bounds(void) {
    EXPECT_LE(cache("dentries "), cache("dentry_limit ") + 200);
    EXPECT_LE(cache("host_handles "), cache("host_handle_limit ") + 100);
    EXPECT_LE(cache("listings_kb "), cache("listings_limit_kb "));
    EXPECT_LE(cache("negative_dentries "), cache("dentries "));
}

// More names in one directory than dentries are kept; with LXSS_TEST_LARGE in the environment (label "large") a hundred
// thousand.
TEST(a_large_directory) {
    NEED_LXSS();
    SCRATCH();
    enum { kMost = 100000 };
    const int kNames = getenv("LXSS_TEST_LARGE") ? kMost : 70000;
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(chdir("d"));
    char name[64];
    const long evicted = cache("evicted_dentries ");
    for (int i = 0; i < kNames; i++) {
        snprintf(name, sizeof name, "%d", i);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        ASSERT_OK(fd);
        close(fd);
    }
    check_bounds();
    EXPECT_GT(cache("evicted_dentries "), evicted);
    // Each once.
    static char seen[kMost];
    memset(seen, 0, sizeof seen);
    DIR* stream = opendir(".");
    int count = 0;
    for (struct dirent* entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.') {
            const int number = atoi(entry->d_name);
            count += number >= 0 && number < kNames && !seen[number]++;
        }
    closedir(stream);
    EXPECT_EQ(count, kNames);
    struct stat info;
    for (int i = 0; i < kNames; i += 7) {
        snprintf(name, sizeof name, "%d", i);
        EXPECT_OK(stat(name, &info));
        snprintf(name, sizeof name, "absent-%d", i);
        EXPECT_ERRNO(stat(name, &info), ENOENT);
    }
    check_bounds();
    for (int i = 0; i < kNames; i++) {
        snprintf(name, sizeof name, "%d", i);
        ASSERT_OK(unlink(name));
    }
    check_bounds();
    ASSERT_OK(chdir(".."));
    EXPECT_OK(rmdir("d"));
}

// With LXSS_TEST_LARGE a million files, which takes minutes.
TEST(a_large_tree) {
    NEED_LXSS();
    SCRATCH();
    const int directories = getenv("LXSS_TEST_LARGE") ? 1000 : 20;
    enum { kFiles = 1000 };
    char name[64];
    for (int i = 0; i < directories; i++) {
        snprintf(name, sizeof name, "%d", i);
        ASSERT_OK(mkdir(name, 0755));
        for (int j = 0; j < kFiles; j++) {
            snprintf(name, sizeof name, "%d/%d", i, j);
            int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
            ASSERT_OK(fd);
            close(fd);
        }
    }
    check_bounds();
    long count = 0;
    for (int i = 0; i < directories; i++) {
        snprintf(name, sizeof name, "%d", i);
        DIR* stream = opendir(name);
        struct stat info;
        for (struct dirent* entry; (entry = readdir(stream));)
            count += entry->d_name[0] != '.' && fstatat(dirfd(stream), entry->d_name, &info, 0) == 0;
        closedir(stream);
    }
    EXPECT_EQ(count, (long)directories * kFiles);
    check_bounds();
    for (int i = 0; i < directories; i++) {
        for (int j = 0; j < kFiles; j++) {
            snprintf(name, sizeof name, "%d/%d", i, j);
            ASSERT_OK(unlink(name));
        }
        snprintf(name, sizeof name, "%d", i);
        ASSERT_OK(rmdir(name));
    }
    check_bounds();
}
