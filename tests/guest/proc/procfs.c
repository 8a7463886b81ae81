// /proc as programs use it.
#include "harness.h"

#include <dirent.h>
#include <elf.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

TEST(self_links) {
    char buffer[PATH_MAX] = {0}, number[16];
    snprintf(number, sizeof number, "%d", getpid());
    EXPECT_EQ(readlink("/proc/self", buffer, sizeof buffer), (long)strlen(number));
    EXPECT_STR(buffer, number);
    memset(buffer, 0, sizeof buffer);
    EXPECT_GT(readlink("/proc/self/exe", buffer, sizeof buffer), 0);
    if (h_self[0] == '/' && strcmp(h_self, "/proc/self/exe") != 0)
        EXPECT_STR(strrchr(buffer, '/'), strrchr(h_self, '/'));
    memset(buffer, 0, sizeof buffer);
    EXPECT_GT(readlink("/proc/thread-self", buffer, sizeof buffer), 0);
    EXPECT_TRUE(strstr(buffer, "/task/") != NULL);
}

TEST(cwd_and_root) {
    SCRATCH();
    char buffer[PATH_MAX] = {0}, own[PATH_MAX];
    ASSERT_TRUE(getcwd(own, sizeof own) != NULL);
    EXPECT_GT(readlink("/proc/self/cwd", buffer, sizeof buffer), 0);
    EXPECT_STR(buffer, own);
    memset(buffer, 0, sizeof buffer);
    EXPECT_EQ(readlink("/proc/self/root", buffer, sizeof buffer), 1);
    EXPECT_STR(buffer, "/");
    ASSERT_OK(put_file("f", "by cwd"));
    EXPECT_STR(file_text("/proc/self/cwd/f"), "by cwd");
}

TEST(descriptors) {
    SCRATCH();
    char path[64], buffer[PATH_MAX] = {0}, want[PATH_MAX + 16];
    int fd = open("file", O_RDWR | O_CREAT, 0600), pipes[2];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    EXPECT_GT(readlink(path, buffer, sizeof buffer), 0);
    snprintf(want, sizeof want, "%s/file", h_scratch);
    EXPECT_STR(buffer, want);
    ASSERT_OK(unlink("file"));
    memset(buffer, 0, sizeof buffer);
    EXPECT_GT(readlink(path, buffer, sizeof buffer), 0);
    EXPECT_TRUE(strstr(buffer, " (deleted)") != NULL);
    ASSERT_OK(pipe(pipes));
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipes[0]);
    memset(buffer, 0, sizeof buffer);
    EXPECT_GT(readlink(path, buffer, sizeof buffer), 0);
    EXPECT_EQ(strncmp(buffer, "pipe:[", 6), 0);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    lseek(fd, 123, SEEK_SET);
    EXPECT_EQ(strncmp(file_text(path), "pos:\t123\nflags:\t", 16), 0);
    DIR* directory = opendir("/proc/self/fd");
    int found = 0;
    struct dirent* entry;
    while ((entry = readdir(directory)))
        found += atoi(entry->d_name) == fd || atoi(entry->d_name) == pipes[1];
    EXPECT_EQ(found, 2);
    closedir(directory);
    close(fd), close(pipes[0]), close(pipes[1]);
    EXPECT_ERRNO(readlink("/proc/self/fd/999", buffer, sizeof buffer), ENOENT);
}

TEST(maps) {
    char* at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(at + 4096, 4096, PROT_READ);
    char want[64];
    const char* text = file_text("/proc/self/maps");
    snprintf(want, sizeof want, "%lx-%lx r--p 00000000 00:00 0", (long)at + 4096, (long)at + 8192);
    EXPECT_TRUE(strstr(text, want) != NULL);
    EXPECT_TRUE(strstr(text, "[stack]") != NULL);
    EXPECT_TRUE(strstr(text, strrchr(h_self, '/')) != NULL || strcmp(h_self, "/proc/self/exe") == 0);
    EXPECT_TRUE(strstr(text, " r-xp ") != NULL);
    munmap(at, 3 * 4096);
    EXPECT_TRUE(strstr(file_text("/proc/self/maps"), want) == NULL);
    EXPECT_TRUE(strstr(file_text("/proc/self/smaps"), "Rss:") != NULL);
}

TEST(stat_fields) {
    char name[64] = {0}, state = 0;
    int pid = 0, parent = 0, group = 0, session = 0;
    ASSERT_OK(prctl(PR_SET_NAME, "a (b) c"));
    EXPECT_EQ(sscanf(file_text("/proc/self/stat"), "%d (%7c) %c %d %d %d", &pid, name, &state, &parent,
                     &group, &session),
              6);
    EXPECT_EQ(pid, getpid());
    EXPECT_STR(name, "a (b) c");
    EXPECT_EQ(state, 'R');
    EXPECT_EQ(parent, getppid());
    EXPECT_EQ(group, getpgrp());
    EXPECT_EQ(session, getsid(0));
    int fields = 1;
    for (const char* at = strrchr(file_text("/proc/self/stat"), ')'); *at; at++)
        fields += *at == ' ';
    EXPECT_EQ(fields + 1, 52);
    unsigned long size = 0;
    EXPECT_EQ(sscanf(file_text("/proc/self/statm"), "%lu", &size), 1);
    EXPECT_GT(size, 10);
}

TEST(status_fields) {
    const char* text = file_text("/proc/self/status");
    static const char* fields[] = {"Name:\t",
                                   "\nUmask:\t",
                                   "\nState:\tR (running)",
                                   "\nTgid:\t",
                                   "\nPid:\t",
                                   "\nPPid:\t",
                                   "\nTracerPid:\t0",
                                   "\nUid:\t",
                                   "\nGid:\t",
                                   "\nGroups:\t",
                                   "\nVmPeak:\t",
                                   "\nVmSize:\t",
                                   "\nVmRSS:\t",
                                   "\nThreads:\t1\n",
                                   "\nSigQ:\t",
                                   "\nSigPnd:\t",
                                   "\nSigBlk:\t",
                                   "\nSigIgn:\t",
                                   "\nSigCgt:\t",
                                   "\nCapInh:\t",
                                   "\nCapPrm:\t",
                                   "\nCapEff:\t",
                                   "\nCapBnd:\t",
                                   "\nNoNewPrivs:\t",
                                   "\nCpus_allowed:\t",
                                   "\nvoluntary_ctxt_switches:\t"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        h_true(strstr(text, fields[i]) != NULL, fields[i] + 1, __FILE__, __LINE__);
    block_signal(SIGUSR1);
    raise(SIGUSR1);
    EXPECT_TRUE(strstr(file_text("/proc/self/status"), "ShdPnd:\t0000000000000000\n") != NULL);
    EXPECT_TRUE(strstr(file_text("/proc/self/status"), "SigPnd:\t0000000000000200\n") != NULL);
}

TEST(command_line_and_environment) {
    int fd = open("/proc/self/cmdline", O_RDONLY);
    char buffer[4096];
    long length = read(fd, buffer, sizeof buffer);
    EXPECT_GT(length, 0);
    EXPECT_EQ(buffer[length - 1], 0);
    EXPECT_TRUE(strcmp(strrchr(buffer, '/') ? strrchr(buffer, '/') : "", strrchr(h_self, '/')) == 0 ||
                strcmp(h_self, "/proc/self/exe") == 0);
    close(fd);
    fd = open("/proc/self/environ", O_RDONLY);
    EXPECT_OK(fd);
    EXPECT_GE(read(fd, buffer, sizeof buffer), 0);
    close(fd);
}

TEST(auxiliary_vector) {
    Elf64_auxv_t vector[64];
    int fd = open("/proc/self/auxv", O_RDONLY), pages = 0;
    long length = read(fd, vector, sizeof vector);
    EXPECT_GT(length, 0);
    EXPECT_EQ(length % 16, 0);
    for (long i = 0; i < length / 16; i++)
        if (vector[i].a_type == AT_PAGESZ)
            pages = (int)vector[i].a_un.a_val;
    EXPECT_EQ(pages, 4096);
    EXPECT_EQ(getauxval(AT_PAGESZ), 4096);
    EXPECT_NE(getauxval(AT_RANDOM), 0);
    EXPECT_EQ(getauxval(AT_UID), getuid());
    EXPECT_EQ(getauxval(AT_SECURE), 0);
    close(fd);
}

static void* wait_for_byte(void* fd) {
    char byte;
    prctl(PR_SET_NAME, "helper");
    long count = read((int)(long)fd, &byte, 1);
    return (void*)count;
}

TEST(threads) {
    pthread_t thread;
    int pipes[2], count = 0, named = 0;
    ASSERT_OK(pipe(pipes));
    ASSERT_EQ(pthread_create(&thread, NULL, wait_for_byte, (void*)(long)pipes[0]), 0);
    sleep_ms(20);
    DIR* directory = opendir("/proc/self/task");
    ASSERT_TRUE(directory != NULL);
    struct dirent* entry;
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.') {
            char path[300];
            count++;
            snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
            named += strcmp(file_text(path), "helper\n") == 0;
        }
    closedir(directory);
    EXPECT_EQ(count, 2);
    EXPECT_EQ(named, 1);
    EXPECT_TRUE(strstr(file_text("/proc/self/status"), "\nThreads:\t2\n") != NULL);
    EXPECT_EQ(write(pipes[1], "x", 1), 1);
    pthread_join(thread, NULL);
    close(pipes[0]), close(pipes[1]);
}

TEST(processes_come_and_go) {
    char path[64];
    int pipes[2], found = 0;
    ASSERT_OK(pipe(pipes));
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    EXPECT_OK(access(path, R_OK));
    DIR* directory = opendir("/proc");
    struct dirent* entry;
    while ((entry = readdir(directory)))
        found += atoi(entry->d_name) == child;
    closedir(directory);
    EXPECT_EQ(found, 1);
    kill(child, SIGKILL);
    siginfo_t info;
    EXPECT_OK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
    EXPECT_TRUE(strstr(file_text(path), ") Z ") != NULL);
    EXPECT_KILLED(child, SIGKILL);
    EXPECT_ERRNO(access(path, R_OK), ENOENT);
    close(pipes[0]), close(pipes[1]);
}

TEST(mounts) {
    EXPECT_TRUE(strstr(file_text("/proc/self/mounts"), " /proc proc ") != NULL);
    EXPECT_TRUE(strstr(file_text("/proc/mounts"), " / ") != NULL);
    EXPECT_TRUE(strstr(file_text("/proc/self/mountinfo"), " /proc ") != NULL);
    EXPECT_TRUE(strstr(file_text("/proc/self/mountinfo"), " - proc proc ") != NULL);
}

TEST(system_files) {
    static const struct {
        const char* path;
        const char* part;
    } files[] = {{"/proc/meminfo", "MemTotal:"},
                 {"/proc/meminfo", "MemAvailable:"},
                 {"/proc/cpuinfo", "processor\t: 0"},
                 {"/proc/cpuinfo", "flags\t\t:"},
                 {"/proc/stat", "cpu "},
                 {"/proc/stat", "btime "},
                 {"/proc/version", "Linux version "},
                 {"/proc/filesystems", "tmpfs"},
                 {"/proc/uptime", "."},
                 {"/proc/loadavg", "/"},
                 {"/proc/cmdline", ""},
                 {"/proc/devices", "Character devices:"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        h_true(access(files[i].path, R_OK) == 0 && strstr(file_text(files[i].path), files[i].part) != NULL,
               files[i].path, __FILE__, __LINE__);
}

TEST(kernel_settings) {
    EXPECT_STR(file_text("/proc/sys/kernel/ostype"), "Linux\n");
    EXPECT_GT(strlen(file_text("/proc/sys/kernel/osrelease")), 3);
    EXPECT_GE(atoi(file_text("/proc/sys/kernel/pid_max")), 32768);
    EXPECT_EQ(strlen(file_text("/proc/sys/kernel/random/boot_id")), 37);
    EXPECT_EQ(strlen(file_text("/proc/sys/kernel/random/uuid")), 37);
    EXPECT_GT(atoi(file_text("/proc/sys/fs/file-max")), 0);
    EXPECT_GE(atoi(file_text("/proc/sys/fs/pipe-max-size")), 4096);
    EXPECT_GE(atoi(file_text("/proc/sys/vm/overcommit_memory")), 0);
}

TEST(limits_and_small_files) {
    EXPECT_TRUE(strstr(file_text("/proc/self/limits"), "Max open files") != NULL);
    EXPECT_OK(access("/proc/self/oom_score_adj", R_OK));
    EXPECT_OK(access("/proc/self/cgroup", R_OK));
    EXPECT_OK(access("/proc/self/ns/pid", F_OK));
    int fd = open("/proc/self/comm", O_RDWR);
    ASSERT_OK(fd);
    EXPECT_EQ(write(fd, "renamed", 7), 7);
    close(fd);
    char name[17] = {0};
    prctl(PR_GET_NAME, name);
    EXPECT_STR(name, "renamed");
}

TEST(own_memory) {
    static int value = 5;
    int fd = open("/proc/self/mem", O_RDWR), got = 0;
    ASSERT_OK(fd);
    EXPECT_EQ(pread(fd, &got, sizeof got, (off_t)(uintptr_t)&value), sizeof got);
    EXPECT_EQ(got, 5);
    got = 6;
    EXPECT_EQ(pwrite(fd, &got, sizeof got, (off_t)(uintptr_t)&value), sizeof got);
    EXPECT_EQ(*(volatile int*)&value, 6);
    EXPECT_ERRNO(pread(fd, &got, sizeof got, 16), EIO);
    close(fd);
}

TEST(read_only_tree) {
    EXPECT_ERRNO(mkdir("/proc/x", 0755), ENOENT);
    EXPECT_ERRNO(open("/proc/x", O_WRONLY | O_CREAT, 0600), ENOENT);
    EXPECT_ERRNO(unlink("/proc/version"), geteuid() == 0 ? EPERM : EACCES);
    EXPECT_ERRNO(access("/proc/99999999", F_OK), ENOENT);
    int fd = open("/proc/version", O_RDONLY);
    char one[4] = {0}, two[4] = {0};
    EXPECT_EQ(read(fd, one, 3), 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(read(fd, two, 3), 3);
    EXPECT_STR(one, two);
    close(fd);
}

TEST(numbers_match_listing) {
    static const char* const folders[] = {"/proc/self", "/proc/self/fd", "/proc/self/ns", "/proc/sys/kernel"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        DIR* directory = opendir(folders[i]);
        ASSERT_TRUE(directory != NULL);
        struct dirent* entry;
        int count = 0, same = 0, type = 0;
        while ((entry = readdir(directory))) {
            struct stat info;
            if (entry->d_name[0] == '.' || fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
                continue;
            count++;
            same += info.st_ino == entry->d_ino;
            type += IFTODT(info.st_mode) == entry->d_type;
        }
        EXPECT_GT(count, 2);
        EXPECT_EQ(same, count);
        EXPECT_EQ(type, count);
        closedir(directory);
    }
}

TEST(namespaces) {
    static const char* const names[] = {"mnt", "pid", "net", "uts", "ipc", "user"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64], text[64] = {0}, want[64];
        struct stat info;
        snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        EXPECT_GT(readlink(path, text, sizeof text - 1), 0);
        ASSERT_OK(stat(path, &info));
        snprintf(want, sizeof want, "%s:[%lu]", names[i], (unsigned long)info.st_ino);
        EXPECT_STR(text, want);
        int fd = open(path, O_RDONLY);
        EXPECT_OK(fd);
        close(fd);
    }
}

TEST(after_the_end) {
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    char path[64], byte;
    snprintf(path, sizeof path, "/proc/%d", child);
    int folder = open(path, O_RDONLY | O_DIRECTORY), status = openat(folder, "status", O_RDONLY);
    ASSERT_OK(status);
    EXPECT_EQ(read(status, &byte, 1), 1);
    kill(child, SIGKILL);
    EXPECT_KILLED(child, SIGKILL);
    EXPECT_EQ(lseek(status, 0, SEEK_SET), 0);
    EXPECT_ERRNO(read(status, &byte, 1), ESRCH);
    EXPECT_ERRNO(openat(folder, "stat", O_RDONLY), ESRCH);
    EXPECT_ERRNO(openat(folder, "no such", O_RDONLY), ESRCH);
    char entries[256];
    EXPECT_ERRNO(syscall(SYS_getdents64, folder, entries, sizeof entries), ENOENT);
    close(folder), close(status);
}

TEST(open_again) {
    SCRATCH();
    char path[64], buffer[8] = {0};
    int fd = open("file", O_RDWR | O_CREAT, 0600), pipes[2];
    ASSERT_EQ(write(fd, "abc", 3), 3);
    ASSERT_OK(unlink("file"));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int other = open(path, O_RDONLY);
    EXPECT_OK(other);
    EXPECT_EQ(read(other, buffer, sizeof buffer), 3);
    EXPECT_ERRNO(write(other, "x", 1), EBADF);
    close(fd), close(other);
    ASSERT_OK(pipe(pipes));
    snprintf(path, sizeof path, "/dev/fd/%d", pipes[1]);
    other = open(path, O_WRONLY);
    EXPECT_OK(other);
    EXPECT_EQ(write(other, "p", 1), 1);
    EXPECT_EQ(read(pipes[0], buffer, sizeof buffer), 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pipes[0]);
    struct stat one, two, link;
    EXPECT_OK(stat(path, &one));
    EXPECT_OK(fstat(pipes[0], &two));
    EXPECT_EQ(one.st_ino, two.st_ino);
    EXPECT_OK(lstat(path, &link));
    EXPECT_EQ(link.st_mode, S_IFLNK | 0500);
    EXPECT_EQ(open("/proc/self/fd", O_RDWR), -1);
    close(other), close(pipes[0]), close(pipes[1]);
}

TEST(refused_writes) {
    int fd = open("/proc/self/oom_score_adj", O_RDWR);
    ASSERT_OK(fd);
    EXPECT_ERRNO(write(fd, "1001", 4), EINVAL);
    EXPECT_ERRNO(write(fd, "many", 4), EINVAL);
    EXPECT_EQ(write(fd, "300\n", 4), 4);
    EXPECT_STR(file_text("/proc/self/oom_score_adj"), "300\n");
    close(fd);
    fd = open("/proc/self/stat", O_WRONLY);
    if (geteuid() == 0)
        EXPECT_ERRNO(write(fd, "x", 1), EINVAL);
    else
        EXPECT_EQ(fd, -1);
    close(fd);
}
