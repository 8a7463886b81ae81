// A host thread that runs guest code as another guest thread (vfork): see engine.hpp, run_borrowed().
#include "engine/entry.h"

        .text

// u64 lx_run_borrowed(u64* parent_context, u64 child_frame): saves this context and goes to guest code of the child
        .globl lx_run_borrowed, lx_release_borrowed
lx_run_borrowed:
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdi // callee-saved in NT's convention
        pushq   %rsi
        movq    %rsp, (ARGUMENT1)
        movq    ARGUMENT2, %rsp
        jmp     lx_exit_work
// [[noreturn]] void lx_release_borrowed(u64 parent_context, u64 value)
lx_release_borrowed:
        movq    ARGUMENT1, %rsp
        movq    ARGUMENT2, %rax
        popq    %rsi
        popq    %rdi
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret

#if !defined(_WIN32)
        .section .note.GNU-stack,"",@progbits
#endif
