// Process, thread, group and session ids: getpid(2), setpgid(2), setsid(2).
#include "lxcore/task/calls.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

Result<i32> sys_getpid() { return current().process->pid; }
Result<i32> sys_gettid() { return current().tid; }
Result<i32> sys_getppid() { return current().process->parent_pid.load(std::memory_order_relaxed); }

Result<i32> sys_getpgid(i32 pid) {
    LockGuard guard(task_state().tree_lock);
    Process* process = current().process;
    if (pid != 0) {
        Task* task = find_task(pid);
        if (!task)
            return Errno::ESRCH;
        process = task->process;
    }
    return process->group ? process->group->pgid : 0;
}

Result<i32> sys_getpgrp() { return sys_getpgid(0); }

Result<i32> sys_getsid(i32 pid) {
    LockGuard guard(task_state().tree_lock);
    Process* process = current().process;
    if (pid != 0) {
        Task* task = find_task(pid);
        if (!task)
            return Errno::ESRCH;
        process = task->process;
    }
    return process->session ? process->session->sid : 0;
}

Result<i32> sys_setpgid(i32 pid, i32 pgid) {
    Process& me = *current().process;
    if (pid == 0)
        pid = me.pid;
    if (pgid == 0)
        pgid = pid;
    if (pgid < 0)
        return Errno::EINVAL;
    LockGuard guard(task_state().tree_lock);
    Task* task = find_task(pid);
    if (!task)
        return Errno::ESRCH;
    Process* target = task->process;
    if (target->leader != task)
        return Errno::EINVAL;
    if (target->parent == &me) {
        if (target->session != me.session)
            return Errno::EPERM;
        if (target->has_execed)
            return Errno::EACCES;
    } else if (target != &me) {
        return Errno::ESRCH;
    }
    if (target->session->leader == target)
        return Errno::EPERM;
    ProcessGroup* group = find_group(pgid);
    if (pgid != pid) {
        if (!group || group->session != me.session)
            return Errno::EPERM;
    } else if (group && group->session != target->session) {
        return Errno::EPERM;
    }
    if (group == target->group)
        return 0;
    if (!group)
        group = TRY(make_group(pgid, *target->session));
    leave_group(*target);
    join_group(*target, *group);
    return 0;
}

Result<i32> sys_setsid() {
    Process& me = *current().process;
    LockGuard guard(task_state().tree_lock);
    if (me.session->leader == &me || find_group(me.pid))
        return Errno::EPERM;
    Session* session = TRY(make_session(me));
    auto group = make_group(me.pid, *session);
    if (group.is_error()) {
        discard_session(*session);
        return group.error();
    }
    leave_group(me);
    join_group(me, *group.value());
    return me.pid;
}

} // namespace lxcore
