// System V semaphores: semget(2), semop(2), semctl(2).
#include <optional>

#include "lxcore/ipc/calls.hpp"
#include "lxcore/ipc/poll.hpp"
#include "lxcore/ipc/system_v.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

struct Semaphore {
    u16 value;
    i32 pid;
};

// Who waits is counted by looking: a killed one cannot count itself off, but its waiter is taken out of the queue.
struct SemaphoreWaiter final : Waiter {
    using Waiter::Waiter;
    u16 number = 0;
    bool for_zero = false;
};

// What SEM_UNDO owes one semaphore at the end of a process.
struct Undo {
    Process* process; // not counted: undo_semaphores() comes before it goes
    u16 number;
    i32 adjust;
};

} // namespace

class SemaphoreSet final : public SystemVObject {
public:
    Vector<Semaphore> semaphores;
    Vector<Undo> undos;
    i64 operation_time = 0;
    WaitQueue changed;

    void print_line(base::Writer& writer) const override {
        base::print(writer, "{:10} {:10}  {:4o} {:10} {:5} {:5} {:5} {:5} {:10} {:10}\n", key, id, mode, semaphores.size(),
                    uid, gid, creator_uid, creator_gid, operation_time, change_time);
    }

    // Does all operations or none. Returns the index of the one that must wait, or `count`. ERANGE, ENOSPC. Lock held.
    Result<usize> attempt(const abi::sembuf* operations, usize count);
    // GETNCNT, GETZCNT. Lock held.
    i32 count_waiters(u16 number, bool for_zero);
    // SETVAL and SETALL forget what others owe.
    void forget_undos(i32 number);

private:
    Result<void> reserve_undos(const abi::sembuf* operations, usize count);
    Undo* undo_of(const Process& process, u16 number);
};

namespace {

Result<RefPtr<SemaphoreSet>> find_set(i32 id) {
    auto object = TRY(system_v_state().semaphores.find(id));
    return RefPtr<SemaphoreSet>(static_cast<SemaphoreSet*>(object.get()));
}

constexpr usize kInlineOperations = 16;

} // namespace

Undo* SemaphoreSet::undo_of(const Process& process, u16 number) {
    for (Undo& undo : undos)
        if (undo.process == &process && undo.number == number)
            return &undo;
    return nullptr;
}

i32 SemaphoreSet::count_waiters(u16 number, bool for_zero) {
    i32 count = 0;
    changed.for_each([&](const Waiter& waiter) {
        const auto& entry = static_cast<const SemaphoreWaiter&>(waiter);
        count += entry.number == number && entry.for_zero == for_zero;
    });
    return count;
}

Result<void> SemaphoreSet::reserve_undos(const abi::sembuf* operations, usize count) {
    Process& process = *current().process;
    for (usize i = 0; i < count; ++i) {
        if (!(operations[i].sem_flg & static_cast<i16>(abi::SEM_UNDO)) || operations[i].sem_op == 0 ||
            undo_of(process, operations[i].sem_num))
            continue;
        TRY(undos.push_back({&process, operations[i].sem_num, 0}));
        system_v_state().undo_count.fetch_add(1, std::memory_order_relaxed);
    }
    return {};
}

void SemaphoreSet::forget_undos(i32 number) {
    for (Undo& undo : undos)
        if (number < 0 || undo.number == number)
            undo.adjust = 0;
}

Result<usize> SemaphoreSet::attempt(const abi::sembuf* operations, usize count) {
    TRY(reserve_undos(operations, count));
    usize done = 0;
    Errno error = Errno::OK;
    for (; done < count; ++done) {
        const abi::sembuf& operation = operations[done];
        Semaphore& semaphore = semaphores[operation.sem_num];
        if (operation.sem_op == 0) {
            if (semaphore.value != 0)
                break;
            continue;
        }
        const i32 value = semaphore.value + operation.sem_op;
        if (value < 0)
            break;
        if (value > static_cast<i32>(abi::SEMVMX)) {
            error = Errno::ERANGE;
            break;
        }
        semaphore.value = static_cast<u16>(value);
    }
    if (done < count) {
        for (usize i = done; i-- > 0;)
            semaphores[operations[i].sem_num].value =
                static_cast<u16>(semaphores[operations[i].sem_num].value - operations[i].sem_op);
        if (error != Errno::OK)
            return error;
        return done;
    }
    Process& process = *current().process;
    for (usize i = 0; i < count; ++i) {
        semaphores[operations[i].sem_num].pid = process.pid;
        if ((operations[i].sem_flg & static_cast<i16>(abi::SEM_UNDO)) && operations[i].sem_op != 0)
            undo_of(process, operations[i].sem_num)->adjust -= operations[i].sem_op;
    }
    operation_time = realtime_seconds();
    return count;
}

void undo_semaphores(Process& process) {
    if (!kernel().ipc || system_v_state().undo_count.load(std::memory_order_relaxed) == 0)
        return;
    SystemVTable& table = system_v_state().semaphores;
    LockGuard table_guard(table.lock);
    table.each([&](SystemVObject& object) {
        auto& set = static_cast<SemaphoreSet&>(object);
        bool changed = false;
        {
            LockGuard guard(set.lock);
            for (usize i = 0; i < set.undos.size();) {
                Undo& undo = set.undos[i];
                if (undo.process != &process) {
                    ++i;
                    continue;
                }
                Semaphore& semaphore = set.semaphores[undo.number];
                const i32 value = semaphore.value + undo.adjust;
                semaphore.value = static_cast<u16>(base::min(base::max(value, 0), static_cast<i32>(abi::SEMVMX)));
                changed = changed || undo.adjust != 0;
                if (undo.adjust != 0)
                    semaphore.pid = process.pid;
                set.undos.remove_at(i);
                system_v_state().undo_count.fetch_sub(1, std::memory_order_relaxed);
            }
        }
        if (changed)
            set.changed.wake_all();
    });
}

Result<i32> sys_semget(i32 key, i32 count, HexFlags flags) {
    if (count < 0 || count > static_cast<i32>(abi::SEMMSL))
        return Errno::EINVAL;
    return system_v_state().semaphores.get(
        key, static_cast<u32>(flags.value), abi::SEMMNI,
        [&]() -> Result<RefPtr<SystemVObject>> {
            if (count == 0)
                return Errno::EINVAL;
            auto set = TRY(make_ref<SemaphoreSet>());
            TRY(set->semaphores.resize(static_cast<usize>(count)));
            return RefPtr<SystemVObject>(std::move(set));
        },
        [&](SystemVObject& object) -> Result<void> {
            if (static_cast<usize>(count) > static_cast<SemaphoreSet&>(object).semaphores.size())
                return Errno::EINVAL;
            return {};
        });
}

Result<i32> sys_semtimedop(i32 id, UserPtr<abi::sembuf> user, u64 count, UserPtr<abi::timespec> timeout) {
    if (count == 0 || id < 0)
        return Errno::EINVAL;
    if (count > abi::SEMOPM)
        return Errno::E2BIG;
    abi::sembuf small[kInlineOperations];
    std::optional<PageBuffer> page;
    abi::sembuf* operations = small;
    if (count > kInlineOperations) {
        page.emplace(); // 500 operations of 6 bytes fit
        if (!*page)
            return Errno::ENOMEM;
        operations = reinterpret_cast<abi::sembuf*>(page->data());
    }
    TRY(user.read_array(operations, count));
    u64 deadline = host::kNoDeadline;
    if (timeout)
        deadline = TRY(deadline_after(TRY(timeout.read())));
    auto set = TRY(find_set(id));
    bool alters = false;
    for (usize i = 0; i < count; ++i) {
        if (operations[i].sem_num >= set->semaphores.size())
            return Errno::EFBIG;
        alters = alters || operations[i].sem_op != 0;
    }
    SemaphoreWaiter waiter(current());
    for (;;) {
        usize blocked = 0;
        {
            LockGuard guard(set->lock);
            if (set->is_removed)
                return Errno::EIDRM;
            TRY(set->check_access(alters ? 0222 : 0444));
            blocked = TRY(set->attempt(operations, count));
            if (blocked != count) {
                if (operations[blocked].sem_flg & static_cast<i16>(abi::IPC_NOWAIT))
                    return Errno::EAGAIN;
                if (deadline == kNoWait)
                    return Errno::EAGAIN;
                waiter.number = operations[blocked].sem_num;
                waiter.for_zero = operations[blocked].sem_op == 0;
                if (!waiter.is_attached())
                    waiter.attach(set->changed);
            }
        }
        if (blocked == count) {
            if (alters)
                set->changed.wake_all();
            return 0;
        }
        const SleepResult slept = current().sleep(deadline);
        {
            LockGuard guard(set->lock);
            if (set->is_removed)
                return Errno::EIDRM;
        }
        if (slept == SleepResult::Interrupted)
            return Errno::EINTR;
        if (slept == SleepResult::TimedOut)
            return Errno::EAGAIN;
    }
}

Result<i32> sys_semop(i32 id, UserPtr<abi::sembuf> operations, u64 count) {
    return sys_semtimedop(id, operations, count, UserPtr<abi::timespec>());
}

namespace {

// GETALL and SETALL, through a page at a time.
Result<i32> transfer_all(SemaphoreSet& set, u64 user, bool to_user) {
    const usize total = set.semaphores.size();
    const usize bytes = total * sizeof(u16);
    PageBuffer values((bytes + base::kPageSize - 1) / base::kPageSize);
    if (!values)
        return Errno::ENOMEM;
    auto* list = reinterpret_cast<u16*>(values.data());
    if (to_user) {
        {
            LockGuard guard(set.lock);
            TRY(set.check_access(0444));
            for (usize i = 0; i < total; ++i)
                list[i] = set.semaphores[i].value;
        }
        TRY(copy_to_user(user, list, bytes));
        return 0;
    }
    TRY(copy_from_user(list, user, bytes));
    for (usize i = 0; i < total; ++i)
        if (list[i] > abi::SEMVMX)
            return Errno::ERANGE;
    {
        LockGuard guard(set.lock);
        if (set.is_removed)
            return Errno::EIDRM;
        TRY(set.check_access(0222));
        for (usize i = 0; i < total; ++i) {
            set.semaphores[i].value = list[i];
            set.semaphores[i].pid = current().process->pid;
        }
        set.forget_undos(-1);
        set.change_time = realtime_seconds();
    }
    set.changed.wake_all();
    return 0;
}

Result<i32> describe_set(i32 id, i32 command, u64 user) {
    SystemVTable& table = system_v_state().semaphores;
    auto object = TRY(command == static_cast<i32>(abi::IPC_STAT) ? table.find(id) : table.at_index(id));
    auto& set = static_cast<SemaphoreSet&>(*object);
    abi::semid64_ds out{};
    {
        LockGuard guard(set.lock);
        if (command != static_cast<i32>(abi::SEM_STAT_ANY))
            TRY(set.check_access(0444));
        set.describe(out.sem_perm);
        out.sem_otime = set.operation_time;
        out.sem_ctime = set.change_time;
        out.sem_nsems = set.semaphores.size();
    }
    TRY(UserPtr<abi::semid64_ds>(user).write(out));
    return command == static_cast<i32>(abi::IPC_STAT) ? 0 : set.id;
}

Result<i32> one_semaphore(SemaphoreSet& set, i32 number, i32 command, u64 argument) {
    LockGuard guard(set.lock);
    if (number < 0 || static_cast<usize>(number) >= set.semaphores.size())
        return Errno::EINVAL;
    Semaphore& semaphore = set.semaphores[static_cast<usize>(number)];
    if (command == static_cast<i32>(abi::SETVAL)) {
        const i32 value = static_cast<i32>(argument);
        if (value < 0 || value > static_cast<i32>(abi::SEMVMX))
            return Errno::ERANGE;
        TRY(set.check_access(0222));
        semaphore.value = static_cast<u16>(value);
        semaphore.pid = current().process->pid;
        set.forget_undos(number);
        set.change_time = realtime_seconds();
        guard.unlock();
        set.changed.wake_all();
        return 0;
    }
    TRY(set.check_access(0444));
    switch (command) {
    case abi::GETVAL: return static_cast<i32>(semaphore.value);
    case abi::GETPID: return semaphore.pid;
    case abi::GETNCNT: return set.count_waiters(static_cast<u16>(number), false);
    default: return set.count_waiters(static_cast<u16>(number), true);
    }
}

} // namespace

Result<i32> sys_semctl(i32 id, i32 number, i32 command, u64 argument) {
    SystemVTable& table = system_v_state().semaphores;
    command &= ~static_cast<i32>(abi::IPC_64);
    switch (command) {
    case abi::IPC_INFO:
    case abi::SEM_INFO: {
        abi::seminfo info{};
        info.semmni = abi::SEMMNI;
        info.semmsl = abi::SEMMSL;
        info.semmns = info.semmap = info.semmnu = static_cast<i32>(abi::SEMMNI * abi::SEMMSL);
        info.semopm = info.semume = abi::SEMOPM;
        info.semvmx = info.semaem = abi::SEMVMX;
        info.semusz = 20;
        i32 highest = 0;
        {
            LockGuard guard(table.lock);
            highest = base::max(table.highest_index(), 0);
            if (command == static_cast<i32>(abi::SEM_INFO)) {
                info.semusz = static_cast<i32>(table.count());
                info.semaem = 0;
                table.each([&](SystemVObject& object) {
                    info.semaem += static_cast<i32>(static_cast<SemaphoreSet&>(object).semaphores.size());
                });
            }
        }
        TRY(UserPtr<abi::seminfo>(argument).write(info));
        return highest;
    }
    case abi::IPC_STAT:
    case abi::SEM_STAT:
    case abi::SEM_STAT_ANY: return describe_set(id, command, argument);
    case abi::GETALL: return transfer_all(*TRY(find_set(id)), argument, true);
    case abi::SETALL: return transfer_all(*TRY(find_set(id)), argument, false);
    case abi::GETVAL:
    case abi::GETPID:
    case abi::GETNCNT:
    case abi::GETZCNT:
    case abi::SETVAL: return one_semaphore(*TRY(find_set(id)), number, command, argument);
    case abi::IPC_SET: {
        auto set = TRY(find_set(id));
        const auto wanted = TRY(UserPtr<abi::semid64_ds>(argument).read());
        LockGuard guard(set->lock);
        TRY(set->check_owner());
        set->change(wanted.sem_perm);
        return 0;
    }
    case abi::IPC_RMID: {
        auto set = TRY(find_set(id));
        RefPtr<SystemVObject> gone;
        {
            LockGuard table_guard(table.lock);
            LockGuard guard(set->lock);
            TRY(set->check_owner());
            set->is_removed = true;
            system_v_state().undo_count.fetch_sub(static_cast<u32>(set->undos.size()), std::memory_order_relaxed);
            set->undos.clear();
            gone = table.remove(*set);
        }
        set->changed.wake_all();
        return 0;
    }
    default: return Errno::EINVAL;
    }
}

} // namespace lxcore
