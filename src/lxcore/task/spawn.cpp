// How the instance host starts a guest program: the first process of a session.
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/task/exec.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/tty/tty.hpp"
#if __has_include("lxcore/syscall/trace.hpp")
#include "lxcore/syscall/trace.hpp"
#else
namespace lxcore {
class Tracer : public SharedObject {};
} // namespace lxcore
#endif

namespace lxcore {

namespace {

void spawn_entry(host::ThreadBlock& block) {
    Task& task = static_cast<Task&>(block);
    note_host_process(task);
    ExecImage* image = std::exchange(task.exec_image, nullptr);
    commit_exec(task, image);
}

Result<RefPtr<FsContext>> root_context() {
    auto fs = TRY(make_ref<FsContext>());
    RefPtr<Mount> mount = mount_state().root;
    fs->root = Path(mount, mount->root);
    fs->cwd = fs->root;
    return fs;
}

Result<RefPtr<Process>> prepare(Task& task, SpawnRequest& request) {
    auto process = TRY(make_ref<Process>());
    process->leader = &task;
    process->pid = task.tid;
    process->start_time_ns = task.start_time_ns;
    __builtin_memcpy(process->limits, task_state().kernel_process->limits, sizeof(process->limits));
    process->handlers = TRY(make_ref<SignalHandlers>());
    process->host_process = task.host_process;
    process->session_id = request.session_id;
    process->ref(); // the task's
    task.process = process.get();
    task.credentials = TRY(make_ref<Credentials>());
    task.fs = TRY(root_context());
    task.mm = TRY(Mm::create());
    task.files = std::move(request.files);
    task.exit_signal = abi::SIGCHLD;
    task.alternate_stack.ss_flags = abi::SS_DISABLE;
    task.tracer = request.tracer;
    task.work = host::kWorkFullReturn | (request.tracer ? host::kWorkTrace : 0u);
    host::Frame& frame = task.guest_frame();
    frame = {};
    frame.original_rax = ~u64{0};
    frame.cs = host::kGuestCodeSelector;
    frame.ss = host::kGuestStackSelector;
    frame.rflags = 0x202;
    if (request.session_id) {
        process->session_record = TRY(make<EndedSession>());
        process->session_record->session_id = request.session_id;
    }
    return process;
}

// Into the tree, in a session and a group of its own.
Result<void> link(Task& task, SpawnRequest& request) {
    TaskState& state = task_state();
    Process& process = *task.process;
    LockGuard guard(state.tree_lock);
    Session* session = TRY(make_session(process));
    auto group = make_group(process.pid, *session);
    if (group.is_error()) {
        discard_session(*session);
        return group.error();
    }
    if (request.tty)
        attach_session(*request.tty, *session, process.pid);
    join_group(process, *group.value());
    if (state.init) {
        process.parent = state.init;
        process.parent_pid = state.init->pid;
        state.init->children.push_back(process);
    } else {
        state.init = &process;
    }
    ++state.process_count;
    ++state.forks;
    process.ref(); // the tree's
    link_task(task);
    return {};
}

void give_back(Task& task) {
    if (Process* process = task.process) {
        if (EndedSession* record = std::exchange(process->session_record, nullptr))
            delete record;
    }
    set_mm(task, nullptr);
    set_files(task, nullptr);
    set_fs(task, nullptr);
    set_credentials(task, nullptr);
    {
        LockGuard guard(task_state().tree_lock);
        release_pid(task.tid);
    }
    discard_task_block(task);
}

} // namespace

Result<RefPtr<Process>> spawn_user_process(SpawnRequest& request) {
    ExecImage* image = std::exchange(request.image, nullptr);
    auto created = create_task_block();
    if (created.is_error()) {
        discard_exec(image);
        return created.error();
    }
    Task& task = *created.value();
    auto prepared = prepare(task, request);
    auto linked = prepared.is_ok() ? link(task, request) : Result<void>(prepared.error());
    if (linked.is_error()) {
        discard_exec(image);
        give_back(task);
        return linked.error();
    }
    RefPtr<Process> process = prepared.release_value();
    task.exec_image = image;
    task.host_alive.store(1, std::memory_order_release);
    task.is_starting = true;
    auto started = host::spawn_process(task, spawn_entry);
    if (started.is_error()) {
        task.host_alive.store(0, std::memory_order_release);
        discard_exec(std::exchange(task.exec_image, nullptr));
        if (EndedSession* record = std::exchange(process->session_record, nullptr))
            delete record; // the caller hears of the failure itself
        finish_dead_process(*process, abi::SIGKILL);
        task.is_finished.store(true, std::memory_order_release);
        return started.error();
    }
    return process;
}

} // namespace lxcore
