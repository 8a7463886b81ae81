// Path resolution: path_resolution(7), openat2(2) for the RESOLVE_ restrictions.
#include "lxcore/fs/namei.hpp"

#include "abi/limits.hpp"
#include "abi/mount.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/inotify.hpp"
#include "lxcore/fs/walker.hpp"

namespace lxcore {

// ---- the walk

Walker::~Walker() {
    if (m_text)
        release_pages(m_text, kTextPages);
}

Result<void> Walker::start(i32 dirfd, std::string_view path) {
    if (path.empty())
        return Errno::ENOENT;
    if (path.size() >= abi::PATH_MAX)
        return Errno::ENAMETOOLONG;
    const bool is_absolute = path[0] == '/';
    if (is_absolute && (m_flags & kBeneath))
        return Errno::EXDEV;
    if (is_absolute && !(m_flags & kInRoot))
        m_at = current_root();
    else
        m_at = TRY(base_path(dirfd, {}));
    if (m_flags & (kBeneath | kInRoot))
        m_root = m_at;
    m_rest = path;
    return {};
}

bool Walker::is_at_root() {
    if (!m_root)
        m_root = current_root();
    return m_at == m_root;
}

Result<void> Walker::enter_mounts() {
    if (!is_mountpoint(*m_at.dentry))
        return {};
    Path top = cross_mounts_down(m_at);
    if ((m_flags & kNoCrossDevice) && top.mount != m_at.mount)
        return Errno::EXDEV;
    m_at = std::move(top);
    return {};
}

Result<void> Walker::step_up() {
    for (;;) {
        if (is_at_root())
            return (m_flags & kBeneath) ? Result<void>(Errno::EXDEV) : Result<void>();
        if (m_at.dentry != m_at.mount->root) {
            if (RefPtr<Dentry> parent = dentry_parent(*m_at.dentry))
                m_at.dentry = std::move(parent);
            return enter_mounts();
        }
        if (!cross_mount_up(m_at))
            return {};
        if (m_flags & kNoCrossDevice)
            return Errno::EXDEV;
    }
}

Result<void> Walker::follow(Dentry& link) {
    Inode& inode = *link.inode;
    if ((m_flags & kNoSymlinks) || (m_at.mount->flags & abi::MS_NOSYMFOLLOW) || ++m_links > abi::MAXSYMLINKS)
        return Errno::ELOOP;
    auto magic = inode.follow_magic_link();
    if (magic.is_ok()) {
        if (m_flags & kNoMagicLinks)
            return Errno::ELOOP;
        if ((m_flags & (kBeneath | kInRoot)) ||
            ((m_flags & kNoCrossDevice) && magic.value().mount != m_at.mount))
            return Errno::EXDEV;
        m_at = magic.release_value();
        return {};
    }
    if (magic.error() != Errno::EINVAL)
        return magic.error();

    // The target goes in front of what is left of the path, which stands at the end of a private buffer.
    constexpr usize kBytes = kTextPages * base::kPageSize;
    if (!m_text) {
        m_text = static_cast<char*>(allocate_pages(kTextPages));
        if (!m_text)
            return Errno::ENOMEM;
        char* copy = m_text + kBytes - m_rest.size();
        __builtin_memcpy(copy, m_rest.data(), m_rest.size());
        m_rest = {copy, m_rest.size()};
    } else if (m_rest.empty()) {
        m_rest = {m_text + kBytes, 0};
    }
    const usize room = static_cast<usize>(m_rest.data() - m_text);
    const usize length = TRY(inode.read_link(m_text, base::min<usize>(room, abi::PATH_MAX)));
    if (length == 0)
        return Errno::ENOENT;
    if (length >= abi::PATH_MAX || length >= room)
        return Errno::ENAMETOOLONG;
    char* target = const_cast<char*>(m_rest.data()) - length;
    __builtin_memmove(target, m_text, length);
    m_rest = {target, m_rest.size() + length};
    if (target[0] != '/')
        return {};
    if (m_flags & kBeneath)
        return Errno::EXDEV;
    Path root = (m_flags & kInRoot) ? m_root : current_root();
    if ((m_flags & kNoCrossDevice) && root.mount != m_at.mount)
        return Errno::EXDEV;
    m_at = std::move(root);
    return {};
}

RefPtr<Dentry> Walker::trusted_child(std::string_view name) {
    Dentry& parent = *m_at.dentry;
    if (!(m_flags & kTrustLast) || !parent.super_block->asks_always)
        return nullptr;
    RefPtr<Dentry> known = find_cached_dentry(parent, name);
    if (!known || !known->inode || known->mounted.load(std::memory_order_relaxed) != 0 ||
        !parent.inode->opening_verifies(*known->inode, name))
        return nullptr;
    m_has_trusted = true;
    return known;
}

Result<void> Walker::run(ParentName* parent) {
    for (;;) {
        usize start = 0;
        while (start < m_rest.size() && m_rest[start] == '/')
            ++start;
        m_rest.remove_prefix(start);
        Inode& directory = *m_at.dentry->inode;
        if (m_rest.empty()) {
            if (start != 0 && !directory.is_directory())
                return Errno::ENOTDIR;
            if (parent) {
                parent->parent = m_at;
                parent->kind = ParentName::Kind::Root;
                parent->length = 0;
            }
            return {};
        }
        if (!directory.is_directory())
            return Errno::ENOTDIR;
        TRY(check_permission(directory, abi::X_OK));

        usize length = 0;
        while (length < m_rest.size() && m_rest[length] != '/')
            ++length;
        const std::string_view name = m_rest.substr(0, length);
        usize next = length;
        while (next < m_rest.size() && m_rest[next] == '/')
            ++next;
        const bool is_last = next == m_rest.size();
        if (length > abi::NAME_MAX)
            return Errno::ENAMETOOLONG;
        const bool is_dot = length == 1 && name[0] == '.';
        const bool is_dot_dot = length == 2 && name[0] == '.' && name[1] == '.';
        if (parent && is_last) {
            parent->parent = m_at;
            __builtin_memcpy(parent->name, name.data(), length);
            parent->name[length] = 0;
            parent->length = length;
            parent->kind = is_dot       ? ParentName::Kind::Dot
                           : is_dot_dot ? ParentName::Kind::DotDot
                                        : ParentName::Kind::Normal;
            parent->trailing_slash = next > length;
            m_rest = {};
            return {};
        }
        m_rest.remove_prefix(length); // what follows begins with a slash, or is empty
        if (is_dot)
            continue;
        if (is_dot_dot) {
            TRY(step_up());
            continue;
        }
        RefPtr<Dentry> child = m_rest.empty() ? trusted_child(name) : nullptr;
        if (!child)
            child = TRY(lookup_dentry(*m_at.dentry, name));
        const Inode* inode = child->inode.get();
        if (!inode)
            return Errno::ENOENT;
        if (inode->is_symlink() && (!m_rest.empty() || (m_flags & kFollowLast))) {
            TRY(follow(*child));
            continue;
        }
        m_at.dentry = std::move(child);
        TRY(enter_mounts());
        if (m_rest.empty())
            return {};
    }
}

// ---- what the rest of the kernel calls

Result<Path> base_path(i32 dirfd, std::string_view path) {
    if (!path.empty() && path[0] == '/')
        return current_root();
    if (dirfd == abi::AT_FDCWD)
        return current_directory();
    HeldFile file = TRY(get_file_any(dirfd));
    if (!file->path.dentry || !file->path.inode().is_directory())
        return Errno::ENOTDIR;
    return file->path;
}

Result<Path> resolve(i32 dirfd, std::string_view path, u32 flags) {
    if (path.empty() && (flags & kAllowEmpty)) {
        if (dirfd == abi::AT_FDCWD)
            return current_directory();
        HeldFile file = TRY(get_file_any(dirfd));
        if ((flags & kLastDirectory) && !file->path.inode().is_directory())
            return Errno::ENOTDIR;
        return file->path;
    }
    Walker walker(flags);
    TRY(walker.start(dirfd, path));
    TRY(walker.run(nullptr));
    Path result = walker.take();
    if ((flags & kLastDirectory) && !result.inode().is_directory())
        return Errno::ENOTDIR;
    return result;
}

Result<Path> resolve_user(i32 dirfd, UserCString path, u32 flags) {
    if (!path && (flags & kAllowEmpty))
        return resolve(dirfd, {}, flags);
    PathName name;
    TRY(name.assign(path));
    return resolve(dirfd, name.view(), flags);
}

Result<void> resolve_parent(i32 dirfd, std::string_view path, ParentName& out) {
    trim_dentries(); // what follows may add a name
    Walker walker(0);
    TRY(walker.start(dirfd, path));
    return walker.run(&out);
}

// ---- rules for changing directories

Result<void> may_create_in(const Path& parent) {
    if (parent.dentry->is_deleted || parent.mount->super_block->has_fixed_names)
        return Errno::ENOENT;
    if (parent.mount->is_read_only())
        return Errno::EROFS;
    return check_permission(parent.inode(), abi::W_OK | abi::X_OK);
}

Result<void> may_delete(const Path& parent, const Dentry& victim, bool as_directory) {
    const Inode& directory = parent.inode();
    const Inode& inode = *victim.inode;
    if (parent.mount->is_read_only())
        return Errno::EROFS;
    TRY(check_permission(directory, abi::W_OK | abi::X_OK));
    if (directory.mode & abi::S_ISVTX) {
        const Credentials& credentials = *current().credentials;
        if (credentials.fsuid != inode.uid && credentials.fsuid != directory.uid &&
            !credentials.has_capability(abi::CAP_FOWNER))
            return Errno::EPERM;
    }
    if (as_directory && !inode.is_directory())
        return Errno::ENOTDIR;
    if (as_directory && !victim.parent)
        return Errno::EBUSY;
    if (!as_directory && inode.is_directory())
        return Errno::EISDIR;
    if (is_mountpoint(victim))
        return Errno::EBUSY;
    return {};
}

u32 current_umask() { return current().fs->umask; }

Result<NewOwner> owner_of_new(const Inode& parent, u32 mode) {
    const Credentials& credentials = *current().credentials;
    NewOwner owner{0, credentials.fsuid, credentials.fsgid,
                   TRY(inherited_acl(parent, mode, abi::S_ISLNK(mode) ? 0 : current_umask()))};
    u32& new_mode = owner.acl.mode;
    if (parent.mode & abi::S_ISGID) {
        owner.gid = parent.gid;
        if (abi::S_ISDIR(mode))
            new_mode |= abi::S_ISGID;
        else if ((new_mode & (abi::S_ISGID | abi::S_IXGRP)) == (abi::S_ISGID | abi::S_IXGRP) &&
                 !credentials.is_in_group(owner.gid) && !credentials.has_capability(abi::CAP_FSETID))
            new_mode &= ~abi::S_ISGID;
    }
    // The bits of the group are a mask once there is a list; without it they would be a grant.
    owner.mode = owner.acl.list ? new_mode & ~u32{abi::S_IRWXG} : new_mode;
    return owner;
}

Result<RefPtr<Inode>> make_node(Inode& directory, std::string_view name, const NewOwner& owner, u64 device) {
    RefPtr<Inode> inode = TRY(directory.create(name, owner.mode, owner.uid, owner.gid, device));
    const Result<void> applied = apply_inherited_acl(*inode, owner.acl);
    if (applied.is_ok())
        return inode;
    if (inode->is_directory())
        (void)directory.remove_directory(name, *inode);
    else
        (void)directory.unlink(name, *inode);
    return applied.error();
}

Result<Path> create_node(i32 dirfd, std::string_view path, u32 mode, u64 device) {
    ParentName name;
    TRY(resolve_parent(dirfd, path, name));
    if (name.kind != ParentName::Kind::Normal)
        return Errno::EEXIST;
    Inode& directory = name.parent.inode();
    LockGuard guard(directory.lock);
    RefPtr<Dentry> dentry = TRY(lookup_dentry_locked(*name.parent.dentry, name.view()));
    if (!dentry->is_negative())
        return Errno::EEXIST;
    const bool is_directory = abi::S_ISDIR(mode);
    if (name.trailing_slash && !is_directory)
        return Errno::ENOENT;
    TRY(may_create_in(name.parent));
    // A character device 0:0 is no device but a whiteout, which anybody may make.
    const bool is_device = abi::S_ISBLK(mode) || (abi::S_ISCHR(mode) && device != 0);
    if (is_device && !current().credentials->has_capability(abi::CAP_MKNOD))
        return Errno::EPERM;
    const NewOwner owner = TRY(owner_of_new(directory, mode));
    const NameChange change(*dentry);
    RefPtr<Inode> inode = TRY(make_node(directory, name.view(), owner, device));
    dentry_instantiate(*dentry, std::move(inode));
    guard.unlock();
    notify_event(directory, abi::IN_CREATE | (is_directory ? abi::IN_ISDIR : 0), name.view());
    return Path(name.parent.mount, std::move(dentry));
}

} // namespace lxcore
