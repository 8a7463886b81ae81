// Instances from archives, and archives from instances.
#include "cli/conversation.hpp"
#include "cli/helper_process.hpp"
#include "cli/verbs.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lxss {

std::string absolute_folder(std::string folder) {
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

void import_archive(const std::string& name, const std::string& folder, int archive, bool set_up) {
    struct stat status;
    // Progress is shown to people only: the archive's size tells the helper to do so.
    std::string size;
    if (::isatty(STDERR_FILENO) && ::fstat(archive, &status) == 0 && S_ISREG(status.st_mode))
        size = std::to_string(status.st_size);
    Request request;
    request.header.message = ClientMessage::Import;
    request.header.flags = set_up ? kClientSetUp : 0;
    request.arguments = {name, folder.empty() ? "" : absolute_folder(folder), size};
    request.descriptors = {archive, 1, 2};
    converse(request);
}

void import_file(const std::string& name, const std::string& folder, const std::string& file) {
    UniqueFd archive(file == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                 : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!archive)
        throw LauncherError("cannot open " + file + ": " + std::strerror(errno));
    if (::isatty(archive.get()))
        throw LauncherError("the archive would be read from the terminal; name a file");
    struct stat status;
    if (::fstat(archive.get(), &status) != 0 || !S_ISDIR(status.st_mode))
        return import_archive(name, folder, archive.get(), false);
    if (::faccessat(archive.get(), "oci-layout", F_OK, 0) != 0)
        throw LauncherError(file + " is a folder and no OCI image layout; name an archive, or register a folder "
                            "that holds an instance with --import-in-place");
    HelperProcess tar({"tar", "--create", "--file=-", "--directory=" + file, "--", "."});
    import_archive(name, folder, tar.output(), false);
    tar.finish();
}

int import_instance(const Arguments& arguments) {
    import_file(arguments.instance, arguments.folder, arguments.file);
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
    request.arguments = {arguments.instance,
                         arguments.format.empty() ? compression_of(arguments.file) : arguments.format};
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
