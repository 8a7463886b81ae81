// mount(2), umount2(2), pivot_root(2).
#include "abi/mount.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

bool may_mount() { return current().credentials->has_capability(abi::CAP_SYS_ADMIN); }

Result<void> mount_new(const Path& where, UserCString user_source, UserCString user_type, u32 flags,
                       std::string_view data) {
    char type_name[64];
    if (!user_type)
        return Errno::EINVAL;
    auto length = user_type.copy(type_name, sizeof(type_name));
    if (length.is_error())
        return length.error() == Errno::ENAMETOOLONG ? Errno::ENODEV : length.error();
    const FileSystemType* type = find_file_system_type({type_name, length.value()});
    if (!type)
        return Errno::ENODEV;
    PathName source;
    if (user_source)
        TRY(source.assign(user_source));
    else if (type->needs_device)
        return Errno::EINVAL;
    RefPtr<SuperBlock> super_block = TRY(type->create(source.view(), data, flags));
    return mount_at(where, std::move(super_block), user_source ? source.view() : std::string_view("none"), flags);
}

} // namespace

Result<void> sys_mount(UserCString source, UserCString target, UserCString type, HexFlags flag_argument,
                       UserCString user_data) {
    u64 flags = flag_argument;
    if ((flags & abi::MS_MGC_MSK) == abi::MS_MGC_VAL)
        flags &= ~abi::MS_MGC_MSK; // from the days before 2.4
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    std::string_view data;
    if (user_data) {
        // Options are a page of bytes that need not be text: what follows a terminator does not count.
        auto length = user_data.copy(page.data(), page.size());
        if (length.is_error())
            return length.error() == Errno::ENAMETOOLONG ? Errno::EINVAL : length.error();
        data = {page.data(), length.value()};
    }
    const Path where = TRY(resolve_user(abi::AT_FDCWD, target, kFollowLast));
    if (!may_mount())
        return Errno::EPERM;

    constexpr u64 kPropagation = abi::MS_SHARED | abi::MS_PRIVATE | abi::MS_SLAVE | abi::MS_UNBINDABLE;
    if ((flags & abi::MS_REMOUNT) != 0)
        return remount(where, static_cast<u32>(flags), (flags & abi::MS_BIND) != 0, data);
    if (flags & abi::MS_BIND) {
        const Path from = TRY(resolve_user(abi::AT_FDCWD, source, kFollowLast));
        return bind_mount(from, where, (flags & abi::MS_REC) != 0);
    }
    if (flags & kPropagation) {
        const u64 kind = flags & kPropagation;
        if ((kind & (kind - 1)) || (flags & ~(kPropagation | abi::MS_REC | abi::MS_SILENT)))
            return Errno::EINVAL;
        return change_propagation(where, kind, (flags & abi::MS_REC) != 0);
    }
    if (flags & abi::MS_MOVE) {
        const Path from = TRY(resolve_user(abi::AT_FDCWD, source, kFollowLast));
        return move_mount(from, where);
    }
    return mount_new(where, source, type, static_cast<u32>(flags), data);
}

Result<void> sys_umount2(UserCString target, HexFlags flags) {
    constexpr u64 kValid = abi::MNT_FORCE | abi::MNT_DETACH | abi::MNT_EXPIRE | abi::UMOUNT_NOFOLLOW;
    if (flags & ~kValid)
        return Errno::EINVAL;
    if ((flags & abi::MNT_EXPIRE) && (flags & (abi::MNT_FORCE | abi::MNT_DETACH)))
        return Errno::EINVAL;
    const Path where = TRY(resolve_user(abi::AT_FDCWD, target, (flags & abi::UMOUNT_NOFOLLOW) ? 0 : kFollowLast));
    if (!may_mount())
        return Errno::EPERM;
    if (flags & abi::MNT_EXPIRE)
        return Errno::EAGAIN; // every mount counts as used since the last look
    SuperBlock& super_block = *where.mount->super_block; // alive as long as `where`
    TRY(unmount(where, static_cast<u32>(flags.value)));
    if (super_block.mount_count.load(std::memory_order_relaxed) <= 1)
        notify_unmount(super_block);
    return {};
}

Result<void> sys_pivot_root(UserCString new_root, UserCString put_old) {
    if (!may_mount())
        return Errno::EPERM;
    const Path root = TRY(resolve_user(abi::AT_FDCWD, new_root, kFollowLast | kLastDirectory));
    const Path old = TRY(resolve_user(abi::AT_FDCWD, put_old, kFollowLast | kLastDirectory));
    return pivot_root(root, old);
}

} // namespace lxcore
