// Code that may fault on a guest address, and host calls that a kick may end. signals.cpp knows these labels: a
// fault between X_begin and X_end continues at X_fixup; a kick between lx_interruptible_begin and _end continues at
// lx_interruptible_ended.

#define WORK_OFFSET 0x18
#define WORK_ENDS_CALL 67 // kWorkSignal | kWorkStop | kWorkWake

        .text

// u64 lx_copy_guarded(void* to, const void* from, u64 length): bytes not copied
        .globl lx_copy_guarded, lx_copy_begin, lx_copy_end, lx_copy_fixup
lx_copy_guarded:
        movq    %rdx, %rcx
lx_copy_begin:
        cmpq    $16, %rcx
        ja      2f
        cmpq    $8, %rcx
        jb      2f
        // 8..16 bytes: two overlapping words
        movq    (%rsi), %rax
        movq    -8(%rsi,%rcx), %rdx
        movq    %rax, (%rdi)
        movq    %rdx, -8(%rdi,%rcx)
        xorl    %eax, %eax
        ret
2:      rep movsb
lx_copy_end:
lx_copy_fixup:
        movq    %rcx, %rax
        ret

// u64 lx_fill_guarded(void* to, u8 value, u64 length): bytes not written
        .globl lx_fill_guarded, lx_fill_begin, lx_fill_end, lx_fill_fixup
lx_fill_guarded:
        movq    %rdx, %rcx
        movl    %esi, %eax
lx_fill_begin:
        rep stosb
lx_fill_end:
lx_fill_fixup:
        movq    %rcx, %rax
        ret

// i64 lx_string_length_guarded(const char* text, u64 limit): -1 on a fault
        .globl lx_string_length_guarded, lx_string_begin, lx_string_end, lx_string_fixup
lx_string_length_guarded:
        xorl    %eax, %eax
lx_string_begin:
1:      cmpq    %rsi, %rax
        jae     2f
        cmpb    $0, (%rdi,%rax)
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
        movl    (%rdi), %eax
        ret
lx_cmpxchg_guarded:
        movl    %esi, %eax
        lock cmpxchgl %edx, (%rdi)
        movl    %eax, %eax
        ret
lx_xchg_guarded:
        movl    %esi, %eax
        xchgl   %eax, (%rdi)
        ret
lx_xadd_guarded:
        movl    %esi, %eax
        lock xaddl %eax, (%rdi)
        ret
lx_or_guarded:
        movl    (%rdi), %eax
1:      movl    %eax, %edx
        orl     %esi, %edx
        lock cmpxchgl %edx, (%rdi)
        jne     1b
        ret
lx_and_guarded:
        movl    (%rdi), %eax
1:      movl    %eax, %edx
        andl    %esi, %edx
        lock cmpxchgl %edx, (%rdi)
        jne     1b
        ret
lx_xor_guarded:
        movl    (%rdi), %eax
1:      movl    %eax, %edx
        xorl    %esi, %edx
        lock cmpxchgl %edx, (%rdi)
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
        movl    %esi, %eax
        movq    %rsi, %rdx
        shrq    $32, %rdx
        xsave64 (%rdi)
        xorl    %eax, %eax
        ret
lx_xrstor_guarded:
        movl    %esi, %eax
        movq    %rsi, %rdx
        shrq    $32, %rdx
        xrstor64 (%rdi)
        xorl    %eax, %eax
        ret
lx_vector_end:
lx_vector_fixup:
        movq    $-1, %rax
        ret

// i64 lx_host_call_interruptible(number, a, b, c, d, e, f)
        .globl lx_host_call_interruptible, lx_interruptible_begin, lx_interruptible_end, lx_interruptible_ended
lx_host_call_interruptible:
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        movq    %r9, %r8
        movq    8(%rsp), %r9
lx_interruptible_begin:
        testl   $WORK_ENDS_CALL, %gs:WORK_OFFSET
        jnz     lx_interruptible_ended
        syscall
lx_interruptible_end:
        ret
lx_interruptible_ended:
        movq    $-4, %rax
        ret

        .section .note.GNU-stack,"",@progbits
