// Attributes and content of directories: stat(2), statx(2), statfs(2), getdents(2), readlink(2).
#include "abi/dirent.hpp"
#include "abi/limits.hpp"
#include "abi/mount.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

Result<void> put_stat(Inode& inode, UserPtr<abi::stat> out) {
    abi::stat result;
    fill_stat(inode, result);
    return copy_to_user(out.address(), &result, sizeof(result));
}

Result<void> stat_path(i32 dirfd, UserCString path, UserPtr<abi::stat> out, u32 flags) {
    const u64 host_calls = current().host_file_calls;
    const Path place = TRY(resolve_user(dirfd, path, flags));
    TRY(place.inode().refresh_looked_up(host_calls));
    return put_stat(place.inode(), out);
}

Result<void> stat_file(i32 fd, UserPtr<abi::stat> out) {
    HeldFile file = TRY(get_file_any(fd));
    TRY(file->inode().refresh());
    return put_stat(file->inode(), out);
}

// AT_EMPTY_PATH with an empty (or, lately, null) path: what the descriptor itself refers to.
Result<bool> is_empty_path(UserCString path) {
    if (!path)
        return true;
    return TRY(UserPtr<char>(path.address()).read()) == 0;
}

Result<void> put_statfs(const Path& place, UserPtr<abi::statfs> out) {
    abi::statfs result = TRY(place.inode().super_block->statistics());
    const u32 flags = place.mount->flags | place.mount->super_block->flags;
    u32 shown = abi::ST_VALID;
    shown |= (flags & abi::MS_RDONLY) ? abi::ST_RDONLY : 0;
    shown |= (flags & abi::MS_NOSUID) ? abi::ST_NOSUID : 0;
    shown |= (flags & abi::MS_NODEV) ? abi::ST_NODEV : 0;
    shown |= (flags & abi::MS_NOEXEC) ? abi::ST_NOEXEC : 0;
    shown |= (flags & abi::MS_SYNCHRONOUS) ? abi::ST_SYNCHRONOUS : 0;
    shown |= (flags & abi::MS_NOATIME) ? abi::ST_NOATIME : 0;
    shown |= (flags & abi::MS_NODIRATIME) ? abi::ST_NODIRATIME : 0;
    shown |= (flags & abi::MS_RELATIME) ? abi::ST_RELATIME : 0;
    result.f_flags = shown;
    return out.write(result);
}

} // namespace

Result<void> sys_stat(UserCString path, UserPtr<abi::stat> out) {
    return stat_path(abi::AT_FDCWD, path, out, kFollowLast);
}

Result<void> sys_lstat(UserCString path, UserPtr<abi::stat> out) { return stat_path(abi::AT_FDCWD, path, out, 0); }

Result<void> sys_fstat(Fd fd, UserPtr<abi::stat> out) { return stat_file(fd, out); }

Result<void> sys_newfstatat(DirFd dirfd, UserCString path, UserPtr<abi::stat> out, AtFlags flags) {
    if (flags & ~(abi::AT_SYMLINK_NOFOLLOW | abi::AT_NO_AUTOMOUNT | abi::AT_EMPTY_PATH | abi::AT_STATX_SYNC_TYPE))
        return Errno::EINVAL;
    if ((flags & abi::AT_EMPTY_PATH) && dirfd >= 0 && TRY(is_empty_path(path)))
        return stat_file(dirfd, out);
    return stat_path(dirfd, path, out, lookup_flags(flags));
}

Result<void> sys_statx(DirFd dirfd, UserCString path, AtFlags flags, HexFlags mask, UserPtr<abi::statx> out) {
    constexpr u32 kValid =
        abi::AT_SYMLINK_NOFOLLOW | abi::AT_NO_AUTOMOUNT | abi::AT_EMPTY_PATH | abi::AT_STATX_SYNC_TYPE;
    if ((mask & abi::STATX__RESERVED) || (flags & ~kValid) ||
        (flags & abi::AT_STATX_SYNC_TYPE) == abi::AT_STATX_SYNC_TYPE)
        return Errno::EINVAL;
    const u64 host_calls = current().host_file_calls;
    const Path place = TRY(resolve_user(dirfd, path, lookup_flags(flags)));
    Inode& inode = place.inode();
    TRY(inode.refresh_looked_up(host_calls));
    abi::statx result{};
    fill_statx(inode, result);
    result.stx_mask |= abi::STATX_MNT_ID;
    result.stx_mnt_id = static_cast<u64>(place.mount->id);
    result.stx_attributes_mask = abi::STATX_ATTR_MOUNT_ROOT;
    if (place.mount->root == place.dentry)
        result.stx_attributes |= abi::STATX_ATTR_MOUNT_ROOT;
    return copy_to_user(out.address(), &result, sizeof(result));
}

Result<void> sys_statfs(UserCString path, UserPtr<abi::statfs> out) {
    return put_statfs(TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast)), out);
}

Result<void> sys_fstatfs(Fd fd, UserPtr<abi::statfs> out) { return put_statfs(TRY(get_file_any(fd))->path, out); }

// ---- directories

namespace {

// Lays records out in guest memory. `New` has linux_dirent64, else linux_dirent.
template <bool New>
class RecordWriter final : public DirectoryVisitor {
public:
    RecordWriter(u64 address, usize size, u64 position) : m_address(address), m_left(size), m_position(position) {}

    bool visit(std::string_view name, u64 inode, u8 type, u64 next_position) override {
        constexpr usize kHead = New ? offsetof(abi::linux_dirent64, d_name) : offsetof(abi::linux_dirent, d_name);
        const usize bytes = base::align_up(kHead + name.size() + (New ? 1 : 2), 8);
        if (bytes > m_left) {
            m_is_full = true;
            return false;
        }
        alignas(8) char record[288] = {};
        if (name.size() > abi::NAME_MAX)
            return true; // cannot be named by any call either
        const u64 offset = next_position;
        const u16 length = static_cast<u16>(bytes);
        __builtin_memcpy(record, &inode, 8);
        __builtin_memcpy(record + 8, &offset, 8);
        __builtin_memcpy(record + 16, &length, 2);
        __builtin_memcpy(record + kHead, name.data(), name.size());
        record[New ? offsetof(abi::linux_dirent64, d_type) : bytes - 1] = static_cast<char>(type);
        if (copy_to_user(m_address, record, bytes).is_error()) {
            m_has_faulted = true;
            return false;
        }
        m_address += bytes;
        m_left -= bytes;
        m_written += bytes;
        m_position = next_position;
        return true;
    }
    Result<u64> result() const {
        if (m_written != 0)
            return m_written;
        if (m_has_faulted)
            return Errno::EFAULT;
        return m_is_full ? Result<u64>(Errno::EINVAL) : Result<u64>(u64{0});
    }
    u64 position() const { return m_position; }

private:
    u64 m_address;
    usize m_left;
    u64 m_position;
    u64 m_written = 0;
    bool m_is_full = false;
    bool m_has_faulted = false;
};

template <bool New>
Result<u64> read_entries(i32 fd, u64 address, u32 size) {
    HeldFile file = TRY(get_file(fd));
    if (!file->inode().is_directory())
        return Errno::ENOTDIR;
    if (file->path.dentry->is_deleted)
        return Errno::ENOENT;
    LockGuard guard(file->position_lock);
    RecordWriter<New> writer(address, size, file->position);
    TRY(file->read_directory(writer));
    file->position = writer.position();
    guard.unlock();
    note_accessed(*file);
    return writer.result();
}

} // namespace

Result<u64> sys_getdents(Fd fd, UserPtr<void> buffer, u32 size) {
    return read_entries<false>(fd, buffer.address(), size);
}

Result<u64> sys_getdents64(Fd fd, UserPtr<void> buffer, u32 size) {
    return read_entries<true>(fd, buffer.address(), size);
}

// ---- symbolic links

Result<u64> sys_readlinkat(DirFd dirfd, UserCString path, OutBuffer buffer, i32 size) {
    if (size <= 0)
        return Errno::EINVAL;
    PathName name;
    TRY(name.assign(path));
    const Path place = TRY(resolve(dirfd, name.view(), name.view().empty() ? kAllowEmpty : 0));
    Inode& inode = place.inode();
    if (!inode.is_symlink())
        return name.view().empty() ? Errno::ENOENT : Errno::EINVAL;
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    const usize length = TRY(inode.read_link(page.data(), page.size()));
    const usize count = base::min(length, static_cast<usize>(size));
    TRY(copy_to_user(buffer, page.data(), count));
    touch_accessed(place);
    return count;
}

Result<u64> sys_readlink(UserCString path, OutBuffer buffer, i32 size) {
    return sys_readlinkat(DirFd{abi::AT_FDCWD}, path, buffer, size);
}

} // namespace lxcore
