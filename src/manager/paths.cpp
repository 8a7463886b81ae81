#include "manager/paths.hpp"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

UniqueFd open_runtime_folder(std::string& error) {
    const std::string folder = runtime_folder();
    const bool below_home = !environment("LXSS_HOME").empty();
    if ((below_home ? !make_folders(folder) : ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)) {
        error = "cannot make " + folder + ": " + std::strerror(errno);
        return {};
    }
    UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (!descriptor || ::fstat(descriptor.get(), &status) != 0) {
        error = "cannot open " + folder + ": " + std::strerror(errno) +
                (errno == ENOTDIR || errno == ELOOP ? " (it must be a folder, not a link)" : "");
        return {};
    }
    if (status.st_uid != ::geteuid()) {
        error = folder + " belongs to another user; set XDG_RUNTIME_DIR to a folder of your own";
        return {};
    }
    if (status.st_mode & 077) {
        error = folder + " is open to other users; run 'chmod 700 " + folder + "' if you trust what is in it";
        return {};
    }
    return descriptor;
}

sockaddr_un socket_address(int runtime_folder_descriptor) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", runtime_folder_descriptor,
                  kSocketName);
    return address;
}

bool peer_is_same_user(int socket) {
    ucred peer{};
    socklen_t length = sizeof peer;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == ::geteuid();
}

std::string program_folder() {
    char path[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0)
        return ".";
    const std::string program(path, static_cast<size_t>(length));
    return program.substr(0, program.rfind('/'));
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
