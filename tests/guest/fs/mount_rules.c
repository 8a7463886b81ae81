// Mounts: what their flags forbid, when they can become read-only or go, what /proc says of them, tmpfs's options.
#include "harness.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

// A case in a child process with mounts of its own, in an empty directory with the directory "m".
#define WITH_MOUNTS(...)                                                                                      \
    NEED_ROOT();                                                                                              \
    SCRATCH();                                                                                                \
    ASSERT_OK(mkdir("m", 0755));                                                                              \
    IN_CHILD({                                                                                                \
        if (unshare(CLONE_NEWNS) == 0)                                                                        \
            EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));                                   \
        __VA_ARGS__;                                                                                          \
        umount2("m", MNT_DETACH);                                                                             \
    })

// The line of a mount point in /proc/self/mounts or mountinfo; "" without one. The last wins.
static const char* line_of(const char* file, const char* point) {
    static char found[512];
    char* save = NULL;
    char wanted[PATH_MAX + 300];
    found[0] = 0;
    if (!getcwd(wanted + 1, PATH_MAX))
        return found;
    wanted[0] = ' ';
    strcat(wanted, "/");
    strcat(wanted, point);
    strcat(wanted, " ");
    static char text[65536];
    strcpy(text, file_text(file));
    for (char* line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (strstr(line, wanted))
            snprintf(found, sizeof found, "%s", line);
    return found;
}
#define MOUNTS(point) line_of("/proc/self/mounts", point)
#define MOUNTINFO(point) line_of("/proc/self/mountinfo", point)
#define EXPECT_IN(text, part) EXPECT_TRUE(strstr(text, part) != NULL)
#define EXPECT_NOT_IN(text, part) EXPECT_TRUE(strstr(text, part) == NULL)

TEST(noexec_nodev_nosymfollow) {
    WITH_MOUNTS({
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", MS_NOEXEC | MS_NODEV | MS_NOSUID, "mode=755"));
        EXPECT_OK(put_file("m/script", "#!/bin/sh\n"));
        EXPECT_OK(chmod("m/script", 0755));
        EXPECT_ERRNO(execl("m/script", "script", (char*)NULL), EACCES);
        EXPECT_ERRNO(access("m/script", X_OK), EACCES);
        int fd = open("m/script", O_RDONLY);
        EXPECT_TRUE(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EPERM);
        close(fd);
        EXPECT_OK(mknod("m/null", S_IFCHR | 0666, makedev(1, 3)));
        EXPECT_ERRNO(open("m/null", O_RDONLY), EACCES);
        EXPECT_OK(open("m/null", O_PATH));
        struct statfs info;
        EXPECT_OK(statfs("m", &info));
        EXPECT_EQ(info.f_flags & 0xe, 0xe); // nosuid, nodev, noexec
        EXPECT_IN(MOUNTS("m"), "nosuid,nodev,noexec");
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
        EXPECT_OK(close(open("m/null", O_RDONLY)));
        EXPECT_NOT_IN(MOUNTS("m"), "noexec");
    });
}

TEST(access_times_by_flag) {
    WITH_MOUNTS({
        static const struct {
            unsigned long flags;
            const char* shown;
            int moves; // the access time, of a file that was read before
        } rows[] = {{0, "relatime", 0}, {MS_NOATIME, "noatime", 0}, {MS_STRICTATIME, "rw", 1}, {MS_RELATIME, "relatime", 0}};
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            EXPECT_OK(mount("tmpfs", "m", "tmpfs", rows[i].flags, NULL));
            EXPECT_OK(put_file("m/f", "x"));
            sleep_ms(12);
            EXPECT_STR(file_text("m/f"), "x");
            struct stat first;
            struct stat second;
            EXPECT_OK(stat("m/f", &first));
            sleep_ms(12);
            EXPECT_STR(file_text("m/f"), "x");
            EXPECT_OK(stat("m/f", &second));
            EXPECT_EQ(first.st_atim.tv_nsec != second.st_atim.tv_nsec, rows[i].moves);
            EXPECT_IN(MOUNTS("m"), rows[i].shown);
            EXPECT_OK(umount("m"));
        }
    });
}

TEST(writers_keep_a_mount_writable) {
    WITH_MOUNTS({
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
        int fd = open("m/f", O_WRONLY | O_CREAT, 0644);
        EXPECT_OK(fd);
        EXPECT_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
        EXPECT_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY);
        EXPECT_EQ(write(fd, "x", 1), 1);
        close(fd);
        fd = open("m/f", O_RDONLY);
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
        EXPECT_ERRNO(open("m/f", O_WRONLY), EROFS);
        EXPECT_ERRNO(fchmod(fd, 0600), EROFS);
        EXPECT_ERRNO(fsetxattr(fd, "trusted.x", "1", 1, 0), EROFS);
        EXPECT_IN(MOUNTS("m"), "ro,");
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
        EXPECT_OK(fchmod(fd, 0600));
        close(fd);
        // A bind mount is read-only for itself.
        EXPECT_OK(mkdir("b", 0755));
        EXPECT_OK(mount("m", "b", NULL, MS_BIND, NULL));
        fd = open("m/f", O_WRONLY);
        EXPECT_OK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
        EXPECT_ERRNO(open("b/f", O_WRONLY), EROFS);
        EXPECT_EQ(write(fd, "y", 1), 1);
        close(fd);
        EXPECT_OK(umount("b"));
    });
}

TEST(umount_of_what_is_used) {
    WITH_MOUNTS({
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
        EXPECT_OK(mkdir("m/d", 0755));
        EXPECT_OK(chdir("m/d"));
        EXPECT_ERRNO(umount("../../m"), EBUSY);
        EXPECT_OK(chdir("../.."));
        EXPECT_OK(mount("tmpfs", "m/d", "tmpfs", 0, NULL));
        EXPECT_ERRNO(umount("m"), EBUSY);
        EXPECT_ERRNO(rmdir("m/d"), EBUSY);
        EXPECT_ERRNO(rename("m/d", "m/e"), EBUSY);
        int fd = open("m/d/f", O_RDWR | O_CREAT, 0644);
        EXPECT_ERRNO(umount("m/d"), EBUSY);
        EXPECT_OK(umount2("m/d", MNT_DETACH)); // what is open lives on
        EXPECT_EQ(write(fd, "x", 1), 1);
        EXPECT_ERRNO(access("m/d/f", F_OK), ENOENT);
        close(fd);
        EXPECT_OK(umount("m"));
        EXPECT_ERRNO(umount("m"), EINVAL);
        EXPECT_ERRNO(umount("missing"), ENOENT);
    });
}

TEST(binds_in_mountinfo) {
    WITH_MOUNTS({
        EXPECT_OK(mount("some name", "m", "tmpfs", 0, "size=1m"));
        EXPECT_OK(mkdir("m/dir", 0755));
        EXPECT_OK(put_file("m/dir/file", "x"));
        EXPECT_OK(put_file("target", ""));
        EXPECT_OK(mkdir("space d", 0755));
        EXPECT_OK(mount("m/dir/file", "target", NULL, MS_BIND, NULL));
        EXPECT_OK(mount("m/dir", "space d", NULL, MS_BIND, NULL));
        EXPECT_STR(file_text("target"), "x");
        EXPECT_IN(MOUNTINFO("target"), " /dir/file ");
        EXPECT_IN(MOUNTINFO("target"), " tmpfs some\\040name ");
        EXPECT_IN(MOUNTINFO("space\\040d"), " /dir ");
        EXPECT_IN(MOUNTINFO("m"), " / ");
        EXPECT_IN(MOUNTS("m"), "some\\040name ");
        EXPECT_IN(MOUNTS("m"), "size=1024k");
        EXPECT_ERRNO(mount("m/dir", "target", NULL, MS_BIND, NULL), ENOTDIR);
        EXPECT_ERRNO(mount("m/dir/file", "m", NULL, MS_BIND, NULL), ENOTDIR);
        EXPECT_OK(umount("target"));
        EXPECT_OK(umount("space d"));
        EXPECT_STR(file_text("target"), "");
    });
}

TEST(bind_copies_are_shallow_unless_asked) {
    WITH_MOUNTS({
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
        EXPECT_OK(mkdir("m/inner", 0755));
        EXPECT_OK(mount("tmpfs", "m/inner", "tmpfs", 0, NULL));
        EXPECT_OK(put_file("m/inner/f", "x"));
        EXPECT_OK(mkdir("flat", 0755));
        EXPECT_OK(mkdir("deep", 0755));
        EXPECT_OK(mount("m", "flat", NULL, MS_BIND, NULL));
        EXPECT_ERRNO(access("flat/inner/f", F_OK), ENOENT);
        EXPECT_OK(mount("m", "deep", NULL, MS_BIND | MS_REC, NULL));
        EXPECT_OK(access("deep/inner/f", F_OK));
        EXPECT_OK(mkdir("moved", 0755));
        EXPECT_OK(mount("deep", "moved", NULL, MS_MOVE, NULL));
        EXPECT_OK(access("moved/inner/f", F_OK));
        EXPECT_ERRNO(access("deep/inner", F_OK), ENOENT);
        EXPECT_OK(umount2("moved", MNT_DETACH));
        EXPECT_OK(umount("flat"));
    });
}

TEST(tmpfs_limits) {
    WITH_MOUNTS({
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", 0, "size=64k,nr_inodes=10,mode=0751,uid=5,gid=6"));
        struct stat info;
        struct statfs space;
        EXPECT_OK(stat("m", &info));
        EXPECT_EQ(info.st_mode, S_IFDIR | 0751);
        EXPECT_EQ(info.st_uid, 5);
        EXPECT_EQ(info.st_gid, 6);
        EXPECT_OK(statfs("m", &space));
        EXPECT_EQ(space.f_blocks * (unsigned long)space.f_bsize, 65536);
        EXPECT_EQ(space.f_files, 10);
        EXPECT_EQ(space.f_ffree, 9);
        char name[16];
        int made = 0;
        for (; made < 20; made++) {
            snprintf(name, sizeof name, "m/%d", made);
            if (mkdir(name, 0755) < 0)
                break;
        }
        EXPECT_EQ(made, 9);
        EXPECT_EQ(errno, ENOSPC);
        EXPECT_OK(rmdir("m/0"));
        int fd = open("m/big", O_RDWR | O_CREAT, 0644);
        static char block[65536 + 4096];
        EXPECT_EQ(write(fd, block, sizeof block), 65536);
        EXPECT_ERRNO(write(fd, block, 1), ENOSPC);
        EXPECT_OK(statfs("m", &space));
        EXPECT_EQ(space.f_bfree, 0);
        // What is used must fit; more can be had, and less again.
        EXPECT_ERRNO(mount(NULL, "m", NULL, MS_REMOUNT, "size=32k"), EINVAL);
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT, "size=128k"));
        EXPECT_EQ(write(fd, block, 4096), 4096);
        EXPECT_OK(ftruncate(fd, 0));
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT, "size=32k"));
        EXPECT_EQ(write(fd, block, 65536), 32768);
        close(fd);
        EXPECT_OK(umount("m"));
        EXPECT_ERRNO(mount("tmpfs", "m", "tmpfs", 0, "size=nonsense"), EINVAL);
        EXPECT_ERRNO(mount("tmpfs", "m", "tmpfs", 0, "unknown=1"), EINVAL);
    });
}

TEST(tmpfs_attributes) {
    WITH_MOUNTS({
        char value[64];
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
        EXPECT_OK(put_file("m/f", ""));
        EXPECT_OK(symlink("f", "m/l"));
        EXPECT_OK(setxattr("m/f", "trusted.t", "one", 3, 0));
        EXPECT_OK(setxattr("m/f", "security.s", "two", 3, 0));
        EXPECT_EQ(getxattr("m/f", "trusted.t", value, sizeof value), 3);
        EXPECT_EQ(listxattr("m/f", value, sizeof value), 21);
        EXPECT_OK(lsetxattr("m/l", "trusted.t", "link", 4, 0));
        EXPECT_EQ(lgetxattr("m/l", "trusted.t", value, sizeof value), 4);
        EXPECT_OK(removexattr("m/f", "trusted.t"));
        EXPECT_ERRNO(getxattr("m/f", "trusted.t", value, sizeof value), ENODATA);
    });
}

TEST(attributes_of_symbolic_links) {
    NEED_ROOT();
    SCRATCH();
    char value[64];
    ASSERT_OK(symlink("target", "l"));
    EXPECT_OK(lsetxattr("l", "trusted.t", "one", 3, 0));
    EXPECT_EQ(lgetxattr("l", "trusted.t", value, sizeof value), 3);
    EXPECT_ERRNO(lsetxattr("l", "user.u", "one", 3, 0), EPERM);
    EXPECT_EQ(llistxattr("l", value, sizeof value), 10);
    EXPECT_EQ(readlink("l", value, sizeof value), 6);
    EXPECT_OK(rename("l", "m"));
    EXPECT_EQ(lgetxattr("m", "trusted.t", value, sizeof value), 3);
}
