#include "init.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_number(const char* text) {
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static void fill(struct account* account, uid_t uid, gid_t gid, const char* name, const char* home,
                 const char* shell) {
    account->uid = uid;
    account->gid = gid;
    snprintf(account->name, sizeof account->name, "%s", name);
    snprintf(account->home, sizeof account->home, "%s", home && *home ? home : "/");
    snprintf(account->shell, sizeof account->shell, "%s", shell && *shell ? shell : "/bin/sh");
}

// The file alone is read: name services that need a daemon would have to be started first.
bool find_account(const char* name_or_number, struct account* account) {
    const bool number = is_number(name_or_number);
    const uid_t uid = number ? (uid_t)strtoul(name_or_number, NULL, 10) : 0;
    FILE* file = fopen("/etc/passwd", "re");
    bool found = false;
    while (file && !found) {
        const struct passwd* entry = fgetpwent(file);
        if (!entry)
            break;
        if (strcmp(entry->pw_name, name_or_number) == 0 || (number && entry->pw_uid == uid)) {
            fill(account, entry->pw_uid, entry->pw_gid, entry->pw_name, entry->pw_dir, entry->pw_shell);
            found = true;
        }
    }
    if (file)
        fclose(file);
    if (!found && number) {
        fill(account, uid, (gid_t)uid, name_or_number, "/", "/bin/sh");
        found = true;
    } else if (!found && strcmp(name_or_number, "root") == 0) {
        fill(account, 0, 0, "root", "/root", "/bin/sh"); // a tree without /etc/passwd still opens
        found = true;
    }
    return found;
}

int become_account(const struct account* account) {
    // Not initgroups(3): its order of groups differs between libraries, and it fails when there are too many.
    gid_t groups[256];
    size_t count = 0;
    groups[count++] = account->gid;
    FILE* file = fopen("/etc/group", "re");
    const struct group* entry;
    while (file && (entry = fgetgrent(file)) != NULL)
        for (char** member = entry->gr_mem; *member; ++member)
            if (strcmp(*member, account->name) == 0 && entry->gr_gid != account->gid &&
                count < sizeof groups / sizeof *groups)
                groups[count++] = entry->gr_gid;
    if (file)
        fclose(file);
    // In an ordinary user's user namespace groups are what they are (user_namespaces(7)), and so is the user.
    const bool is_already = getuid() == account->uid && getgid() == account->gid;
    if (setgroups(count, groups) != 0 && !(is_already && errno == EPERM))
        return errno;
    if (setgid(account->gid) != 0 || setuid(account->uid) != 0)
        return errno;
    return 0;
}
