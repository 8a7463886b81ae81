// User and group ids and capabilities across execve(2): capabilities(7), "Transformation of capabilities during
// execve()".
#include "abi/mount.hpp"
#include "abi/prctl.hpp"
#include "abi/stat.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/task/exec_image.hpp"
#include "lxcore/task/task_table.hpp"

namespace lxcore {

namespace {

struct FileCapabilities {
    u64 permitted = 0, inheritable = 0;
    bool effective = false, present = false;
};

// The security.capability attribute. A malformed one counts as none.
FileCapabilities read_file_capabilities(Inode& inode) {
    FileCapabilities result;
    abi::vfs_ns_cap_data data{};
    const auto length = inode.get_xattr("security.capability", &data, sizeof(data));
    if (length.is_error() || length.value() < sizeof(u32))
        return result;
    const u32 revision = data.magic_etc & abi::VFS_CAP_REVISION_MASK;
    const bool is_v2 = revision == abi::VFS_CAP_REVISION_2 && length.value() == 20;
    const bool is_v3 = revision == abi::VFS_CAP_REVISION_3 && length.value() == 24 && data.rootid == 0;
    const bool is_v1 = revision == abi::VFS_CAP_REVISION_1 && length.value() == 12;
    if (!is_v1 && !is_v2 && !is_v3)
        return result;
    result.present = true;
    result.effective = data.magic_etc & abi::VFS_CAP_FLAGS_EFFECTIVE;
    result.permitted = data.data[0].permitted;
    result.inheritable = data.data[0].inheritable;
    if (!is_v1) {
        result.permitted |= u64{data.data[1].permitted} << 32;
        result.inheritable |= u64{data.data[1].inheritable} << 32;
    }
    result.permitted &= Credentials::kAllCapabilities;
    result.inheritable &= Credentials::kAllCapabilities;
    return result;
}

} // namespace

// Who traces a program could make it do anything: it gains no rights that its tracer lacks.
static bool has_unprivileged_tracer(const Task& task) {
    if (!is_traced(task))
        return false;
    LockGuard tree(task_state().tree_lock);
    const Process* tracer = task.tracee.tracer;
    const Credentials* rights = tracer && tracer->leader ? tracer->leader->credentials.get() : nullptr;
    return tracer && (!rights || !rights->has_capability(abi::CAP_SYS_PTRACE));
}

Result<void> prepare_credentials(ExecImage& image, File& file) {
    Task& task = current();
    const Credentials& old = *task.credentials;
    Inode& inode = file.inode();
    const u64 mount_flags = file.path.mount ? file.path.mount->flags | file.path.mount->super_block->flags : 0;
    const bool may_gain =
        !(mount_flags & abi::MS_NOSUID) && !task.process->no_new_privileges && !has_unprivileged_tracer(task);

    u32 euid = old.euid, egid = old.egid;
    if (may_gain) {
        if (inode.mode & abi::S_ISUID)
            euid = inode.uid;
        // Without group execute permission the bit means mandatory locking.
        if ((inode.mode & (abi::S_ISGID | abi::S_IXGRP)) == (abi::S_ISGID | abi::S_IXGRP))
            egid = inode.gid;
    }
    const bool root_is_special = !(old.securebits & abi::SECBIT_NOROOT);
    const bool is_root = root_is_special && (old.uid == 0 || euid == 0);
    // Root has all of it anyway, except that a set-user-ID-root program with file capabilities gets just those.
    FileCapabilities from_file;
    if (may_gain && (!is_root || (old.uid != 0 && euid == 0)))
        from_file = read_file_capabilities(inode);
    const bool privileged = euid != old.euid || egid != old.egid || from_file.present;

    u64 inheritable_mask = from_file.inheritable, permitted_mask = from_file.permitted;
    bool effective = from_file.effective;
    if (is_root && !(from_file.present && old.uid != 0 && euid == 0)) {
        inheritable_mask = permitted_mask = Credentials::kAllCapabilities;
        effective = euid == 0;
    }
    const u64 ambient = privileged ? 0 : old.ambient;
    u64 permitted = (old.inheritable & inheritable_mask) | (old.bounding & permitted_mask) | ambient;
    if (task.process->no_new_privileges)
        permitted &= old.permitted;
    // A program marked effective that would not get all that its file grants must not run half-privileged.
    if (from_file.present && effective && (from_file.permitted & ~permitted) != 0)
        return Errno::EPERM;
    const u64 new_effective = effective ? permitted : ambient & permitted;

    const bool unchanged = euid == old.euid && egid == old.egid && old.suid == euid && old.fsuid == euid &&
                           old.sgid == egid && old.fsgid == egid && permitted == old.permitted &&
                           new_effective == old.effective && ambient == old.ambient &&
                           !(old.securebits & abi::SECBIT_KEEP_CAPS);
    image.is_secure = euid != old.uid || egid != old.gid ||
                      (old.uid != 0 && (effective || (permitted & ~ambient) != 0));
    image.drops_dumpable = euid != old.euid || egid != old.egid || (permitted & ~old.permitted) != 0;
    if (unchanged) {
        image.credentials = task.credentials;
        return {};
    }
    image.credentials = TRY(old.clone());
    Credentials& changed = *image.credentials;
    changed.euid = changed.suid = changed.fsuid = euid;
    changed.egid = changed.sgid = changed.fsgid = egid;
    changed.permitted = permitted;
    changed.effective = new_effective;
    changed.ambient = ambient;
    changed.securebits &= ~abi::SECBIT_KEEP_CAPS;
    return {};
}

} // namespace lxcore
