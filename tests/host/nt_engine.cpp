// The engine of the tests on the NT host, where guest code must not execute a system call instruction: it does the one that the tests'
// code begins with itself, and lets the processor run everything else as it is.
#include "engine/engine.hpp"
#include "host/nt/engine_port.hpp"
#include "host_test.hpp"

extern "C" {
void lx_nt_restore_vectors();
void lx_test_enter(host::Frame* frame);
}

asm(R"(
        .text
        .globl lx_return_to_guest, lx_exit_restart, lx_enter_exception, lx_enter_interrupt
        .globl lx_exit_fast_begin, lx_exit_fast_end, lx_exit_full_begin, lx_exit_full_end
lx_return_to_guest:
        movq    %rcx, %rsp
        movq    %rsp, %rbx
1:      movq    %rbx, %rcx
        subq    $32, %rsp
        call    lx_test_enter
        addq    $32, %rsp
lx_exit_fast_begin:
lx_exit_full_begin:
        movq    0(%rsp), %r15
        movq    8(%rsp), %r14
        movq    16(%rsp), %r13
        movq    24(%rsp), %r12
        movq    32(%rsp), %rbp
        movq    40(%rsp), %rbx
        movq    48(%rsp), %r11
        movq    56(%rsp), %r10
        movq    64(%rsp), %r9
        movq    72(%rsp), %r8
        movq    80(%rsp), %rax
        movq    88(%rsp), %rcx
        movq    96(%rsp), %rdx
        movq    104(%rsp), %rsi
        movq    112(%rsp), %rdi
        leaq    128(%rsp), %rsp
        iretq
lx_exit_fast_end:
lx_exit_full_end:
lx_exit_restart:
        movq    %gs:0x1488, %rcx
        jmp     lx_return_to_guest
lx_enter_exception:
        subq    $32, %rsp
        call    lxcore_exception
        ud2
lx_enter_interrupt:
        subq    $32, %rsp
        call    lxcore_interrupt
        ud2
)");

namespace host::nt {

bool runs_guest_code(u64 rip) {
    return rip >= host_test::kGuest && rip < host_test::kGuest + base::kPageSize;
}
void prepare_engine() {}

} // namespace host::nt

namespace engine {

void return_to_guest(host::ThreadBlock& block) {
    lx_return_to_guest(block.frame);
}
u32 host_protection(u32 protection) {
    return protection;
}
bool runs_in_place() {
    return true;
}
u64 code_memory_bytes() {
    return 0;
}
void use_code_memory(u64) {}
void code_changed(u64, u64) {}
void before_fork() {}
void after_fork() {}

} // namespace engine

void lx_test_enter(host::Frame* frame) {
    // mov $number, %eax; syscall
    u8 code[7];
    if (host::copy_guarded(code, reinterpret_cast<void*>(frame->rip), sizeof(code)) == 0 && code[0] == 0xb8 &&
        code[5] == 0x0f && code[6] == 0x05) {
        u32 number;
        __builtin_memcpy(&number, code + 1, sizeof(number));
        frame->rip += sizeof(code);
        frame->original_rax = number;
        lxcore_system_call(frame);
    }
    // The tests' code has no stack, which an exception needs here: a piece of the kernel's serves.
    frame->rsp = reinterpret_cast<u64>(host::current_block()) + host::kKernelStackOffset + 16 * 1024;
    lx_nt_restore_vectors();
}
