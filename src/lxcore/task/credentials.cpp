// Users and groups: credentials(7), setresuid(2), setgroups(2). Capabilities are in capabilities.cpp.
//
// Credentials are immutable once published: a call makes a copy, changes it, and publishes it.
#include "lxcore/task/credentials.hpp"

#include "abi/limits.hpp"
#include "abi/prctl.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/capability_rules.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

Result<RefPtr<Credentials>> Credentials::clone() const {
    auto copy = TRY(make_ref<Credentials>());
    copy->uid = uid;
    copy->euid = euid;
    copy->suid = suid;
    copy->fsuid = fsuid;
    copy->gid = gid;
    copy->egid = egid;
    copy->sgid = sgid;
    copy->fsgid = fsgid;
    copy->permitted = permitted;
    copy->effective = effective;
    copy->inheritable = inheritable;
    copy->bounding = bounding;
    copy->ambient = ambient;
    copy->securebits = securebits;
    TRY(copy->groups.resize(groups.size()));
    for (usize i = 0; i < groups.size(); ++i)
        copy->groups[i] = groups[i];
    return copy;
}

bool Credentials::is_in_group(u32 group) const {
    if (group == fsgid)
        return true;
    usize low = 0;
    usize high = groups.size();
    while (low < high) {
        const usize middle = (low + high) / 2;
        if (groups[middle] == group)
            return true;
        if (groups[middle] < group)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

namespace {

constexpr u32 kKeep = ~0u; // -1 as an argument: unchanged

void publish(RefPtr<Credentials> credentials) {
    Task& task = current();
    const Credentials& old = *task.credentials;
    // A change of identity makes the process undumpable and ends its wish to hear of its parent's death.
    if (old.euid != credentials->euid || old.egid != credentials->egid || old.fsuid != credentials->fsuid ||
        old.fsgid != credentials->fsgid || (credentials->permitted & ~old.permitted)) {
        task.process->is_dumpable = false;
        task.parent_death_signal = 0;
    }
    set_credentials(task, std::move(credentials));
}

bool may_set_uid(const Credentials& credentials) { return credentials.has_capability(abi::CAP_SETUID); }
bool may_set_gid(const Credentials& credentials) { return credentials.has_capability(abi::CAP_SETGID); }

} // namespace

// capabilities(7), "Effect of user ID changes on capabilities".
void adjust_capabilities_for_uids(const Credentials& old, Credentials& changed) {
    if (old.securebits & abi::SECBIT_NO_SETUID_FIXUP)
        return;
    const bool had_root = old.uid == 0 || old.euid == 0 || old.suid == 0;
    const bool has_root = changed.uid == 0 || changed.euid == 0 || changed.suid == 0;
    if (had_root && !has_root) {
        if (!(old.securebits & abi::SECBIT_KEEP_CAPS)) {
            changed.permitted = 0;
            changed.effective = 0;
        }
        changed.ambient = 0;
    }
    if (old.euid == 0 && changed.euid != 0)
        changed.effective = 0;
    if (old.euid != 0 && changed.euid == 0)
        changed.effective = changed.permitted;
}

Result<u32> sys_getuid() { return current().credentials->uid; }
Result<u32> sys_geteuid() { return current().credentials->euid; }
Result<u32> sys_getgid() { return current().credentials->gid; }
Result<u32> sys_getegid() { return current().credentials->egid; }

Result<i32> sys_getresuid(UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved) {
    const Credentials& credentials = *current().credentials;
    TRY(real.write(credentials.uid));
    TRY(effective.write(credentials.euid));
    TRY(saved.write(credentials.suid));
    return 0;
}

Result<i32> sys_getresgid(UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved) {
    const Credentials& credentials = *current().credentials;
    TRY(real.write(credentials.gid));
    TRY(effective.write(credentials.egid));
    TRY(saved.write(credentials.sgid));
    return 0;
}

Result<i32> sys_setuid(u32 uid) {
    if (uid == kKeep)
        return Errno::EINVAL;
    const Credentials& old = *current().credentials;
    auto changed = TRY(old.clone());
    if (may_set_uid(old))
        changed->uid = changed->suid = uid;
    else if (uid != old.uid && uid != old.suid)
        return Errno::EPERM;
    changed->euid = changed->fsuid = uid;
    adjust_capabilities_for_uids(old, *changed);
    publish(std::move(changed));
    return 0;
}

Result<i32> sys_setgid(u32 gid) {
    if (gid == kKeep)
        return Errno::EINVAL;
    const Credentials& old = *current().credentials;
    auto changed = TRY(old.clone());
    if (may_set_gid(old))
        changed->gid = changed->sgid = gid;
    else if (gid != old.gid && gid != old.sgid)
        return Errno::EPERM;
    changed->egid = changed->fsgid = gid;
    publish(std::move(changed));
    return 0;
}

Result<i32> sys_setreuid(u32 real, u32 effective) {
    const Credentials& old = *current().credentials;
    auto changed = TRY(old.clone());
    const bool privileged = may_set_uid(old);
    if (real != kKeep) {
        if (!privileged && real != old.uid && real != old.euid)
            return Errno::EPERM;
        changed->uid = real;
    }
    if (effective != kKeep) {
        if (!privileged && effective != old.uid && effective != old.euid && effective != old.suid)
            return Errno::EPERM;
        changed->euid = effective;
    }
    if (real != kKeep || (effective != kKeep && effective != old.uid))
        changed->suid = changed->euid;
    changed->fsuid = changed->euid;
    adjust_capabilities_for_uids(old, *changed);
    publish(std::move(changed));
    return 0;
}

Result<i32> sys_setregid(u32 real, u32 effective) {
    const Credentials& old = *current().credentials;
    auto changed = TRY(old.clone());
    const bool privileged = may_set_gid(old);
    if (real != kKeep) {
        if (!privileged && real != old.gid && real != old.egid)
            return Errno::EPERM;
        changed->gid = real;
    }
    if (effective != kKeep) {
        if (!privileged && effective != old.gid && effective != old.egid && effective != old.sgid)
            return Errno::EPERM;
        changed->egid = effective;
    }
    if (real != kKeep || (effective != kKeep && effective != old.gid))
        changed->sgid = changed->egid;
    changed->fsgid = changed->egid;
    publish(std::move(changed));
    return 0;
}

Result<i32> sys_setresuid(u32 real, u32 effective, u32 saved) {
    const Credentials& old = *current().credentials;
    if (!may_set_uid(old))
        for (const u32 id : {real, effective, saved})
            if (id != kKeep && id != old.uid && id != old.euid && id != old.suid)
                return Errno::EPERM;
    auto changed = TRY(old.clone());
    if (real != kKeep)
        changed->uid = real;
    if (effective != kKeep)
        changed->euid = effective;
    if (saved != kKeep)
        changed->suid = saved;
    changed->fsuid = changed->euid;
    adjust_capabilities_for_uids(old, *changed);
    publish(std::move(changed));
    return 0;
}

Result<i32> sys_setresgid(u32 real, u32 effective, u32 saved) {
    const Credentials& old = *current().credentials;
    if (!may_set_gid(old))
        for (const u32 id : {real, effective, saved})
            if (id != kKeep && id != old.gid && id != old.egid && id != old.sgid)
                return Errno::EPERM;
    auto changed = TRY(old.clone());
    if (real != kKeep)
        changed->gid = real;
    if (effective != kKeep)
        changed->egid = effective;
    if (saved != kKeep)
        changed->sgid = saved;
    changed->fsgid = changed->egid;
    publish(std::move(changed));
    return 0;
}

// setfsuid(2) returns the previous id and no error at all.
Result<u32> sys_setfsuid(u32 uid) {
    const Credentials& old = *current().credentials;
    const u32 before = old.fsuid;
    const bool allowed = uid == old.uid || uid == old.euid || uid == old.suid || uid == old.fsuid || may_set_uid(old);
    if (uid == kKeep || uid == before || !allowed)
        return before;
    auto changed = old.clone();
    if (changed.is_error())
        return before;
    Credentials& credentials = *changed.value();
    credentials.fsuid = uid;
    if (!(old.securebits & abi::SECBIT_NO_SETUID_FIXUP)) {
        if (old.fsuid == 0 && uid != 0)
            credentials.effective &= ~kFileSystemCapabilities;
        if (old.fsuid != 0 && uid == 0)
            credentials.effective |= credentials.permitted & kFileSystemCapabilities;
    }
    publish(changed.release_value());
    return before;
}

Result<u32> sys_setfsgid(u32 gid) {
    const Credentials& old = *current().credentials;
    const u32 before = old.fsgid;
    const bool allowed = gid == old.gid || gid == old.egid || gid == old.sgid || gid == old.fsgid || may_set_gid(old);
    if (gid == kKeep || gid == before || !allowed)
        return before;
    auto changed = old.clone();
    if (changed.is_error())
        return before;
    changed.value()->fsgid = gid;
    publish(changed.release_value());
    return before;
}

Result<i32> sys_getgroups(i32 size, UserPtr<u32> list) {
    const Credentials& credentials = *current().credentials;
    const i32 count = static_cast<i32>(credentials.groups.size());
    if (size < 0)
        return Errno::EINVAL;
    if (size == 0)
        return count;
    if (size < count)
        return Errno::EINVAL;
    TRY(list.write_array(credentials.groups.data(), static_cast<usize>(count)));
    return count;
}

namespace {

void sort(u32* values, usize count) { // heap sort: no recursion, no memory
    const auto sift = [values](usize root, usize end) {
        for (usize child = 2 * root + 1; child < end; child = 2 * root + 1) {
            if (child + 1 < end && values[child] < values[child + 1])
                ++child;
            if (values[root] >= values[child])
                return;
            std::swap(values[root], values[child]);
            root = child;
        }
    };
    for (usize i = count / 2; i-- > 0;)
        sift(i, count);
    for (usize end = count; end-- > 1;) {
        std::swap(values[0], values[end]);
        sift(0, end);
    }
}

} // namespace

Result<i32> sys_setgroups(i32 size, UserPtr<u32> list) {
    const Credentials& old = *current().credentials;
    if (!may_set_gid(old))
        return Errno::EPERM;
    if (size < 0 || size > static_cast<i32>(abi::NGROUPS_MAX))
        return Errno::EINVAL;
    auto changed = TRY(old.clone());
    changed->groups.clear();
    TRY(changed->groups.resize(static_cast<usize>(size)));
    TRY(list.read_array(changed->groups.data(), static_cast<usize>(size)));
    sort(changed->groups.data(), changed->groups.size());
    publish(std::move(changed));
    return 0;
}

} // namespace lxcore
