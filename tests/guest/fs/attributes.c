// chmod, chown, utimensat, set-id clearing, xattrs, statfs.
#include "harness.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>

static int mode_of(const char* path) {
    struct stat info;
    return lstat(path, &info) < 0 ? -1 : (int)(info.st_mode & 07777);
}

TEST(chmod_all_bits) {
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    EXPECT_OK(chmod("f", 07777 & ~02000));
    EXPECT_EQ(mode_of("f"), 05777);
    EXPECT_OK(chmod("f", 0));
    EXPECT_EQ(mode_of("f"), 0);
    ASSERT_OK(chmod("f", 0600));
    int fd = open("f", O_RDONLY);
    EXPECT_OK(fchmod(fd, 0640));
    EXPECT_EQ(mode_of("f"), 0640);
    EXPECT_OK(fchmodat(AT_FDCWD, "f", 0600, 0));
    EXPECT_EQ(mode_of("f"), 0600);
    close(fd);
    EXPECT_ERRNO(chmod("missing", 0600), ENOENT);
    EXPECT_ERRNO(fchmod(-1, 0600), EBADF);
}

TEST(chmod_follows_symlinks) {
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    ASSERT_OK(symlink("f", "l"));
    EXPECT_OK(chmod("l", 0600));
    EXPECT_EQ(mode_of("f"), 0600);
    EXPECT_EQ(mode_of("l"), 0777);
}

TEST(chown_by_root) {
    NEED_ROOT();
    SCRATCH();
    struct stat info;
    ASSERT_OK(put_file("f", ""));
    ASSERT_OK(symlink("f", "l"));
    EXPECT_OK(chown("f", 11, 12));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_uid * 100 + info.st_gid, 1112);
    EXPECT_OK(chown("f", -1, 13));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_uid * 100 + info.st_gid, 1113);
    EXPECT_OK(lchown("l", 21, 22));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_uid, 11);
    ASSERT_OK(lstat("l", &info));
    EXPECT_EQ(info.st_uid, 21);
    int fd = open("f", O_RDONLY);
    EXPECT_OK(fchown(fd, 31, -1));
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_uid, 31);
    EXPECT_OK(fchownat(fd, "", 41, 42, AT_EMPTY_PATH));
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_uid, 41);
    EXPECT_OK(chown("f", 70000, 4000000000U));
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_uid, 70000);
    EXPECT_EQ(info.st_gid, 4000000000U);
    close(fd);
}

TEST(chown_clears_set_id) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    ASSERT_OK(chmod("f", 06755));
    EXPECT_OK(chown("f", 5, 5));
    EXPECT_EQ(mode_of("f"), 0755);
    // Without group execution the bit means locking, and stays.
    ASSERT_OK(chmod("f", 06745));
    EXPECT_OK(chown("f", 6, 6));
    EXPECT_EQ(mode_of("f"), 02745);
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(chmod("d", 06755));
    EXPECT_OK(chown("d", 5, 5));
    EXPECT_EQ(mode_of("d"), 06755);
}

TEST(write_clears_set_id) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    ASSERT_OK(chmod("f", 06777));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        int fd = open("f", O_WRONLY);
        EXPECT_EQ(write(fd, "x", 1), 1);
    });
    EXPECT_EQ(mode_of("f"), 0777);
    ASSERT_OK(chmod("f", 06777));
    int fd = open("f", O_WRONLY);
    EXPECT_EQ(write(fd, "x", 1), 1);
    close(fd);
    EXPECT_EQ(mode_of("f"), 06777);
}

TEST(owner_rules) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("roots", ""));
    ASSERT_OK(put_file("mine", ""));
    ASSERT_OK(chown("mine", OTHER_UID, OTHER_GID));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(chmod("roots", 0777), EPERM);
        EXPECT_ERRNO(chown("roots", OTHER_UID, -1), EPERM);
        EXPECT_OK(chmod("mine", 0600));
        EXPECT_ERRNO(chown("mine", 0, -1), EPERM);
        EXPECT_ERRNO(chown("mine", -1, 0), EPERM);
        EXPECT_OK(chown("mine", -1, OTHER_GID));
        EXPECT_OK(chown("mine", OTHER_UID, OTHER_GID));
        EXPECT_ERRNO(utimensat(AT_FDCWD, "roots", NULL, 0), EACCES);
        struct timespec times[2] = {{1, 0}, {2, 0}};
        EXPECT_ERRNO(utimensat(AT_FDCWD, "roots", times, 0), EPERM);
    });
    // A member of no such group loses the set-group-id bit.
    ASSERT_OK(chown("mine", OTHER_UID, 0));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_OK(chmod("mine", 02770));
    });
    EXPECT_EQ(mode_of("mine"), 0770);
}

TEST(set_group_id_directories) {
    NEED_ROOT();
    SCRATCH();
    struct stat info;
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(chown("d", 0, 4321));
    ASSERT_OK(chmod("d", 02755));
    ASSERT_OK(put_file("d/f", ""));
    ASSERT_OK(stat("d/f", &info));
    EXPECT_EQ(info.st_gid, 4321);
    ASSERT_OK(mkdir("d/in", 0755));
    ASSERT_OK(stat("d/in", &info));
    EXPECT_EQ(info.st_gid, 4321);
    EXPECT_EQ(info.st_mode & 07777, 02755);
}

TEST(utimensat_values) {
    SCRATCH();
    struct stat info;
    struct timespec times[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    ASSERT_OK(put_file("f", ""));
    EXPECT_OK(utimensat(AT_FDCWD, "f", times, 0));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_atim.tv_sec, 1000000000);
    EXPECT_EQ(info.st_atim.tv_nsec, 123456789);
    EXPECT_EQ(info.st_mtim.tv_sec, 1100000000);
    EXPECT_EQ(info.st_mtim.tv_nsec, 987654321);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    EXPECT_OK(utimensat(AT_FDCWD, "f", times, 0));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_atim.tv_sec, 1000000000);
    EXPECT_GT(info.st_mtim.tv_sec, 1500000000);
    times[0].tv_nsec = 2000000000;
    EXPECT_ERRNO(utimensat(AT_FDCWD, "f", times, 0), EINVAL);
    EXPECT_ERRNO(utimensat(AT_FDCWD, "missing", NULL, 0), ENOENT);
    ASSERT_OK(symlink("f", "l"));
    times[0] = times[1] = (struct timespec){5, 0};
    EXPECT_OK(utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
    ASSERT_OK(lstat("l", &info));
    EXPECT_EQ(info.st_mtim.tv_sec, 5);
    ASSERT_OK(stat("f", &info));
    EXPECT_NE(info.st_mtim.tv_sec, 5);
    int fd = open("f", O_RDONLY);
    EXPECT_OK(futimens(fd, times));
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_mtim.tv_sec, 5);
    close(fd);
}

TEST(times_before_the_epoch) {
    SCRATCH();
    struct stat info;
    struct timespec times[2] = {{-5, 500}, {-1, 0}};
    ASSERT_OK(put_file("f", ""));
    EXPECT_OK(utimensat(AT_FDCWD, "f", times, 0));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_atim.tv_sec, -5);
    EXPECT_EQ(info.st_mtim.tv_sec, -1);
}

TEST(xattr_set_get_list_remove) {
    SCRATCH();
    char buffer[256];
    ASSERT_OK(put_file("f", ""));
    if (setxattr("f", "user.one", "value", 5, 0) < 0 && errno == EOPNOTSUPP)
        SKIP("no xattrs in this file system");
    EXPECT_EQ(getxattr("f", "user.one", NULL, 0), 5);
    EXPECT_EQ(getxattr("f", "user.one", buffer, sizeof buffer), 5);
    EXPECT_EQ(memcmp(buffer, "value", 5), 0);
    EXPECT_ERRNO(getxattr("f", "user.one", buffer, 3), ERANGE);
    EXPECT_ERRNO(getxattr("f", "user.two", buffer, 3), ENODATA);
    EXPECT_ERRNO(setxattr("f", "user.one", "x", 1, XATTR_CREATE), EEXIST);
    EXPECT_ERRNO(setxattr("f", "user.two", "x", 1, XATTR_REPLACE), ENODATA);
    EXPECT_OK(setxattr("f", "user.one", "x", 1, XATTR_REPLACE));
    EXPECT_EQ(listxattr("f", buffer, sizeof buffer), 9);
    EXPECT_STR(buffer, "user.one");
    EXPECT_ERRNO(listxattr("f", buffer, 4), ERANGE);
    EXPECT_OK(removexattr("f", "user.one"));
    EXPECT_ERRNO(removexattr("f", "user.one"), ENODATA);
    EXPECT_EQ(listxattr("f", buffer, sizeof buffer), 0);
    EXPECT_OK(setxattr("f", "user.empty", "", 0, 0));
    EXPECT_EQ(getxattr("f", "user.empty", buffer, sizeof buffer), 0);
}

TEST(xattr_names) {
    SCRATCH();
    char name[300] = "user.";
    ASSERT_OK(put_file("f", ""));
    if (setxattr("f", "user.one", "value", 5, 0) < 0 && errno == EOPNOTSUPP)
        SKIP("no xattrs in this file system");
    memset(name + 5, 'n', 251);
    EXPECT_ERRNO(setxattr("f", name, "", 0, 0), ERANGE);
    // The longest one, its namespace included.
    char list[600];
    name[255] = 0;
    EXPECT_OK(setxattr("f", name, "longest", 7, 0));
    EXPECT_EQ(getxattr("f", name, list, sizeof list), 7);
    EXPECT_EQ(listxattr("f", list, sizeof list), 9 + 256);
    EXPECT_TRUE(strcmp(list, name) == 0 || strcmp(list + 9, name) == 0);
    EXPECT_OK(removexattr("f", name));
    EXPECT_EQ(listxattr("f", list, sizeof list), 9);
    EXPECT_ERRNO(setxattr("f", "", "", 0, 0), ERANGE);
    EXPECT_ERRNO(setxattr("f", "nospace", "", 0, 0), EOPNOTSUPP);
    EXPECT_ERRNO(setxattr("f", "user.", "", 0, 0), EINVAL);
    EXPECT_ERRNO(setxattr("f", "user.x", "", 65537, 0), E2BIG);
    EXPECT_ERRNO(setxattr("f", "user.x", "", 0, 4), EINVAL);
    ASSERT_OK(symlink("f", "l"));
    EXPECT_ERRNO(lsetxattr("l", "user.x", "", 0, 0), EPERM);
    int fd = open("f", O_RDONLY);
    EXPECT_OK(fsetxattr(fd, "user.fd", "1", 1, 0));
    EXPECT_EQ(fgetxattr(fd, "user.fd", name, 10), 1);
    close(fd);
}

TEST(statfs_values) {
    struct statfs info;
    ASSERT_OK(statfs("/", &info));
    EXPECT_GT(info.f_bsize, 0);
    EXPECT_GE(info.f_blocks, info.f_bfree);
    EXPECT_EQ(info.f_namelen, 255);
    ASSERT_OK(statfs("/proc", &info));
    EXPECT_EQ(info.f_type, 0x9fa0);
    EXPECT_ERRNO(statfs("/missing", &info), ENOENT);
    EXPECT_ERRNO(fstatfs(-1, &info), EBADF);
    int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    ASSERT_OK(fd);
    ASSERT_OK(fstatfs(fd, &info));
    EXPECT_EQ(info.f_type, 0x01021994);
    close(fd);
}
