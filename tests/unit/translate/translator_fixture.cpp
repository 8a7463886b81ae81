#include "translator_fixture.hpp"

asm(R"(
        .text
        .globl test_enter, test_leave
test_enter:
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rdi, test_state(%rip)
        movq    %rsi, test_code(%rip)
        movq    %rdx, test_bias(%rip)
        movq    %rsp, test_stack(%rip)
        movq    32(%rdi), %rax
        subq    %rdx, %rax
        movq    %rax, test_guest_stack(%rip)
        pushq   128(%rdi)
        popfq
        movq    0(%rdi), %rax
        movq    8(%rdi), %rcx
        movq    16(%rdi), %rdx
        movq    24(%rdi), %rbx
        movq    40(%rdi), %rbp
        movq    48(%rdi), %rsi
        movq    64(%rdi), %r8
        movq    72(%rdi), %r9
        movq    80(%rdi), %r10
        movq    88(%rdi), %r11
        movq    96(%rdi), %r12
        movq    104(%rdi), %r13
        movq    112(%rdi), %r14
        movq    120(%rdi), %r15
        movq    56(%rdi), %rdi
        movq    test_guest_stack(%rip), %rsp
        jmp     *test_code(%rip)
test_leave:
        movq    %rsp, test_guest_stack(%rip)
        movq    test_stack(%rip), %rsp
        pushq   %rdi
        movq    test_state(%rip), %rdi
        movq    %rax, 0(%rdi)
        movq    %rcx, 8(%rdi)
        movq    %rdx, 16(%rdi)
        movq    %rbx, 24(%rdi)
        movq    %rbp, 40(%rdi)
        movq    %rsi, 48(%rdi)
        popq    56(%rdi)
        movq    %r8, 64(%rdi)
        movq    %r9, 72(%rdi)
        movq    %r10, 80(%rdi)
        movq    %r11, 88(%rdi)
        movq    %r12, 96(%rdi)
        movq    %r13, 104(%rdi)
        movq    %r14, 112(%rdi)
        movq    %r15, 120(%rdi)
        pushfq
        popq    128(%rdi)
        movq    test_guest_stack(%rip), %rax
        addq    test_bias(%rip), %rax
        movq    %rax, 32(%rdi)
        cld
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .bss
        .balign 8
test_state:       .quad 0
test_code:        .quad 0
test_bias:        .quad 0
test_stack:       .quad 0
test_guest_stack: .quad 0
        .text
)");
