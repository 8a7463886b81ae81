// mkdir, rmdir, rename, renameat2, link, unlink, symlink, readlink, mknod.
#include "harness.h"

#include <sys/sysmacros.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

TEST(mkdir_rmdir) {
    SCRATCH();
    EXPECT_OK(mkdir("d", 0755));
    EXPECT_ERRNO(mkdir("d", 0755), EEXIST);
    EXPECT_ERRNO(mkdir("missing/d", 0755), ENOENT);
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(mkdir("f", 0755), EEXIST);
    EXPECT_ERRNO(mkdir("f/d", 0755), ENOTDIR);
    EXPECT_OK(mkdir("d/inner/", 0755));
    EXPECT_ERRNO(rmdir("d"), ENOTEMPTY);
    EXPECT_ERRNO(rmdir("f"), ENOTDIR);
    EXPECT_ERRNO(rmdir("d/inner/."), EINVAL);
    EXPECT_ERRNO(rmdir("d/inner/.."), ENOTEMPTY);
    EXPECT_OK(rmdir("d/inner"));
    EXPECT_OK(rmdir("d"));
    EXPECT_ERRNO(rmdir("d"), ENOENT);
    EXPECT_ERRNO(mkdir("", 0755), ENOENT);
    EXPECT_ERRNO(mkdir("/", 0755), EEXIST);
    EXPECT_ERRNO(rmdir("/"), EBUSY);
}

TEST(removed_working_directory) {
    SCRATCH();
    char buffer[PATH_MAX];
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(chdir("d"));
    EXPECT_OK(rmdir("../d"));
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, sizeof buffer), ENOENT);
    EXPECT_ERRNO(mkdir("x", 0755), ENOENT);
    EXPECT_ERRNO(open("f", O_RDWR | O_CREAT, 0600), ENOENT);
    struct stat info;
    EXPECT_OK(stat(".", &info));
    EXPECT_EQ(info.st_nlink, 0);
}

TEST(getcwd_sizes) {
    SCRATCH();
    char buffer[PATH_MAX];
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(chdir("d"));
    long length = syscall(SYS_getcwd, buffer, sizeof buffer);
    EXPECT_EQ(length, (long)strlen(buffer) + 1);
    EXPECT_STR(buffer + length - 3, "/d");
    EXPECT_ERRNO(syscall(SYS_getcwd, buffer, length - 1), ERANGE);
    EXPECT_EQ(syscall(SYS_getcwd, buffer, length), length);
    EXPECT_ERRNO(syscall(SYS_getcwd, 8, 100), EFAULT);
    // The name follows a rename.
    ASSERT_OK(rename("../d", "../renamed"));
    length = syscall(SYS_getcwd, buffer, sizeof buffer);
    EXPECT_STR(buffer + length - 9, "/renamed");
}

TEST(chdir_errors) {
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(chdir("f"), ENOTDIR);
    EXPECT_ERRNO(chdir("missing"), ENOENT);
    int fd = open("f", O_RDONLY);
    EXPECT_ERRNO(fchdir(fd), ENOTDIR);
    EXPECT_ERRNO(fchdir(-1), EBADF);
    close(fd);
}

TEST(unlink_errors) {
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("f", "x"));
    EXPECT_ERRNO(unlink("missing"), ENOENT);
    EXPECT_ERRNO(unlink("d"), EISDIR);
    EXPECT_ERRNO(unlink("f/"), ENOTDIR);
    EXPECT_ERRNO(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
    EXPECT_ERRNO(unlinkat(AT_FDCWD, "f", 0x4000), EINVAL);
    EXPECT_OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    EXPECT_OK(unlink("f"));
}

TEST(unlinked_file_lives_on) {
    SCRATCH();
    char buffer[8] = {0};
    struct stat info;
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    ASSERT_OK(unlink("f"));
    EXPECT_EQ(write(fd, "alive", 5), 5);
    EXPECT_EQ(pread(fd, buffer, 8, 0), 5);
    EXPECT_STR(buffer, "alive");
    ASSERT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_nlink, 0);
    // The name is free for another file.
    ASSERT_OK(put_file("f", "other"));
    EXPECT_EQ(pread(fd, buffer, 8, 0), 5);
    EXPECT_STR(buffer, "alive");
    close(fd);
}

TEST(hard_links) {
    SCRATCH();
    struct stat one, two;
    ASSERT_OK(put_file("a", "text"));
    EXPECT_OK(link("a", "b"));
    ASSERT_OK(stat("a", &one));
    ASSERT_OK(stat("b", &two));
    EXPECT_EQ(one.st_ino, two.st_ino);
    EXPECT_EQ(one.st_nlink, 2);
    EXPECT_ERRNO(link("a", "b"), EEXIST);
    EXPECT_ERRNO(link("missing", "c"), ENOENT);
    ASSERT_OK(mkdir("d", 0755));
    EXPECT_ERRNO(link("d", "c"), EPERM);
    EXPECT_OK(unlink("a"));
    EXPECT_STR(file_text("b"), "text");
    ASSERT_OK(stat("b", &two));
    EXPECT_EQ(two.st_nlink, 1);
    EXPECT_ERRNO(link("b", "/dev/shm/lxss-test-other-fs"), EXDEV);
}

TEST(link_to_a_symlink) {
    SCRATCH();
    struct stat info;
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(symlink("f", "s"));
    EXPECT_OK(linkat(AT_FDCWD, "s", AT_FDCWD, "of-link", 0));
    ASSERT_OK(lstat("of-link", &info));
    EXPECT_TRUE(S_ISLNK(info.st_mode));
    EXPECT_OK(linkat(AT_FDCWD, "s", AT_FDCWD, "of-file", AT_SYMLINK_FOLLOW));
    ASSERT_OK(lstat("of-file", &info));
    EXPECT_TRUE(S_ISREG(info.st_mode));
    EXPECT_ERRNO(linkat(AT_FDCWD, "s", AT_FDCWD, "x", 0x40), EINVAL);
}

TEST(symlink_readlink) {
    SCRATCH();
    char buffer[16];
    EXPECT_OK(symlink("some/where", "l"));
    memset(buffer, '#', sizeof buffer);
    EXPECT_EQ(readlink("l", buffer, sizeof buffer), 10);
    EXPECT_EQ(buffer[10], '#');
    EXPECT_EQ(readlink("l", buffer, 4), 4);
    EXPECT_ERRNO(symlink("x", "l"), EEXIST);
    EXPECT_ERRNO(symlink("", "empty"), ENOENT);
    EXPECT_ERRNO(syscall(SYS_readlink, "l", buffer, 0), EINVAL);
    EXPECT_ERRNO(readlink("missing", buffer, 16), ENOENT);
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(readlink("f", buffer, 16), EINVAL);
    EXPECT_ERRNO(readlink(".", buffer, 16), EINVAL);
}

TEST(long_symlink) {
    SCRATCH();
    static char target[4097], back[4200];
    memset(target, 't', 4096);
    EXPECT_ERRNO(symlink(target, "l"), ENAMETOOLONG);
    target[4095] = 0;
    EXPECT_OK(symlink(target, "l"));
    EXPECT_EQ(readlink("l", back, sizeof back), 4095);
    EXPECT_EQ(memcmp(target, back, 4095), 0);
}

TEST(relative_symlink_in_a_directory) {
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "inner"));
    ASSERT_OK(symlink("f", "d/l"));
    ASSERT_OK(symlink("d", "dl"));
    EXPECT_STR(file_text("d/l"), "inner");
    EXPECT_STR(file_text("dl/l"), "inner");
    EXPECT_STR(file_text("dl/../d/l"), "inner");
}

TEST(rename_files) {
    SCRATCH();
    ASSERT_OK(put_file("a", "A"));
    ASSERT_OK(put_file("b", "B"));
    EXPECT_OK(rename("a", "b"));
    EXPECT_STR(file_text("b"), "A");
    EXPECT_ERRNO(access("a", F_OK), ENOENT);
    EXPECT_ERRNO(rename("a", "c"), ENOENT);
    EXPECT_ERRNO(rename("b", "missing/c"), ENOENT);
    EXPECT_OK(rename("b", "b"));
    // Two names of one file: nothing happens.
    ASSERT_OK(link("b", "c"));
    EXPECT_OK(rename("b", "c"));
    EXPECT_OK(access("b", F_OK));
}

TEST(rename_keeps_open_descriptors) {
    SCRATCH();
    char byte = 0;
    ASSERT_OK(put_file("a", "A"));
    ASSERT_OK(put_file("b", "B"));
    int a = open("a", O_RDONLY), b = open("b", O_RDONLY);
    ASSERT_OK(rename("a", "b"));
    EXPECT_EQ(read(a, &byte, 1), 1);
    EXPECT_EQ(byte, 'A');
    EXPECT_EQ(read(b, &byte, 1), 1);
    EXPECT_EQ(byte, 'B');
    close(a), close(b);
}

TEST(rename_directories) {
    SCRATCH();
    ASSERT_OK(mkdir("a", 0755));
    ASSERT_OK(mkdir("a/in", 0755));
    ASSERT_OK(mkdir("b", 0755));
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(rename("a", "a/in/x"), EINVAL);
    EXPECT_ERRNO(rename("a/in", "a"), ENOTEMPTY);
    EXPECT_ERRNO(rename("b", "a"), ENOTEMPTY);
    EXPECT_ERRNO(rename("f", "b"), EISDIR);
    EXPECT_ERRNO(rename("b", "f"), ENOTDIR);
    EXPECT_OK(rename("a", "b"));
    EXPECT_OK(access("b/in", F_OK));
    EXPECT_OK(rename("b/", "c/"));
    EXPECT_ERRNO(rename("f", "g/"), ENOTDIR);
    EXPECT_ERRNO(rename("c/.", "d"), EBUSY);
    EXPECT_ERRNO(rename("c/..", "d"), EBUSY);
}

TEST(rename_moves_the_parent) {
    SCRATCH();
    struct stat one, two, info;
    ASSERT_OK(mkdir("a", 0755));
    ASSERT_OK(mkdir("b", 0755));
    ASSERT_OK(mkdir("a/child", 0755));
    ASSERT_OK(rename("a/child", "b/child"));
    ASSERT_OK(stat("b/child/..", &one));
    ASSERT_OK(stat("b", &two));
    EXPECT_EQ(one.st_ino, two.st_ino);
    ASSERT_OK(stat("a", &info));
    EXPECT_EQ(info.st_nlink, links_with_directories(0));
    EXPECT_EQ(two.st_nlink, links_with_directories(1));
}

TEST(renameat2_flags) {
    SCRATCH();
    ASSERT_OK(put_file("a", "A"));
    ASSERT_OK(put_file("b", "B"));
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
    EXPECT_STR(file_text("a"), "B");
    EXPECT_STR(file_text("b"), "A");
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), ENOENT);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "missing", RENAME_EXCHANGE), ENOENT);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE),
                 EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", 0x100), EINVAL);
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/in", "x"));
    EXPECT_OK(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "d", RENAME_EXCHANGE));
    EXPECT_STR(file_text("d"), "A");
    EXPECT_STR(file_text("b/in"), "x");
}

TEST(sticky_directory) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("s", 0777));
    ASSERT_OK(chmod("s", 01777));
    ASSERT_OK(put_file("s/roots", "x"));
    ASSERT_OK(mkdir("w", 0777));
    ASSERT_OK(chmod("w", 0777));
    ASSERT_OK(put_file("w/roots", "x"));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(unlink("s/roots"), EPERM);
        EXPECT_ERRNO(rename("s/roots", "s/x"), EPERM);
        EXPECT_OK(put_file("s/mine", "x"));
        EXPECT_ERRNO(rename("s/mine", "s/roots"), EPERM);
        EXPECT_OK(unlink("s/mine"));
        EXPECT_OK(unlink("w/roots"));
    });
}

TEST(names_in_a_directory_without_rights) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "x"));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(unlink("d/f"), EACCES);
        EXPECT_ERRNO(mkdir("d/x", 0755), EACCES);
        EXPECT_ERRNO(rename("d/f", "x"), EACCES);
        EXPECT_ERRNO(symlink("x", "d/s"), EACCES);
        EXPECT_ERRNO(mkdir("d/f", 0755), EEXIST);
    });
}

TEST(device_nodes) {
    SCRATCH();
    struct stat info;
    EXPECT_OK(mknod("plain", S_IFREG | 0600, 0));
    EXPECT_OK(mknod("fifo", S_IFIFO | 0600, 0));
    EXPECT_ERRNO(mknod("fifo", S_IFIFO | 0600, 0), EEXIST);
    EXPECT_ERRNO(mknod("dir", S_IFDIR | 0700, 0), EPERM);
    if (geteuid() != 0) {
        EXPECT_ERRNO(mknod("null", S_IFCHR | 0600, makedev(1, 3)), EPERM);
        return;
    }
    ASSERT_OK(mknod("null", S_IFCHR | 0600, makedev(1, 3)));
    ASSERT_OK(stat("null", &info));
    EXPECT_EQ(info.st_mode, S_IFCHR | 0600);
    EXPECT_EQ(info.st_rdev, makedev(1, 3));
    int fd = open("null", O_WRONLY);
    EXPECT_EQ(write(fd, "gone", 4), 4);
    close(fd);
    ASSERT_OK(mknod("odd", S_IFCHR | 0600, makedev(4000, 70000)));
    ASSERT_OK(stat("odd", &info));
    EXPECT_EQ(info.st_rdev, makedev(4000, 70000));
    EXPECT_ERRNO(open("odd", O_RDONLY), ENXIO);
}

TEST(odd_names) {
    SCRATCH();
    static const char* names[] = {"a b",       "new\nline",   "back\\slash", "colon:star*?<>|\"",
                                  "\xff\xfe",  "caf\xc3\xa9", "CON",         "trailing.",
                                  "trailing ", "-",           "..."};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        EXPECT_OK(put_file(names[i], names[i]));
    EXPECT_OK(put_file("case", "lower"));
    EXPECT_OK(put_file("CASE", "upper"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        EXPECT_STR(file_text(names[i]), names[i]);
    EXPECT_STR(file_text("case"), "lower");
    EXPECT_STR(file_text("CASE"), "upper");
    EXPECT_ERRNO(access("con", F_OK), ENOENT);
}
