// Calls about the system as a whole and small per-thread registrations: uname(2), sysinfo(2), getrandom(2),
// set_tid_address(2), set_robust_list(2), unshare(2), seccomp(2), reboot(2), syslog(2).
#include "abi/fcntl.hpp"
#include "abi/futex.hpp"
#include "abi/prctl.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

Result<i32> sys_uname(UserPtr<abi::new_utsname> out) {
    abi::new_utsname name;
    {
        LockGuard guard(kernel().utsname_lock);
        name = kernel().utsname;
    }
    if ((current().personality & abi::PER_MASK) == abi::PER_LINUX32)
        __builtin_memcpy(name.machine, "i686", 5);
    if (current().personality & abi::UNAME26)
        __builtin_memcpy(name.release, "2.6.60", 7);
    TRY(out.write(name));
    return 0;
}

namespace {

Result<i32> set_system_name(char (&field)[abi::__NEW_UTS_LEN + 1], u64 address, i32 length) {
    if (!current().credentials->has_capability(abi::CAP_SYS_ADMIN))
        return Errno::EPERM;
    if (length < 0 || length > static_cast<i32>(abi::__NEW_UTS_LEN))
        return Errno::EINVAL;
    char text[sizeof(field)] = {};
    TRY(copy_from_user(text, address, static_cast<usize>(length)));
    LockGuard guard(kernel().utsname_lock);
    __builtin_memcpy(field, text, sizeof(field));
    return 0;
}

} // namespace

Result<i32> sys_sethostname(u64 name, i32 length) { return set_system_name(kernel().utsname.nodename, name, length); }
Result<i32> sys_setdomainname(u64 name, i32 length) {
    return set_system_name(kernel().utsname.domainname, name, length);
}

Result<i32> sys_sysinfo(UserPtr<abi::sysinfo> out) {
    const host::MemoryStatus memory = host::memory_status();
    abi::sysinfo info{};
    info.uptime = static_cast<i64>((host::monotonic_ns() - kernel().boot_monotonic_ns) / 1'000'000'000);
    info.totalram = memory.total_bytes;
    info.freeram = memory.free_bytes;
    info.bufferram = memory.buffers_bytes;
    info.totalswap = memory.swap_total_bytes;
    info.freeswap = memory.swap_free_bytes;
    info.procs = static_cast<u16>(task_state().thread_count);
    info.mem_unit = 1;
    // "0.52 0.58 0.59 ..." of the host, as fixed point.
    char text[128];
    const usize length = host::host_information("loadavg", text, sizeof(text));
    usize at = 0;
    for (u64& load : info.loads) {
        u64 whole = 0, hundredths = 0;
        while (at < length && text[at] >= '0' && text[at] <= '9')
            whole = whole * 10 + static_cast<u64>(text[at++] - '0');
        if (at < length && text[at] == '.')
            ++at;
        for (u64 scale = 10; at < length && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
            hundredths += static_cast<u64>(text[at] - '0') * scale;
        load = (whole << abi::SI_LOAD_SHIFT) + (hundredths << abi::SI_LOAD_SHIFT) / 100;
        while (at < length && text[at] == ' ')
            ++at;
    }
    TRY(out.write(info));
    return 0;
}

Result<i64> sys_getrandom(u64 buffer, u64 length, u32 flags) {
    constexpr u32 kNonblock = 1, kRandom = 2, kInsecure = 4;
    if ((flags & ~(kNonblock | kRandom | kInsecure)) || (flags & (kRandom | kInsecure)) == (kRandom | kInsecure))
        return Errno::EINVAL;
    length = base::min<u64>(length, 0x7fff'ffff);
    u8 bytes[256];
    u64 done = 0;
    while (done < length) {
        const usize part = base::min<usize>(sizeof(bytes), length - done);
        host::random_bytes(bytes, part);
        if (copy_to_user(buffer + done, bytes, part).is_error()) {
            if (done == 0)
                return Errno::EFAULT;
            break;
        }
        done += part;
        if (done >= base::kPageSize && current().is_interrupted())
            break;
    }
    return static_cast<i64>(done);
}

Result<i32> sys_set_tid_address(u64 address) {
    Task& task = current();
    task.clear_child_tid = address;
    return task.tid;
}

Result<i32> sys_set_robust_list(u64 head, u64 length) {
    if (length != sizeof(abi::robust_list_head))
        return Errno::EINVAL;
    current().robust_list = head;
    return 0;
}

Result<i32> sys_get_robust_list(i32 tid, UserPtr<u64> head, UserPtr<u64> length) {
    u64 address = current().robust_list;
    if (tid != 0) {
        LockGuard guard(task_state().tree_lock);
        Task* task = find_task(tid);
        if (!task)
            return Errno::ESRCH;
        const Credentials& mine = *current().credentials;
        const Credentials* theirs = task->credentials.get();
        if (task->process != current().process && !mine.has_capability(abi::CAP_SYS_PTRACE) &&
            (!theirs || mine.uid != theirs->uid || mine.uid != theirs->suid || mine.gid != theirs->gid))
            return Errno::EPERM;
        address = task->robust_list;
    }
    TRY(length.write(sizeof(abi::robust_list_head)));
    TRY(head.write(address));
    return 0;
}

Result<i32> sys_unshare(CloneFlags flags) {
    Task& task = current();
    constexpr u64 kNamespaces = abi::CLONE_NEWNS | abi::CLONE_NEWCGROUP | abi::CLONE_NEWUTS | abi::CLONE_NEWIPC |
                                abi::CLONE_NEWUSER | abi::CLONE_NEWPID | abi::CLONE_NEWNET | abi::CLONE_NEWTIME;
    constexpr u64 kKnown = kNamespaces | abi::CLONE_FS | abi::CLONE_FILES | abi::CLONE_SYSVSEM | abi::CLONE_THREAD |
                           abi::CLONE_SIGHAND | abi::CLONE_VM;
    if (flags & ~kKnown)
        return Errno::EINVAL;
    if ((flags & (abi::CLONE_THREAD | abi::CLONE_SIGHAND | abi::CLONE_VM)) && task.process->thread_count > 1)
        return Errno::EINVAL;
    if (flags & kNamespaces)
        return task.credentials->has_capability(abi::CAP_SYS_ADMIN) ? Errno::EINVAL : Errno::EPERM;
    RefPtr<FsContext> fs;
    if ((flags & abi::CLONE_FS) && task.fs->reference_count() > 1)
        fs = TRY(copy_fs(*task.fs));
    if ((flags & abi::CLONE_FILES) && task.files->users.load(std::memory_order_acquire) > 1)
        set_files(task, TRY(task.files->clone()));
    if (fs)
        set_fs(task, std::move(fs));
    return 0;
}

Result<i32> sys_setns(Fd fd, CloneFlags) {
    (void)TRY(get_file(fd));
    return Errno::EINVAL; // no descriptor of a namespace exists
}

Result<i32> sys_seccomp(u32 operation, u32 flags, u64 argument) {
    switch (operation) {
    case abi::SECCOMP_GET_ACTION_AVAIL:
        if (flags != 0)
            return Errno::EINVAL;
        TRY(UserPtr<u32>(argument).read());
        return Errno::EOPNOTSUPP;
    default: return Errno::EINVAL;
    }
}

Result<i32> sys_reboot(u32 magic1, u32 magic2, u32 command, u64) {
    constexpr u32 kMagic1 = 0xfee1dead;
    constexpr u32 kMagic2[] = {672274793, 85072278, 369367448, 537993216};
    constexpr u32 kCadOff = 0, kCadOn = 0x89abcdef;
    if (!current().credentials->has_capability(abi::CAP_SYS_BOOT))
        return Errno::EPERM;
    bool known = false;
    for (const u32 magic : kMagic2)
        known |= magic == magic2;
    if (magic1 != kMagic1 || !known)
        return Errno::EINVAL;
    return command == kCadOff || command == kCadOn ? Result<i32>(0) : Errno::EPERM;
}

Result<i32> sys_syslog(i32 type, u64 buffer, i32 length) {
    enum : i32 { kClose, kOpen, kRead, kReadAll, kReadClear, kClear, kConsoleOff, kConsoleOn, kConsoleLevel, kSizeUnread, kSizeBuffer };
    if (type < kClose || type > kSizeBuffer)
        return Errno::EINVAL;
    if (type != kReadAll && type != kSizeBuffer && !current().credentials->has_capability(abi::CAP_SYSLOG))
        return Errno::EPERM;
    switch (type) {
    case kReadAll:
    case kReadClear:
        if (!buffer || length < 0)
            return Errno::EINVAL;
        return 0; // the instance's log is not the guest's to read: the ring is empty
    case kRead: return Errno::EINVAL; // would block for ever
    case kConsoleLevel: return length >= 1 && length <= 8 ? Result<i32>(0) : Errno::EINVAL;
    case kSizeBuffer: return 1 << 18;
    default: return 0;
    }
}

} // namespace lxcore
