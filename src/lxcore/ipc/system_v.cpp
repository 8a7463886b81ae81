#include "lxcore/ipc/system_v.hpp"

#include "abi/prctl.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

i64 realtime_seconds() {
    auto now = host::clock_time(abi::CLOCK_REALTIME_COARSE);
    return now.is_ok() ? now.value().tv_sec : 0;
}

void SystemVObject::own_by_current(i32 new_key, u32 flags) {
    const Credentials& own = *current().credentials;
    key = new_key;
    uid = creator_uid = own.euid;
    gid = creator_gid = own.egid;
    mode = flags & 0777;
    change_time = realtime_seconds();
}

Result<void> SystemVObject::check_access(u32 wanted) const {
    const Credentials& own = *current().credentials;
    const u32 asked = ((wanted >> 6) | (wanted >> 3) | wanted) & 7;
    u32 granted = mode;
    if (own.euid == creator_uid || own.euid == uid)
        granted >>= 6;
    else if (own.egid == gid || own.egid == creator_gid || own.is_in_group(gid) || own.is_in_group(creator_gid))
        granted >>= 3;
    if ((asked & ~granted & 7) && !own.has_capability(abi::CAP_IPC_OWNER))
        return Errno::EACCES;
    return {};
}

Result<void> SystemVObject::check_owner() const {
    const Credentials& own = *current().credentials;
    if (own.euid == creator_uid || own.euid == uid || own.has_capability(abi::CAP_SYS_ADMIN))
        return {};
    return Errno::EPERM;
}

void SystemVObject::describe(abi::ipc64_perm& out) const {
    out.key = key;
    out.uid = uid;
    out.gid = gid;
    out.cuid = creator_uid;
    out.cgid = creator_gid;
    out.mode = mode;
    out.seq = static_cast<u16>(id / static_cast<i32>(SystemVTable::kSlots));
}

void SystemVObject::change(const abi::ipc64_perm& wanted) {
    uid = wanted.uid;
    gid = wanted.gid;
    mode = (mode & ~0777u) | (wanted.mode & 0777);
    change_time = realtime_seconds();
}

Result<RefPtr<SystemVObject>> SystemVTable::find(i32 id) {
    if (id < 0)
        return Errno::EINVAL;
    LockGuard guard(lock);
    const usize slot = static_cast<u32>(id) % kSlots;
    if (slot >= m_slots.size() || !m_slots[slot])
        return Errno::EINVAL;
    if (m_slots[slot]->id != id)
        return Errno::EIDRM;
    return RefPtr<SystemVObject>(m_slots[slot]);
}

Result<RefPtr<SystemVObject>> SystemVTable::at_index(i32 index) {
    LockGuard guard(lock);
    if (index < 0 || static_cast<usize>(index) >= m_slots.size() || !m_slots[static_cast<usize>(index)])
        return Errno::EINVAL;
    return RefPtr<SystemVObject>(m_slots[static_cast<usize>(index)]);
}

SystemVObject* SystemVTable::with_key(i32 key) const {
    for (SystemVObject* object : m_slots)
        if (object && object->key == key)
            return object;
    return nullptr;
}

Result<void> SystemVTable::insert(SystemVObject& object, u32 limit) {
    if (m_count >= limit)
        return Errno::ENOSPC;
    usize slot = 0;
    while (slot < m_slots.size() && m_slots[slot])
        ++slot;
    if (slot == m_slots.size()) {
        TRY(m_sequences.push_back(0));
        if (auto pushed = m_slots.push_back(nullptr); pushed.is_error())
            return pushed.error();
    }
    object.id = static_cast<i32>(slot + m_sequences[slot] * kSlots);
    m_sequences[slot] = static_cast<u16>((m_sequences[slot] + 1) & 0x7fff);
    object.ref();
    m_slots[slot] = &object;
    ++m_count;
    return {};
}

RefPtr<SystemVObject> SystemVTable::remove(SystemVObject& object) {
    const usize slot = static_cast<u32>(object.id) % kSlots;
    if (slot >= m_slots.size() || m_slots[slot] != &object)
        return nullptr;
    m_slots[slot] = nullptr;
    --m_count;
    return RefPtr<SystemVObject>::adopt(&object);
}

i32 SystemVTable::highest_index() const {
    i32 highest = -1;
    for (usize slot = 0; slot < m_slots.size(); ++slot)
        if (m_slots[slot])
            highest = static_cast<i32>(slot);
    return highest;
}

} // namespace lxcore
