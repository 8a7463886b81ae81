// Files that people edit: the registry, a catalog, lxss.conf and an instance's wsl.conf, as the first byte
// says.
#include "manager/catalog.hpp"
#include "manager/configuration.hpp"
#include "manager/registry.hpp"

extern "C" {
#include "guest/init/init.h"
}

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

static int input = -1;

// In place of fopen(3) in wsl_configuration.c.
extern "C" FILE* open_input(const char*, const char*) {
    return ::fdopen(::dup(input), "r");
}

static void read_registry(const std::string& path) {
    try {
        const lxss::Registry registry(path);
        for (const lxss::RegistryEntry& entry : registry.entries())
            if (registry.find(entry.name) != &entry || !entry.folder.starts_with('/'))
                std::abort();
        if (const lxss::RegistryEntry* entry = registry.default_entry();
            entry && entry->state != lxss::RegistryState::Installed)
            std::abort();
    } catch (const lxss::RegistryError&) {
    }
}

static void read_catalog(const std::string& path) {
    try {
        for (const lxss::Distribution& distribution : lxss::read_catalogs({path}))
            if (distribution.checksum.size() != 0 && distribution.checksum.size() != 64)
                std::abort();
    } catch (const lxss::CatalogError&) {
    }
}

static void read_wsl_conf() {
    ::lseek(input, 0, SEEK_SET);
    wsl_configuration configuration;
    ::read_wsl_configuration(&configuration, [](const char* text) {
        if (std::strlen(text) >= 600)
            std::abort();
    });
    const char* root = configuration.automount_root;
    if (*root != '/' || root[std::strlen(root) - 1] != '/')
        std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0)
        return 0;
    input = ::memfd_create("input", MFD_CLOEXEC);
    const std::string path = "/proc/self/fd/" + std::to_string(input);
    if (input < 0 || ::write(input, data + 1, size - 1) != static_cast<ssize_t>(size - 1))
        std::abort();
    switch (data[0]) {
    case 'r':
        read_registry(path);
        break;
    case 'c':
        read_catalog(path);
        break;
    case 'l':
        lxss::read_configuration(path, "/instances");
        break;
    case 'w':
        read_wsl_conf();
        break;
    }
    ::close(input);
    return 0;
}
