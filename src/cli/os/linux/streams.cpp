#include "cli/os/streams.hpp"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lxss {

std::vector<std::string> prepare_launcher(int count, char** arguments) {
    for (int descriptor = 0; descriptor < 3; ++descriptor)
        if (::fcntl(descriptor, F_GETFD) < 0)
            ::open("/dev/null", O_RDWR);
    return {arguments + 1, arguments + count};
}

HostDescriptor standard_stream(int number) {
    return number;
}

bool is_terminal(HostDescriptor descriptor) {
    return ::isatty(descriptor) == 1;
}

static UniqueFd checked(int descriptor, std::string& error) {
    if (descriptor < 0)
        error = std::strerror(errno);
    return UniqueFd(descriptor);
}

UniqueFd duplicate(HostDescriptor descriptor, std::string& error) {
    return checked(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3), error);
}

UniqueFd open_nothing() {
    return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

UniqueFd open_for_reading(const std::string& path, std::string& error) {
    return checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC), error);
}

UniqueFd open_for_writing(const std::string& path, bool is_private, std::string& error) {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | (is_private ? O_NOFOLLOW : 0);
    return checked(::open(path.c_str(), flags, is_private ? 0600 : 0666), error);
}

FileKind kind_of(HostDescriptor descriptor) {
    struct stat status;
    if (::fstat(descriptor, &status) != 0)
        return {};
    return {S_ISDIR(status.st_mode), S_ISREG(status.st_mode), static_cast<uint64_t>(status.st_size)};
}

bool file_exists(const std::string& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0;
}

std::string finish_file(HostDescriptor file, const std::string& path, const std::string& final_path) {
    return ::fsync(file) != 0 || ::rename(path.c_str(), final_path.c_str()) != 0 ? std::strerror(errno) : "";
}

void remove_file(const std::string& path) {
    ::unlink(path.c_str());
}

std::string absolute_folder(std::string folder, std::string& error) {
    while (folder.size() > 1 && folder.ends_with('/'))
        folder.pop_back();
    if (!folder.starts_with('/')) {
        char current[PATH_MAX];
        if (!::getcwd(current, sizeof current)) {
            error = std::string("cannot tell the current folder: ") + std::strerror(errno);
            return "";
        }
        folder = std::string(current) + "/" + folder;
    }
    // Links and .. in what is there already; a part that is missing may not be used to climb.
    std::string missing;
    char resolved[PATH_MAX];
    while (!::realpath(folder.c_str(), resolved)) {
        const size_t slash = folder.rfind('/');
        const std::string part = folder.substr(slash + 1);
        if (errno != ENOENT || part == "..") {
            error = "cannot use the folder " + folder + missing + ": " + std::strerror(errno);
            return "";
        }
        if (!part.empty() && part != ".")
            missing = "/" + part + missing;
        folder = slash == 0 ? "/" : folder.substr(0, slash);
    }
    const std::string result = (std::strcmp(resolved, "/") == 0 ? "" : resolved) + missing;
    return result.empty() ? "/" : result;
}

} // namespace lxss
