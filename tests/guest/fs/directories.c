// getdents64, telldir, seekdir, deletion while reading.
#include "harness.h"

#include <dirent.h>
#include <stdio.h>

static void make_files(int count) {
    char name[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "file%03d", i);
        close(open(name, O_WRONLY | O_CREAT, 0600));
    }
}

TEST(every_name_once) {
    SCRATCH();
    static int seen[200];
    memset(seen, 0, sizeof seen);
    make_files(200);
    DIR* directory = opendir(".");
    ASSERT_TRUE(directory != NULL);
    int dots = 0, others = 0;
    struct dirent* entry;
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            dots++;
        else if (strncmp(entry->d_name, "file", 4) == 0)
            seen[atoi(entry->d_name + 4)]++;
        else
            others++;
    }
    closedir(directory);
    EXPECT_EQ(dots, 2);
    EXPECT_EQ(others, 0);
    for (int i = 0; i < 200; i++)
        EXPECT_EQ(seen[i], 1);
}

TEST(entry_types_and_inodes) {
    SCRATCH();
    struct stat info;
    ASSERT_OK(put_file("f", ""));
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(symlink("x", "l"));
    ASSERT_OK(mkfifo("p", 0600));
    DIR* directory = opendir(".");
    struct dirent* entry;
    while ((entry = readdir(directory))) {
        int want = -1;
        switch (entry->d_name[0]) {
        case 'f':
            want = DT_REG;
            break;
        case 'd':
            want = DT_DIR;
            break;
        case 'l':
            want = DT_LNK;
            break;
        case 'p':
            want = DT_FIFO;
            break;
        case '.':
            want = DT_DIR;
            break;
        }
        if (entry->d_type != DT_UNKNOWN)
            EXPECT_EQ(entry->d_type, want);
        if (strcmp(entry->d_name, "..") != 0) {
            EXPECT_OK(lstat(entry->d_name, &info));
            EXPECT_EQ(entry->d_ino, info.st_ino);
        }
    }
    closedir(directory);
}

TEST(raw_calls) {
    SCRATCH();
    char buffer[1024];
    make_files(3);
    int fd = open(".", O_RDONLY | O_DIRECTORY), file = open("file000", O_RDONLY);
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, buffer, 10), EINVAL);
    EXPECT_ERRNO(syscall(SYS_getdents64, file, buffer, sizeof buffer), ENOTDIR);
    EXPECT_ERRNO(syscall(SYS_getdents64, -1, buffer, sizeof buffer), EBADF);
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, 8, 1024), EFAULT);
    long length = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    EXPECT_EQ(length, 2 * 24 + 3 * 32);
    EXPECT_EQ(syscall(SYS_getdents64, fd, buffer, sizeof buffer), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(syscall(SYS_getdents64, fd, buffer, sizeof buffer), length);
    // The old call has another layout.
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_GT(syscall(SYS_getdents, fd, buffer, sizeof buffer), 0);
    close(fd), close(file);
}

TEST(small_buffers) {
    SCRATCH();
    char buffer[40];
    int count = 0;
    make_files(20);
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    while (syscall(SYS_getdents64, fd, buffer, sizeof buffer) > 0)
        count++;
    EXPECT_EQ(count, 22);
    close(fd);
}

TEST(telldir_seekdir_rewinddir) {
    SCRATCH();
    char name[64];
    make_files(50);
    DIR* directory = opendir(".");
    for (int i = 0; i < 20; i++)
        EXPECT_TRUE(readdir(directory) != NULL);
    long at = telldir(directory);
    struct dirent* entry = readdir(directory);
    ASSERT_TRUE(entry != NULL);
    strcpy(name, entry->d_name);
    while (readdir(directory))
        ;
    seekdir(directory, at);
    entry = readdir(directory);
    EXPECT_TRUE(entry && strcmp(entry->d_name, name) == 0);
    rewinddir(directory);
    int count = 0;
    while (readdir(directory))
        count++;
    EXPECT_EQ(count, 52);
    closedir(directory);
}

TEST(deletion_while_reading) {
    SCRATCH();
    make_files(150);
    DIR* directory = opendir(".");
    struct dirent* entry;
    while ((entry = readdir(directory)))
        if (entry->d_name[0] == 'f')
            EXPECT_OK(unlink(entry->d_name));
    rewinddir(directory);
    int count = 0;
    while (readdir(directory))
        count++;
    EXPECT_EQ(count, 2);
    closedir(directory);
}

TEST(creation_while_reading) {
    SCRATCH();
    make_files(50);
    static int seen[50];
    memset(seen, 0, sizeof seen);
    DIR* directory = opendir(".");
    struct dirent* entry;
    int created = 0;
    char name[32];
    while ((entry = readdir(directory))) {
        if (created < 50) {
            snprintf(name, sizeof name, "new%d", created++);
            put_file(name, "");
        }
        if (strncmp(entry->d_name, "file", 4) == 0)
            seen[atoi(entry->d_name + 4)]++;
    }
    closedir(directory);
    for (int i = 0; i < 50; i++)
        EXPECT_EQ(seen[i], 1);
}

TEST(removed_directory_reads_as_empty) {
    SCRATCH();
    char buffer[256];
    ASSERT_OK(mkdir("d", 0755));
    int fd = open("d", O_RDONLY | O_DIRECTORY);
    ASSERT_OK(rmdir("d"));
    EXPECT_ERRNO(syscall(SYS_getdents64, fd, buffer, sizeof buffer), ENOENT);
    close(fd);
}

TEST(deep_tree) {
    SCRATCH();
    // Longer in all than PATH_MAX, which only relative steps reach.
    char name[201];
    memset(name, 'd', 200);
    name[200] = 0;
    for (int i = 0; i < 25; i++) {
        ASSERT_OK(mkdir(name, 0755));
        ASSERT_OK(chdir(name));
    }
    ASSERT_OK(put_file("bottom", "deep"));
    EXPECT_STR(file_text("bottom"), "deep");
    static char path[8192];
    EXPECT_ERRNO(syscall(SYS_getcwd, path, sizeof path), ENAMETOOLONG);
    for (int i = 0; i < 25; i++)
        ASSERT_OK(chdir(".."));
    EXPECT_OK(access(name, F_OK));
}
