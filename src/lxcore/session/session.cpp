#include "lxcore/session/session.hpp"

#include "abi/fcntl.hpp"
#include "abi/signal.hpp"
#include "lxcore/ipc/stream_file.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/syscall/trace.hpp"
#include "lxcore/task/exec.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

namespace {

SessionState& state() { return *kernel().sessions; }

SessionRecord* find_record(u32 id) {
    for (SessionRecord& record : state().records)
        if (record.id == id)
            return &record;
    return nullptr;
}

// Handles that are still the session's to close, unless a file has taken them over.
struct Streams {
    host::Handle handles[3];
    explicit Streams(const SessionStart& start) {
        for (usize i = 0; i < 3; ++i)
            handles[i] = start.streams[i];
    }
    host::Handle take(usize index) { return std::exchange(handles[index], host::kNoHandle); }
    ~Streams() {
        for (host::Handle handle : handles)
            if (handle != host::kNoHandle)
                host::close(handle);
    }
};

Result<RefPtr<SessionTerminal>> make_terminal(const SessionStart& start, Streams& streams) {
    // Input from standard input if that is a terminal, output to the first of stdout and stderr that is one; what is
    // missing of the two is taken from the other (a terminal is mostly open both ways).
    usize input = 3, output = 3;
    if (start.is_terminal[0])
        input = 0;
    for (usize i = 1; i < 3 && output == 3; ++i)
        if (start.is_terminal[i])
            output = i;
    if (input == 3)
        input = output;
    if (output == 3)
        output = input;
    const host::Handle input_handle = streams.take(input);
    const host::Handle output_handle = input == output ? input_handle : streams.take(output);
    return create_session_terminal(input_handle, output_handle, start.rows, start.columns);
}

Result<RefPtr<FdTable>> make_table(const SessionStart& start, Streams& streams, SessionTerminal* terminal) {
    RefPtr<FdTable> files = TRY(make_ref<FdTable>());
    for (i32 i = 0; i < 3; ++i) {
        RefPtr<File> file = start.is_terminal[i]
                                ? terminal->slave
                                : TRY(make_stream_file(streams.take(static_cast<usize>(i)),
                                                       i == 0 ? abi::O_RDONLY : abi::O_WRONLY));
        TRY(files->install_at(i, std::move(file), false));
    }
    return files;
}

} // namespace

Result<void> initialize_sessions() {
    kernel().sessions = TRY(make<SessionState>());
    return {};
}

Result<i32> start_session(const SessionStart& start) {
    Streams streams(start);
    RefPtr<Tracer> tracer;
    if (start.trace != host::kNoHandle) {
        auto made = create_tracer(start.trace, start.trace_summary);
        if (made.is_error()) {
            host::close(start.trace);
            return made.error();
        }
        tracer = made.release_value();
    }
    const Path program = TRY(guest_tool(start.program));
    RefPtr<SessionTerminal> terminal;
    if (start.is_terminal[0] || start.is_terminal[1] || start.is_terminal[2])
        terminal = TRY(make_terminal(start, streams));
    SpawnRequest request;
    request.files = TRY(make_table(start, streams, terminal.get()));
    request.session_id = start.session_id;
    request.tracer = tracer;
    if (terminal) {
        request.tty = terminal->tty;
        request.tty_holder = terminal->tty_holder;
    }
    SessionRecord* record = TRY(make<SessionRecord>());
    record->id = start.session_id;
    record->terminal = terminal;
    auto image = prepare_exec_kernel(program, "/init", start.strings, start.argument_count, start.environment_count);
    if (image.is_error()) {
        delete record;
        return image.error();
    }
    request.image = image.value();
    // Recorded before it runs: it may end at once.
    {
        LockGuard guard(state().lock);
        state().records.push_back(*record);
    }
    auto process = spawn_user_process(request);
    LockGuard guard(state().lock);
    if (process.is_error()) {
        record->node.unlink();
        guard.unlock();
        if (terminal)
            terminal->drain_and_close();
        delete record;
        return process.error();
    }
    const i32 pid = process.value()->pid;
    // finish_session may have come first.
    if (find_record(start.session_id) == record)
        record->process = process.release_value();
    return pid;
}

void resize_session(u32 session_id, u16 rows, u16 columns) {
    RefPtr<SessionTerminal> terminal;
    {
        LockGuard guard(state().lock);
        if (SessionRecord* record = find_record(session_id))
            terminal = record->terminal;
    }
    if (terminal)
        terminal->resize(rows, columns);
}

namespace {

// Every process of the manager's session, as the kernel does when a controlling terminal is closed.
void signal_members(Process& leader, u32 signal) {
    LockGuard guard(task_state().tree_lock);
    if (!leader.session || leader.session->sid != leader.pid)
        return send_kernel_signal(leader, signal);
    for (auto& bucket : task_state().groups)
        for (ProcessGroup& group : bucket)
            if (group.session == leader.session)
                for (Process& member : group.members)
                    send_kernel_signal(member, signal);
}

} // namespace

void hang_up_session(u32 session_id) {
    RefPtr<SessionTerminal> terminal;
    RefPtr<Process> process;
    {
        LockGuard guard(state().lock);
        if (SessionRecord* record = find_record(session_id)) {
            terminal = record->terminal;
            process = record->process;
        }
    }
    if (terminal)
        terminal->hang_up();
    if (process) {
        signal_members(*process, abi::SIGHUP);
        signal_members(*process, abi::SIGCONT);
    }
}

void signal_session(u32 session_id, u32 signal) {
    if (signal < 1 || signal > 64)
        return;
    RefPtr<SessionTerminal> terminal;
    RefPtr<Process> process;
    {
        LockGuard guard(state().lock);
        if (SessionRecord* record = find_record(session_id)) {
            terminal = record->terminal;
            process = record->process;
        }
    }
    if (!process)
        return;
    LockGuard guard(task_state().tree_lock);
    const i32 foreground = terminal ? terminal->foreground_group() : 0;
    ProcessGroup* group = foreground ? find_group(foreground) : process->group;
    if (group)
        send_signal_to_group(*group, signal);
}

void finish_session(u32 session_id) {
    SessionRecord* record = nullptr;
    {
        LockGuard guard(state().lock);
        record = find_record(session_id);
        if (record)
            record->node.unlink();
    }
    if (!record)
        return;
    if (record->terminal)
        record->terminal->drain_and_close();
    delete record;
}

namespace {

void signal_everybody(u32 signal) {
    for (RefPtr<Process> process = next_process(0); process; process = next_process(process->pid))
        send_kernel_signal(*process, signal);
}

bool wait_for_end(u64 deadline_ns) {
    while (host::monotonic_ns() < deadline_ns) {
        {
            LockGuard guard(task_state().tree_lock);
            if (task_state().process_count == 0)
                return true;
        }
        (void)current().sleep(host::monotonic_ns() + 5'000'000, false);
    }
    return false;
}

} // namespace

void shut_down(u64 grace_ns) {
    kernel().shutting_down.store(1);
    signal_everybody(abi::SIGTERM);
    signal_everybody(abi::SIGCONT);
    if (!wait_for_end(host::monotonic_ns() + grace_ns)) {
        signal_everybody(abi::SIGKILL);
        (void)wait_for_end(host::monotonic_ns() + 2'000'000'000);
    }
    kernel().root_file_system->instance_ends();
    (void)host::sync_file_system(host::root_folder());
}

} // namespace lxcore
