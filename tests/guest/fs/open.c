// open, openat, creat: flags and errors.
#include "harness.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

TEST(create_exclusive) {
    SCRATCH();
    int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT_OK(fd);
    close(fd);
    EXPECT_ERRNO(open("f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    ASSERT_OK(symlink("nowhere", "dangling"));
    EXPECT_ERRNO(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
}

TEST(lowest_descriptor) {
    int one = open("/dev/null", O_RDONLY), two = open("/dev/null", O_RDONLY);
    EXPECT_EQ(two, one + 1);
    close(one);
    EXPECT_EQ(open("/dev/null", O_RDONLY), one);
    close(one);
    close(two);
}

TEST(missing_and_not_a_directory) {
    SCRATCH();
    ASSERT_OK(put_file("f", ""));
    EXPECT_ERRNO(open("missing", O_RDONLY), ENOENT);
    EXPECT_ERRNO(open("missing/f", O_RDONLY | O_CREAT, 0600), ENOENT);
    EXPECT_ERRNO(open("", O_RDONLY), ENOENT);
    EXPECT_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(open("f/", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(open("f/.", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    EXPECT_ERRNO(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
    EXPECT_ERRNO(syscall(SYS_open, 8, O_RDONLY), EFAULT);
}

TEST(directories_cannot_be_written) {
    SCRATCH();
    EXPECT_ERRNO(open(".", O_WRONLY), EISDIR);
    EXPECT_ERRNO(open(".", O_RDWR), EISDIR);
    EXPECT_ERRNO(open(".", O_RDONLY | O_CREAT, 0600), EISDIR);
    EXPECT_ERRNO(open(".", O_RDONLY | O_TRUNC), EISDIR);
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    EXPECT_OK(fd);
    close(fd);
}

TEST(names_have_a_limit) {
    SCRATCH();
    char name[4200];
    memset(name, 'n', sizeof name);
    name[255] = 0;
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    EXPECT_OK(fd);
    close(fd);
    name[255] = 'n';
    name[256] = 0;
    EXPECT_ERRNO(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
    name[256] = 'n';
    for (int i = 1; i < 4199; i += 2)
        name[i] = '/', name[i - 1] = '.';
    name[4199] = 0;
    EXPECT_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);
    name[4095] = 0;
    fd = open(name, O_RDONLY);
    EXPECT_OK(fd);
    close(fd);
}

TEST(symlink_loops) {
    SCRATCH();
    ASSERT_OK(symlink("b", "a"));
    ASSERT_OK(symlink("a", "b"));
    EXPECT_ERRNO(open("a", O_RDONLY), ELOOP);
    EXPECT_ERRNO(open("a", O_RDWR | O_CREAT, 0600), ELOOP);
    // 40 links in a row are followed, 41 are not.
    ASSERT_OK(put_file("l0", "x"));
    char from[8] = "l0", to[8] = "l0";
    for (int i = 1; i <= 41; i++) {
        to[1] = (char)('0' + i / 10);
        to[2] = (char)('0' + i % 10);
        to[3] = 0;
        ASSERT_OK(symlink(from, to));
        strcpy(from, to);
    }
    int fd = open("l40", O_RDONLY);
    EXPECT_OK(fd);
    close(fd);
    EXPECT_ERRNO(open("l41", O_RDONLY), ELOOP);
}

TEST(nofollow) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(symlink("f", "link"));
    EXPECT_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    int fd = open("link", O_RDONLY);
    EXPECT_OK(fd);
    close(fd);
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(symlink("d", "dlink"));
    EXPECT_ERRNO(open("dlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
    fd = open("dlink/", O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
    EXPECT_OK(fd);
    close(fd);
}

TEST(create_through_a_symlink) {
    SCRATCH();
    ASSERT_OK(symlink("target", "link"));
    int fd = open("link", O_WRONLY | O_CREAT, 0644);
    EXPECT_OK(fd);
    EXPECT_EQ(write(fd, "via", 3), 3);
    close(fd);
    EXPECT_STR(file_text("target"), "via");
}

TEST(truncate_on_open) {
    SCRATCH();
    struct stat info;
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_WRONLY | O_TRUNC);
    EXPECT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_size, 0);
    close(fd);
}

TEST(path_descriptors) {
    SCRATCH();
    char byte, buffer[64] = {0};
    struct stat info;
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(symlink("f", "link"));
    int fd = open("f", O_PATH);
    ASSERT_OK(fd);
    EXPECT_ERRNO(read(fd, &byte, 1), EBADF);
    EXPECT_ERRNO(write(fd, &byte, 1), EBADF);
    EXPECT_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
    EXPECT_ERRNO(syscall(SYS_fchmod, fd, 0600), EBADF);
    EXPECT_ERRNO(ftruncate(fd, 0), EBADF);
    EXPECT_ERRNO(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), EBADF);
    EXPECT_OK(fstat(fd, &info));
    EXPECT_TRUE(S_ISREG(info.st_mode));
    EXPECT_EQ(fcntl(fd, F_GETFL) & ~0100000, O_PATH);
    int copy = dup(fd);
    EXPECT_OK(copy);
    close(copy);
    close(fd);
    fd = open("link", O_PATH | O_NOFOLLOW);
    ASSERT_OK(fd);
    EXPECT_OK(fstat(fd, &info));
    EXPECT_TRUE(S_ISLNK(info.st_mode));
    EXPECT_EQ(readlinkat(fd, "", buffer, sizeof buffer), 1);
    EXPECT_STR(buffer, "f");
    close(fd);
    fd = open(".", O_PATH | O_DIRECTORY);
    ASSERT_OK(fd);
    int inner = openat(fd, "f", O_RDONLY);
    EXPECT_OK(inner);
    close(inner);
    EXPECT_OK(fchdir(fd));
    close(fd);
}

TEST(reopen_through_proc) {
    SCRATCH();
    ASSERT_OK(put_file("f", "content"));
    int fd = open("f", O_PATH);
    struct h_text path = {0, {0}};
    h_add(&path, "/proc/self/fd/");
    h_add_number(&path, fd);
    EXPECT_STR(file_text(path.bytes), "content");
    EXPECT_OK(unlink("f"));
    EXPECT_STR(file_text(path.bytes), "content");
    close(fd);
    EXPECT_ERRNO(open(path.bytes, O_RDONLY), ENOENT);
}

TEST(unnamed_file) {
    SCRATCH();
    struct stat info;
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
        SKIP("no O_TMPFILE here");
    ASSERT_OK(fd);
    EXPECT_EQ(write(fd, "secret", 6), 6);
    EXPECT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_nlink, 0);
    struct h_text path = {0, {0}};
    h_add(&path, "/proc/self/fd/");
    h_add_number(&path, fd);
    EXPECT_OK(linkat(AT_FDCWD, path.bytes, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    EXPECT_STR(file_text("named"), "secret");
    EXPECT_OK(fstat(fd, &info));
    EXPECT_EQ(info.st_nlink, 1);
    close(fd);
    EXPECT_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    EXPECT_ERRNO(open("named", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
}

TEST(openat_relative_and_absolute) {
    SCRATCH();
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(put_file("d/f", "inner"));
    int directory = open("d", O_RDONLY);
    int fd = openat(directory, "f", O_RDONLY);
    EXPECT_OK(fd);
    close(fd);
    fd = openat(-1, "/dev/null", O_RDONLY);
    EXPECT_OK(fd);
    EXPECT_ERRNO(openat(fd, "f", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(openat(-1, "f", O_RDONLY), EBADF);
    close(fd);
    EXPECT_OK(unlink("d/f"));
    EXPECT_OK(rmdir("d"));
    EXPECT_ERRNO(openat(directory, "f", O_RDWR | O_CREAT, 0600), ENOENT);
    close(directory);
}

TEST(dot_and_dotdot) {
    SCRATCH();
    struct stat one, two;
    ASSERT_OK(mkdir("d", 0755));
    ASSERT_OK(stat(".", &one));
    ASSERT_OK(stat("d/..", &two));
    EXPECT_EQ(one.st_ino, two.st_ino);
    ASSERT_OK(stat("./d/.././/d//..", &two));
    EXPECT_EQ(one.st_ino, two.st_ino);
    ASSERT_OK(stat("/", &one));
    ASSERT_OK(stat("/../../..", &two));
    EXPECT_EQ(one.st_ino, two.st_ino);
}

TEST(permission_denied_for_another_user) {
    NEED_ROOT();
    SCRATCH();
    ASSERT_OK(put_file("secret", "x"));
    ASSERT_OK(chmod("secret", 0600));
    ASSERT_OK(mkdir("closed", 0700));
    ASSERT_OK(put_file("closed/f", "x"));
    ASSERT_OK(put_file("readable", "x"));
    ASSERT_OK(mkdir("readonly", 0755));
    IN_CHILD({
        EXPECT_OK(become_other_user());
        EXPECT_ERRNO(open("secret", O_RDONLY), EACCES);
        EXPECT_ERRNO(open("closed/f", O_RDONLY), EACCES);
        EXPECT_ERRNO(open("closed/missing", O_RDONLY), EACCES);
        EXPECT_ERRNO(open("closed", O_RDONLY), EACCES);
        EXPECT_ERRNO(open("readable", O_RDWR), EACCES);
        EXPECT_ERRNO(open("readable", O_RDONLY | O_TRUNC), EACCES);
        EXPECT_OK(open("readable", O_RDONLY));
        EXPECT_ERRNO(open("readonly/new", O_RDWR | O_CREAT, 0600), EACCES);
        EXPECT_OK(open("secret", O_PATH));
        EXPECT_OK(open("mine", O_RDWR | O_CREAT | O_EXCL, 0000));
        EXPECT_ERRNO(open("mine", O_RDONLY), EACCES);
        EXPECT_ERRNO(open("readable", O_RDONLY | O_NOATIME), EPERM);
    });
}

TEST(own_file_without_rights) {
    if (geteuid() == 0)
        SKIP("needs an ordinary user");
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    ASSERT_OK(chmod("f", 0));
    EXPECT_ERRNO(open("f", O_RDONLY), EACCES);
    ASSERT_OK(chmod("f", 0077));
    EXPECT_ERRNO(open("f", O_RDONLY), EACCES);
}

TEST(descriptor_limit) {
    struct rlimit old, low;
    ASSERT_OK(getrlimit(RLIMIT_NOFILE, &old));
    low = old;
    low.rlim_cur = 12;
    ASSERT_OK(setrlimit(RLIMIT_NOFILE, &low));
    int fds[32], count = 0, fd;
    while (count < 32 && (fd = open("/dev/null", O_RDONLY)) >= 0)
        fds[count++] = fd;
    EXPECT_EQ(errno, EMFILE);
    EXPECT_EQ(fds[count - 1], 11);
    EXPECT_ERRNO(dup(fds[0]), EMFILE);
    EXPECT_ERRNO(dup2(fds[0], 12), EBADF);
    EXPECT_ERRNO(fcntl(fds[0], F_DUPFD, 12), EINVAL);
    while (count)
        close(fds[--count]);
    EXPECT_OK(setrlimit(RLIMIT_NOFILE, &old));
}

TEST(running_program_cannot_be_written) {
    if (access("/proc/self/exe", W_OK) < 0 && errno != ETXTBSY)
        SKIP("needs a program file that could be written");
    EXPECT_ERRNO(open("/proc/self/exe", O_WRONLY), ETXTBSY);
}

TEST(sockets_cannot_be_opened) {
    SCRATCH();
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "sock"};
    ASSERT_OK(bind(fd, (struct sockaddr*)&name, sizeof name));
    EXPECT_ERRNO(open("sock", O_RDWR), ENXIO);
    close(fd);
}

TEST(invalid_flags) {
    SCRATCH();
    ASSERT_OK(put_file("f", "x"));
    // Unknown flag bits are ignored by open.
    int fd = open("f", O_RDONLY | 0x20000000);
    EXPECT_OK(fd);
    close(fd);
    // Access mode 3: neither read nor write, but ioctl.
    char byte;
    fd = open("f", 3);
    EXPECT_OK(fd);
    EXPECT_ERRNO(read(fd, &byte, 1), EBADF);
    EXPECT_ERRNO(write(fd, &byte, 1), EBADF);
    close(fd);
}
