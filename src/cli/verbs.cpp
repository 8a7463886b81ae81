#include "cli/verbs.hpp"

#include "cli/conversation.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lxss {

int simple_request(const Arguments& arguments) {
    Request request;
    request.forward_signals = false;
    switch (arguments.verb) {
    case Verb::SetDefault:
        request.header.message = ClientMessage::SetDefault;
        break;
    case Verb::Terminate:
        request.header.message = ClientMessage::Terminate;
        break;
    case Verb::Unregister:
        request.header.message = ClientMessage::Unregister;
        break;
    case Verb::SetUser:
        request.header.message = ClientMessage::SetUser;
        break;
    default:
        throw LauncherError("not a simple request");
    }
    request.arguments = {arguments.instance};
    if (arguments.verb == Verb::SetUser)
        request.arguments.push_back(arguments.user);
    converse(request);
    return 0;
}

int list_instances(const Arguments& arguments) {
    Request request;
    request.header.message = ClientMessage::List;
    request.forward_signals = false;
    struct Row {
        std::string name, folder, state;
        bool is_default;
    };
    std::vector<Row> rows;
    converse(request, [&](const ClientPacket& item) {
        if (item.arguments.size() < 4)
            return;
        if (!arguments.list_running || item.arguments[2] == "Running")
            rows.push_back(
                {item.arguments[0], item.arguments[1], item.arguments[2], !item.arguments[3].empty()});
    });
    if (rows.empty() && !arguments.list_quiet) {
        std::fprintf(
            stderr, arguments.list_running
                        ? "lxss: no instance is running\n"
                        : "lxss: there is no instance yet; 'lxss --import NAME FOLDER FILE.tar' makes one\n");
        return 0;
    }
    int width = 4;
    for (const Row& row : rows)
        width = std::max(width, static_cast<int>(row.name.size()));
    if (arguments.list_verbose)
        std::printf("  %-*s  %-12s  %s\n", width, "NAME", "STATE", "FOLDER");
    for (const Row& row : rows) {
        if (arguments.list_verbose)
            std::printf("%c %-*s  %-12s  %s\n", row.is_default ? '*' : ' ', width, row.name.c_str(),
                        row.state.c_str(), row.folder.c_str());
        else
            std::printf("%s%s\n", row.name.c_str(),
                        row.is_default && !arguments.list_quiet ? " (Default)" : "");
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}

// The absolute name of a folder whose parents may be missing too.
static std::string absolute_folder(std::string folder) {
    while (folder.size() > 1 && folder.ends_with('/'))
        folder.pop_back();
    if (!folder.starts_with('/')) {
        char current[PATH_MAX];
        if (!::getcwd(current, sizeof current))
            throw LauncherError(std::string("cannot tell the current folder: ") + std::strerror(errno));
        folder = std::string(current) + "/" + folder;
    }
    // Links and .. in what is there already; a part that is missing may not be used to climb.
    std::string missing;
    char resolved[PATH_MAX];
    while (!::realpath(folder.c_str(), resolved)) {
        const size_t slash = folder.rfind('/');
        const std::string part = folder.substr(slash + 1);
        if (errno != ENOENT || part == "..")
            throw LauncherError("cannot use the folder " + folder + missing + ": " + std::strerror(errno));
        if (!part.empty() && part != ".")
            missing = "/" + part + missing;
        folder = slash == 0 ? "/" : folder.substr(0, slash);
    }
    const std::string result = (std::strcmp(resolved, "/") == 0 ? "" : resolved) + missing;
    return result.empty() ? "/" : result;
}

int import_instance(const Arguments& arguments) {
    UniqueFd archive(arguments.file == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                           : ::open(arguments.file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!archive)
        throw LauncherError("cannot open " + arguments.file + ": " + std::strerror(errno));
    struct stat status;
    if (::fstat(archive.get(), &status) == 0 && S_ISDIR(status.st_mode))
        throw LauncherError(arguments.file + " is a folder; a tar archive is needed");
    if (::isatty(archive.get()))
        throw LauncherError("the archive would be read from the terminal; name a file");
    // Progress is shown to people only: the archive's size tells the helper to do so.
    std::string size;
    if (::isatty(STDERR_FILENO) && S_ISREG(status.st_mode))
        size = std::to_string(status.st_size);
    Request request;
    request.header.message = ClientMessage::Import;
    request.arguments = {arguments.instance, absolute_folder(arguments.folder), size};
    request.descriptors = {archive.get(), 1, 2};
    converse(request);
    return 0;
}

static const char* compression_of(const std::string& file) {
    if (file.ends_with(".gz") || file.ends_with(".tgz"))
        return "gzip";
    if (file.ends_with(".xz") || file.ends_with(".txz"))
        return "xz";
    if (file.ends_with(".zst") || file.ends_with(".zstd") || file.ends_with(".tzst"))
        return "zstd";
    if (file.ends_with(".bz2") || file.ends_with(".tbz2"))
        return "bzip2";
    return "none";
}

int export_instance(const Arguments& arguments) {
    const UniqueFd no_input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Request request;
    request.header.message = ClientMessage::Export;
    request.arguments = {arguments.instance, compression_of(arguments.file)};
    if (arguments.file == "-") {
        if (::isatty(STDOUT_FILENO))
            throw LauncherError("the archive would be written to the terminal; redirect it, or name a file");
        request.descriptors = {no_input.get(), 1, 2};
        converse(request);
        return 0;
    }
    struct stat status;
    if (::stat(arguments.file.c_str(), &status) == 0)
        throw LauncherError(arguments.file + " exists already; remove it first, or name another file");
    // A half-written archive never bears the name that was asked for.
    const std::string partial = arguments.file + ".partial";
    UniqueFd archive(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!archive)
        throw LauncherError("cannot write " + partial + ": " + std::strerror(errno));
    request.descriptors = {no_input.get(), archive.get(), 2};
    try {
        converse(request);
        if (::fsync(archive.get()) != 0 || ::rename(partial.c_str(), arguments.file.c_str()) != 0)
            throw LauncherError("cannot write " + arguments.file + ": " + std::strerror(errno));
    } catch (...) {
        ::unlink(partial.c_str());
        throw;
    }
    return 0;
}

} // namespace lxss
