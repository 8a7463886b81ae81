// Descriptors: close(2), dup(2), fcntl(2), ioctl(2).
#include "abi/ioctl.hpp"
#include "abi/termios.hpp"
#include "lxcore/fs/calls.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/file_locks.hpp"
#include "lxcore/fs/namei.hpp"
#include "lxcore/ipc/pipe.hpp"
#include "lxcore/tmpfs/tmpfs.hpp"

namespace lxcore {

Result<void> sys_close(Fd fd) { return current().files->close(fd); }

Result<void> sys_close_range(u32 first, u32 last, HexFlags flags) {
    if ((flags & ~u64{abi::CLOSE_RANGE_UNSHARE | abi::CLOSE_RANGE_CLOEXEC}) || first > last)
        return Errno::EINVAL;
    Task& task = current();
    if ((flags & abi::CLOSE_RANGE_UNSHARE) && task.files->users.load() > 1) {
        RefPtr<FdTable> copy = TRY(task.files->clone());
        std::swap(task.files, copy);
        copy->leave();
    }
    task.files->close_range(first, last, (flags & abi::CLOSE_RANGE_CLOEXEC) != 0);
    return {};
}

Result<i32> sys_dup(Fd fd) { return current().files->install(TRY(get_file_any(fd)).ref(), false); }

Result<i32> sys_dup2(Fd old_fd, Fd new_fd) {
    HeldFile file = TRY(get_file_any(old_fd));
    if (old_fd == new_fd)
        return new_fd.value;
    return current().files->install_at(new_fd, file.ref(), false);
}

Result<i32> sys_dup3(Fd old_fd, Fd new_fd, OpenFlags flags) {
    if ((flags & ~abi::O_CLOEXEC) || old_fd == new_fd)
        return Errno::EINVAL;
    HeldFile file = TRY(get_file_any(old_fd));
    return current().files->install_at(new_fd, file.ref(), (flags & abi::O_CLOEXEC) != 0);
}

namespace {

Result<i64> duplicate(const HeldFile& file, u64 lowest, bool close_on_exec) {
    const Process* process = current().process;
    if (process && lowest >= process->limits[abi::RLIMIT_NOFILE].rlim_cur)
        return Errno::EINVAL;
    return static_cast<i64>(
        TRY(current().files->install(file.ref(), close_on_exec, static_cast<i32>(lowest))));
}

// F_SETFL, FIONBIO, FIOASYNC.
void change_flags(File& file, u32 mask, u32 bits) {
    u32 flags = file.flags.load(std::memory_order_relaxed);
    while (!file.flags.compare_exchange_weak(flags, (flags & ~mask) | (bits & mask))) {
    }
    file.flags_changed();
}

Result<i64> set_status_flags(File& file, u32 flags) {
    constexpr u32 kMask = abi::O_APPEND | abi::O_NONBLOCK | abi::O_DIRECT | abi::O_NOATIME | abi::FASYNC;
    if ((flags & abi::O_NOATIME) && !(file.flags.load() & abi::O_NOATIME) && !is_owner_or_capable(file.inode()))
        return Errno::EPERM;
    change_flags(file, kMask, flags);
    return i64{0};
}

// Owners are kept as fcntl(F_SETOWN) gives them: negative for a process group.
Result<i64> set_owner(File& file, i32 owner) {
    if (owner == static_cast<i32>(0x8000'0000))
        return Errno::EINVAL;
    file.owner_pid = owner;
    return i64{0};
}

Result<i64> set_owner_extended(File& file, UserPtr<abi::f_owner_ex> argument) {
    const abi::f_owner_ex owner = TRY(argument.read());
    switch (owner.type) {
    case abi::F_OWNER_TID:
    case abi::F_OWNER_PID: return set_owner(file, owner.pid);
    case abi::F_OWNER_PGRP: return set_owner(file, -owner.pid);
    default: return Errno::EINVAL;
    }
}

Result<i64> get_owner_extended(File& file, UserPtr<abi::f_owner_ex> argument) {
    abi::f_owner_ex owner{abi::F_OWNER_PID, file.owner_pid};
    if (owner.pid < 0)
        owner = {abi::F_OWNER_PGRP, -owner.pid};
    TRY(argument.write(owner));
    return i64{0};
}

} // namespace

Result<i64> sys_fcntl(Fd fd, u32 command, u64 argument) {
    HeldFile file = TRY(get_file_any(fd));
    switch (command) {
    case abi::F_DUPFD: return duplicate(file, argument & 0xffff'ffff, false);
    case abi::F_DUPFD_CLOEXEC: return duplicate(file, argument & 0xffff'ffff, true);
    case abi::F_GETFD: return i64{TRY(current().files->close_on_exec(fd)) ? 1 : 0};
    case abi::F_SETFD:
        TRY(current().files->set_close_on_exec(fd, (argument & abi::FD_CLOEXEC) != 0));
        return i64{0};
    case abi::F_GETFL: return i64{file->flags.load(std::memory_order_relaxed)};
    case abi::F_DUPFD_QUERY: {
        HeldFile other = TRY(get_file_any(static_cast<i32>(argument)));
        return i64{other.get() == file.get()};
    }
    default: break;
    }
    if (file->flags.load(std::memory_order_relaxed) & abi::O_PATH)
        return Errno::EBADF;
    switch (command) {
    case abi::F_SETFL: return set_status_flags(*file, static_cast<u32>(argument));
    case abi::F_GETLK:
    case abi::F_SETLK:
    case abi::F_SETLKW:
    case abi::F_OFD_GETLK:
    case abi::F_OFD_SETLK:
    case abi::F_OFD_SETLKW: TRY(fcntl_lock(*file, command, UserPtr<abi::flock>(argument))); return i64{0};
    case abi::F_SETOWN: return set_owner(*file, static_cast<i32>(argument));
    case abi::F_GETOWN: return i64{file->owner_pid};
    case abi::F_SETOWN_EX: return set_owner_extended(*file, UserPtr<abi::f_owner_ex>(argument));
    case abi::F_GETOWN_EX: return get_owner_extended(*file, UserPtr<abi::f_owner_ex>(argument));
    case abi::F_SETSIG:
        if (argument > 64)
            return Errno::EINVAL;
        file->owner_signal = static_cast<i32>(argument);
        return i64{0};
    case abi::F_GETSIG: return i64{file->owner_signal};
    case abi::F_GETPIPE_SZ: return pipe_capacity(*file);
    case abi::F_SETPIPE_SZ: return set_pipe_capacity(*file, argument);
    case abi::F_ADD_SEALS: TRY(add_seals(*file, static_cast<u32>(argument))); return i64{0};
    case abi::F_GET_SEALS: return i64{TRY(get_seals(*file))};
    case abi::F_GETLEASE: return i64{abi::F_UNLCK}; // leases are never granted
    case abi::F_SETLEASE: return Errno::EAGAIN;
    case abi::F_GET_RW_HINT:
        TRY(UserPtr<u64>(argument).write(u64{0}));
        return i64{0};
    case abi::F_SET_RW_HINT:
        if (TRY(UserPtr<u64>(argument).read()) > 5)
            return Errno::EINVAL;
        return i64{0};
    default: return Errno::EINVAL;
    }
}

Result<i64> sys_ioctl(Fd fd, IoctlRequest request, u64 argument) {
    HeldFile file = TRY(get_file(fd));
    switch (request.value) {
    case abi::FIOCLEX: TRY(current().files->set_close_on_exec(fd, true)); return i64{0};
    case abi::FIONCLEX: TRY(current().files->set_close_on_exec(fd, false)); return i64{0};
    case abi::FIONBIO:
        change_flags(*file, abi::O_NONBLOCK, TRY(UserPtr<i32>(argument).read()) ? abi::O_NONBLOCK : 0);
        return i64{0};
    case abi::FIOASYNC:
        change_flags(*file, abi::FASYNC, TRY(UserPtr<i32>(argument).read()) ? abi::FASYNC : 0);
        return i64{0};
    case abi::FIONREAD:
        if (!file->inode().is_regular())
            break;
        TRY(file->inode().refresh());
        TRY(UserPtr<i32>(argument).write(static_cast<i32>(file->inode().size - file->position)));
        return i64{0};
    case abi::FIGETBSZ:
        if (!file->inode().is_regular() && !file->inode().is_directory())
            break;
        TRY(UserPtr<i32>(argument).write(static_cast<i32>(file->inode().block_size)));
        return i64{0};
    case abi::FICLONE:
    case abi::FICLONERANGE:
    case abi::FIDEDUPERANGE: return Errno::EOPNOTSUPP;
    default: break;
    }
    return file->control(request, argument);
}

} // namespace lxcore
