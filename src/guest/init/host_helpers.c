// Programs of the host that open what the instance names: browser and editor.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- lxss-run

int run_host_file(int argc, char** argv) {
    char path[PATH_MAX];
    if (argc < 2) {
        dprintf(
            STDERR_FILENO,
            "Usage: lxss-run FILE [ARGUMENT...]\nRuns a program of the host by its name in the instance.\n");
        return kLxssFailed;
    }
    if (!host_path(argv[1], path)) {
        dprintf(STDERR_FILENO, "lxss-run: %s: %s\n", argv[1],
                access(argv[1], F_OK) == 0 ? "the host does not see this file" : strerror(errno));
        return kLxssFailed;
    }
    argv[1] = path;
    return run_on_host(argv + 1);
}

// ---- lxss-open, wslview

int open_on_host(int argc, char** argv) {
    if (argc < 2) {
        dprintf(STDERR_FILENO,
                "Usage: %s ADDRESS-OR-FILE...\nOpens it with the host's browser or program for it.\n",
                argv[0]);
        return kLxssFailed;
    }
    int result = 0;
    for (int i = 1; i < argc && result == 0; ++i) {
        char path[PATH_MAX];
        char* word = argv[i];
        const bool is_address = strstr(word, "://") || strncmp(word, "mailto:", 7) == 0;
        if (!is_address && !host_path(word, path)) {
            dprintf(STDERR_FILENO, "%s: %s: %s\n", argv[0], word,
                    access(word, F_OK) == 0 ? "the host does not see this file" : strerror(errno));
            return kLxssFailed;
        }
        // In a process of its own: a program that a signal ended takes lxss-host with it.
        const pid_t child = fork();
        char* what = is_address ? word : path;
        if (child == 0)
            _exit(host_is_windows()
                      // (start, which cmd.exe knows, would take an address apart.)
                      ? run_on_host((char*[]){"rundll32.exe", "url.dll,FileProtocolHandler", what, NULL})
                      : run_on_host((char*[]){"xdg-open", what, NULL}));
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child)
            return kLxssFailed;
        result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return result;
}

// ---- lxss-edit
//
// The editor gets copies in a folder of the host: the instance's tree belongs to its kernel, and what a
// program of the host wrote there would go unnoticed, or be lost.

// `script` for the host's shell, with up to three arguments, `input` and `output` as streams. Its exit code.
static int run_script(const char* script, char* const* arguments, int input, int output) {
    char* words[8] = {"sh", "-c", (char*)script, "sh"};
    for (size_t i = 0; i < 3 && arguments && arguments[i]; ++i)
        words[4 + i] = arguments[i];
    const pid_t child = fork();
    if (child == 0) {
        dup2(input, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        _exit(run_on_host(words));
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return kLxssFailed;
    return WEXITSTATUS(status);
}

// A file that nobody else sees.
static int scratch_file(void) {
    FILE* file = tmpfile();
    return file ? fileno(file) : -1;
}

static bool make_host_folder(int nothing, char folder[PATH_MAX]) {
    const int output = scratch_file();
    if (output < 0 ||
        run_script("umask 077; mktemp -d \"${TMPDIR:-/tmp}/lxss-edit.XXXXXX\"", NULL, nothing, output) != 0)
        return false;
    const ssize_t length = pread(output, folder, PATH_MAX - 1, 0);
    close(output);
    folder[length > 0 ? length : 0] = '\0';
    folder[strcspn(folder, "\n")] = '\0';
    return *folder == '/';
}

static bool copy_bytes(int from, int to) {
    char bytes[16384];
    ssize_t count;
    while ((count = read(from, bytes, sizeof bytes)) > 0)
        if (write(to, bytes, (size_t)count) != count)
            return false;
    return count == 0;
}

static bool same_bytes(int first, int second) {
    char left[4096], right[4096];
    for (off_t at = 0;; at += (off_t)sizeof left) {
        const ssize_t count = pread(first, left, sizeof left, at);
        if (count < 0 || count != pread(second, right, sizeof right, at) ||
            memcmp(left, right, (size_t)count) != 0)
            return false;
        if (count < (ssize_t)sizeof left)
            return true;
    }
}

static bool put_copy(const char* file, char* copy, int nothing) {
    const int input = open(file, O_RDONLY | O_CLOEXEC);
    struct stat status;
    // A new file, where there is a folder for it.
    const char* slash = strrchr(file, '/');
    char folder[PATH_MAX] = ".";
    if (slash)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - file + 1), file);
    if (input < 0 && (errno != ENOENT || access(folder, W_OK | X_OK) != 0))
        return false;
    if (input >= 0 && fstat(input, &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        return false;
    }
    const bool good = run_script("mkdir -p \"${1%/*}\" && cat >\"$1\"", (char*[]){copy, NULL},
                                 input >= 0 ? input : nothing, nothing) == 0;
    if (input >= 0)
        close(input);
    errno = EIO;
    return good;
}

// Writes the copy back if it has changed.
static bool take_copy(const char* file, char* copy, int nothing) {
    const int changed = scratch_file();
    if (changed < 0 || run_script("cat \"$1\"", (char*[]){copy, NULL}, nothing, changed) != 0) {
        errno = EIO;
        return false;
    }
    struct stat status;
    const int original = open(file, O_RDONLY | O_CLOEXEC);
    bool good = fstat(changed, &status) == 0;
    const bool same = good && (original >= 0 ? same_bytes(original, changed) : status.st_size == 0);
    if (good && !same) {
        const int output = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        good = output >= 0 && lseek(changed, 0, SEEK_SET) == 0 && copy_bytes(changed, output);
        if (output >= 0)
            good = close(output) == 0 && good;
    }
    if (original >= 0)
        close(original);
    close(changed);
    return good;
}

static bool is_option(const char* word) {
    return *word == '-' || *word == '+';
}

// Windows has no shell for the above, and its editors no variable: Notepad, for files on drives.
static int edit_on_windows(int argc, char** argv) {
    char path[PATH_MAX];
    for (int i = 1; i < argc; ++i) {
        // A new file has the name that it will have in a folder that Windows sees.
        char folder[PATH_MAX];
        const char* slash = strrchr(argv[i], '/');
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - argv[i] + 1) : 1,
                 slash ? argv[i] : ".");
        const bool is_new = access(argv[i], F_OK) != 0 && errno == ENOENT;
        if (!host_path(is_new ? folder : argv[i], path)) {
            dprintf(STDERR_FILENO, "lxss-edit: %s: Windows does not see this file; edit a copy on a drive\n",
                    argv[i]);
            return kLxssFailed;
        }
        const size_t length = strlen(path);
        if (is_new)
            snprintf(path + length, sizeof path - length, "\\%s", slash ? slash + 1 : argv[i]);
        const pid_t child = fork();
        if (child == 0)
            _exit(run_on_host((char*[]){"notepad.exe", path, NULL}));
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return WIFEXITED(status) ? WEXITSTATUS(status) : kLxssFailed;
    }
    return 0;
}

int edit_on_host(int argc, char** argv) {
    if (argc < 2) {
        dprintf(
            STDERR_FILENO,
            "Usage: lxss-edit FILE...\nEdits it with the host's $VISUAL or $EDITOR, which must wait until "
            "the user has done.\n");
        return kLxssFailed;
    }
    if (host_is_windows())
        return edit_on_windows(argc, argv);
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    char folder[PATH_MAX];
    if (!make_host_folder(nothing, folder)) {
        dprintf(STDERR_FILENO, "lxss-edit: cannot make a folder for copies on the host\n");
        return kLxssFailed;
    }
    char** words = calloc((size_t)argc + 4, sizeof *words);
    if (!words)
        return kLxssFailed;
    size_t count = 0;
    words[count++] = "sh";
    words[count++] = "-c";
    words[count++] = "${VISUAL:-${EDITOR:-vi}} \"$@\"";
    words[count++] = "sh";
    bool good = true;
    for (int i = 1; i < argc && good; ++i) {
        const char* slash = strrchr(argv[i], '/');
        char* copy = argv[i];
        if (!is_option(argv[i])) {
            good = asprintf(&copy, "%s/%d/%s", folder, i, slash ? slash + 1 : argv[i]) >= 0 &&
                   put_copy(argv[i], copy, nothing);
            if (!good)
                dprintf(STDERR_FILENO, "lxss-edit: cannot copy %s to the host: %s\n", argv[i],
                        strerror(errno));
        }
        words[count++] = copy;
    }
    int result = kLxssFailed;
    if (good) {
        const pid_t child = fork();
        if (child == 0)
            _exit(run_on_host(words));
        int status = 0;
        if (child > 0 && waitpid(child, &status, 0) == child)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    bool all_back = true;
    for (int i = 1; i < argc && good && result == 0; ++i) {
        if (is_option(argv[i]) || take_copy(argv[i], words[3 + i], nothing))
            continue;
        dprintf(STDERR_FILENO, "lxss-edit: cannot write %s: %s; the host keeps the new text in %s\n", argv[i],
                strerror(errno), words[3 + i]);
        all_back = false;
        result = kLxssFailed;
    }
    if (all_back)
        run_script("rm -rf \"$1\"", (char*[]){folder, NULL}, nothing, nothing);
    return result;
}
