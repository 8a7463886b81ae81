#include "manager/paths.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

namespace lxss {

static std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string data_folder() {
    if (std::string home = environment("LXSS_HOME"); !home.empty())
        return home;
    // The base directory specification has relative paths ignored.
    if (std::string data = environment("XDG_DATA_HOME"); data.starts_with('/'))
        return data + "/lxss";
    if (std::string home = environment("HOME"); !home.empty())
        return home + "/.local/share/lxss";
    return "";
}

std::string configuration_file() {
    if (std::string home = environment("LXSS_HOME"); !home.empty())
        return home + "/lxss.conf";
    if (std::string folder = environment("XDG_CONFIG_HOME"); folder.starts_with('/'))
        return folder + "/lxss/lxss.conf";
    if (std::string home = environment("HOME"); !home.empty())
        return home + "/.config/lxss/lxss.conf";
    return "";
}

std::string runtime_folder() {
    if (std::string home = environment("LXSS_HOME"); !home.empty())
        return home + "/run";
    if (std::string runtime = environment("XDG_RUNTIME_DIR"); runtime.starts_with('/')) {
        struct stat status;
        if (::stat(runtime.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid())
            return runtime + "/lxss";
    }
    return "/tmp/lxss-" + std::to_string(::geteuid());
}

std::string program_path() {
    char path[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    return length <= 0 ? "." : std::string(path, static_cast<size_t>(length));
}

std::string program_folder() {
    const std::string program = program_path();
    return program.substr(0, program.rfind('/'));
}

// The folder that holds bin/, libexec/ and share/.
static std::string installation() {
    const std::string programs = program_folder();
    return programs.substr(0, programs.rfind('/'));
}

std::string guest_programs_folder() {
    return installation() + "/libexec/guest";
}

std::string shared_file(const char* name) {
    return installation() + "/share/lxss/" + name;
}

std::string helper_program(const char* name) {
    return installation() + "/libexec/lxss/" + name;
}

std::string program_file(const char* name) {
    return program_folder() + "/" + name;
}

bool make_folders(const std::string& folder) {
    for (size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
        const std::string part = folder.substr(0, end);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
            // A folder above may be unwritable or read-only and yet be there.
            struct stat status;
            const int reason = errno;
            if (::stat(part.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
                errno = reason;
                return false;
            }
        }
        if (end == folder.npos)
            return true;
    }
}

} // namespace lxss
