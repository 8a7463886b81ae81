// capget(2), capset(2), and the capability part of prctl(2).
#include "lxcore/task/calls.hpp"
#include "lxcore/task/capability_rules.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

constexpr u32 kLow32 = 0xffff'ffff;

// How many 32-bit parts a version passes; writes the preferred version back and fails for an unknown one.
Result<u32> parts_of_version(UserPtr<abi::__user_cap_header_struct> header, const abi::__user_cap_header_struct& given) {
    switch (given.version) {
    case abi::_LINUX_CAPABILITY_VERSION_1: return abi::_LINUX_CAPABILITY_U32S_1;
    case abi::_LINUX_CAPABILITY_VERSION_2: return abi::_LINUX_CAPABILITY_U32S_2;
    case abi::_LINUX_CAPABILITY_VERSION_3: return abi::_LINUX_CAPABILITY_U32S_3;
    default:
        TRY(header.cast<u32>().write(abi::_LINUX_CAPABILITY_VERSION_3));
        return Errno::EINVAL;
    }
}

} // namespace

Result<i32> sys_capget(UserPtr<abi::__user_cap_header_struct> header, UserPtr<abi::__user_cap_data_struct> data) {
    const auto given = TRY(header.read());
    auto parts = parts_of_version(header, given);
    if (parts.is_error()) {
        // A null data pointer asks for the version alone.
        if (parts.error() == Errno::EINVAL && !data)
            return 0;
        return parts.error();
    }
    if (given.pid < 0)
        return Errno::EINVAL;
    RefPtr<Credentials> credentials = current().credentials;
    if (given.pid != 0 && given.pid != current().tid) {
        LockGuard guard(task_state().tree_lock);
        Task* task = find_task(given.pid);
        if (!task || !task->credentials)
            return Errno::ESRCH;
        credentials = task->credentials;
    }
    if (!data)
        return 0;
    for (u32 part = 0; part < parts.value(); ++part) {
        const u32 shift = 32 * part;
        abi::__user_cap_data_struct out{};
        out.effective = static_cast<u32>((credentials->effective >> shift) & kLow32);
        out.permitted = static_cast<u32>((credentials->permitted >> shift) & kLow32);
        out.inheritable = static_cast<u32>((credentials->inheritable >> shift) & kLow32);
        TRY(data.offset(part).write(out));
    }
    return 0;
}

Result<i32> sys_capset(UserPtr<abi::__user_cap_header_struct> header, UserPtr<abi::__user_cap_data_struct> data) {
    const auto given = TRY(header.read());
    const u32 parts = TRY(parts_of_version(header, given));
    if (given.pid != 0 && given.pid != current().tid)
        return Errno::EPERM;
    u64 effective = 0, permitted = 0, inheritable = 0;
    for (u32 part = 0; part < parts; ++part) {
        const auto in = TRY(data.offset(part).read());
        effective |= static_cast<u64>(in.effective) << (32 * part);
        permitted |= static_cast<u64>(in.permitted) << (32 * part);
        inheritable |= static_cast<u64>(in.inheritable) << (32 * part);
    }
    effective &= abi::CAP_FULL_SET;
    permitted &= abi::CAP_FULL_SET;
    inheritable &= abi::CAP_FULL_SET;

    const Credentials& old = *current().credentials;
    if (!old.has_capability(abi::CAP_SETPCAP) && (inheritable & ~(old.inheritable | old.permitted)))
        return Errno::EPERM;
    if (inheritable & ~(old.inheritable | old.bounding))
        return Errno::EPERM;
    if ((permitted & ~old.permitted) || (effective & ~permitted))
        return Errno::EPERM;
    auto changed = TRY(old.clone());
    changed->effective = effective;
    changed->permitted = permitted;
    changed->inheritable = inheritable;
    changed->ambient &= permitted & inheritable;
    set_credentials(current(), std::move(changed));
    return 0;
}

Result<i64> prctl_capabilities(i32 option, u64 argument2, u64 argument3, u64 argument4, u64 argument5) {
    Task& task = current();
    const Credentials& old = *task.credentials;
    switch (static_cast<u32>(option)) {
    case abi::PR_CAPBSET_READ:
        if (argument2 > abi::CAP_LAST_CAP)
            return Errno::EINVAL;
        return static_cast<i64>((old.bounding >> argument2) & 1);
    case abi::PR_CAPBSET_DROP: {
        if (!old.has_capability(abi::CAP_SETPCAP))
            return Errno::EPERM;
        if (argument2 > abi::CAP_LAST_CAP)
            return Errno::EINVAL;
        auto changed = TRY(old.clone());
        changed->bounding &= ~abi::cap_mask(static_cast<u32>(argument2));
        set_credentials(task, std::move(changed));
        return 0;
    }
    case abi::PR_GET_SECUREBITS: return old.securebits;
    case abi::PR_SET_SECUREBITS: {
        constexpr u32 kAll = 0xff;
        constexpr u32 kLocks = 0xaa;
        const u32 wanted = static_cast<u32>(argument2);
        const u32 locked_bits = (old.securebits & kLocks) >> 1;
        if ((argument2 & ~u64{kAll}) || (locked_bits & (old.securebits ^ wanted)) ||
            (old.securebits & kLocks & ~wanted) || !old.has_capability(abi::CAP_SETPCAP))
            return Errno::EPERM;
        auto changed = TRY(old.clone());
        changed->securebits = wanted;
        set_credentials(task, std::move(changed));
        return 0;
    }
    case abi::PR_GET_KEEPCAPS: return (old.securebits & abi::SECBIT_KEEP_CAPS) != 0;
    case abi::PR_SET_KEEPCAPS: {
        if (argument2 > 1)
            return Errno::EINVAL;
        if (old.securebits & abi::SECBIT_KEEP_CAPS_LOCKED)
            return Errno::EPERM;
        auto changed = TRY(old.clone());
        changed->securebits = argument2 ? old.securebits | abi::SECBIT_KEEP_CAPS
                                        : old.securebits & ~abi::SECBIT_KEEP_CAPS;
        set_credentials(task, std::move(changed));
        return 0;
    }
    case abi::PR_CAP_AMBIENT: {
        if (argument2 == abi::PR_CAP_AMBIENT_CLEAR_ALL) {
            if (argument3 | argument4 | argument5)
                return Errno::EINVAL;
            auto changed = TRY(old.clone());
            changed->ambient = 0;
            set_credentials(task, std::move(changed));
            return 0;
        }
        if (argument3 > abi::CAP_LAST_CAP || argument4 || argument5)
            return Errno::EINVAL;
        const u64 bit = abi::cap_mask(static_cast<u32>(argument3));
        if (argument2 == abi::PR_CAP_AMBIENT_IS_SET)
            return (old.ambient & bit) != 0;
        if (argument2 != abi::PR_CAP_AMBIENT_RAISE && argument2 != abi::PR_CAP_AMBIENT_LOWER)
            return Errno::EINVAL;
        const bool raise = argument2 == abi::PR_CAP_AMBIENT_RAISE;
        if (raise && (!(old.permitted & bit) || !(old.inheritable & bit) ||
                      (old.securebits & abi::SECBIT_NO_CAP_AMBIENT_RAISE)))
            return Errno::EPERM;
        auto changed = TRY(old.clone());
        changed->ambient = raise ? old.ambient | bit : old.ambient & ~bit;
        set_credentials(task, std::move(changed));
        return 0;
    }
    default: return Errno::EINVAL;
    }
}

} // namespace lxcore
