// Files that live in no directory: memfd_create(2).
#include "lxcore/fs/calls_extra.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/handle_file.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/tmpfs/tmpfs_inode.hpp"

namespace lxcore {

struct MemoryFileState : ArenaObject {
    RefPtr<TmpfsSuperBlock> super_block; // of files in the arena
    RefPtr<SuperBlock> host_super_block; // of those that the host keeps
};

Result<void> initialize_tmpfs() {
    MemoryFileState* state = TRY(make<MemoryFileState>());
    state->super_block = TRY(make_ref<TmpfsSuperBlock>(TmpfsOptions())); // as large as the arena
    state->host_super_block = TRY(make_ref<SuperBlock>());
    state->host_super_block->device = state->super_block->device;
    state->host_super_block->magic = abi::TMPFS_MAGIC;
    state->host_super_block->type_name = "tmpfs";
    kernel().memory_files = state;
    return {};
}

namespace {

// Gives `file` a place that is in no tree, with the name that /proc shows.
Result<void> attach_detached(File& file, RefPtr<Inode> inode, std::string_view name) {
    SuperBlock& super_block = *inode->super_block;
    RefPtr<Dentry> dentry = TRY(make_detached_dentry(super_block, std::move(inode), name));
    file.path = Path(mount_state().anonymous, std::move(dentry));
    file.opener = current().credentials;
    return {};
}

TmpfsInode* memory_inode(File& file) {
    if (!file.path.dentry || file.inode().super_block->type_name != kTmpfsTypeName || !file.inode().is_regular())
        return nullptr;
    return static_cast<TmpfsInode*>(&file.inode());
}

// The handle of a memory file that the host keeps; kNoHandle for any other file.
host::Handle host_memory(File& file) {
    if (!file.path.dentry || file.inode().super_block != kernel().memory_files->host_super_block)
        return host::kNoHandle;
    return file.host_handle();
}

inline constexpr u32 kAllSeals = abi::F_SEAL_SEAL | abi::F_SEAL_SHRINK | abi::F_SEAL_GROW | abi::F_SEAL_WRITE |
                                 abi::F_SEAL_FUTURE_WRITE | abi::F_SEAL_EXEC;

} // namespace

// memfd_create(2) over the host's, so that the file can be handed to programs of the host, which map it: a compositor does.
static Result<RefPtr<File>> create_host_memfd(const char* name, std::string_view shown, u32 flags) {
    const host::Handle handle =
        TRY(host::create_memory_file(name, flags & (abi::MFD_ALLOW_SEALING | abi::MFD_NOEXEC_SEAL | abi::MFD_EXEC)));
    RefPtr<HandleFile> file = TRY(make_handle_file(handle, abi::O_RDWR));
    HandleInode& inode = file->handle_inode();
    const Credentials& credentials = *current().credentials;
    inode.super_block = kernel().memory_files->host_super_block;
    inode.number = next_unique_id();
    inode.mode = abi::S_IFREG | ((flags & abi::MFD_NOEXEC_SEAL) ? 0666 : 0777);
    inode.uid = credentials.fsuid;
    inode.gid = credentials.fsgid;
    inode.links = 0;
    inode.accessed = inode.born = inode.modified;
    TRY(attach_detached(*file, RefPtr<Inode>(&inode), shown));
    return RefPtr<File>(std::move(file));
}

Result<RefPtr<File>> create_memfd(std::string_view name, u32 flags) {
    const Credentials& credentials = *current().credentials;
    const u32 mode = abi::S_IFREG | ((flags & abi::MFD_NOEXEC_SEAL) ? 0666 : 0777);
    RefPtr<TmpfsInode> inode = TRY(
        kernel().memory_files->super_block->new_inode(mode, credentials.fsuid, credentials.fsgid, 0));
    inode->links = 0;
    if (flags & abi::MFD_NOEXEC_SEAL)
        inode->seals = abi::F_SEAL_EXEC;
    else if (flags & abi::MFD_ALLOW_SEALING)
        inode->seals = 0;
    RefPtr<TmpfsFile> file = TRY(make_ref<TmpfsFile>(*inode));
    file->flags.store(abi::O_RDWR | abi::O_LARGEFILE);
    base::FixedWriter<272> text;
    base::print(text, "/memfd:{} (deleted)", name);
    TRY(attach_detached(*file, RefPtr<Inode>(inode), text.view()));
    return RefPtr<File>(std::move(file));
}

Result<void> add_seals(File& file, u32 seals) {
    if (const host::Handle handle = host_memory(file); handle != host::kNoHandle)
        return file.is_writable() ? host::add_seals(handle, seals) : Errno::EPERM;
    TmpfsInode* inode = memory_inode(file);
    if (!inode || (seals & ~kAllSeals))
        return Errno::EINVAL;
    if (!file.is_writable())
        return Errno::EPERM;
    LockGuard guard(inode->lock);
    if (inode->seals & abi::F_SEAL_SEAL)
        return Errno::EPERM;
    if ((seals & abi::F_SEAL_WRITE) && !(inode->seals & abi::F_SEAL_WRITE) && inode->writable_mappings() != 0)
        return Errno::EBUSY;
    // An executable file that may not change its mode any more must not change its content either.
    if ((seals & abi::F_SEAL_EXEC) && (inode->mode & 0111))
        seals |= abi::F_SEAL_SHRINK | abi::F_SEAL_GROW | abi::F_SEAL_WRITE | abi::F_SEAL_FUTURE_WRITE;
    inode->seals |= seals;
    return {};
}

Result<u32> get_seals(File& file) {
    if (const host::Handle handle = host_memory(file); handle != host::kNoHandle)
        return host::get_seals(handle);
    TmpfsInode* inode = memory_inode(file);
    if (!inode)
        return Errno::EINVAL;
    LockGuard guard(inode->lock);
    return u32{inode->seals};
}

Result<i32> sys_memfd_create(UserCString name, HexFlags flags) {
    const u64 known = abi::MFD_CLOEXEC | abi::MFD_ALLOW_SEALING | abi::MFD_NOEXEC_SEAL | abi::MFD_EXEC;
    if (flags.value & ~known)
        return Errno::EINVAL; // MFD_HUGETLB too, as on a kernel without hugetlbfs
    if ((flags.value & abi::MFD_EXEC) && (flags.value & abi::MFD_NOEXEC_SEAL))
        return Errno::EINVAL;
    char text[250]; // 255 less "memfd:", with the NUL
    Result<usize> length = name.copy(text, sizeof(text));
    if (length.is_error())
        return length.error() == Errno::ENAMETOOLONG ? Errno::EINVAL : length.error();
    text[length.value()] = 0;
    base::FixedWriter<272> shown;
    base::print(shown, "/memfd:{} (deleted)", std::string_view{text, length.value()});
    RefPtr<File> file;
    auto on_host = create_host_memfd(text, shown.view(), static_cast<u32>(flags.value));
    if (on_host.is_ok())
        file = on_host.release_value();
    else if (on_host.error() != Errno::EOPNOTSUPP && on_host.error() != Errno::EMFILE && on_host.error() != Errno::ENFILE)
        return on_host.error();
    else // the host has no such files, or no handle left: the arena keeps it
        file = TRY(create_memfd({text, length.value()}, static_cast<u32>(flags.value)));
    return current().files->install(std::move(file), (flags.value & abi::MFD_CLOEXEC) != 0);
}

} // namespace lxcore
