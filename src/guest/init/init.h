// init: the Linux side of session handling. `init --boot` is pid 1 of an instance; `init --session` becomes a
// user's shell or command. C, and built with musl: it runs before every command, so its start must cost next
// to nothing.
#ifndef LXSS_INIT_H
#define LXSS_INIT_H

#include <stdbool.h>
#include <sys/types.h>

// Settings of /etc/wsl.conf that init heeds. Strings are empty when not set.
struct wsl_configuration {
    char user_default[256];
    char network_hostname[256];
    char boot_command[4096];
    bool generate_hosts;
    bool generate_resolv_conf;
};

// Reads /etc/wsl.conf; a missing file leaves the defaults. Complains on standard error about lines it cannot
// read.
void read_wsl_configuration(struct wsl_configuration* configuration);

struct account {
    uid_t uid;
    gid_t gid;
    char name[256];
    char home[4096];
    char shell[4096];
};

// Looks up a name, or a number, in /etc/passwd. A number without an entry is an account without a name's
// comfort (home /, shell /bin/sh). Returns false when there is none.
bool find_account(const char* name_or_number, struct account* account);

// Takes the account's groups, group and user, in that order. Returns 0 or an errno value.
int become_account(const struct account* account);

int boot(int argc, char** argv);
int session(int argc, char** argv);

// Writes "init: ..." to standard error, with the text of `error_number` unless that is 0.
void complain(int error_number, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Points at the value if `argument` is `option` followed by it (such as "--user="), else null.
const char* option_value(const char* argument, const char* option);

#endif
