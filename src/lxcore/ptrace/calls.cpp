// The system call ptrace(2).
#include "lxcore/ptrace/calls.hpp"

#include "abi/prctl.hpp"

#include "lxcore/ptrace/internal.hpp"
#include "lxcore/user/user_memory.hpp"

namespace lxcore {

namespace {

// ---- beginning ----

Result<void> trace_me() {
    Task& me = current();
    TRY(prepare_tracee(me));
    LockGuard tree(task_state().tree_lock);
    if (is_traced(me) || !me.process->parent)
        return Errno::EPERM;
    begin_tracing(me, *me.process->parent, 0, false);
    return {};
}

Result<void> attach(i32 tid, u32 options, bool seize) {
    RefPtr<Process> process;
    {
        LockGuard tree(task_state().tree_lock);
        Task* task = find_task(tid);
        if (!task || task->is_exiting || !task->mm)
            return Errno::ESRCH;
        process = task->process;
    }
    if (process.get() == current().process || !may_trace(*process))
        return Errno::EPERM;
    LockGuard tree(task_state().tree_lock);
    Task* task = find_task(tid);
    if (!task || task->is_exiting || task->is_counted_off)
        return Errno::ESRCH;
    if (is_traced(*task))
        return Errno::EPERM;
    TRY(prepare_tracee(*task));
    begin_tracing(*task, *current().process, options, seize);
    if (!seize) {
        abi::siginfo info = user_siginfo(abi::SIGSTOP);
        (void)send_signal(*task, SignalTarget::Thread, info);
    }
    // A thread of a stopped process tells its new tracer so.
    task->kick(host::kWorkStop);
    return {};
}

// ---- a tracee that stands still; tree_lock held ----

Result<void> resume(Task& task, u64 request, u64 signal) {
    if (signal > static_cast<u64>(abi::_NSIG))
        return Errno::EIO;
    const Resume how = request == abi::PTRACE_SYSCALL      ? Resume::SystemCall
                       : request == abi::PTRACE_SINGLESTEP ? Resume::Step
                                                           : Resume::Continue;
    resume_tracee(task, how, static_cast<u32>(signal));
    return {};
}

Result<void> listen(Task& task) {
    const Tracee& tracee = task.tracee;
    if (!tracee.is_seized || (tracee.stop >> 8) != abi::PTRACE_EVENT_STOP)
        return Errno::EIO;
    resume_tracee(task, Resume::Listen, 0);
    return {};
}

void* vector_part(Task& task, usize& length, u64 type) {
    length = type == abi::NT_PRFPREG ? 512 : host::vector_state_bytes();
    char* state = task.tracee.vector_state;
    if (type == abi::NT_X86_XSTATE) {
        // The software-usable bytes say which components the area may hold.
        const u64 features = host::vector_state_features();
        __builtin_memcpy(state + 464, &features, sizeof(features));
    }
    return state;
}

Result<u64> peek_user(Task& task, u64 offset) {
    if (offset % 8 || offset >= abi::USER_BYTES)
        return Errno::EIO;
    const abi::user_regs_struct registers = registers_of(task);
    u64 word = 0;
    if (offset < sizeof(registers))
        __builtin_memcpy(&word, reinterpret_cast<const char*>(&registers) + offset, sizeof(word));
    return word; // there are no debug registers: they read as unused
}

Result<void> poke_user(Task& task, u64 offset, u64 word) {
    if (offset % 8 || offset >= abi::USER_BYTES)
        return Errno::EIO;
    abi::user_regs_struct registers = registers_of(task);
    if (offset >= sizeof(registers)) // debug registers: none to be had, so only clearing them succeeds
        return word == 0 ? Result<void>() : Result<void>(Errno::EIO);
    __builtin_memcpy(reinterpret_cast<char*>(&registers) + offset, &word, sizeof(word));
    return set_registers(task, registers);
}

abi::ptrace_syscall_info call_information(Task& task) {
    const host::Frame& frame = task.guest_frame();
    abi::ptrace_syscall_info out{};
    out.arch = abi::AUDIT_ARCH_X86_64;
    out.instruction_pointer = frame.rip;
    out.stack_pointer = frame.rsp;
    // Without PTRACE_O_TRACESYSGOOD the stop does not tell that it is one.
    const CallStop stop = task.tracee.stop & 0x80 ? task.tracee.call_stop : CallStop::None;
    if (stop == CallStop::Entry) {
        out.op = abi::PTRACE_SYSCALL_INFO_ENTRY;
        out.entry.nr = frame.original_rax;
        const u64 arguments[6] = {frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9};
        __builtin_memcpy(out.entry.args, arguments, sizeof(arguments));
    } else if (stop == CallStop::Exit) {
        out.op = abi::PTRACE_SYSCALL_INFO_EXIT;
        out.exit.rval = static_cast<i64>(frame.rax);
        out.exit.is_error = out.exit.rval < 0 && out.exit.rval >= -4095;
    }
    return out;
}

u64 call_information_bytes(const abi::ptrace_syscall_info& information) {
    switch (information.op) {
    case abi::PTRACE_SYSCALL_INFO_ENTRY: return 24 + sizeof(information.entry);
    case abi::PTRACE_SYSCALL_INFO_EXIT: return 24 + 9;
    default: return 24;
    }
}

Result<Task*> tracee_in_any_state(i32 tid) {
    Task* task = find_task(tid);
    if (!task || task->tracee.tracer != current().process)
        return Errno::ESRCH;
    return task;
}

// ---- requests with data in the tracer's memory, which is not touched with tree_lock held ----

Result<i64> get_registers(i32 tid, u64 address) {
    abi::user_regs_struct registers;
    {
        LockGuard tree(task_state().tree_lock);
        registers = registers_of(*TRY(stopped_tracee(tid)));
    }
    TRY(UserPtr<abi::user_regs_struct>(address).write(registers));
    return 0;
}

Result<i64> put_registers(i32 tid, u64 address, u64 length) {
    abi::user_regs_struct registers;
    // A shorter set leaves the rest as it is.
    {
        LockGuard tree(task_state().tree_lock);
        registers = registers_of(*TRY(stopped_tracee(tid)));
    }
    TRY(copy_from_user(&registers, address, length));
    LockGuard tree(task_state().tree_lock);
    TRY(set_registers(*TRY(stopped_tracee(tid)), registers));
    return 0;
}

Result<u64> move_vector_state(i32 tid, u64 type, u64 address, u64 length, bool is_write) {
    PageBuffer buffer(vector_state_pages());
    if (!buffer)
        return Errno::ENOMEM;
    usize bytes;
    {
        LockGuard tree(task_state().tree_lock);
        const void* state = vector_part(*TRY(stopped_tracee(tid)), bytes, type);
        __builtin_memcpy(buffer.data(), state, bytes);
    }
    const u64 moved = base::min<u64>(length, bytes);
    if (!is_write) {
        TRY(copy_to_user(address, buffer.data(), moved));
        return moved;
    }
    if (type == abi::NT_X86_XSTATE && moved < bytes)
        return Errno::EINVAL;
    TRY(copy_from_user(buffer.data(), address, moved));
    // The header tells which components are not in their initial state: what there are not cannot be set, and the rest is zero.
    const auto word = [&](usize offset) {
        u64 value;
        __builtin_memcpy(&value, buffer.data() + offset, sizeof(value));
        return value;
    };
    if (type == abi::NT_X86_XSTATE) {
        bool is_valid = (word(512) & ~host::vector_state_features()) == 0;
        for (usize at = 520; at < 576; at += 8)
            is_valid &= word(at) == 0;
        if (!is_valid)
            return Errno::EINVAL;
    }
    u32 mxcsr;
    __builtin_memcpy(&mxcsr, buffer.data() + 24, sizeof(mxcsr));
    if (mxcsr & ~u32{0xffff})
        return Errno::EINVAL;
    LockGuard tree(task_state().tree_lock);
    Task& task = *TRY(stopped_tracee(tid));
    char* state = task.tracee.vector_state;
    __builtin_memcpy(state, buffer.data(), moved);
    if (type == abi::NT_PRFPREG) { // what was set counts, whatever was there before
        u64 present;
        __builtin_memcpy(&present, state + 512, sizeof(present));
        present |= 3;
        __builtin_memcpy(state + 512, &present, sizeof(present));
    }
    task.tracee.registers_changed = true;
    return moved;
}

Result<i64> register_set(i32 tid, u64 type, u64 vector_address, bool is_write) {
    abi::iovec vector = TRY(UserPtr<abi::iovec>(vector_address).read());
    u64 moved = 0;
    if (type == abi::NT_PRSTATUS) {
        moved = base::min<u64>(vector.iov_len, sizeof(abi::user_regs_struct));
        if (vector.iov_len % 8)
            return Errno::EINVAL;
        if (is_write) {
            TRY(put_registers(tid, vector.iov_base, moved));
        } else {
            abi::user_regs_struct registers;
            {
                LockGuard tree(task_state().tree_lock);
                registers = registers_of(*TRY(stopped_tracee(tid)));
            }
            TRY(copy_to_user(vector.iov_base, &registers, moved));
        }
    } else if (type == abi::NT_PRFPREG || type == abi::NT_X86_XSTATE) {
        moved = TRY(move_vector_state(tid, type, vector.iov_base, vector.iov_len, is_write));
    } else {
        return Errno::EINVAL;
    }
    vector.iov_len = moved;
    TRY(UserPtr<abi::iovec>(vector_address).write(vector));
    return 0;
}

Result<i64> memory_word(i32 tid, u64 request, u64 address, u64 data) {
    RefPtr<Process> process;
    {
        LockGuard tree(task_state().tree_lock);
        process = TRY(stopped_tracee(tid))->process;
    }
    if (!base::is_guest_range(address, sizeof(u64)))
        return Errno::EIO;
    const bool is_write = request == abi::PTRACE_POKETEXT || request == abi::PTRACE_POKEDATA;
    u64 word = data;
    if (TRY(ptrace_access_memory(*process, address, &word, sizeof(word), is_write)) != sizeof(word))
        return Errno::EIO;
    if (!is_write)
        TRY(UserPtr<u64>(data).write(word));
    return 0;
}

Result<i64> signal_information(i32 tid, u64 address, bool is_write) {
    abi::siginfo info{};
    if (is_write)
        info = TRY(UserPtr<abi::siginfo>(address).read());
    {
        LockGuard tree(task_state().tree_lock);
        Tracee& tracee = TRY(stopped_tracee(tid))->tracee;
        if (!tracee.has_information)
            return Errno::EINVAL;
        if (is_write)
            tracee.information = info;
        else
            info = tracee.information;
    }
    if (!is_write)
        TRY(UserPtr<abi::siginfo>(address).write(info));
    return 0;
}

Result<i64> signal_mask(i32 tid, u64 size, u64 address, bool is_write) {
    if (size != sizeof(u64))
        return Errno::EINVAL;
    u64 mask = is_write ? TRY(UserPtr<u64>(address).read()) : 0;
    {
        LockGuard tree(task_state().tree_lock);
        Task& task = *TRY(stopped_tracee(tid));
        LockGuard signals(task.process->signal_lock);
        if (is_write)
            task.blocked = mask & ~kUnblockable;
        mask = task.blocked;
    }
    if (!is_write)
        TRY(UserPtr<u64>(address).write(mask));
    return 0;
}

Result<i64> event_message(i32 tid, u64 address) {
    u64 message;
    {
        LockGuard tree(task_state().tree_lock);
        message = TRY(stopped_tracee(tid))->tracee.message;
    }
    TRY(UserPtr<u64>(address).write(message));
    return 0;
}

Result<i64> system_call_information(i32 tid, u64 size, u64 address) {
    abi::ptrace_syscall_info information;
    {
        LockGuard tree(task_state().tree_lock);
        information = call_information(*TRY(stopped_tracee(tid)));
    }
    const u64 bytes = call_information_bytes(information);
    TRY(copy_to_user(address, &information, base::min(size, bytes)));
    return static_cast<i64>(bytes);
}

Result<i64> simple_request(u64 request, i32 tid, u64 address, u64 data) {
    LockGuard tree(task_state().tree_lock);
    if (request == abi::PTRACE_INTERRUPT) {
        Task& task = *TRY(tracee_in_any_state(tid));
        if (!task.tracee.is_seized)
            return Errno::EIO;
        task.tracee.wants_interrupt = true;
        task.kick(host::kWorkStop);
        return 0;
    }
    if (request == abi::PTRACE_KILL) {
        Task& task = *TRY(tracee_in_any_state(tid));
        if (task.tracee.is_stopped.load())
            resume_tracee(task, Resume::Continue, abi::SIGKILL);
        return 0;
    }
    Task& task = *TRY(stopped_tracee(tid));
    switch (request) {
    case abi::PTRACE_CONT:
    case abi::PTRACE_SYSCALL:
    case abi::PTRACE_SINGLESTEP: TRY(resume(task, request, data)); return 0;
    case abi::PTRACE_LISTEN: TRY(listen(task)); return 0;
    case abi::PTRACE_DETACH:
        if (data > static_cast<u64>(abi::_NSIG))
            return Errno::EIO;
        end_tracing(task, static_cast<u32>(data));
        return 0;
    case abi::PTRACE_SETOPTIONS:
        if (data & ~u64{abi::PTRACE_O_MASK & ~abi::PTRACE_O_TRACESECCOMP})
            return Errno::EINVAL;
        task.tracee.options = static_cast<u32>(data);
        return 0;
    case abi::PTRACE_POKEUSER: TRY(poke_user(task, address, data)); return 0;
    default: return Errno::EIO;
    }
}

} // namespace

Result<Task*> stopped_tracee(i32 tid) {
    Task* task = TRY(tracee_in_any_state(tid));
    if (!task->tracee.is_stopped.load())
        return Errno::ESRCH;
    return task;
}

bool may_trace(Process& process) {
    if (&process == current().process)
        return true;
    const Credentials& mine = *current().credentials;
    if (mine.has_capability(abi::CAP_SYS_PTRACE))
        return true;
    const RefPtr<Credentials> its = credentials_of(process);
    return its && process.is_dumpable && mine.uid == its->uid && mine.uid == its->euid && mine.uid == its->suid &&
           mine.gid == its->gid && mine.gid == its->egid && mine.gid == its->sgid &&
           (its->permitted & ~mine.permitted) == 0;
}

Result<i64> sys_ptrace(u64 request, i32 pid, u64 address, u64 data) {
    switch (request) {
    case abi::PTRACE_TRACEME: TRY(trace_me()); return 0;
    case abi::PTRACE_ATTACH: TRY(attach(pid, 0, false)); return 0;
    case abi::PTRACE_SEIZE:
        if (address || (data & ~u64{abi::PTRACE_O_MASK & ~abi::PTRACE_O_TRACESECCOMP}))
            return Errno::EIO;
        TRY(attach(pid, static_cast<u32>(data), true));
        return 0;
    case abi::PTRACE_PEEKTEXT:
    case abi::PTRACE_PEEKDATA:
    case abi::PTRACE_POKETEXT:
    case abi::PTRACE_POKEDATA: return memory_word(pid, request, address, data);
    case abi::PTRACE_PEEKUSER: {
        u64 word;
        {
            LockGuard tree(task_state().tree_lock);
            word = TRY(peek_user(*TRY(stopped_tracee(pid)), address));
        }
        TRY(UserPtr<u64>(data).write(word));
        return 0;
    }
    case abi::PTRACE_GETREGS: return get_registers(pid, data);
    case abi::PTRACE_SETREGS: return put_registers(pid, data, sizeof(abi::user_regs_struct));
    case abi::PTRACE_GETFPREGS: TRY(move_vector_state(pid, abi::NT_PRFPREG, data, 512, false)); return 0;
    case abi::PTRACE_SETFPREGS: TRY(move_vector_state(pid, abi::NT_PRFPREG, data, 512, true)); return 0;
    case abi::PTRACE_GETREGSET: return register_set(pid, address, data, false);
    case abi::PTRACE_SETREGSET: return register_set(pid, address, data, true);
    case abi::PTRACE_GETSIGINFO: return signal_information(pid, data, false);
    case abi::PTRACE_SETSIGINFO: return signal_information(pid, data, true);
    case abi::PTRACE_GETSIGMASK: return signal_mask(pid, address, data, false);
    case abi::PTRACE_SETSIGMASK: return signal_mask(pid, address, data, true);
    case abi::PTRACE_GETEVENTMSG: return event_message(pid, data);
    case abi::PTRACE_GET_SYSCALL_INFO: return system_call_information(pid, address, data);
    default: return simple_request(request, pid, address, data);
    }
}

} // namespace lxcore
