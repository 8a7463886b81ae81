// What the programs about POSIX's rules for files share: users, and files that belong to them.
#ifndef LXSS_TESTS_GUEST_POSIX_H
#define LXSS_TESTS_GUEST_POSIX_H

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

static H_UNUSED struct stat info_of(const char* path) {
    struct stat info;
    memset(&info, 0, sizeof info);
    (void)lstat(path, &info);
    return info;
}

static H_UNUSED int become(unsigned uid, unsigned gid, unsigned extra) {
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

static H_UNUSED int put_owned(const char* path, unsigned uid, unsigned gid, unsigned mode) {
    return put_file(path, "data") < 0 || chown(path, uid, gid) < 0 || chmod(path, mode) < 0 ? -1 : 0;
}

static H_UNUSED int make_owned(const char* path, unsigned uid, unsigned gid, unsigned mode) {
    return mkdir(path, 0755) < 0 || chown(path, uid, gid) < 0 || chmod(path, mode) < 0 ? -1 : 0;
}

// Operations that several programs look at.
static H_UNUSED int op_write(const char* path) {
    int fd = open(path, O_WRONLY);
    int result = write(fd, "x", 1) == 1 ? 0 : -1;
    close(fd);
    return result;
}
static H_UNUSED int op_open_trunc(const char* path) {
    int fd = open(path, O_WRONLY | O_TRUNC);
    close(fd);
    return fd < 0 ? -1 : 0;
}
static H_UNUSED int op_read(const char* path) {
    return file_text(path)[0] ? 0 : -1;
}

#endif
