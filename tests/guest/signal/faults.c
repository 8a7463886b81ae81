// Signals of the processor, alternate stacks, and the machine state that a handler sees and keeps.
#include "harness.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf out;
static siginfo_t last;
static volatile int count;
static volatile long trap_number, error_code;

static void leave(int number, siginfo_t* info, void* context) {
    (void)number;
    ucontext_t* frame = context;
    last = *info;
    trap_number = frame->uc_mcontext.gregs[REG_TRAPNO];
    error_code = frame->uc_mcontext.gregs[REG_ERR];
    siglongjmp(out, 1);
}

// Runs the statement; its fault is in `last`.
#define FAULT(number, statement)                                                                             \
    do {                                                                                                     \
        memset(&last, 0, sizeof last);                                                                       \
        on_signal_info(number, leave, 0);                                                                    \
        if (sigsetjmp(out, 1) == 0) {                                                                        \
            statement;                                                                                       \
        }                                                                                                    \
        EXPECT_EQ(last.si_signo, number);                                                                    \
    } while (0)

TEST(segv_unmapped) {
    FAULT(SIGSEGV, *(volatile int*)0x10 = 1);
    EXPECT_EQ(last.si_code, SEGV_MAPERR);
    EXPECT_EQ((long)last.si_addr, 0x10);
    EXPECT_EQ(trap_number, 14);
    EXPECT_EQ(error_code & 6, 6);
}

TEST(segv_not_canonical) {
    FAULT(SIGSEGV, (void)*(volatile int*)0x8000000000000000);
    EXPECT_EQ(last.si_code, SI_KERNEL);
    EXPECT_EQ((long)last.si_addr, 0);
}

TEST(segv_kernel_address) {
    FAULT(SIGSEGV, (void)*(volatile int*)0xffffffff81000000);
    EXPECT_EQ(last.si_code, SEGV_MAPERR);
}

TEST(segv_jump_to_nowhere) {
    FAULT(SIGSEGV, ((void (*)(void))0x1000)());
    EXPECT_EQ((long)last.si_addr, 0x1000);
}

TEST(fpe_division) {
    static volatile int zero = 0, one = 1, result;
    FAULT(SIGFPE, result = one / zero);
    EXPECT_EQ(result, 0);
    EXPECT_EQ(last.si_code, FPE_INTDIV);
    EXPECT_TRUE(last.si_addr != NULL);
    EXPECT_EQ(trap_number, 0);
}

TEST(ill_instruction) {
    FAULT(SIGILL, __asm__ volatile("ud2"));
    EXPECT_EQ(last.si_code, ILL_ILLOPN);
    EXPECT_EQ(trap_number, 6);
}

TEST(trap_int3) {
    FAULT(SIGTRAP, __asm__ volatile("int3"));
    EXPECT_EQ(last.si_code, SI_KERNEL);
    EXPECT_EQ(trap_number, 3);
}

TEST(trap_single_step) {
    FAULT(SIGTRAP, __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n nop" ::: "cc", "memory"));
    EXPECT_EQ(last.si_code, TRAP_TRACE);
    EXPECT_EQ(trap_number, 1);
}

TEST(privileged_instruction) {
    FAULT(SIGSEGV, __asm__ volatile("hlt"));
    EXPECT_EQ(last.si_code, SI_KERNEL);
    FAULT(SIGSEGV, __asm__ volatile("cli"));
}

TEST(int_0x80_is_refused) {
    NEED_LXSS();
    long result = 20; // the 32-bit getpid
    __asm__ volatile("int $0x80" : "+a"(result)::"memory", "r8", "r9", "r10", "r11");
    EXPECT_EQ(result, -ENOSYS);
}

static void fix(int number, siginfo_t* info, void* context) {
    (void)number, (void)info;
    ucontext_t* frame = context;
    frame->uc_mcontext.gregs[REG_RIP] += 2; // over the ud2
    frame->uc_mcontext.gregs[REG_RBX] = 0x1234567890;
    count++;
}

TEST(handler_changes_registers) {
    long value = 1;
    count = 0;
    on_signal_info(SIGILL, fix, 0);
    __asm__ volatile("mov $7, %%rbx\n ud2\n mov %%rbx, %0" : "=r"(value)::"rbx", "memory");
    EXPECT_EQ(value, 0x1234567890);
    EXPECT_EQ(count, 1);
}

static void map_it(int number, siginfo_t* info, void* context) {
    (void)number, (void)context;
    count++;
    mprotect((void*)((uintptr_t)info->si_addr & ~4095UL), 4096, PROT_READ | PROT_WRITE);
}

TEST(handler_repairs_a_fault) {
    char* at = mmap(NULL, 8 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    count = 0;
    on_signal_info(SIGSEGV, map_it, 0);
    for (int i = 0; i < 8; i++)
        *(volatile char*)(at + i * 4096 + i) = (char)i;
    EXPECT_EQ(count, 8);
    munmap(at, 8 * 4096);
}

TEST(fault_in_a_system_call_is_no_signal) {
    on_signal_info(SIGSEGV, map_it, 0);
    count = 0;
    EXPECT_ERRNO(syscall(SYS_write, 1, 16, 1), EFAULT);
    EXPECT_ERRNO(syscall(SYS_uname, 16), EFAULT);
    EXPECT_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, 16, 0, 8), EFAULT);
    EXPECT_ERRNO(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 16), EFAULT);
    EXPECT_EQ(count, 0);
}

TEST(blocked_fault_kills) {
    pid_t child = fork();
    if (child == 0) {
        on_signal_info(SIGSEGV, map_it, 0);
        block_signal(SIGSEGV);
        *(volatile int*)16 = 1;
        _exit(1);
    }
    EXPECT_KILLED(child, SIGSEGV);
    child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_IGN);
        *(volatile int*)16 = 1;
        _exit(1);
    }
    EXPECT_KILLED(child, SIGSEGV);
}

static char* volatile handler_stack;
static void look_at_stack(int number) {
    char here;
    (void)number;
    handler_stack = &here;
    stack_t now;
    sigaltstack(NULL, &now);
    count = now.ss_flags;
}

TEST(alternate_stack) {
    size_t size = 64 << 10;
    char* area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = area, .ss_size = size}, old;
    ASSERT_OK(sigaltstack(&stack, &old));
    EXPECT_EQ(old.ss_flags, SS_DISABLE);
    on_signal(SIGUSR1, look_at_stack, SA_ONSTACK);
    raise(SIGUSR1);
    EXPECT_TRUE(handler_stack >= area && handler_stack < area + size);
    EXPECT_EQ(count, SS_ONSTACK);
    on_signal(SIGUSR1, look_at_stack, 0);
    raise(SIGUSR1);
    EXPECT_FALSE(handler_stack >= area && handler_stack < area + size);
    EXPECT_EQ(count, 0);
    stack.ss_size = 100;
    EXPECT_ERRNO(sigaltstack(&stack, NULL), ENOMEM);
    stack.ss_flags = 77;
    EXPECT_ERRNO(syscall(SYS_sigaltstack, &stack, NULL), EINVAL);
    IN_CHILD({
        stack_t now;
        sigaltstack(NULL, &now);
        EXPECT_TRUE(now.ss_sp == area);
    });
    stack.ss_flags = SS_DISABLE;
    EXPECT_OK(sigaltstack(&stack, NULL));
    munmap(area, size);
}

__attribute__((noinline)) static int use_stack(int depth) {
    volatile char frame[4096];
    frame[0] = (char)depth;
    return depth > 1 << 20 ? frame[0] : use_stack(depth + 1) + frame[0];
}

TEST(stack_overflow_is_caught_on_the_alternate_stack) {
    size_t size = 64 << 10;
    char* area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = area, .ss_size = size};
    ASSERT_OK(sigaltstack(&stack, NULL));
    on_signal_info(SIGSEGV, leave, SA_ONSTACK);
    last.si_signo = 0;
    if (sigsetjmp(out, 1) == 0) {
        volatile int result = use_stack(0);
        (void)result;
    }
    EXPECT_EQ(last.si_signo, SIGSEGV);
    stack.ss_flags = SS_DISABLE;
    EXPECT_OK(sigaltstack(&stack, NULL));
    munmap(area, size);
}

TEST(overflow_without_alternate_stack_kills) {
    pid_t child = fork();
    if (child == 0) {
        on_signal_info(SIGSEGV, leave, 0);
        volatile int result = use_stack(0);
        _exit(result);
    }
    EXPECT_KILLED(child, SIGSEGV);
}

TEST(stack_grows) {
    // Well below what is mapped at the start.
    volatile char* low = (volatile char*)__builtin_frame_address(0) - (3 << 20);
    *low = 1;
    EXPECT_EQ(*low, 1);
}

typedef int vector8 __attribute__((vector_size(32)));

static void spoil_vectors(int number) {
    (void)number;
    count++;
    __asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n vpcmpeqd %%ymm1, %%ymm1, %%ymm1\n"
                     "vpcmpeqd %%ymm15, %%ymm15, %%ymm15\n" ::
                         : "xmm0", "xmm1", "xmm15");
}

// ymm0, ymm1 and ymm15 before and after the system call (kill of oneself, or getpid).
static int vectors_survive(long number, long a, long b) {
    long saved_number = number;
    unsigned char in[96], after[96];
    for (int i = 0; i < 96; i++)
        in[i] = (unsigned char)(i * 3 + 1);
    memset(after, 0, sizeof after);
    __asm__ volatile("vmovdqu (%[in]), %%ymm0\n vmovdqu 32(%[in]), %%ymm1\n vmovdqu 64(%[in]), %%ymm15\n"
                     "syscall\n"
                     "vmovdqu %%ymm0, (%[out])\n vmovdqu %%ymm1, 32(%[out])\n vmovdqu %%ymm15, 64(%[out])\n"
                     "vzeroupper\n"
                     : "+a"(saved_number)
                     : [in] "r"(in), [out] "r"(after), "D"(a), "S"(b)
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm15");
    return memcmp(in, after, 96) == 0;
}

TEST(vector_registers_over_system_calls) {
    if (!__builtin_cpu_supports("avx2"))
        SKIP("needs AVX2");
    for (int i = 0; i < 3; i++) {
        EXPECT_TRUE(vectors_survive(SYS_getpid, 0, 0));
        EXPECT_TRUE(vectors_survive(SYS_sched_yield, 0, 0));
        EXPECT_TRUE(vectors_survive(SYS_access, (long)"/proc/self/stat", 0));
    }
}

TEST(vector_registers_over_a_signal) {
    if (!__builtin_cpu_supports("avx2"))
        SKIP("needs AVX2");
    count = 0;
    on_signal(SIGUSR1, spoil_vectors, 0);
    for (int i = 0; i < 3; i++)
        EXPECT_TRUE(vectors_survive(SYS_kill, getpid(), SIGUSR1));
    EXPECT_EQ(count, 3);
}

TEST(x87_and_mxcsr_over_a_signal) {
    unsigned int mxcsr = 0x1f80 | 0x6000, now = 0;
    unsigned short control = 0x0f7f, control_now = 0;
    on_signal(SIGUSR1, look_at_stack, 0);
    __asm__ volatile("ldmxcsr %0\n fldcw %1" ::"m"(mxcsr), "m"(control));
    kill(getpid(), SIGUSR1);
    __asm__ volatile("stmxcsr %0\n fnstcw %1" : "=m"(now), "=m"(control_now));
    unsigned int normal = 0x1f80;
    unsigned short normal_control = 0x037f;
    __asm__ volatile("ldmxcsr %0\n fldcw %1" ::"m"(normal), "m"(normal_control));
    EXPECT_EQ(now & 0x6000, 0x6000);
    EXPECT_EQ(control_now, control);
}

static volatile int loops_over;
static void end_loop(int number) {
    (void)number;
    loops_over = 1;
}

TEST(red_zone_and_flags_over_an_asynchronous_signal) {
    on_signal(SIGALRM, end_loop, 0);
    unsigned long red = 0, flags = 0;
    loops_over = 0;
    struct timespec soon = {0, 20000000};
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    ASSERT_OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec spec = {{0, 0}, soon};
    timer_settime(timer, 0, &spec, NULL);
    __asm__ volatile(
        "movabs $0x1122334455667788, %%rax\n mov %%rax, -8(%%rsp)\n mov %%rax, -128(%%rsp)\n"
        "1: cmpl $0, %2\n je 1b\n"
        "stc\n"
        "mov -8(%%rsp), %%rax\n mov -128(%%rsp), %%rdx\n setc %%cl\n and %%rdx, %%rax\n mov %%rax, %0\n"
        "movzbl %%cl, %%ecx\n mov %%rcx, %1\n"
        : "=r"(red), "=r"(flags)
        : "m"(loops_over)
        : "rax", "rdx", "rcx", "memory", "cc");
    timer_delete(timer);
    EXPECT_EQ(red, 0x1122334455667788);
    EXPECT_EQ(flags, 1);
}

static void look_at_flags(int number, siginfo_t* info, void* context) {
    (void)number, (void)info, (void)context;
    unsigned long flags;
    __asm__ volatile("pushfq\n pop %0" : "=r"(flags));
    count = (flags & 0x400) != 0; // the direction flag
}

TEST(direction_flag_is_clear_in_a_handler) {
    unsigned long flags = 0;
    on_signal_info(SIGUSR1, look_at_flags, 0);
    count = -1;
    long number = SYS_kill;
    __asm__ volatile("std\n syscall\n pushfq\n pop %1\n cld"
                     : "+a"(number), "=&r"(flags)
                     : "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory", "cc");
    EXPECT_EQ(count, 0);
    EXPECT_EQ(flags & 0x400, 0x400);
}

static sigjmp_buf again;
static void jump(int number) {
    (void)number;
    siglongjmp(again, 1);
}

TEST(longjmp_out_of_handlers_many_times) {
    on_signal(SIGUSR1, jump, 0);
    static volatile int rounds;
    rounds = 0;
    sigsetjmp(again, 1);
    if (rounds < 2000) {
        rounds++;
        raise(SIGUSR1);
        EXPECT_TRUE(!"not reached");
    }
    EXPECT_EQ(rounds, 2000);
}

TEST(thread_gets_its_own_fault) {
    pid_t child = fork();
    if (child == 0) {
        // A fault in a thread kills the whole process.
        pthread_t thread;
        pthread_create(&thread, NULL, (void* (*)(void*))0x10, NULL);
        for (;;)
            pause();
    }
    EXPECT_KILLED(child, SIGSEGV);
}

// The program's own code must read as it was linked, whatever the kernel does to run it.
TEST(own_text_does_not_change) {
    extern char __executable_start[], etext[];
    uintptr_t start = ((uintptr_t)__executable_start + 4096) & ~4095UL, end = (uintptr_t)etext;
    // Only what is mapped with the right to execute lies between here and etext.
    start = (uintptr_t)h_run_case & ~4095UL;
    unsigned long before = 0, after = 0;
    for (uintptr_t at = start; at < end; at++)
        before = before * 31 + *(unsigned char*)at;
    for (int i = 0; i < 50; i++) {
        getpid(), getppid(), getuid(), umask(022), access("/", F_OK), sleep_ms(0);
        syscall(SYS_gettid), syscall(SYS_sched_yield), time(NULL);
        close(open("/dev/null", O_RDONLY));
    }
    for (uintptr_t at = start; at < end; at++)
        after = after * 31 + *(unsigned char*)at;
    EXPECT_EQ(before == after, 1);
    // The same against the file, which catches what changed before.
    int fd = open("/proc/self/exe", O_RDONLY);
    ASSERT_OK(fd);
    static unsigned char window[64];
    const unsigned char* code = (const unsigned char*)h_run_case;
    memcpy(window, code, sizeof window);
    struct stat info;
    fstat(fd, &info);
    unsigned char* file = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    EXPECT_TRUE(memmem(file, (size_t)info.st_size, window, sizeof window) != NULL);
    munmap(file, (size_t)info.st_size);
    close(fd);
}
