// Attributes of the Linux host's files: stat(2), chmod(2), utimensat(2), xattr(7), statfs(2).
#include "base/format.hpp"
#include "host/linux/file_calls.hpp"

namespace host {

using namespace linux_host;

namespace {

FileType type_of(u32 mode) {
    switch (mode & abi::S_IFMT) {
    case abi::S_IFREG: return FileType::Regular;
    case abi::S_IFDIR: return FileType::Directory;
    case abi::S_IFLNK: return FileType::Symlink;
    case abi::S_IFCHR: return FileType::CharacterDevice;
    case abi::S_IFBLK: return FileType::BlockDevice;
    case abi::S_IFIFO: return FileType::Fifo;
    case abi::S_IFSOCK: return FileType::Socket;
    default: return FileType::Unknown;
    }
}

FileInfo to_info(const abi::stat& from) {
    FileInfo info{};
    info.device = from.st_dev;
    info.inode = from.st_ino;
    info.type = type_of(from.st_mode);
    info.permissions = from.st_mode & abi::S_IALLUGO;
    info.links = static_cast<u32>(from.st_nlink);
    info.uid = from.st_uid;
    info.gid = from.st_gid;
    info.size = static_cast<u64>(from.st_size);
    info.blocks = static_cast<u64>(from.st_blocks);
    info.block_size = static_cast<u32>(from.st_blksize);
    info.device_major = abi::major(from.st_rdev);
    info.device_minor = abi::minor(from.st_rdev);
    info.accessed = {static_cast<i64>(from.st_atime), static_cast<i64>(from.st_atime_nsec)};
    info.modified = {static_cast<i64>(from.st_mtime), static_cast<i64>(from.st_mtime_nsec)};
    info.changed = {static_cast<i64>(from.st_ctime), static_cast<i64>(from.st_ctime_nsec)};
    return info;
}

// The pair that utimensat(2) takes.
struct TimePair {
    abi::timespec times[2];
    TimePair(const abi::timespec* accessed, const abi::timespec* modified) {
        const abi::timespec omit{0, abi::UTIME_OMIT};
        times[0] = accessed ? *accessed : omit;
        times[1] = modified ? *modified : omit;
    }
};

} // namespace

Result<FileInfo> file_info(Handle file) {
    abi::stat found;
    TRY(checked_call(abi::SYS_fstat, number(file), address(&found)));
    return to_info(found);
}

Result<FileInfo> file_info_at(Handle directory, std::string_view name) {
    HostName host_name(name);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    abi::stat found;
    TRY(checked_call(abi::SYS_newfstatat, number(directory), host_name.address(), address(&found),
                     abi::AT_SYMLINK_NOFOLLOW | (name.empty() ? abi::AT_EMPTY_PATH : 0)));
    return to_info(found);
}

Result<void> set_permissions(Handle file, u32 permissions) {
    TRY(checked_call(abi::SYS_fchmod, number(file), permissions));
    return {};
}

Result<void> set_permissions_at(Handle directory, std::string_view name, u32 permissions) {
    HostName host_name(name);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    // fchmodat(2) has no flag against links: through a handle that is for naming only.
    const u64 place = TRY(checked_call(abi::SYS_openat, number(directory), host_name.address(),
                                       abi::O_PATH | abi::O_NOFOLLOW | abi::O_CLOEXEC, 0));
    base::FixedWriter<32> path;
    base::print(path, "/proc/self/fd/{}", place);
    path.put('\0');
    Result<u64> changed = checked_call(abi::SYS_fchmodat, number(abi::AT_FDCWD), address(path.data()), permissions);
    close(static_cast<Handle>(place));
    return changed.is_ok() ? Result<void>() : Result<void>(changed.error());
}

Result<void> set_times(Handle file, const abi::timespec* accessed, const abi::timespec* modified) {
    const TimePair pair(accessed, modified);
    TRY(checked_call(abi::SYS_utimensat, number(file), 0, address(pair.times), 0));
    return {};
}

Result<void> set_times_at(Handle directory, std::string_view name, const abi::timespec* accessed,
                          const abi::timespec* modified) {
    HostName host_name(name);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    const TimePair pair(accessed, modified);
    TRY(checked_call(abi::SYS_utimensat, number(directory), host_name.address(), address(pair.times),
                     abi::AT_SYMLINK_NOFOLLOW));
    return {};
}

Result<usize> get_attribute(Handle file, const char* name, void* value, usize capacity) {
    return checked_call(abi::SYS_fgetxattr, number(file), address(name), address(value), capacity);
}

Result<void> set_attribute(Handle file, const char* name, const void* value, usize length, i32 flags) {
    TRY(checked_call(abi::SYS_fsetxattr, number(file), address(name), address(value), length, number(flags)));
    return {};
}

TreeTraits tree_traits() { return {true, false, false}; }

Result<Handle> create_with_attribute(Handle, std::string_view, bool, const char*, const void*, usize) {
    return Errno::EOPNOTSUPP;
}

Result<usize> list_attributes(Handle file, char* names, usize capacity) {
    return checked_call(abi::SYS_flistxattr, number(file), address(names), capacity);
}

u64 attribute_store() {
    return 0; // with the files
}
bool is_in_attribute_store(u64) {
    return false;
}

Result<void> remove_attribute(Handle file, const char* name) {
    TRY(checked_call(abi::SYS_fremovexattr, number(file), address(name)));
    return {};
}

Result<abi::statfs> file_system_info(Handle file) {
    abi::statfs info{};
    TRY(checked_call(abi::SYS_fstatfs, number(file), address(&info)));
    return info;
}

} // namespace host
