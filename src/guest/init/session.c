// `init --session`: becomes the user's shell or command.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kExitNotExecutable = 126, kExitNotFound = 127 };

// The instance's own language if it names one: the host's may not be installed here, which many programs
// complain about. C.UTF-8 is always there.
static void set_language(void) {
    static const char* const kFiles[] = {"/etc/locale.conf", "/etc/default/locale"};
    for (size_t i = 0; i < sizeof kFiles / sizeof *kFiles; ++i) {
        FILE* file = fopen(kFiles[i], "re");
        if (!file)
            continue;
        char line[256];
        bool found = false;
        while (!found && fgets(line, sizeof line, file)) {
            const char* value = option_value(line, "LANG=");
            if (!value)
                continue;
            char language[128];
            snprintf(language, sizeof language, "%s", value + strspn(value, "\"'"));
            language[strcspn(language, "\"'\r\n")] = '\0';
            if (*language) {
                setenv("LANG", language, 1);
                found = true;
            }
        }
        fclose(file);
        if (found)
            return;
    }
    const char* language = getenv("LANG");
    if (!language || (strcmp(language, "C") != 0 && strcmp(language, "POSIX") != 0))
        setenv("LANG", "C.UTF-8", 1);
}

// `host_path`: the folders of the host's PATH that the instance sees, or null.
static void set_environment(const struct account* account, const char* host_path) {
    static const char kRootPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static const char kUserPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                                    ":/usr/games:/usr/local/games";
    setenv("HOME", account->home, 1);
    setenv("USER", account->name, 1);
    setenv("LOGNAME", account->name, 1);
    setenv("SHELL", account->shell, 1);
    const bool has_commands = access(COMMANDS_FOLDER, X_OK) == 0;
    char* path = NULL;
    if (asprintf(&path, "%s%s%s%s", account->uid == 0 ? kRootPath : kUserPath,
                 has_commands ? ":" COMMANDS_FOLDER : "", host_path ? ":" : "",
                 host_path ? host_path : "") >= 0)
        setenv("PATH", path, 1);
    free(path);
    setenv("LXSS", "1", 1);
    set_language();
}

// As a shell says it, with its exit codes.
static int exec_failed(const char* program, int error_number) {
    if (error_number == ENOENT && !strchr(program, '/')) {
        dprintf(STDERR_FILENO, "%s: command not found\n", program);
        return kExitNotFound;
    }
    dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(error_number));
    return error_number == ENOENT || error_number == ENOTDIR ? kExitNotFound : kExitNotExecutable;
}

static int exec_login_shell(const struct account* account) {
    const char* slash = strrchr(account->shell, '/');
    char name[sizeof account->shell + 1];
    snprintf(name, sizeof name, "-%s", slash ? slash + 1 : account->shell);
    execl(account->shell, name, (char*)NULL);
    return exec_failed(account->shell, errno);
}

static int exec_shell_line(const struct account* account, const char* line, bool login) {
    const char* slash = strrchr(account->shell, '/');
    char name[sizeof account->shell + 1];
    snprintf(name, sizeof name, "%s%s", login ? "-" : "", slash ? slash + 1 : account->shell);
    execl(account->shell, name, "-c", line, (char*)NULL);
    return exec_failed(account->shell, errno);
}

// As in WSL: the folder asked for; else the host's current one where the instance sees it; else the home.
static void change_folder(const struct account* account, const char* folder) {
    char path[8192], seen[PATH_MAX];
    if (folder && is_windows_path(folder) && host_is_windows() && guest_path(folder, seen))
        folder = seen;
    const char* current = getenv("LXSS_CURRENT_FOLDER");
    char here[PATH_MAX];
    const bool kept = !folder && current && guest_path(current, here) && *here == '/' && chdir(here) == 0;
    unsetenv("LXSS_CURRENT_FOLDER");
    if (kept) {
        setenv("PWD", here, 1);
        return;
    }
    if (!folder || strcmp(folder, "~") == 0)
        snprintf(path, sizeof path, "%s", account->home);
    else if (strncmp(folder, "~/", 2) == 0)
        snprintf(path, sizeof path, "%s/%s", account->home, folder + 2);
    else
        snprintf(path, sizeof path, "%s", folder);
    if (chdir(path) == 0) {
        setenv("PWD", path, 1);
        return;
    }
    if (folder) {
        complain(errno, "cannot start in %s", path);
        exit(kLxssFailed);
    }
    // A missing home is no reason to refuse a session.
    setenv("PWD", "/", 1);
    if (chdir("/") != 0)
        complain(errno, "cannot enter /");
}

// From lxss and lxssd, for init alone.
static const char* const kInternal[] = {"LXSS_X11", "LXSS_XAUTHORITY", "LXSS_WAYLAND", "LXSS_PULSE",
                                        "LXSS_HOST_PATH"};

// What the start of the instance had to say, once, to whoever comes first.
static void print_warnings(void) {
    if (!isatty(STDERR_FILENO))
        return;
    FILE* file = fopen(WARNINGS_FILE, "re");
    if (!file)
        return;
    unlink(WARNINGS_FILE);
    char line[700];
    while (fgets(line, sizeof line, file))
        dprintf(STDERR_FILENO, "%s", line);
    fclose(file);
}

int session(int argc, char** argv) {
    const char *user = NULL, *default_user = NULL, *folder = NULL;
    bool login = false, shell = false;
    int i = 0;
    for (; i < argc && strcmp(argv[i], "--") != 0; ++i) {
        const char* value;
        if ((value = option_value(argv[i], "--user=")))
            user = value;
        else if ((value = option_value(argv[i], "--default-user=")))
            default_user = value;
        else if ((value = option_value(argv[i], "--cd=")))
            folder = value;
        else if (strcmp(argv[i], "--login") == 0)
            login = true;
        else if (strcmp(argv[i], "--shell") == 0)
            shell = true;
        else {
            complain(0, "unknown option %s", argv[i]);
            return 2;
        }
    }
    char** words = i < argc ? argv + i + 1 : argv + argc;
    if ((!login || shell) && !*words) {
        complain(0, "no command given");
        return 2;
    }

    struct wsl_configuration configuration;
    read_wsl_configuration(&configuration, NULL);
    if (!user) {
        if (*configuration.user_default)
            user = configuration.user_default;
        else
            user = default_user ? default_user : "root";
    }
    struct account account;
    if (!find_account(user, &account)) {
        complain(0, "there is no user '%s' in this instance; --user root always works", user);
        return kLxssFailed;
    }
    print_warnings();
    if (configuration.interop_enabled && access(INTEROP_SOCKET, F_OK) == 0) {
        setenv("WSL_INTEROP", INTEROP_SOCKET, 1);
        show_displays(&account);
    }
    // Windows' own; programs of a Linux host would hide the instance's.
    const char* host_folders = configuration.append_host_path ? getenv("LXSS_HOST_PATH") : NULL;
    char* host_path = host_folders ? translate_list(host_folders, false, true) : NULL;
    for (size_t k = 0; k < sizeof kInternal / sizeof *kInternal; ++k)
        unsetenv(kInternal[k]);
    const int failure = become_account(&account);
    if (failure) {
        complain(failure, "cannot become the user '%s'", account.name);
        return kLxssFailed;
    }
    translate_environment(false);
    set_environment(&account, host_path);
    free(host_path);
    change_folder(&account, folder);
    if (shell)
        return exec_shell_line(&account, words[0], login);
    if (login)
        return exec_login_shell(&account);
    execvp(words[0], words);
    return exec_failed(words[0], errno);
}
