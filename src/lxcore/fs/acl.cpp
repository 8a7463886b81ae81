// POSIX access control lists. See the head of acl.hpp for where they are kept.
#include "lxcore/fs/acl.hpp"

#include "abi/fcntl.hpp"
#include "abi/prctl.hpp"
#include "abi/xattr.hpp"
#include "lxcore/fs/maybe_lock.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

using Entry = abi::posix_acl_xattr_entry;

// A parsed list; immutable.
class Acl final : public SharedObject {
public:
    Vector<Entry> entries;

    Entry* find(u16 tag) {
        for (Entry& entry : entries)
            if (entry.e_tag == tag)
                return &entry;
        return nullptr;
    }
    u32 permissions(u16 tag) {
        const Entry* entry = find(tag);
        return entry ? entry->e_perm : 0u;
    }
    // The three classes of a mode; with a mask, that is the group's.
    u32 mode() {
        return permissions(abi::ACL_USER_OBJ) << 6 |
               (find(abi::ACL_MASK) ? permissions(abi::ACL_MASK) : permissions(abi::ACL_GROUP_OBJ)) << 3 |
               permissions(abi::ACL_OTHER);
    }
    bool is_minimal() const { return entries.size() == 3; } // no more than a mode says
};

namespace {

const char* name_of(AclKind kind) {
    return kind == AclKind::Access ? abi::XATTR_NAME_POSIX_ACL_ACCESS : abi::XATTR_NAME_POSIX_ACL_DEFAULT;
}
u8 bit_of(AclKind kind) {
    return static_cast<u8>(kind);
}
RefPtr<SharedObject>& cache_of(Inode& inode, AclKind kind) {
    return kind == AclKind::Access ? inode.access_acl : inode.default_acl;
}

// Each kind of entry in its order, named ones any number of times, a mask where there are named ones.
Result<void> check_entries(Vector<Entry>& entries) {
    u16 last = 0;
    bool needs_mask = false, has_mask = false;
    u32 required = 0;
    for (const Entry& entry : entries) {
        if (entry.e_perm & ~7u)
            return Errno::EINVAL;
        const bool is_named = entry.e_tag == abi::ACL_USER || entry.e_tag == abi::ACL_GROUP;
        if (entry.e_tag < last || (entry.e_tag == last && !is_named))
            return Errno::EINVAL;
        last = entry.e_tag;
        switch (entry.e_tag) {
        case abi::ACL_USER_OBJ:
        case abi::ACL_GROUP_OBJ:
        case abi::ACL_OTHER:
            required |= entry.e_tag;
            break;
        case abi::ACL_USER:
        case abi::ACL_GROUP:
            if (entry.e_id == abi::ACL_UNDEFINED_ID)
                return Errno::EINVAL;
            needs_mask = true;
            break;
        case abi::ACL_MASK:
            has_mask = true;
            break;
        default:
            return Errno::EINVAL;
        }
    }
    if (required != u32{abi::ACL_USER_OBJ | abi::ACL_GROUP_OBJ | abi::ACL_OTHER} || (needs_mask && !has_mask))
        return Errno::EINVAL;
    return {};
}

// Null for a list without entries, which stands for none.
Result<RefPtr<Acl>> parse(const void* value, usize length) {
    if (length == 0)
        return RefPtr<Acl>();
    abi::posix_acl_xattr_header header;
    if (length < sizeof(header))
        return Errno::EINVAL;
    __builtin_memcpy(&header, value, sizeof(header));
    if (header.a_version != abi::POSIX_ACL_XATTR_VERSION)
        return Errno::EOPNOTSUPP;
    length -= sizeof(header);
    if (length % sizeof(Entry) != 0)
        return Errno::EINVAL;
    if (length == 0)
        return RefPtr<Acl>();
    RefPtr<Acl> list = TRY(make_ref<Acl>());
    TRY(list->entries.resize(length / sizeof(Entry)));
    __builtin_memcpy(list->entries.data(), static_cast<const char*>(value) + sizeof(header), length);
    TRY(check_entries(list->entries));
    return list;
}

usize encoded_bytes(const Acl& list) {
    return sizeof(abi::posix_acl_xattr_header) + list.entries.size() * sizeof(Entry);
}

// `mode`, where given, stands in for the entries that are its bits.
void encode(const Acl& list, char* out, const u32* mode) {
    const abi::posix_acl_xattr_header header{abi::POSIX_ACL_XATTR_VERSION};
    __builtin_memcpy(out, &header, sizeof(header));
    out += sizeof(header);
    for (Entry entry : list.entries) {
        if (mode && entry.e_tag == abi::ACL_USER_OBJ)
            entry.e_perm = (*mode >> 6) & 7;
        else if (mode && entry.e_tag == abi::ACL_MASK)
            entry.e_perm = (*mode >> 3) & 7;
        else if (mode && entry.e_tag == abi::ACL_OTHER)
            entry.e_perm = *mode & 7;
        if (entry.e_tag != abi::ACL_USER && entry.e_tag != abi::ACL_GROUP)
            entry.e_id = abi::ACL_UNDEFINED_ID;
        __builtin_memcpy(out, &entry, sizeof(entry));
        out += sizeof(entry);
    }
}

// The inode's list from its cache or its attribute; null when there is none. With the inode's lock held.
Result<RefPtr<Acl>> load(Inode& inode, AclKind kind) {
    RefPtr<SharedObject>& cached = cache_of(inode, kind);
    if (cached)
        return RefPtr<Acl>(static_cast<Acl*>(cached.get()));
    if (!(inode.acl_kinds & bit_of(kind)))
        return RefPtr<Acl>();
    const Result<usize> wanted = inode.get_xattr(name_of(kind), nullptr, 0);
    if (wanted.is_error()) {
        if (wanted.error() != Errno::ENODATA && wanted.error() != Errno::EOPNOTSUPP)
            return wanted.error();
        inode.acl_kinds &= static_cast<u8>(~bit_of(kind));
        return RefPtr<Acl>();
    }
    PageBuffer value(base::max<usize>(1, base::page_ceil(wanted.value()) / base::kPageSize));
    if (!value)
        return Errno::ENOMEM;
    const usize length = TRY(inode.get_xattr(name_of(kind), value.data(), value.size()));
    RefPtr<Acl> list = TRY(parse(value.data(), length));
    cached = list;
    return list;
}

Result<void> store(Inode& inode, AclKind kind, RefPtr<Acl> list, const u32* mode) {
    if (list) {
        const usize length = encoded_bytes(*list);
        if (length > abi::XATTR_SIZE_MAX)
            return Errno::E2BIG;
        PageBuffer buffer(base::page_ceil(length) / base::kPageSize);
        if (!buffer)
            return Errno::ENOMEM;
        encode(*list, buffer.data(), mode);
        TRY(inode.set_xattr(name_of(kind), buffer.data(), length, 0));
        inode.acl_kinds |= bit_of(kind);
    } else if (inode.acl_kinds & bit_of(kind)) {
        Result<void> removed = inode.remove_xattr(name_of(kind));
        if (removed.is_error() && removed.error() != Errno::ENODATA)
            return removed;
        inode.acl_kinds &= static_cast<u8>(~bit_of(kind));
    }
    cache_of(inode, kind) = std::move(list);
    return {};
}

Result<void> store_mode(Inode& inode, u32 permissions) {
    AttributeChange change;
    change.valid = kChangeMode | kChangeChanged;
    change.mode = permissions & abi::S_IALLUGO;
    return inode.set_attributes(change);
}

} // namespace

bool AclSubject::is_in_group(u32 group) const {
    if (!real_ids)
        return credentials.is_in_group(group);
    if (credentials.gid == group)
        return true;
    for (u32 member : credentials.groups)
        if (member == group)
            return true;
    return false;
}

bool is_acl_name(std::string_view name, AclKind& kind) {
    if (name == abi::XATTR_NAME_POSIX_ACL_ACCESS)
        kind = AclKind::Access;
    else if (name == abi::XATTR_NAME_POSIX_ACL_DEFAULT)
        kind = AclKind::Default;
    else
        return false;
    return true;
}

Result<void> check_acl(const Inode& const_inode, u32 access, const AclSubject& subject) {
    Inode& inode = const_cast<Inode&>(const_inode); // the list is a cache
    RefPtr<Acl> list;
    {
        MaybeLockGuard guard(inode.lock);
        list = TRY(load(inode, AclKind::Access));
    }
    if (!list)
        return Errno::EAGAIN;
    const u32 mask = list->find(abi::ACL_MASK) ? (inode.mode >> 3) & 7 : 7;
    bool is_in_group = false;
    for (const Entry& entry : list->entries) {
        switch (entry.e_tag) {
        case abi::ACL_USER:
            if (entry.e_id == subject.uid)
                return (access & ~(entry.e_perm & mask)) ? Result<void>(Errno::EACCES) : Result<void>();
            break;
        case abi::ACL_GROUP_OBJ:
        case abi::ACL_GROUP:
            if (!subject.is_in_group(entry.e_tag == abi::ACL_GROUP ? entry.e_id : inode.gid))
                break;
            // Any one group that grants it all will do.
            is_in_group = true;
            if (!(access & ~u32{entry.e_perm}))
                return (access & ~mask) ? Result<void>(Errno::EACCES) : Result<void>();
            break;
        case abi::ACL_OTHER:
            return (is_in_group || (access & ~inode.mode & 7)) ? Result<void>(Errno::EACCES) : Result<void>();
        default:
            break;
        }
    }
    return Errno::EIO; // no entry for the others: parse() lets no such list in
}

Result<usize> get_acl(Inode& inode, AclKind kind, void* value, usize capacity) {
    if (inode.is_symlink())
        return Errno::EOPNOTSUPP;
    MaybeLockGuard guard(inode.lock);
    if (!(inode.acl_kinds & bit_of(kind)) && !cache_of(inode, kind)) {
        // Tells "none" from "not here".
        const Result<usize> asked = inode.get_xattr(name_of(kind), nullptr, 0);
        return asked.is_error() ? asked.error() : Errno::ENODATA;
    }
    RefPtr<Acl> list = TRY(load(inode, kind));
    if (!list)
        return Errno::ENODATA;
    const usize length = encoded_bytes(*list);
    if (capacity == 0)
        return length;
    if (length > capacity)
        return Errno::ERANGE;
    encode(*list, static_cast<char*>(value), kind == AclKind::Access ? &inode.mode : nullptr);
    return length;
}

Result<void> set_acl(Inode& inode, AclKind kind, const void* value, usize length) {
    if (inode.is_symlink())
        return Errno::EOPNOTSUPP;
    RefPtr<Acl> list = TRY(parse(value, length));
    if (!is_owner_or_capable(inode))
        return Errno::EPERM;
    if (kind == AclKind::Default) {
        if (!inode.is_directory())
            return list ? Result<void>(Errno::EACCES) : Result<void>();
        return store(inode, kind, std::move(list), nullptr);
    }
    if (!list)
        return store(inode, kind, nullptr, nullptr);
    u32 mode = (inode.mode & ~u32{abi::S_IRWXUGO}) | list->mode();
    const Credentials& credentials = *current().credentials;
    if (!credentials.is_in_group(inode.gid) && !credentials.has_capability(abi::CAP_FSETID))
        mode &= ~u32{abi::S_ISGID};
    // A list that is stored never grants more than the mode does at that moment: the mode follows last when
    // it grows, and comes first when it shrinks or when the list goes.
    const bool is_minimal = list->is_minimal();
    if (is_minimal || (inode.mode & ~mode & abi::S_IRWXUGO))
        TRY(store_mode(inode, is_minimal ? mode : inode.mode & mode));
    TRY(store(inode, kind, is_minimal ? RefPtr<Acl>() : std::move(list), &mode));
    return store_mode(inode, mode);
}

// ---- inheritance

Result<InheritedAcl> inherited_acl(const Inode& const_parent, u32 mode, u32 umask) {
    Inode& parent = const_cast<Inode&>(const_parent); // the list is a cache
    InheritedAcl inherited;
    inherited.mode = mode & ~umask;
    if (!(parent.acl_kinds & bit_of(AclKind::Default)) || abi::S_ISLNK(mode))
        return inherited;
    RefPtr<Acl> list;
    {
        MaybeLockGuard guard(parent.lock);
        list = TRY(load(parent, AclKind::Default));
    }
    if (!list)
        return inherited;
    inherited.mode = mode & (~u32{abi::S_IRWXUGO} | list->mode());
    inherited.list = std::move(list);
    return inherited;
}

Result<void> apply_inherited_acl(Inode& inode, const InheritedAcl& inherited) {
    if (!inherited.list)
        return {};
    auto* list = static_cast<Acl*>(inherited.list.get());
    LockGuard guard(inode.lock);
    if (inode.is_directory())
        TRY(store(inode, AclKind::Default, RefPtr<Acl>(list), nullptr));
    if (!list->is_minimal())
        TRY(store(inode, AclKind::Access, RefPtr<Acl>(list), &inherited.mode));
    return store_mode(inode, (inode.mode & ~u32{abi::S_IRWXUGO}) | (inherited.mode & abi::S_IRWXUGO));
}

} // namespace lxcore
