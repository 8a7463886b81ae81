// inotify.
#include "harness.h"

#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>

// The pending events as "MASK:name " words.
static const char* events(int fd) {
    static char text[1024];
    char buffer[4096] __attribute__((aligned(8)));
    size_t used = 0;
    text[0] = 0;
    long length = read(fd, buffer, sizeof buffer);
    for (long at = 0; at < length;) {
        struct inotify_event* event = (struct inotify_event*)(buffer + at);
        used += (size_t)snprintf(text + used, sizeof text - used, "%x:%s ", event->mask,
                                 event->len ? event->name : "");
        at += (long)(sizeof *event + event->len);
    }
    return text;
}

TEST(life_of_a_file) {
    SCRATCH();
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ASSERT_OK(fd);
    ASSERT_OK(inotify_add_watch(fd, ".", IN_ALL_EVENTS & ~(IN_ACCESS)));
    int file = open("f", O_RDWR | O_CREAT, 0600);
    EXPECT_STR(events(fd), "100:f 20:f ");
    EXPECT_EQ(write(file, "x", 1), 1);
    close(file);
    EXPECT_STR(events(fd), "2:f 8:f ");
    ASSERT_OK(chmod("f", 0644));
    EXPECT_STR(events(fd), "4:f ");
    ASSERT_OK(rename("f", "g"));
    EXPECT_STR(events(fd), "40:f 80:g ");
    ASSERT_OK(unlink("g"));
    EXPECT_STR(events(fd), "200:g ");
    ASSERT_OK(mkdir("d", 0755));
    EXPECT_STR(events(fd), "40000100:d ");
    close(fd);
}

TEST(watch_of_a_file) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    int fd = inotify_init1(IN_NONBLOCK);
    ASSERT_OK(inotify_add_watch(fd, "f", IN_MODIFY | IN_DELETE_SELF | IN_ATTRIB));
    ASSERT_OK(put_file("f", "y"));
    EXPECT_STR(events(fd), "2: ");
    ASSERT_OK(unlink("f"));
    EXPECT_STR(events(fd), "4: 400: 8000: ");
    close(fd);
}

TEST(remove_and_errors) {
    SCRATCH();
    int fd = inotify_init1(IN_NONBLOCK);
    char byte;
    int watch = inotify_add_watch(fd, ".", IN_CREATE);
    EXPECT_EQ(watch, 1);
    EXPECT_EQ(inotify_add_watch(fd, ".", IN_DELETE), 1);
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(read(fd, &byte, 1), EAGAIN);
    ASSERT_OK(unlink("f"));
    EXPECT_ERRNO(read(fd, &byte, 1), EINVAL);
    EXPECT_STR(events(fd), "200:f ");
    EXPECT_OK(inotify_rm_watch(fd, watch));
    EXPECT_STR(events(fd), "8000: ");
    EXPECT_ERRNO(inotify_rm_watch(fd, watch), EINVAL);
    EXPECT_ERRNO(inotify_add_watch(fd, "missing", IN_CREATE), ENOENT);
    EXPECT_ERRNO(inotify_add_watch(fd, ".", 0), EINVAL);
    EXPECT_ERRNO(inotify_add_watch(0, ".", IN_CREATE), EINVAL);
    EXPECT_ERRNO(inotify_init1(77777), EINVAL);
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(inotify_add_watch(fd, "f", IN_CREATE | IN_ONLYDIR), ENOTDIR);
    close(fd);
}

TEST(poll_and_oneshot) {
    SCRATCH();
    int fd = inotify_init1(0);
    ASSERT_OK(inotify_add_watch(fd, ".", IN_CREATE | IN_ONESHOT));
    struct pollfd poller = {fd, POLLIN, 0};
    EXPECT_EQ(poll(&poller, 1, 0), 0);
    ASSERT_OK(put_file("f", ""));
    ASSERT_OK(put_file("g", ""));
    EXPECT_EQ(poll(&poller, 1, 0), 1);
    EXPECT_STR(events(fd), "100:f 8000: ");
    close(fd);
}
