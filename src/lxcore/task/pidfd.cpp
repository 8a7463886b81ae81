// pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), kcmp(2).
#include "abi/prctl.hpp"
#include "abi/poll.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/task/calls.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

class PidFile final : public File {
public:
    explicit PidFile(RefPtr<Process> process) : m_process(std::move(process)) {}
    Process* pidfd_process() override { return m_process.get(); }

    u32 poll(PollTable* table) override {
        if (table)
            table->add(m_process->exit_wait);
        switch (m_process->state) {
        case ProcessState::Zombie: return abi::POLLIN | abi::POLLRDNORM;
        case ProcessState::Dead: return abi::POLLIN | abi::POLLRDNORM | abi::POLLHUP;
        default: return 0;
        }
    }
    void print_information(base::Writer& writer) override {
        const i32 pid = m_process->state == ProcessState::Dead ? -1 : m_process->pid;
        base::print(writer, "Pid:\t{}\nNSpid:\t{}\n", pid, pid);
    }

private:
    RefPtr<Process> m_process;
};

// Order of two kernel objects as kcmp tells it: equal, less, greater.
i32 compare(const void* left, const void* right) { return left == right ? 0 : left < right ? 1 : 2; }

} // namespace

Result<RefPtr<File>> open_pidfd(RefPtr<Process> process, u32 flags) {
    auto file = TRY(make_ref<PidFile>(std::move(process)));
    TRY(attach_anonymous_inode(*file, "[pidfd]", 0600));
    file->flags = abi::O_RDWR | (flags & abi::O_NONBLOCK);
    return RefPtr<File>(std::move(file));
}

Result<RefPtr<Process>> process_of_pidfd(File& file) {
    if (Process* process = file.pidfd_process())
        return RefPtr<Process>(process);
    return Errno::EBADF;
}

Result<i32> sys_pidfd_open(i32 pid, u32 flags) {
    if ((flags & ~abi::PIDFD_NONBLOCK) || pid <= 0)
        return Errno::EINVAL;
    RefPtr<Process> process;
    {
        LockGuard guard(task_state().tree_lock);
        Task* task = find_task(pid);
        if (!task)
            return Errno::ESRCH;
        if (task->process->leader != task)
            return Errno::ENOENT;
        process = task->process;
    }
    auto file = TRY(open_pidfd(std::move(process), flags));
    return current().files->install(std::move(file), true);
}

Result<i32> sys_pidfd_send_signal(Fd fd, SignalNumber signal, UserPtr<abi::siginfo> info, u32 flags) {
    if (flags != 0)
        return Errno::EINVAL;
    HeldFile file = TRY(get_file(fd));
    RefPtr<Process> process = TRY(process_of_pidfd(*file));
    if (signal < 0 || signal > abi::_NSIG)
        return Errno::EINVAL;
    abi::siginfo out = user_siginfo(static_cast<u32>(signal.value));
    if (info) {
        out = TRY(info.read());
        if (out.si_signo != signal)
            return Errno::EINVAL;
        // Nobody may pretend to be the kernel, or kill(2), towards others.
        if (process.get() != current().process && (out.si_code >= 0 || out.si_code == abi::SI_TKILL))
            return Errno::EPERM;
    }
    LockGuard guard(task_state().tree_lock);
    if (process->state == ProcessState::Dead)
        return Errno::ESRCH;
    TRY(check_kill_permission(*process, static_cast<u32>(signal.value)));
    if (signal != 0)
        TRY(send_signal_to_process(*process, out));
    return 0;
}

Result<i32> sys_pidfd_getfd(Fd fd, i32 target, u32 flags) {
    if (flags != 0)
        return Errno::EINVAL;
    HeldFile file = TRY(get_file(fd));
    RefPtr<Process> process = TRY(process_of_pidfd(*file));
    if (process->state == ProcessState::Dead || process->state == ProcessState::Zombie)
        return Errno::ESRCH;
    if (!may_trace(*process))
        return Errno::EPERM;
    RefPtr<FdTable> files = files_of(*process);
    if (!files)
        return Errno::ESRCH;
    RefPtr<File> wanted = files->peek(target);
    if (!wanted)
        return Errno::EBADF;
    return current().files->install(std::move(wanted), true);
}

Result<i32> sys_kcmp(i32 pid1, i32 pid2, i32 type, u64 index1, u64 index2) {
    RefPtr<Process> first, second;
    const void *left = nullptr, *right = nullptr;
    RefPtr<FdTable> files1, files2;
    {
        LockGuard guard(task_state().tree_lock);
        Task* task1 = find_task(pid1);
        Task* task2 = find_task(pid2);
        if (!task1 || !task2)
            return Errno::ESRCH;
        first = task1->process;
        second = task2->process;
        files1 = task1->files;
        files2 = task2->files;
        switch (static_cast<u32>(type)) {
        case abi::KCMP_VM: left = task1->mm.get(), right = task2->mm.get(); break;
        case abi::KCMP_FILES: left = files1.get(), right = files2.get(); break;
        case abi::KCMP_FS: left = task1->fs.get(), right = task2->fs.get(); break;
        case abi::KCMP_SIGHAND: left = first->handlers.get(), right = second->handlers.get(); break;
        case abi::KCMP_IO:
        case abi::KCMP_SYSVSEM: left = task1, right = task2; break;
        default: break;
        }
    }
    if (!may_trace(*first) || !may_trace(*second))
        return Errno::EPERM;
    switch (static_cast<u32>(type)) {
    case abi::KCMP_FILE: {
        if (!files1 || !files2)
            return Errno::EBADF;
        RefPtr<File> file1 = files1->peek(static_cast<i32>(index1));
        RefPtr<File> file2 = files2->peek(static_cast<i32>(index2));
        if (!file1 || !file2)
            return Errno::EBADF;
        return compare(file1.get(), file2.get());
    }
    case abi::KCMP_VM:
    case abi::KCMP_FILES:
    case abi::KCMP_FS:
    case abi::KCMP_SIGHAND:
    case abi::KCMP_IO:
    case abi::KCMP_SYSVSEM: return compare(left, right);
    default: return Errno::EINVAL; // KCMP_EPOLL_TFD too
    }
}

} // namespace lxcore
