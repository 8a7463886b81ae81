// init: the Linux side of session handling. `init --boot` is pid 1 of an instance; `init --session` becomes a
// user's shell or command. C, and built with musl: it runs before every command, so its start must cost next
// to nothing.
#ifndef LXSS_INIT_H
#define LXSS_INIT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// Exit code when lxss itself, not the command, has failed.
enum { kLxssFailed = 255 };

// What lxss keeps inside of a running instance.
#define RUN_FOLDER "/run/lxss"
#define TOOLS_FOLDER RUN_FOLDER "/tools"     // the programs shipped into instances
#define COMMANDS_FOLDER RUN_FOLDER "/bin"    // their names for users
#define INTEROP_SOCKET RUN_FOLDER "/interop" // lxss-interop's
#define HOST_FOLDER RUN_FOLDER "/host"       // sockets of the host's display and sound
#define ROOTFS_FILE RUN_FOLDER "/rootfs"     // host folder of the instance's root
#define WARNINGS_FILE RUN_FOLDER "/warnings" // for the first session on a terminal
#define MOUNTS_FILE RUN_FOLDER "/mounts"     // names that `lxss --mount` has made, one a line

// Settings of /etc/wsl.conf. Strings are empty when not set.
struct wsl_configuration {
    char user_default[256];
    char network_hostname[256];
    char boot_command[256]; // longer than any line that is read
    bool generate_hosts;
    bool generate_resolv_conf;
    bool automount_enabled;
    char automount_root[256]; // ends with a slash
    char automount_options[256];
    bool mount_fstab;
    bool interop_enabled;
    bool append_host_path;
};

// Reads /etc/wsl.conf; a missing file leaves the defaults, and so does a value that is wrong. `report`, if
// not null, gets a line of text for each setting that is unknown or wrong, with file and line number.
void read_wsl_configuration(struct wsl_configuration* configuration, void (*report)(const char* text));

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
int debug_shell(void);
int system_info(void);
int mount_host_folder(int argc, char** argv);
int unmount_host_folder(int argc, char** argv);
int mount_drive(const char* source, const char* point, const char* options); // -1 with errno

// Shows a UNIX socket of the host as `path`, which is made if need be. Does nothing when it is there already.
// As root. False with errno.
bool mount_host_socket(const char* host_name, const char* path);

// Shows the sockets of the host's display and sound (LXSS_X11 and others in the environment, from lxss) in
// the instance, and sets DISPLAY and its like. As root, before the account is taken.
void show_displays(const struct account* account);

// Programs that users call by name.
int wslpath(int argc, char** argv);
int host_command(int argc, char** argv); // lxss-host
int open_on_host(int argc, char** argv); // lxss-open: browser
int edit_on_host(int argc, char** argv); // lxss-edit
int run_host_file(int argc,
                  char** argv); // lxss-run: what the kernel starts for a program in the host's format

// Runs a program of the host with this process's streams; returns what lxss-host's exit code is to be, with a
// complaint where that is due. Ends the process by the signal that ended the program.
int run_on_host(char** words);

// The commands' folder with its links; where lxss's programs can be reached.
void make_commands(void);

// The host's name of a file of the instance, and the other way round. False with errno ENOENT when the other
// side does not see it. The result is absolute if `path` is.
bool host_path(const char* path, char result[PATH_MAX]);
bool guest_path(const char* path, char result[PATH_MAX]);

// Whether the host is Windows: its names are those of windows_paths.c then, and files of the instance's own
// tree have none.
bool host_is_windows(void);
bool is_windows_path(const char* path); // "C:..." or two slashes
// The host's name of what lies at `rest` ("" or "/...") below a drive that is mounted from `source`. False
// with ENAMETOOLONG.
bool windows_path(const char* source, const char* rest, char result[PATH_MAX]);
// A part of a name of Windows as the instance spells it, with slashes.
void guest_spelling(const char* windows, char result[PATH_MAX]);
// Without the prefix that lifts limits of length.
const char* plain_windows_path(const char* path, char buffer[PATH_MAX]);
// Points behind `source` if `path` is that folder or lies below it, whichever way they are written; else
// null.
const char* below_windows_folder(const char* path, const char* source);

// Of a list of paths what the other side sees, as a list of the other side; null when that is nothing. To be
// freed.
char* translate_list(const char* list, bool to_host, bool is_list);

// Applies WSLENV's flags to the environment: the values of variables with p are paths, with l lists of paths.
// `to_host` tells the direction; false drops variables with w, true those with u.
void translate_environment(bool to_host);

// Replaces the file as a whole; a link of that name is replaced too, not followed. Complains about failure.
void write_file(const char* path, const char* text);
void make_folder(const char* path, mode_t mode); // no complaint when it is there

// Writes "init: ..." to standard error, with the text of `error_number` unless that is 0.
void complain(int error_number, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Points at the value if `argument` is `option` followed by it (such as "--user="), else null.
const char* option_value(const char* argument, const char* option);

#endif
