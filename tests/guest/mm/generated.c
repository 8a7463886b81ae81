// Code that the program writes itself: as JIT compilers, trampolines and loaders do. What is executed is what lies there now.
#include "harness.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

enum { PAGE = 4096, RWX = PROT_READ | PROT_WRITE | PROT_EXEC };

typedef int (*function)(void);

static unsigned char* map(size_t length, int protection) {
    unsigned char* at = mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

// mov $value,%eax; ret
static void put_function(unsigned char* at, int value) {
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
}

TEST(rewritten_many_times) {
    unsigned char* at = map(PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    for (int i = 0; i < 3000; i++) {
        put_function(at + i % 7, i);
        if (((function)(at + i % 7))() != i)
            EXPECT_EQ(i, -1);
    }
    munmap(at, PAGE);
}

TEST(written_then_made_executable_in_turns) {
    unsigned char* at = map(PAGE, PROT_READ | PROT_WRITE);
    ASSERT_TRUE(at != NULL);
    for (int i = 0; i < 300; i++) {
        ASSERT_OK(mprotect(at, PAGE, PROT_READ | PROT_WRITE));
        put_function(at, i);
        ASSERT_OK(mprotect(at, PAGE, PROT_READ | PROT_EXEC));
        EXPECT_EQ(((function)at)(), i);
    }
    munmap(at, PAGE);
}

TEST(written_through_another_mapping) {
    int fd = memfd_create("code", 0);
    ASSERT_OK(fd);
    ASSERT_OK(ftruncate(fd, PAGE));
    unsigned char* writable = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char* executable = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    ASSERT_TRUE(writable != MAP_FAILED && executable != MAP_FAILED);
    for (int i = 0; i < 100; i++) {
        put_function(writable, i);
        EXPECT_EQ(((function)executable)(), i);
    }
    munmap(writable, PAGE);
    munmap(executable, PAGE);
    close(fd);
}

TEST(read_into_by_a_system_call) {
    unsigned char* at = map(PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    int ends[2];
    ASSERT_OK(pipe(ends));
    for (int i = 0; i < 20; i++) {
        unsigned char code[6];
        put_function(code, i);
        ASSERT_OK(write(ends[1], code, sizeof code));
        EXPECT_EQ(read(ends[0], at, sizeof code), (long)sizeof code);
        EXPECT_EQ(((function)at)(), i);
    }
    close(ends[0]);
    close(ends[1]);
    munmap(at, PAGE);
}

TEST(another_mapping_in_its_place) {
    unsigned char* at = map(PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    put_function(at, 1);
    EXPECT_EQ(((function)at)(), 1);
    ASSERT_OK(munmap(at, PAGE));
    unsigned char* again = mmap(at, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ASSERT_TRUE(again == at);
    put_function(at, 2);
    EXPECT_EQ(((function)at)(), 2);
    // Read only first, so that nothing is written after it can be executed.
    ASSERT_OK(mprotect(at, PAGE, PROT_READ | PROT_EXEC));
    EXPECT_EQ(((function)at)(), 2);
    unsigned char* other = map(PAGE, PROT_READ | PROT_WRITE);
    put_function(other, 3);
    ASSERT_OK(mprotect(other, PAGE, PROT_READ | PROT_EXEC));
    ASSERT_TRUE(mremap(other, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
    EXPECT_EQ(((function)at)(), 3);
    munmap(at, PAGE);
}

static sigjmp_buf out;
static siginfo_t last;
static greg_t registers[NGREG];

static void leave(int number, siginfo_t* info, void* context) {
    (void)number;
    last = *info;
    memcpy(registers, ((ucontext_t*)context)->uc_mcontext.gregs, sizeof registers);
    siglongjmp(out, 1);
}

// Calls the function; whether it came back.
static int comes_back(void* code) {
    memset(&last, 0, sizeof last);
    on_signal_info(SIGSEGV, leave, 0);
    if (sigsetjmp(out, 1) != 0)
        return 0;
    ((function)code)();
    return 1;
}

TEST(moved_away) {
    unsigned char* at = map(PAGE, PROT_READ | PROT_WRITE);
    ASSERT_TRUE(at != NULL);
    put_function(at, 4);
    ASSERT_OK(mprotect(at, PAGE, PROT_READ | PROT_EXEC));
    EXPECT_EQ(((function)at)(), 4);
    unsigned char* to = map(PAGE, PROT_NONE);
    ASSERT_TRUE(mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
    EXPECT_EQ(((function)to)(), 4);
    EXPECT_FALSE(comes_back(at));
    EXPECT_TRUE(last.si_addr == at);
    EXPECT_EQ(last.si_code, SEGV_MAPERR);
    munmap(to, PAGE);
}

TEST(right_taken_away) {
    unsigned char* at = map(PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    put_function(at, 5);
    EXPECT_EQ(((function)at)(), 5);
    ASSERT_OK(mprotect(at, PAGE, PROT_READ | PROT_WRITE));
    EXPECT_FALSE(comes_back(at));
    EXPECT_TRUE(last.si_addr == at);
    EXPECT_EQ(last.si_code, SEGV_ACCERR);
    munmap(at, PAGE);
}

TEST(instruction_across_pages) {
    unsigned char* at = map(2 * PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    unsigned char* code = at + PAGE - 3;
    for (int i = 0; i < 20; i++) {
        put_function(code, i << 20); // its upper bytes lie on the second page
        EXPECT_EQ(((function)code)(), i << 20);
    }
    ASSERT_OK(mprotect(at, 2 * PAGE, PROT_READ | PROT_EXEC));
    EXPECT_EQ(((function)code)(), 19 << 20);
    ASSERT_OK(munmap(at + PAGE, PAGE));
    EXPECT_FALSE(comes_back(code));
    EXPECT_TRUE(last.si_addr == at + PAGE);
    EXPECT_TRUE((unsigned char*)registers[REG_RIP] == code);
    munmap(at, PAGE);
}

TEST(runs_into_the_end_of_its_mapping) {
    unsigned char* at = map(2 * PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    ASSERT_OK(munmap(at + PAGE, PAGE));
    at[PAGE - 1] = 0xc3; // the last byte that is there
    EXPECT_TRUE(comes_back(at + PAGE - 1));
    at[PAGE - 1] = 0x90;
    EXPECT_FALSE(comes_back(at + PAGE - 1));
    EXPECT_TRUE(last.si_addr == at + PAGE);
    EXPECT_TRUE((unsigned char*)registers[REG_RIP] == at + PAGE);
    munmap(at, PAGE);
}

TEST(beyond_the_end_of_a_file) {
    SCRATCH();
    int fd = open("code", O_RDWR | O_CREAT, 0700);
    ASSERT_OK(fd);
    ASSERT_OK(ftruncate(fd, PAGE));
    unsigned char* at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    ASSERT_TRUE(at != MAP_FAILED);
    on_signal_info(SIGBUS, leave, 0);
    memset(&last, 0, sizeof last);
    if (sigsetjmp(out, 1) == 0)
        ((function)(at + PAGE))();
    EXPECT_EQ(last.si_signo, SIGBUS);
    EXPECT_TRUE(last.si_addr == at + PAGE);
    munmap(at, 2 * PAGE);
    close(fd);
}

TEST(child_changes_its_own_only) {
    unsigned char* at = map(PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    put_function(at, 6);
    EXPECT_EQ(((function)at)(), 6);
    pid_t child = fork();
    if (child == 0) {
        int before = ((function)at)();
        put_function(at, 7);
        _exit(before == 6 && ((function)at)() == 7 ? 0 : 1);
    }
    EXPECT_EXIT(child, 0);
    EXPECT_EQ(((function)at)(), 6);
    munmap(at, PAGE);
}

static void* run(void* code) {
    ((function)code)();
    return NULL;
}

// A loop without any exit that another thread opens.
TEST(loop_ended_by_another_thread) {
    unsigned char* at = map(PAGE, RWX);
    ASSERT_TRUE(at != NULL);
    for (int i = 0; i < 5; i++) {
        static const unsigned char loop[] = {0xeb, 0xfe, 0xc3}; // jmp to itself; ret
        memcpy(at, loop, sizeof loop);
        pthread_t thread;
        ASSERT_EQ(pthread_create(&thread, NULL, run, at), 0);
        usleep(5000);
        __atomic_store_n(at + 1, 0, __ATOMIC_SEQ_CST); // jmp to the ret
        EXPECT_EQ(pthread_join(thread, NULL), 0);
    }
    munmap(at, PAGE);
}

// A thread in code that is unmapped under it.
TEST(loop_unmapped_by_another_thread) {
    pid_t child = fork();
    if (child == 0) {
        unsigned char* at = map(PAGE, PROT_READ | PROT_WRITE);
        at[0] = 0xeb, at[1] = 0xfe;
        mprotect(at, PAGE, PROT_READ | PROT_EXEC);
        pthread_t thread;
        pthread_create(&thread, NULL, run, at);
        usleep(20000);
        munmap(at, PAGE);
        pthread_join(thread, NULL);
        _exit(0);
    }
    EXPECT_KILLED(child, SIGSEGV);
}

static volatile int alarms;
static greg_t seen[NGREG];
static void on_alarm(int number, siginfo_t* info, void* context) {
    (void)number, (void)info;
    ucontext_t* frame = context;
    if (alarms < 3) // a later one finds the thread behind the loop
        memcpy(seen, frame->uc_mcontext.gregs, sizeof seen);
    if (++alarms == 3)
        frame->uc_mcontext.gregs[REG_RIP] += 2; // over the loop
}

// A signal reaches a thread in a tight loop, sees its registers, and can send it elsewhere.
TEST(signal_in_a_tight_loop) {
    alarms = 0;
    on_signal_info(SIGALRM, on_alarm, 0);
    struct itimerval timer = {{0, 5000}, {0, 5000}};
    ASSERT_OK(setitimer(ITIMER_REAL, &timer, NULL));
    long a = 0x1111222233334444, c = 0x5555666677778888, d = 0x1234567812345678, changed;
    __asm__ volatile("xor %3, %3\n1: jmp 1b\n" : "+a"(a), "+c"(c), "+d"(d), "=&r"(changed)::"memory");
    timer = (struct itimerval){{0, 0}, {0, 0}};
    ASSERT_OK(setitimer(ITIMER_REAL, &timer, NULL));
    EXPECT_GE(alarms, 3);
    EXPECT_EQ(seen[REG_RAX], 0x1111222233334444);
    EXPECT_EQ(seen[REG_RCX], 0x5555666677778888);
    EXPECT_EQ(seen[REG_RDX], 0x1234567812345678);
    EXPECT_EQ(a, 0x1111222233334444);
    EXPECT_EQ(c, 0x5555666677778888);
}

// A signal that comes anywhere among calls, returns, pushes and accesses to globals finds and leaves the registers right.
static volatile long sink;
static __attribute__((noinline)) long leaf(long x) {
    sink = x;
    return x + sink;
}
static void count_alarm(int number) {
    (void)number;
    alarms++;
}
TEST(signals_among_calls) {
    alarms = 0;
    on_signal(SIGALRM, count_alarm, SA_RESTART);
    struct itimerval timer = {{0, 700}, {0, 700}};
    ASSERT_OK(setitimer(ITIMER_REAL, &timer, NULL));
    long (*volatile indirect)(long) = leaf;
    long sum = 0, wanted = 0;
    for (long i = 0; alarms < 200; i++) {
        sum += leaf(i) + indirect(i);
        wanted += 4 * i;
    }
    timer = (struct itimerval){{0, 0}, {0, 0}};
    ASSERT_OK(setitimer(ITIMER_REAL, &timer, NULL));
    EXPECT_EQ(sum, wanted);
}

// What a handler sees when an instruction faults that a translation makes several of.
#define SET_REGISTERS                                                                                        \
    "mov $0x101, %%eax\n mov $0x202, %%ebx\n mov $0x303, %%ecx\n mov $0x404, %%edx\n mov $0x505, %%esi\n"     \
    "mov $0x606, %%edi\n mov $0x808, %%r8d\n mov $0xb0b, %%r11d\n"
static void expect_registers(void) {
    EXPECT_EQ(registers[REG_RAX], 0x101);
    EXPECT_EQ(registers[REG_RBX], 0x202);
    EXPECT_EQ(registers[REG_RCX], 0x303);
    EXPECT_EQ(registers[REG_RDX], 0x404);
    EXPECT_EQ(registers[REG_RSI], 0x505);
    EXPECT_EQ(registers[REG_RDI], 0x606);
    EXPECT_EQ(registers[REG_R8], 0x808);
    EXPECT_EQ(registers[REG_R11], 0xb0b);
}
#define FAULT_AT(instructions)                                                                               \
    do {                                                                                                     \
        on_signal_info(SIGSEGV, leave, SA_ONSTACK);                                                          \
        memset(&last, 0, sizeof last);                                                                       \
        if (sigsetjmp(out, 1) == 0)                                                                          \
            __asm__ volatile(SET_REGISTERS instructions ::: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r11", "memory"); \
        EXPECT_EQ(last.si_signo, SIGSEGV);                                                                   \
    } while (0)

TEST(registers_at_a_fault) {
    static char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    ASSERT_OK(sigaltstack(&stack, NULL));
    greg_t fault_rip;

    FAULT_AT("jmp *0x10\n");
    expect_registers();
    EXPECT_EQ((long)last.si_addr, 0x10);
    FAULT_AT("mov $0x30, %%r8d\n call *(%%r8)\n");
    EXPECT_EQ((long)last.si_addr, 0x30);
    EXPECT_EQ(registers[REG_RCX], 0x303);
    FAULT_AT("mov $0x1000, %%r8d\n mov $0x808, %%r8d\n mov %%fs:0x7ffffff0, %%rax\n");
    expect_registers();
    // On a stack that is not there.
    FAULT_AT("mov $0x5000, %%esp\n push %%rax\n");
    expect_registers();
    EXPECT_EQ(registers[REG_RSP], 0x5000);
    EXPECT_EQ((long)last.si_addr, 0x4ff8);
    FAULT_AT("mov $0x5000, %%esp\n ret\n");
    expect_registers();
    EXPECT_EQ(registers[REG_RSP], 0x5000);
    EXPECT_EQ((long)last.si_addr, 0x5000);
    FAULT_AT("mov $0x5000, %%esp\n 1: call 1b\n");
    expect_registers();
    EXPECT_EQ(registers[REG_RSP], 0x5000);
    FAULT_AT("mov $0x5000, %%esp\n pop %%rax\n");
    expect_registers();
    EXPECT_EQ(registers[REG_RSP], 0x5000);
    FAULT_AT("mov $0x5000, %%esp\n mov 8(%%rsp), %%rax\n");
    expect_registers();
    EXPECT_EQ((long)last.si_addr, 0x5008);
    // The address that a return goes to.
    FAULT_AT("push $0x123\n ret\n");
    expect_registers();
    fault_rip = registers[REG_RIP];
    EXPECT_EQ((long)fault_rip, 0x123);
    EXPECT_EQ((long)last.si_addr, 0x123);

    stack.ss_flags = SS_DISABLE;
    ASSERT_OK(sigaltstack(&stack, NULL));
}

enum { FUNCTIONS = 300000 };
static unsigned char* functions;
static void* run_all(void* start) {
    long wrong = 0;
    for (int i = 0; i < 2 * FUNCTIONS; i++) {
        int which = (int)((i * 7L + (long)start * 1000) % FUNCTIONS);
        wrong += ((function)(functions + 8L * which))() != which;
    }
    return (void*)wrong;
}

// More functions than any code cache keeps, in several threads at once.
TEST(very_many_functions) {
    functions = map(8L * FUNCTIONS, PROT_READ | PROT_WRITE);
    ASSERT_TRUE(functions != NULL);
    for (int i = 0; i < FUNCTIONS; i++)
        put_function(functions + 8L * i, i);
    ASSERT_OK(mprotect(functions, 8L * FUNCTIONS, PROT_READ | PROT_EXEC));
    pthread_t threads[3];
    for (long i = 0; i < 3; i++)
        ASSERT_EQ(pthread_create(&threads[i], NULL, run_all, (void*)i), 0);
    for (int i = 0; i < 3; i++) {
        void* wrong = NULL;
        EXPECT_EQ(pthread_join(threads[i], &wrong), 0);
        EXPECT_EQ((long)wrong, 0);
    }
    munmap(functions, 8L * FUNCTIONS);
}
