// The tmpfs super block and its mount options, tmpfs(5).
#include "abi/mount.hpp"
#include "lxcore/fs/mount_options.hpp"
#include "lxcore/tmpfs/tmpfs_inode.hpp"

namespace lxcore {

namespace {

// With a suffix k, m, g, t, or (`percent_of` > 0) %.
Result<u64> parse_size(std::string_view text, u64 percent_of) {
    if (text.empty())
        return Errno::EINVAL;
    u32 shift = 0;
    switch (text.back()) {
    case 'k': case 'K': shift = 10; break;
    case 'm': case 'M': shift = 20; break;
    case 'g': case 'G': shift = 30; break;
    case 't': case 'T': shift = 40; break;
    case '%':
        if (percent_of == 0)
            return Errno::EINVAL;
        return percent_of / 100 * TRY(parse_option_number(text.substr(0, text.size() - 1), 10));
    default: return parse_option_number(text, 10);
    }
    return TRY(parse_option_number(text.substr(0, text.size() - 1), 10)) << shift;
}

} // namespace

TmpfsOptions TmpfsOptions::defaults() {
    TmpfsOptions options;
    // Half of the machine's memory, or of the arena where that is smaller.
    options.max_pages = base::min(arena_statistics().total_pages, host::memory_status().total_bytes / base::kPageSize) / 2;
    options.max_inodes = options.max_pages;
    return options;
}

Result<TmpfsOptions> TmpfsOptions::parse(std::string_view text, const TmpfsOptions& defaults) {
    TmpfsOptions options = defaults;
    const u64 total_bytes = host::memory_status().total_bytes;
    for (MountOption option; next_mount_option(text, option);) {
        const std::string_view key = option.key, value = option.value;
        if (key == "size")
            options.max_pages = base::page_ceil(TRY(parse_size(value, total_bytes))) / base::kPageSize;
        else if (key == "nr_blocks")
            options.max_pages = TRY(parse_size(value, 0));
        else if (key == "nr_inodes")
            options.max_inodes = TRY(parse_size(value, 0));
        else if (key == "mode")
            options.mode = static_cast<u32>(TRY(parse_option_number(value, 8))) & 07777;
        else if (key == "uid")
            options.uid = static_cast<u32>(TRY(parse_option_number(value, 10)));
        else if (key == "gid")
            options.gid = static_cast<u32>(TRY(parse_option_number(value, 10)));
        else if (key == "huge" || key == "mpol" || key == "inode64" || key == "inode32" || key == "noswap")
            continue; // how Linux places the memory: nothing to be done here
        else
            return Errno::EINVAL;
    }
    return options;
}

Result<RefPtr<SuperBlock>> create_tmpfs(std::string_view text) {
    const TmpfsOptions options = TRY(TmpfsOptions::parse(text, TmpfsOptions::defaults()));
    RefPtr<TmpfsSuperBlock> tmpfs = TRY(make_ref<TmpfsSuperBlock>(options));
    RefPtr<TmpfsInode> root = TRY(tmpfs->new_inode(abi::S_IFDIR | options.mode, options.uid, options.gid, 0));
    root->parent_number = root->number;
    tmpfs->root = TRY(make_root_dentry(*tmpfs, RefPtr<Inode>(root)));
    return RefPtr<SuperBlock>(std::move(tmpfs));
}

TmpfsSuperBlock::TmpfsSuperBlock(const TmpfsOptions& options) : m_options(options) {
    device = abi::makedev(0, static_cast<u32>(next_unique_id() & 0xfffff));
    magic = abi::TMPFS_MAGIC;
    type_name = kTmpfsTypeName;
}

Result<abi::statfs> TmpfsSuperBlock::statistics() {
    abi::statfs info{};
    info.f_type = magic;
    info.f_bsize = base::kPageSize;
    info.f_frsize = base::kPageSize;
    info.f_namelen = 255;
    info.f_fsid[0] = static_cast<i32>(device);
    if (m_options.max_pages != 0) {
        const u64 used = m_pages.load(std::memory_order_relaxed);
        info.f_blocks = m_options.max_pages;
        info.f_bfree = info.f_bavail = used < m_options.max_pages ? m_options.max_pages - used : 0;
    }
    if (m_options.max_inodes != 0) {
        const u64 used = m_inodes.load(std::memory_order_relaxed);
        info.f_files = m_options.max_inodes;
        info.f_ffree = used < m_options.max_inodes ? m_options.max_inodes - used : 0;
    }
    return info;
}

Result<void> TmpfsSuperBlock::remount(u32 new_flags, std::string_view data) {
    const TmpfsOptions options = TRY(TmpfsOptions::parse(data, m_options));
    if ((options.max_pages != 0 && options.max_pages < m_pages.load()) ||
        (options.max_inodes != 0 && options.max_inodes < m_inodes.load()))
        return Errno::EINVAL;
    m_options.max_pages = options.max_pages;
    m_options.max_inodes = options.max_inodes;
    return SuperBlock::remount(new_flags, {});
}

void TmpfsSuperBlock::print_options(base::Writer& writer) const {
    if (m_options.max_pages != 0)
        base::print(writer, ",size={}k", m_options.max_pages * (base::kPageSize / 1024));
    if (m_options.max_inodes != 0)
        base::print(writer, ",nr_inodes={}", m_options.max_inodes);
    if (m_options.mode != 01777)
        base::print(writer, ",mode={:o}", m_options.mode);
    if (m_options.uid != 0)
        base::print(writer, ",uid={}", m_options.uid);
    if (m_options.gid != 0)
        base::print(writer, ",gid={}", m_options.gid);
}

Result<void> TmpfsSuperBlock::charge_pages(u64 count) {
    const u64 used = m_pages.fetch_add(count, std::memory_order_relaxed) + count;
    if (m_options.max_pages == 0 || used <= m_options.max_pages)
        return {};
    uncharge_pages(count);
    return Errno::ENOSPC;
}

Result<void> TmpfsSuperBlock::charge_inode() {
    const u64 used = m_inodes.fetch_add(1, std::memory_order_relaxed) + 1;
    if (m_options.max_inodes == 0 || used <= m_options.max_inodes)
        return {};
    uncharge_inode();
    return Errno::ENOSPC;
}

Result<RefPtr<TmpfsInode>> TmpfsSuperBlock::new_inode(u32 mode, u32 uid, u32 gid, u64 device_number) {
    TRY(charge_inode());
    Result<RefPtr<TmpfsInode>> made = make_ref<TmpfsInode>(*this);
    if (made.is_error()) {
        uncharge_inode();
        return made.error();
    }
    TmpfsInode& inode = *made.value();
    inode.mode = mode;
    inode.uid = uid;
    inode.gid = gid;
    inode.device = device_number;
    inode.links = (mode & abi::S_IFMT) == abi::S_IFDIR ? 2 : 1;
    return RefPtr<TmpfsInode>(made.release_value());
}

} // namespace lxcore
