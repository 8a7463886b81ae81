// What /proc says of mounts, field by field: proc_pid_mounts(5), proc_pid_mountinfo(5).
#include "harness.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

// One line of mountinfo, taken apart.
struct entry {
    int id, parent;
    unsigned major, minor;
    char root[256], point[512], options[256], type[64], source[256], super_options[256];
};

static bool parse(char* line, struct entry* out) {
    char* separator = strstr(line, " - ");
    if (!separator)
        return false;
    *separator = 0;
    return sscanf(line, "%d %d %u:%u %255s %511s %255s", &out->id, &out->parent, &out->major, &out->minor, out->root,
                  out->point, out->options) == 7 &&
           sscanf(separator + 3, "%63s %255s %255s", out->type, out->source, out->super_options) == 3;
}

// The last entry whose mount point ends with `end`, or whose id is `id`.
static bool find(const char* end, int id, struct entry* out) {
    FILE* file = fopen("/proc/self/mountinfo", "r");
    static char line[4096];
    bool found = false;
    struct entry one;
    while (file && fgets(line, sizeof line, file)) {
        if (!parse(line, &one))
            continue;
        const size_t length = end ? strlen(end) : 0;
        const size_t whole = strlen(one.point);
        if (end ? whole >= length && strcmp(one.point + whole - length, end) == 0 : one.id == id) {
            *out = one;
            found = true;
        }
    }
    if (file)
        fclose(file);
    return found;
}

static bool has_option(const char* options, const char* wanted) {
    const size_t length = strlen(wanted);
    for (const char* at = options; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, wanted, length) == 0 && (at[length] == ',' || at[length] == 0))
            return true;
    return false;
}

#define WITH_MOUNTS(...)                                                                                      \
    NEED_ROOT();                                                                                              \
    SCRATCH();                                                                                                \
    IN_CHILD({                                                                                                \
        if (unshare(CLONE_NEWNS) == 0)                                                                        \
            EXPECT_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));                                   \
        __VA_ARGS__;                                                                                          \
    })

TEST(escapes) {
    WITH_MOUNTS({
        struct entry entry;
        EXPECT_OK(mkdir("a b\tc\nd\\e#f", 0755));
        EXPECT_OK(mount("so urce\\x\t", "a b\tc\nd\\e#f", "tmpfs", 0, NULL));
        EXPECT_TRUE(find("/a\\040b\\011c\\012d\\134e#f", 0, &entry) || find("/a\\040b\\011c\\012d\\134e\\043f", 0, &entry));
        EXPECT_TRUE(strcmp(entry.source, "so\\040urce\\134x\\011") == 0);
        EXPECT_TRUE(strcmp(entry.type, "tmpfs") == 0);
        EXPECT_TRUE(strstr(file_text("/proc/self/mounts"), "so\\040urce\\134x\\011 ") != NULL);
        EXPECT_OK(umount("a b\tc\nd\\e#f"));
        EXPECT_TRUE(strstr(file_text("/proc/self/mounts"), "so\\040urce") == NULL);
    });
}

TEST(ids_and_devices) {
    WITH_MOUNTS({
        struct entry outer;
        struct entry inner;
        struct entry parent;
        struct stat info;
        EXPECT_OK(mkdir("outer", 0755));
        EXPECT_OK(mount("one", "outer", "tmpfs", 0, NULL));
        EXPECT_OK(mkdir("outer/inner", 0755));
        EXPECT_OK(mount("two", "outer/inner", "tmpfs", 0, NULL));
        EXPECT_TRUE(find("/outer", 0, &outer) && find("/outer/inner", 0, &inner));
        EXPECT_TRUE(outer.id != inner.id);
        EXPECT_EQ(inner.parent, outer.id);
        EXPECT_TRUE(find(NULL, outer.parent, &parent));
        EXPECT_OK(stat("outer/inner", &info));
        EXPECT_EQ(major(info.st_dev), inner.major);
        EXPECT_EQ(minor(info.st_dev), inner.minor);
        EXPECT_TRUE(outer.minor != inner.minor || outer.major != inner.major);
        EXPECT_TRUE(strcmp(inner.root, "/") == 0);
        // A mount on top of a mount.
        EXPECT_OK(mount("three", "outer/inner", "tmpfs", 0, NULL));
        EXPECT_TRUE(find("/outer/inner", 0, &parent));
        EXPECT_EQ(parent.parent, inner.id);
        EXPECT_TRUE(strcmp(parent.source, "three") == 0);
        EXPECT_OK(umount("outer/inner"));
        EXPECT_OK(umount("outer/inner"));
        EXPECT_OK(umount("outer"));
    });
}

TEST(binds) {
    WITH_MOUNTS({
        struct entry whole;
        struct entry part;
        EXPECT_OK(mkdir("from", 0755));
        EXPECT_OK(mkdir("to", 0755));
        EXPECT_OK(mount("bound", "from", "tmpfs", 0, NULL));
        EXPECT_OK(mkdir("from/some folder", 0755));
        EXPECT_OK(mkdir("from/some folder/deep", 0755));
        EXPECT_OK(mount("from/some folder/deep", "to", NULL, MS_BIND, NULL));
        EXPECT_TRUE(find("/from", 0, &whole) && find("/to", 0, &part));
        EXPECT_TRUE(strcmp(part.root, "/some\\040folder/deep") == 0);
        EXPECT_EQ(part.minor, whole.minor);
        EXPECT_TRUE(strcmp(part.source, "bound") == 0);
        // A file may be bound too.
        EXPECT_OK(put_file("from/file", "x"));
        EXPECT_OK(put_file("place", ""));
        EXPECT_OK(mount("from/file", "place", NULL, MS_BIND, NULL));
        EXPECT_TRUE(find("/place", 0, &part));
        EXPECT_TRUE(strcmp(part.root, "/file") == 0);
        EXPECT_OK(umount("place"));
        EXPECT_OK(umount("to"));
        EXPECT_OK(umount("from"));
    });
}

TEST(options_of_mount_and_file_system) {
    WITH_MOUNTS({
        struct entry entry;
        struct entry other;
        struct statvfs info;
        EXPECT_OK(mkdir("m", 0755));
        EXPECT_OK(mkdir("b", 0755));
        EXPECT_OK(mount("x", "m", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, "size=1m,mode=700,uid=7,gid=8"));
        EXPECT_TRUE(find("/m", 0, &entry));
        EXPECT_TRUE(has_option(entry.options, "rw") && has_option(entry.options, "nosuid") &&
                    has_option(entry.options, "nodev") && has_option(entry.options, "noexec") &&
                    has_option(entry.options, "noatime") && !has_option(entry.options, "relatime"));
        EXPECT_TRUE(has_option(entry.super_options, "rw") && has_option(entry.super_options, "size=1024k") &&
                    has_option(entry.super_options, "mode=700") && has_option(entry.super_options, "uid=7") &&
                    has_option(entry.super_options, "gid=8"));
        // One mount of the two becomes read-only, then the file system.
        EXPECT_OK(mount("m", "b", NULL, MS_BIND, NULL));
        EXPECT_OK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
        EXPECT_TRUE(find("/b", 0, &other) && find("/m", 0, &entry));
        EXPECT_TRUE(has_option(other.options, "ro") && has_option(other.super_options, "rw"));
        EXPECT_TRUE(has_option(entry.options, "rw"));
        EXPECT_OK(statvfs("b", &info));
        EXPECT_TRUE((info.f_flag & ST_RDONLY) != 0);
        EXPECT_OK(statvfs("m", &info));
        EXPECT_TRUE((info.f_flag & ST_RDONLY) == 0 && (info.f_flag & ST_NOSUID) != 0 && (info.f_flag & ST_NOATIME) != 0);
        EXPECT_OK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND, NULL));
        EXPECT_OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
        EXPECT_TRUE(find("/b", 0, &other) && find("/m", 0, &entry));
        EXPECT_TRUE(has_option(entry.options, "ro") && has_option(entry.super_options, "ro"));
        EXPECT_TRUE(has_option(other.options, "rw") && has_option(other.super_options, "ro"));
        EXPECT_ERRNO(mkdir("b/d", 0755), EROFS);
        EXPECT_OK(umount("b"));
        EXPECT_OK(umount("m"));
    });
}
