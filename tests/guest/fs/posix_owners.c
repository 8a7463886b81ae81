// Rules that need more than one user: sticky directories, set-id bits, owners and groups, umask.
#include "posix.h"

// ---- sticky directories

TEST(sticky_directories) {
    NEED_ROOT();
    SCRATCH();
    // Whose is the directory, whose the file, and may OTHER_UID remove it?
    static const struct {
        unsigned directory, file;
        int may;
    } rows[] = {
        {0, 0, 0},         {0, OTHER_UID, 1},         {0, THIRD_UID, 0},
        {OTHER_UID, 0, 1}, {OTHER_UID, THIRD_UID, 1}, {THIRD_UID, THIRD_UID, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_OK(make_owned("d", rows[i].directory, 0, 01777));
        ASSERT_OK(put_owned("d/file", rows[i].file, 0, 0666));
        ASSERT_OK(put_owned("d/other", rows[i].file, 0, 0666));
        ASSERT_OK(make_owned("d/sub", rows[i].file, 0, 0777));
        ASSERT_OK(chmod("d", 01777));
        AS(OTHER_UID, OTHER_GID, 0, {
            if (rows[i].may) {
                EXPECT_OK(rename("d/file", "d/moved"));
                EXPECT_OK(rename("d/moved", "d/other"));
                EXPECT_OK(put_file("d/new", ""));
                EXPECT_OK(rename("d/new", "d/other"));
                EXPECT_OK(unlink("d/other"));
                EXPECT_OK(rmdir("d/sub"));
            } else {
                EXPECT_ERRNO(unlink("d/file"), EPERM);
                EXPECT_ERRNO(rmdir("d/sub"), EPERM);
                EXPECT_ERRNO(rename("d/file", "d/moved"), EPERM);
                EXPECT_ERRNO(rename("d/file", "moved"), EPERM);
                EXPECT_OK(put_file("d/new", ""));
                EXPECT_ERRNO(rename("d/new", "d/other"), EPERM);
                EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "d/new", AT_FDCWD, "d/other", RENAME_EXCHANGE),
                             EPERM);
                EXPECT_OK(unlink("d/new"));
            }
        });
        unlink("d/file");
        unlink("d/other");
        rmdir("d/sub");
        ASSERT_OK(rmdir("d"));
    }
}

TEST(sticky_bit_belongs_to_all_on_directories) {
    NEED_ROOT();
    SCRATCH();
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_OK(mkdir("d", 01777));
        EXPECT_EQ(info_of("d").st_mode, S_IFDIR | 01755);
        EXPECT_OK(put_file("f", ""));
        EXPECT_OK(chmod("f", 01644));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | 01644);
        EXPECT_OK(mkdir("e", 07777)); // set-id bits are not for mkdir
        EXPECT_EQ(info_of("e").st_mode, S_IFDIR | 01755);
    });
}

// ---- set-id bits

// What an operation of the owner (who is not root) leaves of a mode.
static void check_set_id(const char* what, int (*operation)(const char*), int is_capable) {
    static const struct {
        unsigned before, after;
    } rows[] = {
        {06777, 0777},  {04755, 0755},  {02755, 0755},  {02745, 02745},
        {06745, 02745}, {01777, 01777}, {05777, 01777},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unlink("f");
        if (!EXPECT_OK(put_file("f", "data")) || !EXPECT_OK(chmod("f", rows[i].before)))
            return;
        if (info_of("f").st_mode != (S_IFREG | rows[i].before))
            continue; // a bit that this user may not set
        EXPECT_OK(operation("f"));
        unsigned want = S_IFREG | (is_capable ? rows[i].before : rows[i].after), got = info_of("f").st_mode;
        if (got != want) {
            struct h_text text = {0, {0}};
            h_where(&text, __FILE__, __LINE__);
            h_add(&text, what);
            h_add(&text, " leaves mode ");
            h_add_number(&text, (long)got);
            h_add(&text, ", want ");
            h_add_number(&text, (long)want);
            h_fail(&text);
        }
    }
}

static int op_pwritev(const char* path) {
    struct {
        const void* at;
        size_t length;
    } part = {"x", 1};
    int fd = open(path, O_WRONLY);
    int result = syscall(SYS_pwritev, fd, &part, 1, 0, 0) == 1 ? 0 : -1;
    close(fd);
    return result;
}
static int op_truncate(const char* path) {
    return truncate(path, 1);
}
static int op_ftruncate(const char* path) {
    int fd = open(path, O_WRONLY);
    int result = ftruncate(fd, 2);
    close(fd);
    return result;
}
static int op_fallocate(const char* path) {
    int fd = open(path, O_WRONLY);
    int result = (int)syscall(SYS_fallocate, fd, 0, 0L, 100L);
    close(fd);
    return result;
}
static int op_chown(const char* path) {
    return chown(path, (uid_t)-1, getgid());
}
static int op_chown_nothing(const char* path) {
    return chown(path, (uid_t)-1, (gid_t)-1);
}
static int op_rename(const char* path) {
    return rename(path, "other") < 0 ? -1 : rename("other", path);
}
static int op_utimes(const char* path) {
    return utimensat(AT_FDCWD, path, NULL, 0);
}

TEST(set_id_bits_of_a_user) {
    NEED_ROOT();
    SCRATCH();
    AS(OTHER_UID, OTHER_GID, 0, {
        check_set_id("write", op_write, 0);
        check_set_id("pwritev", op_pwritev, 0);
        check_set_id("truncate", op_truncate, 0);
        check_set_id("ftruncate", op_ftruncate, 0);
        check_set_id("O_TRUNC", op_open_trunc, 0);
        check_set_id("fallocate", op_fallocate, 0);
        check_set_id("chown", op_chown, 0);
        check_set_id("chown -1 -1", op_chown_nothing, 0);
        check_set_id("read", op_read, 1);
        check_set_id("rename", op_rename, 1);
        check_set_id("utimensat", op_utimes, 1);
    });
}

TEST(set_id_bits_of_root) {
    NEED_ROOT();
    SCRATCH();
    check_set_id("write by root", op_write, 1);
    check_set_id("truncate by root", op_truncate, 1);
    check_set_id("chown by root", op_chown, 0);
    // Those of directories stay.
    ASSERT_OK(make_owned("d", 0, 0, 06755));
    EXPECT_OK(chown("d", OTHER_UID, OTHER_GID));
    EXPECT_EQ(info_of("d").st_mode, S_IFDIR | 06755);
}

TEST(set_group_id_needs_the_group) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_owned("f", OTHER_UID, SHARED_GID, 0755));
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_OK(chmod("f", 06755));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | 04755);
    });
    AS(OTHER_UID, OTHER_GID, SHARED_GID, {
        EXPECT_OK(chmod("f", 06755));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | 06755);
    });
    // Directories hand the group down, and directories the bit as well.
    ASSERT_OK(make_owned("d", OTHER_UID, SHARED_GID, 02777));
    AS(OTHER_UID, OTHER_GID, 0, {
        umask(0);
        EXPECT_OK(mkdir("d/d", 0755));
        EXPECT_EQ(info_of("d/d").st_mode, S_IFDIR | 02755);
        EXPECT_EQ(info_of("d/d").st_gid, SHARED_GID);
        EXPECT_OK(close(open("d/f", O_WRONLY | O_CREAT, 02775)));
        EXPECT_EQ(info_of("d/f").st_mode, S_IFREG | 0775); // not a member
        EXPECT_EQ(info_of("d/f").st_gid, SHARED_GID);
        EXPECT_OK(mkfifo("d/p", 0600));
        EXPECT_EQ(info_of("d/p").st_gid, SHARED_GID);
        EXPECT_OK(symlink("t", "d/l"));
        EXPECT_EQ(info_of("d/l").st_gid, SHARED_GID);
    });
    AS(OTHER_UID, OTHER_GID, SHARED_GID, {
        umask(0);
        EXPECT_OK(close(open("d/g", O_WRONLY | O_CREAT, 02775)));
        EXPECT_EQ(info_of("d/g").st_mode, S_IFREG | 02775);
        EXPECT_OK(close(open("g", O_WRONLY | O_CREAT, 06775)));
        EXPECT_EQ(info_of("g").st_mode, S_IFREG | 06775);
    });
}

// ---- owners

TEST(who_may_chown) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_owned("mine", OTHER_UID, OTHER_GID, 0644));
    ASSERT_OK(put_owned("theirs", THIRD_UID, OTHER_GID, 0666));
    AS(OTHER_UID, OTHER_GID, SHARED_GID, {
        EXPECT_ERRNO(chown("mine", THIRD_UID, (gid_t)-1), EPERM);
        EXPECT_ERRNO(chown("mine", 0, (gid_t)-1), EPERM);
        EXPECT_ERRNO(chown("mine", (uid_t)-1, 0), EPERM);
        EXPECT_OK(chown("mine", OTHER_UID, SHARED_GID));
        EXPECT_EQ(info_of("mine").st_gid, SHARED_GID);
        EXPECT_OK(chown("mine", (uid_t)-1, OTHER_GID));
        EXPECT_ERRNO(chown("theirs", (uid_t)-1, SHARED_GID), EPERM);
        EXPECT_ERRNO(chown("theirs", THIRD_UID, OTHER_GID), EPERM);
        EXPECT_OK(chown("theirs", (uid_t)-1, (gid_t)-1));
        EXPECT_ERRNO(chmod("theirs", 0777), EPERM);
    });
    AS(OTHER_UID, THIRD_UID, 0, {
        EXPECT_OK(symlink("mine", "link"));
        EXPECT_ERRNO(lchown("link", 0, 0), EPERM);
        EXPECT_OK(lchown("link", OTHER_UID, THIRD_UID));
        EXPECT_OK(chown("link", OTHER_UID, OTHER_GID)); // of what it points at: nothing changes
    });
    EXPECT_EQ(info_of("link").st_gid, THIRD_UID);
}

TEST(permission_classes) {
    NEED_ROOT();
    SCRATCH();
    // The first class that fits decides, be it the poorest.
    static const struct {
        unsigned mode, uid, gid, extra;
        int readable;
    } rows[] = {
        {0400, OTHER_UID, OTHER_GID, 0, 1},         {0040, OTHER_UID, OTHER_GID, 0, 0},
        {0004, OTHER_UID, OTHER_GID, 0, 0},         {0040, THIRD_UID, OTHER_GID, 0, 1},
        {0404, THIRD_UID, OTHER_GID, 0, 0},         {0004, THIRD_UID, THIRD_UID, 0, 1},
        {0440, THIRD_UID, THIRD_UID, 0, 0},         {0040, THIRD_UID, THIRD_UID, OTHER_GID, 1},
        {0404, THIRD_UID, THIRD_UID, OTHER_GID, 0}, {0777, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_OK(put_owned("f", OTHER_UID, OTHER_GID, rows[i].mode));
        if (rows[i].uid != 0)
            AS(rows[i].uid, rows[i].gid, rows[i].extra, {
                EXPECT_EQ(access("f", R_OK), rows[i].readable - 1);
                int fd = open("f", O_RDONLY);
                EXPECT_EQ(fd >= 0, rows[i].readable);
            });
        else
            EXPECT_OK(access("f", R_OK));
    }
}

TEST(namespaces_of_attributes) {
    NEED_ROOT();
    SCRATCH();
    char value[64];
    ASSERT_OK(put_file("f", ""));
    ASSERT_OK(chmod("f", 0666));
    if (setxattr("f", "trusted.t", "one", 3, 0) < 0 && errno == EOPNOTSUPP)
        SKIP("no xattrs in this file system");
    EXPECT_OK(setxattr("f", "security.s", "two", 3, 0));
    EXPECT_EQ(listxattr("f", value, sizeof value), 21);
    AS(OTHER_UID, OTHER_GID, 0, {
        // Those of the trusted namespace are not there for others.
        EXPECT_ERRNO(getxattr("f", "trusted.t", value, sizeof value), ENODATA);
        EXPECT_ERRNO(setxattr("f", "trusted.t", "x", 1, 0), EPERM);
        EXPECT_ERRNO(removexattr("f", "trusted.t"), EPERM);
        EXPECT_EQ(listxattr("f", value, sizeof value), 11);
        EXPECT_EQ(getxattr("f", "security.s", value, sizeof value), 3);
        EXPECT_ERRNO(setxattr("f", "security.s", "x", 1, 0), EPERM);
        EXPECT_OK(setxattr("f", "user.u", "x", 1, 0));
    });
    EXPECT_EQ(getxattr("f", "trusted.t", value, sizeof value), 3);
    // Those of users need the rights of the file's data, and a file that has data.
    ASSERT_OK(chmod("f", 0444));
    AS(OTHER_UID, OTHER_GID, 0, {
        EXPECT_EQ(getxattr("f", "user.u", value, sizeof value), 1);
        EXPECT_ERRNO(setxattr("f", "user.u", "y", 1, 0), EACCES);
    });
    ASSERT_OK(chmod("f", 0));
    AS(OTHER_UID, OTHER_GID, 0, { EXPECT_ERRNO(getxattr("f", "user.u", value, sizeof value), EACCES); });
    ASSERT_OK(mkfifo("p", 0666));
    EXPECT_ERRNO(setxattr("p", "user.u", "x", 1, 0), EPERM);
    EXPECT_OK(setxattr("p", "trusted.t", "x", 1, 0));
    EXPECT_ERRNO(getxattr("p", "user.u", value, sizeof value), ENODATA);
}

TEST(umask_takes_bits) {
    SCRATCH();
    static const unsigned masks[] = {0, 022, 027, 077, 0777, 0111, 0400};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        umask(masks[i]);
        EXPECT_OK(close(open("f", O_RDWR | O_CREAT | O_EXCL, 0777)));
        EXPECT_OK(mkdir("d", 0777));
        EXPECT_OK(mkfifo("p", 0666));
        EXPECT_OK(symlink("t", "l"));
        EXPECT_EQ(info_of("f").st_mode, S_IFREG | (0777 & ~masks[i]));
        EXPECT_EQ(info_of("d").st_mode & 0777, 0777 & ~masks[i]);
        EXPECT_EQ(info_of("p").st_mode, S_IFIFO | (0666 & ~masks[i]));
        EXPECT_EQ(info_of("l").st_mode, S_IFLNK | 0777);
        EXPECT_OK(unlink("f"));
        EXPECT_OK(rmdir("d"));
        EXPECT_OK(unlink("p"));
        EXPECT_OK(unlink("l"));
    }
}
