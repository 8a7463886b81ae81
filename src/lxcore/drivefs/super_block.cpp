// The DriveFs super block: mounting, the table of inodes, places, open directories.
#include "abi/mount.hpp"
#include "lxcore/drivefs/drive_inode.hpp"
#include "lxcore/drivefs/drive_state.hpp"
#include "lxcore/fs/mount.hpp"

namespace lxcore {

namespace {

Result<RefPtr<SuperBlock>> create_drivefs(std::string_view source, std::string_view data, u32) {
    const DriveOptions options = TRY(DriveOptions::parse(data));
    const host::Handle root = TRY(host::open_drive(source));
    Result<RefPtr<DriveSuperBlock>> made = make_ref<DriveSuperBlock>(root, options);
    if (made.is_error()) {
        host::close(root);
        return made.error();
    }
    RefPtr<DriveSuperBlock> drive = made.release_value();
    TRY(drive->initialize());
    return RefPtr<SuperBlock>(std::move(drive));
}

constexpr FileSystemType kDrvfs{"drvfs", false, create_drivefs};

} // namespace

Result<void> initialize_drivefs() {
    kernel().drives = TRY(make<DriveState>());
    // Without a watcher inotify hears of the guest's own changes only.
    if (const Result<host::Handle> watcher = host::create_watcher(); watcher.is_ok())
        kernel().drives->watcher = watcher.value();
    return register_file_system_type(kDrvfs);
}

DriveSuperBlock::DriveSuperBlock(host::Handle root_handle, const DriveOptions& given)
    : options(given), m_root(root_handle) {
    device = abi::makedev(0, static_cast<u32>(next_unique_id() & 0xfffff));
    magic = 0x53464846; // as VolFs: programs that know WSL look for it
    type_name = "drvfs";
    asks_always = true;
}

DriveSuperBlock::~DriveSuperBlock() {
    host::close(m_root);
}

Result<void> DriveSuperBlock::initialize() {
    TRY(m_inodes.initialize());
    const host::FileInfo info = TRY(host::file_info(m_root));
    RefPtr<DriveInode> inode = TRY(inode_of(nullptr, {}, info, m_root));
    root = TRY(make_root_dentry(*this, RefPtr<Inode>(inode)));
    return {};
}

Result<abi::statfs> DriveSuperBlock::statistics() {
    abi::statfs info = TRY(host::file_system_info(m_root));
    info.f_type = magic;
    info.f_fsid[0] = static_cast<i32>(device);
    info.f_fsid[1] = 0;
    info.f_flags = 0;
    return info;
}

Result<void> DriveSuperBlock::sync() { return host::sync_file_system(m_root); }

Result<void> DriveSuperBlock::remount(u32 new_flags, std::string_view data) {
    if (!data.empty()) {
        // How names compare and where attributes lie cannot change under the files that are in use.
        const DriveOptions changed = TRY(DriveOptions::parse(data));
        if (changed.case_rule != options.case_rule || changed.metadata != options.metadata ||
            changed.escape_names != options.escape_names)
            return Errno::EINVAL;
        options = changed;
    }
    flags = new_flags;
    return {};
}

// ---- the table of inodes

Result<RefPtr<DriveInode>> DriveSuperBlock::inode_of(DriveInode* parent, std::string_view name,
                                                     const host::FileInfo& info, host::Handle directory, bool is_new) {
    const auto fits = [&](const DriveInode& other) { return !is_new && other.m_host_type == info.type; };
    RefPtr<DriveInode> inode = m_inodes.find(info.device, info.inode, fits);
    if (inode) {
        if (parent)
            set_location(*inode, parent, name);
        MaybeLockGuard guard(inode->lock);
        inode->take_info(info, directory, name);
        return inode;
    }
    inode = TRY(make_ref<DriveInode>(*this));
    inode->number = info.inode;
    inode->m_host_device = info.device;
    inode->m_host_type = info.type;
    if (parent)
        set_location(*inode, parent, name);
    inode->take_info(info, directory, name);
    RefPtr<DriveInode> winner = m_inodes.add(*inode, fits);
    return winner ? winner : inode;
}

void DriveSuperBlock::forget(DriveInode& inode) { m_inodes.remove(inode); }

// ---- places

void DriveSuperBlock::location_of(DriveInode& inode, Location& out) {
    RefPtr<DriveInode> previous = std::move(out.parent); // dropped after the lock
    LockGuard guard(m_location_lock);
    out.parent = inode.m_parent;
    out.name.assign(inode.m_name.view());
}

void DriveSuperBlock::set_location(DriveInode& inode, DriveInode* parent, std::string_view name) {
    {
        LockGuard guard(m_location_lock);
        if (inode.m_parent.get() == parent && inode.m_name.view() == name)
            return; // all but always
    }
    RefPtr<DriveInode> new_parent(parent);
    Result<String> copy = String::create(name);
    if (copy.is_error())
        return; // the old place is verified before it is used, too
    String new_name = copy.release_value();
    LockGuard guard(m_location_lock);
    std::swap(inode.m_parent, new_parent);
    std::swap(inode.m_name, new_name);
    guard.unlock(); // before the old parent is dropped
}

// ---- open directories

void DriveSuperBlock::handle_opened(DriveInode& inode) {
    if (!inode.is_directory())
        return; // those of files go with the last open file
    host::Handle closing[8];
    usize count = 0;
    {
        LockGuard guard(m_open_lock);
        if (!inode.m_open_node.is_linked()) {
            m_open.push_back(inode);
            ++m_open_count;
        }
        for (u32 steps = 16; m_open_count > kMostOpen && steps > 0 && count < base::array_size(closing); --steps) {
            DriveInode& candidate = *m_open.first();
            m_open.remove(candidate);
            host::Handle handle = host::kNoHandle;
            if (&candidate != &inode && !candidate.m_is_recently_used.exchange(false, std::memory_order_relaxed))
                handle = candidate.m_read_slot.take_idle();
            if (handle == host::kNoHandle) {
                m_open.push_back(candidate);
                continue;
            }
            closing[count++] = handle;
            --m_open_count;
        }
    }
    for (usize i = 0; i < count; ++i)
        host::close(closing[i]);
}

void DriveSuperBlock::handles_closing(DriveInode& inode) {
    {
        LockGuard guard(m_open_lock);
        if (inode.m_open_node.is_linked()) {
            m_open.remove(inode);
            --m_open_count;
        }
    }
    for (HandleSlot* slot : {&inode.m_read_slot, &inode.m_write_slot}) {
        const host::Handle handle = slot->take();
        if (handle != host::kNoHandle)
            host::close(handle);
    }
}

} // namespace lxcore
