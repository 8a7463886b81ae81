// Length and form of x86-64 instructions in 64-bit mode: what a same-ISA translator has to know of them. See the Intel SDM,
// volume 2, chapter 2 and appendix A, and the AMD64 APM, volume 3, chapter 1 (XOP, 3DNow!).
#pragma once

#include "base/types.hpp"

namespace engine::translate {

inline constexpr u32 kMaxInstructionBytes = 15;

enum class Encoding : u8 { Legacy, Vex2, Vex3, Xop, Evex };

inline constexpr u8 kNoRegister = 0xff;
inline constexpr u8 kRip = 0xfe;

// Properties of an opcode that matter beyond its form.
enum OpcodeFlags : u8 {
    kUsesStack = 1, // reads or writes rsp without naming it
    kControl = 2,   // is not, or not always, executed as it is: branches, calls into the kernel, segment loads
};

struct Instruction {
    u8 length;
    Encoding encoding;
    u8 map; // 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A; VEX, EVEX and XOP: as encoded
    u8 opcode;
    u8 flags; // OpcodeFlags

    u8 segment; // 0x64 or 0x65; 0: none that matters
    bool operand_16, address_32, rep, repne, lock;
    u8 rex;        // 0: none
    u8 form_offset; // of REX, VEX, XOP or EVEX; of the opcode when there is none
    u8 opcode_offset;

    bool has_modrm;
    bool has_memory;
    u8 modrm_offset;
    u8 modrm;
    u8 reg;    // ModRM.reg with its extension
    u8 rm;     // ModRM.rm with its extension, when it names a register
    u8 vvvv;   // the register that VEX.vvvv names; kNoRegister without VEX
    u8 base;   // kNoRegister, kRip, or the register
    u8 index;  // kNoRegister or the register (of vectors: the low four bits)
    u8 scale;  // 0..3
    u8 displacement_bytes; // 0, 1, 4
    u8 displacement_offset;
    i32 displacement;
    u8 immediate_bytes;
    u8 immediate_offset;

    u8 group() const { return (modrm >> 3) & 7; }
};

enum class Decoded : u8 {
    Ok,
    Truncated, // longer than what is there
    TooLong,   // than 15 bytes: #GP
    Invalid,   // not an instruction in 64-bit mode: #UD; `length` is that of what was read
};

Decoded decode(const u8* bytes, u32 available, Instruction& out);

} // namespace engine::translate
