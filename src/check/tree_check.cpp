// What is looked for follows from the order in which VolFs writes (docs/decisions/volfs-metadata.md): a file is prepared in
// the staging folder, a directory is marked before a special file appears in it, LXATTRB is written before the host's bits.
#include "check/tree_check.hpp"

#include "abi/xattr.hpp"

#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

namespace lxss {

namespace {

constexpr const char* kAttribute = "user.lxattrb";
constexpr const char* kSetAside = "user.lxattrb.broken";
constexpr const char* kStaging = ".lxss-staging";
constexpr uint16_t kOurs = 0x4000, kHasSpecials = 0x8000;
constexpr off_t kLongestTarget = 4095;

class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0)
            ::close(number_);
    }
    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }

private:
    int number_;
};

std::optional<std::vector<std::string>> names_in(int folder) {
    const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
    if (!stream) {
        if (copy >= 0)
            ::close(copy);
        return std::nullopt;
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream))
        if (const std::string_view name = entry->d_name; name != "." && name != "..")
            names.emplace_back(name);
    ::closedir(stream);
    return names;
}

struct Attribute {
    bool exists = false, is_valid = false;
    abi::lxattrb value{};
};

Attribute read_attribute(int file) {
    Attribute attribute;
    char raw[sizeof(abi::lxattrb) + 1];
    const ssize_t length = ::fgetxattr(file, kAttribute, raw, sizeof raw);
    attribute.exists = length >= 0 || errno == ERANGE;
    if (length == static_cast<ssize_t>(sizeof attribute.value)) {
        std::memcpy(&attribute.value, raw, sizeof attribute.value);
        attribute.is_valid = attribute.value.version == abi::LXATTRB_VERSION;
    }
    return attribute;
}

bool write_attribute(int file, const abi::lxattrb& value) {
    return ::fsetxattr(file, kAttribute, &value, sizeof value, 0) == 0;
}

bool set_broken_aside(int file) {
    char raw[4096];
    const ssize_t length = ::fgetxattr(file, kAttribute, raw, sizeof raw);
    if (length >= 0 && ::fsetxattr(file, kSetAside, raw, static_cast<size_t>(length), 0) != 0)
        return false;
    return ::fremovexattr(file, kAttribute) == 0;
}

} // namespace

void TreeCheck::problem(const std::string& path, const std::string& what, bool was_repaired) {
    ++found;
    repaired += was_repaired;
    report(path, what, was_repaired);
}

void TreeCheck::empty_staging(int root) {
    const Descriptor staging(::openat(root, kStaging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const auto names = staging ? names_in(staging.get()) : std::nullopt;
    if (!names)
        return;
    for (const std::string& name : *names) {
        const bool removed = repair && (::unlinkat(staging.get(), name.c_str(), 0) == 0 ||
                                        ::unlinkat(staging.get(), name.c_str(), AT_REMOVEDIR) == 0);
        problem("/" + std::string(kStaging) + "/" + name, "a file that was never finished", removed);
    }
}

bool TreeCheck::check_folder(int folder, const std::string& path) {
    const auto names = names_in(folder);
    if (!names)
        return false;
    bool has_specials = false;
    for (const std::string& name : *names) {
        if (path.empty() && name == kStaging)
            continue;
        const std::string inner = path + "/" + name;
        struct stat status;
        if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
            return false;
        ++files;
        if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
            continue; // the host's own links and special files speak for themselves
        const Descriptor file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        if (!file) {
            problem(inner, std::string("cannot be opened: ") + std::strerror(errno), false);
            continue;
        }
        Attribute attribute = read_attribute(file.get());
        if (attribute.exists && !attribute.is_valid) {
            problem(inner, "its Linux attributes cannot be read (kept as user.lxattrb.broken when repaired)",
                    repair && set_broken_aside(file.get()));
            attribute = {};
        }
        if (attribute.exists) {
            const mode_t type = attribute.value.mode & S_IFMT;
            const bool fits = S_ISDIR(status.st_mode) ? type == S_IFDIR : type != S_IFDIR;
            if (type != 0 && !fits) {
                attribute.value.mode = (attribute.value.mode & ~static_cast<uint32_t>(S_IFMT)) | (status.st_mode & S_IFMT);
                problem(inner, "its Linux attributes are those of another type of file",
                        repair && write_attribute(file.get(), attribute.value));
            }
            const mode_t carried = attribute.value.mode & S_IFMT;
            const bool is_special = S_ISREG(status.st_mode) && carried != S_IFREG && carried != 0;
            has_specials |= is_special;
            if (is_special && carried == S_IFLNK && (status.st_size == 0 || status.st_size > kLongestTarget))
                problem(inner, "a symbolic link without a target", false);
            if (is_special && carried != S_IFLNK && status.st_size != 0)
                problem(inner, "a device, FIFO or socket with data in it", repair && ::truncate(("/proc/self/fd/" + std::to_string(file.get())).c_str(), 0) == 0);
            const mode_t wanted = (attribute.value.mode & 0777) | (S_ISDIR(status.st_mode) ? 0700 : 0600);
            // WSL 1 keeps no mode in the host's bits.
            if ((attribute.value.flags & kOurs) && (status.st_mode & 0777) != wanted)
                problem(inner, "the host's permissions are not those of the Linux mode",
                        repair && ::fchmod(file.get(), wanted) == 0);
        }
        if (S_ISDIR(status.st_mode) && !check_folder(file.get(), inner))
            problem(inner, std::string("cannot be read: ") + std::strerror(errno), false);
    }
    if (!has_specials)
        return true;
    Attribute own = read_attribute(folder);
    // What WSL 1 wrote, or what cannot be read, makes every entry be looked at.
    if (own.exists && (!own.is_valid || !(own.value.flags & kOurs) || (own.value.flags & kHasSpecials)))
        return true;
    if (!own.exists) {
        struct stat status;
        if (::fstat(folder, &status) != 0)
            return false;
        own.value.version = abi::LXATTRB_VERSION;
        own.value.mode = status.st_mode & (S_IFMT | 07777);
    }
    own.value.flags |= kOurs | kHasSpecials;
    problem(path.empty() ? "/" : path, "not marked as a folder with devices, FIFOs, sockets or owned links",
            repair && write_attribute(folder, own.value));
    return true;
}

bool TreeCheck::run(int root) {
    empty_staging(root);
    return check_folder(root, "");
}

} // namespace lxss
