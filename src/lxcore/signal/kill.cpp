// kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2) and their permission rule.
#include "abi/prctl.hpp"

#include "lxcore/signal/calls.hpp"
#include "lxcore/signal/internal.hpp"
#include "lxcore/task/credentials.hpp"

namespace lxcore {

abi::siginfo user_siginfo(u32 signal, i32 code) {
    abi::siginfo info{};
    info.si_signo = static_cast<i32>(signal);
    info.si_code = code;
    info._kill.pid = current().process->pid;
    info._kill.uid = current().credentials->uid;
    return info;
}

Result<void> check_kill_permission(Process& target, u32 signal) {
    const Task& task = current();
    if (&target == task.process)
        return {};
    const Credentials& mine = *task.credentials;
    const Credentials* theirs = target.leader ? target.leader->credentials.get() : nullptr;
    if (!theirs || mine.has_capability(abi::CAP_KILL))
        return {};
    if (mine.euid == theirs->suid || mine.euid == theirs->uid || mine.uid == theirs->suid ||
        mine.uid == theirs->uid)
        return {};
    if (signal == abi::SIGCONT && target.session && target.session == task.process->session)
        return {};
    return Errno::EPERM;
}

namespace {

// tree_lock held.
Result<void> kill_one(Process& process, const abi::siginfo& info) {
    const u32 signal = static_cast<u32>(info.si_signo);
    TRY(check_kill_permission(process, signal));
    return signal ? send_signal_to_process(process, info) : Result<void>();
}

Result<void> kill_group(ProcessGroup* group, const abi::siginfo& info) {
    if (!group)
        return Errno::ESRCH;
    bool sent = false;
    Errno last = Errno::ESRCH;
    for (Process& process : group->members) {
        auto result = kill_one(process, info);
        if (result.is_ok())
            sent = true;
        else
            last = result.error();
    }
    if (!sent)
        return last;
    return {};
}

// Everything but init and the caller's own process.
Result<void> kill_all(const abi::siginfo& info) {
    bool any = false;
    Errno last = Errno::OK;
    for (auto& bucket : task_state().tasks) {
        for (Task& task : bucket) {
            Process* process = task.process;
            if (!process || process->leader != &task || is_init(*process) || process == current().process)
                continue;
            auto result = kill_one(*process, info);
            if (result.is_error() && result.error() == Errno::EPERM)
                continue;
            any = true;
            last = result.error();
        }
    }
    if (!any)
        return Errno::ESRCH;
    return last;
}

Result<void> signal_thread(i32 tgid, const i32 tid, const abi::siginfo& info) {
    const u32 signal = static_cast<u32>(info.si_signo);
    LockGuard tree(task_state().tree_lock);
    Task* task = find_task(tid);
    if (!task || !task->process || (tgid > 0 && task->process->pid != tgid))
        return Errno::ESRCH;
    TRY(check_kill_permission(*task->process, signal));
    if (!signal || task->is_exiting)
        return {};
    return send_signal(*task, SignalTarget::Thread, info);
}

bool is_valid(i32 signal) {
    return signal >= 0 && signal <= abi::_NSIG;
}

// What sigqueue(3) passes: the code must not look like the kernel's or kill's, unless it goes to oneself.
Result<abi::siginfo> read_siginfo(UserPtr<abi::siginfo> user, i32 pid, i32 signal) {
    abi::siginfo info = TRY(user.read());
    info.si_signo = signal;
    if ((info.si_code >= 0 || info.si_code == abi::SI_TKILL) && pid != current().process->pid)
        return Errno::EPERM;
    if (!is_valid(signal))
        return Errno::EINVAL;
    return info;
}

} // namespace

Result<void> sys_kill(i32 pid, SignalNumber signal) {
    if (!is_valid(signal))
        return Errno::EINVAL;
    if (pid == static_cast<i32>(0x8000'0000))
        return Errno::ESRCH;
    const abi::siginfo info = user_siginfo(static_cast<u32>(signal.value));
    LockGuard tree(task_state().tree_lock);
    if (pid > 0) {
        // Any thread's number stands for its process here.
        Task* task = find_task(pid);
        if (!task || !task->process)
            return Errno::ESRCH;
        return kill_one(*task->process, info);
    }
    if (pid == -1)
        return kill_all(info);
    return kill_group(pid == 0 ? current().process->group : find_group(-pid), info);
}

Result<void> sys_tkill(i32 tid, SignalNumber signal) {
    if (tid <= 0 || !is_valid(signal))
        return Errno::EINVAL;
    return signal_thread(0, tid, user_siginfo(static_cast<u32>(signal.value), abi::SI_TKILL));
}

Result<void> sys_tgkill(i32 tgid, i32 tid, SignalNumber signal) {
    if (tgid <= 0 || tid <= 0 || !is_valid(signal))
        return Errno::EINVAL;
    return signal_thread(tgid, tid, user_siginfo(static_cast<u32>(signal.value), abi::SI_TKILL));
}

Result<void> sys_rt_sigqueueinfo(i32 pid, SignalNumber signal, UserPtr<abi::siginfo> user) {
    const abi::siginfo info = TRY(read_siginfo(user, pid, signal));
    LockGuard tree(task_state().tree_lock);
    Task* task = pid > 0 ? find_task(pid) : nullptr;
    if (!task || !task->process)
        return Errno::ESRCH;
    return kill_one(*task->process, info);
}

Result<void> sys_rt_tgsigqueueinfo(i32 tgid, i32 tid, SignalNumber signal, UserPtr<abi::siginfo> user) {
    if (tgid <= 0 || tid <= 0)
        return Errno::EINVAL;
    const abi::siginfo info = TRY(read_siginfo(user, tgid, signal));
    return signal_thread(tgid, tid, info);
}

} // namespace lxcore
