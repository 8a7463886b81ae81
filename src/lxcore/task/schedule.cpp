// sched(7), getpriority(2), ioprio_set(2), getcpu(2).
//
// The host schedules. Policies, priorities and nice values are checked, kept and reported as Linux would, and have no
// further effect; affinity is passed on to the host.
#include "abi/prctl.hpp"
#include "abi/sched.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

constexpr u32 kHighestRealtime = 99;
constexpr u64 kRoundRobinSliceNs = 100'000'000;

bool is_realtime(u32 policy) { return policy == abi::SCHED_FIFO || policy == abi::SCHED_RR; }
bool is_normal(u32 policy) {
    return policy == abi::SCHED_NORMAL || policy == abi::SCHED_BATCH || policy == abi::SCHED_IDLE;
}

// The current task for 0. tree_lock held.
Result<Task*> task_by_tid(i32 tid) {
    if (tid < 0)
        return Errno::EINVAL;
    Task* task = tid == 0 ? &current() : find_task(tid);
    if (!task)
        return Errno::ESRCH;
    return task;
}

// Whether the caller may change the scheduling of `task`. tree_lock held.
bool owns(const Task& task) {
    const Credentials& mine = *current().credentials;
    const Credentials* theirs = task.credentials.get();
    return theirs && (mine.euid == theirs->uid || mine.euid == theirs->euid || mine.has_capability(abi::CAP_SYS_NICE));
}

Result<void> check_policy(const Task& task, u32 policy, u32 priority) {
    if (!is_normal(policy) && !is_realtime(policy))
        return Errno::EINVAL;
    if (is_realtime(policy) ? priority < 1 || priority > kHighestRealtime : priority != 0)
        return Errno::EINVAL;
    if (current().credentials->has_capability(abi::CAP_SYS_NICE))
        return {};
    if (!owns(task))
        return Errno::EPERM;
    if (is_realtime(policy)) {
        const u64 limit = task.process->limits[abi::RLIMIT_RTPRIO].rlim_cur;
        if ((policy != task.scheduler_policy && limit == 0) || (priority > task.realtime_priority && priority > limit))
            return Errno::EPERM;
    }
    return {};
}

// Whether `nice` is within RLIMIT_NICE for a caller without CAP_SYS_NICE.
bool may_have_nice(const Task& task, i32 nice) {
    return nice >= task.nice || static_cast<u64>(20 - nice) <= task.process->limits[abi::RLIMIT_NICE].rlim_cur ||
           current().credentials->has_capability(abi::CAP_SYS_NICE);
}

Result<i32> set_scheduler(i32 tid, u32 policy, const abi::sched_param& parameters, bool reset_on_fork) {
    LockGuard guard(task_state().tree_lock);
    Task* task = TRY(task_by_tid(tid));
    const u32 priority = static_cast<u32>(parameters.sched_priority);
    TRY(check_policy(*task, policy, priority));
    task->scheduler_policy = policy;
    task->realtime_priority = priority;
    task->reset_scheduler_on_fork = reset_on_fork;
    return 0;
}

// Calls action(task) for every task that getpriority's `which` and `who` name; ESRCH when there is none.
// tree_lock held.
template <typename Action>
Result<void> for_each_named(u32 which, i32 who, Action action) {
    bool any = false;
    switch (which) {
    case abi::PRIO_PROCESS: {
        Task* task = who == 0 ? &current() : find_task(who);
        if (!task)
            return Errno::ESRCH;
        return action(*task);
    }
    case abi::PRIO_PGRP: {
        ProcessGroup* group = who == 0 ? current().process->group : find_group(who);
        if (!group)
            return Errno::ESRCH;
        for (Process& process : group->members)
            for (Task& task : process.threads) {
                any = true;
                TRY(action(task));
            }
        break;
    }
    case abi::PRIO_USER: {
        const u32 uid = who == 0 ? current().credentials->uid : static_cast<u32>(who);
        for (auto& bucket : task_state().tasks)
            for (Task& task : bucket) {
                if (!task.credentials || task.credentials->uid != uid)
                    continue;
                any = true;
                TRY(action(task));
            }
        break;
    }
    default: return Errno::EINVAL;
    }
    return any ? Result<void>() : Result<void>(Errno::ESRCH);
}

} // namespace

Result<i32> sys_sched_yield() {
    host::yield();
    return 0;
}

Result<i32> sys_sched_setscheduler(i32 tid, i32 policy, UserPtr<abi::sched_param> parameters) {
    if (policy < 0 || !parameters)
        return Errno::EINVAL;
    const auto given = TRY(parameters.read());
    const u32 bits = static_cast<u32>(policy);
    return set_scheduler(tid, bits & ~abi::SCHED_RESET_ON_FORK, given, (bits & abi::SCHED_RESET_ON_FORK) != 0);
}

Result<i32> sys_sched_getscheduler(i32 tid) {
    LockGuard guard(task_state().tree_lock);
    const Task* task = TRY(task_by_tid(tid));
    return static_cast<i32>(task->scheduler_policy |
                            (task->reset_scheduler_on_fork ? abi::SCHED_RESET_ON_FORK : 0));
}

Result<i32> sys_sched_setparam(i32 tid, UserPtr<abi::sched_param> parameters) {
    if (!parameters)
        return Errno::EINVAL;
    const auto given = TRY(parameters.read());
    LockGuard guard(task_state().tree_lock);
    Task* task = TRY(task_by_tid(tid));
    TRY(check_policy(*task, task->scheduler_policy, static_cast<u32>(given.sched_priority)));
    task->realtime_priority = static_cast<u32>(given.sched_priority);
    return 0;
}

Result<i32> sys_sched_getparam(i32 tid, UserPtr<abi::sched_param> parameters) {
    if (!parameters)
        return Errno::EINVAL;
    abi::sched_param out{};
    {
        LockGuard guard(task_state().tree_lock);
        const Task* task = TRY(task_by_tid(tid));
        out.sched_priority = static_cast<i32>(task->realtime_priority);
    }
    TRY(parameters.write(out));
    return 0;
}

Result<i32> sys_sched_get_priority_max(i32 policy) {
    if (is_realtime(static_cast<u32>(policy)))
        return static_cast<i32>(kHighestRealtime);
    return is_normal(static_cast<u32>(policy)) || policy == static_cast<i32>(abi::SCHED_DEADLINE)
               ? Result<i32>(0)
               : Errno::EINVAL;
}

Result<i32> sys_sched_get_priority_min(i32 policy) {
    if (is_realtime(static_cast<u32>(policy)))
        return 1;
    return sys_sched_get_priority_max(policy);
}

Result<i32> sys_sched_rr_get_interval(i32 tid, UserPtr<abi::timespec> out) {
    abi::timespec slice{};
    {
        LockGuard guard(task_state().tree_lock);
        const Task* task = TRY(task_by_tid(tid));
        if (task->scheduler_policy == abi::SCHED_RR)
            slice.tv_nsec = static_cast<i64>(kRoundRobinSliceNs);
        else if (is_normal(task->scheduler_policy))
            slice.tv_nsec = 4'000'000;
    }
    TRY(out.write(slice));
    return 0;
}

Result<i32> sys_sched_setattr(i32 tid, UserPtr<abi::sched_attr> attributes, u32 flags) {
    if (!attributes || flags != 0)
        return Errno::EINVAL;
    const u32 size = TRY(attributes.cast<u32>().read());
    if (size != 0 && (size < abi::SCHED_ATTR_SIZE_VER0 || size > base::kPageSize)) {
        TRY(attributes.cast<u32>().write(static_cast<u32>(sizeof(abi::sched_attr))));
        return Errno::E2BIG;
    }
    abi::sched_attr given{};
    const usize known = size == 0 ? abi::SCHED_ATTR_SIZE_VER0 : base::min<usize>(size, sizeof(given));
    TRY(copy_from_user(&given, attributes.address(), known));
    for (usize at = sizeof(given); at < size; ++at) {
        u8 byte = 0;
        TRY(copy_from_user(&byte, attributes.address() + at, 1));
        if (byte != 0)
            return Errno::E2BIG;
    }
    constexpr u64 kFlags = abi::SCHED_FLAG_RESET_ON_FORK | abi::SCHED_FLAG_KEEP_POLICY | abi::SCHED_FLAG_KEEP_PARAMS;
    if (given.sched_flags & ~kFlags)
        return Errno::EINVAL;
    const i32 nice = base::min(base::max(given.sched_nice, -20), 19);
    LockGuard guard(task_state().tree_lock);
    Task* task = TRY(task_by_tid(tid));
    const u32 policy = (given.sched_flags & abi::SCHED_FLAG_KEEP_POLICY) ? task->scheduler_policy : given.sched_policy;
    const bool keep = (given.sched_flags & abi::SCHED_FLAG_KEEP_PARAMS) != 0;
    const u32 priority = keep ? task->realtime_priority : given.sched_priority;
    TRY(check_policy(*task, policy, priority));
    if (!keep && is_normal(policy) && !may_have_nice(*task, nice))
        return Errno::EPERM;
    task->scheduler_policy = policy;
    task->realtime_priority = priority;
    task->reset_scheduler_on_fork = (given.sched_flags & abi::SCHED_FLAG_RESET_ON_FORK) != 0;
    if (!keep && is_normal(policy))
        task->nice = nice;
    return 0;
}

Result<i32> sys_sched_getattr(i32 tid, UserPtr<abi::sched_attr> attributes, u32 size, u32 flags) {
    if (!attributes || flags != 0 || size > base::kPageSize || size < abi::SCHED_ATTR_SIZE_VER0)
        return Errno::EINVAL;
    abi::sched_attr out{};
    out.size = base::min<u32>(size, sizeof(out));
    {
        LockGuard guard(task_state().tree_lock);
        const Task* task = TRY(task_by_tid(tid));
        out.sched_policy = task->scheduler_policy;
        out.sched_flags = task->reset_scheduler_on_fork ? abi::SCHED_FLAG_RESET_ON_FORK : 0;
        out.sched_nice = task->nice;
        out.sched_priority = task->realtime_priority;
        out.sched_util_max = 1024;
    }
    TRY(copy_to_user(attributes.address(), &out, out.size));
    return 0;
}

Result<i32> sys_sched_setaffinity(i32 tid, u32 length, u64 mask) {
    u64 bits[16] = {};
    TRY(copy_from_user(bits, mask, base::min<usize>(length, sizeof(bits))));
    i32 host_thread = 0;
    {
        LockGuard guard(task_state().tree_lock);
        const Task* task = TRY(task_by_tid(tid));
        if (!owns(*task))
            return Errno::EPERM;
        host_thread = task->host_thread;
    }
    TRY(host::set_affinity(host_thread, bits, sizeof(bits)));
    return 0;
}

Result<i64> sys_sched_getaffinity(i32 tid, u32 length, u64 mask) {
    if ((length & (sizeof(u64) - 1)) || length * 8 < host::processor_count())
        return Errno::EINVAL;
    i32 host_thread = 0;
    {
        LockGuard guard(task_state().tree_lock);
        host_thread = TRY(task_by_tid(tid))->host_thread;
    }
    u64 bits[64] = {};
    const usize bytes = TRY(host::get_affinity(host_thread, bits, base::min<usize>(length, sizeof(bits))));
    TRY(copy_to_user(mask, bits, bytes));
    return static_cast<i64>(bytes);
}

Result<i32> sys_getpriority(u32 which, i32 who) {
    LockGuard guard(task_state().tree_lock);
    i32 best = 0; // 1..40, higher is better
    TRY(for_each_named(which, who, [&](Task& task) -> Result<void> {
        best = base::max(best, 20 - task.nice);
        return {};
    }));
    return best;
}

Result<i32> sys_setpriority(u32 which, i32 who, i32 nice) {
    nice = base::min(base::max(nice, -20), 19);
    LockGuard guard(task_state().tree_lock);
    TRY(for_each_named(which, who, [&](Task& task) -> Result<void> {
        if (!owns(task))
            return Errno::EPERM;
        if (!may_have_nice(task, nice))
            return Errno::EACCES;
        task.nice = nice;
        return {};
    }));
    return 0;
}

Result<i32> sys_ioprio_get(i32 which, i32 who) {
    LockGuard guard(task_state().tree_lock);
    i32 best = 0;
    const u32 kind = static_cast<u32>(which) - abi::IOPRIO_WHO_PROCESS; // ordered as PRIO_*
    TRY(for_each_named(kind, who, [&](Task& task) -> Result<void> {
        const i32 value = task.io_priority;
        best = best == 0 ? value : base::min(best, value ? value : best);
        return {};
    }));
    return best;
}

Result<i32> sys_ioprio_set(i32 which, i32 who, i32 priority) {
    const u32 io_class = static_cast<u32>(priority) >> abi::IOPRIO_CLASS_SHIFT;
    const u32 level = static_cast<u32>(priority) & 7;
    switch (io_class) {
    case abi::IOPRIO_CLASS_RT:
        if (!current().credentials->has_capability(abi::CAP_SYS_NICE))
            return Errno::EPERM;
        break;
    case abi::IOPRIO_CLASS_BE:
    case abi::IOPRIO_CLASS_IDLE: break;
    case abi::IOPRIO_CLASS_NONE:
        if (level)
            return Errno::EINVAL;
        break;
    default: return Errno::EINVAL;
    }
    LockGuard guard(task_state().tree_lock);
    TRY(for_each_named(static_cast<u32>(which) - abi::IOPRIO_WHO_PROCESS, who, [&](Task& task) -> Result<void> {
        if (!owns(task))
            return Errno::EPERM;
        task.io_priority = static_cast<u16>(priority);
        return {};
    }));
    return 0;
}

Result<i32> sys_getcpu(UserPtr<u32> cpu, UserPtr<u32> node) {
    u32 low = 0, high = 0, processor = 0;
    // The processor's own register tells (Linux hosts keep node << 12 | cpu in it).
    asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(processor));
    if (cpu)
        TRY(cpu.write(processor & 0xfff));
    if (node)
        TRY(node.write(processor >> 12));
    return 0;
}

} // namespace lxcore
