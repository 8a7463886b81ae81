// The files of a process: fd, fdinfo, exe, cwd, root. See proc_pid_fd(5).
#include "abi/dirent.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/procfs/procfs.hpp"

namespace lxcore::proc {

namespace {

Result<RefPtr<File>> descriptor_of(const Node& node) {
    if (const RefPtr<FdTable> files = files_of(*node.process))
        if (RefPtr<File> file = files->peek(node.entry))
            return file;
    return Errno::ENOENT;
}

Result<Path> follow_descriptor(const Node& node) { return TRY(descriptor_of(node))->path; }

Result<void> print_descriptor(base::Writer& writer, const Node& node) {
    const RefPtr<File> file = TRY(descriptor_of(node));
    base::print(writer, "pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{}\nino:\t{}\n", file->position,
                file->flags.load(std::memory_order_relaxed), file->path.mount ? file->path.mount->id : 0,
                file->path.dentry && file->path.dentry->inode ? file->inode().number : 0);
    file->print_information(writer);
    return {};
}

i32 next_descriptor(const Node& directory, i32 from) {
    const RefPtr<FdTable> files = files_of(*directory.process);
    return files ? files->next_open(from) : -1;
}

Result<void> enter_descriptor(const Node&, i32 number, Node& entry) {
    entry.entry = number;
    const RefPtr<File> file = TRY(descriptor_of(entry));
    if (entry.is_symlink()) {
        // The link's permissions tell how the file is open.
        entry.mode = abi::S_IFLNK;
        if (file->is_readable())
            entry.mode |= 0500;
        if (file->is_writable())
            entry.mode |= 0300;
        entry.size = 64;
    }
    return {};
}

constexpr NumberedEntries kDescriptors{
    next_descriptor, enter_descriptor,
    {.path = "", .mode = kLink | 0777, .follow = follow_descriptor, .is_private = true}};
constexpr NumberedEntries kDescriptorInformation{
    next_descriptor, enter_descriptor, {.path = "", .mode = kFile | 0400, .print = print_descriptor, .is_private = true}};

} // namespace

const GeneratedTable kDescriptorTable{nullptr, 0, &kDescriptors};
const GeneratedTable kDescriptorInformationTable{nullptr, 0, &kDescriptorInformation};

Result<Path> executable_of(const Node& node) {
    RefPtr<File> file;
    {
        LockGuard guard(node.process->info_lock);
        file = node.process->executable;
    }
    if (!file)
        return Errno::ENOENT;
    return file->path;
}

Result<Path> directory_of(const Node& node) {
    const RefPtr<FsContext> fs = fs_of(*node.process);
    if (!fs)
        return Errno::ENOENT;
    LockGuard guard(fs->lock);
    return fs->cwd;
}

Result<Path> root_of(const Node& node) {
    const RefPtr<FsContext> fs = fs_of(*node.process);
    if (!fs)
        return Errno::ENOENT;
    LockGuard guard(fs->lock);
    return fs->root;
}

} // namespace lxcore::proc
