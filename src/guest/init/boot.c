// `init --boot`: pid 1 of an instance.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct mount_point {
    const char *type, *folder;
    unsigned long flags;
    const char* options;
};

static const struct mount_point kMounts[] = {
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=620,gid=5,ptmxmode=666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755"},
    {"tmpfs", "/run/lock", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777"},
};

static void mount_all(void) {
    for (size_t i = 0; i < sizeof kMounts / sizeof *kMounts; ++i) {
        const struct mount_point* point = &kMounts[i];
        if (mkdir(point->folder, 0755) != 0 && errno != EEXIST) {
            complain(errno, "cannot make the mount point %s", point->folder);
            continue;
        }
        // EBUSY: the kernel has mounted it already.
        if (mount(point->type, point->folder, point->type, point->flags, point->options) != 0 &&
            errno != EBUSY)
            complain(errno, "cannot mount %s on %s", point->type, point->folder);
    }
}

static void write_hosts(const char* hostname) {
    char text[2048];
    snprintf(text, sizeof text,
             "# Written by lxss at each start. To keep your own, put this into /etc/wsl.conf:\n"
             "# [network]\n"
             "# generateHosts = false\n"
             "127.0.0.1\tlocalhost\n"
             "127.0.1.1\t%s\n"
             "::1\tip6-localhost ip6-loopback\n"
             "fe00::0\tip6-localnet\n"
             "ff00::0\tip6-mcastprefix\n"
             "ff02::1\tip6-allnodes\n"
             "ff02::2\tip6-allrouters\n",
             hostname);
    write_file("/etc/hosts", text);
}

static void write_resolv_conf(const char* host_text) {
    static const char kHeader[] =
        "# Written by lxss at each start. To keep your own, put this into /etc/wsl.conf:\n"
        "# [network]\n"
        "# generateResolvConf = false\n";
    char* text = malloc(sizeof kHeader + strlen(host_text));
    if (!text)
        return;
    strcpy(text, kHeader);
    strcat(text, host_text);
    write_file("/etc/resolv.conf", text);
    free(text);
}

// Complaints about wsl.conf go to the log, and to the first session on a terminal.
static void warn(const char* text) {
    complain(0, "%s", text);
    FILE* file = fopen(WARNINGS_FILE, "ae");
    if (file) {
        fprintf(file, "lxss: %s\n", text);
        fclose(file);
    }
}

// The host's folders: LXSS_DRIVES holds a line "name=folder" for each.
static void mount_drives(const struct wsl_configuration* configuration) {
    const char* drives = getenv("LXSS_DRIVES");
    if (!configuration->automount_enabled || !drives)
        return;
    make_folder(configuration->automount_root, 0755);
    while (*drives) {
        const size_t length = strcspn(drives, "\n");
        char name[256], folder[PATH_MAX], point[PATH_MAX];
        const char* equals = memchr(drives, '=', length);
        if (equals) {
            snprintf(name, sizeof name, "%.*s", (int)(equals - drives), drives);
            snprintf(folder, sizeof folder, "%.*s", (int)(drives + length - equals - 1), equals + 1);
            snprintf(point, sizeof point, "%s%s", configuration->automount_root, name);
            make_folder(point, 0755);
            if (mount_drive(folder, point, configuration->automount_options) != 0) {
                complain(errno, "cannot mount %s on %s", folder, point);
                rmdir(point);
            }
        }
        drives += length + (drives[length] == '\n');
    }
}

// `mount -a`, as WSL does, if there is anything to mount. Its own messages go to the log.
static void mount_fstab(void) {
    FILE* file = fopen("/etc/fstab", "re");
    char line[1024];
    bool any = false;
    while (file && fgets(line, sizeof line, file))
        any = any || (line[strspn(line, " \t\n")] != '#' && line[strspn(line, " \t\n")] != '\0');
    if (file)
        fclose(file);
    if (!any)
        return;
    const pid_t child = fork();
    if (child == 0) {
        setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
        execlp("mount", "mount", "-a", (char*)NULL);
        complain(errno, "cannot run mount for /etc/fstab");
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

static void run_boot_command(const char* command) {
    const pid_t child = fork();
    if (child < 0)
        complain(errno, "cannot run the boot command");
    if (child != 0)
        return;
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("HOME", "/root", 1);
    execl("/bin/sh", "sh", "-c", command, (char*)NULL);
    complain(errno, "cannot run the boot command");
    _exit(127);
}

int boot(int argc, char** argv) {
    const char* hostname = getenv("LXSS_HOSTNAME");
    int ready = -1;
    for (int i = 0; i < argc; ++i) {
        const char* value = option_value(argv[i], "--hostname=");
        const char* descriptor = option_value(argv[i], "--ready-fd=");
        if (value)
            hostname = value;
        else if (descriptor)
            ready = atoi(descriptor);
        else
            complain(0, "unknown option %s", argv[i]);
    }
    const char* resolver = getenv("LXSS_RESOLV_CONF");
    umask(022);
    mount_all();

    make_folder(RUN_FOLDER, 0755);
    make_folder(TOOLS_FOLDER, 0755);
    if (mount("lxsstools", TOOLS_FOLDER, "lxsstools", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) == 0)
        make_commands();
    else
        complain(errno, "cannot mount lxss's own programs on %s", TOOLS_FOLDER);
    const char* rootfs = getenv("LXSS_ROOTFS");
    if (rootfs)
        write_file(ROOTFS_FILE, rootfs);

    struct wsl_configuration configuration;
    read_wsl_configuration(&configuration, warn);
    mount_drives(&configuration);
    if (configuration.mount_fstab)
        mount_fstab();
    const char* interop = getenv("LXSS_INTEROP");
    if (configuration.interop_enabled && interop && *interop && !mount_host_socket(interop, INTEROP_SOCKET))
        complain(errno, "cannot show the host's %s as " INTEROP_SOCKET, interop);
    if (*configuration.network_hostname)
        hostname = configuration.network_hostname;
    if (hostname && *hostname && sethostname(hostname, strlen(hostname)) != 0)
        complain(errno, "cannot set the host name '%s'", hostname);
    if (configuration.generate_hosts && hostname && *hostname)
        write_hosts(hostname);
    if (configuration.generate_resolv_conf && resolver && *resolver)
        write_resolv_conf(resolver);
    unsetenv("LXSS_HOSTNAME");
    unsetenv("LXSS_RESOLV_CONF");
    unsetenv("LXSS_ROOTFS");
    unsetenv("LXSS_DRIVES");
    unsetenv("LXSS_INTEROP");

    // The kernel lets clients in once this is closed.
    if (ready >= 0)
        close(ready);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (*configuration.boot_command)
        run_boot_command(configuration.boot_command);
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        int number = 0;
        if (sigwait(&set, &number) == 0 && number == SIGTERM)
            return 0;
    }
}
