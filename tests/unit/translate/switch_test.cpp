// Jumps through jump tables: the forms that compilers make, with every index, against the processor.
#include "translator_fixture.hpp"

using namespace translate_test;

namespace {

constexpr u32 kCases = 5, kTable = 0x7000; // in the guest's memory, where neither code nor data is

class SwitchTest : public TranslatorTest {
protected:
    // Appends cases that each change r8 in their own way and go on behind the last, and fills the table for
    // them.
    void append_cases(u32 entry_bytes) {
        constexpr u32 kCaseBytes = 9;
        for (u32 i = 0; i < kCases; ++i) {
            const u64 at = kGuest + m_length;
            const i32 distance = static_cast<i32>(at - (kGuest + kTable));
            memcpy(s_guest + kTable + i * entry_bytes,
                   entry_bytes == 8 ? static_cast<const void*>(&at) : &distance, entry_bytes);
            append({0x49, 0x81, 0xf0, static_cast<u8>(i + 1), 2, 3, 4, 0xeb,
                    static_cast<u8>((kCases - 1 - i) * kCaseBytes)}); // xor, jmp
        }
    }
    void lea_table(u8 reg) {
        append({static_cast<u8>(reg >= 8 ? 0x4c : 0x48), 0x8d, static_cast<u8>(0x05 | (reg & 7) << 3)});
        append_word(kTable - (m_length + 4));
    }
    // With indices within the table and behind it; `skips`: those leave the sequence before the jump. The
    // index is in eax.
    void check_all(const std::string& what) {
        std::mt19937 random(9);
        for (u32 round = 0; round < 24; ++round) {
            State start = start_state(random);
            start.registers[0] = (start.registers[0] & ~u64{0xffff'ffff}) | round % 8;
            check(start, what);
            if (HasFatalFailure())
                return;
        }
        EXPECT_GT(m_switches_taken, 0u) << what;
    }
    // cmp $4, %eax; ja to what follows the cases; mov %eax, %eax
    void append_bound(u32 bytes_to_cases) {
        append({0x83, 0xf8, kCases - 1, 0x77, static_cast<u8>(2 + bytes_to_cases + kCases * 9), 0x89, 0xc0});
    }
};

TEST_F(SwitchTest, RelativeEntriesWhoseIndexStays) {
    append_bound(7 + 4 + 3 + 2);
    lea_table(2);
    append({0x48, 0x63, 0x0c, 0x82});       // movslq (%rdx,%rax,4), %rcx
    append({0x48, 0x01, 0xd1, 0xff, 0xe1}); // add %rdx, %rcx; jmp *%rcx
    append_cases(4);
    check_all(text());
}

TEST_F(SwitchTest, RelativeEntriesThatReplaceTheIndex) {
    append_bound(7 + 4 + 3 + 3);
    lea_table(2);
    append({0x48, 0x63, 0x04, 0x82});             // movslq (%rdx,%rax,4), %rax
    append({0x48, 0x01, 0xd0, 0x3e, 0xff, 0xe0}); // add %rdx, %rax; notrack jmp *%rax
    append_cases(4);
    check_all(text());
}

TEST_F(SwitchTest, RelativeEntriesWithHighRegisters) {
    append_bound(3 + 7 + 4 + 3 + 3);
    append({0x41, 0x89, 0xc2}); // mov %eax, %r10d
    lea_table(11);
    append({0x4f, 0x63, 0x14, 0x93});             // movslq (%r11,%r10,4), %r10
    append({0x4d, 0x01, 0xda, 0x41, 0xff, 0xe2}); // add %r11, %r10; jmp *%r10
    append_cases(4);
    check_all(text());
}

TEST_F(SwitchTest, WholeEntriesInTheJump) {
    append_bound(7 + 3);
    lea_table(2);
    append({0xff, 0x24, 0xc2}); // jmp *(%rdx,%rax,8)
    append_cases(8);
    check_all(text());
}

TEST_F(SwitchTest, WholeEntriesThatReplaceTheIndex) {
    append_bound(7 + 4 + 2);
    lea_table(2);
    append({0x48, 0x8b, 0x04, 0xc2, 0xff, 0xe0}); // mov (%rdx,%rax,8), %rax; jmp *%rax
    append_cases(8);
    check_all(text());
}

TEST_F(SwitchTest, WordsNearRip) {
    append({0xff, 0x25}); // jmp *word(%rip), over the next instruction
    append_word(kTable - (m_length + 4));
    append({0x49, 0xff, 0xc0}); // inc %r8
    const u64 next = kGuest + m_length;
    append({0x49, 0x83, 0xc1, 0x05}); // add $5, %r9
    memcpy(s_guest + kTable, &next, 8);
    std::mt19937 random(12);
    check(start_state(random), text());
    EXPECT_GT(m_switches_taken, 0u);
}

// The same instructions where the index is not known to be small, or the table's address not to be constant:
// they are jumps as any other.
TEST_F(SwitchTest, UnboundedIndicesAreNoSwitch) {
    append({0x83, 0xe0, 0x03, 0x83, 0xc0,
            0x00}); // and $3, %eax; add $0, %eax: bounded no more, for all that is known
    lea_table(2);
    append({0x48, 0x8b, 0x04, 0xc2, 0xff, 0xe0});
    append_cases(8);
    std::mt19937 random(10);
    check(start_state(random), text());
    EXPECT_EQ(m_switches_taken, 0u);
}

TEST_F(SwitchTest, TablesBehindCallsAreNoSwitch) {
    lea_table(2);
    append({0x83, 0xe0, 0x03});    // and $3, %eax
    append({0xe8, 0x00, 0, 0, 0}); // call the next instruction, which a return could have led to as well
    append({0x59, 0x48, 0x8b, 0x04, 0xc2, 0xff, 0xe0}); // pop %rcx
    append_cases(8);
    std::mt19937 random(11);
    State start = start_state(random);
    start.registers[4] = reinterpret_cast<u64>(s_stack) + kStackBytes / 2;
    m_red_zone = 0;
    check(start, text());
    EXPECT_EQ(m_switches_taken, 0u);
}

} // namespace
