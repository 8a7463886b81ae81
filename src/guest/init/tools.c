// What lxss asks init to do in a running instance, as root.
#include "init.h"

#include <ctype.h>
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

// Needs no account and no start files.
int debug_shell(void) {
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" COMMANDS_FOLDER, 1);
    setenv("HOME", "/root", 1);
    setenv("USER", "root", 1);
    setenv("PS1", "lxss debug \\w # ", 1);
    if (chdir("/root") != 0 && chdir("/") != 0)
        complain(errno, "cannot enter /");
    execl("/bin/bash", "bash", "--noprofile", "--norc", (char*)NULL);
    execl("/bin/sh", "sh", (char*)NULL);
    complain(errno, "there is no shell in this instance");
    return kLxssFailed;
}

static void print_distribution(void) {
    FILE* file = fopen("/etc/os-release", "re");
    char line[512];
    while (file && fgets(line, sizeof line, file)) {
        const char* value = option_value(line, "PRETTY_NAME=");
        if (!value)
            continue;
        value += *value == '"';
        printf("Distribution: %.*s\n", (int)strcspn(value, "\"\n"), value);
    }
    if (file)
        fclose(file);
}

int system_info(void) {
    struct utsname system;
    struct sysinfo memory;
    uname(&system);
    const char* name = getenv("WSL_DISTRO_NAME");
    printf("Instance: %s\n", name ? name : "");
    print_distribution();
    printf("Kernel: %s %s %s\nHost Name: %s\n", system.sysname, system.release, system.machine,
           system.nodename);
    if (sysinfo(&memory) == 0)
        printf("Up: %ld s\nProcesses: %d\nMemory: %llu MiB, of which free %llu MiB\n", (long)memory.uptime,
               memory.procs, (unsigned long long)memory.totalram * memory.mem_unit >> 20,
               (unsigned long long)memory.freeram * memory.mem_unit >> 20);
    FILE* mounts = setmntent("/proc/self/mounts", "re");
    const struct mntent* mount;
    while (mounts && (mount = getmntent(mounts)) != NULL)
        printf("Mount: %s on %s, %s\n", mount->mnt_fsname, mount->mnt_dir, mount->mnt_type);
    if (mounts)
        endmntent(mounts);
    return 0;
}

// As mount(8) does: the options that are the kernel's go apart from those of the file system.
int mount_drive(const char* source, const char* point, const char* options) {
    static const struct {
        const char* name;
        unsigned long set, clear;
    } kFlags[] = {
        {"ro", MS_RDONLY, 0},         {"rw", 0, MS_RDONLY},        {"nosuid", MS_NOSUID, 0},
        {"suid", 0, MS_NOSUID},       {"nodev", MS_NODEV, 0},      {"dev", 0, MS_NODEV},
        {"noexec", MS_NOEXEC, 0},     {"exec", 0, MS_NOEXEC},      {"noatime", MS_NOATIME, 0},
        {"relatime", MS_RELATIME, 0}, {"sync", MS_SYNCHRONOUS, 0}, {"defaults", 0, 0},
    };
    char text[1024], rest[1024] = "";
    unsigned long flags = 0;
    if (snprintf(text, sizeof text, "%s", options) >= (int)sizeof text) {
        errno = EINVAL;
        return -1;
    }
    char* next = NULL;
    for (char* option = strtok_r(text, ",", &next); option; option = strtok_r(NULL, ",", &next)) {
        bool known = false;
        for (size_t i = 0; i < sizeof kFlags / sizeof *kFlags && !known; ++i) {
            known = strcmp(option, kFlags[i].name) == 0;
            if (known)
                flags = (flags | kFlags[i].set) & ~kFlags[i].clear;
        }
        if (!known)
            sprintf(rest + strlen(rest), "%s%s", *rest ? "," : "", option);
    }
    return mount(source, point, "drvfs", flags, rest);
}

static void mount_point_of(const char* name, char point[PATH_MAX]) {
    struct wsl_configuration configuration;
    read_wsl_configuration(&configuration, NULL);
    snprintf(point, PATH_MAX, "%s%s", *name == '/' ? "" : configuration.automount_root, name);
}

// HOST-FOLDER NAME OPTIONS; an empty NAME is the folder's own last part.
int mount_host_folder(int argc, char** argv) {
    if (argc != 3)
        return kLxssFailed;
    const char* slash = strrchr(argv[0], '/');
    const char letter[2] = {(char)tolower((unsigned char)argv[0][0]), '\0'};
    const bool is_drive = strlen(argv[0]) == 2 && argv[0][1] == ':';
    const char* name = *argv[1] ? argv[1] : is_drive ? letter : slash ? slash + 1 : argv[0];
    char point[PATH_MAX];
    mount_point_of(name, point);
    if (!*name) {
        complain(0, "give the mount point a name with --name");
        return kLxssFailed;
    }
    make_folder("/mnt", 0755);
    make_folder(point, 0755);
    if (mount_drive(argv[0], point, argv[2]) != 0) {
        const int failure = errno;
        if (failure == ENODEV)
            complain(0, "cannot mount %s: this kernel has no file system for folders of the host", argv[0]);
        else
            complain(failure, "cannot mount %s on %s", argv[0], point);
        rmdir(point);
        return kLxssFailed;
    }
    FILE* list = fopen(MOUNTS_FILE, "ae");
    if (list) {
        fprintf(list, "%s\n", point);
        fclose(list);
    }
    printf("%s is mounted on %s\n", argv[0], point);
    return 0;
}

static int unmount(const char* point) {
    if (umount2(point, UMOUNT_NOFOLLOW) != 0) {
        complain(errno, "cannot unmount %s", point);
        return kLxssFailed;
    }
    rmdir(point);
    return 0;
}

// NAME, or "" for all that has been mounted this way.
int unmount_host_folder(int argc, char** argv) {
    char point[PATH_MAX];
    if (argc == 1 && *argv[0]) {
        mount_point_of(argv[0], point);
        return unmount(point);
    }
    int result = 0;
    FILE* list = fopen(MOUNTS_FILE, "re");
    while (list && fgets(point, sizeof point, list)) {
        point[strcspn(point, "\n")] = '\0';
        FILE* mounts = setmntent("/proc/self/mounts", "re");
        bool there = false;
        const struct mntent* mount;
        while (mounts && (mount = getmntent(mounts)) != NULL)
            there = there || strcmp(mount->mnt_dir, point) == 0;
        if (mounts)
            endmntent(mounts);
        if (there && unmount(point) != 0)
            result = kLxssFailed;
    }
    if (list)
        fclose(list);
    if (result == 0)
        unlink(MOUNTS_FILE);
    return result;
}
