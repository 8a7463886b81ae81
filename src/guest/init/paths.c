// Names of files on both sides: the instance's own tree, and the host folders mounted into it.
#include "init.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Points behind `prefix` if `path` is that folder or lies below it, else null.
static const char* below(const char* path, const char* prefix) {
    size_t length = strlen(prefix);
    while (length > 0 && prefix[length - 1] == '/')
        --length;
    return strncmp(path, prefix, length) == 0 && (path[length] == '/' || path[length] == '\0') ? path + length
                                                                                               : NULL;
}

static bool is_host_folder(const struct mntent* mount) {
    return strcmp(mount->mnt_type, "drvfs") == 0;
}

static bool read_rootfs(char folder[PATH_MAX]) {
    FILE* file = fopen(ROOTFS_FILE, "re");
    if (!file)
        return false;
    const bool good = fgets(folder, PATH_MAX, file) != NULL;
    fclose(file);
    if (good)
        folder[strcspn(folder, "\n")] = '\0';
    return good && *folder == '/';
}

static bool join(char result[PATH_MAX], const char* folder, const char* rest) {
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        --length;
    const int total = snprintf(result, PATH_MAX, "%.*s%s", (int)length, folder, rest);
    if (total == 0)
        strcpy(result, "/");
    if (total < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

bool host_path(const char* path, char result[PATH_MAX]) {
    char real[PATH_MAX];
    if (!realpath(path, real))
        return false;
    // The mount that it lies in: the longest of those above it, the last of equal ones.
    FILE* mounts = setmntent("/proc/self/mounts", "re");
    char folder[PATH_MAX] = "/", source[PATH_MAX] = "";
    bool is_root = true;
    const struct mntent* mount;
    while (mounts && (mount = getmntent(mounts)) != NULL) {
        if (!below(real, mount->mnt_dir) || strlen(mount->mnt_dir) < strlen(folder))
            continue;
        snprintf(folder, sizeof folder, "%s", mount->mnt_dir);
        snprintf(source, sizeof source, "%s", is_host_folder(mount) ? mount->mnt_fsname : "");
        is_root = strcmp(folder, "/") == 0;
    }
    if (mounts)
        endmntent(mounts);
    if (is_root && !read_rootfs(source))
        *source = '\0';
    if (!*source) {
        errno = ENOENT; // a file system of the instance's own kernel
        return false;
    }
    const char* rest = below(real, folder);
    return join(result, source, strcmp(rest, "/") == 0 ? "" : rest);
}

bool guest_path(const char* path, char result[PATH_MAX]) {
    if (*path != '/')
        return join(result, "", path);
    char source[PATH_MAX];
    const char* rest;
    if (read_rootfs(source) && (rest = below(path, source)))
        return join(result, "/", *rest ? rest : "/");
    FILE* mounts = setmntent("/proc/self/mounts", "re");
    size_t longest = 0;
    bool found = false;
    const struct mntent* mount;
    while (mounts && (mount = getmntent(mounts)) != NULL) {
        if (!is_host_folder(mount) || !(rest = below(path, mount->mnt_fsname)) ||
            strlen(mount->mnt_fsname) < longest)
            continue;
        longest = strlen(mount->mnt_fsname);
        found = join(result, mount->mnt_dir, rest);
    }
    if (mounts)
        endmntent(mounts);
    if (!found)
        errno = ENOENT;
    return found;
}

// Of a list of paths what the other side sees; null when that is nothing.
static char* translate_list(const char* list, bool to_host, bool is_list) {
    char* result = malloc(strlen(list) * 2 + PATH_MAX * 4);
    if (!result)
        return NULL;
    char* end = result;
    char* const limit = result + strlen(list) * 2 + PATH_MAX * 3;
    while (list) {
        const char* next = is_list ? strchr(list, ':') : NULL;
        char path[PATH_MAX], other[PATH_MAX];
        snprintf(path, sizeof path, "%.*s", next ? (int)(next - list) : (int)strlen(list), list);
        if (end < limit && (to_host ? host_path(path, other) : guest_path(path, other)))
            end += sprintf(end, "%s%s", end == result ? "" : ":", other);
        list = next ? next + 1 : NULL;
    }
    *end = '\0';
    if (end == result) {
        free(result);
        return NULL;
    }
    return result;
}

void translate_environment(bool to_host) {
    const char* text = getenv("WSLENV");
    char* list = text ? strdup(text) : NULL;
    char* rest = NULL;
    for (char* item = list ? strtok_r(list, ":", &rest) : NULL; item; item = strtok_r(NULL, ":", &rest)) {
        char* flags = strchr(item, '/');
        if (flags)
            *flags++ = '\0';
        const char* value = getenv(item);
        if (!value || !*item || !flags)
            continue;
        const bool is_list = strchr(flags, 'l') != NULL;
        if (strchr(flags, to_host ? 'u' : 'w')) {
            unsetenv(item);
        } else if (is_list || strchr(flags, 'p')) {
            char* other = translate_list(value, to_host, is_list);
            if (other)
                setenv(item, other, 1);
            else
                unsetenv(item); // the other side sees nothing of it
            free(other);
        }
    }
    free(list);
}

int wslpath(int argc, char** argv) {
    bool absolute = false, to_host = false;
    int option;
    while ((option = getopt(argc, argv, "auwm")) != -1) {
        if (option == 'a')
            absolute = true;
        else if (option == 'u' || option == 'w' || option == 'm')
            to_host = option != 'u';
        else
            return 1;
    }
    if (argc - optind != 1) {
        dprintf(STDERR_FILENO, "Usage: wslpath [-a] [-u | -w | -m] PATH\n"
                               "    -a  make the result absolute\n"
                               "    -u  from a path of the host to one of the instance (default)\n"
                               "    -w  from a path of the instance to one of the host\n"
                               "    -m  the same, with / between its parts\n");
        return 1;
    }
    const char* path = argv[optind];
    char result[PATH_MAX], whole[PATH_MAX];
    bool good = to_host ? host_path(path, result) : guest_path(path, result);
    if (good && absolute && !to_host && *result != '/') {
        char current[PATH_MAX];
        good = getcwd(current, sizeof current) &&
               snprintf(whole, sizeof whole, "%s/%s", current, result) < PATH_MAX;
        if (good && !realpath(whole, result))
            strcpy(result, whole);
    }
    if (!good) {
        dprintf(STDERR_FILENO, "wslpath: %s: %s\n", path, strerror(errno));
        return 1;
    }
    puts(result);
    return 0;
}
