// Limits and usage: getrlimit(2), prlimit(2), getrusage(2), times(2).
#include "abi/prctl.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/time/timer.hpp"

namespace lxcore {

namespace {

abi::timeval timeval_of_ns(u64 ns) {
    return {static_cast<i64>(ns / 1'000'000'000), static_cast<i64>(ns % 1'000'000'000 / 1000)};
}
i64 ticks_of_ns(u64 ns) { return static_cast<i64>(ns / (1'000'000'000 / abi::USER_HZ)); }

constexpr u64 kMostOpenFiles = 1024 * 1024; // as fs.nr_open

Result<void> change_limit(Process& process, u32 resource, const abi::rlimit64& wanted) {
    if (wanted.rlim_cur > wanted.rlim_max)
        return Errno::EINVAL;
    const bool privileged = current().credentials->has_capability(abi::CAP_SYS_RESOURCE);
    if (resource == abi::RLIMIT_NOFILE && wanted.rlim_max > kMostOpenFiles)
        return Errno::EPERM;
    LockGuard guard(process.info_lock);
    if (wanted.rlim_max > process.limits[resource].rlim_max && !privileged)
        return Errno::EPERM;
    process.limits[resource] = wanted;
    guard.unlock();
    if (resource == abi::RLIMIT_CPU)
        return cpu_limit_changed(process);
    return {};
}

// prlimit(2): the caller's real ids must match all ids of the target, or it needs CAP_SYS_RESOURCE.
Result<RefPtr<Process>> limits_target(i32 pid) {
    if (pid == 0)
        return RefPtr<Process>(current().process);
    LockGuard guard(task_state().tree_lock);
    Task* task = find_task(pid);
    if (!task)
        return Errno::ESRCH;
    if (task->process != current().process) {
        const Credentials& mine = *current().credentials;
        const Credentials* theirs = task->credentials.get();
        if (!theirs)
            return Errno::ESRCH;
        const bool matches = mine.uid == theirs->uid && mine.uid == theirs->euid && mine.uid == theirs->suid &&
                             mine.gid == theirs->gid && mine.gid == theirs->egid && mine.gid == theirs->sgid;
        if (!matches && !mine.has_capability(abi::CAP_SYS_RESOURCE))
            return Errno::EPERM;
    }
    return RefPtr<Process>(task->process);
}

void fill_times(abi::rusage& usage, const host::CpuTimes& times) {
    usage.ru_utime = timeval_of_ns(times.user_ns);
    usage.ru_stime = timeval_of_ns(times.system_ns);
}

} // namespace

Result<i32> sys_getrlimit(u32 resource, UserPtr<abi::rlimit64> out) {
    if (resource >= abi::RLIM_NLIMITS)
        return Errno::EINVAL;
    TRY(out.write(current().process->limits[resource]));
    return 0;
}

Result<i32> sys_setrlimit(u32 resource, UserPtr<abi::rlimit64> in) {
    if (resource >= abi::RLIM_NLIMITS)
        return Errno::EINVAL;
    const auto wanted = TRY(in.read());
    TRY(change_limit(*current().process, resource, wanted));
    return 0;
}

Result<i32> sys_prlimit64(i32 pid, u32 resource, UserPtr<abi::rlimit64> in, UserPtr<abi::rlimit64> out) {
    if (resource >= abi::RLIM_NLIMITS)
        return Errno::EINVAL;
    abi::rlimit64 wanted{};
    if (in)
        wanted = TRY(in.read());
    RefPtr<Process> process = TRY(limits_target(pid));
    const abi::rlimit64 before = process->limits[resource];
    if (in)
        TRY(change_limit(*process, resource, wanted));
    if (out)
        TRY(out.write(before));
    return 0;
}

Result<i32> sys_getrusage(i32 who, UserPtr<abi::rusage> out) {
    Task& task = current();
    Process& process = *task.process;
    abi::rusage usage{};
    switch (who) {
    case abi::RUSAGE_SELF:
        fill_times(usage, cpu_times(process));
        usage.ru_minflt = static_cast<i64>(process.min_faults + task.min_faults);
        usage.ru_majflt = static_cast<i64>(process.maj_faults + task.maj_faults);
        usage.ru_maxrss = static_cast<i64>(base::max(process.max_resident_bytes, task.mm->peak_bytes) / 1024);
        break;
    case abi::RUSAGE_CHILDREN:
        fill_times(usage, {process.children_user_ns, process.children_system_ns});
        usage.ru_minflt = static_cast<i64>(process.children_min_faults);
        usage.ru_majflt = static_cast<i64>(process.children_maj_faults);
        usage.ru_maxrss = static_cast<i64>(process.children_max_resident_bytes / 1024);
        break;
    case abi::RUSAGE_THREAD:
        fill_times(usage, host::thread_cpu_times());
        usage.ru_minflt = static_cast<i64>(task.min_faults);
        usage.ru_majflt = static_cast<i64>(task.maj_faults);
        usage.ru_maxrss = static_cast<i64>(base::max(process.max_resident_bytes, task.mm->peak_bytes) / 1024);
        break;
    default: return Errno::EINVAL;
    }
    TRY(out.write(usage));
    return 0;
}

Result<i64> sys_times(UserPtr<abi::tms> out) {
    if (out) {
        Process& process = *current().process;
        const host::CpuTimes own = cpu_times(process);
        abi::tms times{};
        times.tms_utime = ticks_of_ns(own.user_ns);
        times.tms_stime = ticks_of_ns(own.system_ns);
        times.tms_cutime = ticks_of_ns(process.children_user_ns);
        times.tms_cstime = ticks_of_ns(process.children_system_ns);
        TRY(out.write(times));
    }
    return ticks_of_ns(host::monotonic_ns());
}

} // namespace lxcore
