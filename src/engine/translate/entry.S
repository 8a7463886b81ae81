// Between translated code and the kernel. Offsets are those of host::ThreadBlock and host::Frame (thread_block.hpp).
//
// The Frame lies at a fixed place, the top of the thread's kernel stack, so that a way out that was interrupted can be taken again
// from it: a kick that arrives between lx_exit_*_begin and lx_exit_*_end continues at lx_exit_restart, which looks for work once
// more. frame.rip is always a guest address; translate_resolve() tells where that is translated. Vector registers are never
// touched.
#include "engine/entry.h"
#include "engine/translate/slots.hpp"

#define BLOCK_WORK           0x18
#define BLOCK_IN_TRANSLATION 0x1c

#define TRAP_FLAG 0x100 // kept from the processor: translate_resolve() gives threads that have it set one instruction

// rsp = frame. Calls a function of C; its first argument is the frame.
.macro call_with_frame function
        movq    %rsp, ARGUMENT1
.if SHADOW
        subq    $SHADOW, %rsp
.endif
        call    \function
.if SHADOW
        addq    $SHADOW, %rsp
.endif
.endm

// To the kernel stack with every register in the frame but rip and original_rax; clobbers rax and rcx.
.macro save_registers
        movq    %rsp, %gs:LX_SLOT_GUEST_RSP
        movq    %gs:LX_SLOT_FRAME, %rsp
        pushfq
        popq    F_RFLAGS(%rsp)
        cld
        movq    %rax, F_RAX(%rsp)
        movq    %rcx, F_RCX(%rsp)
        movq    %rdx, F_RDX(%rsp)
        movq    %rsi, F_RSI(%rsp)
        movq    %rdi, F_RDI(%rsp)
        movq    %r8, F_R8(%rsp)
        movq    %r9, F_R9(%rsp)
        movq    %r10, F_R10(%rsp)
        movq    %r11, F_R11(%rsp)
        movq    %rbx, F_RBX(%rsp)
        movq    %rbp, F_RBP(%rsp)
        movq    %r12, F_R12(%rsp)
        movq    %r13, F_R13(%rsp)
        movq    %r14, F_R14(%rsp)
        movq    %r15, F_R15(%rsp)
        movq    %gs:LX_SLOT_GUEST_RSP, %rax
        addq    lx_translate_stack_bias(%rip), %rax
        movq    %rax, F_RSP(%rsp)
        movq    $0x33, F_CS(%rsp)
        movq    $0x2b, F_SS(%rsp)
.endm

.macro leave_translation
        movq    %gs:LX_SLOT_BLOCK, %rax
        movl    $0, BLOCK_IN_TRANSLATION(%rax)
.endm

// On NT the kernel's calls of Windows have changed the guest's vector registers: the host puts them back. Clobbers what C functions
// may.
.macro restore_vectors
.if SHADOW
        subq    $SHADOW, %rsp
        call    lx_nt_restore_vectors
        addq    $SHADOW, %rsp
.endif
.endm

        .text

// rax = number, rcx = address behind the syscall instruction; everything else as at the instruction.
        .globl lx_entry_syscall
lx_entry_syscall:
        save_registers
.Lsystem_call:
        movq    %rcx, F_RIP(%rsp)
        movq    F_RAX(%rsp), %rax
        movq    %rax, F_ORIGINAL_RAX(%rsp)
        movq    F_RFLAGS(%rsp), %rax
        movq    %rax, F_R11(%rsp)
        leave_translation
        call_with_frame lxcore_system_call
        call_with_frame translate_resolve
        movq    %rax, %gs:LX_SLOT_TARGET
        restore_vectors
        .globl lx_exit_fast_begin, lx_exit_fast_end
lx_exit_fast_begin:
        movq    %gs:LX_SLOT_BLOCK, %rax
        cmpl    $0, BLOCK_WORK(%rax)
        jne     lx_exit_work
        movq    F_RSP(%rsp), %rax
        subq    lx_translate_stack_bias(%rip), %rax
        movq    %rax, %gs:LX_SLOT_GUEST_RSP
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
        andq    $~TRAP_FLAG, (%rsp)
        popfq
        movq    %gs:LX_SLOT_GUEST_RSP, %rsp
        jmp     *%gs:LX_SLOT_TARGET
lx_exit_fast_end:

        .globl lx_exit_work
lx_exit_work:
        leave_translation
        call_with_frame lxcore_return_work
// Every register from the frame; rsp = frame.
lx_exit_full:
        movq    %gs:LX_SLOT_BLOCK, %rax
        testl   $WORK_FULL_RETURN, BLOCK_WORK(%rax)
        jz      1f
        lock andl $~WORK_FULL_RETURN, BLOCK_WORK(%rax)
1:      call_with_frame translate_resolve
        movq    %rax, %gs:LX_SLOT_TARGET
        restore_vectors
        .globl lx_exit_full_begin, lx_exit_full_end
lx_exit_full_begin:
        movq    %gs:LX_SLOT_BLOCK, %rax
        testl   $WORK_PENDING, BLOCK_WORK(%rax)
        jne     lx_exit_work
        movq    F_RSP(%rsp), %rax
        subq    lx_translate_stack_bias(%rip), %rax
        movq    %rax, %gs:LX_SLOT_GUEST_RSP
        movq    F_R15(%rsp), %r15
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
        pushq   F_RFLAGS(%rsp)
        andq    $~TRAP_FLAG, (%rsp)
        popfq
        movq    %gs:LX_SLOT_GUEST_RSP, %rsp
        jmp     *%gs:LX_SLOT_TARGET
lx_exit_full_end:

        .globl lx_exit_restart
lx_exit_restart:
        movq    %gs:LX_SLOT_FRAME, %rsp
        jmp     lx_exit_full

// An exit's stub.
        .globl lx_translate_exit
lx_translate_exit:
        save_registers
        call_with_frame translate_exit
        jmp     lx_exit_full

// An indirect branch to LX_SLOT_TARGET that has found another block, or none; rcx is in its slot.
        .globl lx_translate_other_target
lx_translate_other_target:
        movq    %gs:LX_SLOT_REGISTER(1), %rcx
        save_registers
        call_with_frame translate_indirect
        jmp     lx_exit_full

// A return that has found the way to another target, or none: its word is on the stack still; rcx is in its slot.
        .globl lx_translate_other_return
lx_translate_other_return:
        movq    %gs:LX_SLOT_REGISTER(1), %rcx
        save_registers
        call_with_frame translate_return
        jmp     lx_exit_full

// A jump through a jump table, one of whose slots has no translation: LX_SLOT_EXIT is its number, every register but rcx the guest's.
        .globl lx_translate_other_case
lx_translate_other_case:
        save_registers
        call_with_frame translate_case
        jmp     lx_exit_full

// rcx = address behind int $0x80, the guest's rcx is in its slot. It asks for the 32-bit table, which lxss does not have: an
// unknown number gives ENOSYS.
        .globl lx_translate_interrupt_80
lx_translate_interrupt_80:
        save_registers
.Linterrupt_80:
        movq    %rcx, F_RIP(%rsp)
        movq    %gs:LX_SLOT_REGISTER(1), %rax
        movq    %rax, F_RCX(%rsp)
        movl    $0xffffffff, %eax
        movq    %rax, F_ORIGINAL_RAX(%rsp)
        leave_translation
        call_with_frame lxcore_system_call
        jmp     lx_exit_full

// The same two from a single step.
        .globl lx_translate_step_syscall, lx_translate_step_interrupt_80
lx_translate_step_syscall:
        save_registers
        orq     $TRAP_FLAG, F_RFLAGS(%rsp)
        jmp     .Lsystem_call
lx_translate_step_interrupt_80:
        save_registers
        orq     $TRAP_FLAG, F_RFLAGS(%rsp)
        jmp     .Linterrupt_80

// An exception: LX_SLOT_EXIT, LX_SLOT_TARGET; the guest's rcx is in its slot.
        .globl lx_translate_raise
lx_translate_raise:
        movq    %gs:LX_SLOT_REGISTER(1), %rcx
        save_registers
        call_with_frame translate_raise
        jmp     lx_exit_work

// The host continues here, on the kernel stack, with the processor's registers in the frame and the frame as first argument.
        .globl lx_enter_exception, lx_enter_interrupt
lx_enter_exception: // second argument: the exception
.if SHADOW
        subq    $SHADOW, %rsp
.endif
        call    translate_exception
        movq    %gs:LX_SLOT_FRAME, %rsp
        jmp     lx_exit_work
lx_enter_interrupt:
.if SHADOW
        subq    $SHADOW, %rsp
.endif
        call    translate_interrupt
        movq    %gs:LX_SLOT_FRAME, %rsp
        jmp     lx_exit_work

// No call can be caught at its instruction: guest code does not run in place.
        .globl lx_enter_system_call
lx_enter_system_call:
        ud2

// [[noreturn]] void lx_return_to_guest(u64 frame)
        .globl lx_return_to_guest
lx_return_to_guest:
        movq    ARGUMENT1, %rsp
        jmp     lx_exit_work

        .bss
        .balign 8
        .globl lx_translate_stack_bias
lx_translate_stack_bias:
        .quad   0

#if !defined(_WIN32)
        .section .note.GNU-stack,"",@progbits
#endif
