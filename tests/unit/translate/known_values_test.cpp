// What is said of registers, against what the processor makes of them: random sequences of the instructions
// that are known, and of others.
#include "engine/translate/known_values.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <random>
#include <vector>

namespace {

using namespace engine::translate;

constexpr u8 kRegisters[] = {0, 1, 2, 8, 9}; // rax, rcx, rdx, r8, r9

class Sequence {
public:
    void add(std::initializer_list<u8> bytes) { m_bytes.insert(m_bytes.end(), bytes); }
    void add_word(u32 value) {
        for (u32 i = 0; i < 4; ++i)
            m_bytes.push_back(static_cast<u8>(value >> 8 * i));
    }
    // ja or jae to where the sequence is given up.
    void leave_if(u8 condition) {
        add({0x0f, static_cast<u8>(0x80 | condition)});
        m_leaves.push_back(static_cast<u32>(m_bytes.size()));
        add_word(0);
    }
    const std::vector<u8>& bytes() const { return m_bytes; }

    // Lays down at `at` a function that takes five registers from an array, goes through the sequence and
    // puts them back; it returns 1, or 0 when it was left.
    void write(u8* at) const {
        u8* out = at;
        const auto put = [&](std::initializer_list<u8> bytes) {
            for (const u8 byte : bytes)
                *out++ = byte;
        };
        for (u8 i = 0; i < 5; ++i) // mov i * 8(%rdi), register
            put({static_cast<u8>(kRegisters[i] >= 8 ? 0x4c : 0x48), 0x8b,
                 static_cast<u8>(0x47 | (kRegisters[i] & 7) << 3), static_cast<u8>(i * 8)});
        u8* const body = out;
        memcpy(body, m_bytes.data(), m_bytes.size());
        out += m_bytes.size();
        for (u8 i = 0; i < 5; ++i)
            put({static_cast<u8>(kRegisters[i] >= 8 ? 0x4c : 0x48), 0x89,
                 static_cast<u8>(0x47 | (kRegisters[i] & 7) << 3), static_cast<u8>(i * 8)});
        put({0xb8, 1, 0, 0, 0, 0xc3}); // mov $1, %eax; ret
        for (const u32 leave : m_leaves) {
            const u32 distance = static_cast<u32>(out - (body + leave + 4));
            memcpy(body + leave, &distance, 4);
        }
        put({0x31, 0xc0, 0xc3}); // xor %eax, %eax; ret
    }

private:
    std::vector<u8> m_bytes;
    std::vector<u32> m_leaves;
};

TEST(KnownValuesTest, AreAsTheProcessorHasThem) {
    u8* const code = static_cast<u8*>(
        mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(code, MAP_FAILED);
    std::mt19937 random(5);
    const auto pick = [&](u32 count) { return static_cast<u32>(random() % count); };
    u32 finished = 0, bounded = 0;
    for (u32 round = 0; round < 200'000; ++round) {
        Sequence sequence;
        for (u32 count = 1 + pick(8); count; --count) {
            const u8 reg = kRegisters[pick(5)], rm = kRegisters[pick(5)];
            const u8 modrm = static_cast<u8>(0xc0 | (reg & 7) << 3 | (rm & 7));
            const u8 extensions = static_cast<u8>((reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0));
            const u8 rex = static_cast<u8>(0x40 | extensions | (pick(2) ? 8 : 0));
            const u8 value = static_cast<u8>(pick(2) ? pick(16) : random());
            const u8 group = static_cast<u8>(0xc0 | pick(8) << 3 | (rm & 7));
            const u8 on_rm = static_cast<u8>(rex & ~4); // ModRM.reg is an opcode
            switch (pick(16)) {
            case 0:
                sequence.add({rex, static_cast<u8>(pick(2) ? 0x89 : 0x8b), modrm});
                break;
            case 1:
                sequence.add({rex, 0x0f, static_cast<u8>(pick(2) ? 0xb6 : 0xb7), modrm});
                break;
            case 2:
                sequence.add({0x0f, 0xb6, static_cast<u8>(0xc0 | pick(3) << 3 | (4 + pick(3)))});
                break; // of ah, ch or dh
            case 3:
                sequence.add({on_rm, 0x83, group, value});
                break;
            case 4:
                sequence.add({on_rm, 0x80, group, value});
                break;
            case 5:
                sequence.add({0x80, static_cast<u8>(0xc0 | pick(8) << 3 | (4 + pick(3))), value});
                break;
            case 6:
                sequence.add({0x66, on_rm, 0x83, group, value});
                break;
            case 7: // a comparison that bounds
            case 8:
            case 9: {
                const u32 kind = pick(5);
                const u8 compare = static_cast<u8>(0xf8 | (rm & 7));
                if (kind == 0)
                    sequence.add({on_rm, 0x80, compare, value});
                else if (kind == 1)
                    sequence.add({0x3c, value}); // %al
                else if (kind == 2)
                    sequence.add({0x66, on_rm, 0x83, compare, value});
                else
                    sequence.add({on_rm, 0x83, compare, value});
                if (pick(4) == 0)
                    sequence.add({rex, 0x8b, modrm}); // flags stay
                sequence.leave_if(pick(2) ? 7 : 3);
                break;
            }
            case 10:
                sequence.add({rex, static_cast<u8>(pick(8) << 3 | 1 | pick(2) << 1), modrm});
                break; // arithmetic between registers
            case 11:
                sequence.add({static_cast<u8>(0x40 | (rm >= 8 ? 1 : 0)),
                              static_cast<u8>((pick(2) ? 0xb8 : 0xb0) | (rm & 7))});
                if (sequence.bytes().back() >= 0xb8)
                    sequence.add_word(pick(2) ? pick(300) : static_cast<u32>(random()));
                else
                    sequence.add({value});
                break;
            case 12:
                sequence.add({on_rm, static_cast<u8>(pick(2) ? 0xc1 : 0xc0), group, value});
                break; // shifts
            case 13:
                sequence.add({rex, 0x0f, static_cast<u8>((pick(2) ? 0x40 : 0x90) | pick(16)), modrm});
                break; // cmov, set
            case 14: {
                static constexpr u8 kOthers[] = {0x63, 0x88, 0x8a, 0x85, 0x84, 0x87, 0x86};
                sequence.add({rex, kOthers[pick(sizeof(kOthers))], modrm});
                break;
            }
            case 15: {
                static constexpr u8 kOthers[] = {0xaf, 0xbe, 0xbf, 0xbc, 0xbd, 0xa3, 0xc1, 0xb1, 0x6e};
                sequence.add({rex, 0x0f, kOthers[pick(sizeof(kOthers))], modrm});
                break;
            }
            }
        }
        sequence.write(code);
        u64 registers[5];
        for (u64& value : registers)
            value = pick(2) ? (u64{random()} << 32) | random() : pick(32);
        const KnownValues known(0x1000, sequence.bytes().data(), static_cast<u32>(sequence.bytes().size()));
        if (!reinterpret_cast<int (*)(u64*)>(code)(registers))
            continue;
        ++finished;
        for (u32 i = 0; i < 5; ++i) {
            const KnownValues::Value& value = known.of(kRegisters[i]);
            bounded += value.most < 256;
            ASSERT_LE(registers[i], value.most) << "round " << round;
            ASSERT_LE(registers[i] & 0xff, value.most_of_low[0]) << "round " << round;
            ASSERT_LE(registers[i] & 0xffff, value.most_of_low[1]) << "round " << round;
            ASSERT_LE(registers[i] & 0xffff'ffff, value.most_of_low[2]) << "round " << round;
            if (value.is_constant) {
                ASSERT_EQ(registers[i], value.address) << "round " << round;
            }
        }
    }
    // Both have been seen often.
    EXPECT_GT(finished, 50'000u);
    EXPECT_GT(bounded, 20'000u);
    munmap(code, 1 << 16);
}

TEST(KnownValuesTest, AddressesNearRip) {
    static constexpr u8 kCode[] = {0x48, 0x8d, 0x15, 0x10, 0, 0, 0, 0x90}; // lea 0x10(%rip), %rdx; nop
    const KnownValues known(0x5000, kCode, sizeof(kCode));
    EXPECT_TRUE(known.of(2).is_constant);
    EXPECT_EQ(known.of(2).address, 0x5017u);
    EXPECT_FALSE(known.of(0).is_constant);
}

TEST(KnownValuesTest, CallsForget) {
    static constexpr u8 kCode[] = {0x83, 0xe0, 0x03, 0xe8, 0,   0,
                                   0,    0,    0x83, 0xe1, 0x07}; // and $3, %eax; call; and $7, %ecx
    const KnownValues known(0x5000, kCode, sizeof(kCode));
    EXPECT_EQ(known.of(0).most, ~u64{0});
    EXPECT_EQ(known.of(1).most, 7u);
    EXPECT_EQ(known.holds_from(), 8u);
}

} // namespace
