#include "manager/os/files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace lxss {

std::string replace_file(const std::string& path, const std::string& text) {
    const std::string aside = path + ".new";
    auto failed = [&](const char* what) {
        const std::string reason = std::strerror(errno);
        ::unlink(aside.c_str());
        return "cannot " + std::string(what) + " " + path + ": " + reason;
    };
    UniqueFd file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file)
        return failed("write");
    for (size_t written = 0; written < text.size();) {
        const ssize_t count = ::write(file.get(), text.data() + written, text.size() - written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return failed("write");
        written += static_cast<size_t>(count);
    }
    if (::fsync(file.get()) != 0)
        return failed("write");
    if (::rename(aside.c_str(), path.c_str()) != 0)
        return failed("replace");
    UniqueFd folder(::open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder)
        ::fsync(folder.get());
    return "";
}

UniqueFd open_log(const std::string& path, std::string& error) {
    UniqueFd log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!log)
        error = "cannot open " + path + ": " + std::strerror(errno);
    return log;
}

HostDescriptor given_descriptor() {
    return 3;
}

void show(HostDescriptor terminal, const std::string& text) {
    [[maybe_unused]] const ssize_t written = ::write(terminal, text.data(), text.size());
}

UniqueFd duplicate_descriptor(HostDescriptor descriptor) {
    return UniqueFd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
}

bool is_absolute_path(const std::string& path) {
    return path.starts_with('/');
}

std::map<std::string, std::string> host_drives() {
    return {{"c", "/"}};
}

std::string host_resolver_configuration() {
    std::ifstream file("/etc/resolv.conf");
    std::ostringstream text;
    text << file.rdbuf();
    std::string result = text.str();
    return result.size() <= 32 * 1024 ? result : std::string();
}

} // namespace lxss
