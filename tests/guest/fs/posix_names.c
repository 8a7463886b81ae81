// Names and the files behind them: link counts, renaming and what it replaces, files without a name, mappings.
#include "posix.h"

#include <sys/statvfs.h>

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
    const long start = now_ms();
    for (; count < 66000; count++) {
        if (count % 1000 == 0 && now_ms() - start > 10000)
            SKIP("needs a file system that makes so many links within 10 s");
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

TEST(anybody_may_make_a_whiteout) {
    NEED_ROOT();
    SCRATCH();
    struct statvfs mount;
    ASSERT_OK(statvfs(".", &mount));
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_OK(mknod("whiteout", S_IFCHR | 0644, makedev(0, 0)));
        EXPECT_TRUE(S_ISCHR(info_of("whiteout").st_mode) && info_of("whiteout").st_rdev == 0);
        EXPECT_ERRNO(open("whiteout", O_RDONLY), mount.f_flag & ST_NODEV ? EACCES : ENXIO);
        EXPECT_ERRNO(mknod("null", S_IFCHR | 0644, makedev(1, 3)), EPERM);
        EXPECT_ERRNO(mknod("block", S_IFBLK | 0644, makedev(0, 0)), EPERM);
        EXPECT_OK(unlink("whiteout"));
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
