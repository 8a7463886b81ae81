// The host's display and sound inside of the instance.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Hexadecimal digits back to bytes. Returns the length, or -1.
static ssize_t decode(const char* text, unsigned char* bytes, size_t size) {
    size_t length = 0;
    for (; text[0] && text[1]; text += 2, ++length) {
        unsigned value;
        const char pair[3] = {text[0], text[1], 0};
        if (length == size || sscanf(pair, "%2x", &value) != 1)
            return -1;
        bytes[length] = (unsigned char)value;
    }
    return (ssize_t)length;
}

// The cookies that the host's X server asks for, in a file of the account's own.
static void write_cookies(const struct account* account, const char folder[64]) {
    const char* text = getenv("LXSS_XAUTHORITY");
    unsigned char bytes[4096];
    const ssize_t length = text ? decode(text, bytes, sizeof bytes) : -1;
    if (length <= 0)
        return;
    char path[128], aside[160];
    snprintf(path, sizeof path, "%s/xauthority", folder);
    snprintf(aside, sizeof aside, "%s.%d", path, getpid());
    const int file = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    const bool good =
        write(file, bytes, (size_t)length) == length && fchown(file, account->uid, account->gid) == 0;
    close(file);
    if (good && rename(aside, path) == 0)
        setenv("XAUTHORITY", path, 1);
    else
        unlink(aside);
}

// X programs look for a socket of this name alone. A server of the instance's own goes first.
static bool link_x11(const char* number, const char* target) {
    char path[64], link[sizeof path];
    struct stat status;
    snprintf(path, sizeof path, "/tmp/.X11-unix/X%s", number);
    make_folder("/tmp/.X11-unix", 01777);
    chmod("/tmp/.X11-unix", 01777);
    if (lstat(path, &status) == 0) {
        if (!S_ISLNK(status.st_mode))
            return S_ISSOCK(status.st_mode);
        const ssize_t length = readlink(path, link, sizeof link - 1);
        link[length > 0 ? length : 0] = '\0';
        if (strcmp(link, target) == 0)
            return true;
        unlink(path);
    }
    return symlink(target, path) == 0 || errno == EEXIST;
}

// "DISPLAY=socket of the host"; without a socket the display is reached over the network.
static void show_x11(const struct account* account, const char* folder, const char* text) {
    const char* equals = strrchr(text, '=');
    if (!equals)
        return;
    char display[64], inside[128], number[16];
    snprintf(display, sizeof display, "%.*s", (int)(equals - text), text);
    const char* colon = strrchr(display, ':');
    snprintf(number, sizeof number, "%d", colon ? atoi(colon + 1) : 0);
    snprintf(inside, sizeof inside, HOST_FOLDER "/X%s", number);
    if (equals[1] && (!mount_host_socket(equals + 1, inside) || !link_x11(number, inside))) {
        complain(errno, "cannot show the host's display %s", display);
        return;
    }
    setenv("DISPLAY", display, 1);
    write_cookies(account, folder);
}

// As `name`, for which the variable is set.
static void show_socket(const char* host_name, const char* name, const char* variable, const char* prefix) {
    char inside[128], value[sizeof inside + 8];
    snprintf(inside, sizeof inside, HOST_FOLDER "/%s", name);
    if (!mount_host_socket(host_name, inside)) {
        complain(errno, "cannot show the host's %s", host_name);
        return;
    }
    snprintf(value, sizeof value, "%s%s", prefix, inside);
    setenv(variable, value, 1);
}

void show_displays(const struct account* account) {
    const char* x11 = getenv("LXSS_X11");
    const char* wayland = getenv("LXSS_WAYLAND");
    const char* pulse = getenv("LXSS_PULSE");
    if (!x11 && !wayland && !pulse)
        return;
    char folder[64];
    snprintf(folder, sizeof folder, RUN_FOLDER "/user-%u", (unsigned)account->uid);
    make_folder(HOST_FOLDER, 0755);
    if (mkdir(folder, 0700) == 0 && chown(folder, account->uid, account->gid) != 0)
        complain(errno, "cannot give %s to the user", folder);
    if (x11)
        show_x11(account, folder, x11);
    if (wayland)
        show_socket(wayland, "wayland-0", "WAYLAND_DISPLAY", "");
    if (pulse)
        show_socket(pulse, "pulse", "PULSE_SERVER", "unix:");
    // Where libraries of these put what they need for themselves.
    if (!getenv("XDG_RUNTIME_DIR"))
        setenv("XDG_RUNTIME_DIR", folder, 1);
}
