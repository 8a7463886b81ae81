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

// Replaces the file as a whole; a link of that name is replaced too, not followed (resolv.conf often links to
// a service that does not run here).
static void write_file(const char* path, const char* text) {
    char aside[256];
    snprintf(aside, sizeof aside, "%s.lxss-new", path);
    unlink(aside);
    const int file = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) {
        complain(errno, "cannot write %s", aside);
        return;
    }
    const size_t length = strlen(text);
    const bool written = write(file, text, length) == (ssize_t)length;
    const int failure = errno;
    close(file);
    if (!written || rename(aside, path) != 0) {
        complain(written ? errno : failure, "cannot write %s", path);
        unlink(aside);
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

    struct wsl_configuration configuration;
    read_wsl_configuration(&configuration);
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
