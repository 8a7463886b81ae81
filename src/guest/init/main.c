#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void complain(int error_number, const char* format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    // One write per line: several inits may share the descriptor.
    if (error_number)
        dprintf(STDERR_FILENO, "init: %s: %s\n", text, strerror(error_number));
    else
        dprintf(STDERR_FILENO, "init: %s\n", text);
}

const char* option_value(const char* argument, const char* option) {
    const size_t length = strlen(option);
    return strncmp(argument, option, length) == 0 ? argument + length : NULL;
}

void make_folder(const char* path, mode_t mode) {
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        complain(errno, "cannot make the folder %s", path);
}

void write_file(const char* path, const char* text) {
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

static const struct {
    const char* name;
    int (*run)(int argc, char** argv);
} kCommands[] = {
    {"wslpath", wslpath},      {"lxss-host", host_command}, {"lxss-open", open_on_host},
    {"wslview", open_on_host}, {"lxss-edit", edit_on_host}, {"lxss-run", run_host_file},
};

void make_commands(void) {
    make_folder(COMMANDS_FOLDER, 0755);
    for (size_t i = 0; i < sizeof kCommands / sizeof *kCommands; ++i) {
        char link[PATH_MAX];
        snprintf(link, sizeof link, "%s/%s", COMMANDS_FOLDER, kCommands[i].name);
        if (symlink(TOOLS_FOLDER "/init", link) != 0 && errno != EEXIST)
            complain(errno, "cannot make %s", link);
    }
}

int main(int argc, char** argv) {
    const char* slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    for (size_t i = 0; argc > 0 && i < sizeof kCommands / sizeof *kCommands; ++i)
        if (strcmp(slash ? slash + 1 : argv[0], kCommands[i].name) == 0)
            return kCommands[i].run(argc, argv);
    const char* task = argc >= 2 ? argv[1] : "";
    if (strcmp(task, "--boot") == 0)
        return boot(argc - 2, argv + 2);
    if (strcmp(task, "--session") == 0)
        return session(argc - 2, argv + 2);
    if (strcmp(task, "--debug-shell") == 0)
        return debug_shell();
    if (strcmp(task, "--system-info") == 0)
        return system_info();
    if (strcmp(task, "--mount") == 0)
        return mount_host_folder(argc - 2, argv + 2);
    if (strcmp(task, "--unmount") == 0)
        return unmount_host_folder(argc - 2, argv + 2);
    complain(0, "usage: init --boot [--hostname=NAME]\n"
                "       init --session [--user=USER] [--default-user=USER] [--cd=DIR] [--login] [--shell] -- "
                "WORDS...\n"
                "       init --debug-shell | --system-info | --mount FOLDER NAME OPTIONS | --unmount NAME");
    return 2;
}
