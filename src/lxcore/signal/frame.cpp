// The frame that a handler runs on, and its way back: sigreturn(2), sigaltstack(2).
#include "abi/signal_frame.hpp"

#include "engine/engine.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/signal/calls.hpp"
#include "lxcore/signal/internal.hpp"

namespace lxcore {

namespace {

// Flags of rflags that a handler's frame may change: AC RF OF DF TF SF ZF AF PF CF.
constexpr u64 kUserFlags = 0x5'0dd5;
constexpr u64 kClearedForHandler = 0x400 | 0x100 | 0x1'0000; // DF, TF, RF

bool lies_on(const abi::stack_t& stack, u64 sp) {
    return sp > stack.ss_sp && sp - stack.ss_sp <= stack.ss_size;
}

// A stack with SS_AUTODISARM is taken down on entry, so nobody is ever "on" it.
bool is_on_alternate_stack(const Task& task, u64 sp) {
    return !(static_cast<u32>(task.alternate_stack.ss_flags) & abi::SS_AUTODISARM) &&
           lies_on(task.alternate_stack, sp);
}

u32 stack_flags(const Task& task, u64 sp) {
    if (!task.alternate_stack.ss_size)
        return abi::SS_DISABLE;
    return is_on_alternate_stack(task, sp) ? abi::SS_ONSTACK : 0;
}

void store_registers(abi::sigcontext& context, const Task& task, const host::Frame& frame) {
    context.r8 = frame.r8;
    context.r9 = frame.r9;
    context.r10 = frame.r10;
    context.r11 = frame.r11;
    context.r12 = frame.r12;
    context.r13 = frame.r13;
    context.r14 = frame.r14;
    context.r15 = frame.r15;
    context.rdi = frame.rdi;
    context.rsi = frame.rsi;
    context.rbp = frame.rbp;
    context.rbx = frame.rbx;
    context.rdx = frame.rdx;
    context.rax = frame.rax;
    context.rcx = frame.rcx;
    context.rsp = frame.rsp;
    context.rip = engine::canonical_rip(frame.rip);
    context.eflags = frame.rflags;
    context.cs = host::kGuestCodeSelector;
    context.ss = host::kGuestStackSelector;
    context.err = task.fault_error;
    context.trapno = task.fault_trap;
    context.cr2 = task.fault_address;
}

void load_registers(const abi::sigcontext& context, host::Frame& frame) {
    frame.r8 = context.r8;
    frame.r9 = context.r9;
    frame.r10 = context.r10;
    frame.r11 = context.r11;
    frame.r12 = context.r12;
    frame.r13 = context.r13;
    frame.r14 = context.r14;
    frame.r15 = context.r15;
    frame.rdi = context.rdi;
    frame.rsi = context.rsi;
    frame.rbp = context.rbp;
    frame.rbx = context.rbx;
    frame.rdx = context.rdx;
    frame.rax = context.rax;
    frame.rcx = context.rcx;
    frame.rsp = context.rsp;
    frame.rip = engine::executable_rip(context.rip);
    frame.rflags = (frame.rflags & ~kUserFlags) | (context.eflags & kUserFlags);
    frame.cs = host::kGuestCodeSelector;
    frame.ss = host::kGuestStackSelector;
    frame.original_rax = ~u64{0};
}

void force_segv(Task& task) {
    abi::siginfo info{};
    info.si_signo = abi::SIGSEGV;
    info.si_code = abi::SI_KERNEL;
    force_signal(task, info);
}

// The handler's own SIGSEGV cannot be told to it when its stack is bad: the process dies of it.
void fail_delivery(Task& task, u32 signal) {
    if (signal == abi::SIGSEGV) {
        Process& process = *task.process;
        LockGuard guard(process.handlers->lock);
        process.handlers->of(abi::SIGSEGV).sa_handler = abi::SIG_DFL;
    }
    force_segv(task);
}

// The area that XSAVE fills, with the marks by which Linux's and everybody's readers know its size and its
// end.
Result<void> save_state(u64 state) {
    const u64 bytes = host::vector_state_bytes();
    TRY(host::save_vector_state(reinterpret_cast<void*>(state)));
    abi::_fpx_sw_bytes marks{};
    marks.magic1 = abi::FP_XSTATE_MAGIC1;
    marks.extended_size = static_cast<u32>(bytes) + abi::FP_XSTATE_MAGIC2_SIZE;
    marks.xfeatures = host::vector_state_features();
    marks.xstate_size = static_cast<u32>(bytes);
    TRY(copy_to_user(state + offsetof(abi::_fpstate, sw_reserved), &marks, sizeof marks));
    TRY(UserPtr<u32>(state + bytes).write(abi::FP_XSTATE_MAGIC2));
    // x87 and SSE count as in use, so that what a handler writes into the legacy part is restored.
    (void)TRY(host::fetch_or_guarded(reinterpret_cast<u32*>(state + sizeof(abi::_fpstate)), 3));
    return {};
}

// An area without the marks is the old 512 bytes of FXSAVE; whatever that lacks becomes initial.
Result<void> restore_state(u64 state) {
    const u64 bytes = host::vector_state_bytes();
    if (!base::is_guest_range(state, bytes + abi::FP_XSTATE_MAGIC2_SIZE))
        return Errno::EFAULT;
    const auto marks = TRY(UserPtr<abi::_fpx_sw_bytes>(state + offsetof(abi::_fpstate, sw_reserved)).read());
    if (marks.magic1 == abi::FP_XSTATE_MAGIC1 && marks.xstate_size == bytes) {
        const auto end = UserPtr<u32>(state + bytes).read();
        if (end.is_ok() && end.value() == abi::FP_XSTATE_MAGIC2)
            return state % 64 ? Result<void>(Errno::EINVAL)
                              : host::restore_vector_state(reinterpret_cast<const void*>(state));
    }
    struct alignas(64) {
        u8 legacy[sizeof(abi::_fpstate)];
        abi::_xstate_header header;
    } area{};
    TRY(copy_from_user(area.legacy, state, sizeof area.legacy));
    area.header.xfeatures = 3;
    return host::restore_vector_state(&area);
}

Result<void> build_frame(Task& task, host::Frame& frame, const abi::sigaction& action,
                         const abi::siginfo& info) {
    // As Linux on x86-64: there is no vDSO trampoline to return to.
    if (!(action.sa_flags & abi::SA_RESTORER))
        return Errno::EFAULT;
    const bool nested = is_on_alternate_stack(task, frame.rsp);
    bool entering = false;
    u64 sp = frame.rsp - abi::RED_ZONE_SIZE;
    if ((action.sa_flags & abi::SA_ONSTACK) && stack_flags(task, frame.rsp) == 0) {
        sp = task.alternate_stack.ss_sp + task.alternate_stack.ss_size;
        entering = true;
    }
    const usize state_bytes = host::vector_state_bytes() + abi::FP_XSTATE_MAGIC2_SIZE;
    const u64 state = base::align_down(sp - state_bytes, 64);
    const u64 address = base::align_down(state - sizeof(abi::rt_sigframe), 16) - 8;
    if ((nested || entering) && !lies_on(task.alternate_stack, address))
        return Errno::EFAULT;
    if (!base::is_guest_range(address, state + state_bytes - address) || (task.mm && task.mm->is_below_stack(address)))
        return Errno::EFAULT;

    abi::rt_sigframe image{};
    image.pretcode = action.sa_restorer;
    image.uc.uc_flags = abi::UC_FP_XSTATE | abi::UC_SIGCONTEXT_SS | abi::UC_STRICT_RESTORE_SS;
    image.uc.uc_stack = task.alternate_stack;
    if (!image.uc.uc_stack.ss_size)
        image.uc.uc_stack.ss_flags = abi::SS_DISABLE;
    image.uc.uc_sigmask = task.restore_blocked ? task.saved_blocked : task.blocked;
    store_registers(image.uc.uc_mcontext, task, frame);
    image.uc.uc_mcontext.oldmask = image.uc.uc_sigmask;
    image.uc.uc_mcontext.fpstate = state;
    image.info = info;
    if (info.si_code == abi::SI_TIMER)
        image.info._timer.sys_private = 0;
    TRY(copy_to_user(address, &image, sizeof image));
    TRY(save_state(state));
    host::reset_vector_state();

    frame.rdi = static_cast<u64>(info.si_signo);
    frame.rsi = address + offsetof(abi::rt_sigframe, info);
    frame.rdx = address + offsetof(abi::rt_sigframe, uc);
    frame.rax = 0;
    frame.rsp = address;
    frame.rip = engine::executable_rip(action.sa_handler);
    frame.rflags &= ~kClearedForHandler;
    frame.cs = host::kGuestCodeSelector;
    frame.ss = host::kGuestStackSelector;
    if (static_cast<u32>(task.alternate_stack.ss_flags) & abi::SS_AUTODISARM)
        task.alternate_stack = {};
    return {};
}

} // namespace

void enter_handler(Task& task, host::Frame& frame, const abi::sigaction& action, const abi::siginfo& info) {
    const u32 signal = static_cast<u32>(info.si_signo);
    frame.original_rax = ~u64{0};
    task.work.fetch_or(host::kWorkFullReturn, std::memory_order_relaxed);
    if (build_frame(task, frame, action, info).is_error()) {
        fail_delivery(task, signal);
        return;
    }
    SignalSet blocked = task.blocked | action.sa_mask;
    if (!(action.sa_flags & abi::SA_NODEFER))
        blocked |= signal_bit(signal);
    task.restore_blocked = false;
    set_blocked(task, blocked);
}

// rax is among what is restored, hence the result.
Result<u64> sys_rt_sigreturn() {
    Task& task = current();
    host::Frame& frame = task.frame_of();
    task.work.fetch_or(host::kWorkFullReturn, std::memory_order_relaxed);
    abi::ucontext context;
    const u64 address = frame.rsp - 8 + offsetof(abi::rt_sigframe, uc);
    frame.original_rax = ~u64{0};
    if (copy_from_user(&context, address, sizeof context).is_error()) {
        force_segv(task);
        return u64{0};
    }
    set_blocked(task, context.uc_sigmask);
    load_registers(context.uc_mcontext, frame);
    const u64 state = context.uc_mcontext.fpstate;
    bool good = base::is_guest_range(frame.rip, 1);
    if (state)
        good &= restore_state(state).is_ok();
    else
        host::reset_vector_state();
    if (!good) {
        force_segv(task);
        return frame.rax;
    }
    const abi::stack_t& stack = context.uc_stack;
    if (stack.ss_flags & static_cast<i32>(abi::SS_DISABLE))
        task.alternate_stack = {};
    else if (stack.ss_size >= abi::MINSIGSTKSZ)
        task.alternate_stack = {stack.ss_sp, stack.ss_flags & static_cast<i32>(abi::SS_AUTODISARM), 0,
                                stack.ss_size};
    return frame.rax;
}

Result<void> sys_sigaltstack(UserPtr<abi::stack_t> new_stack, UserPtr<abi::stack_t> old_stack) {
    Task& task = current();
    const u64 sp = task.frame_of().rsp;
    abi::stack_t old = task.alternate_stack;
    old.ss_flags =
        static_cast<i32>(stack_flags(task, sp) | (static_cast<u32>(old.ss_flags) & abi::SS_AUTODISARM));
    if (new_stack) {
        abi::stack_t stack = TRY(new_stack.read());
        const u32 flags = static_cast<u32>(stack.ss_flags);
        const u32 mode = flags & ~abi::SS_AUTODISARM;
        if (is_on_alternate_stack(task, sp))
            return Errno::EPERM;
        if (mode != 0 && mode != abi::SS_ONSTACK && mode != abi::SS_DISABLE)
            return Errno::EINVAL;
        if (mode == abi::SS_DISABLE) {
            task.alternate_stack = {};
        } else {
            if (stack.ss_size < abi::MINSIGSTKSZ)
                return Errno::ENOMEM;
            task.alternate_stack = {stack.ss_sp, static_cast<i32>(flags & abi::SS_AUTODISARM), 0,
                                    stack.ss_size};
        }
    }
    if (old_stack)
        TRY(old_stack.write(old));
    return {};
}

} // namespace lxcore
