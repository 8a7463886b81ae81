// What inodes and super blocks do unless a file system knows better, attributes, and the permission check.
#include "lxcore/fs/inode.hpp"

#include "abi/fcntl.hpp"
#include "abi/mount.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/acl.hpp"
#include "lxcore/fs/dentry.hpp"
#include "lxcore/fs/file.hpp"
#include "lxcore/fs/file_locks.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/ipc/pipe.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

Inode::Inode() = default;
Inode::~Inode() {
    if (file_locks)
        free_file_locks(*this);
    if (marks)
        free_inotify_marks(*this);
}

SuperBlock::SuperBlock() = default;
SuperBlock::~SuperBlock() = default;

Result<RefPtr<Inode>> Inode::lookup(std::string_view) { return is_directory() ? Errno::ENOENT : Errno::ENOTDIR; }
Result<RefPtr<Inode>> Inode::create(std::string_view, u32, u32, u32, u64) { return Errno::EPERM; }
Result<RefPtr<Inode>> Inode::make_symlink(std::string_view, std::string_view, u32, u32) { return Errno::EPERM; }
Result<void> Inode::link(std::string_view, Inode&) { return Errno::EPERM; }
Result<void> Inode::unlink(std::string_view, Inode&) { return Errno::EPERM; }
Result<void> Inode::remove_directory(std::string_view, Inode&) { return Errno::EPERM; }
Result<void> Inode::rename(std::string_view, Inode&, Inode&, std::string_view, Inode*, u32, const Whiteout*) {
    return Errno::EPERM;
}
Result<RefPtr<Inode>> Inode::create_anonymous(u32, u32, u32) { return Errno::EOPNOTSUPP; }
Result<RefPtr<File>> Inode::open(const Path&, u32) { return Errno::ENXIO; }
Result<usize> Inode::read_link(char*, usize) { return Errno::EINVAL; }
Result<Path> Inode::follow_magic_link() { return Errno::EINVAL; }
Result<void> Inode::refresh() { return {}; }

Result<void> Inode::refresh_rights(u64 host_calls) {
    return has_own_rights() ? Result<void>() : refresh_looked_up(host_calls);
}

Result<void> Inode::refresh_looked_up(u64 host_calls) {
    return current().host_file_calls > host_calls && was_told_last() ? Result<void>() : refresh();
}
bool Inode::may_cache_name(const Inode*) const { return !super_block || super_block->may_cache_names(); }
Result<usize> Inode::get_xattr(std::string_view, void*, usize) { return Errno::EOPNOTSUPP; }
Result<void> Inode::set_xattr(std::string_view, const void*, usize, i32) { return Errno::EOPNOTSUPP; }
Result<usize> Inode::list_xattrs(char*, usize) { return usize{0}; }
Result<void> Inode::remove_xattr(std::string_view) { return Errno::EOPNOTSUPP; }

Result<void> Inode::set_attributes(const AttributeChange& change) {
    if (change.valid & kChangeMode)
        mode = (mode & abi::S_IFMT) | (change.mode & abi::S_IALLUGO);
    if (change.valid & kChangeUid)
        uid = change.uid;
    if (change.valid & kChangeGid)
        gid = change.gid;
    if (change.valid & kChangeSize)
        size = change.size;
    if (change.valid & kChangeAccessed)
        accessed = change.accessed;
    if (change.valid & kChangeModified)
        modified = change.modified;
    if (change.valid & kChangeChanged)
        now_realtime(changed);
    return {};
}

Result<abi::statfs> SuperBlock::statistics() {
    // What simple_statfs() of Linux reports for file systems without storage.
    abi::statfs result{};
    result.f_type = magic;
    result.f_bsize = base::kPageSize;
    result.f_namelen = 255;
    result.f_frsize = base::kPageSize;
    return result;
}

Result<void> SuperBlock::sync() { return {}; }
void SuperBlock::unmounted() { root.reset(); }

Result<void> SuperBlock::remount(u32 new_flags, std::string_view) {
    flags = new_flags;
    return {};
}

void now_realtime(abi::timespec& time) {
    auto now = host::clock_time(abi::CLOCK_REALTIME_COARSE);
    if (now.is_ok())
        time = now.value();
}

void fill_stat(const Inode& inode, abi::stat& out) {
    out.st_dev = inode.super_block->device;
    out.st_ino = inode.number;
    out.st_nlink = inode.links;
    out.st_mode = inode.mode;
    out.st_uid = inode.uid;
    out.st_gid = inode.gid;
    out.__pad0 = 0;
    out.st_rdev = inode.device;
    out.st_size = static_cast<i64>(inode.size);
    out.st_blksize = inode.block_size;
    out.st_blocks = static_cast<i64>(inode.blocks);
    out.st_atime = static_cast<u64>(inode.accessed.tv_sec);
    out.st_atime_nsec = static_cast<u64>(inode.accessed.tv_nsec);
    out.st_mtime = static_cast<u64>(inode.modified.tv_sec);
    out.st_mtime_nsec = static_cast<u64>(inode.modified.tv_nsec);
    out.st_ctime = static_cast<u64>(inode.changed.tv_sec);
    out.st_ctime_nsec = static_cast<u64>(inode.changed.tv_nsec);
    out.__unused[0] = out.__unused[1] = out.__unused[2] = 0;
}

static abi::statx_timestamp statx_time(const abi::timespec& time) {
    return {time.tv_sec, static_cast<u32>(time.tv_nsec), 0};
}

void fill_statx(const Inode& inode, abi::statx& out) {
    out.stx_mask = abi::STATX_BASIC_STATS;
    out.stx_blksize = inode.block_size;
    out.stx_nlink = inode.links;
    out.stx_uid = inode.uid;
    out.stx_gid = inode.gid;
    out.stx_mode = static_cast<u16>(inode.mode);
    out.stx_ino = inode.number;
    out.stx_size = inode.size;
    out.stx_blocks = inode.blocks;
    out.stx_atime = statx_time(inode.accessed);
    out.stx_ctime = statx_time(inode.changed);
    out.stx_mtime = statx_time(inode.modified);
    if (inode.born.tv_sec != 0) {
        out.stx_mask |= abi::STATX_BTIME;
        out.stx_btime = statx_time(inode.born);
    }
    out.stx_rdev_major = abi::major(inode.device);
    out.stx_rdev_minor = abi::minor(inode.device);
    out.stx_dev_major = abi::major(inode.super_block->device);
    out.stx_dev_minor = abi::minor(inode.super_block->device);
}

bool is_owner_or_capable(const Inode& inode) {
    const Credentials& credentials = *current().credentials;
    return credentials.fsuid == inode.uid || credentials.has_capability(abi::CAP_FOWNER);
}

namespace {

Result<void> check_bits(const Inode& inode, u32 access, const AclSubject& subject, u64 capabilities) {
    const u32 mode = inode.mode;
    const auto granted = [&]() -> bool {
        if (subject.uid == inode.uid)
            return (access & ~(mode >> 6) & 7) == 0;
        // A mask that grants nothing makes the list count for nothing, as on Linux.
        if ((inode.acl_kinds & static_cast<u8>(AclKind::Access)) && (mode & abi::S_IRWXG)) {
            const Result<void> checked = check_acl(inode, access & 7, subject);
            if (checked.is_ok() || checked.error() != Errno::EAGAIN)
                return checked.is_ok();
        }
        const bool in_group = ((mode ^ (mode >> 3)) & access & 7) != 0 && subject.is_in_group(inode.gid);
        return (access & ~(in_group ? mode >> 3 : mode) & 7) == 0;
    };
    if (granted())
        return {};
    const auto has = [&](u32 capability) { return ((capabilities >> capability) & 1) != 0; };
    if (inode.is_directory()) {
        if (has(abi::CAP_DAC_OVERRIDE))
            return {};
        if (!(access & abi::W_OK) && has(abi::CAP_DAC_READ_SEARCH))
            return {};
        return Errno::EACCES;
    }
    if (access == abi::R_OK && has(abi::CAP_DAC_READ_SEARCH))
        return {};
    // Root may run what somebody may run.
    if ((!(access & abi::X_OK) || (mode & abi::S_IXUGO)) && has(abi::CAP_DAC_OVERRIDE))
        return {};
    return Errno::EACCES;
}

} // namespace

Result<void> check_permission_as(const Inode& inode, u32 access, const Credentials& credentials, bool real_ids) {
    if (!real_ids)
        return check_bits(inode, access, {credentials.fsuid, credentials, false}, credentials.effective);
    // access(2): what the real user could do. Its capabilities are all permitted ones for root, none for others.
    u64 capabilities = credentials.effective;
    if (!(credentials.securebits & abi::SECBIT_NO_SETUID_FIXUP))
        capabilities = credentials.uid == 0 ? credentials.permitted : 0;
    return check_bits(inode, access, {credentials.uid, credentials, true}, capabilities);
}

Result<void> check_permission(const Inode& inode, u32 access) {
    // Everybody may: the common case of a search through /usr/lib.
    if (!inode.acl_kinds && (access & ~(inode.mode & (inode.mode >> 3) & (inode.mode >> 6)) & 7) == 0)
        return {};
    return check_permission_as(inode, access, *current().credentials, false);
}

} // namespace lxcore
