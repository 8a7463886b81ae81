// The system calls execve(2), execveat(2), and personality(2), which decides how programs are loaded.
#include "abi/fcntl.hpp"
#include "lxcore/fs/namei.hpp"
#include "lxcore/mm/calls.hpp"
#include "lxcore/task/exec_image.hpp"
#include "lxcore/task/futex.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

// Nothing that owns memory or files is left on the stack when this returns.
Result<ExecImage*> prepare_user(i32 dirfd, UserCString path, UserPtr<u64> argv, UserPtr<u64> envp, u32 flags) {
    const PathName name = TRY(PathName::copy(path));
    if (name.view().empty() && !(flags & abi::AT_EMPTY_PATH))
        return Errno::ENOENT;
    return prepare_exec(nullptr, dirfd, name.view(), argv, envp, flags);
}

Result<i64> execute(i32 dirfd, UserCString path, UserPtr<u64> argv, UserPtr<u64> envp, u32 flags) {
    Task& task = current();
    ExecImage* image = TRY(prepare_user(dirfd, path, argv, envp, flags));
    if (const auto alone = exec_kill_other_threads(task); alone.is_error()) {
        discard_exec(image);
        return alone.error();
    }
    // The memory that these lie in may live on in another process.
    exit_robust_list(task);
    if (task.clear_child_tid && task.mm->users.load(std::memory_order_acquire) > 1) {
        (void)UserPtr<u32>(task.clear_child_tid).write(0);
        futex_wake_address(task, task.clear_child_tid);
    }
    if (task.vfork_parent)
        exec_borrowed(task, image);
    image->in_place = true;
    commit_exec(task, image);
    return 0;
}

} // namespace

Result<i64> sys_execve(UserCString path, UserPtr<u64> argv, UserPtr<u64> envp) {
    return execute(abi::AT_FDCWD, path, argv, envp, 0);
}

Result<i64> sys_execveat(DirFd dirfd, UserCString path, UserPtr<u64> argv, UserPtr<u64> envp, AtFlags flags) {
    return execute(dirfd, path, argv, envp, flags);
}

Result<i64> sys_personality(HexFlags persona) {
    Task& task = current();
    const u32 old = task.personality;
    if (static_cast<u32>(persona.value) != 0xffff'ffff)
        task.personality = static_cast<u32>(persona.value);
    return static_cast<i64>(old);
}

} // namespace lxcore
