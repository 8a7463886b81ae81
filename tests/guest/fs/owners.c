// What a file system must keep for each kind of file: owner, mode, type, device number, target, across rename, link,
// replacement and eviction from caches.
#include "harness.h"

#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static struct stat info_of(const char* path) {
    struct stat info;
    memset(&info, 0, sizeof info);
    (void)lstat(path, &info);
    return info;
}

static int type_in_directory(const char* directory, const char* name) {
    DIR* stream = opendir(directory);
    int type = -1;
    for (struct dirent* entry; stream && (entry = readdir(stream));)
        if (!strcmp(entry->d_name, name))
            type = entry->d_type;
    if (stream)
        closedir(stream);
    return type;
}

TEST(special_files) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(mkfifo("d/fifo", 0640));
    ASSERT_OK(mknod("d/socket", S_IFSOCK | 0600, 0));
    ASSERT_OK(symlink("target", "d/link"));
    EXPECT_EQ(info_of("d/fifo").st_mode, S_IFIFO | 0640);
    EXPECT_EQ(info_of("d/socket").st_mode, S_IFSOCK | 0600);
    EXPECT_EQ(type_in_directory("d", "fifo"), DT_FIFO);
    EXPECT_EQ(type_in_directory("d", "socket"), DT_SOCK);
    EXPECT_EQ(type_in_directory("d", "link"), DT_LNK);
    EXPECT_OK(rename("d/fifo", "moved"));
    EXPECT_EQ(type_in_directory(".", "moved"), DT_FIFO);
    EXPECT_EQ(info_of("moved").st_size, 0);
    EXPECT_ERRNO(open("moved", O_WRONLY | O_NONBLOCK), ENXIO);
    if (mknod("d/null", S_IFCHR | 0666, makedev(1, 3)) == 0) {
        EXPECT_EQ(info_of("d/null").st_rdev, makedev(1, 3));
        EXPECT_EQ(type_in_directory("d", "null"), DT_CHR);
    }
}

TEST(symlink_owner) {
    NEED_ROOT();
    SCRATCH();
    char target[64];
    ASSERT_OK(symlink("some/where", "l"));
    const ino_t before = info_of("l").st_ino;
    EXPECT_OK(lchown("l", 1000, 1001));
    struct stat info = info_of("l");
    EXPECT_EQ(info.st_mode, S_IFLNK | 0777);
    EXPECT_EQ(info.st_uid, 1000);
    EXPECT_EQ(info.st_gid, 1001);
    EXPECT_EQ(info.st_size, 10);
    EXPECT_TRUE(before != 0);
    EXPECT_EQ(readlink("l", target, sizeof target), 10);
    EXPECT_EQ(type_in_directory(".", "l"), DT_LNK);
    EXPECT_OK(rename("l", "m"));
    EXPECT_EQ(readlink("m", target, sizeof target), 10);
    EXPECT_OK(lchown("m", 0, 0));
    EXPECT_EQ(info_of("m").st_uid, 0);
    EXPECT_EQ(info_of("m").st_mode, S_IFLNK | 0777);
    EXPECT_OK(unlink("m"));
    EXPECT_ERRNO(readlink("m", target, sizeof target), ENOENT);
}

TEST(files_of_another_user) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(chmod(".", 0777));
    IN_CHILD({
        EXPECT_OK(setgid(OTHER_GID));
        EXPECT_OK(setuid(OTHER_UID));
        umask(027);
        EXPECT_OK(put_file("f", "mine"));
        EXPECT_OK(mkdir("d", 0777));
        EXPECT_OK(symlink("f", "l"));
        EXPECT_OK(put_file("d/inner", "x"));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | 0640);
        EXPECT_EQ(info_of("d").st_mode, S_IFDIR | 0750);
        EXPECT_EQ(info_of("l").st_uid, OTHER_UID);
        EXPECT_STR(file_text("l"), "mine");
    });
    EXPECT_EQ(info_of("f").st_uid, OTHER_UID);
    EXPECT_EQ(info_of("d/inner").st_gid, OTHER_GID);
    EXPECT_EQ(info_of("d").st_nlink == 1 || info_of("d").st_nlink == 2, 1);
    EXPECT_EQ(type_in_directory(".", "f"), DT_REG);
    EXPECT_EQ(type_in_directory(".", "d"), DT_DIR);
    EXPECT_EQ(type_in_directory(".", "l"), DT_LNK);
    EXPECT_OK(chown("f", 0, 0));
    EXPECT_OK(chmod("f", 0644));
    EXPECT_EQ(info_of("f").st_uid, 0);
    EXPECT_EQ(info_of("f").st_mode, S_IFREG | 0644);
}

TEST(modes_that_shut_the_owner_out) {
    SCRATCH();
    ASSERT_OK(put_file("f", "text"));
    for (int mode = 0; mode < 01000; mode += 0111) {
        EXPECT_OK(chmod("f", mode));
        EXPECT_EQ(info_of("f").st_mode, (unsigned)(S_IFREG | mode));
    }
    ASSERT_OK(mkdir("d", 0));
    EXPECT_EQ(info_of("d").st_mode, S_IFDIR);
    int fd = open("g", O_RDWR | O_CREAT | O_EXCL, 0);
    EXPECT_OK(fd);
    EXPECT_EQ(write(fd, "abc", 3), 3);
    EXPECT_EQ(info_of("g").st_mode, S_IFREG);
    close(fd);
    EXPECT_OK(chmod("g", 0600));
    EXPECT_STR(file_text("g"), "abc");
    ASSERT_OK(chmod("d", 0700));
}

TEST(more_files_than_handles) {
    SCRATCH();
    enum { kFiles = 3000 };
    char name[32];
    char text[32];
    for (int i = 0; i < kFiles; ++i) {
        snprintf(name, sizeof name, "f%d", i);
        snprintf(text, sizeof text, "%d", i);
        ASSERT_OK(put_file(name, text));
    }
    int held = open("f7", O_RDWR);
    ASSERT_OK(held);
    ASSERT_OK(rename("f7", "kept"));
    ASSERT_OK(unlink("kept"));
    for (int i = 0; i < kFiles; ++i) {
        if (i == 7)
            continue;
        snprintf(name, sizeof name, "f%d", i);
        snprintf(text, sizeof text, "%d", i);
        EXPECT_STR(file_text(name), text);
    }
    EXPECT_EQ(read(held, text, sizeof text), 1);
    EXPECT_EQ(pwrite(held, "seven", 5, 0), 5);
    struct stat info;
    EXPECT_OK(fstat(held, &info));
    EXPECT_EQ(info.st_size, 5);
    EXPECT_EQ(info.st_nlink, 0);
    close(held);
    for (int i = 0; i < kFiles; ++i) {
        if (i == 7)
            continue;
        snprintf(name, sizeof name, "f%d", i);
        ASSERT_OK(unlink(name));
    }
}

TEST(deep_directories) {
    SCRATCH();
    enum { kDepth = 400 };
    for (int i = 0; i < kDepth; ++i) {
        ASSERT_OK(mkdir("deep", 0755));
        ASSERT_OK(chdir("deep"));
    }
    EXPECT_OK(put_file("f", "bottom"));
    EXPECT_STR(file_text("f"), "bottom");
    EXPECT_OK(unlink("f"));
    for (int i = 0; i < kDepth; ++i) {
        ASSERT_OK(chdir(".."));
        ASSERT_OK(rmdir("deep"));
    }
}

TEST(open_files_follow_their_directory) {
    SCRATCH();
    ASSERT_OK(mkdir("a", 0755));
    ASSERT_OK(mkdir("b", 0755));
    ASSERT_OK(put_file("a/f", "first"));
    ASSERT_OK(put_file("b/f", "second"));
    int fd = open("a/f", O_RDONLY);
    int directory = open("a", O_RDONLY | O_DIRECTORY);
    ASSERT_OK(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2 /* RENAME_EXCHANGE */));
    EXPECT_STR(file_text("a/f"), "second");
    EXPECT_STR(file_text("b/f"), "first");
    char text[16] = "";
    EXPECT_EQ(read(fd, text, sizeof text), 5);
    EXPECT_STR(text, "first");
    struct stat info;
    EXPECT_OK(fstatat(directory, "f", &info, 0));
    EXPECT_EQ(info.st_ino, info_of("b/f").st_ino);
    close(fd);
    close(directory);
}

TEST(written_times_stay) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    struct stat first = info_of("f");
    struct stat second = info_of("f");
    EXPECT_EQ(first.st_mtim.tv_nsec, second.st_mtim.tv_nsec);
    struct timespec times[2] = {{1000000000, 5}, {1100000000, 7}};
    EXPECT_OK(utimensat(AT_FDCWD, "f", times, 0));
    first = info_of("f");
    EXPECT_EQ(first.st_atim.tv_sec, 1000000000);
    EXPECT_EQ(first.st_mtim.tv_sec, 1100000000);
    EXPECT_EQ(first.st_mtim.tv_nsec, 7);
    EXPECT_OK(chmod("f", 0600));
    second = info_of("f");
    EXPECT_EQ(second.st_mtim.tv_sec, 1100000000);
    EXPECT_TRUE(second.st_ctim.tv_sec > 1100000000);
    // Reading marks no change.
    EXPECT_STR(file_text("f"), "x");
    first = info_of("f");
    EXPECT_STR(file_text("f"), "x");
    second = info_of("f");
    EXPECT_EQ(first.st_ctim.tv_nsec, second.st_ctim.tv_nsec);
    ASSERT_OK(symlink("f", "l"));
    EXPECT_OK(utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
    EXPECT_EQ(info_of("l").st_mtim.tv_sec, 1100000000);
}

// The host gives the number of a removed file to the next one, which another process may be making at that moment.
TEST(numbers_used_again) {
    SCRATCH();
    enum { kProcesses = 4, kRounds = 300 };
    pid_t children[kProcesses];
    for (int i = 0; i < kProcesses; ++i) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        char name[32], target[32], found[32];
        snprintf(name, sizeof name, "d%d", i); // each in its own: one folder's changes come one after the other
        if (mkdir(name, 0700) < 0 || chdir(name) < 0)
            _exit(6);
        for (int round = 0; round < kRounds; ++round) {
            snprintf(target, sizeof target, "%d-%d", i, round);
            if (symlink(target, "l") < 0)
                _exit(1);
            const ssize_t length = readlink("l", found, sizeof found);
            if (length != (ssize_t)strlen(target) || memcmp(found, target, (size_t)length) != 0)
                _exit(2);
            if (info_of("l").st_nlink != 1 || unlink("l") < 0)
                _exit(3);
            if (put_file("f", target) < 0 || strcmp(file_text("f"), target) != 0)
                _exit(4);
            if (info_of("f").st_nlink != 1 || !S_ISREG(info_of("f").st_mode) || unlink("f") < 0)
                _exit(5);
        }
        _exit(0);
    }
    for (int i = 0; i < kProcesses; ++i) {
        ASSERT_OK(children[i]);
        EXPECT_EQ(h_wait(children[i]), 0);
    }
}

TEST(user_xattrs) {
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    if (setxattr("f", "user.a", "one", 3, 0) < 0 && errno == EOPNOTSUPP)
        SKIP("no user xattrs here");
    char value[256];
    EXPECT_EQ(getxattr("f", "user.a", value, sizeof value), 3);
    EXPECT_EQ(getxattr("f", "user.a", NULL, 0), 3);
    EXPECT_ERRNO(getxattr("f", "user.a", value, 2), ERANGE);
    EXPECT_ERRNO(getxattr("f", "user.b", value, sizeof value), ENODATA);
    EXPECT_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
    EXPECT_ERRNO(setxattr("f", "user.b", "x", 1, XATTR_REPLACE), ENODATA);
    EXPECT_OK(setxattr("f", "user.a", "", 0, XATTR_REPLACE));
    EXPECT_EQ(getxattr("f", "user.a", value, sizeof value), 0);
    EXPECT_OK(setxattr("f", "user.b", "two", 3, XATTR_CREATE));
    EXPECT_EQ(listxattr("f", NULL, 0), 14);
    EXPECT_ERRNO(listxattr("f", value, 5), ERANGE);
    EXPECT_EQ(listxattr("f", value, sizeof value), 14);
    EXPECT_OK(removexattr("f", "user.a"));
    EXPECT_ERRNO(removexattr("f", "user.a"), ENODATA);
    EXPECT_EQ(listxattr("f", value, sizeof value), 7);
    EXPECT_STR(value, "user.b");
    EXPECT_ERRNO(setxattr("f", "user.", "x", 1, 0), EINVAL);
    EXPECT_ERRNO(setxattr("f", "", "x", 1, 0), ERANGE);
    EXPECT_ERRNO(setxattr("f", "plain", "x", 1, 0), EOPNOTSUPP);
    EXPECT_ERRNO(setxattr("f", "user.c", "x", 1, 8), EINVAL);
    EXPECT_ERRNO(setxattr("f", "user.c", value, 70000, 0), E2BIG);
    EXPECT_ERRNO(getxattr("missing", "user.c", value, 1), ENOENT);
    ASSERT_OK(symlink("f", "l"));
    EXPECT_EQ(getxattr("l", "user.b", value, sizeof value), 3);
    EXPECT_ERRNO(lgetxattr("l", "user.b", value, sizeof value), ENODATA);
    EXPECT_ERRNO(lsetxattr("l", "user.b", "x", 1, 0), EPERM);
    int fd = open("f", O_RDONLY);
    EXPECT_EQ(fgetxattr(fd, "user.b", value, sizeof value), 3);
    EXPECT_OK(fsetxattr(fd, "user.c", "3", 1, 0));
    EXPECT_OK(fremovexattr(fd, "user.c"));
    close(fd);
}

TEST(unnamed_file_gets_a_name) {
    SCRATCH();
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);
    if (fd < 0 && errno == EOPNOTSUPP)
        SKIP("no O_TMPFILE here");
    ASSERT_OK(fd);
    EXPECT_EQ(write(fd, "hidden", 6), 6);
    struct stat info;
    EXPECT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_nlink, 0);
    EXPECT_EQ(info.st_size, 6);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (access(path, F_OK) == 0) {
        EXPECT_OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
        EXPECT_STR(file_text("named"), "hidden");
        EXPECT_OK(fstat(fd, &info));
        EXPECT_EQ(info.st_nlink, 1);
    }
    close(fd);
}
