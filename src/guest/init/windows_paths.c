// Names of files on a Windows host: what is mounted from "C:" is named "C:\Users\me" there, with "/Users/me"
// below the mount point.
#include "init.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_slash(char character) {
    return character == '/' || character == '\\';
}

// What no name of Windows has. A drive that is mounted with names=escape keeps such bytes as U+F000 + byte.
static bool is_reserved(unsigned char byte) {
    return byte < 32 || (byte < 128 && strchr("\"*:<>?\\|", byte));
}

bool is_windows_path(const char* path) {
    return (isalpha((unsigned char)path[0]) && path[1] == ':') || (is_slash(path[0]) && is_slash(path[1]));
}

bool windows_path(const char* source, const char* rest, char result[PATH_MAX]) {
    size_t length = 0;
    for (; *source && length < PATH_MAX - 2; ++source)
        result[length++] = *source == '/' ? '\\' : *source;
    while (length > 0 && result[length - 1] == '\\')
        --length;
    for (; *rest && length < PATH_MAX - 4; ++rest) {
        const unsigned char byte = (unsigned char)*rest;
        if (byte == '/') {
            result[length++] = '\\';
        } else if (is_reserved(byte)) {
            result[length++] = '\xef';
            result[length++] = (char)(0x80 | byte >> 6);
            result[length++] = (char)(0x80 | (byte & 0x3f));
        } else {
            result[length++] = (char)byte;
        }
    }
    if (length == 2 &&
        result[1] == ':') // a drive's root; without the backslash it is whatever folder is current there
        result[length++] = '\\';
    result[length] = '\0';
    if (!*source && !*rest)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

void guest_spelling(const char* windows, char result[PATH_MAX]) {
    size_t length = 0;
    for (; *windows && length < PATH_MAX - 1; ++windows) {
        const unsigned char* at = (const unsigned char*)windows;
        if (*windows == '\\') {
            result[length++] = '/';
        } else if (at[0] == 0xef && (at[1] & 0xfe) == 0x80 && (at[2] & 0xc0) == 0x80 &&
                   is_reserved((unsigned char)((at[1] & 1) << 6 | (at[2] & 0x3f))) &&
                   ((at[1] & 1) || (at[2] & 0x3f))) {
            result[length++] = (char)((at[1] & 1) << 6 | (at[2] & 0x3f));
            windows += 2;
        } else {
            result[length++] = *windows;
        }
    }
    result[length] = '\0';
}

const char* plain_windows_path(const char* path, char buffer[PATH_MAX]) {
    if (strncmp(path, "\\\\?\\", 4) != 0 || strlen(path) >= PATH_MAX)
        return path;
    path += 4;
    if (strncasecmp(path, "UNC\\", 4) != 0)
        return path;
    buffer[0] = '\\';
    strcpy(buffer + 1, path + 3);
    return buffer;
}

const char* below_windows_folder(const char* path, const char* source) {
    size_t length = strlen(source);
    while (length > 0 && is_slash(source[length - 1]))
        --length;
    for (size_t i = 0; i < length; ++i)
        if (is_slash(source[i]) ? !is_slash(path[i])
                                : tolower((unsigned char)source[i]) != tolower((unsigned char)path[i]))
            return NULL;
    return path[length] == '\0' || is_slash(path[length]) ? path + length : NULL;
}
