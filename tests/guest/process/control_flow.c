// Branches as processors know them and compilers do not make them: calls and returns that do not pair, and single steps by the trap flag.
#include "harness.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { PAGE = 4096 };

// ---- calls and returns

TEST(a_return_without_a_call) {
    long result = 0;
    __asm__ volatile("lea 1f(%%rip), %%rax\n\tsub $128, %%rsp\n\tpush %%rax\n\tret\n\t"
                     "mov $1, %0\n1:\tadd $128, %%rsp\n\tadd $5, %0" : "+r"(result) : : "rax", "memory", "cc");
    EXPECT_EQ(result, 5);
}

TEST(a_call_without_a_return) {
    unsigned long pushed = 0, here = 0;
    for (int i = 0; i < 100; i++)
        __asm__ volatile("sub $128, %%rsp\n\tcall 1f\n1:\tpop %0\n\tlea 1b(%%rip), %1\n\tadd $128, %%rsp"
                         : "=r"(pushed), "=r"(here) : : "memory", "cc");
    EXPECT_EQ(pushed, here);
}

// The callee skips two bytes of the caller, and drops what the caller pushed.
TEST(a_return_to_another_place) {
    long result = 0;
    for (int i = 0; i < 100; i++)
        __asm__ volatile("sub $128, %%rsp\n\tpush $3\n\tpush $4\n\tcall 2f\n\tjmp 1f\n\tadd $1, %0\n1:\tadd $128, %%rsp\n\tjmp 3f\n"
                         "2:\taddq $2, (%%rsp)\n\tret $16\n3:" : "+r"(result) : : "memory", "cc");
    EXPECT_EQ(result, 100);
}

// Flags and registers go through a call and a return as they are.
TEST(nothing_changes_on_the_way) {
    static unsigned long registers[2];
    static unsigned char flags[2];
    for (int i = 0; i < 100; i++)
        __asm__ volatile("sub $128, %%rsp\n\tmov $0x1111111122222222, %%rcx\n\tmov $0x3333333344444444, %%r11\n\t"
                         "lea 2f(%%rip), %%rax\n\txor %%edx, %%edx\n\tstc\n\tcall *%%rax\n\tjmp 3f\n2:\tret\n"
                         "3:\tsetc (%1)\n\tsetp 1(%1)\n\tmov %%rcx, (%0)\n\tmov %%r11, 8(%0)\n\tadd $128, %%rsp"
                         : : "r"(registers), "r"(flags) : "rax", "rcx", "rdx", "r11", "memory", "cc");
    EXPECT_EQ(registers[0], 0x1111111122222222UL);
    EXPECT_EQ(registers[1], 0x3333333344444444UL);
    EXPECT_EQ(flags[0], 1);
    EXPECT_EQ(flags[1], 1);
}

static __attribute__((noinline)) long sum_down(long n) {
    long rest = n ? sum_down(n - 1) : 0;
    __asm__ volatile("" : "+r"(rest));
    return rest + n;
}

TEST(more_calls_than_a_processor_remembers) {
    EXPECT_EQ(sum_down(20000), 200010000L);
}

static jmp_buf back;
static void leave_from(int depth);
static void (*volatile go_on)(int) = leave_from;
static void leave_from(int depth) {
    if (depth == 0)
        longjmp(back, 1);
    go_on(depth - 1);
    __asm__ volatile("");
}

TEST(calls_that_are_left) {
    static int count, i;
    for (i = 0; i < 200; i++)
        if (setjmp(back) == 0)
            go_on(i % 40);
        else
            count++;
    EXPECT_EQ(count, 200);
    EXPECT_EQ(sum_down(100), 5050L);
}

// A call writes one word and nothing below it; a return only reads.
TEST(a_stack_of_one_word) {
    unsigned char* at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    ASSERT_OK(mprotect(at, PAGE, PROT_NONE));
    long result = 0;
    for (int i = 0; i < 3; i++)
        __asm__ volatile("mov %%rsp, %%rbx\n\tmov %1, %%rsp\n\tcall 1f\n\tjmp 2f\n1:\tadd $7, %0\n\tret\n2:\tmov %%rbx, %%rsp"
                         : "+r"(result) : "r"(at + PAGE + 8) : "rbx", "memory", "cc");
    EXPECT_EQ(result, 21);
    munmap(at, 2 * PAGE);
}

TEST(a_stack_that_can_only_be_read) {
    unsigned long* at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    unsigned long target;
    __asm__("lea read_only_target(%%rip), %0" : "=r"(target));
    at[8] = target;
    ASSERT_OK(mprotect(at, PAGE, PROT_READ));
    unsigned long after = 0;
    for (int i = 0; i < 3; i++)
        __asm__ volatile("mov %%rsp, %%rbx\n\tmov %1, %%rsp\n\tret\n\tud2\n"
                         ".if 1\n.globl read_only_target\nread_only_target:\n.endif\n\tmov %%rsp, %0\n\tmov %%rbx, %%rsp"
                         : "=&r"(after) : "r"(at + 8) : "rbx", "memory");
    EXPECT_EQ(after, (unsigned long)(at + 9));
    EXPECT_EQ(at[8], target);
    munmap(at, PAGE);
}

// A fault in a callee shows the stack as the call has left it.
static sigjmp_buf out;
static greg_t registers[NGREG];
static unsigned long on_stack[2];
static void leave(int number, siginfo_t* info, void* context) {
    (void)number, (void)info;
    memcpy(registers, ((ucontext_t*)context)->uc_mcontext.gregs, sizeof registers);
    memcpy(on_stack, (void*)registers[REG_RSP], sizeof on_stack);
    siglongjmp(out, 1);
}

extern char fault_call_end[], fault_here[];
TEST(a_fault_behind_a_call) {
    for (int i = 0; i < 3; i++) {
        memset(registers, 0, sizeof registers);
        on_signal_info(SIGSEGV, leave, 0);
        if (sigsetjmp(out, 1) == 0)
            __asm__ volatile("sub $128, %%rsp\n\tpush $77\n\tcall fault_here\n.globl fault_call_end\nfault_call_end:\n\tud2\n"
                             ".globl fault_here\nfault_here:\n\tmovl $1, 8" : : : "memory");
        EXPECT_EQ((unsigned long)registers[REG_RIP], (unsigned long)fault_here);
        EXPECT_EQ(on_stack[0], (unsigned long)fault_call_end);
        EXPECT_EQ(on_stack[1], 77UL);
    }
}

// A return that cannot read its word, or only half of it, has not happened.
static void leave_from_afar(int number, siginfo_t* info, void* context) {
    (void)number, (void)info;
    memcpy(registers, ((ucontext_t*)context)->uc_mcontext.gregs, sizeof registers);
    siglongjmp(out, 1);
}

extern char fault_return[];
__attribute__((noinline)) static void return_by(unsigned char* stack) {
    __asm__ volatile("mov %0, %%rsp\n\tmov $0x1234, %%ecx\n.globl fault_return\nfault_return:\n\tret" : : "r"(stack) : "rcx", "memory");
}
TEST(a_return_without_a_word) {
    static char other_stack[65536];
    stack_t other = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    ASSERT_OK(sigaltstack(&other, NULL));
    on_signal_info(SIGSEGV, leave_from_afar, SA_ONSTACK);
    unsigned char* at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    ASSERT_OK(mprotect(at + PAGE, PAGE, PROT_NONE));
    for (volatile int before = 0; before < 8; before += 2) {
        memset(registers, 0, sizeof registers);
        if (sigsetjmp(out, 1) == 0)
            return_by(at + PAGE - before);
        EXPECT_EQ((unsigned long)registers[REG_RIP], (unsigned long)fault_return);
        EXPECT_EQ((unsigned long)registers[REG_RSP], (unsigned long)(at + PAGE - before));
        EXPECT_EQ(registers[REG_RCX], 0x1234);
    }
    munmap(at, 2 * PAGE);
}

// ---- single steps

static unsigned long step_base;
static unsigned steps[64];
static unsigned long step_flags[64];
static volatile int step_count;

static void on_step(int number, siginfo_t* info, void* context) {
    (void)number;
    greg_t* at = ((ucontext_t*)context)->uc_mcontext.gregs;
    if (step_count < 64) {
        steps[step_count] = (unsigned)((unsigned long)at[REG_RIP] - step_base);
        step_flags[step_count] = (unsigned long)at[REG_EFL] & 0x100;
    }
    step_count++;
    if (info->si_code != TRAP_TRACE)
        step_count += 1000;
}

static void note_steps(void) {
    char line[64];
    snprintf(line, sizeof line, "steps: %d", step_count);
    note(line);
    for (int i = 0; i < step_count && i < 64; i++) {
        snprintf(line, sizeof line, "at %u flag %lu", steps[i], step_flags[i]);
        note(line);
    }
}

extern char step_start[];
// The trap flag goes on and off by popf; each instruction between is a step: plain, with memory at rip, a call, a return, a push of
// the flags, a branch that is taken and one that is not, a jump to itself's next, a system call.
TEST(steps_by_the_trap_flag) {
    on_signal_info(SIGTRAP, on_step, 0);
    for (int round = 0; round < 3; round++) {
        step_count = 0;
        step_base = (unsigned long)step_start;
        unsigned long pushed = 0;
        __asm__ volatile("sub $128, %%rsp\n\tpushf\n\torq $0x100, (%%rsp)\n.globl step_start\nstep_start:\n\tpopf\n\t"
                         "nop\n\tmov step_word(%%rip), %%rax\n\tlea 3f(%%rip), %%rdx\n\tcall 2f\n\tcall *%%rdx\n\tjmp 1f\n"
                         "2:\tadd $1, %%rax\n\tret\n3:\tret\n1:\tpushf\n\tpop %0\n\tcmp %%rax, %%rax\n\tjne 1b\n\tje 4f\n\tud2\n"
                         "4:\tmov $39, %%eax\n\tsyscall\n\tjmp *step_target(%%rip)\n6:\tpushf\n\tandq $~0x100, (%%rsp)\n\t"
                         "popf\n\tnop\n\tnop\n\tadd $128, %%rsp\n\t"
                         ".pushsection .data\n\t.balign 8\nstep_word:\t.quad 3\nstep_target:\t.quad 6b\n\t.popsection"
                         : "=&r"(pushed) : : "rax", "rcx", "rdx", "r11", "memory", "cc");
        EXPECT_TRUE(pushed & 0x100);
        note_steps();
    }
}

// A fault in an instruction that is stepped is a fault, and the step comes when it has been done.
static unsigned char* step_page;
static unsigned long flag_at_fault;
static void make_writable(int number, siginfo_t* info, void* context) {
    (void)number, (void)info;
    flag_at_fault = (unsigned long)((ucontext_t*)context)->uc_mcontext.gregs[REG_EFL] & 0x100;
    mprotect(step_page, PAGE, PROT_READ | PROT_WRITE);
}

extern char fault_step[];
TEST(a_fault_in_a_step) {
    step_page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_TRUE(step_page != MAP_FAILED);
    on_signal_info(SIGTRAP, on_step, 0);
    on_signal_info(SIGSEGV, make_writable, 0);
    step_count = 0;
    step_base = (unsigned long)fault_step;
    __asm__ volatile("sub $128, %%rsp\n\tpushf\n\torq $0x100, (%%rsp)\n\tpopf\n.globl fault_step\nfault_step:\n\tmovb $9, (%0)\n\t"
                     "pushf\n\tandq $~0x100, (%%rsp)\n\tpopf\n\tadd $128, %%rsp" : : "r"(step_page) : "memory", "cc");
    EXPECT_EQ(step_page[0], 9);
    EXPECT_EQ(flag_at_fault, 0x100UL);
    note_steps();
    munmap(step_page, PAGE);
}
