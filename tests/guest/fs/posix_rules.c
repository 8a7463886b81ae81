// Rules that need more than one user or more than one look: sticky directories, set-id bits, owners and
// groups, umask, times, link counts, and what renaming does to what it replaces.
#include "harness.h"

#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

#define THIRD_UID 54400
#define SHARED_GID 54500

static struct stat info_of(const char* path) {
    struct stat info;
    memset(&info, 0, sizeof info);
    (void)lstat(path, &info);
    return info;
}

static int become(unsigned uid, unsigned gid, unsigned extra) {
    gid_t groups[1] = {extra};
    if (syscall(SYS_setgroups, extra ? 1 : 0, groups) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
        syscall(SYS_setresuid, uid, uid, uid) < 0)
        return -1;
    return 0;
}
#define AS(uid, gid, extra, ...)                                                                             \
    IN_CHILD({                                                                                               \
        EXPECT_OK(become(uid, gid, extra));                                                                  \
        __VA_ARGS__;                                                                                         \
    })

static int put_owned(const char* path, unsigned uid, unsigned gid, unsigned mode) {
    return put_file(path, "data") < 0 || chown(path, uid, gid) < 0 || chmod(path, mode) < 0 ? -1 : 0;
}

static int make_owned(const char* path, unsigned uid, unsigned gid, unsigned mode) {
    return mkdir(path, 0755) < 0 || chown(path, uid, gid) < 0 || chmod(path, mode) < 0 ? -1 : 0;
}

// ---- sticky directories

TEST(sticky_directories) {
    NEED_ROOT();
    SCRATCH();
    // Whose is the directory, whose the file, and may OTHER_UID remove it?
    static const struct {
        unsigned directory, file;
        int may;
    } rows[] = {
        {0, 0, 0},         {0, OTHER_UID, 1},         {0, THIRD_UID, 0},
        {OTHER_UID, 0, 1}, {OTHER_UID, THIRD_UID, 1}, {THIRD_UID, THIRD_UID, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_OK(make_owned("d", rows[i].directory, 0, 01777));
        ASSERT_OK(put_owned("d/file", rows[i].file, 0, 0666));
        ASSERT_OK(put_owned("d/other", rows[i].file, 0, 0666));
        ASSERT_OK(make_owned("d/sub", rows[i].file, 0, 0777));
        ASSERT_OK(chmod("d", 01777));
        AS(OTHER_UID, OTHER_GID, 0, {
            if (rows[i].may) {
                EXPECT_OK(rename("d/file", "d/moved"));
                EXPECT_OK(rename("d/moved", "d/other"));
                EXPECT_OK(put_file("d/new", ""));
                EXPECT_OK(rename("d/new", "d/other"));
                EXPECT_OK(unlink("d/other"));
                EXPECT_OK(rmdir("d/sub"));
            } else {
                EXPECT_ERRNO(unlink("d/file"), EPERM);
                EXPECT_ERRNO(rmdir("d/sub"), EPERM);
                EXPECT_ERRNO(rename("d/file", "d/moved"), EPERM);
                EXPECT_ERRNO(rename("d/file", "moved"), EPERM);
                EXPECT_OK(put_file("d/new", ""));
                EXPECT_ERRNO(rename("d/new", "d/other"), EPERM);
                EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "d/new", AT_FDCWD, "d/other", RENAME_EXCHANGE),
                             EPERM);
                EXPECT_OK(unlink("d/new"));
            }
        });
        unlink("d/file");
        unlink("d/other");
        rmdir("d/sub");
        ASSERT_OK(rmdir("d"));
    }
}

TEST(sticky_bit_belongs_to_all_on_directories) {
    NEED_ROOT();
    SCRATCH();
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_OK(mkdir("d", 01777));
        EXPECT_EQ(info_of("d").st_mode, S_IFDIR | 01755);
        EXPECT_OK(put_file("f", ""));
        EXPECT_OK(chmod("f", 01644));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | 01644);
        EXPECT_OK(mkdir("e", 07777)); // set-id bits are not for mkdir
        EXPECT_EQ(info_of("e").st_mode, S_IFDIR | 01755);
    });
}

// ---- set-id bits

// What an operation of the owner (who is not root) leaves of a mode.
static void check_set_id(const char* what, int (*operation)(const char*), int is_capable) {
    static const struct {
        unsigned before, after;
    } rows[] = {
        {06777, 0777},  {04755, 0755},  {02755, 0755},  {02745, 02745},
        {06745, 02745}, {01777, 01777}, {05777, 01777},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unlink("f");
        if (!EXPECT_OK(put_file("f", "data")) || !EXPECT_OK(chmod("f", rows[i].before)))
            return;
        if (info_of("f").st_mode != (S_IFREG | rows[i].before))
            continue; // a bit that this user may not set
        EXPECT_OK(operation("f"));
        unsigned want = S_IFREG | (is_capable ? rows[i].before : rows[i].after), got = info_of("f").st_mode;
        if (got != want) {
            struct h_text text = {0, {0}};
            h_where(&text, __FILE__, __LINE__);
            h_add(&text, what);
            h_add(&text, " leaves mode ");
            h_add_number(&text, (long)got);
            h_add(&text, ", want ");
            h_add_number(&text, (long)want);
            h_fail(&text);
        }
    }
}

static int op_write(const char* path) {
    int fd = open(path, O_WRONLY);
    int result = write(fd, "x", 1) == 1 ? 0 : -1;
    close(fd);
    return result;
}
static int op_pwritev(const char* path) {
    struct {
        const void* at;
        size_t length;
    } part = {"x", 1};
    int fd = open(path, O_WRONLY);
    int result = syscall(SYS_pwritev, fd, &part, 1, 0, 0) == 1 ? 0 : -1;
    close(fd);
    return result;
}
static int op_truncate(const char* path) {
    return truncate(path, 1);
}
static int op_ftruncate(const char* path) {
    int fd = open(path, O_WRONLY);
    int result = ftruncate(fd, 2);
    close(fd);
    return result;
}
static int op_open_trunc(const char* path) {
    int fd = open(path, O_WRONLY | O_TRUNC);
    close(fd);
    return fd < 0 ? -1 : 0;
}
static int op_fallocate(const char* path) {
    int fd = open(path, O_WRONLY);
    int result = (int)syscall(SYS_fallocate, fd, 0, 0L, 100L);
    close(fd);
    return result;
}
static int op_chown(const char* path) {
    return chown(path, (uid_t)-1, getgid());
}
static int op_chown_nothing(const char* path) {
    return chown(path, (uid_t)-1, (gid_t)-1);
}
static int op_read(const char* path) {
    return file_text(path)[0] ? 0 : -1;
}
static int op_rename(const char* path) {
    return rename(path, "other") < 0 ? -1 : rename("other", path);
}
static int op_utimes(const char* path) {
    return utimensat(AT_FDCWD, path, NULL, 0);
}

TEST(set_id_bits_of_a_user) {
    NEED_ROOT();
    SCRATCH();
    AS(OTHER_UID, OTHER_GID, 0, {
        check_set_id("write", op_write, 0);
        check_set_id("pwritev", op_pwritev, 0);
        check_set_id("truncate", op_truncate, 0);
        check_set_id("ftruncate", op_ftruncate, 0);
        check_set_id("O_TRUNC", op_open_trunc, 0);
        check_set_id("fallocate", op_fallocate, 0);
        check_set_id("chown", op_chown, 0);
        check_set_id("chown -1 -1", op_chown_nothing, 0);
        check_set_id("read", op_read, 1);
        check_set_id("rename", op_rename, 1);
        check_set_id("utimensat", op_utimes, 1);
    });
}

TEST(set_id_bits_of_root) {
    NEED_ROOT();
    SCRATCH();
    check_set_id("write by root", op_write, 1);
    check_set_id("truncate by root", op_truncate, 1);
    check_set_id("chown by root", op_chown, 0);
    // Those of directories stay.
    ASSERT_OK(make_owned("d", 0, 0, 06755));
    EXPECT_OK(chown("d", OTHER_UID, OTHER_GID));
    EXPECT_EQ(info_of("d").st_mode, S_IFDIR | 06755);
}

TEST(set_group_id_needs_the_group) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_owned("f", OTHER_UID, SHARED_GID, 0755));
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_OK(chmod("f", 06755));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | 04755);
    });
    AS(OTHER_UID, OTHER_GID, SHARED_GID, {
        EXPECT_OK(chmod("f", 06755));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | 06755);
    });
    // Directories hand the group down, and directories the bit as well.
    ASSERT_OK(make_owned("d", OTHER_UID, SHARED_GID, 02777));
    AS(OTHER_UID, OTHER_GID, 0, {
        umask(0);
        EXPECT_OK(mkdir("d/d", 0755));
        EXPECT_EQ(info_of("d/d").st_mode, S_IFDIR | 02755);
        EXPECT_EQ(info_of("d/d").st_gid, SHARED_GID);
        EXPECT_OK(close(open("d/f", O_WRONLY | O_CREAT, 02775)));
        EXPECT_EQ(info_of("d/f").st_mode, S_IFREG | 0775); // not a member
        EXPECT_EQ(info_of("d/f").st_gid, SHARED_GID);
        EXPECT_OK(mkfifo("d/p", 0600));
        EXPECT_EQ(info_of("d/p").st_gid, SHARED_GID);
        EXPECT_OK(symlink("t", "d/l"));
        EXPECT_EQ(info_of("d/l").st_gid, SHARED_GID);
    });
    AS(OTHER_UID, OTHER_GID, SHARED_GID, {
        umask(0);
        EXPECT_OK(close(open("d/g", O_WRONLY | O_CREAT, 02775)));
        EXPECT_EQ(info_of("d/g").st_mode, S_IFREG | 02775);
        EXPECT_OK(close(open("g", O_WRONLY | O_CREAT, 06775)));
        EXPECT_EQ(info_of("g").st_mode, S_IFREG | 06775);
    });
}

// ---- owners

TEST(who_may_chown) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_owned("mine", OTHER_UID, OTHER_GID, 0644));
    ASSERT_OK(put_owned("theirs", THIRD_UID, OTHER_GID, 0666));
    AS(OTHER_UID, OTHER_GID, SHARED_GID, {
        EXPECT_ERRNO(chown("mine", THIRD_UID, (gid_t)-1), EPERM);
        EXPECT_ERRNO(chown("mine", 0, (gid_t)-1), EPERM);
        EXPECT_ERRNO(chown("mine", (uid_t)-1, 0), EPERM);
        EXPECT_OK(chown("mine", OTHER_UID, SHARED_GID));
        EXPECT_EQ(info_of("mine").st_gid, SHARED_GID);
        EXPECT_OK(chown("mine", (uid_t)-1, OTHER_GID));
        EXPECT_ERRNO(chown("theirs", (uid_t)-1, SHARED_GID), EPERM);
        EXPECT_ERRNO(chown("theirs", THIRD_UID, OTHER_GID), EPERM);
        EXPECT_OK(chown("theirs", (uid_t)-1, (gid_t)-1));
        EXPECT_ERRNO(chmod("theirs", 0777), EPERM);
    });
    AS(OTHER_UID, THIRD_UID, 0, {
        EXPECT_OK(symlink("mine", "link"));
        EXPECT_ERRNO(lchown("link", 0, 0), EPERM);
        EXPECT_OK(lchown("link", OTHER_UID, THIRD_UID));
        EXPECT_OK(chown("link", OTHER_UID, OTHER_GID)); // of what it points at: nothing changes
    });
    EXPECT_EQ(info_of("link").st_gid, THIRD_UID);
}

TEST(permission_classes) {
    NEED_ROOT();
    SCRATCH();
    // The first class that fits decides, be it the poorest.
    static const struct {
        unsigned mode, uid, gid, extra;
        int readable;
    } rows[] = {
        {0400, OTHER_UID, OTHER_GID, 0, 1},         {0040, OTHER_UID, OTHER_GID, 0, 0},
        {0004, OTHER_UID, OTHER_GID, 0, 0},         {0040, THIRD_UID, OTHER_GID, 0, 1},
        {0404, THIRD_UID, OTHER_GID, 0, 0},         {0004, THIRD_UID, THIRD_UID, 0, 1},
        {0440, THIRD_UID, THIRD_UID, 0, 0},         {0040, THIRD_UID, THIRD_UID, OTHER_GID, 1},
        {0404, THIRD_UID, THIRD_UID, OTHER_GID, 0}, {0777, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_OK(put_owned("f", OTHER_UID, OTHER_GID, rows[i].mode));
        if (rows[i].uid != 0)
            AS(rows[i].uid, rows[i].gid, rows[i].extra, {
                EXPECT_EQ(access("f", R_OK), rows[i].readable - 1);
                int fd = open("f", O_RDONLY);
                EXPECT_EQ(fd >= 0, rows[i].readable);
            });
        else
            EXPECT_OK(access("f", R_OK));
    }
}

TEST(umask_takes_bits) {
    SCRATCH();
    static const unsigned masks[] = {0, 022, 027, 077, 0777, 0111, 0400};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        umask(masks[i]);
        EXPECT_OK(close(open("f", O_RDWR | O_CREAT | O_EXCL, 0777)));
        EXPECT_OK(mkdir("d", 0777));
        EXPECT_OK(mkfifo("p", 0666));
        EXPECT_OK(symlink("t", "l"));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | (0777 & ~masks[i]));
        EXPECT_EQ(info_of("d").st_mode & 0777, 0777 & ~masks[i]);
        EXPECT_EQ(info_of("p").st_mode, S_IFIFO | (0666 & ~masks[i]));
        EXPECT_EQ(info_of("l").st_mode, S_IFLNK | 0777);
        EXPECT_OK(unlink("f"));
        EXPECT_OK(rmdir("d"));
        EXPECT_OK(unlink("p"));
        EXPECT_OK(unlink("l"));
    }
}

// ---- times

TEST(who_may_set_times) {
    NEED_ROOT();
    SCRATCH();
    const struct timespec some[2] = {{1000, 1}, {2000, 2}};
    const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    const struct timespec half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    const struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    ASSERT_OK(put_owned("writable", 0, 0, 0666));
    ASSERT_OK(put_owned("readable", 0, 0, 0644));
    ASSERT_OK(put_owned("mine", OTHER_UID, 0, 0));
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_OK(utimensat(AT_FDCWD, "writable", NULL, 0));
        EXPECT_OK(utimensat(AT_FDCWD, "writable", now, 0));
        EXPECT_ERRNO(utimensat(AT_FDCWD, "writable", half, 0), EPERM);
        EXPECT_ERRNO(utimensat(AT_FDCWD, "writable", some, 0), EPERM);
        EXPECT_OK(utimensat(AT_FDCWD, "writable", none, 0));
        EXPECT_ERRNO(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
        EXPECT_ERRNO(utimensat(AT_FDCWD, "readable", now, 0), EACCES);
        EXPECT_ERRNO(utimensat(AT_FDCWD, "readable", half, 0), EPERM);
        EXPECT_ERRNO(utimensat(AT_FDCWD, "readable", some, 0), EPERM);
        EXPECT_OK(utimensat(AT_FDCWD, "readable", none, 0));
        EXPECT_OK(utimensat(AT_FDCWD, "mine", NULL, 0));
        EXPECT_OK(utimensat(AT_FDCWD, "mine", half, 0));
        EXPECT_OK(utimensat(AT_FDCWD, "mine", some, 0));
    });
    EXPECT_EQ(info_of("mine").st_atim.tv_sec, 1000);
    EXPECT_EQ(info_of("mine").st_atim.tv_nsec, 1);
    EXPECT_EQ(info_of("mine").st_mtim.tv_nsec, 2);
}

static int same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static const char* place_of_file(void) {
    return info_of("d/f").st_ino ? "d/f" : info_of("d/g").st_ino ? "d/g" : "g";
}

// The times that an operation on "d/f" moves, of the file and of its directory: letters a, m, c.
static void check_times(const char* what, int (*operation)(void), const char* of_file,
                        const char* of_directory, int line) {
    const struct stat file = info_of(place_of_file()), directory = info_of("d");
    sleep_ms(12); // clocks of file systems tick every 4 to 10 ms
    if (!h_ok(operation(), what, __FILE__, line))
        return;
    const struct stat file_after = info_of(place_of_file()), directory_after = info_of("d");
    char got[2][4];
    const struct stat* pairs[2][2] = {{&file, &file_after}, {&directory, &directory_after}};
    for (int i = 0; i < 2; i++) {
        int length = 0;
        if (!same_time(pairs[i][0]->st_atim, pairs[i][1]->st_atim))
            got[i][length++] = 'a';
        if (!same_time(pairs[i][0]->st_mtim, pairs[i][1]->st_mtim))
            got[i][length++] = 'm';
        if (!same_time(pairs[i][0]->st_ctim, pairs[i][1]->st_ctim))
            got[i][length++] = 'c';
        got[i][length] = 0;
        h_same_text(got[i], i ? of_directory : of_file, what, __FILE__, line);
    }
}
#define TIMES(operation, of_file, of_directory)                                                              \
    check_times(#operation, operation, of_file, of_directory, __LINE__)

static int d_write(void) {
    return op_write("d/f");
}
static int d_read(void) {
    return op_read("d/f");
}
static int d_write_nothing(void) {
    int fd = open("d/f", O_WRONLY);
    int result = (int)write(fd, "", 0);
    close(fd);
    return result;
}
static int d_truncate(void) {
    return truncate("d/f", 10);
}
static int d_truncate_same(void) {
    return truncate("d/f", 10);
}
static int d_ftruncate_same(void) {
    int fd = open("d/f", O_WRONLY);
    int result = ftruncate(fd, 10);
    close(fd);
    return result;
}
static int d_chmod(void) {
    return chmod("d/f", 0640);
}
static int d_chmod_same(void) {
    return chmod("d/f", 0640);
}
static int d_chown(void) {
    return chown("d/f", getuid(), getgid());
}
static int d_link(void) {
    return link("d/f", "other-name");
}
static int d_unlink_other(void) {
    return unlink("other-name");
}
static int d_rename(void) {
    return rename("d/f", "d/g");
}
static int d_rename_back(void) {
    return rename("d/g", "d/f");
}
static int d_move_out(void) {
    return rename("d/f", "g");
}
static int d_move_in(void) {
    return rename("g", "d/f");
}
static int d_create(void) {
    return put_file("d/h", "");
}
static int d_unlink(void) {
    return unlink("d/h");
}
static int d_mkdir(void) {
    return mkdir("d/h", 0755);
}
static int d_rmdir(void) {
    return rmdir("d/h");
}
static int d_symlink(void) {
    return symlink("t", "d/h");
}
static int d_setxattr(void) {
    return setxattr("d/f", "user.t", "1", 1, 0);
}
static int d_removexattr(void) {
    return removexattr("d/f", "user.t");
}
static int d_getxattr(void) {
    return listxattr("d/f", NULL, 0) < 0 ? -1 : 0;
}
static int d_stat(void) {
    return access("d/f", R_OK);
}
static int d_open(void) {
    int fd = open("d/f", O_RDWR);
    return close(fd);
}
static int d_open_trunc_empty(void) {
    return op_open_trunc("d/f");
}
static int d_fsync(void) {
    int fd = open("d/f", O_RDWR);
    int result = fsync(fd);
    close(fd);
    return result;
}
static int d_fallocate_keep(void) {
    int fd = open("d/f", O_RDWR);
    int result = (int)syscall(SYS_fallocate, fd, 1, 0L, 100000L);
    close(fd);
    return result;
}

TEST(which_times_move) {
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "data"));
    // Access times are left out where relatime would decide: reads come first, when atime == mtime.
    TIMES(d_stat, "", "");
    TIMES(d_open, "", "");
    TIMES(d_read, "a", "");
    TIMES(d_write, "mc", "");
    TIMES(d_write_nothing, "", "");
    TIMES(d_read, "a", ""); // older than the change
    TIMES(d_read, "", "");  // no longer
    TIMES(d_truncate, "mc", "");
    TIMES(d_truncate_same, "mc", "");
    TIMES(d_ftruncate_same, "mc", "");
    TIMES(d_chmod, "c", "");
    TIMES(d_chmod_same, "c", "");
    TIMES(d_chown, "c", "");
    TIMES(d_link, "c", "");
    TIMES(d_unlink_other, "c", "");
    TIMES(d_rename, "c", "mc");
    TIMES(d_rename_back, "c", "mc");
    TIMES(d_move_out, "c", "mc");
    TIMES(d_move_in, "c", "mc");
    TIMES(d_create, "", "mc");
    TIMES(d_unlink, "", "mc");
    TIMES(d_mkdir, "", "mc");
    TIMES(d_rmdir, "", "mc");
    TIMES(d_symlink, "", "mc");
    TIMES(d_unlink, "", "mc");
    TIMES(d_setxattr, "c", "");
    TIMES(d_getxattr, "", "");
    TIMES(d_removexattr, "c", "");
    TIMES(d_fsync, "", "");
    TIMES(d_fallocate_keep, "mc", "");
    TIMES(d_open_trunc_empty, "mc", "");
    TIMES(d_open_trunc_empty, "mc", "");
}

static int d_chmod_denied(void) {
    return chmod("d/f", 0777) == -1 ? 0 : -1;
}
static int d_create_existing(void) {
    return mkdir("d/f", 0777) == -1 ? 0 : -1;
}
static int d_rename_missing(void) {
    return rename("d/none", "d/f") == -1 ? 0 : -1;
}
static int d_rmdir_file(void) {
    return rmdir("d/f") == -1 ? 0 : -1;
}
static int d_truncate_denied(void) {
    return truncate("d/f", 0) == -1 ? 0 : -1;
}

TEST(failures_move_no_times) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(make_owned("d", 0, 0, 0777));
    ASSERT_OK(put_owned("d/f", 0, 0, 0644));
    AS(OTHER_UID, OTHER_GID, 0, {
        TIMES(d_chmod_denied, "", "");
        TIMES(d_create_existing, "", "");
        TIMES(d_rename_missing, "", "");
        TIMES(d_rmdir_file, "", "");
        TIMES(d_truncate_denied, "", "");
    });
}

TEST(access_times_of_other_things) {
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "data"));
    ASSERT_OK(symlink("d/f", "l"));
    const struct timespec old[2] = {{1000000000, 0}, {1100000000, 0}};
    EXPECT_OK(utimensat(AT_FDCWD, "d", old, 0));
    EXPECT_OK(utimensat(AT_FDCWD, "d/f", old, 0));
    EXPECT_OK(utimensat(AT_FDCWD, "l", old, AT_SYMLINK_NOFOLLOW));
    char entries[512];
    int fd = open("d", O_RDONLY | O_DIRECTORY);
    EXPECT_GT(syscall(SYS_getdents64, fd, entries, sizeof entries), 0);
    close(fd);
    EXPECT_GT(info_of("d").st_atim.tv_sec, 1100000000);
    EXPECT_GT(readlink("l", entries, sizeof entries), 0);
    EXPECT_GT(info_of("l").st_atim.tv_sec, 1100000000);
    // Not with O_NOATIME; and mapped files are read when they are touched.
    fd = open("d/f", O_RDONLY | O_NOATIME);
    ASSERT_OK(fd);
    EXPECT_EQ(read(fd, entries, 4), 4);
    close(fd);
    EXPECT_EQ(info_of("d/f").st_atim.tv_sec, 1000000000);
    fd = open("d/f", O_RDONLY);
    void* map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT_TRUE(map != MAP_FAILED);
    munmap(map, 4096);
    close(fd);
    EXPECT_GT(info_of("d/f").st_atim.tv_sec, 1100000000);
    EXPECT_EQ(info_of("d/f").st_mtim.tv_sec, 1100000000);
}

TEST(noatime_needs_the_owner) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_owned("f", 0, 0, 0666));
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_ERRNO(open("f", O_RDONLY | O_NOATIME), EPERM);
        int fd = open("f", O_RDONLY);
        EXPECT_ERRNO(fcntl(fd, F_SETFL, O_NOATIME), EPERM);
    });
}

TEST(times_of_two_centuries) {
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    static const struct timespec some[] = {{-1, 999999999}, {0, 0},          {1, 1},
                                           {2147483647, 5}, {2147483648, 7}, {4294967296, 9}};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        const struct timespec pair[2] = {some[i], some[i]};
        EXPECT_OK(utimensat(AT_FDCWD, "f", pair, 0));
        EXPECT_TRUE(same_time(info_of("f").st_mtim, some[i]));
        EXPECT_TRUE(same_time(info_of("f").st_atim, some[i]));
    }
}

// ---- names

TEST(link_counts) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(link("f", "g"));
    ASSERT_OK(link("f", "h"));
    EXPECT_EQ(info_of("f").st_nlink, 3);
    ASSERT_OK(rename("f", "g")); // two names of one file: nothing happens
    EXPECT_EQ(info_of("f").st_nlink, 3);
    EXPECT_OK(put_file("x", "y"));
    EXPECT_OK(rename("x", "g"));
    EXPECT_EQ(info_of("f").st_nlink, 2);
    EXPECT_EQ(info_of("g").st_nlink, 1);
    int fd = open("f", O_RDONLY);
    EXPECT_OK(unlink("f"));
    EXPECT_OK(unlink("h"));
    struct stat info;
    EXPECT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_nlink, 0);
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    EXPECT_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW), ENOENT);
    close(fd);
}

TEST(too_many_links) {
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    char name[16];
    int count = 1;
    for (; count < 66000; count++) {
        snprintf(name, sizeof name, "l%d", count);
        if (link("f", name) < 0)
            break;
    }
    if (count < 66000) // file systems without a limit exist
        EXPECT_EQ(errno, EMLINK);
    EXPECT_EQ(info_of("f").st_nlink, count);
}

TEST(rename_replaces) {
    SCRATCH();
    // What stands in the way, what comes, and the errno.
    static const struct {
        const char *from, *to;
        int want;
    } rows[] = {
        {"file", "directory", EISDIR},
        {"directory", "file", ENOTDIR},
        {"directory", "full", ENOTEMPTY},
        {"link", "directory", EISDIR},
        {"directory", "link", ENOTDIR},
        {"fifo", "directory", EISDIR},
        {"directory", "fifo", ENOTDIR},
        {"file", "full", EISDIR},
        {"file", "link", 0},
        {"fifo", "file", 0},
        {"link", "fifo", 0},
        {"directory", "empty", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_OK(mkdir("s", 0755));
        ASSERT_OK(chdir("s"));
        ASSERT_OK(put_file("file", "x"));
        ASSERT_OK(mkdir("directory", 0755));
        ASSERT_OK(mkdir("empty", 0755));
        ASSERT_OK(mkdir("full", 0755));
        ASSERT_OK(put_file("full/f", ""));
        ASSERT_OK(symlink("directory", "link"));
        ASSERT_OK(mkfifo("fifo", 0644));
        const struct stat before = info_of(rows[i].from);
        if (rows[i].want)
            EXPECT_ERRNO(rename(rows[i].from, rows[i].to), rows[i].want);
        else
            EXPECT_OK(rename(rows[i].from, rows[i].to));
        EXPECT_EQ(info_of(rows[i].want ? rows[i].from : rows[i].to).st_ino, before.st_ino);
        EXPECT_EQ(info_of(rows[i].want ? rows[i].from : rows[i].to).st_mode, before.st_mode);
        ASSERT_OK(chdir(".."));
        // Removed by the harness's own means: rename it out of the way.
        char aside[16];
        snprintf(aside, sizeof aside, "s%d", (int)i);
        ASSERT_OK(rename("s", aside));
    }
}

TEST(directory_needs_its_own_permission_to_move) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(make_owned("a", OTHER_UID, OTHER_GID, 0755));
    ASSERT_OK(make_owned("b", OTHER_UID, OTHER_GID, 0755));
    ASSERT_OK(make_owned("a/theirs", THIRD_UID, 0, 0755));
    ASSERT_OK(make_owned("a/mine", OTHER_UID, 0, 0555));
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_ERRNO(rename("a/theirs", "b/theirs"), EACCES);
        EXPECT_OK(rename("a/theirs", "a/still-theirs")); // the same parent: ".." stays
        EXPECT_ERRNO(rename("a/mine", "b/mine"), EACCES);
        EXPECT_OK(chmod("a/mine", 0755));
        EXPECT_OK(rename("a/mine", "b/mine"));
    });
}

TEST(exchange_and_noreplace) {
    SCRATCH();
    ASSERT_OK(put_file("f", "file"));
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/inner", ""));
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "d", RENAME_EXCHANGE));
    EXPECT_STR(file_text("d"), "file");
    EXPECT_OK(access("f/inner", F_OK));
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "f/inner", RENAME_EXCHANGE), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f/inner", AT_FDCWD, "f", RENAME_EXCHANGE), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "missing", RENAME_EXCHANGE), ENOENT);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "f", RENAME_NOREPLACE), EEXIST);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "d", RENAME_NOREPLACE), EEXIST);
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "g", RENAME_NOREPLACE));
    EXPECT_STR(file_text("g"), "file");
}

TEST(whiteout) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("f", "file"));
    ASSERT_OK(put_file("old", "old"));
    ASSERT_OK(mkdir("d", 0755));
    if (syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", RENAME_WHITEOUT) < 0 && errno == EINVAL)
        SKIP("no whiteouts here");
    EXPECT_STR(file_text("g"), "file");
    EXPECT_EQ(info_of("f").st_mode & S_IFMT, S_IFCHR);
    EXPECT_EQ(info_of("f").st_rdev, 0);
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "g", AT_FDCWD, "old", RENAME_WHITEOUT));
    EXPECT_STR(file_text("old"), "file");
    EXPECT_EQ(info_of("g").st_rdev, 0);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "old", AT_FDCWD, "f", RENAME_WHITEOUT | RENAME_NOREPLACE),
                 EEXIST);
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "old", AT_FDCWD, "new", RENAME_WHITEOUT | RENAME_NOREPLACE));
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "e", RENAME_WHITEOUT));
    EXPECT_EQ(info_of("e").st_mode & S_IFMT, S_IFDIR);
    EXPECT_EQ(info_of("d").st_mode & S_IFMT, S_IFCHR);
    EXPECT_OK(unlink("d"));
    // A whiteout is no device: everybody may leave one (since 5.8).
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_OK(put_file("mine", ""));
        EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "mine", AT_FDCWD, "moved", RENAME_WHITEOUT));
        EXPECT_EQ(info_of("mine").st_mode & S_IFMT, S_IFCHR);
    });
}

// ---- open files whose names go

TEST(unnamed_files_keep_everything) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    ASSERT_OK(fd);
    EXPECT_EQ(write(fd, "data", 4), 4);
    EXPECT_OK(unlink("f"));
    EXPECT_OK(fchmod(fd, 0600));
    EXPECT_OK(ftruncate(fd, 2));
    EXPECT_OK(fsetxattr(fd, "user.a", "v", 1, 0));
    EXPECT_EQ(fgetxattr(fd, "user.a", NULL, 0), 1);
    struct stat info;
    EXPECT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_mode, S_IFREG | 0600);
    EXPECT_EQ(info.st_size, 2);
    const struct timespec some[2] = {{1000, 1}, {2000, 2}};
    EXPECT_OK(futimens(fd, some));
    EXPECT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_mtim.tv_sec, 2000);
    char* map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT_TRUE(map != MAP_FAILED);
    map[0] = 'D';
    char text[8] = "";
    EXPECT_EQ(pread(fd, text, 8, 0), 2);
    EXPECT_STR(text, "Da");
    // A new file of the name is another one.
    EXPECT_OK(put_file("f", "new"));
    EXPECT_EQ(pread(fd, text, 8, 0), 2);
    EXPECT_STR(file_text("f"), "new");
    munmap(map, 4096);
    close(fd);
}

TEST(directories_move_under_their_users) {
    SCRATCH();
    ASSERT_OK(mkdir("a", 0755));
    ASSERT_OK(mkdir("a/b", 0755));
    ASSERT_OK(mkdir("x", 0755));
    ASSERT_OK(put_file("a/f", "in a"));
    ASSERT_OK(put_file("x/f", "in x"));
    ASSERT_OK(chdir("a/b"));
    EXPECT_STR(file_text("../f"), "in a");
    EXPECT_OK(rename("../../a/b", "../../x/b"));
    EXPECT_STR(file_text("../f"), "in x");
    char path[PATH_MAX];
    EXPECT_GT(syscall(SYS_getcwd, path, sizeof path), 0);
    EXPECT_STR(path + strlen(path) - 4, "/x/b");
    ASSERT_OK(chdir("../.."));
}

TEST(shared_mappings_and_calls_agree) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    ASSERT_OK(fd);
    ASSERT_OK(ftruncate(fd, 8192));
    char* map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT_TRUE(map != MAP_FAILED);
    char text[16] = "";
    EXPECT_EQ(pwrite(fd, "call", 4, 4094), 4);
    EXPECT_EQ(memcmp(map + 4094, "call", 4), 0);
    memcpy(map + 100, "map", 3);
    EXPECT_EQ(pread(fd, text, 3, 100), 3);
    EXPECT_STR(text, "map");
    // Another process, by descriptors and mappings of its own.
    IN_CHILD({
        int own = open("f", O_RDWR);
        EXPECT_EQ(pread(own, text, 3, 100), 3);
        EXPECT_STR(text, "map");
        EXPECT_EQ(pwrite(own, "child", 5, 200), 5);
        char* second = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        EXPECT_EQ(memcmp(second + 4094, "call", 4), 0);
        second[300] = 'C';
        map[301] = 'D';
    });
    EXPECT_EQ(memcmp(map + 200, "child", 5), 0);
    EXPECT_EQ(pread(fd, text, 2, 300), 2);
    EXPECT_EQ(memcmp(text, "CD", 2), 0);
    // What is cut off reads as zeros when it comes back.
    EXPECT_OK(ftruncate(fd, 150));
    EXPECT_OK(ftruncate(fd, 8192));
    EXPECT_EQ(map[200], 0);
    EXPECT_EQ(map[100], 'm');
    EXPECT_EQ(map[4095], 0);
    // A mapping sees what another file system call copies in.
    int other = open("g", O_RDWR | O_CREAT, 0644);
    EXPECT_EQ(write(other, "copied", 6), 6);
    off_t from = 0;
    off_t to = 5000;
    EXPECT_EQ(syscall(SYS_copy_file_range, other, &from, fd, &to, 6L, 0), 6);
    EXPECT_EQ(memcmp(map + 5000, "copied", 6), 0);
    munmap(map, 8192);
    close(other);
    close(fd);
}
