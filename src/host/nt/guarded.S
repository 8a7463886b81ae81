// Code that may fault on a guest address, in Windows' calling convention (rcx, rdx, r8; rdi and rsi are the caller's).
// exceptions.cpp knows these labels: a fault between X_begin and X_end continues at X_fixup, with the registers as they are.
// What src/host/linux/guarded.S says of each function holds here too.

        .text

// u64 lx_copy_guarded(void* to, const void* from, u64 length): bytes not copied
        .globl lx_copy_guarded, lx_copy_begin, lx_copy_end, lx_copy_fixup
lx_copy_guarded:
        movq    %rdi, %r10
        movq    %rsi, %r11
        movq    %rcx, %rdi
        movq    %rdx, %rsi
        movq    %r8, %rcx
lx_copy_begin:
        cmpq    $16, %rcx
        ja      2f
        cmpq    $8, %rcx
        jb      2f
        movq    (%rsi), %rax
        movq    -8(%rsi,%rcx), %rdx
        movq    %rax, (%rdi)
        movq    %rdx, -8(%rdi,%rcx)
        xorl    %ecx, %ecx
        jmp     lx_copy_fixup
2:      rep movsb
lx_copy_end:
lx_copy_fixup:
        movq    %rcx, %rax
        movq    %r10, %rdi
        movq    %r11, %rsi
        ret

// u64 lx_fill_guarded(void* to, u64 value, u64 length): bytes not written
        .globl lx_fill_guarded, lx_fill_begin, lx_fill_end, lx_fill_fixup
lx_fill_guarded:
        movq    %rdi, %r10
        movq    %rcx, %rdi
        movl    %edx, %eax
        movq    %r8, %rcx
lx_fill_begin:
        rep stosb
lx_fill_end:
lx_fill_fixup:
        movq    %rcx, %rax
        movq    %r10, %rdi
        ret

// i64 lx_string_length_guarded(const char* text, u64 limit): -1 on a fault
        .globl lx_string_length_guarded, lx_string_begin, lx_string_end, lx_string_fixup
lx_string_length_guarded:
        xorl    %eax, %eax
lx_string_begin:
1:      cmpq    %rdx, %rax
        jae     2f
        cmpb    $0, (%rcx,%rax)
        je      2f
        incq    %rax
        jmp     1b
lx_string_end:
2:      ret
lx_string_fixup:
        movq    $-1, %rax
        ret

// Atomics: i64 f(u32* word, ...): the old value, or -1 on a fault.
        .globl lx_atomic_begin, lx_atomic_end, lx_atomic_fixup
        .globl lx_load_guarded, lx_cmpxchg_guarded, lx_xchg_guarded, lx_xadd_guarded
        .globl lx_or_guarded, lx_and_guarded, lx_xor_guarded
lx_atomic_begin:
lx_load_guarded:
        movl    (%rcx), %eax
        ret
lx_cmpxchg_guarded:
        movl    %edx, %eax
        lock cmpxchgl %r8d, (%rcx)
        movl    %eax, %eax
        ret
lx_xchg_guarded:
        movl    %edx, %eax
        xchgl   %eax, (%rcx)
        ret
lx_xadd_guarded:
        movl    %edx, %eax
        lock xaddl %eax, (%rcx)
        ret
lx_or_guarded:
        movl    (%rcx), %eax
1:      movl    %eax, %r8d
        orl     %edx, %r8d
        lock cmpxchgl %r8d, (%rcx)
        jne     1b
        ret
lx_and_guarded:
        movl    (%rcx), %eax
1:      movl    %eax, %r8d
        andl    %edx, %r8d
        lock cmpxchgl %r8d, (%rcx)
        jne     1b
        ret
lx_xor_guarded:
        movl    (%rcx), %eax
1:      movl    %eax, %r8d
        xorl    %edx, %r8d
        lock cmpxchgl %r8d, (%rcx)
        jne     1b
        ret
lx_atomic_end:
lx_atomic_fixup:
        movq    $-1, %rax
        ret

// Vector state: i64 f(void* area, u64 mask): 0, or -1 on a fault.
        .globl lx_xsave_guarded, lx_xrstor_guarded, lx_vector_begin, lx_vector_end, lx_vector_fixup
lx_vector_begin:
lx_xsave_guarded:
        movl    %edx, %eax
        shrq    $32, %rdx
        xsave64 (%rcx)
        xorl    %eax, %eax
        ret
lx_xrstor_guarded:
        movl    %edx, %eax
        shrq    $32, %rdx
        xrstor64 (%rcx)
        xorl    %eax, %eax
        ret
lx_vector_end:
lx_vector_fixup:
        movq    $-1, %rax
        ret

// void lx_run_on_stack(u64 stack, void (*function)(void*), void* argument, u64* saved): calls function(argument) on another
// stack. *saved is what lx_leave_stack() takes to return from here.
        .globl lx_run_on_stack, lx_leave_stack
lx_run_on_stack:
        pushq   %rbp
        pushq   %rbx
        pushq   %rdi
        pushq   %rsi
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, (%r9)
        movq    %rcx, %rsp
        andq    $-16, %rsp
        subq    $32, %rsp
        movq    %r8, %rcx
        xorl    %ebp, %ebp
        call    *%rdx
        ud2
// [[noreturn]] void lx_leave_stack(u64 saved)
lx_leave_stack:
        movq    %rcx, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rsi
        popq    %rdi
        popq    %rbx
        popq    %rbp
        ret
