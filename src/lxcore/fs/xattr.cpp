// The system calls on extended attributes, with the rules of xattr(7) for each namespace.
#include "abi/xattr.hpp"

#include "abi/prctl.hpp"
#include "lxcore/fs/acl.hpp"
#include "lxcore/fs/calls_extra.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/namei.hpp"

namespace lxcore {

namespace {

struct AttributeName {
    char text[abi::XATTR_NAME_MAX + 1];
    usize length = 0;
    std::string_view view() const { return {text, length}; }
    Result<void> copy(UserCString user) {
        Result<usize> copied = user.copy(text, sizeof(text));
        if (copied.is_error())
            return copied.error() == Errno::ENAMETOOLONG ? Errno::ERANGE : copied.error();
        length = copied.value();
        if (length == 0)
            return Errno::ERANGE;
        return {};
    }
};

bool is_administrator() { return current().credentials->has_capability(abi::CAP_SYS_ADMIN); }

// Whether the current task may read (R_OK) or change (W_OK) attributes of this name. A name within a namespace needs
// at least one character.
Result<void> check_namespace(const Inode& inode, std::string_view name, u32 access) {
    const bool writes = (access & abi::W_OK) != 0;
    const auto is_in = [&](std::string_view prefix) { return name.size() > prefix.size() && name.starts_with(prefix); };
    if (is_in("security.")) {
        const u32 capability = name == "security.capability" ? abi::CAP_SETFCAP : abi::CAP_SYS_ADMIN;
        if (writes && !current().credentials->has_capability(capability))
            return Errno::EPERM;
        return {};
    }
    if (is_in("trusted.")) {
        if (!is_administrator())
            return writes ? Errno::EPERM : Errno::ENODATA;
        return {};
    }
    if (is_in("user.")) {
        if (!inode.is_regular() && !inode.is_directory())
            return writes ? Errno::EPERM : Errno::ENODATA;
        if (writes && inode.is_directory() && (inode.mode & abi::S_ISVTX) && !is_owner_or_capable(inode))
            return Errno::EPERM;
        return check_permission(inode, access);
    }
    if (is_in("system.") && inode.super_block && inode.super_block->has_system_attribute(name))
        return writes && !is_owner_or_capable(inode) ? Result<void>(Errno::EPERM) : Result<void>();
    return name == "security." || name == "trusted." || name == "user." ? Errno::EINVAL : Errno::EOPNOTSUPP;
}

Result<void> set_xattr(const Path& path, UserCString user_name, u64 value, u64 size, u64 flags) {
    if (flags & ~u64{abi::XATTR_CREATE | abi::XATTR_REPLACE})
        return Errno::EINVAL;
    AttributeName name;
    TRY(name.copy(user_name));
    if (size > abi::XATTR_SIZE_MAX)
        return Errno::E2BIG;
    if (path.mount && path.mount->is_read_only())
        return Errno::EROFS;
    PageBuffer buffer(base::max<usize>(1, base::page_ceil(size) / base::kPageSize));
    if (!buffer)
        return Errno::ENOMEM;
    if (size != 0)
        TRY(copy_from_user(buffer.data(), value, size));
    Inode& inode = path.inode();
    {
        LockGuard guard(inode.lock);
        if (AclKind kind; is_acl_name(name.view(), kind)) {
            TRY(set_acl(inode, kind, buffer.data(), size));
        } else {
            TRY(check_namespace(inode, name.view(), abi::W_OK));
            TRY(inode.set_xattr(name.view(), buffer.data(), size, static_cast<i32>(flags)));
        }
    }
    notify_dentry(*path.dentry, abi::IN_ATTRIB);
    return {};
}

Result<u64> get_xattr(const Path& path, UserCString user_name, u64 value, u64 size) {
    AttributeName name;
    TRY(name.copy(user_name));
    Inode& inode = path.inode();
    AclKind kind;
    const bool is_acl = is_acl_name(name.view(), kind);
    if (!is_acl)
        TRY(check_namespace(inode, name.view(), abi::R_OK));
    const auto get = [&](void* to, usize room) {
        return is_acl ? get_acl(inode, kind, to, room) : inode.get_xattr(name.view(), to, room);
    };
    if (size == 0)
        return TRY(get(nullptr, 0));
    const usize capacity = base::min<u64>(size, abi::XATTR_SIZE_MAX);
    char small[256];
    if (capacity <= sizeof(small)) {
        const usize length = TRY(get(small, capacity));
        TRY(copy_to_user(value, small, length));
        return length;
    }
    PageBuffer buffer(base::page_ceil(capacity) / base::kPageSize);
    if (!buffer)
        return Errno::ENOMEM;
    const usize length = TRY(get(buffer.data(), capacity));
    TRY(copy_to_user(value, buffer.data(), length));
    return length;
}

Result<u64> list_xattrs(const Path& path, u64 list, u64 size) {
    Inode& inode = path.inode();
    PageBuffer buffer(abi::XATTR_LIST_MAX / base::kPageSize);
    if (!buffer)
        return Errno::ENOMEM;
    Result<usize> listed = inode.list_xattrs(buffer.data(), buffer.size());
    if (listed.is_error()) {
        if (listed.error() == Errno::EOPNOTSUPP)
            return u64{0};
        return listed.error() == Errno::ERANGE ? Errno::E2BIG : listed.error();
    }
    usize length = listed.value();
    if (!is_administrator()) {
        // trusted.* is not for others to see.
        usize kept = 0;
        for (usize at = 0; at < length;) {
            const std::string_view name(buffer.data() + at);
            if (!name.starts_with("trusted.")) {
                __builtin_memmove(buffer.data() + kept, buffer.data() + at, name.size() + 1);
                kept += name.size() + 1;
            }
            at += name.size() + 1;
        }
        length = kept;
    }
    if (size != 0) {
        if (length > size)
            return Errno::ERANGE;
        TRY(copy_to_user(list, buffer.data(), length));
    }
    return u64{length};
}

Result<void> remove_xattr(const Path& path, UserCString user_name) {
    AttributeName name;
    TRY(name.copy(user_name));
    if (path.mount && path.mount->is_read_only())
        return Errno::EROFS;
    Inode& inode = path.inode();
    {
        LockGuard guard(inode.lock);
        if (AclKind kind; is_acl_name(name.view(), kind)) {
            TRY(set_acl(inode, kind, nullptr, 0));
        } else {
            TRY(check_namespace(inode, name.view(), abi::W_OK));
            TRY(inode.remove_xattr(name.view()));
        }
    }
    notify_dentry(*path.dentry, abi::IN_ATTRIB);
    return {};
}

// The place of a descriptor. EBADF, also for files without an inode.
Result<Path> path_of(i32 fd) {
    HeldFile file = TRY(get_file(fd));
    if (!file->path.dentry)
        return Errno::EBADF;
    return file->path;
}

} // namespace

Result<void> sys_setxattr(UserCString path, UserCString name, InBuffer value, u64 size, HexFlags flags) {
    return set_xattr(TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast)), name, value, size, flags);
}

Result<void> sys_lsetxattr(UserCString path, UserCString name, InBuffer value, u64 size, HexFlags flags) {
    return set_xattr(TRY(resolve_user(abi::AT_FDCWD, path, 0)), name, value, size, flags);
}

Result<void> sys_fsetxattr(Fd fd, UserCString name, InBuffer value, u64 size, HexFlags flags) {
    return set_xattr(TRY(path_of(fd)), name, value, size, flags);
}

Result<u64> sys_getxattr(UserCString path, UserCString name, OutBuffer value, u64 size) {
    return get_xattr(TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast)), name, value, size);
}

Result<u64> sys_lgetxattr(UserCString path, UserCString name, OutBuffer value, u64 size) {
    return get_xattr(TRY(resolve_user(abi::AT_FDCWD, path, 0)), name, value, size);
}

Result<u64> sys_fgetxattr(Fd fd, UserCString name, OutBuffer value, u64 size) {
    return get_xattr(TRY(path_of(fd)), name, value, size);
}

Result<u64> sys_listxattr(UserCString path, OutBuffer list, u64 size) {
    return list_xattrs(TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast)), list, size);
}

Result<u64> sys_llistxattr(UserCString path, OutBuffer list, u64 size) {
    return list_xattrs(TRY(resolve_user(abi::AT_FDCWD, path, 0)), list, size);
}

Result<u64> sys_flistxattr(Fd fd, OutBuffer list, u64 size) { return list_xattrs(TRY(path_of(fd)), list, size); }

Result<void> sys_removexattr(UserCString path, UserCString name) {
    return remove_xattr(TRY(resolve_user(abi::AT_FDCWD, path, kFollowLast)), name);
}

Result<void> sys_lremovexattr(UserCString path, UserCString name) {
    return remove_xattr(TRY(resolve_user(abi::AT_FDCWD, path, 0)), name);
}

Result<void> sys_fremovexattr(Fd fd, UserCString name) { return remove_xattr(TRY(path_of(fd)), name); }

} // namespace lxcore
