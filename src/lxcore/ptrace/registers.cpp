// A stopped tracee's registers, in the layouts of struct user and of core-file notes.
#include "lxcore/ptrace/internal.hpp"

namespace lxcore {

namespace {

// Bits of the flags register that programs may set (as Linux's FLAG_MASK).
constexpr u64 kSettableFlags = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x40000 | 0x4000;

} // namespace

abi::user_regs_struct registers_of(Task& task) {
    const host::Frame& frame = task.guest_frame();
    abi::user_regs_struct out{};
    out.r15 = frame.r15;
    out.r14 = frame.r14;
    out.r13 = frame.r13;
    out.r12 = frame.r12;
    out.rbp = frame.rbp;
    out.rbx = frame.rbx;
    out.r11 = frame.r11;
    out.r10 = frame.r10;
    out.r9 = frame.r9;
    out.r8 = frame.r8;
    out.rax = frame.rax;
    out.rcx = frame.rcx;
    out.rdx = frame.rdx;
    out.rsi = frame.rsi;
    out.rdi = frame.rdi;
    out.orig_rax = frame.original_rax;
    out.rip = frame.rip;
    out.cs = frame.cs;
    out.eflags = frame.rflags;
    out.rsp = frame.rsp;
    out.ss = frame.ss;
    out.fs_base = task.tracee.fs_base;
    out.gs_base = task.guest_gs_base;
    return out;
}

Result<void> set_registers(Task& task, const abi::user_regs_struct& in) {
    // GS is the kernel's way to itself until the guest asks for it (arch_prctl): a tracer cannot take it.
    if (in.fs_base >= base::kGuestEnd || in.gs_base != task.guest_gs_base)
        return Errno::EIO;
    host::Frame& frame = task.guest_frame();
    frame.r15 = in.r15;
    frame.r14 = in.r14;
    frame.r13 = in.r13;
    frame.r12 = in.r12;
    frame.rbp = in.rbp;
    frame.rbx = in.rbx;
    frame.r11 = in.r11;
    frame.r10 = in.r10;
    frame.r9 = in.r9;
    frame.r8 = in.r8;
    frame.rax = in.rax;
    frame.rcx = in.rcx;
    frame.rdx = in.rdx;
    frame.rsi = in.rsi;
    frame.rdi = in.rdi;
    frame.original_rax = in.orig_rax;
    frame.rip = in.rip;
    frame.rflags = (frame.rflags & ~kSettableFlags) | (in.eflags & kSettableFlags);
    frame.rsp = in.rsp;
    if (task.tracee.fs_base != in.fs_base) {
        task.tracee.fs_base = in.fs_base;
        task.tracee.registers_changed = true;
    }
    return {};
}

} // namespace lxcore
