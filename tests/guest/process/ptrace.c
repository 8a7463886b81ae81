// ptrace(2): what debuggers and tracers rely on in one thread: its memory, registers, calls, signals and stops.
#include "ptrace.h"

#include <elf.h>
#include <sys/uio.h>

static volatile long g_value = 1234;

static void exit_by_value(void) { _exit((int)g_value); }

TEST(memory_is_read_and_written) {
    pid_t child = traced_child(exit_by_value);
    ASSERT_OK(child);
    long word = 0;
    EXPECT_OK(tracee(PTRACE_PEEKDATA, child, at((void*)&g_value), at(&word)));
    EXPECT_EQ(word, 1234L);
    EXPECT_OK(tracee(PTRACE_POKEDATA, child, at((void*)&g_value), 42));
    EXPECT_EQ(g_value, 1234L);
    EXPECT_ERRNO(tracee(PTRACE_PEEKDATA, child, 8, at(&word)), EIO);
    EXPECT_ERRNO(tracee(PTRACE_POKEDATA, child, 8, 1), EIO);
    // Constants can be written, too: that is how breakpoints get into text.
    static const long constant = 77;
    EXPECT_OK(tracee(PTRACE_POKETEXT, child, at(&constant), 78));
    EXPECT_OK(tracee(PTRACE_PEEKTEXT, child, at(&constant), at(&word)));
    EXPECT_EQ(word, 78L);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

TEST(memory_by_proc) {
    pid_t child = traced_child(exit_by_value);
    ASSERT_OK(child);
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mem", (int)child);
    int fd = open(name, O_RDWR);
    ASSERT_OK(fd);
    long word = 0;
    EXPECT_EQ(pread(fd, &word, sizeof word, (off_t)at((void*)&g_value)), (ssize_t)sizeof word);
    EXPECT_EQ(word, 1234L);
    // Text too, across a page border or not.
    unsigned char code[16], changed[16], back[16];
    EXPECT_EQ(pread(fd, code, sizeof code, (off_t)at((void*)exit_by_value)), (ssize_t)sizeof code);
    EXPECT_EQ(memcmp(code, (void*)exit_by_value, sizeof code), 0);
    memset(changed, 0xcc, sizeof changed);
    EXPECT_EQ(pwrite(fd, changed, sizeof changed, (off_t)at((void*)exit_by_value)), (ssize_t)sizeof changed);
    EXPECT_EQ(pread(fd, back, sizeof back, (off_t)at((void*)exit_by_value)), (ssize_t)sizeof back);
    EXPECT_EQ(memcmp(changed, back, sizeof back), 0);
    EXPECT_EQ(memcmp(code, (void*)exit_by_value, sizeof code), 0);
    close(fd);
    end(child);
}

static void report_call(void) {
    syscall(SYS_getppid);
    syscall(SYS_close, -1);
}

TEST(system_calls_are_shown) {
    pid_t child = traced_child(report_call);
    ASSERT_OK(child);
    EXPECT_OK(tracee(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
    int seen_getppid = 0, seen_close = 0, entry = 1;
    for (;;) {
        EXPECT_OK(tracee(PTRACE_SYSCALL, child, 0, 0));
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
            break;
        }
        ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
        struct user_regs_struct registers;
        ASSERT_OK(tracee(PTRACE_GETREGS, child, 0, at(&registers)));
        if (entry) {
            EXPECT_EQ((long)registers.rax, -(long)ENOSYS);
        } else if (registers.orig_rax == SYS_getppid) {
            seen_getppid = 1;
            EXPECT_EQ((long)registers.rax, (long)getpid());
        } else if (registers.orig_rax == SYS_close) {
            seen_close = 1;
            EXPECT_EQ((long)registers.rax, -(long)EBADF);
            EXPECT_EQ((int)registers.rdi, -1);
        }
        entry = !entry;
    }
    EXPECT_TRUE(seen_getppid && seen_close);
}

static void exit_by_getppid(void) { _exit((int)syscall(SYS_getppid)); }

// The tracer puts another result in place of a call's, having taken the call away.
TEST(a_call_is_replaced) {
    pid_t child = traced_child(exit_by_getppid);
    ASSERT_OK(child);
    struct user_regs_struct registers;
    int status = 0;
    do {
        ASSERT_OK(tracee(PTRACE_SYSCALL, child, 0, 0));
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSTOPPED(status));
        ASSERT_OK(tracee(PTRACE_GETREGS, child, 0, at(&registers)));
    } while (registers.orig_rax != SYS_getppid);
    registers.orig_rax = (unsigned long)-1;
    EXPECT_OK(tracee(PTRACE_SETREGS, child, 0, at(&registers)));
    EXPECT_OK(tracee(PTRACE_SYSCALL, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_OK(tracee(PTRACE_POKEUSER, child, offsetof(struct user_regs_struct, rax), 55));
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 55);
}

TEST(syscall_information) {
    pid_t child = traced_child(exit_by_getppid);
    ASSERT_OK(child);
    struct {
        uint8_t op, pad[3];
        uint32_t arch;
        uint64_t ip, sp, nr, args[6], spare[4];
    } information;
    memset(&information, 0, sizeof information);
    EXPECT_EQ(tracee(PTRACE_GET_SYSCALL_INFO, child, sizeof information, at(&information)), 24L);
    EXPECT_EQ(information.op, 0);
    EXPECT_EQ(information.arch, 0xc000003eu);
    EXPECT_OK(tracee(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD));
    int status = 0;
    do {
        ASSERT_OK(tracee(PTRACE_SYSCALL, child, 0, 0));
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSTOPPED(status));
        ASSERT_OK(tracee(PTRACE_GET_SYSCALL_INFO, child, sizeof information, at(&information)));
    } while (information.op != 1 || information.nr != SYS_getppid);
    EXPECT_OK(tracee(PTRACE_SYSCALL, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(tracee(PTRACE_GET_SYSCALL_INFO, child, sizeof information, at(&information)), 33L);
    EXPECT_EQ(information.op, 2);
    EXPECT_EQ((long)information.nr, (long)getpid()); // the result lies where the number lay
    end(child);
}

__attribute__((noinline)) static long three_steps(long a) {
    long result;
    __asm__ volatile(".globl ptrace_step_here\nmov %1, %0\n\tadd $1, %0\n\tadd $2, %0\n\tadd $3, %0" : "=&r"(result) : "r"(a));
    return result;
}

static void run_to_breakpoint(void) {
    __asm__ volatile("int3");
    _exit((int)three_steps(10));
}

TEST(breakpoints_and_steps) {
    pid_t child = traced_child(run_to_breakpoint);
    ASSERT_OK(child);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    siginfo_t info;
    EXPECT_OK(tracee(PTRACE_GETSIGINFO, child, 0, at(&info)));
    EXPECT_EQ(info.si_signo, SIGTRAP);
    EXPECT_EQ(info.si_code, SI_KERNEL);
    struct user_regs_struct before, after;
    int steps = 0;
    for (; steps < 2000; ++steps) {
        ASSERT_OK(tracee(PTRACE_GETREGS, child, 0, at(&before)));
        ASSERT_OK(tracee(PTRACE_SINGLESTEP, child, 0, 0));
        ASSERT_EQ(waitpid(child, &status, 0), child);
        if (WIFEXITED(status))
            break;
        ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
        ASSERT_OK(tracee(PTRACE_GETREGS, child, 0, at(&after)));
        EXPECT_TRUE(after.rip != before.rip);
        EXPECT_TRUE(!(after.eflags & 0x100));
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 16);
    EXPECT_TRUE(steps > 6);
}

static void wait_for_change(void) {
    while (g_value == 1234)
        ;
    _exit((int)g_value);
}

// A running thread is attached, changed, stepped over nothing, and let go.
TEST(attach_and_detach) {
    pid_t child = fork();
    if (child == 0)
        wait_for_change();
    ASSERT_OK(tracee(PTRACE_ATTACH, child, 0, 0));
    EXPECT_ERRNO(tracee(PTRACE_ATTACH, child, 0, 0), EPERM);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    char line[128], name[64];
    snprintf(name, sizeof name, "/proc/%d/status", (int)child);
    FILE* file = fopen(name, "r");
    int traced = 0, shown = 0;
    while (file && fgets(line, sizeof line, file)) {
        int pid;
        if (!strncmp(line, "State:\tt", 8))
            shown = 1;
        if (sscanf(line, "TracerPid: %d", &pid) == 1)
            traced = pid == getpid();
    }
    if (file)
        fclose(file);
    EXPECT_TRUE(traced);
    EXPECT_TRUE(shown);
    EXPECT_OK(tracee(PTRACE_POKEDATA, child, at((void*)&g_value), 9));
    EXPECT_OK(tracee(PTRACE_DETACH, child, 0, 0));
    EXPECT_ERRNO(tracee(PTRACE_CONT, child, 0, 0), ESRCH);
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

TEST(requests_need_a_stopped_tracee) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    struct user_regs_struct registers;
    EXPECT_ERRNO(tracee(PTRACE_GETREGS, child, 0, at(&registers)), ESRCH);
    EXPECT_ERRNO(tracee(PTRACE_CONT, child, 0, 0), ESRCH);
    EXPECT_ERRNO(tracee(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
    EXPECT_ERRNO(tracee(PTRACE_ATTACH, 1 << 22, 0, 0), ESRCH);
    EXPECT_OK(tracee(PTRACE_SEIZE, child, 0, 0));
    EXPECT_ERRNO(tracee(PTRACE_GETREGS, child, 0, at(&registers)), ESRCH);
    EXPECT_ERRNO(tracee(0x7777, child, 0, 0), ESRCH);
    int status = 0;
    // Until it has come to its call.
    do {
        usleep(1000);
        EXPECT_OK(tracee(PTRACE_INTERRUPT, child, 0, 0));
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_STOP << 8);
        ASSERT_OK(tracee(PTRACE_GETREGS, child, 0, at(&registers)));
        if (registers.orig_rax != SYS_pause)
            EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    } while (registers.orig_rax != SYS_pause);
    EXPECT_ERRNO(tracee(0x7777, child, 0, 0), EIO);
    EXPECT_ERRNO(tracee(PTRACE_CONT, child, 0, 1000), EIO);
    EXPECT_ERRNO(tracee(PTRACE_GETREGS, child, 0, 8), EFAULT);
    end(child);
}

static void raise_three(void) {
    signal(SIGUSR1, SIG_IGN);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGTERM);
    _exit(7);
}

// The tracer sees each signal, ignored ones too, and says what becomes of it.
TEST(signals_pass_the_tracer) {
    pid_t child = traced_child(raise_three);
    ASSERT_OK(child);
    int status = 0;
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, SIGUSR1));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR2);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0)); // taken away
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTERM);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, SIGHUP)); // another in its place
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
}

static void hold_in_registers(void) {
    double in = 1.5, out = 0;
    __asm__ volatile("movsd %1, %%xmm7\n\tint3\n\tmovsd %%xmm7, %0" : "=m"(out) : "m"(in) : "xmm7", "memory");
    _exit(out == 4.0 ? 30 : 31);
}

TEST(vector_registers) {
    pid_t child = traced_child(hold_in_registers);
    ASSERT_OK(child);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    struct user_fpregs_struct registers;
    ASSERT_OK(tracee(PTRACE_GETFPREGS, child, 0, at(&registers)));
    double value;
    memcpy(&value, &registers.xmm_space[7 * 4], sizeof value);
    EXPECT_TRUE(value == 1.5);
    value = 4.0;
    memcpy(&registers.xmm_space[7 * 4], &value, sizeof value);
    ASSERT_OK(tracee(PTRACE_SETFPREGS, child, 0, at(&registers)));
    // The extended set shows the same.
    static unsigned char state[16384] __attribute__((aligned(64)));
    struct iovec vector = {state, sizeof state};
    EXPECT_OK(tracee(PTRACE_GETREGSET, child, NT_X86_XSTATE, at(&vector)));
    EXPECT_TRUE(vector.iov_len >= 576);
    memcpy(&value, state + 160 + 7 * 16, sizeof value);
    EXPECT_TRUE(value == 4.0);
    EXPECT_OK(tracee(PTRACE_SETREGSET, child, NT_X86_XSTATE, at(&vector)));
    struct user_regs_struct general;
    vector = (struct iovec){&general, sizeof general};
    EXPECT_OK(tracee(PTRACE_GETREGSET, child, NT_PRSTATUS, at(&vector)));
    EXPECT_EQ(vector.iov_len, sizeof general);
    EXPECT_ERRNO(tracee(PTRACE_GETREGSET, child, 0x999, at(&vector)), EINVAL);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 30);
}

// A group stop of a seized process: told of, listened to, and continued.
TEST(group_stop_of_a_seized_process) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    ASSERT_OK(tracee(PTRACE_SEIZE, child, 0, 0));
    int status = 0;
    EXPECT_OK(kill(child, SIGSTOP));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status >> 8, SIGSTOP); // signal-delivery-stop
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, SIGSTOP));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status >> 8, SIGSTOP | PTRACE_EVENT_STOP << 8);
    EXPECT_OK(tracee(PTRACE_LISTEN, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, WNOHANG), 0);
    EXPECT_OK(kill(child, SIGCONT));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_STOP << 8);
    EXPECT_OK(tracee(PTRACE_CONT, child, 0, 0));
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status >> 8, SIGCONT);
    end(child);
}

TEST(a_stopped_tracee_can_be_killed) {
    pid_t child = traced_child(exit_by_value);
    ASSERT_OK(child);
    EXPECT_OK(kill(child, SIGKILL));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(strangers_may_not_trace) {
    if (getuid() != 0)
        SKIP("not root");
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    pid_t stranger = fork();
    if (stranger == 0) {
        if (setresuid(65534, 65534, 65534))
            _exit(1);
        _exit(tracee(PTRACE_ATTACH, child, 0, 0) == -1 && errno == EPERM ? 0 : 2);
    }
    int status = -1;
    EXPECT_EQ(waitpid(stranger, &status, 0), stranger);
    EXPECT_EQ(status, 0);
    end(child);
}
