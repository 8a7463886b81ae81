// POSIX access control lists, acl(5), through their extended attributes: what they grant, how they and the
// mode follow each other, what new files inherit.
#include "harness.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum { U = 1, USER = 2, G = 4, GROUP = 8, M = 16, O = 32 }; // tags

struct entry {
    unsigned short tag, permissions;
    unsigned id;
};
struct list {
    unsigned version;
    struct entry entries[8];
};

static int set_list(const char* path, const char* name, const struct entry* entries, int count) {
    struct list list = {2, {{0, 0, 0}}};
    memcpy(list.entries, entries, (size_t)count * sizeof *entries);
    return setxattr(path, name, &list, 4 + (size_t)count * sizeof *entries, 0);
}
#define SET(path, name, ...)                                                                                 \
    __extension__({                                                                                          \
        const struct entry h_entries[] = {__VA_ARGS__};                                                      \
        set_list(path, name, h_entries, (int)(sizeof h_entries / sizeof h_entries[0]));                      \
    })

// A list as text: "u:rw- u54321:r-- g:r-- m:rw- o:---"; "none" when there is none.
static const char* text_of(const char* path, const char* name) {
    static char text[256];
    struct list list;
    long length = getxattr(path, name, &list, sizeof list);
    if (length < 0)
        return errno == ENODATA ? "none" : strerror(errno);
    char* at = text;
    for (long i = 0; 4 + (i + 1) * 8 <= length; i++) {
        const struct entry* e = &list.entries[i];
        const char* who = e->tag == U || e->tag == USER ? "u" : e->tag == M ? "m" : e->tag == O ? "o" : "g";
        at += sprintf(at, "%s%s", i ? " " : "", who);
        if (e->tag == USER || e->tag == GROUP)
            at += sprintf(at, "%u", e->id);
        at += sprintf(at, ":%c%c%c", e->permissions & 4 ? 'r' : '-', e->permissions & 2 ? 'w' : '-',
                      e->permissions & 1 ? 'x' : '-');
    }
    return text;
}

static unsigned mode_of(const char* path) {
    struct stat info;
    return lstat(path, &info) < 0 ? 0 : info.st_mode & 07777;
}

static int has_lists(void) {
    int fd = open("probe", O_WRONLY | O_CREAT, 0644);
    close(fd);
    int has = SET("probe", ACCESS, {U, 6, 0}, {USER, 4, 1}, {G, 4, 0}, {M, 4, 0}, {O, 4, 0}) == 0 ||
              errno != EOPNOTSUPP;
    unlink("probe");
    return has;
}
#define NEED_LISTS()                                                                                         \
    SCRATCH();                                                                                               \
    if (!has_lists())                                                                                        \
    SKIP("no ACLs on this file system")

static int closed_open(const char* path, int flags) {
    int fd = open(path, flags, 0666);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static int become(unsigned uid, unsigned gid, unsigned extra) {
    gid_t groups[1] = {extra};
    if (syscall(SYS_setgroups, extra ? 1 : 0, groups) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
        syscall(SYS_setresuid, uid, uid, uid) < 0)
        return -1;
    return 0;
}

TEST(lists_and_modes_follow_each_other) {
    NEED_LISTS();
    ASSERT_OK(put_file("f", "x"));
    EXPECT_STR(text_of("f", ACCESS), "none");
    EXPECT_OK(SET("f", ACCESS, {U, 6, 0}, {USER, 7, 1000}, {G, 4, 0}, {M, 7, 0}, {O, 1, 0}));
    EXPECT_STR(text_of("f", ACCESS), "u:rw- u1000:rwx g:r-- m:rwx o:--x");
    EXPECT_EQ(mode_of("f"), 0671);
    EXPECT_OK(chmod("f", 0740));
    EXPECT_STR(text_of("f", ACCESS), "u:rwx u1000:rwx g:r-- m:r-- o:---");
    EXPECT_OK(chmod("f", 04717));
    EXPECT_STR(text_of("f", ACCESS), "u:rwx u1000:rwx g:r-- m:--x o:rwx");
    EXPECT_EQ(mode_of("f"), 04717);
    // A list that says no more than a mode does becomes one.
    EXPECT_OK(SET("f", ACCESS, {U, 6, 0}, {G, 4, 0}, {O, 0, 0}));
    EXPECT_STR(text_of("f", ACCESS), "none");
    EXPECT_EQ(mode_of("f"), 04640);
    // With a mask it stays.
    EXPECT_OK(SET("f", ACCESS, {U, 6, 0}, {G, 6, 0}, {M, 4, 0}, {O, 0, 0}));
    EXPECT_STR(text_of("f", ACCESS), "u:rw- g:rw- m:r-- o:---");
    EXPECT_EQ(mode_of("f"), 04640);
    // Its end leaves the mode as it is.
    EXPECT_OK(removexattr("f", ACCESS));
    EXPECT_STR(text_of("f", ACCESS), "none");
    EXPECT_EQ(mode_of("f"), 04640);
    EXPECT_OK(SET("f", ACCESS, {U, 6, 0}, {USER, 7, 1000}, {G, 4, 0}, {M, 7, 0}, {O, 1, 0}));
    EXPECT_OK(setxattr("f", ACCESS, "", 0, 0));
    EXPECT_STR(text_of("f", ACCESS), "none");
}

TEST(lists_are_checked) {
    NEED_LISTS();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(symlink("f", "l"));
    EXPECT_ERRNO(SET("f", ACCESS, {U, 6, 0}, {G, 4, 0}), EINVAL);                          // no others
    EXPECT_ERRNO(SET("f", ACCESS, {U, 6, 0}, {USER, 4, 1}, {G, 4, 0}, {O, 0, 0}), EINVAL); // no mask
    EXPECT_ERRNO(SET("f", ACCESS, {U, 6, 0}, {G, 4, 0}, {USER, 4, 1}, {M, 4, 0}, {O, 0, 0}), EINVAL); // order
    EXPECT_ERRNO(SET("f", ACCESS, {U, 6, 0}, {U, 6, 0}, {G, 4, 0}, {O, 0, 0}), EINVAL);               // twice
    EXPECT_ERRNO(SET("f", ACCESS, {U, 8, 0}, {G, 4, 0}, {O, 0, 0}), EINVAL);             // no such right
    EXPECT_ERRNO(SET("f", ACCESS, {U, 6, 0}, {G, 4, 0}, {O, 0, 0}, {64, 0, 0}), EINVAL); // no such tag
    EXPECT_ERRNO(SET("f", ACCESS, {U, 6, 0}, {USER, 4, ~0u}, {G, 4, 0}, {M, 4, 0}, {O, 0, 0}),
                 EINVAL); // no such user
    EXPECT_ERRNO(setxattr("f", ACCESS, "\2\0\0\0\1", 5, 0), EINVAL);
    EXPECT_ERRNO(setxattr("f", ACCESS, "\2\0", 2, 0), EINVAL);
    EXPECT_ERRNO(setxattr("f", ACCESS, "\1\0\0\0", 4, 0), EOPNOTSUPP);
    EXPECT_OK(setxattr("f", ACCESS, "\2\0\0\0", 4, 0)); // an empty list is none
    EXPECT_ERRNO(SET("f", DEFAULT, {U, 6, 0}, {G, 4, 0}, {O, 0, 0}), EACCES);
    EXPECT_OK(SET("d", DEFAULT, {U, 6, 0}, {G, 4, 0}, {O, 0, 0}));
    EXPECT_STR(text_of("d", DEFAULT), "u:rw- g:r-- o:---");
    EXPECT_OK(removexattr("d", DEFAULT));
    EXPECT_STR(text_of("d", DEFAULT), "none");
    EXPECT_EQ(mode_of("d"), 0755);
    struct list list = {2, {{U, 6, 0}, {G, 4, 0}, {O, 0, 0}}};
    EXPECT_ERRNO(lsetxattr("l", ACCESS, &list, 28, 0), EOPNOTSUPP);
    EXPECT_ERRNO(lgetxattr("l", ACCESS, &list, 28), EOPNOTSUPP);
    EXPECT_OK(SET("f", ACCESS, {U, 6, 0}, {USER, 4, 1}, {G, 4, 0}, {M, 4, 0}, {O, 0, 0}));
    EXPECT_EQ(getxattr("f", ACCESS, NULL, 0), 44);
    EXPECT_ERRNO(getxattr("f", ACCESS, &list, 40), ERANGE);
    char names[256];
    EXPECT_EQ(listxattr("f", names, sizeof names), (long)sizeof ACCESS);
    EXPECT_STR(names, ACCESS);
}

TEST(what_lists_grant) {
    NEED_ROOT();
    NEED_LISTS();
    enum { kOwner = 60001, kUser = 60002, kGroup = 60003, kOwnGroup = 60004, kNobody = 60005 };
    // Rights asked for as (uid, gid, further group), and what each list grants.
    static const struct {
        struct entry entries[6];
        int count;
        unsigned uid, gid, extra;
        int granted; // rwx
    } rows[] = {
        {{{U, 0, 0}, {USER, 7, kOwner}, {G, 7, 0}, {M, 7, 0}, {O, 7, 0}}, 5, kOwner, kOwnGroup, 0, 0},
        {{{U, 7, 0}, {USER, 6, kUser}, {G, 0, 0}, {M, 7, 0}, {O, 1, 0}}, 5, kUser, kNobody, 0, 6},
        {{{U, 7, 0}, {USER, 6, kUser}, {G, 0, 0}, {M, 4, 0}, {O, 1, 0}}, 5, kUser, kNobody, 0, 4},
        {{{U, 7, 0}, {USER, 0, kUser}, {G, 7, 0}, {M, 7, 0}, {O, 7, 0}}, 5, kUser, kOwnGroup, 0, 0},
        {{{U, 7, 0}, {USER, 0, kUser}, {G, 7, 0}, {M, 7, 0}, {O, 7, 0}}, 5, kNobody, kOwnGroup, 0, 7},
        {{{U, 7, 0}, {USER, 0, kUser}, {G, 7, 0}, {M, 5, 0}, {O, 7, 0}}, 5, kNobody, kOwnGroup, 0, 5},
        {{{U, 7, 0}, {USER, 0, kUser}, {G, 7, 0}, {M, 5, 0}, {O, 2, 0}}, 5, kNobody, kNobody, 0, 2},
        {{{U, 7, 0}, {G, 0, 0}, {GROUP, 6, kGroup}, {M, 7, 0}, {O, 1, 0}}, 5, kNobody, kGroup, 0, 6},
        {{{U, 7, 0}, {G, 0, 0}, {GROUP, 6, kGroup}, {M, 7, 0}, {O, 1, 0}}, 5, kNobody, kNobody, kGroup, 6},
        {{{U, 7, 0}, {G, 1, 0}, {GROUP, 6, kGroup}, {M, 7, 0}, {O, 7, 0}},
         5,
         kNobody,
         kOwnGroup,
         kGroup,
         7}, // one at a time
        {{{U, 7, 0}, {G, 0, 0}, {GROUP, 0, kGroup}, {M, 7, 0}, {O, 7, 0}}, 5, kNobody, kGroup, 0, 0},
        {{{U, 7, 0}, {G, 0, 0}, {GROUP, 0, kGroup}, {M, 7, 0}, {O, 7, 0}}, 5, kNobody, kNobody, 0, 7},
        // A mask without any right: the list counts for nothing, on Linux.
        {{{U, 7, 0}, {USER, 7, kUser}, {G, 7, 0}, {M, 0, 0}, {O, 4, 0}}, 5, kUser, kNobody, 0, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unlink("f");
        ASSERT_OK(put_file("f", "x"));
        ASSERT_OK(chown("f", kOwner, kOwnGroup));
        ASSERT_OK(set_list("f", ACCESS, rows[i].entries, rows[i].count));
        int status;
        pid_t child = fork();
        if (child == 0) {
            if (become(rows[i].uid, rows[i].gid, rows[i].extra) < 0)
                _exit(90);
            int got = 0;
            for (int bit = 4; bit; bit >>= 1) {
                got |= access("f", bit) == 0 ? bit : 0;
                // The same by the call itself.
                if (bit == 4 && (closed_open("f", O_RDONLY) == 0) != ((got & 4) != 0))
                    _exit(91);
                if (bit == 2 && (closed_open("f", O_WRONLY) == 0) != ((got & 2) != 0))
                    _exit(92);
            }
            _exit(got);
        }
        status = h_wait(child);
        if (status != rows[i].granted << 8)
            note_number("row", (long)i);
        EXPECT_EQ(WEXITSTATUS(status), rows[i].granted);
    }
}

TEST(lists_of_directories) {
    NEED_ROOT();
    NEED_LISTS();
    ASSERT_OK(mkdir("d", 0700));
    ASSERT_OK(put_file("d/f", "x"));
    ASSERT_OK(SET("d", ACCESS, {U, 7, 0}, {USER, 1, OTHER_UID}, {G, 0, 0}, {M, 7, 0}, {O, 0, 0}));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_STR(file_text("d/f"), "x");
        EXPECT_ERRNO(open("d", O_RDONLY), EACCES);
        EXPECT_ERRNO(unlink("d/f"), EACCES);
    });
    ASSERT_OK(SET("d", ACCESS, {U, 7, 0}, {USER, 7, OTHER_UID}, {G, 0, 0}, {M, 7, 0}, {O, 0, 0}));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_OK(put_file("d/g", "y"));
        EXPECT_OK(unlink("d/f"));
    });
    ASSERT_OK(chmod("d", 0700)); // the mask goes, and the list with it
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(access("d/g", F_OK), EACCES);
    });
}

TEST(who_may_set_lists) {
    NEED_ROOT();
    NEED_LISTS();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(chmod("f", 0666));
    ASSERT_OK(SET("f", ACCESS, {U, 6, 0}, {USER, 6, 1}, {G, 4, 0}, {M, 6, 0}, {O, 6, 0}));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(SET("f", ACCESS, {U, 6, 0}, {G, 4, 0}, {O, 0, 0}), EPERM);
        EXPECT_ERRNO(removexattr("f", ACCESS), EPERM);
        EXPECT_STR(text_of("f", ACCESS), "u:rw- u1:rw- g:r-- m:rw- o:rw-");
        EXPECT_OK(put_file("mine", ""));
        EXPECT_OK(SET("mine", ACCESS, {U, 6, 0}, {USER, 6, 0}, {G, 4, 0}, {M, 6, 0}, {O, 6, 0}));
        EXPECT_OK(removexattr("mine", ACCESS));
    });
    // The set-group-id bit needs the group here, too.
    ASSERT_OK(put_file("s", "x"));
    ASSERT_OK(chown("s", OTHER_UID, 0));
    ASSERT_OK(chmod("s", 02755));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_OK(SET("s", ACCESS, {U, 7, 0}, {USER, 6, 0}, {G, 5, 0}, {M, 7, 0}, {O, 5, 0}));
        EXPECT_EQ(mode_of("s"), 0775);
    });
}

TEST(inheritance) {
    NEED_LISTS();
    umask(077); // a default list takes its place
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(SET("d", DEFAULT, {U, 7, 0}, {USER, 6, 1000}, {G, 5, 0}, {M, 7, 0}, {O, 4, 0}));
    EXPECT_OK(closed_open("d/f", O_WRONLY | O_CREAT));
    EXPECT_EQ(mode_of("d/f"), 0664);
    EXPECT_STR(text_of("d/f", ACCESS), "u:rw- u1000:rw- g:r-x m:rw- o:r--");
    EXPECT_STR(text_of("d/f", DEFAULT), "none");
    EXPECT_OK(mkdir("d/d", 0750));
    EXPECT_EQ(mode_of("d/d"), 0750);
    EXPECT_STR(text_of("d/d", ACCESS), "u:rwx u1000:rw- g:r-x m:r-x o:---");
    EXPECT_STR(text_of("d/d", DEFAULT), "u:rwx u1000:rw- g:r-x m:rwx o:r--");
    EXPECT_OK(mkdir("d/d/e", 0777));
    EXPECT_EQ(mode_of("d/d/e"), 0774);
    EXPECT_STR(text_of("d/d/e", DEFAULT), "u:rwx u1000:rw- g:r-x m:rwx o:r--");
    EXPECT_OK(mkfifo("d/p", 0600));
    EXPECT_EQ(mode_of("d/p"), 0600);
    EXPECT_STR(text_of("d/p", ACCESS), "u:rw- u1000:rw- g:r-x m:--- o:---");
    EXPECT_OK(symlink("f", "d/l"));
    EXPECT_EQ(mode_of("d/l"), 0777);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "d/s"};
    EXPECT_OK(bind(fd, (struct sockaddr*)&name, sizeof name));
    EXPECT_EQ(mode_of("d/s"), 0700); // bind(2) takes the umask off by itself
    close(fd);
    // A default list without names is a mode for new files.
    ASSERT_OK(SET("d", DEFAULT, {U, 7, 0}, {G, 5, 0}, {O, 0, 0}));
    EXPECT_OK(closed_open("d/g", O_WRONLY | O_CREAT));
    EXPECT_EQ(mode_of("d/g"), 0640);
    EXPECT_STR(text_of("d/g", ACCESS), "none");
    EXPECT_OK(mkdir("d/h", 0777));
    EXPECT_EQ(mode_of("d/h"), 0750);
    EXPECT_STR(text_of("d/h", DEFAULT), "u:rwx g:r-x o:---");
    // Without one the umask is back.
    ASSERT_OK(removexattr("d", DEFAULT));
    EXPECT_OK(closed_open("d/i", O_WRONLY | O_CREAT));
    EXPECT_EQ(mode_of("d/i"), 0600);
}

TEST(lists_stay_with_their_files) {
    NEED_LISTS();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(SET("f", ACCESS, {U, 6, 0}, {USER, 7, 1000}, {G, 4, 0}, {M, 7, 0}, {O, 1, 0}));
    EXPECT_OK(rename("f", "g"));
    EXPECT_OK(link("g", "h"));
    EXPECT_STR(text_of("h", ACCESS), "u:rw- u1000:rwx g:r-- m:rwx o:--x");
    EXPECT_OK(truncate("g", 0));
    int fd = open("g", O_RDWR);
    EXPECT_OK(unlink("g"));
    EXPECT_OK(unlink("h"));
    struct list list;
    EXPECT_EQ(fgetxattr(fd, ACCESS, &list, sizeof list), 44);
    close(fd);
    // Long ones.
    struct {
        unsigned version;
        struct entry entries[64];
    } many = {2, {{U, 7, 0}}};
    for (int i = 1; i <= 60; i++)
        many.entries[i] = (struct entry){USER, (unsigned short)(i % 8), 2000u + (unsigned)i};
    many.entries[61] = (struct entry){G, 4, 0};
    many.entries[62] = (struct entry){M, 7, 0};
    many.entries[63] = (struct entry){O, 0, 0};
    ASSERT_OK(put_file("m", "x"));
    EXPECT_OK(setxattr("m", ACCESS, &many, sizeof many, 0));
    EXPECT_EQ(getxattr("m", ACCESS, NULL, 0), (long)sizeof many);
    EXPECT_EQ(mode_of("m"), 0770);
}
