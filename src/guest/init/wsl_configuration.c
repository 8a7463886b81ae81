#include "init.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char kFile[] = "/etc/wsl.conf";

static bool is_true(const char* value) {
    return strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0;
}

// A value may stand in quotes.
static void copy_value(char* target, size_t size, const char* value) {
    size_t length = strlen(value);
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        ++value;
        length -= 2;
    }
    if (length >= size) {
        complain(0, "%s: a value is too long and was left out", kFile);
        return;
    }
    memcpy(target, value, length);
    target[length] = '\0';
}

static int handle(void* user, const char* section, const char* name, const char* value) {
    struct wsl_configuration* configuration = user;
    if (strcasecmp(section, "user") == 0 && strcasecmp(name, "default") == 0)
        copy_value(configuration->user_default, sizeof configuration->user_default, value);
    else if (strcasecmp(section, "boot") == 0 && strcasecmp(name, "command") == 0)
        copy_value(configuration->boot_command, sizeof configuration->boot_command, value);
    else if (strcasecmp(section, "network") == 0 && strcasecmp(name, "hostname") == 0)
        copy_value(configuration->network_hostname, sizeof configuration->network_hostname, value);
    else if (strcasecmp(section, "network") == 0 && strcasecmp(name, "generateHosts") == 0)
        configuration->generate_hosts = is_true(value);
    else if (strcasecmp(section, "network") == 0 && strcasecmp(name, "generateResolvConf") == 0)
        configuration->generate_resolv_conf = is_true(value);
    return 1; // sections and names of other parts, or of later versions, are no mistakes
}

void read_wsl_configuration(struct wsl_configuration* configuration) {
    memset(configuration, 0, sizeof *configuration);
    configuration->generate_hosts = true;
    configuration->generate_resolv_conf = true;
    const int line = ini_parse(kFile, handle, configuration);
    if (line > 0)
        complain(0, "%s: line %d is not understood", kFile, line);
}
