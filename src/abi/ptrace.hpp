// ptrace(2): requests, options, events and register layouts (UAPI linux/ptrace.h, asm/ptrace-abi.h, asm/user_64.h, linux/elf.h).
#pragma once

#include <cstdint>

namespace abi {

inline constexpr uint64_t PTRACE_TRACEME = 0, PTRACE_PEEKTEXT = 1, PTRACE_PEEKDATA = 2, PTRACE_PEEKUSER = 3,
                          PTRACE_POKETEXT = 4, PTRACE_POKEDATA = 5, PTRACE_POKEUSER = 6, PTRACE_CONT = 7,
                          PTRACE_KILL = 8, PTRACE_SINGLESTEP = 9, PTRACE_GETREGS = 12, PTRACE_SETREGS = 13,
                          PTRACE_GETFPREGS = 14, PTRACE_SETFPREGS = 15, PTRACE_ATTACH = 16, PTRACE_DETACH = 17,
                          PTRACE_SYSCALL = 24, PTRACE_ARCH_PRCTL = 30, PTRACE_SETOPTIONS = 0x4200,
                          PTRACE_GETEVENTMSG = 0x4201, PTRACE_GETSIGINFO = 0x4202, PTRACE_SETSIGINFO = 0x4203,
                          PTRACE_GETREGSET = 0x4204, PTRACE_SETREGSET = 0x4205, PTRACE_SEIZE = 0x4206,
                          PTRACE_INTERRUPT = 0x4207, PTRACE_LISTEN = 0x4208, PTRACE_PEEKSIGINFO = 0x4209,
                          PTRACE_GETSIGMASK = 0x420a, PTRACE_SETSIGMASK = 0x420b, PTRACE_GET_SYSCALL_INFO = 0x420e;

inline constexpr uint32_t PTRACE_O_TRACESYSGOOD = 1, PTRACE_O_TRACEFORK = 1 << 1, PTRACE_O_TRACEVFORK = 1 << 2,
                          PTRACE_O_TRACECLONE = 1 << 3, PTRACE_O_TRACEEXEC = 1 << 4, PTRACE_O_TRACEVFORKDONE = 1 << 5,
                          PTRACE_O_TRACEEXIT = 1 << 6, PTRACE_O_TRACESECCOMP = 1 << 7, PTRACE_O_EXITKILL = 1 << 20,
                          PTRACE_O_MASK = 0xff | PTRACE_O_EXITKILL;

inline constexpr uint32_t PTRACE_EVENT_FORK = 1, PTRACE_EVENT_VFORK = 2, PTRACE_EVENT_CLONE = 3, PTRACE_EVENT_EXEC = 4,
                          PTRACE_EVENT_VFORK_DONE = 5, PTRACE_EVENT_EXIT = 6, PTRACE_EVENT_STOP = 128;

inline constexpr uint32_t NT_PRSTATUS = 1, NT_PRFPREG = 2, NT_X86_XSTATE = 0x202;

inline constexpr uint8_t PTRACE_SYSCALL_INFO_NONE = 0, PTRACE_SYSCALL_INFO_ENTRY = 1, PTRACE_SYSCALL_INFO_EXIT = 2;

struct user_regs_struct {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss,
        fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(user_regs_struct) == 27 * 8);

// Offsets in struct user, which PTRACE_PEEKUSER addresses.
inline constexpr uint64_t USER_DEBUG_REGISTERS = 848, USER_BYTES = 912;

struct ptrace_syscall_info {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t instruction_pointer, stack_pointer;
    union {
        struct {
            uint64_t nr, args[6];
        } entry;
        struct {
            int64_t rval;
            uint8_t is_error;
        } exit;
        uint64_t unused[8]; // the room of the seccomp variant
    };
};
static_assert(sizeof(ptrace_syscall_info) == 88);

} // namespace abi
