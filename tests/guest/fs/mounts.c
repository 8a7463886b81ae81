// chroot, mount, umount, openat2.
#include "harness.h"

#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>

// A private mount name space; without one the cases would change the system they run on.
#define OWN_MOUNTS()                                                                                         \
    do {                                                                                                     \
        if (unshare(CLONE_NEWNS) == 0)                                                                       \
            EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));                                  \
    } while (0)

TEST(chroot_confines) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("root", 0755));
    ASSERT_OK(mkdir("root/d", 0755));
    ASSERT_OK(put_file("root/f", "inside"));
    ASSERT_OK(symlink("/f", "root/l"));
    IN_CHILD({
        char path[64];
        EXPECT_OK(chroot("root"));
        // The working directory is still outside.
        EXPECT_OK(access("root", F_OK));
        EXPECT_OK(chdir("/"));
        EXPECT_STR(file_text("/f"), "inside");
        EXPECT_STR(file_text("l"), "inside");
        EXPECT_STR(file_text("../../../f"), "inside");
        EXPECT_OK(chdir("d"));
        EXPECT_TRUE(getcwd(path, sizeof path) != NULL);
        EXPECT_STR(path, "/d");
        EXPECT_ERRNO(access("/proc", F_OK), ENOENT);
    });
    EXPECT_ERRNO(chroot("root/f"), ENOTDIR);
    EXPECT_ERRNO(chroot("missing"), ENOENT);
}

TEST(tmpfs_mount) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("m", 0755));
    ASSERT_OK(put_file("m/hidden", ""));
    IN_CHILD({
        OWN_MOUNTS();
        struct stat outside;
        struct stat inside;
        EXPECT_OK(stat(".", &outside));
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", 0, "mode=0700,size=1m"));
        EXPECT_ERRNO(access("m/hidden", F_OK), ENOENT);
        EXPECT_OK(stat("m", &inside));
        EXPECT_EQ(inside.st_mode, S_IFDIR | 0700);
        EXPECT_NE(inside.st_dev, outside.st_dev);
        EXPECT_OK(put_file("m/f", "x"));
        EXPECT_ERRNO(rename("m/f", "f"), EXDEV);
        EXPECT_ERRNO(link("m/f", "f"), EXDEV);
        EXPECT_ERRNO(rmdir("m"), EBUSY);
        static char block[2 << 20];
        int fd = open("m/big", O_WRONLY | O_CREAT, 0600);
        EXPECT_LT(write(fd, block, sizeof block), (long)sizeof block);
        EXPECT_ERRNO(write(fd, block, 4096), ENOSPC);
        EXPECT_ERRNO(umount("m"), EBUSY);
        close(fd);
        EXPECT_OK(umount("m"));
        EXPECT_OK(access("m/hidden", F_OK));
        EXPECT_ERRNO(umount("m"), EINVAL);
    });
}

TEST(bind_and_readonly_mounts) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("from", 0755));
    ASSERT_OK(mkdir("to", 0755));
    ASSERT_OK(put_file("from/f", "x"));
    IN_CHILD({
        OWN_MOUNTS();
        EXPECT_OK(mount("from", "to", NULL, MS_BIND, NULL));
        EXPECT_STR(file_text("to/f"), "x");
        EXPECT_OK(put_file("to/g", "y"));
        EXPECT_STR(file_text("from/g"), "y");
        EXPECT_OK(mount("none", "to", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
        EXPECT_ERRNO(open("to/f", O_WRONLY), EROFS);
        EXPECT_ERRNO(mkdir("to/d", 0755), EROFS);
        EXPECT_ERRNO(unlink("to/f"), EROFS);
        EXPECT_ERRNO(access("to/f", W_OK), EROFS);
        EXPECT_OK(put_file("from/f", "z"));
        EXPECT_OK(umount2("to", MNT_DETACH));
        EXPECT_ERRNO(mount("none", "missing", "tmpfs", 0, NULL), ENOENT);
        EXPECT_ERRNO(mount("none", "to", "nosuchfs", 0, NULL), ENODEV);
    });
}

static long openat2(int directory, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {flags, mode, resolve};
    return syscall(437, directory, path, &how, sizeof how);
}

TEST(openat2_resolve_flags) {
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "x"));
    ASSERT_OK(symlink("f", "d/l"));
    ASSERT_OK(symlink("/", "d/root"));
    int fd = open("d", O_RDONLY);
    long got = openat2(fd, "f", O_RDONLY, 0, 0);
    EXPECT_OK(got);
    close((int)got);
    EXPECT_ERRNO(openat2(fd, "../d/f", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    EXPECT_ERRNO(openat2(fd, "/etc", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    EXPECT_ERRNO(openat2(fd, "root", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    EXPECT_ERRNO(openat2(fd, "l", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
    got = openat2(fd, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT);
    EXPECT_OK(got);
    close((int)got);
    got = openat2(fd, "root/../../f", O_RDONLY, 0, RESOLVE_IN_ROOT);
    EXPECT_OK(got);
    close((int)got);
    EXPECT_ERRNO(openat2(fd, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), ELOOP);
    EXPECT_ERRNO(openat2(AT_FDCWD, "/proc/self/stat", O_RDONLY, 0, RESOLVE_NO_XDEV), EXDEV);
    close(fd);
}

TEST(openat2_is_strict) {
    SCRATCH();
    struct open_how how = {O_RDONLY, 0, 0};
    ASSERT_OK(put_file("f", "x"));
    EXPECT_ERRNO(openat2(AT_FDCWD, "f", O_RDONLY, 0600, 0), EINVAL);
    EXPECT_ERRNO(openat2(AT_FDCWD, "f", 0x20000000, 0, 0), EINVAL);
    EXPECT_ERRNO(openat2(AT_FDCWD, "f", O_RDONLY, 0, 0x1000), EINVAL);
    EXPECT_ERRNO(openat2(AT_FDCWD, "g", O_CREAT | O_WRONLY, 0200000, 0), EINVAL);
    EXPECT_ERRNO(syscall(437, AT_FDCWD, "f", &how, 8), EINVAL);
    char large[64] = {0};
    long got = syscall(437, AT_FDCWD, "f", large, sizeof large);
    EXPECT_OK(got);
    close((int)got);
    large[60] = 1;
    EXPECT_ERRNO(syscall(437, AT_FDCWD, "f", large, sizeof large), E2BIG);
}
