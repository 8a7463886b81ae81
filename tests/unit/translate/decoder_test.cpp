// The decoder against Zydis, on random bytes that look like instructions.
#include "engine/translate/decoder.hpp"

#include <Zydis/Zydis.h>
#include <gtest/gtest.h>

#include <random>

namespace {

using namespace engine::translate;

std::string hex(const u8* bytes, usize count) {
    std::string text;
    char part[4];
    for (usize i = 0; i < count; ++i) {
        snprintf(part, sizeof(part), "%02x ", bytes[i]);
        text += part;
    }
    return text;
}

u8 register_number(ZydisRegister name) {
    if (name == ZYDIS_REGISTER_NONE)
        return kNoRegister;
    if (name == ZYDIS_REGISTER_RIP || name == ZYDIS_REGISTER_EIP)
        return kRip;
    return static_cast<u8>(ZydisRegisterGetId(name) & 15);
}

// Random bytes, many of them prefixes, escapes and opcodes of the maps behind them.
void make_instruction(std::mt19937& random, u8* bytes) {
    static constexpr u8 kPrefixes[] = {0x66, 0xf2, 0xf3, 0x64, 0x65, 0x67, 0x2e, 0xf0, 0x48, 0x41, 0x4c, 0x44};
    for (u32 i = 0; i < kMaxInstructionBytes; ++i)
        bytes[i] = static_cast<u8>(random());
    u32 at = 0;
    for (u32 count = random() % 4; at < count && random() % 2; ++at)
        bytes[at] = kPrefixes[random() % sizeof(kPrefixes)];
    switch (random() % 10) {
    case 0: bytes[at] = 0x0f; break;
    case 1: bytes[at] = 0x0f, bytes[at + 1] = 0x38; break;
    case 2: bytes[at] = 0x0f, bytes[at + 1] = 0x3a; break;
    case 3: bytes[at] = 0xc4, bytes[at + 1] = static_cast<u8>((random() & 0xe0) | (1 + random() % 3)); break;
    case 4: bytes[at] = 0xc5; break;
    case 5:
        bytes[at] = 0x62, bytes[at + 1] = static_cast<u8>((random() & 0xf0) | (1 + random() % 6));
        bytes[at + 2] |= 4;
        break;
    default: break;
    }
}

TEST(Decoder, AgreesWithZydis) {
    ZydisDecoder reference;
    ASSERT_TRUE(ZYAN_SUCCESS(ZydisDecoderInit(&reference, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
    std::mt19937 random(7);
    u64 compared = 0;
    for (u32 round = 0; round < 3'000'000; ++round) {
        u8 bytes[kMaxInstructionBytes];
        make_instruction(random, bytes);
        ZydisDecodedInstruction expected;
        ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&reference, bytes, sizeof(bytes), &expected, operands)))
            continue;
        // Zydis takes 66 before a near branch as AMD's processors do; the decoder as Intel's.
        if (expected.meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR && expected.operand_width == 16)
            continue;
        // Of a coprocessor that never ran Linux programs of this ABI.
        if (expected.meta.isa_set >= ZYDIS_ISA_SET_KNCE && expected.meta.isa_set <= ZYDIS_ISA_SET_KNC_PF_HINT)
            continue;
        Instruction got;
        const Decoded result = decode(bytes, sizeof(bytes), got);
        ASSERT_EQ(result, Decoded::Ok) << hex(bytes, sizeof(bytes));
        ASSERT_EQ(got.length, expected.length) << hex(bytes, sizeof(bytes));
        if (expected.opcode_map != ZYDIS_OPCODE_MAP_0F0F) { // 3DNow! has its opcode at the end
            ASSERT_EQ(got.opcode, expected.opcode) << hex(bytes, sizeof(bytes));
        }
        ++compared;
        // Shorter input must be found short, never read past.
        for (u32 length = 0; length < got.length; ++length) {
            Instruction part;
            ASSERT_EQ(decode(bytes, length, part), Decoded::Truncated) << hex(bytes, length);
        }
        const ZydisDecodedOperand* memory = nullptr;
        for (u32 i = 0; i < expected.operand_count_visible; ++i)
            if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY && operands[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM)
                memory = &operands[i];
        // reserved nops have a register form only in Zydis, and so on: memory is compared where both see it
        if (!memory)
            continue;
        ASSERT_TRUE(got.has_memory) << hex(bytes, sizeof(bytes));
        // Zydis 4.0.0 takes SIB.base 5 without a base for r13 when REX.B is set; processors and binutils do not.
        if (!(expected.raw.modrm.mod == 0 && expected.raw.modrm.rm == 4 && expected.raw.sib.base == 5)) {
            ASSERT_EQ(got.base, register_number(memory->mem.base)) << hex(bytes, sizeof(bytes));
        }
        if (memory->mem.index != ZYDIS_REGISTER_NONE) {
            ASSERT_EQ(got.index, register_number(memory->mem.index)) << hex(bytes, sizeof(bytes));
            if (memory->mem.type != ZYDIS_MEMOP_TYPE_MIB) {
                ASSERT_EQ(1 << got.scale, memory->mem.scale) << hex(bytes, sizeof(bytes));
            }
        }
        const bool is_segment = memory->mem.segment == ZYDIS_REGISTER_FS || memory->mem.segment == ZYDIS_REGISTER_GS;
        if (memory->mem.type == ZYDIS_MEMOP_TYPE_MEM) {
            ASSERT_EQ(got.segment != 0, is_segment) << hex(bytes, sizeof(bytes));
        }
    }
    EXPECT_GT(compared, 500'000u);
}

} // namespace
