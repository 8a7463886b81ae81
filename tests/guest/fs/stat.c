// stat, fstat, lstat, newfstatat, statx, access, faccessat2.
#include "harness.h"

#include <linux/stat.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

TEST(regular_file) {
    SCRATCH();
    struct stat info;
    ASSERT_OK(put_file("f", "12345"));
    ASSERT_OK(stat("f", &info));
    EXPECT_EQ(info.st_mode, S_IFREG | 0644);
    EXPECT_EQ(info.st_size, 5);
    EXPECT_EQ(info.st_nlink, 1);
    EXPECT_EQ(info.st_uid, geteuid());
    EXPECT_EQ(info.st_rdev, 0);
    EXPECT_GT(info.st_ino, 0);
    EXPECT_GE(info.st_blksize, 512);
}

TEST(types) {
    SCRATCH();
    struct stat info;
    int pipes[2], pair[2];
    ASSERT_OK(mkdir("d", 0750));
    ASSERT_OK(stat("d", &info));
    EXPECT_EQ(info.st_mode, S_IFDIR | 0750);
    ASSERT_OK(symlink("target", "l"));
    ASSERT_OK(lstat("l", &info));
    EXPECT_EQ(info.st_mode, S_IFLNK | 0777);
    EXPECT_EQ(info.st_size, 6);
    ASSERT_OK(mkfifo("p", 0600));
    ASSERT_OK(stat("p", &info));
    EXPECT_EQ(info.st_mode, S_IFIFO | 0600);
    ASSERT_OK(pipe(pipes));
    ASSERT_OK(fstat(pipes[0], &info));
    EXPECT_EQ(info.st_mode, S_IFIFO | 0600);
    ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    ASSERT_OK(fstat(pair[0], &info));
    EXPECT_EQ(info.st_mode, S_IFSOCK | 0777);
    ASSERT_OK(stat("/dev/null", &info));
    EXPECT_EQ(info.st_mode, S_IFCHR | 0666);
    EXPECT_EQ(info.st_rdev, makedev(1, 3));
    close(pipes[0]), close(pipes[1]), close(pair[0]), close(pair[1]);
}

TEST(errors) {
    SCRATCH();
    struct stat info;
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(stat("missing", &info), ENOENT);
    EXPECT_ERRNO(stat("", &info), ENOENT);
    EXPECT_ERRNO(stat("f/x", &info), ENOTDIR);
    EXPECT_ERRNO(fstat(-1, &info), EBADF);
    EXPECT_ERRNO(syscall(SYS_stat, "f", 8), EFAULT);
    EXPECT_ERRNO(syscall(SYS_stat, 8, &info), EFAULT);
    EXPECT_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, "f", &info, 0x80000), EINVAL);
    EXPECT_ERRNO(syscall(SYS_newfstatat, -1, "f", &info, 0), EBADF);
}

TEST(trailing_slash_on_a_symlink) {
    SCRATCH();
    struct stat info;
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(symlink("d", "l"));
    ASSERT_OK(lstat("l/", &info));
    EXPECT_TRUE(S_ISDIR(info.st_mode));
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(lstat("f/", &info), ENOTDIR);
}

TEST(fstatat_flags) {
    SCRATCH();
    struct stat info;
    ASSERT_OK(symlink("nowhere", "l"));
    EXPECT_ERRNO(fstatat(AT_FDCWD, "l", &info, 0), ENOENT);
    EXPECT_OK(fstatat(AT_FDCWD, "l", &info, AT_SYMLINK_NOFOLLOW));
    int fd = open(".", O_RDONLY);
    EXPECT_OK(fstatat(fd, "", &info, AT_EMPTY_PATH));
    EXPECT_TRUE(S_ISDIR(info.st_mode));
    EXPECT_OK(fstatat(AT_FDCWD, "", &info, AT_EMPTY_PATH));
    EXPECT_ERRNO(fstatat(fd, "", &info, 0), ENOENT);
    close(fd);
}

TEST(blocks_of_a_sparse_file) {
    SCRATCH();
    struct stat info;
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    ASSERT_OK(ftruncate(fd, 1 << 20));
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_size, 1 << 20);
    EXPECT_LT(info.st_blocks * 512, 1 << 20);
    close(fd);
}

TEST(times_change) {
    SCRATCH();
    struct stat before, after;
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(stat("f", &before));
    sleep_ms(20);
    int fd = open("f", O_WRONLY);
    EXPECT_EQ(write(fd, "y", 1), 1);
    close(fd);
    ASSERT_OK(stat("f", &after));
    EXPECT_TRUE(after.st_mtim.tv_sec * 1000000000L + after.st_mtim.tv_nsec >
                before.st_mtim.tv_sec * 1000000000L + before.st_mtim.tv_nsec);
    EXPECT_TRUE(after.st_mtim.tv_nsec == after.st_ctim.tv_nsec);
    before = after;
    sleep_ms(20);
    ASSERT_OK(chmod("f", 0600));
    ASSERT_OK(stat("f", &after));
    EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    EXPECT_TRUE(after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
}

TEST(directory_times_and_links) {
    SCRATCH();
    struct stat before, after;
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(stat("d", &before));
    EXPECT_EQ(before.st_nlink, links_with_directories(0));
    sleep_ms(20);
    ASSERT_OK(mkdir("d/inner", 0755));
    ASSERT_OK(stat("d", &after));
    EXPECT_EQ(after.st_nlink, links_with_directories(1));
    EXPECT_TRUE(after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
    ASSERT_OK(rmdir("d/inner"));
    ASSERT_OK(stat("d", &after));
    EXPECT_EQ(after.st_nlink, links_with_directories(0));
}

TEST(statx_basic) {
    SCRATCH();
    struct statx info;
    struct stat old;
    ASSERT_OK(put_file("f", "12345"));
    ASSERT_OK(stat("f", &old));
    memset(&info, 0xff, sizeof info);
    ASSERT_OK(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS, &info));
    EXPECT_EQ(info.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    EXPECT_EQ(info.stx_size, 5);
    EXPECT_EQ(info.stx_mode, old.st_mode);
    EXPECT_EQ(info.stx_ino, old.st_ino);
    EXPECT_EQ(info.stx_nlink, 1);
    EXPECT_EQ(info.stx_mtime.tv_sec, old.st_mtim.tv_sec);
    EXPECT_EQ(info.stx_mtime.tv_nsec, old.st_mtim.tv_nsec);
    EXPECT_EQ(makedev(info.stx_dev_major, info.stx_dev_minor), old.st_dev);
    EXPECT_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000, &info), EINVAL);
    EXPECT_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", 0x6000, STATX_BASIC_STATS, &info), EINVAL);
    EXPECT_ERRNO(syscall(SYS_statx, AT_FDCWD, "missing", 0, STATX_BASIC_STATS, &info), ENOENT);
    ASSERT_OK(syscall(SYS_statx, 0, "/dev/null", 0, STATX_BASIC_STATS, &info));
    EXPECT_EQ(info.stx_rdev_major, 1);
    EXPECT_EQ(info.stx_rdev_minor, 3);
}

TEST(access_of_own_files) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    EXPECT_OK(access("f", F_OK));
    EXPECT_OK(access("f", R_OK | W_OK));
    EXPECT_ERRNO(access("f", X_OK), EACCES);
    EXPECT_ERRNO(access("missing", F_OK), ENOENT);
    EXPECT_ERRNO(syscall(SYS_access, "f", 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_access, "f", -1), EINVAL);
    ASSERT_OK(chmod("f", 0100));
    EXPECT_OK(access("f", X_OK));
    EXPECT_OK(access(".", R_OK | W_OK | X_OK));
}

TEST(access_uses_the_real_ids) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(chmod("f", 0600));
    IN_CHILD({
        EXPECT_OK(syscall(SYS_setresuid, OTHER_UID, 0, 0));
        EXPECT_ERRNO(access("f", R_OK), EACCES);
        EXPECT_OK(open("f", O_RDONLY));
        EXPECT_OK(syscall(439 /* faccessat2 */, AT_FDCWD, "f", R_OK, AT_EACCESS));
        EXPECT_ERRNO(syscall(439, AT_FDCWD, "f", R_OK, 0), EACCES);
    });
}

TEST(faccessat2_flags) {
    SCRATCH();
    ASSERT_OK(symlink("nowhere", "l"));
    EXPECT_OK(syscall(439, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
    EXPECT_ERRNO(syscall(439, AT_FDCWD, "l", F_OK, 0), ENOENT);
    EXPECT_ERRNO(syscall(439, AT_FDCWD, "l", F_OK, 0x80000), EINVAL);
}

TEST(access_for_another_user) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(chmod("f", 0641));
    ASSERT_OK(chown("f", 0, OTHER_GID));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_OK(access("f", R_OK));
        EXPECT_ERRNO(access("f", W_OK), EACCES);
        EXPECT_ERRNO(access("f", X_OK), EACCES);
    });
}
