// tmpfs directories: lookup, create, link, unlink, rename.
#include "abi/xattr.hpp"
#include "lxcore/tmpfs/tmpfs_inode.hpp"

namespace lxcore {

namespace {

inline constexpr u64 kEntryBytes = 20; // what a name adds to a directory's size, as on Linux

u32 hash_name(std::string_view name) {
    u64 hash = 0xcbf2'9ce4'8422'2325;
    for (char character : name)
        hash = (hash ^ static_cast<u8>(character)) * 0x100'0000'01b3;
    return static_cast<u32>(hash ^ (hash >> 32));
}

} // namespace

TmpfsInode::TmpfsInode(TmpfsSuperBlock& tmpfs) : m_tmpfs(&tmpfs) {
    super_block = RefPtr<SuperBlock>(&tmpfs);
    number = next_unique_id();
    now_realtime(born);
    accessed = modified = changed = born;
}

TmpfsInode::~TmpfsInode() {
    release_contents();
    m_tmpfs->uncharge_pages(m_pages.count());
    m_tmpfs->uncharge_inode();
}

void TmpfsInode::destroy() {
    // Takes whole trees apart without recursion (umount): entries of directories that go with this one become its own.
    while (TmpfsEntry* entry = m_entries.pop_front()) {
        TmpfsInode* child = entry->inode.leak();
        delete entry;
        if (!child->drop_reference())
            continue;
        while (TmpfsEntry* inner = child->m_entries.pop_front())
            m_entries.push_back(*inner);
        delete child;
    }
    delete this;
}

void TmpfsInode::release_contents() {
    while (m_xattrs) {
        TmpfsXattr* next = m_xattrs->next;
        delete m_xattrs;
        m_xattrs = next;
    }
    if (m_table)
        release(m_table, m_table_size * sizeof(TmpfsEntry*));
    m_table = nullptr;
    m_table_size = 0;
}

void TmpfsInode::touch() {
    now_realtime(modified);
    changed = modified;
}

TmpfsEntry* TmpfsInode::find_entry(std::string_view name) const {
    if (m_table_size == 0)
        return nullptr;
    const u32 hash = hash_name(name);
    for (TmpfsEntry* entry = m_table[hash & (m_table_size - 1)]; entry; entry = entry->hash_next)
        if (entry->hash == hash && entry->name.view() == name)
            return entry;
    return nullptr;
}

Result<void> TmpfsInode::grow_table() {
    const u32 size = m_table_size ? m_table_size * 4 : 8;
    auto** table = static_cast<TmpfsEntry**>(allocate(size * sizeof(TmpfsEntry*)));
    if (!table)
        return Errno::ENOMEM;
    for (TmpfsEntry& entry : m_entries) {
        TmpfsEntry*& head = table[entry.hash & (size - 1)];
        entry.hash_next = head;
        head = &entry;
    }
    if (m_table)
        release(m_table, m_table_size * sizeof(TmpfsEntry*));
    m_table = table;
    m_table_size = size;
    return {};
}

Result<void> TmpfsInode::add_entry(std::string_view name, TmpfsInode& inode) {
    if (links == 0)
        return Errno::ENOENT; // a removed directory
    if (find_entry(name))
        return Errno::EEXIST;
    if (m_entry_count >= m_table_size * 2)
        TRY(grow_table());
    String text = TRY(String::create(name));
    TmpfsEntry* entry = TRY(make<TmpfsEntry>());
    entry->name = std::move(text);
    entry->inode = RefPtr<TmpfsInode>(&inode);
    entry->position = m_next_position++;
    entry->hash = hash_name(name);
    TmpfsEntry*& head = m_table[entry->hash & (m_table_size - 1)];
    entry->hash_next = head;
    head = entry;
    m_entries.push_back(*entry);
    ++m_entry_count;
    size += kEntryBytes;
    touch();
    return {};
}

void TmpfsInode::remove_entry(TmpfsEntry& entry) {
    for (TmpfsEntry** link = &m_table[entry.hash & (m_table_size - 1)]; *link; link = &(*link)->hash_next) {
        if (*link != &entry)
            continue;
        *link = entry.hash_next;
        break;
    }
    m_entries.remove(entry);
    --m_entry_count;
    size -= kEntryBytes;
    touch();
    delete &entry;
}

void TmpfsInode::lost_link(bool directory) {
    MaybeLockGuard guard(lock);
    links = directory || links == 0 ? 0 : links - 1;
    now_realtime(changed);
}

Result<RefPtr<Inode>> TmpfsInode::lookup(std::string_view name) {
    TmpfsEntry* entry = find_entry(name);
    if (!entry)
        return Errno::ENOENT;
    return RefPtr<Inode>(entry->inode);
}

Result<RefPtr<Inode>> TmpfsInode::create(std::string_view name, u32 new_mode, u32 new_uid, u32 new_gid,
                                         u64 new_device) {
    RefPtr<TmpfsInode> inode = TRY(m_tmpfs->new_inode(new_mode, new_uid, new_gid, new_device));
    TRY(add_entry(name, *inode));
    if (inode->is_directory()) {
        inode->parent_number = number;
        ++links;
    }
    return RefPtr<Inode>(std::move(inode));
}

Result<RefPtr<Inode>> TmpfsInode::make_symlink(std::string_view name, std::string_view target, u32 new_uid,
                                               u32 new_gid) {
    RefPtr<TmpfsInode> inode = TRY(m_tmpfs->new_inode(abi::S_IFLNK | 0777, new_uid, new_gid, 0));
    inode->m_target = TRY(String::create(target));
    inode->size = target.size();
    TRY(add_entry(name, *inode));
    return RefPtr<Inode>(std::move(inode));
}

Result<RefPtr<Inode>> TmpfsInode::create_anonymous(u32 new_mode, u32 new_uid, u32 new_gid) {
    RefPtr<TmpfsInode> inode =
        TRY(m_tmpfs->new_inode(abi::S_IFREG | (new_mode & 07777), new_uid, new_gid, 0));
    inode->links = 0;
    return RefPtr<Inode>(std::move(inode));
}

Result<void> TmpfsInode::link(std::string_view name, Inode& target) {
    auto& file = static_cast<TmpfsInode&>(target);
    TRY(add_entry(name, file));
    MaybeLockGuard guard(file.lock);
    ++file.links;
    now_realtime(file.changed);
    return {};
}

Result<void> TmpfsInode::unlink(std::string_view name, Inode& target) {
    TmpfsEntry* entry = find_entry(name);
    if (!entry || entry->inode.get() != &target)
        return Errno::ENOENT;
    auto& file = static_cast<TmpfsInode&>(target); // the caller's dentry keeps it
    remove_entry(*entry);
    file.lost_link(false);
    return {};
}

Result<void> TmpfsInode::remove_directory(std::string_view name, Inode& target) {
    TmpfsEntry* entry = find_entry(name);
    if (!entry || entry->inode.get() != &target)
        return Errno::ENOENT;
    auto& directory = static_cast<TmpfsInode&>(target);
    if (directory.m_entry_count != 0)
        return Errno::ENOTEMPTY;
    remove_entry(*entry);
    directory.lost_link(true);
    --links;
    return {};
}

Result<void> TmpfsInode::rename(std::string_view old_name, Inode& target_old, Inode& new_parent,
                                std::string_view new_name, Inode* target_new, u32 flags, const Whiteout* whiteout) {
    if (flags & ~(abi::RENAME_NOREPLACE | abi::RENAME_EXCHANGE))
        return Errno::EINVAL;
    auto& to = static_cast<TmpfsInode&>(new_parent);
    auto& moved = static_cast<TmpfsInode&>(target_old);
    auto* replaced = static_cast<TmpfsInode*>(target_new);
    if (replaced == &moved)
        return {}; // two names of one file: rename(2) does nothing
    TmpfsEntry* entry = find_entry(old_name);
    if (!entry || entry->inode.get() != &moved)
        return Errno::ENOENT;
    TmpfsEntry* other = to.find_entry(new_name);
    RefPtr<TmpfsInode> left;
    if (whiteout)
        left = TRY(m_tmpfs->new_inode(whiteout->mode, whiteout->uid, whiteout->gid, 0));
    if (flags & abi::RENAME_EXCHANGE) {
        if (!other)
            return Errno::ENOENT;
        std::swap(entry->inode, other->inode);
        if (&to != this) {
            const i32 balance = (moved.is_directory() ? 1 : 0) - (other != nullptr && replaced &&
                                                                  replaced->is_directory() ? 1 : 0);
            to.links += static_cast<u32>(balance);
            links -= static_cast<u32>(balance);
            if (moved.is_directory())
                moved.parent_number = to.number;
            if (replaced && replaced->is_directory())
                replaced->parent_number = number;
        }
        touch();
        to.touch();
        if (replaced)
            now_realtime(replaced->changed);
        now_realtime(moved.changed);
        return {};
    }
    if (other) {
        if (flags & abi::RENAME_NOREPLACE)
            return Errno::EEXIST;
        TmpfsInode& victim = *other->inode;
        if (victim.is_directory() && victim.m_entry_count != 0)
            return Errno::ENOTEMPTY;
        // In place, so that the new name never is missing.
        RefPtr<TmpfsInode> old = std::exchange(other->inode, RefPtr<TmpfsInode>(&moved));
        old->lost_link(old->is_directory());
        if (old->is_directory())
            --to.links;
        to.touch();
    } else {
        TRY(to.add_entry(new_name, moved));
    }
    if (left) {
        std::swap(entry->inode, left);
        touch();
    } else {
        remove_entry(*entry);
    }
    if (moved.is_directory() && &to != this) {
        --links;
        ++to.links;
        moved.parent_number = to.number;
    }
    now_realtime(moved.changed);
    return {};
}

Result<usize> TmpfsInode::read_link(char* buffer, usize capacity) {
    if (!is_symlink())
        return Errno::EINVAL;
    const usize length = base::min(capacity, m_target.length());
    __builtin_memcpy(buffer, m_target.view().data(), length);
    return length;
}

// ---- extended attributes; the system calls hold `lock` ----

Result<usize> TmpfsInode::get_xattr(std::string_view name, void* value, usize capacity) {
    MaybeLockGuard guard(lock);
    for (TmpfsXattr* xattr = m_xattrs; xattr; xattr = xattr->next) {
        if (xattr->name.view() != name)
            continue;
        if (capacity == 0)
            return xattr->value.length();
        if (xattr->value.length() > capacity)
            return Errno::ERANGE;
        __builtin_memcpy(value, xattr->value.view().data(), xattr->value.length());
        return xattr->value.length();
    }
    return Errno::ENODATA;
}

Result<void> TmpfsInode::set_xattr(std::string_view name, const void* value, usize length, i32 flags) {
    MaybeLockGuard guard(lock);
    String copy = TRY(String::create({static_cast<const char*>(value), length}));
    for (TmpfsXattr* xattr = m_xattrs; xattr; xattr = xattr->next) {
        if (xattr->name.view() != name)
            continue;
        if (static_cast<u32>(flags) & abi::XATTR_CREATE)
            return Errno::EEXIST;
        std::swap(xattr->value, copy);
        now_realtime(changed);
        return {};
    }
    if (static_cast<u32>(flags) & abi::XATTR_REPLACE)
        return Errno::ENODATA;
    String own_name = TRY(String::create(name));
    TmpfsXattr* xattr = TRY(make<TmpfsXattr>());
    xattr->name = std::move(own_name);
    xattr->value = std::move(copy);
    xattr->next = m_xattrs;
    m_xattrs = xattr;
    now_realtime(changed);
    return {};
}

Result<usize> TmpfsInode::list_xattrs(char* names, usize capacity) {
    MaybeLockGuard guard(lock);
    usize length = 0;
    for (TmpfsXattr* xattr = m_xattrs; xattr; xattr = xattr->next) {
        const std::string_view name = xattr->name.view();
        if (capacity != 0) {
            if (length + name.size() + 1 > capacity)
                return Errno::ERANGE;
            __builtin_memcpy(names + length, name.data(), name.size());
            names[length + name.size()] = 0;
        }
        length += name.size() + 1;
    }
    return length;
}

Result<void> TmpfsInode::remove_xattr(std::string_view name) {
    MaybeLockGuard guard(lock);
    for (TmpfsXattr** link = &m_xattrs; *link; link = &(*link)->next) {
        TmpfsXattr* xattr = *link;
        if (xattr->name.view() != name)
            continue;
        *link = xattr->next;
        delete xattr;
        now_realtime(changed);
        return {};
    }
    return Errno::ENODATA;
}

} // namespace lxcore
