// prctl(2), arch_prctl(2).
#include "abi/prctl.hpp"
#include "engine/engine.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

Result<i64> set_name(Task& task, u64 address) {
    // At most 15 bytes count; the text may end at the edge of a mapping.
    char name[sizeof(task.name)] = {};
    const isize length = base::is_guest_range(address, 1)
                             ? host::string_length_guarded(reinterpret_cast<const char*>(address), sizeof(name) - 1)
                             : -1;
    if (length < 0)
        return Errno::EFAULT;
    TRY(copy_from_user(name, address, static_cast<usize>(length)));
    __builtin_memcpy(task.name, name, sizeof(name));
    return 0;
}

Result<i64> get_tid_address(Task& task, u64 address) {
    TRY(UserPtr<u64>(address).write(task.clear_child_tid));
    return 0;
}

// PR_SET_VMA: a name for anonymous mappings. Checked as Linux does, and then kept by nobody.
Result<i64> set_vma(u64 what, u64 start, u64 length, u64 name) {
    if (what != abi::PR_SET_VMA_ANON_NAME || (start & (base::kPageSize - 1)))
        return Errno::EINVAL;
    if (!base::is_guest_range(start, length))
        return Errno::ENOMEM;
    if (name) {
        char text[80];
        auto copied = UserCString(name).copy(text, sizeof(text));
        if (copied.is_error())
            return copied.error() == Errno::ENAMETOOLONG ? Errno::EINVAL : copied.error();
    }
    return 0;
}

} // namespace

Result<i64> sys_prctl(i32 option, u64 argument2, u64 argument3, u64 argument4, u64 argument5) {
    Task& task = current();
    Process& process = *task.process;
    switch (static_cast<u32>(option)) {
    case abi::PR_SET_PDEATHSIG:
        if (argument2 > static_cast<u64>(abi::_NSIG))
            return Errno::EINVAL;
        task.parent_death_signal = argument2;
        return 0;
    case abi::PR_GET_PDEATHSIG:
        TRY(UserPtr<i32>(argument2).write(static_cast<i32>(task.parent_death_signal)));
        return 0;
    case abi::PR_GET_DUMPABLE: return process.is_dumpable;
    case abi::PR_SET_DUMPABLE:
        if (argument2 > 1)
            return Errno::EINVAL;
        process.is_dumpable = argument2 != 0;
        return 0;
    case abi::PR_SET_NAME: return set_name(task, argument2);
    case abi::PR_GET_NAME: TRY(copy_to_user(argument2, task.name, sizeof(task.name))); return 0;
    case abi::PR_GET_TIMING: return 0; // PR_TIMING_STATISTICAL
    case abi::PR_SET_TIMING: return argument2 == 0 ? Result<i64>(0) : Errno::EINVAL;
    case abi::PR_GET_TSC: TRY(UserPtr<u32>(argument2).write(abi::PR_TSC_ENABLE)); return 0;
    case abi::PR_SET_TSC: return argument2 == abi::PR_TSC_ENABLE ? Result<i64>(0) : Errno::EINVAL;
    case abi::PR_CAPBSET_READ:
    case abi::PR_CAPBSET_DROP:
    case abi::PR_GET_SECUREBITS:
    case abi::PR_SET_SECUREBITS:
    case abi::PR_GET_KEEPCAPS:
    case abi::PR_SET_KEEPCAPS:
    case abi::PR_CAP_AMBIENT: return prctl_capabilities(option, argument2, argument3, argument4, argument5);
    case abi::PR_SET_TIMERSLACK:
        task.timer_slack_ns = static_cast<i64>(argument2) <= 0 ? 50'000 : argument2;
        return 0;
    case abi::PR_GET_TIMERSLACK: return static_cast<i64>(task.timer_slack_ns);
    case abi::PR_TASK_PERF_EVENTS_DISABLE:
    case abi::PR_TASK_PERF_EVENTS_ENABLE: return 0; // there are no events
    case abi::PR_SET_CHILD_SUBREAPER: process.is_child_subreaper = argument2 != 0; return 0;
    case abi::PR_GET_CHILD_SUBREAPER: TRY(UserPtr<i32>(argument2).write(process.is_child_subreaper)); return 0;
    case abi::PR_SET_NO_NEW_PRIVS:
        if (argument2 != 1 || argument3 || argument4 || argument5)
            return Errno::EINVAL;
        process.no_new_privileges = true;
        return 0;
    case abi::PR_GET_NO_NEW_PRIVS:
        if (argument2 || argument3 || argument4 || argument5)
            return Errno::EINVAL;
        return process.no_new_privileges;
    case abi::PR_GET_TID_ADDRESS: return get_tid_address(task, argument2);
    case abi::PR_SET_THP_DISABLE:
        if (argument3 || argument4 || argument5)
            return Errno::EINVAL;
        return 0; // a hint
    case abi::PR_GET_THP_DISABLE:
        if (argument2 || argument3 || argument4 || argument5)
            return Errno::EINVAL;
        return 0;
    case abi::PR_GET_SECCOMP: return 0;
    case abi::PR_SET_VMA: return set_vma(argument2, argument3, argument4, argument5);
    case abi::PR_SET_PTRACER: return 0; // there is no ptrace to restrict
    case abi::PR_MCE_KILL_GET: return 2; // PR_MCE_KILL_DEFAULT
    case abi::PR_GET_IO_FLUSHER:
    case abi::PR_GET_MDWE: return argument2 || argument3 || argument4 || argument5 ? Errno::EINVAL : Result<i64>(0);
    default: return Errno::EINVAL;
    }
}

Result<i32> sys_arch_prctl(i32 option, u64 address) {
    Task& task = current();
    switch (static_cast<u32>(option)) {
    case abi::ARCH_SET_FS:
        if (address >= base::kGuestEnd)
            return Errno::EPERM;
        host::set_guest_fs_base(address);
        return 0;
    case abi::ARCH_GET_FS: TRY(UserPtr<u64>(address).write(host::guest_fs_base())); return 0;
    case abi::ARCH_SET_GS:
        if (address >= base::kGuestEnd)
            return Errno::EPERM;
        engine::guest_owns_gs(address);
        return 0;
    case abi::ARCH_GET_GS: TRY(UserPtr<u64>(address).write(task.guest_gs_base)); return 0;
    case abi::ARCH_GET_CPUID: return 1; // the instruction is allowed
    case abi::ARCH_SET_CPUID: return address == 1 ? Result<i32>(0) : Errno::ENODEV;
    default: return Errno::EINVAL;
    }
}

} // namespace lxcore
