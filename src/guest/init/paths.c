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
    return good;
}

bool host_is_windows(void) {
    char folder[PATH_MAX];
    return read_rootfs(folder) && is_windows_path(folder);
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
    if (is_root && (!read_rootfs(source) || *source != '/'))
        *source = '\0';
    if (!*source) {
        errno = ENOENT; // of the instance's own kernel
        return false;
    }
    const char* rest = below(real, folder);
    if (host_is_windows())
        return windows_path(source, rest, result);
    return join(result, source, strcmp(rest, "/") == 0 ? "" : rest);
}

bool guest_path(const char* path, char result[PATH_MAX]) {
    char source[PATH_MAX], spelling[PATH_MAX];
    const char* rest;
    const bool is_windows = host_is_windows();
    if (is_windows) {
        path = plain_windows_path(path, source);
        if (strlen(path) >= PATH_MAX) {
            errno = ENAMETOOLONG;
            return false;
        }
        // Relative, or a name of the instance already. ("C:x" would be relative to a folder that only Windows
        // knows.)
        if (!is_windows_path(path)) {
            guest_spelling(path, result);
            return true;
        }
        memmove(spelling, path, strlen(path) + 1);
        path = spelling;
    } else if (*path != '/') {
        return join(result, "", path);
    } else if (read_rootfs(source) && (rest = below(path, source))) {
        return join(result, "/", *rest ? rest : "/");
    }
    FILE* mounts = setmntent("/proc/self/mounts", "re");
    size_t longest = 0;
    bool found = false;
    const struct mntent* mount;
    while (mounts && (mount = getmntent(mounts)) != NULL) {
        if (!is_host_folder(mount) || strlen(mount->mnt_fsname) < longest)
            continue;
        rest = is_windows ? below_windows_folder(path, mount->mnt_fsname) : below(path, mount->mnt_fsname);
        if (!rest)
            continue;
        longest = strlen(mount->mnt_fsname);
        if (is_windows)
            guest_spelling(rest, source);
        found = join(result, mount->mnt_dir, is_windows ? source : rest);
    }
    if (mounts)
        endmntent(mounts);
    if (!found)
        errno = ENOENT;
    return found;
}

char* translate_list(const char* list, bool to_host, bool is_list) {
    // "C:" to "/mnt/c" is the most that a short name grows; a longer one has room in what is left over.
    const size_t room = strlen(list) * 8 + PATH_MAX * 3;
    char* result = malloc(room + PATH_MAX);
    if (!result)
        return NULL;
    const char between_here = ':', between_there = host_is_windows() ? ';' : ':';
    char* end = result;
    while (list) {
        const char* next = is_list ? strchr(list, to_host ? between_here : between_there) : NULL;
        char path[PATH_MAX], other[PATH_MAX];
        snprintf(path, sizeof path, "%.*s", next ? (int)(next - list) : (int)strlen(list), list);
        const bool is_seen = *path && (to_host ? host_path(path, other) : guest_path(path, other));
        // A name that holds what stands between names would become two.
        if (is_seen && end < result + room &&
            !(is_list && strchr(other, to_host ? between_there : between_here))) {
            const size_t left = (size_t)(result + room + PATH_MAX - end);
            end += snprintf(end, left, "%.*s%s", end == result ? 0 : 1,
                            to_host ? &between_there : &between_here, other);
        }
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
    bool absolute = false, to_host = false, with_slashes = false;
    int option;
    while ((option = getopt(argc, argv, "auwm")) != -1) {
        if (option == 'a')
            absolute = true;
        else if (option == 'u' || option == 'w' || option == 'm')
            to_host = option != 'u', with_slashes = option == 'm';
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
        const int failure = errno;
        dprintf(STDERR_FILENO, "wslpath: %s: %s\n", path,
                to_host && failure == ENOENT && access(path, F_OK) == 0 ? "the host does not see this file"
                                                                        : strerror(failure));
        return 1;
    }
    for (char* at = result; with_slashes && host_is_windows() && *at; ++at)
        *at = *at == '\\' ? '/' : *at;
    puts(result);
    return 0;
}
