// Into the kernel and back to guest code. Offsets are those of host::ThreadBlock and host::Frame (thread_block.hpp).
//
// The Frame lies at a fixed place, the top of the thread's kernel stack, so that a way out that was interrupted can
// be taken again from the frame: a kick that arrives between lx_exit_*_begin and lx_exit_*_end continues at
// lx_exit_restart, which looks for work once more. Vector registers are never touched: they stay the guest's.

#include "engine/entry.h"

#define BLOCK_FRAME     0x08
#define BLOCK_GUEST_RSP 0x10
#define BLOCK_WORK      0x18
#define BLOCK_GUEST_GS  0x28
#define BLOCK_USES_GS   0x5c

        .text

// From a trampoline: rax = number, rcx = where to return; everything else as at a syscall instruction.
        .globl lx_entry_syscall
lx_entry_syscall:
        movq    %rsp, %gs:BLOCK_GUEST_RSP
        movq    %gs:BLOCK_FRAME, %rsp
        pushfq
        popq    F_RFLAGS(%rsp)
        cld
        movq    %rdi, F_RDI(%rsp)
        movq    %rsi, F_RSI(%rsp)
        movq    %rdx, F_RDX(%rsp)
        movq    %rcx, F_RCX(%rsp)
        movq    %rcx, F_RIP(%rsp)
        movq    %rax, F_ORIGINAL_RAX(%rsp)
        movq    %rax, F_RAX(%rsp)
        movq    %r8, F_R8(%rsp)
        movq    %r9, F_R9(%rsp)
        movq    %r10, F_R10(%rsp)
        movq    %rbx, F_RBX(%rsp)
        movq    %rbp, F_RBP(%rsp)
        movq    %r12, F_R12(%rsp)
        movq    %r13, F_R13(%rsp)
        movq    %r14, F_R14(%rsp)
        movq    %r15, F_R15(%rsp)
        movq    F_RFLAGS(%rsp), %r11
        movq    %r11, F_R11(%rsp)
        movq    %gs:BLOCK_GUEST_RSP, %rcx
        movq    %rcx, F_RSP(%rsp)
        movq    $0x33, F_CS(%rsp)
        movq    $0x2b, F_SS(%rsp)
        movq    %rsp, %rdi
        call    lxcore_system_call

        .globl lx_exit_fast_begin, lx_exit_fast_end
lx_exit_fast_begin:
        cmpl    $0, %gs:BLOCK_WORK
        jne     lx_exit_work
        movq    F_RDI(%rsp), %rdi
        movq    F_RSI(%rsp), %rsi
        movq    F_RDX(%rsp), %rdx
        movq    F_R8(%rsp), %r8
        movq    F_R9(%rsp), %r9
        movq    F_R10(%rsp), %r10
        movq    F_RAX(%rsp), %rax
        movq    F_RIP(%rsp), %rcx
        movq    F_RFLAGS(%rsp), %r11
        pushq   %r11
        popfq
        movq    F_RSP(%rsp), %rsp
        jmp     *%rcx
lx_exit_fast_end:

        .globl lx_exit_work
lx_exit_work:
        movq    %rsp, %rdi
        call    lxcore_return_work
// Every register from the frame; rsp = frame.
        .globl lx_exit_full
lx_exit_full:
        lock andl $~WORK_FULL_RETURN, %gs:BLOCK_WORK
        .globl lx_exit_full_begin, lx_exit_full_end
lx_exit_full_begin:
        testl   $WORK_PENDING, %gs:BLOCK_WORK
        jne     lx_exit_work
        cmpl    $0, %gs:BLOCK_USES_GS
        je      1f
        movq    %gs:BLOCK_GUEST_GS, %rax
        wrgsbase %rax
1:      movq    F_R15(%rsp), %r15
        movq    F_R14(%rsp), %r14
        movq    F_R13(%rsp), %r13
        movq    F_R12(%rsp), %r12
        movq    F_RBP(%rsp), %rbp
        movq    F_RBX(%rsp), %rbx
        movq    F_R11(%rsp), %r11
        movq    F_R10(%rsp), %r10
        movq    F_R9(%rsp), %r9
        movq    F_R8(%rsp), %r8
        movq    F_RAX(%rsp), %rax
        movq    F_RCX(%rsp), %rcx
        movq    F_RDX(%rsp), %rdx
        movq    F_RSI(%rsp), %rsi
        movq    F_RDI(%rsp), %rdi
        leaq    F_RIP(%rsp), %rsp
        iretq
lx_exit_full_end:

        .globl lx_exit_restart
lx_exit_restart:
        movq    %gs:BLOCK_FRAME, %rsp
        jmp     lx_exit_full

// Host signal handlers continue here, on the kernel stack, with the frame filled in and rdi = frame.
        .globl lx_enter_system_call, lx_enter_exception, lx_enter_interrupt
lx_enter_system_call:
        call    lx_trapped_system_call
        movq    %gs:BLOCK_FRAME, %rsp
        movq    %rsp, %rdi
        jmp     lx_exit_work
lx_enter_exception: // rsi = exception
        call    lxcore_exception
        movq    %gs:BLOCK_FRAME, %rsp
        jmp     lx_exit_work
lx_enter_interrupt:
        call    lxcore_interrupt
        movq    %gs:BLOCK_FRAME, %rsp
        jmp     lx_exit_work

// [[noreturn]] void lx_return_to_guest(u64 frame)
        .globl lx_return_to_guest
lx_return_to_guest:
        movq    %rdi, %rsp
        jmp     lx_exit_work

        .section .note.GNU-stack,"",@progbits
