// The host's display and sound inside of the instance.
#include "interop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// "name=hexadecimal digits" back to bytes. Returns the length, or -1.
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
    const bool good = write(file, bytes, (size_t)length) == length && fchown(file, account->uid, account->gid) == 0;
    close(file);
    if (good && rename(aside, path) == 0)
        setenv("XAUTHORITY", path, 1);
    else
        unlink(aside);
}

static bool is_socket(const char* path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

void forward_displays(const struct account* account) {
    // "DISPLAY=socket of the host"; without a socket the display is reached over the network.
    const char* x11 = getenv("LXSS_X11");
    const char* pulse = getenv("LXSS_PULSE");
    if (!x11 && !pulse)
        return;
    char folder[64];
    snprintf(folder, sizeof folder, RUN_FOLDER "/user-%u", (unsigned)account->uid);
    make_folder(RUN_FOLDER, 0755);
    if (mkdir(folder, 0700) == 0 && chown(folder, account->uid, account->gid) != 0)
        complain(errno, "cannot give %s to the user", folder);
    const char* equals = x11 ? strchr(x11, '=') : NULL;
    if (equals) {
        char display[64], inside[64];
        snprintf(display, sizeof display, "%.*s", (int)(equals - x11), x11);
        bool good = equals[1] == '\0';
        if (!good) {
            const char* number = strrchr(display, ':');
            snprintf(inside, sizeof inside, "/tmp/.X11-unix/X%d", number ? atoi(number + 1) : 0);
            make_folder("/tmp/.X11-unix", 01777);
            chmod("/tmp/.X11-unix", 01777);
            // A server of the instance's own goes first.
            good = is_socket(inside) ? true : forward_socket(inside, equals + 1);
        }
        if (good) {
            setenv("DISPLAY", display, 1);
            write_cookies(account, folder);
        }
    }
    if (pulse) {
        char inside[] = RUN_FOLDER "/pulse", server[sizeof inside + 8];
        if (is_socket(inside) || forward_socket(inside, pulse)) {
            snprintf(server, sizeof server, "unix:%s", inside);
            setenv("PULSE_SERVER", server, 1);
        }
    }
}
