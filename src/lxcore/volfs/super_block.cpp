// The VolFs super block: table of inodes, locations, staging folder.
#include "abi/mount.hpp"
#include "lxcore/boot.hpp"
#include "lxcore/volfs/places.hpp"
#include "lxcore/volfs/volfs_inode.hpp"

namespace lxcore {

namespace {

inline constexpr u64 kMostListingBytes = 16 << 20;

} // namespace

Result<RefPtr<SuperBlock>> create_volfs(host::Handle root, u32 handle_budget, bool read_only, bool wants_portable) {
    RefPtr<VolfsSuperBlock> volfs = TRY(make_ref<VolfsSuperBlock>(root, handle_budget, read_only));
    TRY(volfs->initialize(wants_portable));
    return RefPtr<SuperBlock>(std::move(volfs));
}

VolfsSuperBlock::VolfsSuperBlock(host::Handle root, u32 handle_budget, bool read_only)
    : m_root(root), m_budget(base::max<u32>(handle_budget, 16)), m_is_read_only(read_only) {
    // An anonymous device number, as every file system without a disk has.
    device = abi::makedev(0, static_cast<u32>(next_unique_id() & 0xfffff));
    magic = 0x53464846; // wslfs, by which programs know the place
    type_name = "wslfs";
    flags = read_only ? abi::MS_RDONLY : 0;
    m_listing_limit = base::min<u64>(arena_statistics().total_pages * base::kPageSize / 64, kMostListingBytes);
}

VolfsSuperBlock::~VolfsSuperBlock() {
    if (m_staging.load() != host::kNoHandle)
        host::close(m_staging.load());
}

Result<void> VolfsSuperBlock::initialize(bool wants_portable) {
    TRY(m_inodes.initialize());
    m_storage = TRY(open_storage(m_root, m_is_read_only, wants_portable));
    const Result<void> attributes = m_attributes.open(m_root, m_storage, m_is_read_only);
    if (attributes.is_error()) {
        base::FixedWriter<300> line;
        base::print(line, "the instance's rootfs cannot be opened here: {}", VolfsAttributes::objection(attributes.error()));
        log_line(line.view());
        return Errno::EINVAL;
    }
    RefPtr<VolfsInode> inode = TRY(make_root());
    root = TRY(make_root_dentry(*this, RefPtr<Inode>(inode)));
    if (m_is_read_only)
        return {};
    const VolfsMetadata metadata{inode->mode, inode->uid, inode->gid, 0};
    if (!inode->m_has_lxattrb && wants_lxattrb(m_storage, metadata))
        TRY(inode->store_metadata(metadata)); // as the root of WSL's trees
    TRY(forget_places(m_root)); // what happens from now on is not in it
    // What an earlier kernel left half made has never been visible; it goes now, once renames are completed.
    Result<host::Handle> left = host::open_at(m_root, kStagingName, host::kOpenRead | host::kOpenDirectory, 0);
    if (left.is_ok()) {
        TRY(finish_whiteouts(m_root, left.value()));
        (void)remove_entries(left.value());
        m_staging.store(left.value());
    }
    return {};
}

Result<RefPtr<VolfsInode>> VolfsSuperBlock::make_root() {
    const host::FileInfo info = TRY(host::file_info(m_root));
    if (info.type != host::FileType::Directory)
        return Errno::ENOTDIR;
    // A handle of its own: directory reads move the position of the one given.
    const host::Handle handle =
        TRY(host::open_at(m_root, {}, host::kOpenRead | host::kOpenDirectory, 0));
    m_root_number = info.inode;
    RefPtr<VolfsInode> inode = TRY(inode_of(nullptr, {}, info, handle, false));
    return inode;
}

Result<abi::statfs> VolfsSuperBlock::statistics() {
    abi::statfs info = TRY(host::file_system_info(m_root));
    info.f_type = magic;
    info.f_fsid[0] = static_cast<i32>(device);
    info.f_fsid[1] = 0;
    info.f_namelen = 255;
    info.f_flags = 0;
    return info;
}

void VolfsSuperBlock::instance_ends() {
    if (!m_is_read_only && m_attributes.tree() != 0)
        (void)record_places(m_root, m_attributes); // without it, a copy by host tools has no owners
}

Result<void> VolfsSuperBlock::sync() {
    if (m_is_read_only)
        return {};
    return host::sync_file_system(m_root);
}

void VolfsSuperBlock::print_caches(base::Writer& writer) {
    const u64 kilobyte = 1024;
    base::print(writer, "inodes {}\nhost_handles {}\nhost_handle_limit {}\n",
                inode_count.load(std::memory_order_relaxed), m_open_count.load(std::memory_order_relaxed), m_budget);
    LockGuard guard(m_listing_lock);
    base::print(writer, "listings_kb {}\nlistings_limit_kb {}\n", (m_listing_bytes + kilobyte - 1) / kilobyte,
                m_listing_limit / kilobyte);
}

// ---- the table of inodes ----

RefPtr<VolfsInode> VolfsSuperBlock::find(u64 host_device, u64 number) {
    return m_inodes.find(host_device, number, [](VolfsInode&) { return true; });
}

RefPtr<VolfsInode> VolfsSuperBlock::remember(VolfsInode& inode, bool replace) {
    return m_inodes.add(inode, [replace](VolfsInode&) { return !replace; });
}

void VolfsSuperBlock::forget(VolfsInode& inode) { m_inodes.remove(inode); }

Result<RefPtr<VolfsInode>> VolfsSuperBlock::inode_of(VolfsInode* parent, std::string_view name,
                                                     const host::FileInfo& info, host::Handle handle, bool writable,
                                                     const VolfsMetadata* made, bool is_new_symlink) {
    const bool is_new = made || is_new_symlink;
    RefPtr<VolfsInode> inode = is_new ? nullptr : find(info.device, info.inode);
    if (!inode) {
        Result<RefPtr<VolfsInode>> fresh = make_ref<VolfsInode>(*this);
        if (fresh.is_error()) {
            if (handle != host::kNoHandle)
                host::close(handle);
            return fresh.error();
        }
        inode = fresh.release_value();
        inode->m_host_device = info.device;
        inode->number = info.inode;
        inode->m_host_type = info.type;
        inode->take_host_info(info);
        inode->links = info.links;
        inode->born = info.changed;
        inode->accessed = info.accessed;
        if (made) {
            inode->mode = made->mode;
            inode->uid = made->uid;
            inode->gid = made->gid;
            inode->device = made->device;
            inode->m_has_lxattrb = wants_lxattrb(m_storage, *made);
            inode->m_xattrs = VolfsInode::Xattrs::None;
        } else if (handle != host::kNoHandle) {
            Result<void> loaded = inode->load_attributes(handle);
            if (loaded.is_error()) {
                host::close(handle);
                return loaded.error();
            }
        }
        RefPtr<VolfsInode> winner = remember(*inode, is_new);
        if (winner)
            inode = std::move(winner);
    }
    if (handle != host::kNoHandle)
        inode->install(writable ? inode->m_write_slot : inode->m_read_slot, handle);
    // The caller holds the directory's lock, so that this name is one that the file has now; another that is remembered may
    // have been changed by somebody who was killed before it could say so.
    if (parent && !is_location(*inode, *parent, name))
        set_location(*inode, parent, name);
    return inode;
}

// ---- locations ----

void VolfsSuperBlock::location_of(VolfsInode& inode, Location& out, bool next) {
    RefPtr<VolfsInode> previous = std::move(out.parent); // dropped after the lock
    LockGuard guard(m_location_lock);
    out.parent = next ? inode.m_next_parent : inode.m_parent;
    const std::string_view name = next ? inode.m_next_name.view() : inode.m_name.view();
    out.length = name.size();
    __builtin_memcpy(out.name, name.data(), name.size());
}

void VolfsSuperBlock::set_location(VolfsInode& inode, VolfsInode* parent, std::string_view name) {
    RefPtr<VolfsInode> new_parent(parent);
    String new_name;
    if (parent) {
        Result<String> copy = String::create(name);
        if (copy.is_ok())
            new_name = copy.release_value();
        else
            new_parent = nullptr; // found again by its handle alone
    }
    RefPtr<VolfsInode> no_parent; // dropped after the lock, as the others
    String no_name;
    LockGuard guard(m_location_lock);
    std::swap(inode.m_parent, new_parent);
    std::swap(inode.m_name, new_name);
    std::swap(inode.m_next_parent, no_parent);
    std::swap(inode.m_next_name, no_name);
    names_moved();
}

Result<void> VolfsSuperBlock::announce_location(VolfsInode& inode, VolfsInode& parent, std::string_view name) {
    String next_name = TRY(String::create(name));
    RefPtr<VolfsInode> next_parent(&parent);
    LockGuard guard(m_location_lock);
    std::swap(inode.m_next_parent, next_parent);
    std::swap(inode.m_next_name, next_name);
    names_moved();
    guard.unlock(); // before what was there goes
    return {};
}

void VolfsSuperBlock::withdraw_location(VolfsInode& inode) {
    RefPtr<VolfsInode> parent;
    String name;
    LockGuard guard(m_location_lock);
    std::swap(inode.m_next_parent, parent);
    std::swap(inode.m_next_name, name);
    guard.unlock();
}

bool VolfsSuperBlock::is_location(const VolfsInode& inode, const VolfsInode& parent, std::string_view name) {
    LockGuard guard(m_location_lock);
    return inode.m_parent.get() == &parent && inode.m_name.view() == name;
}

// ---- staging ----

Result<host::Handle> VolfsSuperBlock::staging() {
    const host::Handle known = m_staging.load(std::memory_order_acquire);
    if (known != host::kNoHandle)
        return known;
    LockGuard guard(m_staging_lock);
    if (m_staging.load() != host::kNoHandle)
        return m_staging.load();
    Result<void> made = host::make_directory_at(m_root, kStagingName, 0700);
    if (made.is_error() && made.error() != Errno::EEXIST)
        return made.error();
    const host::Handle handle =
        TRY(host::open_at(m_root, kStagingName, host::kOpenRead | host::kOpenDirectory, 0));
    m_staging.store(handle, std::memory_order_release);
    return handle;
}

} // namespace lxcore
