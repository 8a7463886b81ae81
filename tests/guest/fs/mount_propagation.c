// Shared subtrees: mount_namespaces(7), and what mountinfo says of them.
#include "harness.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>

// In a child with mounts of its own; "base" is a private tmpfs with the directories a, b and c.
#define WITH_BASE(...)                                                                                        \
    NEED_ROOT();                                                                                              \
    SCRATCH();                                                                                                \
    ASSERT_OK(mkdir("base", 0755));                                                                           \
    IN_CHILD({                                                                                                \
        if (unshare(CLONE_NEWNS) == 0)                                                                        \
            EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));                                   \
        EXPECT_OK(mount("base", "base", "tmpfs", 0, NULL));                                                   \
        EXPECT_OK(chdir("base"));                                                                             \
        EXPECT_OK(mkdir("a", 0755));                                                                          \
        EXPECT_OK(mkdir("b", 0755));                                                                          \
        EXPECT_OK(mkdir("c", 0755));                                                                          \
        __VA_ARGS__;                                                                                          \
        EXPECT_OK(chdir(".."));                                                                               \
        EXPECT_OK(umount2("base", MNT_DETACH));                                                               \
    })

// Of the last mount at a place below "base".
struct state {
    bool is_mounted, is_unbindable;
    int shared, master; // 0: none
    char source[64];
    int count; // mounts there
};

static struct state state_of(const char* place) {
    struct state found = {0};
    char wanted[64];
    static char text[65536];
    char* save = NULL;
    snprintf(wanted, sizeof wanted, "/base/%s ", place);
    strcpy(text, file_text("/proc/self/mountinfo"));
    for (char* line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char* end = strstr(line, " - ");
        char* at = strstr(line, wanted);
        const char* field;
        if (!end || !at || at > end)
            continue;
        const int count = found.count + 1;
        memset(&found, 0, sizeof found);
        found.count = count;
        found.is_mounted = true;
        if ((field = strstr(line, " shared:")) && field < end)
            found.shared = atoi(field + 8);
        if ((field = strstr(line, " master:")) && field < end)
            found.master = atoi(field + 8);
        found.is_unbindable = (field = strstr(line, " unbindable")) && field < end;
        sscanf(end + 3, "%*s %63s", found.source);
    }
    return found;
}

#define BIND(from, to) EXPECT_OK(mount(from, to, NULL, MS_BIND, NULL))
#define MAKE(place, kind) EXPECT_OK(mount(NULL, place, NULL, kind, NULL))
#define NEW(source, place) EXPECT_OK(mount(source, place, "tmpfs", 0, NULL))
#define EXPECT_MOUNTED(place) EXPECT_TRUE(state_of(place).is_mounted)
#define EXPECT_NOT_MOUNTED(place) EXPECT_TRUE(!state_of(place).is_mounted)

TEST(kinds_in_mountinfo) {
    WITH_BASE({
        NEW("one", "a");
        EXPECT_TRUE(state_of("a").shared == 0 && state_of("a").master == 0);
        MAKE("a", MS_SHARED);
        const int group = state_of("a").shared;
        EXPECT_TRUE(group > 0);
        MAKE("a", MS_SHARED);
        EXPECT_EQ(state_of("a").shared, group);
        // A copy is a peer; as a slave it is in no group but has that one as its master.
        BIND("a", "b");
        EXPECT_EQ(state_of("b").shared, group);
        MAKE("b", MS_SLAVE);
        EXPECT_TRUE(state_of("b").shared == 0 && state_of("b").master == group);
        MAKE("b", MS_SHARED);
        EXPECT_TRUE(state_of("b").shared > 0 && state_of("b").shared != group && state_of("b").master == group);
        // Alone in its group it keeps its master.
        MAKE("b", MS_SLAVE);
        EXPECT_TRUE(state_of("b").shared == 0 && state_of("b").master == group);
        MAKE("b", MS_PRIVATE);
        EXPECT_TRUE(state_of("b").shared == 0 && state_of("b").master == 0);
        // One without peers has nobody to be slave of.
        MAKE("a", MS_SLAVE);
        EXPECT_TRUE(state_of("a").shared == 0 && state_of("a").master == 0);
        MAKE("a", MS_UNBINDABLE);
        EXPECT_TRUE(state_of("a").is_unbindable);
        MAKE("a", MS_SLAVE);
        EXPECT_TRUE(state_of("a").is_unbindable);
        MAKE("a", MS_PRIVATE);
        EXPECT_TRUE(!state_of("a").is_unbindable);
    });
}

// A reader whose root hides the immediate master is told of the next one that it can see.
TEST(masters_that_cannot_be_seen) {
    WITH_BASE({
        EXPECT_OK(mkdir("c/a", 0755));
        EXPECT_OK(mkdir("c/slave", 0755));
        EXPECT_OK(mkdir("c/proc", 0755));
        BIND("/proc", "c/proc");
        NEW("one", "c/a");
        MAKE("c/a", MS_SHARED);
        BIND("c/a", "b");
        MAKE("b", MS_SLAVE);
        MAKE("b", MS_SHARED);
        BIND("b", "c/slave");
        MAKE("c/slave", MS_SLAVE);
        const int group = state_of("c/a").shared;
        const int middle = state_of("b").shared;
        EXPECT_EQ(state_of("b").master, group);
        EXPECT_EQ(state_of("c/slave").master, middle);
        EXPECT_TRUE(!strstr(file_text("/proc/self/mountinfo"), "propagate_from"));
        IN_CHILD({
            char wanted[64];
            snprintf(wanted, sizeof wanted, " master:%d propagate_from:%d - ", middle, group);
            EXPECT_OK(chroot("c"));
            EXPECT_OK(chdir("/"));
            EXPECT_TRUE(strstr(file_text("/proc/self/mountinfo"), wanted));
            EXPECT_OK(umount2("a", MNT_DETACH));
            EXPECT_TRUE(!strstr(file_text("/proc/self/mountinfo"), "propagate_from"));
        });
    });
}

TEST(arguments) {
    WITH_BASE({
        EXPECT_ERRNO(mount(NULL, "a", NULL, MS_SHARED, NULL), EINVAL); // no mount point
        NEW("one", "a");
        EXPECT_ERRNO(mount(NULL, "a", NULL, MS_SHARED | MS_SLAVE, NULL), EINVAL);
        EXPECT_ERRNO(mount(NULL, "a", NULL, MS_SHARED | MS_NOEXEC, NULL), EINVAL);
        EXPECT_OK(mount(NULL, "a", NULL, MS_SHARED | MS_SILENT, NULL));
        EXPECT_OK(mkdir("a/in", 0755));
        NEW("two", "a/in");
        MAKE("a", MS_PRIVATE);
        EXPECT_TRUE(state_of("a").shared == 0 && state_of("a/in").shared > 0);
        MAKE("a", MS_SHARED | MS_REC);
        EXPECT_TRUE(state_of("a").shared > 0 && state_of("a/in").shared > 0);
        MAKE("a", MS_PRIVATE | MS_REC);
        EXPECT_TRUE(state_of("a").shared == 0 && state_of("a/in").shared == 0);
    });
}

TEST(peers_share_mounts) {
    WITH_BASE({
        NEW("one", "a");
        MAKE("a", MS_SHARED);
        BIND("a", "b");
        EXPECT_OK(mkdir("a/in", 0755));
        NEW("two", "b/in");
        EXPECT_MOUNTED("a/in");
        EXPECT_TRUE(state_of("a/in").shared > 0 && state_of("a/in").shared == state_of("b/in").shared);
        EXPECT_OK(put_file("a/in/file", "x"));
        EXPECT_OK(access("b/in/file", F_OK));
        // What is mounted on the one is on the other as well, and so on below.
        EXPECT_OK(mkdir("a/in/deep", 0755));
        NEW("three", "a/in/deep");
        EXPECT_MOUNTED("b/in/deep");
        EXPECT_OK(umount("b/in/deep"));
        EXPECT_NOT_MOUNTED("a/in/deep");
        EXPECT_OK(umount("a/in"));
        EXPECT_NOT_MOUNTED("b/in");
        // A mount that is used at the other place is in use.
        NEW("four", "a/in");
        const int fd = open("b/in", O_RDONLY);
        EXPECT_ERRNO(umount("a/in"), EBUSY);
        EXPECT_MOUNTED("b/in");
        close(fd);
        EXPECT_OK(umount("a/in"));
        EXPECT_NOT_MOUNTED("b/in");
    });
}

TEST(slaves_only_receive) {
    WITH_BASE({
        NEW("one", "a");
        MAKE("a", MS_SHARED);
        BIND("a", "b");
        MAKE("b", MS_SLAVE);
        EXPECT_OK(mkdir("a/down", 0755));
        EXPECT_OK(mkdir("a/up", 0755));
        NEW("two", "a/down");
        EXPECT_MOUNTED("b/down");
        EXPECT_TRUE(state_of("b/down").shared == 0 && state_of("b/down").master == state_of("a/down").shared);
        NEW("three", "b/up");
        EXPECT_NOT_MOUNTED("a/up");
        EXPECT_TRUE(state_of("b/up").shared == 0 && state_of("b/up").master == 0);
        EXPECT_OK(umount("b/down"));
        EXPECT_MOUNTED("a/down");
        EXPECT_OK(umount("a/down"));
        // A private copy gets nothing.
        BIND("a", "c");
        MAKE("c", MS_PRIVATE);
        NEW("four", "a/down");
        EXPECT_MOUNTED("b/down");
        EXPECT_NOT_MOUNTED("c/down");
        EXPECT_OK(umount("a/down"));
        EXPECT_NOT_MOUNTED("b/down");
    });
}

TEST(chains_of_slaves) {
    WITH_BASE({
        NEW("one", "a");
        MAKE("a", MS_SHARED);
        BIND("a", "b");
        MAKE("b", MS_SLAVE);
        MAKE("b", MS_SHARED);
        BIND("b", "c");
        EXPECT_TRUE(state_of("c").shared == state_of("b").shared && state_of("c").master == state_of("a").shared);
        MAKE("c", MS_SLAVE);
        EXPECT_EQ(state_of("c").master, state_of("b").shared);
        EXPECT_OK(mkdir("a/in", 0755));
        NEW("two", "a/in");
        const struct state top = state_of("a/in");
        const struct state middle = state_of("b/in");
        const struct state bottom = state_of("c/in");
        EXPECT_TRUE(middle.is_mounted && middle.master == top.shared && middle.shared > 0 && middle.shared != top.shared);
        EXPECT_TRUE(bottom.is_mounted && bottom.master == middle.shared && bottom.shared == 0);
        EXPECT_OK(umount("a/in"));
        EXPECT_TRUE(!state_of("b/in").is_mounted && !state_of("c/in").is_mounted);
        // Without the middle one, its slave is the first one's.
        MAKE("b", MS_PRIVATE);
        EXPECT_EQ(state_of("c").master, state_of("a").shared);
        // And without that, nobody's.
        EXPECT_OK(umount("a"));
        EXPECT_EQ(state_of("c").master, 0);
    });
}

TEST(only_what_can_be_seen) {
    WITH_BASE({
        NEW("one", "a");
        MAKE("a", MS_SHARED);
        EXPECT_OK(mkdir("a/part", 0755));
        EXPECT_OK(mkdir("a/part/in", 0755));
        EXPECT_OK(mkdir("a/other", 0755));
        BIND("a/part", "b");
        NEW("two", "a/other");
        NEW("three", "a/part/in");
        EXPECT_MOUNTED("b/in");
        EXPECT_EQ(state_of("b/in").count, 1);
        EXPECT_OK(umount("b/in"));
        EXPECT_NOT_MOUNTED("a/part/in");
        EXPECT_MOUNTED("a/other");
    });
}

TEST(trees_with_mounts) {
    WITH_BASE({
        NEW("one", "a");
        MAKE("a", MS_SHARED);
        BIND("a", "b");
        EXPECT_OK(mkdir("a/in", 0755));
        NEW("tree", "c");
        EXPECT_OK(mkdir("c/deep", 0755));
        NEW("leaf", "c/deep");
        EXPECT_OK(mount("c", "a/in", NULL, MS_BIND | MS_REC, NULL));
        EXPECT_MOUNTED("b/in/deep");
        EXPECT_TRUE(state_of("b/in/deep").shared == state_of("a/in/deep").shared && state_of("a/in/deep").shared > 0);
        EXPECT_EQ(state_of("c").shared, 0); // the original is as it was
        EXPECT_ERRNO(umount("a/in"), EBUSY);
        EXPECT_OK(umount2("a/in", MNT_DETACH));
        EXPECT_TRUE(!state_of("b/in").is_mounted && !state_of("b/in/deep").is_mounted);
        EXPECT_TRUE(!state_of("a/in").is_mounted && !state_of("a/in/deep").is_mounted);
        EXPECT_MOUNTED("c/deep");
    });
}

TEST(moves) {
    WITH_BASE({
        NEW("one", "a");
        MAKE("a", MS_SHARED);
        BIND("a", "b");
        EXPECT_OK(mkdir("a/in", 0755));
        NEW("moved", "c");
        EXPECT_OK(mount("c", "a/in", NULL, MS_MOVE, NULL));
        EXPECT_NOT_MOUNTED("c");
        EXPECT_TRUE(state_of("b/in").is_mounted && state_of("b/in").shared == state_of("a/in").shared);
        // Out of a shared mount it would have to go from the others, too.
        EXPECT_ERRNO(mount("a/in", "c", NULL, MS_MOVE, NULL), EINVAL);
        EXPECT_OK(umount("b/in"));
        NEW("odd", "c");
        MAKE("c", MS_UNBINDABLE);
        EXPECT_ERRNO(mount("c", "a/in", NULL, MS_MOVE, NULL), EINVAL);
        EXPECT_ERRNO(mount("c", "a/in", NULL, MS_BIND, NULL), EINVAL);
        EXPECT_MOUNTED("c");
    });
}

TEST(unbindable_parts_are_left_out) {
    WITH_BASE({
        NEW("one", "a");
        EXPECT_OK(mkdir("a/no", 0755));
        EXPECT_OK(mkdir("a/yes", 0755));
        NEW("no", "a/no");
        EXPECT_OK(mkdir("a/no/below", 0755));
        NEW("below", "a/no/below");
        NEW("yes", "a/yes");
        MAKE("a/no", MS_UNBINDABLE);
        EXPECT_OK(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
        EXPECT_TRUE(state_of("b/yes").is_mounted && !state_of("b/no").is_mounted && !state_of("b/no/below").is_mounted);
    });
}

// What is mounted at the other place already stays on top.
TEST(covered_copies) {
    WITH_BASE({
        NEW("one", "a");
        MAKE("a", MS_SHARED);
        BIND("a", "b");
        MAKE("b", MS_SLAVE);
        EXPECT_OK(mkdir("a/in", 0755));
        NEW("own", "b/in");
        EXPECT_OK(put_file("b/in/own", "x"));
        NEW("common", "a/in");
        EXPECT_EQ(state_of("b/in").count, 2);
        EXPECT_OK(access("b/in/own", F_OK));
        EXPECT_OK(umount("b/in"));
        EXPECT_TRUE(strcmp(state_of("b/in").source, "common") == 0);
        EXPECT_ERRNO(access("b/in/own", F_OK), ENOENT);
    });
}
