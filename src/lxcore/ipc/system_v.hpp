// System V IPC: sysvipc(7). What the three kinds share: identifiers, keys and permissions; and their state.
#pragma once

#include "abi/ipc.hpp"
#include "base/format.hpp"
#include "lxcore/ipc/ipc.hpp"
#include "lxcore/memory/arena.hpp"
#include "lxcore/sync/wait_queue.hpp"
#include "lxcore/task/credentials.hpp"

namespace lxcore {

class Process;
class SharedSegment;
class SemaphoreSet;
class MessageQueue;

// A segment, semaphore set or message queue. `lock` guards all but id.
class SystemVObject : public SharedObject {
public:
    Mutex lock;
    i32 id = -1;
    i32 key = 0;
    u32 uid = 0, gid = 0, creator_uid = 0, creator_gid = 0;
    u32 mode = 0;
    bool is_removed = false;
    i64 change_time = 0;

    void own_by_current(i32 new_key, u32 flags);
    // `wanted`: permission bits as in the flags of shmget and the like (0444, 0222). EACCES.
    Result<void> check_access(u32 wanted) const;
    // IPC_SET, IPC_RMID: owner, creator or CAP_SYS_ADMIN. EPERM.
    Result<void> check_owner() const;
    void describe(abi::ipc64_perm& out) const;
    // The object's line of /proc/sysvipc. Lock held.
    virtual void print_line(base::Writer& writer) const = 0;
    void change(const abi::ipc64_perm& wanted);
};

// Objects of one kind. An id is the slot and a number that changes with each use of it.
class SystemVTable {
public:
    static constexpr u32 kSlots = 32768;
    Mutex lock; // before the objects' locks

    // EINVAL for an id that never was or is no more (EIDRM when the slot has a new user).
    Result<RefPtr<SystemVObject>> find(i32 id);
    Result<RefPtr<SystemVObject>> at_index(i32 index);
    // With the lock held: the object of a key, or null.
    SystemVObject* with_key(i32 key) const;
    // With the lock held; takes a reference. ENOSPC.
    Result<void> insert(SystemVObject& object, u32 limit);
    // With the lock held; gives the reference back to the caller.
    RefPtr<SystemVObject> remove(SystemVObject& object);
    // The rules of shmget, semget and msgget: the object of the key, or one made by `create`.
    template <typename Create, typename Check>
    Result<i32> get(i32 key, u32 flags, u32 limit, Create create, Check check) {
        LockGuard guard(lock);
        if (key != static_cast<i32>(abi::IPC_PRIVATE)) {
            if (SystemVObject* object = with_key(key)) {
                if ((flags & abi::IPC_CREAT) && (flags & abi::IPC_EXCL))
                    return Errno::EEXIST;
                TRY(check(*object));
                TRY(object->check_access(flags & 0777));
                return object->id;
            }
            if (!(flags & abi::IPC_CREAT))
                return Errno::ENOENT;
        }
        RefPtr<SystemVObject> object = TRY(create());
        object->own_by_current(key, flags);
        TRY(insert(*object, limit));
        return object->id;
    }
    u32 count() const { return m_count; }
    i32 highest_index() const; // lock held; -1 without objects
    template <typename Visit>
    void each(Visit visit) { // lock held
        for (SystemVObject* object : m_slots)
            if (object)
                visit(*object);
    }

private:
    Vector<SystemVObject*> m_slots;
    Vector<u16> m_sequences;
    u32 m_count = 0;
};

struct SystemVState : ArenaObject {
    SystemVTable segments, semaphores, queues;
    std::atomic<u32> undo_count{0}; // SEM_UNDO adjustments that wait for the end of a process
};
inline SystemVState& system_v_state() { return *ipc_state().system_v; }

i64 realtime_seconds();

// The process ends (also by the reaper): its SEM_UNDO adjustments are applied.
void undo_semaphores(Process& process);

} // namespace lxcore
