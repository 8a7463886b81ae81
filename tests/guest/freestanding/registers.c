// What a system call does to the registers: rax is the result, rcx and r11 are lost (they hold the return
// address and the flags), all others stay, and so do the flags and the red zone below the stack pointer.
#include "freestanding/start.h"

struct frame {
    word rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, flags, after, red;
};

struct frame before, after;

// Loads the general registers from `before`, makes the call, and stores them to `after`.
__asm__(".text\n"
        "probe:\n"
        " push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        " movq %rsp, before+56(%rip)\n"
        " movabs $0x1122334455667788, %rax\n"
        " mov %rax, -64(%rsp)\n mov %rax, -128(%rsp)\n"
        " pushq before+128(%rip)\n popfq\n"
        " mov %rax, -8(%rsp)\n"
        " mov before+0(%rip), %rax\n mov before+8(%rip), %rbx\n mov before+24(%rip), %rdx\n"
        " mov before+32(%rip), %rsi\n mov before+40(%rip), %rdi\n mov before+48(%rip), %rbp\n"
        " mov before+64(%rip), %r8\n mov before+72(%rip), %r9\n mov before+80(%rip), %r10\n"
        " mov before+96(%rip), %r12\n mov before+104(%rip), %r13\n mov before+112(%rip), %r14\n"
        " mov before+120(%rip), %r15\n"
        " syscall\n"
        "probe_return:\n"
        " mov %rax, after+0(%rip)\n mov %rbx, after+8(%rip)\n mov %rcx, after+16(%rip)\n"
        " mov %rdx, after+24(%rip)\n mov %rsi, after+32(%rip)\n mov %rdi, after+40(%rip)\n"
        " mov %rbp, after+48(%rip)\n mov %rsp, after+56(%rip)\n mov %r8, after+64(%rip)\n"
        " mov %r9, after+72(%rip)\n mov %r10, after+80(%rip)\n mov %r11, after+88(%rip)\n"
        " mov %r12, after+96(%rip)\n mov %r13, after+104(%rip)\n mov %r14, after+112(%rip)\n"
        " mov %r15, after+120(%rip)\n"
        " mov -8(%rsp), %rax\n mov -64(%rsp), %rcx\n mov -128(%rsp), %rdx\n"
        " pushfq\n popq after+128(%rip)\n"
        " cld\n"
        " and %rcx, %rax\n and %rdx, %rax\n mov %rax, after+144(%rip)\n"
        " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        " ret\n");
void probe(void);

static void check(const char* name, long number, long argument, word flags) {
    word* field = (word*)&before;
    for (int i = 0; i < 16; i++)
        field[i] = 0xabcd000000000000 + (word)i * 0x101;
    before.rax = (word)number;
    before.rdi = (word)argument;
    before.flags = flags;
    // Twice: the first call may be caught in another way than those after it.
    for (int round = 0; round < 3; round++) {
        probe();
        print(name);
        int same = after.rbx == before.rbx && after.rdx == before.rdx && after.rsi == before.rsi &&
                   after.rdi == before.rdi && after.rbp == before.rbp && after.rsp == before.rsp &&
                   after.r8 == before.r8 && after.r9 == before.r9 && after.r10 == before.r10 &&
                   after.r12 == before.r12 && after.r13 == before.r13 && after.r14 == before.r14 &&
                   after.r15 == before.r15;
        print(same ? ": registers kept" : ": registers LOST");
        print(after.red == 0x1122334455667788 ? ", red zone kept" : ", red zone LOST");
        print((after.flags & 0xcd5) == (flags & 0xcd5) ? ", flags kept" : ", flags LOST");
        print("\n");
    }
}

START(begin) {
    (void)stack;
    check("getpid", nr_getpid, 0, 0x202);
    check("getpid, carry zero sign overflow", nr_getpid, 0, 0xac7);
    check("getpid, direction", nr_getpid, 0, 0x602);
    print_hex("unknown call ", (word)call(999, 0, 0, 0, 0, 0, 0));
    print_hex("unknown call, huge number ", (word)call(0x7fffffff, 0, 0, 0, 0, 0, 0));
    print_hex("negative number ", (word)call(-1, 0, 0, 0, 0, 0, 0));
    print_hex("number with high half set ", (word)call(nr_getpid | 0x100000000, 0, 0, 0, 0, 0, 0) > 0);
    print_hex("bad address ", (word)call(nr_write, 1, 8, 1, 0, 0, 0));
    print_hex("kernel address ", (word)call(nr_write, 1, (long)0xffff800000000000, 1, 0, 0, 0));
    print_hex("bad descriptor ", (word)call(nr_write, 99, (long)"x", 1, 0, 0, 0));
    leave(0);
}
