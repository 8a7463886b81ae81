#include "init.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char kFile[] = "/etc/wsl.conf";

struct reader {
    FILE* file;
    int line;
    struct wsl_configuration* configuration;
    void (*report)(const char* text);
};

__attribute__((format(printf, 3, 4))) static void report_at(const struct reader* reader, int line,
                                                            const char* format, ...) {
    if (!reader->report)
        return;
    char text[600];
    int length = snprintf(text, sizeof text, "%s:%d: ", kFile, line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    reader->report(text);
}

// inih does not tell the handler the line, and splits lines longer than its buffer, which are left out here.
static char* next_line(char* buffer, int size, void* stream) {
    struct reader* reader = stream;
    for (;;) {
        if (!fgets(buffer, size, reader->file))
            return NULL;
        ++reader->line;
        const size_t length = strlen(buffer);
        if (length + 1 < (size_t)size || buffer[length - 1] == '\n')
            return buffer;
        int next;
        do
            next = fgetc(reader->file);
        while (next != '\n' && next != EOF);
        report_at(reader, reader->line, "the line is longer than %d characters and is left out", size - 2);
    }
}

static void set_boolean(const struct reader* reader, const char* name, const char* value, bool* target) {
    if (strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0)
        *target = true;
    else if (strcasecmp(value, "false") == 0 || strcasecmp(value, "no") == 0 || strcmp(value, "0") == 0)
        *target = false;
    else
        report_at(reader, reader->line, "%s is true or false, not '%s'", name, value);
}

static void set_text(char target[256], const char* value) {
    snprintf(target, 256, "%s", value);
}

static void set_hostname(const struct reader* reader, const char* value, char target[256]) {
    const size_t length = strlen(value);
    if (length == 0 || length > 64 ||
        value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789.-")] != '\0')
        report_at(reader, reader->line, "'%s' cannot be a host name: 64 letters, digits, '.' or '-' at most",
                  value);
    else
        set_text(target, value);
}

static void set_root(const struct reader* reader, const char* value, char target[256]) {
    if (*value != '/' || strlen(value) > 200) {
        report_at(reader, reader->line, "root is the absolute name of a folder, not '%s'", value);
        return;
    }
    set_text(target, value);
    if (value[strlen(value) - 1] != '/')
        strcat(target, "/");
}

// Settings of WSL that have no meaning here, or are its virtual machine's: not worth a warning.
static bool is_known_elsewhere(const char* section, const char* name) {
    static const char* const kSettings[] = {
        "automount.ldconfig", "boot.protectBinfmt",      "boot.systemd",         "gpu.enabled",
        "gpu.appendLibPath",  "time.useWindowsTimezone", "automount.crossDistro"};
    char whole[128];
    snprintf(whole, sizeof whole, "%s.%s", section, name);
    for (size_t i = 0; i < sizeof kSettings / sizeof *kSettings; ++i)
        if (strcasecmp(whole, kSettings[i]) == 0)
            return true;
    return false;
}

static int handle(void* user, const char* section, const char* name, const char* text) {
    struct reader* reader = user;
    struct wsl_configuration* configuration = reader->configuration;
    // A value may stand in quotes; outside of them it ends where a comment begins.
    char value[256];
    set_text(value, text);
    const size_t length = strlen(value);
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value[length - 1] = '\0';
        memmove(value, value + 1, length - 1);
    } else {
        char* comment = strstr(value, " #");
        if (comment)
            *comment = '\0';
    }

    char whole[256];
    snprintf(whole, sizeof whole, "%s.%s", section, name);
#define IS(setting) (strcasecmp(whole, setting) == 0)
    if (IS("user.default"))
        set_text(configuration->user_default, value);
    else if (IS("boot.command"))
        set_text(configuration->boot_command, value);
    else if (IS("network.hostname"))
        set_hostname(reader, value, configuration->network_hostname);
    else if (IS("network.generateHosts"))
        set_boolean(reader, name, value, &configuration->generate_hosts);
    else if (IS("network.generateResolvConf"))
        set_boolean(reader, name, value, &configuration->generate_resolv_conf);
    else if (IS("automount.enabled"))
        set_boolean(reader, name, value, &configuration->automount_enabled);
    else if (IS("automount.mountFsTab"))
        set_boolean(reader, name, value, &configuration->mount_fstab);
    else if (IS("automount.root"))
        set_root(reader, value, configuration->automount_root);
    else if (IS("automount.options"))
        set_text(configuration->automount_options, value);
    else if (IS("interop.enabled"))
        set_boolean(reader, name, value, &configuration->interop_enabled);
    else if (IS("interop.appendWindowsPath"))
        set_boolean(reader, name, value, &configuration->append_host_path);
    else if (!is_known_elsewhere(section, name))
        report_at(reader, reader->line, "there is no setting %s in [%s]", name, section);
#undef IS
    return 1;
}

void read_wsl_configuration(struct wsl_configuration* configuration, void (*report)(const char* text)) {
    memset(configuration, 0, sizeof *configuration);
    configuration->generate_hosts = true;
    configuration->generate_resolv_conf = true;
    configuration->automount_enabled = true;
    configuration->mount_fstab = true;
    configuration->interop_enabled = true;
    configuration->append_host_path = true;
    set_text(configuration->automount_root, "/mnt/");
    struct reader reader = {fopen(kFile, "re"), 0, configuration, report};
    if (!reader.file)
        return;
    const int line = ini_parse_stream(next_line, &reader, handle, &reader);
    if (line > 0)
        report_at(&reader, line, "this is neither [section], name = value, nor a comment");
    fclose(reader.file);
}
