#include "manager/instance_folder.hpp"

#include "manager/paths.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace lxss {

// Names in the open folder, without . and ..; -1 descriptors are not accepted.
static bool list_folder(int folder, std::vector<std::string>& names) {
    const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
    if (!stream) {
        if (copy >= 0)
            ::close(copy);
        return false;
    }
    while (const dirent* item = ::readdir(stream))
        if (std::string_view name = item->d_name; name != "." && name != "..")
            names.emplace_back(name);
    ::closedir(stream);
    return true;
}

bool prepare_instance_folder(const std::string& folder, bool& made_folder, std::string& error) {
    struct stat status;
    made_folder = ::lstat(folder.c_str(), &status) != 0;
    if (made_folder && !make_folders(folder)) {
        error = "cannot make " + folder + ": " + std::strerror(errno);
        return false;
    }
    UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    std::vector<std::string> names;
    if (!descriptor || !list_folder(descriptor.get(), names)) {
        error = "cannot open " + folder + ": " + std::strerror(errno);
        return false;
    }
    if (!names.empty()) {
        error = folder + " is not empty; name a folder that is empty or does not exist";
        return false;
    }
    // The folder keeps other host users out. The root inside has the mode a root folder has, in case the
    // archive names none: the instance's own users must pass through it.
    if (::fchmod(descriptor.get(), 0700) != 0 || ::mkdirat(descriptor.get(), "rootfs", 0755) != 0 ||
        ::fchmodat(descriptor.get(), "rootfs", 0755, 0) != 0) {
        error = "cannot write to " + folder + ": " + std::strerror(errno);
        if (made_folder)
            ::rmdir(folder.c_str());
        return false;
    }
    return true;
}

bool adopt_instance_folder(const std::string& folder, std::string& error) {
    UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    std::vector<std::string> names;
    struct stat status;
    if (!descriptor || !list_folder(descriptor.get(), names) || ::fstat(descriptor.get(), &status) != 0) {
        error = "cannot open " + folder + ": " + std::strerror(errno);
        return false;
    }
    struct stat root;
    if (::fstatat(descriptor.get(), "rootfs", &root, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(root.st_mode)) {
        error = folder + " holds no instance: it has no folder rootfs";
        return false;
    }
    // What else is there would go with the instance when that is unregistered.
    for (const std::string& name : names) {
        if (name != "rootfs" && name != "lock" && name != "lxss.log" && name != "temp" && name != "interop") {
            error = folder + " holds more than an instance: '" + name + "'; move that elsewhere first";
            return false;
        }
    }
    if (status.st_uid != ::geteuid() || ::fchmod(descriptor.get(), 0700) != 0) {
        error = folder + " belongs to another user";
        return false;
    }
    return true;
}

bool is_free_folder(const std::string& folder) {
    struct stat status;
    if (::lstat(folder.c_str(), &status) != 0)
        return errno == ENOENT;
    UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    std::vector<std::string> names;
    return descriptor && list_folder(descriptor.get(), names) && names.empty();
}

// All below the folder, for progress alone: what cannot be read is not counted.
static uint64_t count_files(const std::string& folder) {
    uint64_t count = 0;
    std::error_code failure;
    using Walk = std::filesystem::recursive_directory_iterator;
    for (Walk walk(folder, std::filesystem::directory_options::skip_permission_denied, failure), end;
         !failure && walk != end; walk.increment(failure))
        ++count;
    return count;
}

// With the extended attributes, in which VolFs keeps what the host's files cannot hold.
static int copy_tree(const std::string& folder, const std::string& target, const MoveProgress& progress) {
    // cp names each file in a line; it quotes names that have line ends.
    int lines[2] = {-1, -1};
    if (progress && ::pipe2(lines, O_CLOEXEC) != 0)
        return errno;
    UniqueFd reader(lines[0]), writer(lines[1]);
    const uint64_t total = progress ? count_files(folder) : 0;
    const pid_t pid = ::fork();
    if (pid < 0)
        return errno;
    if (pid == 0) {
        if (writer)
            ::dup2(writer.get(), STDOUT_FILENO);
        ::execlp("cp", "cp", progress ? "-dRv" : "-dR", "--preserve=mode,timestamps,links,xattr",
                 "--reflink=auto", "--", (folder + "/.").c_str(), target.c_str(), nullptr);
        ::_exit(127);
    }
    writer.reset();
    char names[16384];
    ssize_t length;
    uint64_t done = 0;
    while (reader &&
           ((length = ::read(reader.get(), names, sizeof names)) > 0 || (length < 0 && errno == EINTR))) {
        done += static_cast<uint64_t>(std::count(names, names + std::max<ssize_t>(length, 0), '\n'));
        progress(std::min(done, total), total);
    }
    int wait_status = 0;
    while (::waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    if (wait_status != 0)
        return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 127 ? ENOEXEC : EIO;
    UniqueFd descriptor(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return descriptor && ::syncfs(descriptor.get()) == 0 ? 0 : errno;
}

int move_instance_folder(const std::string& folder, const std::string& target, bool& copied,
                         const MoveProgress& progress) {
    copied = false;
    struct stat status;
    const bool made = ::lstat(target.c_str(), &status) != 0;
    if (const size_t slash = target.rfind('/'); slash > 0 && !make_folders(target.substr(0, slash)))
        return errno;
    if (::rename(folder.c_str(), target.c_str()) == 0)
        return 0;
    if (errno != EXDEV)
        return errno;
    // A side store knows the files by their numbers, which a copy's files do not have.
    const bool has_side_store = ::access((folder + "/rootfs/.lxss-attributes").c_str(), F_OK) == 0;
    if (has_side_store && !work_on_tree("--list-places", folder))
        return EXDEV;
    if (made && ::mkdir(target.c_str(), 0700) != 0)
        return errno;
    copied = true;
    int failure = ::chmod(target.c_str(), 0700) != 0 ? errno : copy_tree(folder, target, progress);
    if (!failure && has_side_store && !work_on_tree("--adopt-places", target))
        failure = EXDEV;
    if (failure)
        remove_instance_folder(target, made, 0);
    return failure;
}

// Whether `call` has succeeded, or has nothing to do since the name is gone. Guest folders may carry any
// mode: the owner can always give himself access again, for which `permit` is called once.
template <typename Call, typename Permit>
static bool is_done(const Call& call, const Permit& permit) {
    if (call() == 0 || errno == ENOENT)
        return true;
    if (errno != EACCES)
        return false;
    permit();
    return call() == 0 || errno == ENOENT;
}

// Removes `name` from the open folder. What a folder of that name holds goes with it, but for further
// folders: they are moved up into `folder`, to be removed in their turn, since trees may be deeper than there
// are descriptors or stack. Returns 0 or an errno value.
static int remove_item(int folder, const std::string& name, unsigned& moved) {
    auto permit_folder = [&] { ::fchmod(folder, 0700); };
    if (is_done([&] { return ::unlinkat(folder, name.c_str(), 0); }, permit_folder))
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    UniqueFd inner;
    auto open_inner = [&] {
        inner.reset(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        return inner ? 0 : -1;
    };
    std::vector<std::string> children;
    if (!is_done(open_inner, [&] { ::fchmodat(folder, name.c_str(), 0700, 0); }) ||
        (inner && !list_folder(inner.get(), children)))
        return errno;
    for (const std::string& child : children) {
        auto permit_inner = [&] { ::fchmod(inner.get(), 0700); };
        if (is_done([&] { return ::unlinkat(inner.get(), child.c_str(), 0); }, permit_inner))
            continue;
        if (errno != EISDIR && errno != EPERM)
            return errno;
        auto permit_move = [&] {
            permit_inner();
            ::fchmodat(inner.get(), child.c_str(), 0700, 0);
        };
        for (;;) {
            const std::string place = "removed-" + std::to_string(moved++);
            if (is_done([&] { return ::renameat(inner.get(), child.c_str(), folder, place.c_str()); },
                        permit_move))
                break;
            if (errno != EEXIST && errno != ENOTEMPTY)
                return errno;
        }
    }
    return is_done([&] { return ::unlinkat(folder, name.c_str(), AT_REMOVEDIR); }, permit_folder) ? 0 : errno;
}

// Empties the open folder but for `kept`.
static int remove_contents(int folder, const std::string& kept) {
    unsigned moved = 0;
    for (bool found = true; found;) {
        found = false;
        std::vector<std::string> names;
        if (!list_folder(folder, names))
            return errno == ENOENT ? 0 : errno; // the folder itself is gone
        for (const std::string& name : names) {
            if (name == kept)
                continue;
            found = true;
            if (const int failure = remove_item(folder, name, moved))
                return failure;
        }
    }
    return 0;
}

int remove_instance_folder(const std::string& folder, bool made_folder, int lock_seconds) {
    UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!descriptor)
        return errno == ENOENT ? 0 : errno;
    UniqueFd lock(::openat(descriptor.get(), "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    for (int tries = lock_seconds * 20; lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0; --tries) {
        if (tries <= 0)
            return EBUSY;
        ::usleep(50'000);
    }
    // The lock goes last: until then another removal of the same folder, which a killed manager has left,
    // waits.
    if (const int failure = remove_contents(descriptor.get(), "lock"))
        return failure;
    if (::unlinkat(descriptor.get(), "lock", 0) != 0 && errno != ENOENT)
        return errno;
    return made_folder && ::rmdir(folder.c_str()) != 0 && errno != ENOENT ? errno : 0;
}

} // namespace lxss
