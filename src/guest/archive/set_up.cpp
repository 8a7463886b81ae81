#include "set_up.hpp"

#include "extract.hpp"

#include <archive_entry.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <spawn.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lxss {

namespace fs = std::filesystem;

static const fs::path kFolder = "/.lxss-setup";

// The data of a package: an ar archive with a tar archive in it, deb(5).
static void unpack_package(const fs::path& path) {
    const Archive package(archive_read_new());
    archive_read_support_format_ar(package.get());
    if (archive_read_open_filename(package.get(), path.c_str(), 256 * 1024) != ARCHIVE_OK)
        throw ArchiveError(path.string() + " is no package: " + reason_of(package.get()));
    archive_entry* entry;
    while (archive_read_next_header(package.get(), &entry) == ARCHIVE_OK) {
        const char* name = archive_entry_pathname(entry);
        if (!name || !std::string_view(name).starts_with("data.tar"))
            continue;
        ExtractOptions options;
        options.follow_links = true; // bin -> usr/bin
        const Archive data = open_tar_within(package.get());
        extract_all(data.get(), options);
        return;
    }
    throw ArchiveError(path.string() + " has no data");
}

static void mount_file_system(const char* type, const char* folder, const char* options) {
    fs::create_directories(folder);
    if (::mount(type, folder, type, 0, options) != 0 && errno != EBUSY)
        throw ArchiveError(std::string("cannot mount ") + folder + ": " + std::strerror(errno));
}

static void run_script() {
    for (const char* name : {"LD_PRELOAD", "TMPDIR"})
        ::unsetenv(name);
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    ::setenv("HOME", "/root", 1);
    ::setenv("LC_ALL", "C.UTF-8", 1);
    const std::string script = kFolder / "run";
    char* words[] = {const_cast<char*>("sh"), const_cast<char*>(script.c_str()), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    // The archive is read to its end; what is said is for the user.
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    ::posix_spawn_file_actions_adddup2(&actions, 2, 1);
    pid_t pid;
    const int failure = ::posix_spawn(&pid, "/bin/sh", &actions, nullptr, words, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failure)
        throw ArchiveError(std::string("cannot run /bin/sh: ") + std::strerror(failure));
    int wait_status = 0;
    while (::waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    if (wait_status != 0)
        throw ArchiveError("the packages could not be installed");
}

void set_up_from_packages() {
    try {
        // Where the distribution has its programs below /usr, links stand for them before the first package
        // comes.
        for (const char* folder : {"bin", "sbin", "lib", "lib64"}) {
            fs::create_directories(fs::path("/usr") / folder);
            if (!fs::exists(fs::symlink_status(fs::path("/") / folder)))
                fs::create_symlink(fs::path("usr") / folder, fs::path("/") / folder);
        }
        std::set<fs::path> packages;
        for (const auto& item : fs::directory_iterator(kFolder / "essential"))
            packages.insert(item.path());
        Progress progress("Unpacking packages");
        uint64_t count = 0;
        for (const fs::path& package : packages) {
            unpack_package(package);
            progress.show(++count, 0, 0);
        }
        mount_file_system("proc", "/proc", nullptr);
        mount_file_system("sysfs", "/sys", nullptr);
        mount_file_system("devtmpfs", "/dev", "mode=755");
        mount_file_system("devpts", "/dev/pts", "mode=620,gid=5,ptmxmode=666");
        mount_file_system("tmpfs", "/dev/shm", "mode=1777");
        mount_file_system("tmpfs", "/run", "mode=755");
        run_script();
        fs::remove_all(kFolder);
    } catch (const fs::filesystem_error& problem) {
        throw ArchiveError(problem.what());
    }
}

} // namespace lxss
