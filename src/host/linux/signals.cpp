// Host signals. The handlers never run kernel code themselves: they put the guest's registers into the thread's frame
// and make the host return to an entry point on the kernel stack. So kernel code always runs outside of any host
// signal handler, with the guest's vector registers live in the processor.
#include "engine/direct/direct.hpp"
#include "engine/engine.hpp"
#include "host/linux/internal.hpp"
#include "lxcore/kernel.hpp"

extern "C" {
// Labels of entry.S and guarded.S.
extern const char lx_copy_begin[], lx_copy_end[], lx_copy_fixup[];
extern const char lx_fill_begin[], lx_fill_end[], lx_fill_fixup[];
extern const char lx_string_begin[], lx_string_end[], lx_string_fixup[];
extern const char lx_atomic_begin[], lx_atomic_end[], lx_atomic_fixup[];
extern const char lx_vector_begin[], lx_vector_end[], lx_vector_fixup[];
extern const char lx_interruptible_begin[], lx_interruptible_end[], lx_interruptible_ended[];
extern const char lx_exit_fast_begin[], lx_exit_fast_end[], lx_exit_full_begin[], lx_exit_full_end[];
extern const char lx_exit_restart[], lx_enter_system_call[], lx_enter_exception[], lx_enter_interrupt[];
extern const char __executable_start[], etext[];
void lx_signal_restorer();
}

asm(".text\n.globl lx_signal_restorer\nlx_signal_restorer:\n\tmovl $15, %eax\n\tsyscall\n\tud2\n");

namespace host::linux_host {

namespace {

struct Range {
    const char *begin, *end, *target;
    bool contains(u64 rip) const {
        return rip >= reinterpret_cast<u64>(begin) && rip < reinterpret_cast<u64>(end);
    }
};

bool is_kernel_text(u64 rip) {
    return rip >= reinterpret_cast<u64>(__executable_start) && rip < reinterpret_cast<u64>(etext);
}

bool is_kernel_stack(const ThreadBlock& block, u64 rsp) {
    const u64 start = reinterpret_cast<u64>(&block);
    return rsp >= start && rsp <= start + kThreadBlockBytes;
}

void save_registers(Frame& frame, const abi::sigcontext& context) {
    frame.r15 = context.r15;
    frame.r14 = context.r14;
    frame.r13 = context.r13;
    frame.r12 = context.r12;
    frame.rbp = context.rbp;
    frame.rbx = context.rbx;
    frame.r11 = context.r11;
    frame.r10 = context.r10;
    frame.r9 = context.r9;
    frame.r8 = context.r8;
    frame.rax = context.rax;
    frame.rcx = context.rcx;
    frame.rdx = context.rdx;
    frame.rsi = context.rsi;
    frame.rdi = context.rdi;
    frame.original_rax = ~u64{0};
    frame.rip = context.rip;
    frame.cs = kGuestCodeSelector;
    frame.rflags = context.eflags;
    frame.rsp = context.rsp;
    frame.ss = kGuestStackSelector;
}

void continue_at(abi::sigcontext& context, const char* entry, u64 rsp, u64 rdi, u64 rsi) {
    context.rip = reinterpret_cast<u64>(entry);
    context.rsp = rsp;
    context.rdi = rdi;
    context.rsi = rsi;
    context.eflags &= ~u64{0x40500}; // DF, TF, AC
}

void handle_sigsys(i32, abi::siginfo* info, abi::ucontext* uc) {
    ThreadBlock& block = *block_of_stack();
    abi::sigcontext& context = uc->uc_mcontext;
    if (block.uses_guest_gs)
        set_gs_base(reinterpret_cast<u64>(&block));
    if (is_kernel_stack(block, context.rsp)) {
        // The host's vDSO, called by the kernel itself, had to enter the host.
        context.rax = static_cast<u64>(host_call(context.rax, context.rdi, context.rsi, context.rdx, context.r10,
                                                 context.r8, context.r9));
        return;
    }
    Frame& frame = block.guest_frame();
    save_registers(frame, context);
    frame.rcx = context.rip;
    frame.r11 = context.eflags;
    constexpr u32 kArchX86_64 = 0xc000'003e;
    // int $0x80 asks for the 32-bit table, which lxss does not have: an unknown number gives ENOSYS.
    frame.original_rax = info->_sigsys.arch == kArchX86_64 ? context.rax : 0xffff'ffff;
    continue_at(context, lx_enter_system_call, block.frame, block.frame, 0);
}

void handle_kick(i32, abi::siginfo*, abi::ucontext* uc) {
    ThreadBlock& block = *block_of_stack();
    abi::sigcontext& context = uc->uc_mcontext;
    static constexpr Range kExits[] = {{lx_exit_fast_begin, lx_exit_fast_end, nullptr},
                                       {lx_exit_full_begin, lx_exit_full_end, nullptr}};
    const Range interruptible{lx_interruptible_begin, lx_interruptible_end, nullptr};
    if (is_kernel_text(context.rip)) {
        if (interruptible.contains(context.rip)) {
            context.rip = reinterpret_cast<u64>(lx_interruptible_ended);
            return;
        }
        for (const Range& range : kExits) {
            if (range.contains(context.rip)) {
                set_gs_base(reinterpret_cast<u64>(&block));
                continue_at(context, lx_exit_restart, block.frame, 0, 0);
                return;
            }
        }
        return; // in the kernel: the work bits are looked at on the way out
    }
    if (is_kernel_stack(block, context.rsp) || engine::is_way_in(context.rip))
        return; // the host's vDSO, called by the kernel; about to be in it
    if (block.uses_guest_gs)
        set_gs_base(reinterpret_cast<u64>(&block));
    save_registers(block.guest_frame(), context);
    continue_at(context, lx_enter_interrupt, block.frame, block.frame, 0);
}

[[noreturn]] void kernel_fault(i32 signal, const abi::sigcontext& context, const ThreadBlock& block) {
    base::FixedWriter<512> text;
    base::print(text, "kernel fault: signal {} rip {:x} rsp {:x} address {:x} error {:x} rax {:x} rdi {:x} rsi {:x} "
                      "rdx {:x} rcx {:x} block {:x}",
                signal, context.rip, context.rsp, context.cr2, context.err, context.rax, context.rdi, context.rsi,
                context.rdx, context.rcx, reinterpret_cast<u64>(&block));
    log(text.view());
    // Return addresses on the kernel stack, as far as they look like some.
    base::FixedWriter<1024> trace;
    trace.put("stack:");
    const u64 end = reinterpret_cast<u64>(&block) + kThreadBlockBytes;
    u32 found = 0;
    if (is_kernel_stack(block, context.rsp))
        for (u64 at = base::align_up(context.rsp, 8); at + 8 <= end && found < 40; at += 8)
            if (is_kernel_text(*reinterpret_cast<u64*>(at)))
                base::print(trace, " {:x}", *reinterpret_cast<u64*>(at)), ++found;
    log(trace.view());
    base::panic("fault in kernel code (see the line before)", __FILE__, __LINE__);
}

void handle_fault(i32 signal, abi::siginfo* info, abi::ucontext* uc) {
    ThreadBlock& block = *block_of_stack();
    abi::sigcontext& context = uc->uc_mcontext;
    if (is_kernel_text(context.rip) || is_kernel_stack(block, context.rsp) || engine::is_way_in(context.rip)) {
        // Flags that the guest set were in force for one instruction of the way in or out.
        constexpr u64 kSingleStep = 0x100, kDebugTrap = 1;
        if (signal == abi::SIGTRAP && context.trapno == kDebugTrap) {
            context.eflags &= ~kSingleStep;
            return;
        }
        static constexpr Range kRanges[] = {{lx_copy_begin, lx_copy_end, lx_copy_fixup},
                                            {lx_fill_begin, lx_fill_end, lx_fill_fixup},
                                            {lx_string_begin, lx_string_end, lx_string_fixup},
                                            {lx_atomic_begin, lx_atomic_end, lx_atomic_fixup},
                                            {lx_vector_begin, lx_vector_end, lx_vector_fixup}};
        for (const Range& range : kRanges) {
            if (range.contains(context.rip)) {
                context.rip = reinterpret_cast<u64>(range.target);
                return;
            }
        }
        // A bad rip or rsp in the frame makes iretq fault: the guest's own fault.
        const Range exit{lx_exit_full_begin, lx_exit_full_end, nullptr};
        const Range fast_exit{lx_exit_fast_begin, lx_exit_fast_end, nullptr};
        if (!exit.contains(context.rip) && !fast_exit.contains(context.rip))
            kernel_fault(signal, context, block);
        set_gs_base(reinterpret_cast<u64>(&block));
    } else {
        if (block.uses_guest_gs)
            set_gs_base(reinterpret_cast<u64>(&block));
        save_registers(block.guest_frame(), context);
    }
    // Somebody outside sent the signal with kill(): not an exception.
    if (info->si_code <= 0)
        return;
    const u64 below = block.frame - 64;
    auto* exception = reinterpret_cast<engine::Exception*>(below);
    exception->trap = static_cast<u32>(context.trapno);
    exception->error = context.err;
    exception->address = context.cr2;
    exception->bus_error = signal == abi::SIGBUS;
    continue_at(context, lx_enter_exception, below, block.frame, below);
}

void install(i32 signal, void (*handler)(i32, abi::siginfo*, abi::ucontext*)) {
    abi::sigaction action{};
    action.sa_handler = reinterpret_cast<u64>(handler);
    action.sa_flags =
        abi::SA_SIGINFO | abi::SA_ONSTACK | abi::SA_RESTART | abi::SA_RESTORER | abi::SA_NODEFER;
    action.sa_restorer = reinterpret_cast<u64>(&lx_signal_restorer);
    if (signal == kKickSignal)
        action.sa_flags &= ~u64{abi::SA_NODEFER}; // it need not nest; faults and calls may nest in nothing
    (void)host_call(abi::SYS_rt_sigaction, static_cast<u64>(signal), address_of(&action), 0, 8);
}

} // namespace

void install_signal_handlers() {
    if (engine::runs_in_place())
        install(abi::SIGSYS, handle_sigsys);
    install(kKickSignal, handle_kick);
    for (i32 signal : {abi::SIGSEGV, abi::SIGBUS, abi::SIGILL, abi::SIGFPE, abi::SIGTRAP})
        install(signal, handle_fault);
    abi::sigaction ignore{};
    ignore.sa_handler = 1;
    ignore.sa_flags = abi::SA_RESTORER;
    ignore.sa_restorer = reinterpret_cast<u64>(&lx_signal_restorer);
    for (i32 signal : {abi::SIGPIPE, abi::SIGHUP, abi::SIGINT, abi::SIGTTIN, abi::SIGTTOU, abi::SIGTSTP})
        (void)host_call(abi::SYS_rt_sigaction, static_cast<u64>(signal), address_of(&ignore), 0, 8);
    u64 none = 0;
    (void)host_call(abi::SYS_rt_sigprocmask, abi::SIG_SETMASK, address_of(&none), 0, 8);
}

} // namespace host::linux_host
