#include "init.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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

int main(int argc, char** argv) {
    if (argc >= 2 && strcmp(argv[1], "--boot") == 0)
        return boot(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "--session") == 0)
        return session(argc - 2, argv + 2);
    complain(0, "usage: init --boot [--hostname=NAME]\n"
                "       init --session [--user=USER] [--default-user=USER] [--cd=DIR] [--login | --shell] -- "
                "WORDS...");
    return 2;
}
