// inotify(7) beyond the life of a file: each event with its flags, moves, the end of watches, overflow.
#include "harness.h"

#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

static int watcher;

static const char* event_name(unsigned bit) {
    static const struct {
        unsigned bit;
        const char* name;
    } names[] = {
        {IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
        {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
        {IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
        {IN_UNMOUNT, "UNMOUNT"}, {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_IGNORED, "IGNORED"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].bit == bit)
            return names[i].name;
    return "?";
}

// What has happened since: "CREATE d f" for a directory's entry f, and so on; cookies must come in pairs.
static const char* events(void) {
    static char text[4096];
    char buffer[8192] __attribute__((aligned(8)));
    char* at = text;
    *at = 0;
    unsigned cookie = 0;
    ssize_t length = read(watcher, buffer, sizeof buffer);
    for (ssize_t i = 0; i < length;) {
        const struct inotify_event* event = (const struct inotify_event*)(buffer + i);
        i += (ssize_t)(sizeof *event + event->len);
        at += sprintf(at, "%s%d:%s%s%s%s", at == text ? "" : " ", event->wd, event_name(event->mask & 0xefff),
                      event->mask & IN_ISDIR ? "(dir)" : "", event->len ? "=" : "", event->len ? event->name : "");
        if (event->mask & IN_MOVED_TO && cookie && event->cookie != cookie)
            at += sprintf(at, "(another cookie)");
        cookie = event->mask & IN_MOVED_FROM ? event->cookie : 0;
    }
    return text;
}

#define WATCHING()                                                                                            \
    SCRATCH();                                                                                                \
    watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);                                                        \
    ASSERT_OK(watcher)

TEST(directories_hear_of_entries) {
    WATCHING();
    ASSERT_OK(mkdir("d", 0755));
    EXPECT_EQ(inotify_add_watch(watcher, "d", IN_ALL_EVENTS), 1);
    EXPECT_OK(put_file("d/f", "x"));
    EXPECT_STR(events(), "1:CREATE=f 1:OPEN=f 1:MODIFY=f 1:CLOSE_WRITE=f");
    EXPECT_STR(file_text("d/f"), "x");
    EXPECT_STR(events(), "1:OPEN=f 1:ACCESS=f 1:CLOSE_NOWRITE=f");
    EXPECT_OK(mkdir("d/s", 0755));
    EXPECT_OK(symlink("f", "d/l"));
    EXPECT_OK(mkfifo("d/p", 0644));
    EXPECT_OK(link("d/f", "d/h"));
    EXPECT_STR(events(), "1:CREATE(dir)=s 1:CREATE=l 1:CREATE=p 1:CREATE=h");
    EXPECT_OK(chmod("d/f", 0600));
    EXPECT_OK(chmod("d/s", 0700));
    EXPECT_OK(utimensat(AT_FDCWD, "d/f", NULL, 0));
    EXPECT_OK(setxattr("d/f", "user.x", "1", 1, 0));
    EXPECT_OK(truncate("d/f", 0));
    EXPECT_STR(events(), "1:ATTRIB=f 1:ATTRIB(dir)=s 1:ATTRIB=f 1:MODIFY=f");
    EXPECT_OK(rename("d/f", "d/g"));
    EXPECT_OK(rename("d/g", "out"));
    EXPECT_STR(events(), "1:MOVED_FROM=f 1:MOVED_TO=g 1:MOVED_FROM=g");
    EXPECT_OK(rename("out", "d/in"));
    EXPECT_STR(events(), "1:MOVED_TO=in");
    EXPECT_OK(unlink("d/h"));
    EXPECT_OK(rmdir("d/s"));
    EXPECT_STR(events(), "1:DELETE=h 1:DELETE(dir)=s");
    close(watcher);
}

TEST(objects_hear_of_themselves) {
    WATCHING();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(mkdir("d", 0755));
    EXPECT_EQ(inotify_add_watch(watcher, "f", IN_ALL_EVENTS), 1);
    EXPECT_EQ(inotify_add_watch(watcher, "d", IN_ALL_EVENTS), 2);
    EXPECT_OK(rename("f", "d/g"));
    EXPECT_STR(events(), "2:MOVED_TO=g 1:MOVE_SELF");
    EXPECT_OK(rename("d", "e"));
    EXPECT_STR(events(), "2:MOVE_SELF");
    int fd = open("e/g", O_RDWR);
    EXPECT_STR(events(), "2:OPEN=g 1:OPEN");
    EXPECT_OK(unlink("e/g"));
    EXPECT_STR(events(), "1:ATTRIB 2:DELETE=g");
    EXPECT_EQ(write(fd, "y", 1), 1);
    EXPECT_STR(events(), "2:MODIFY=g 1:MODIFY");
    close(fd);
    EXPECT_STR(events(), "2:CLOSE_WRITE=g 1:CLOSE_WRITE 1:DELETE_SELF 1:IGNORED");
    EXPECT_OK(rmdir("e"));
    EXPECT_STR(events(), "2:DELETE_SELF 2:IGNORED");
    EXPECT_ERRNO(inotify_rm_watch(watcher, 1), EINVAL);
    close(watcher);
}

TEST(masks_and_flags) {
    WATCHING();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(symlink("f", "l"));
    EXPECT_ERRNO(inotify_add_watch(watcher, "f", 0), EINVAL);
    EXPECT_ERRNO(inotify_add_watch(watcher, "f", IN_ATTRIB | IN_ONLYDIR), ENOTDIR);
    EXPECT_EQ(inotify_add_watch(watcher, "f", IN_ATTRIB), 1);
    EXPECT_ERRNO(inotify_add_watch(watcher, "f", IN_OPEN | IN_MASK_CREATE), EEXIST);
    EXPECT_EQ(inotify_add_watch(watcher, "f", IN_OPEN | IN_MASK_ADD), 1);
    EXPECT_OK(chmod("f", 0600));
    close(open("f", O_RDONLY));
    EXPECT_STR(events(), "1:ATTRIB 1:OPEN");
    EXPECT_EQ(inotify_add_watch(watcher, "f", IN_CLOSE_NOWRITE), 1); // in place of what was
    EXPECT_OK(chmod("f", 0644));
    close(open("f", O_RDONLY));
    EXPECT_STR(events(), "1:CLOSE_NOWRITE");
    EXPECT_EQ(inotify_add_watch(watcher, "l", IN_ALL_EVENTS | IN_DONT_FOLLOW), 2);
    EXPECT_OK(rename("l", "m"));
    EXPECT_STR(events(), "2:MOVE_SELF");
    EXPECT_EQ(inotify_add_watch(watcher, "d", IN_CREATE | IN_ONESHOT), 3);
    EXPECT_OK(put_file("d/1", ""));
    EXPECT_OK(put_file("d/2", ""));
    EXPECT_STR(events(), "3:CREATE=1 3:IGNORED");
    EXPECT_EQ(inotify_add_watch(watcher, "d", IN_MODIFY | IN_EXCL_UNLINK), 4);
    int fd = open("d/1", O_WRONLY);
    EXPECT_EQ(write(fd, "a", 1), 1);
    EXPECT_OK(unlink("d/1"));
    EXPECT_EQ(write(fd, "b", 1), 1);
    close(fd);
    EXPECT_STR(events(), "4:MODIFY=1");
    EXPECT_OK(inotify_rm_watch(watcher, 4));
    EXPECT_STR(events(), "4:IGNORED");
    close(watcher);
}

TEST(equal_events_come_once) {
    WATCHING();
    ASSERT_OK(put_file("f", ""));
    EXPECT_EQ(inotify_add_watch(watcher, "f", IN_MODIFY | IN_ATTRIB), 1);
    int fd = open("f", O_WRONLY);
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(write(fd, "x", 1), 1);
    EXPECT_OK(fchmod(fd, 0600));
    EXPECT_EQ(write(fd, "x", 1), 1);
    EXPECT_STR(events(), "1:MODIFY 1:ATTRIB 1:MODIFY");
    close(fd);
    close(watcher);
}

TEST(the_queue_overflows) {
    WATCHING();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/a", "x"));
    ASSERT_OK(put_file("d/b", "x"));
    EXPECT_EQ(inotify_add_watch(watcher, "d", IN_CREATE | IN_MODIFY), 1);
    const int files[] = {open("d/a", O_WRONLY), open("d/b", O_WRONLY)};
    const long limit = atol(file_text("/proc/sys/fs/inotify/max_queued_events"));
    ASSERT_GE(limit, 100);
    for (long i = 0; i < limit + 20; i++)
        EXPECT_EQ(pwrite(files[i % 2], "y", 1, 0), 1); // in turn: equal events come once
    char buffer[65536] __attribute__((aligned(8)));
    long count = 0;
    int overflows = 0;
    ssize_t length;
    while ((length = read(watcher, buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < length;) {
            const struct inotify_event* event = (const struct inotify_event*)(buffer + i);
            i += (ssize_t)(sizeof *event + event->len);
            count++;
            if (event->mask == IN_Q_OVERFLOW) {
                overflows++;
                EXPECT_EQ(event->wd, -1);
            }
        }
    EXPECT_EQ(overflows, 1);
    EXPECT_EQ(count, limit + 1);
    // And it goes on.
    EXPECT_OK(put_file("d/g", ""));
    EXPECT_STR(events(), "1:CREATE=g");
    close(files[0]);
    close(files[1]);
    close(watcher);
}

TEST(umount_ends_watches) {
    NEED_ROOT();
    WATCHING();
    ASSERT_OK(mkdir("m", 0755));
    IN_CHILD({
        if (unshare(CLONE_NEWNS) == 0)
            EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
        EXPECT_OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
        EXPECT_OK(put_file("m/f", ""));
        EXPECT_EQ(inotify_add_watch(watcher, "m/f", IN_ALL_EVENTS), 1);
        EXPECT_OK(umount("m"));
        EXPECT_STR(events(), "1:UNMOUNT 1:IGNORED");
    });
    close(watcher);
}

TEST(replaced_files_hear_of_their_end) {
    WATCHING();
    ASSERT_OK(put_file("old", "1"));
    ASSERT_OK(put_file("new", "2"));
    EXPECT_EQ(inotify_add_watch(watcher, "old", IN_ALL_EVENTS), 1);
    EXPECT_EQ(inotify_add_watch(watcher, "new", IN_ALL_EVENTS), 2);
    EXPECT_OK(rename("new", "old"));
    EXPECT_STR(events(), "1:ATTRIB 2:MOVE_SELF 1:DELETE_SELF 1:IGNORED");
    EXPECT_OK(unlink("old"));
    EXPECT_STR(events(), "2:ATTRIB 2:DELETE_SELF 2:IGNORED");
    close(watcher);
}
