// What moves which times of which file, and who may set them.
#include "posix.h"

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
    TIMES(d_open_trunc_empty, "mc", "");
    TIMES(d_open_trunc_empty, "mc", "");
}

TEST(reserving_room_moves_times) {
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "data"));
    TIMES(d_fallocate_keep, "mc", "");
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
