// What a signal handler finds on its stack on x86-64 and rt_sigreturn(2) reads back: the frame, ucontext and
// the floating-point state.
#pragma once

#include <cstddef>
#include <cstdint>

#include "signal.hpp"

namespace abi {

// Sits in the last 48 bytes of the FXSAVE image, which the processor leaves to software.
struct _fpx_sw_bytes {
    uint32_t magic1;
    uint32_t extended_size;  // whole state including the trailing FP_XSTATE_MAGIC2
    uint64_t xfeatures;
    uint32_t xstate_size;
    uint32_t padding[7];
};
static_assert(sizeof(_fpx_sw_bytes) == 48);
inline constexpr uint32_t FP_XSTATE_MAGIC1 = 0x46505853;
inline constexpr uint32_t FP_XSTATE_MAGIC2 = 0x46505845;
inline constexpr uint32_t FP_XSTATE_MAGIC2_SIZE = 4;

struct _fpstate {
    uint16_t cwd;
    uint16_t swd;
    uint16_t twd;
    uint16_t fop;
    uint64_t rip;
    uint64_t rdp;
    uint32_t mxcsr;
    uint32_t mxcsr_mask;
    uint32_t st_space[32];
    uint32_t xmm_space[64];
    uint32_t reserved2[12];
    union {
        uint32_t reserved3[12];
        _fpx_sw_bytes sw_reserved;
    };
};
static_assert(sizeof(_fpstate) == 512 && offsetof(_fpstate, sw_reserved) == 464);

struct _xstate_header {
    uint64_t xfeatures;
    uint64_t reserved1[2];
    uint64_t reserved2[5];
};
static_assert(sizeof(_xstate_header) == 64);

struct sigcontext {
    uint64_t r8;
    uint64_t r9;
    uint64_t r10;
    uint64_t r11;
    uint64_t r12;
    uint64_t r13;
    uint64_t r14;
    uint64_t r15;
    uint64_t rdi;
    uint64_t rsi;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t rdx;
    uint64_t rax;
    uint64_t rcx;
    uint64_t rsp;
    uint64_t rip;
    uint64_t eflags;
    uint16_t cs;
    uint16_t gs;
    uint16_t fs;
    uint16_t ss;
    uint64_t err;
    uint64_t trapno;
    uint64_t oldmask;
    uint64_t cr2;
    uint64_t fpstate;  // user address of the _fpstate, 64-byte aligned
    uint64_t reserved1[8];
};
static_assert(sizeof(sigcontext) == 256 && offsetof(sigcontext, rip) == 128 &&
              offsetof(sigcontext, fpstate) == 184);

// The mask comes last and is 8 bytes here; the C library's structure reserves 128 for it and goes on.
struct ucontext {
    uint64_t uc_flags;
    uint64_t uc_link;
    stack_t uc_stack;
    sigcontext uc_mcontext;
    sigset_t uc_sigmask;
};
static_assert(sizeof(ucontext) == 304 && offsetof(ucontext, uc_mcontext) == 40 &&
              offsetof(ucontext, uc_sigmask) == 296);
inline constexpr uint64_t UC_FP_XSTATE = 1;
inline constexpr uint64_t UC_SIGCONTEXT_SS = 2;
inline constexpr uint64_t UC_STRICT_RESTORE_SS = 4;

// At handler entry rsp points at pretcode, so rsp + 8 is a multiple of 16 as after a call.
struct rt_sigframe {
    uint64_t pretcode;
    ucontext uc;
    siginfo info;
};
static_assert(sizeof(rt_sigframe) == 440 && offsetof(rt_sigframe, info) == 312);

// Below rsp a leaf function may keep data: a frame goes beneath it.
inline constexpr uint64_t RED_ZONE_SIZE = 128;

}  // namespace abi
