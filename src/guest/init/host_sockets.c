// UNIX sockets of the host in the instance's tree.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

// What the last mount on `path` leads to; false when nothing is mounted there.
static bool is_mounted(const char* path, char source[PATH_MAX]) {
    FILE* mounts = setmntent("/proc/self/mounts", "re");
    bool found = false;
    const struct mntent* mount;
    while (mounts && (mount = getmntent(mounts)) != NULL) {
        if (strcmp(mount->mnt_dir, path) != 0)
            continue;
        snprintf(source, PATH_MAX, "%s", mount->mnt_fsname);
        found = true;
    }
    if (mounts)
        endmntent(mounts);
    return found;
}

bool mount_host_socket(const char* host_name, const char* path) {
    char source[PATH_MAX];
    if (is_mounted(path, source)) {
        if (strcmp(source, host_name) == 0)
            return true;
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
            return false;
    }
    const int file = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0)
        return false;
    close(file);
    return mount(host_name, path, "hostsocket", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}
