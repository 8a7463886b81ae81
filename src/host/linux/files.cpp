// Files and directories of the Linux host: open_at() ... seek, copy and sync of host.hpp. Names and attributes are
// in file_names.cpp and file_attributes.cpp.
//
// No call here is ended by interrupt_thread(): one that the kernel broke off with EINTR is made again. Descriptors are
// close-on-exec (host exec is never used by pico processes, but debuggers and crash handlers may), never follow a
// symbolic link, and are opened non-blocking so that a FIFO in the tree cannot hang its opener.
#include "base/format.hpp"
#include "host/linux/file_calls.hpp"

namespace host {

using namespace linux_host;

Result<Handle> open_at(Handle directory, std::string_view name, u32 mode, u32 permissions) {
    HostName host_name(name.empty() ? std::string_view(".") : name);
    if (!host_name.is_valid())
        return Errno::ENAMETOOLONG;
    u32 flags = abi::O_CLOEXEC | abi::O_NOCTTY;
    if ((mode & kOpenRead) && (mode & kOpenWrite))
        flags |= abi::O_RDWR;
    else if (mode & kOpenWrite)
        flags |= abi::O_WRONLY;
    if (mode & kOpenAnonymous) {
        // Kernels without O_TMPFILE for this file system say EISDIR or EOPNOTSUPP.
        Result<u64> opened = checked_call(abi::SYS_openat, number(directory), host_name.address(),
                                          flags | abi::O_TMPFILE, permissions);
        if (opened.is_error())
            return opened.error() == Errno::EISDIR ? Errno::EOPNOTSUPP : opened.error();
        return static_cast<Handle>(opened.value());
    }
    flags |= abi::O_NOFOLLOW | abi::O_NONBLOCK;
    if (mode & kOpenCreate)
        flags |= abi::O_CREAT;
    if (mode & kOpenExclusive)
        flags |= abi::O_EXCL;
    if (mode & kOpenTruncate)
        flags |= abi::O_TRUNC;
    if (mode & kOpenDirectory)
        flags |= abi::O_DIRECTORY;
    const u64 opened = TRY(checked_call(abi::SYS_openat, number(directory), host_name.address(), flags,
                                        (mode & kOpenCreate) ? permissions : 0));
    return static_cast<Handle>(opened);
}

Result<Handle> reopen(Handle file, u32 mode) {
    base::FixedWriter<32> path;
    base::print(path, "/proc/self/fd/{}", file);
    path.put('\0');
    u32 flags = abi::O_CLOEXEC | abi::O_NOCTTY | abi::O_NONBLOCK;
    if ((mode & kOpenRead) && (mode & kOpenWrite))
        flags |= abi::O_RDWR;
    else if (mode & kOpenWrite)
        flags |= abi::O_WRONLY;
    const u64 opened = TRY(checked_call(abi::SYS_openat, number(abi::AT_FDCWD), address(path.data()), flags, 0));
    return static_cast<Handle>(opened);
}

Result<usize> read_at(Handle file, const abi::iovec* vectors, usize count, u64 offset) {
    if (count == 1)
        return checked_call(abi::SYS_pread64, number(file), vectors[0].iov_base, vectors[0].iov_len, offset);
    return checked_call(abi::SYS_preadv, number(file), address(vectors), count, offset, 0);
}

Result<usize> write_at(Handle file, const abi::iovec* vectors, usize count, u64 offset) {
    if (count == 1)
        return checked_call(abi::SYS_pwrite64, number(file), vectors[0].iov_base, vectors[0].iov_len,
                            offset);
    return checked_call(abi::SYS_pwritev, number(file), address(vectors), count, offset, 0);
}

Result<usize> append(Handle file, const abi::iovec* vectors, usize count) {
    // RWF_APPEND: the offset is ignored, and the host places the data atomically.
    return checked_call(abi::SYS_pwritev2, number(file), address(vectors), count, 0, 0, abi::RWF_APPEND);
}

Result<void> truncate(Handle file, u64 length) {
    TRY(checked_call(abi::SYS_ftruncate, number(file), length));
    return {};
}

Result<void> allocate(Handle file, i32 mode, u64 offset, u64 length) {
    TRY(checked_call(abi::SYS_fallocate, number(file), number(mode), offset, length));
    return {};
}

Result<u64> seek_data(Handle file, u64 offset) {
    return checked_call(abi::SYS_lseek, number(file), offset, abi::SEEK_DATA);
}

Result<u64> seek_hole(Handle file, u64 offset) {
    return checked_call(abi::SYS_lseek, number(file), offset, abi::SEEK_HOLE);
}

Result<usize> copy_range(Handle from, u64 from_offset, Handle to, u64 to_offset, usize length) {
    u64 from_position = from_offset;
    u64 to_position = to_offset;
    return checked_call(abi::SYS_copy_file_range, number(from), address(&from_position), number(to),
                        address(&to_position), length, 0);
}

Result<void> sync(Handle file, bool data_only) {
    TRY(checked_call(data_only ? abi::SYS_fdatasync : abi::SYS_fsync, number(file)));
    return {};
}

Result<void> sync_file_system(Handle file) {
    TRY(checked_call(abi::SYS_syncfs, number(file)));
    return {};
}

// ---- directories ----

void rewind_directory(Handle directory) { host_call(abi::SYS_lseek, number(directory), 0, abi::SEEK_SET); }

namespace {

FileType entry_type(u8 type) {
    switch (type) {
    case abi::DT_REG: return FileType::Regular;
    case abi::DT_DIR: return FileType::Directory;
    case abi::DT_LNK: return FileType::Symlink;
    case abi::DT_CHR: return FileType::CharacterDevice;
    case abi::DT_BLK: return FileType::BlockDevice;
    case abi::DT_FIFO: return FileType::Fifo;
    case abi::DT_SOCK: return FileType::Socket;
    default: return FileType::Unknown;
    }
}

} // namespace

Result<void> read_directory(Handle directory, bool (*visit)(void* context, const DirectoryEntry& entry),
                            void* context) {
    // Small enough for a kernel stack, and still some sixty names a call.
    alignas(8) char buffer[2048];
    // The host position behind the last entry that was taken.
    u64 resume = TRY(checked_call(abi::SYS_lseek, number(directory), 0, abi::SEEK_CUR));
    for (;;) {
        const usize filled =
            TRY(checked_call(abi::SYS_getdents64, number(directory), address(buffer), sizeof(buffer)));
        if (filled == 0)
            return {};
        for (usize at = 0; at < filled;) {
            const auto* entry = reinterpret_cast<const abi::linux_dirent64*>(buffer + at);
            at += entry->d_reclen;
            const DirectoryEntry visited{entry->d_ino, entry_type(entry->d_type), std::string_view(entry->d_name)};
            if (!visit(context, visited)) {
                TRY(checked_call(abi::SYS_lseek, number(directory), resume, abi::SEEK_SET));
                return {};
            }
            resume = static_cast<u64>(entry->d_off);
        }
    }
}

} // namespace host
