// What each call says when the caller, the mount, the descriptor or the arguments are not right for it.
#include "posix_calls.h"

// ---- the caller

// What the user of the next cases finds: see make_denied_tree().
static void make_denied_tree(void) {
    EXPECT_OK(mkdir("locked", 0700));
    EXPECT_OK(put_file("locked/file", "x"));
    EXPECT_OK(mkdir("locked/directory", 0755));
    EXPECT_OK(mkdir("readable", 0755)); // seen, not written
    EXPECT_OK(put_file("readable/file", "x"));
    EXPECT_OK(chmod("readable/file", 0600));
    EXPECT_OK(put_file("readable/open", "x"));
    EXPECT_OK(mkdir("readable/directory", 0700));
    EXPECT_OK(mkdir("nosearch", 0644));
}

#define AS_OTHER_USER(...)                                                                                   \
    IN_CHILD({                                                                                               \
        EXPECT_OK(become_other_user());                                                                      \
        __VA_ARGS__;                                                                                         \
    })

TEST(no_search_permission) {
    NEED_ROOT();
    SCRATCH();
    make_denied_tree();
    AS_OTHER_USER({
        EXPECT_OK(put_file("source", ""));
        FOR_CALLS(call) {
            if (call->flags & kNeedsRoot)
                continue;
            EXPECT_CALL(call, "locked/file", "in a directory without x", EACCES);
            EXPECT_CALL(call, "locked/missing", "missing in a directory without x", EACCES);
            EXPECT_CALL(call, "locked/directory/name", "below a directory without x", EACCES);
            EXPECT_CALL(call, "nosearch/name", "in a directory with r alone", EACCES);
        }
    });
}

TEST(no_write_permission_of_the_directory) {
    NEED_ROOT();
    SCRATCH();
    make_denied_tree();
    AS_OTHER_USER({
        EXPECT_OK(put_file("source", ""));
        FOR_CALLS(call) {
            if (call->flags & kNeedsRoot)
                continue;
            if (call->flags & kCreates)
                EXPECT_CALL(call, "readable/fresh", "in a directory without w", EACCES);
            if (call->flags & kRemoves)
                EXPECT_CALL(call, "readable/file", "in a directory without w", EACCES);
        }
        EXPECT_ERRNO(do_rmdir("readable/directory"), EACCES);
        EXPECT_ERRNO(do_rename_to("readable/fresh"), EACCES);
        EXPECT_ERRNO(do_rename_to("readable/file"), EACCES);
        // A name that is there, or has to be, comes before the permission to make one.
        EXPECT_ERRNO(do_mkdir("readable/file"), EEXIST);
        EXPECT_ERRNO(do_unlink("readable/missing"), ENOENT);
        EXPECT_OK(do_open_read("readable/open"));
        EXPECT_ERRNO(closed(open("readable/fresh", O_RDONLY | O_CREAT, 0644)), EACCES);
        EXPECT_OK(closed(open("readable/open", O_RDONLY | O_CREAT, 0644)));
    });
}

TEST(no_permission_of_the_file) {
    NEED_ROOT();
    SCRATCH();
    make_denied_tree();
    AS_OTHER_USER({
        FOR_CALLS(call) {
            if (call->flags & (kCreates | kNeedsRoot))
                continue;
            if (call->flags & kOwner)
                EXPECT_CALL(call, "readable/open", "of somebody else's file", EPERM);
            if (call->flags & (kWrites | kReads))
                EXPECT_CALL(call, call->flags & kDirectory ? "readable/directory" : "readable/file",
                            "of a file without rw", EACCES);
            if (call->flags & kWrites)
                EXPECT_CALL(call, "readable/open", "of a file without w", EACCES);
        }
        EXPECT_ERRNO(do_execve("readable/open"), EACCES);
        EXPECT_ERRNO(do_mknod_device("source"), EPERM);
        EXPECT_ERRNO(syscall(SYS_chroot, "readable"), EPERM);
    });
}

TEST(rights_of_root) {
    NEED_ROOT();
    SCRATCH();
    AS_OTHER_USER({
        EXPECT_OK(mkdir("theirs", 0));
        EXPECT_OK(put_file("their-file", "x"));
        EXPECT_OK(chmod("their-file", 0));
    });
    FOR_CALLS(call) {
        ASSERT_OK(put_file("source", "x"));
        if (call->flags & kCreates) {
            EXPECT_CALL(call, "theirs/name", "in a directory of mode 0", 0);
            EXPECT_TRUE(unlink("theirs/name") == 0 || rmdir("theirs/name") == 0);
        } else if (!(call->flags & (kDirectory | kRemoves)) && !same_call(call, do_rename_to) &&
                   !same_call(call, do_rmdir) && !same_call(call, do_execve)) {
            EXPECT_CALL(call, "their-file", "of a file of mode 0", 0);
            ASSERT_OK(chmod("their-file", 0));
            ASSERT_OK(chown("their-file", OTHER_UID, OTHER_GID));
        }
    }
    EXPECT_ERRNO(do_execve("their-file"), EACCES); // not even root runs what nobody may run
    EXPECT_ERRNO(access("their-file", X_OK), EACCES);
    EXPECT_OK(access("their-file", R_OK | W_OK));
}

// ---- the mount

TEST(read_only_mount) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(mkdir("m", 0755));
    ASSERT_OK(mkdir("m/directory", 0755));
    ASSERT_OK(put_file("m/file", "x"));
    ASSERT_OK(symlink("file", "m/link"));
    ASSERT_OK(mkfifo("m/fifo", 0666));
    ASSERT_OK(put_file("source", ""));
    IN_CHILD({
        if (unshare(CLONE_NEWNS) == 0)
            EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
        EXPECT_OK(mount("m", "m", NULL, MS_BIND, NULL));
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
        EXPECT_OK(chdir("m"));
        FOR_CALLS(call) {
            // Sources and targets of two-name calls lie on the mount, too.
            if (call->flags & kChanges) {
                EXPECT_CALL(call, "file", "on a read-only mount", EROFS);
                EXPECT_CALL(call, "missing", "of a missing file on a read-only mount", ENOENT);
                if (!(call->flags & kNotOnDirectory))
                    EXPECT_CALL(call, "directory", "of a directory on a read-only mount", EROFS);
            } else if (same_call(call, do_link_to) || same_call(call, do_noreplace) ||
                       same_call(call, do_exchange)) {
                continue;
            } else if (call->flags & kCreates) {
                EXPECT_CALL(call, "fresh", "on a read-only mount", EROFS);
                EXPECT_CALL(call, "file", "over a file on a read-only mount", EEXIST);
            } else if (call->flags & kRemoves) {
                EXPECT_CALL(call, "file", "on a read-only mount", EROFS);
            }
        }
        EXPECT_ERRNO(link("file", "fresh"), EROFS);
        EXPECT_ERRNO(rename("file", "fresh"), EROFS);
        EXPECT_ERRNO(rename("file", "link"), EROFS);
        EXPECT_ERRNO(rmdir("directory"), EROFS);
        EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "link", 2), EROFS);
        EXPECT_ERRNO(open(".", O_TMPFILE | O_RDWR, 0600), EROFS);
        EXPECT_ERRNO(access("file", W_OK), EROFS);
        EXPECT_OK(access("file", R_OK));
        EXPECT_OK(access("fifo", W_OK)); // a FIFO's data is not on the disk
        EXPECT_ERRNO(closed(open("fresh", O_RDONLY | O_CREAT, 0644)), EROFS);
        EXPECT_OK(closed(open("file", O_RDONLY | O_CREAT, 0644)));
        // The file system itself is as writable as ever.
        EXPECT_OK(chdir(".."));
        EXPECT_ERRNO(rename("source", "m/fresh"), EXDEV);
        EXPECT_OK(umount2("m", MNT_DETACH));
        EXPECT_OK(put_file("m/file", "y"));
    });
}

// ---- descriptors

TEST(bad_descriptors) {
    SCRATCH();
    struct stat info;
    struct timespec times[2] = {{1, 1}, {2, 2}};
    int path = open(".", O_PATH);
    ASSERT_OK(path);
    ASSERT_OK(put_file("f", "x"));
    int reading = open("f", O_RDONLY);
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? -1 : 9999;
        EXPECT_ERRNO(fchmod(fd, 0644), EBADF);
        EXPECT_ERRNO(fchown(fd, 0, 0), EBADF);
        EXPECT_ERRNO(ftruncate(fd, 0), EBADF);
        EXPECT_ERRNO(fstat(fd, &info), EBADF);
        EXPECT_ERRNO(syscall(SYS_utimensat, fd, NULL, times, 0), EBADF);
        EXPECT_ERRNO(fsync(fd), EBADF);
        EXPECT_ERRNO(openat(fd, "f", O_RDONLY), EBADF);
        EXPECT_ERRNO(mkdirat(fd, "f", 0755), EBADF);
        EXPECT_ERRNO(unlinkat(fd, "f", 0), EBADF);
        EXPECT_ERRNO(renameat(fd, "f", AT_FDCWD, "g"), EBADF);
        EXPECT_ERRNO(renameat(AT_FDCWD, "f", fd, "g"), EBADF);
        EXPECT_ERRNO(linkat(AT_FDCWD, "f", fd, "g", 0), EBADF);
        EXPECT_ERRNO(symlinkat("f", fd, "g"), EBADF);
    }
    EXPECT_ERRNO(openat(reading, "f", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(mkdirat(reading, "f", 0755), ENOTDIR);
    EXPECT_ERRNO(ftruncate(reading, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_fchmod, path, 0700), EBADF);
    EXPECT_ERRNO(syscall(SYS_fchown, path, 0, 0), EBADF);
    EXPECT_ERRNO(syscall(SYS_utimensat, path, NULL, times, 0), EBADF);
    EXPECT_ERRNO(fsync(path), EBADF);
    EXPECT_ERRNO(fgetxattr(path, "user.x", NULL, 0), EBADF);
    EXPECT_ERRNO(flistxattr(path, NULL, 0), EBADF);
    EXPECT_OK(fstat(path, &info));
    int directory = open(".", O_RDONLY | O_DIRECTORY);
    EXPECT_ERRNO(ftruncate(directory, 0), EINVAL);
    close(directory);
    close(reading);
    close(path);
}

TEST(bad_arguments) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    EXPECT_ERRNO(syscall(SYS_truncate, "f", -1L), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mknod, "g", S_IFDIR | 0755, 0), EPERM);
    EXPECT_ERRNO(syscall(SYS_mknod, "g", S_IFLNK | 0755, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_mknod, "g", S_IFMT | 0755, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_fchmodat, AT_FDCWD, (const char*)0, 0644), EFAULT);
    EXPECT_ERRNO(syscall(SYS_fchownat, AT_FDCWD, "f", 0, 0, 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_unlinkat, AT_FDCWD, "f", 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_linkat, AT_FDCWD, "f", AT_FDCWD, "g", 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 8), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 3), EINVAL);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "g", 6), EINVAL);
    EXPECT_ERRNO(syscall(SYS_symlink, "", "g"), ENOENT);
    EXPECT_ERRNO(syscall(SYS_symlink, repeated("", 't', PATH_MAX, ""), "g"), ENAMETOOLONG);
    EXPECT_OK(syscall(SYS_symlink, repeated("", 't', PATH_MAX - 1, ""), "g"));
    struct timespec bad[2] = {{0, 1000000000}, {0, 0}};
    EXPECT_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    bad[0].tv_nsec = -1;
    EXPECT_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    bad[0].tv_nsec = 0;
    EXPECT_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", bad, 1), EINVAL);
}
