// Programs of the host that open what the instance names: browser and editor.
#include "init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The words that name files, which may be about to be made, as the host sees them.
static void translate_words(char** words) {
    for (; *words; ++words) {
        char path[PATH_MAX], parent[PATH_MAX];
        if (strstr(*words, "://") || **words == '-')
            continue;
        if (host_path(*words, path)) {
            *words = strdup(path);
            continue;
        }
        const char* slash = strrchr(*words, '/');
        snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - *words + 1) : 1, slash ? *words : ".");
        const size_t length = host_path(parent, path) ? strlen(path) : 0;
        if (length == 0) {
            dprintf(STDERR_FILENO, "lxss: the host does not see %s\n", *words);
            exit(kLxssFailed);
        }
        snprintf(path + length, sizeof path - length, "/%s", slash ? slash + 1 : *words);
        *words = strdup(path);
    }
}

// `prefix`, then the words of the command line.
static int run_with(char** prefix, size_t prefix_length, int argc, char** argv) {
    char** words = calloc(prefix_length + (size_t)argc, sizeof *words);
    if (!words)
        return kLxssFailed;
    memcpy(words, prefix, prefix_length * sizeof *words);
    memcpy(words + prefix_length, argv + 1, ((size_t)argc - 1) * sizeof *words);
    translate_words(words + prefix_length);
    return run_on_host(words);
}

int open_on_host(int argc, char** argv) {
    if (argc < 2) {
        dprintf(STDERR_FILENO, "Usage: %s ADDRESS-OR-FILE...\nOpens it with the host's browser or program for it.\n",
                argv[0]);
        return kLxssFailed;
    }
    return run_with((char*[]){"xdg-open"}, 1, argc, argv);
}

int edit_on_host(int argc, char** argv) {
    if (argc < 2) {
        dprintf(STDERR_FILENO, "Usage: lxss-edit FILE...\nEdits it with the host's $VISUAL or $EDITOR.\n");
        return kLxssFailed;
    }
    return run_with((char*[]){"sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$@\"", "sh"}, 4, argc, argv);
}
