// Translations against the processor: each sequence of instructions runs as it is and translated, from the same registers, flags and
// memory, and must leave the same behind. In every mode of the translator.
#include "translator_fixture.hpp"

using namespace translate_test;

namespace {

// One random instruction out of forms that a translation treats in different ways. They keep rbx, rsi and rsp pointing where they do.
TEST_F(TranslatorTest, RandomSequencesLeaveTheSameState) {
    std::mt19937 random(3);
    const auto pick = [&](u32 count) { return static_cast<u32>(random() % count); };
    // Registers that may become anything: not rbx, rsp, rsi.
    static constexpr u8 kFree[] = {0, 1, 2, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const auto any = [&] { return kFree[pick(sizeof(kFree))]; };
    const auto rex = [](u8 reg, u8 index, u8 base, bool wide) {
        return static_cast<u8>(0x40 | (wide ? 8 : 0) | (reg >= 8 ? 4 : 0) | (index >= 8 ? 2 : 0) | (base >= 8 ? 1 : 0));
    };
    // Of op r/m, r and op r, r/m: add or adc sbb and sub xor cmp, test, mov, xchg
    static constexpr u8 kOperations[] = {0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x03, 0x0b,
                                         0x13, 0x1b, 0x23, 0x2b, 0x33, 0x3b, 0x85, 0x89, 0x8b, 0x87};
    const u32 rounds = 4000;
    for (u32 round = 0; round < rounds; ++round) {
        m_length = 0;
        i32 pushed = 0;
        for (u32 count = 1 + pick(8); count; --count) {
            const u8 reg = any();
            const u8 low = reg & 7;
            const bool wide = pick(2);
            const u8 operation = kOperations[pick(sizeof(kOperations))];
            switch (pick(18)) {
            case 0: { // between registers
                const u8 other = any();
                append({rex(reg, 0, other, wide), operation, static_cast<u8>(0xc0 | low << 3 | (other & 7))});
                break;
            }
            case 1: // with memory at rip
                append({rex(reg, 0, 0, wide), operation, static_cast<u8>(0x05 | low << 3)});
                append_word(data_displacement(pick(512) * 8, 4));
                break;
            case 2: // the same with an immediate behind it
                append({0x48, 0x81, static_cast<u8>(0x05 | pick(8) << 3)});
                append_word(data_displacement(pick(512) * 8, 8));
                append_word(static_cast<u32>(random()));
                break;
            case 3: // lea at rip
                append({rex(reg, 0, 0, wide), 0x8d, static_cast<u8>(0x05 | low << 3)});
                append_word(data_displacement(pick(4096), 4));
                break;
            case 4: // vector load, arithmetic and store at rip
                append({0x0f, 0x28, 0x05});
                append_word(data_displacement(pick(255) * 16, 4));
                append({0x66, 0x0f, 0xef, 0x05});
                append_word(data_displacement(pick(255) * 16, 4));
                append({0x0f, 0x29, 0x05});
                append_word(data_displacement(pick(255) * 16, 4));
                break;
            case 5: // fs:0x28 and fs:(register)
                append({0x64, rex(reg, 0, 0, true), 0x8b, static_cast<u8>(0x04 | low << 3), 0x25, 0x28, 0, 0, 0});
                break;
            case 6: // memory at rbx with an index
                append({rex(reg, 0, 3, wide), operation, static_cast<u8>(0x44 | low << 3), 0x0b | 0x80, static_cast<u8>(pick(64))});
                append({0x83, 0xe1, 0x3f}); // and $63, %ecx: it is the index
                if (reg == 1)
                    break;
                break;
            case 7: // push and pop
                append({static_cast<u8>(reg >= 8 ? 0x41 : 0x40), static_cast<u8>(0x50 | low)});
                pushed += 1;
                break;
            case 8:
                if (!pushed)
                    break;
                append({static_cast<u8>(reg >= 8 ? 0x41 : 0x40), static_cast<u8>(0x58 | low)});
                if (reg == 1)
                    append({0x83, 0xe1, 0x3f});
                pushed -= 1;
                break;
            case 9: // memory at rsp
                append({rex(reg, 0, 0, wide), operation, static_cast<u8>(0x44 | low << 3), 0x24, static_cast<u8>(pick(16) * 8)});
                break;
            case 10: // in the red zone
                append({rex(reg, 0, 0, wide), operation, static_cast<u8>(0x44 | low << 3), 0x24, static_cast<u8>(-8 * static_cast<i32>(1 + pick(15)))});
                break;
            case 11: // mov and lea from rsp, add and sub of it
                append({rex(4, 0, reg, true), 0x89, static_cast<u8>(0xc0 | 4 << 3 | low)});
                append({rex(reg, 0, 0, true), 0x8d, static_cast<u8>(0x44 | low << 3), 0x24, static_cast<u8>(pick(128))});
                append({0x48, 0x83, 0xec, 0x10, 0x48, 0x83, 0xc4, 0x10});
                break;
            case 12: // pushf, popf through a register; push of memory and of an immediate
                append({0x9c, 0x58, 0x50, 0x9d});
                append({0xff, 0x33, 0x58});
                append({0x6a, 0xf8, 0x5f, 0x68, 1, 2, 3, 0x84, 0x5f});
                break;
            case 13: // a branch over one instruction
                append({static_cast<u8>(0x70 | pick(16)), 3, 0x48, 0xf7, 0xd0});
                break;
            case 14: // cmpxchg, xadd at rip with lock
                append({0xf0, rex(reg, 0, 0, wide), 0x0f, static_cast<u8>(pick(2) ? 0xb1 : 0xc1), static_cast<u8>(0x05 | low << 3)});
                append_word(data_displacement(pick(512) * 8, 4));
                break;
            case 15: // ah and bytes at rip
                append({0x00, 0x25});
                append_word(data_displacement(pick(4096), 4));
                append({0x8a, 0x3d}); // mov x(%rip), %bh would move rbx: restored below
                append_word(data_displacement(pick(4096), 4));
                append({0x48, 0xbb});
                {
                    const u64 rbx = reinterpret_cast<u64>(s_data) + 1024;
                    append_word(static_cast<u32>(rbx));
                    append_word(static_cast<u32>(rbx >> 32));
                }
                break;
            case 16: // movzx, movsxd, imul, cmov, bt with memory at rip
                append({rex(reg, 0, 0, true), 0x0f, static_cast<u8>(pick(2) ? 0xb6 : 0xaf), static_cast<u8>(0x05 | low << 3)});
                append_word(data_displacement(pick(512) * 8, 4));
                append({rex(reg, 0, 0, true), 0x63, static_cast<u8>(0x05 | low << 3)});
                append_word(data_displacement(pick(512) * 8, 4));
                break;
            case 17: // mul and shifts with memory at rip use rax, rdx and cl
                append({0x48, 0xf7, 0x25});
                append_word(data_displacement(pick(512) * 8, 4));
                append({0x48, 0xd3, 0x05});
                append_word(data_displacement(pick(512) * 8, 4));
                break;
            }
            // The index stays small.
            append({0x9c, 0x83, 0xe1, 0x3f, 0x9d});
        }
        // rsp is where it was.
        append({0x48, 0x8d, 0xa4, 0x24});
        append_word(static_cast<u32>(pushed * 8));
        ASSERT_LT(m_length, kMaxSourceBytes);
        check(start_state(random), text());
        if (HasFatalFailure())
            return;
    }
}

TEST_F(TranslatorTest, LoopsCountDown) {
    append({0xb9, 5, 0, 0, 0});       // mov $5, %ecx
    append({0xe3, 0x02, 0xeb, 0x00}); // jrcxz over a jump, jmp to the next instruction
    std::mt19937 random(4);
    m_length = 5;
    append({0xe3, 0x00, 0xe2, 0x00}); // both lead to what follows
    check(start_state(random), text());
}

TEST_F(TranslatorTest, CallsComeBack) {
    append({0xe8, 0x1e, 0, 0, 0});             // call f
    append({0x48, 0x8d, 0x05, 0x17, 0, 0, 0}); // lea f(%rip), %rax
    append({0xff, 0xd0});                      // call *%rax
    append({0x48, 0x89, 0x03, 0xff, 0x13});    // mov %rax, (%rbx); call *(%rbx)
    append({0x6a, 5, 0xe8, 0x0f, 0, 0, 0});    // push $5; call g
    append({0x48, 0x8d, 0x15, 0x0b, 0, 0, 0}); // lea end(%rip), %rdx
    append({0xff, 0xe2});                      // jmp *%rdx
    ASSERT_EQ(m_length, 0x23u);
    append({0x49, 0xff, 0xc0, 0x51, 0x59, 0xc3}); // f: inc %r8; push %rcx; pop %rcx; ret
    append({0xc2, 8, 0});                         // g: ret $8
    std::mt19937 random(6);
    for (u32 round = 0; round < 20; ++round) {
        State start = start_state(random);
        start.registers[4] = reinterpret_cast<u64>(s_stack) + kStackBytes / 2;
        m_red_zone = 0; // a call writes into what is below the callee's stack
        check(start, text());
        if (HasFatalFailure())
            return;
    }
}

// Entries of both tables: to their target, and on to the next entry for any other with the same index; registers and flags stay.
TEST_F(TranslatorTest, EntriesCompareTheWholeTarget) {
    std::mt19937 random(7);
    u8* const zone = s_near;
    static constexpr u8 kJump[] = {0xff, 0x25, 0, 0, 0, 0};
    memcpy(zone, kJump, sizeof(kJump));
    const u64 leave = reinterpret_cast<u64>(test_leave), out = reinterpret_cast<u64>(zone);
    memcpy(zone + 6, &leave, 8);
    s_jumps[0] = kReturnMask;
    s_jumps[1] = ~kReturnMask;
    const u64 masks = reinterpret_cast<u64>(s_jumps);
    for (const Setting& setting : kSettings) {
        const u32 bias = setting.mode.stack_bias;
        const u64 jumped = put_other_target(zone), returned = put_other_return(zone, bias);
        for (const u64 guest : {u64{0x12'3456}, u64{0x7fff'fff0}, u64{0x8000'0010}, u64{0x5555'5555'1230}, u64{0x7fff'ffff'fff8}}) {
            for (const u64 difference : {u64{0}, u64{1}, u64{4}, u64{1} << 16, u64{1} << 21, u64{1} << 31, u64{1} << 32, u64{1} << 46, u64{1} << 47, u64{1} << 63}) {
                for (const bool is_return : {false, true}) {
                    // What the table has compared.
                    if (difference & (is_return && setting.mode.has_extract ? kReturnMask : kHeads - 1))
                        continue;
                    u8* const code = zone + 256 + random() % 64;
                    translate_entry(guest, out, is_return, {out, out, out, out, jumped, returned, 0, 0, masks}, code, setting.mode, m_translation);
                    const u64 branch = reinterpret_cast<u64>(code) + m_translation.entry + other_target_offset(guest, is_return, setting.mode);
                    EXPECT_EQ(branch / 64, (branch + 3) / 64);
                    i32 to_next;
                    memcpy(&to_next, reinterpret_cast<void*>(branch), 4);
                    EXPECT_EQ(branch + 4 + static_cast<u64>(i64{to_next}), is_return ? returned : jumped);
                    State state = start_state(random);
                    const State start = state;
                    const u64 target = guest ^ difference;
                    // rcx is something else by then.
                    memcpy(s_block + LX_SLOT_REGISTER(kRcx), &state.registers[kRcx], 8);
                    state.registers[kRcx] = random();
                    const u64 none = 0;
                    memcpy(s_block + LX_SLOT_EXIT, &none, 8);
                    memcpy(s_block + LX_SLOT_TARGET, is_return ? &none : &target, 8);
                    if (is_return) {
                        state.registers[kRsp] -= 8;
                        memcpy(reinterpret_cast<void*>(state.registers[kRsp]), &target, 8);
                    }
                    test_enter(&state, reinterpret_cast<u64>(code) + m_translation.entry, bias);
                    EXPECT_EQ(state, start) << setting.name << std::hex << ", " << guest << " and " << target;
                    u64 exit;
                    memcpy(&exit, s_block + LX_SLOT_EXIT, 8);
                    EXPECT_EQ(exit, difference ? kIndirect : 0) << setting.name << std::hex << ", " << guest << " and " << target;
                    if (difference && is_return) {
                        u64 found;
                        memcpy(&found, s_block + LX_SLOT_TARGET, 8);
                        EXPECT_EQ(found, target);
                    }
                }
            }
        }
    }
}

// Steps: every instruction by itself, whatever it is.
TEST_F(TranslatorTest, StepsEndBehindOneInstruction) {
    append({0x90, 0xe8, 0, 0, 0, 0, 0x75, 0, 0xff, 0xd0, 0xc3, 0x9c, 0x9d, 0xf3, 0xa4});
    const u32 lengths[] = {1, 5, 2, 2, 1, 1, 1, 2};
    const Step kinds[] = {Step::Plain, Step::Plain, Step::Plain, Step::Plain, Step::Plain, Step::PushFlags, Step::PopFlags, Step::Plain};
    const u64 out = reinterpret_cast<u64>(s_near);
    u32 at = 0;
    for (u32 i = 0; i < 8; at += lengths[i++]) {
        Source source{kGuest + at, s_guest + at, m_length - at, false};
        source.is_step = true;
        translate(source, {out, out, out, out, out, out, 0x1000, 0x1000, 0x1000}, s_near + 64, s_near + (1 << 20), 0, {}, m_translation);
        EXPECT_EQ(m_translation.source_bytes, lengths[i]);
        EXPECT_EQ(m_translation.landing_count, 0u);
        EXPECT_EQ(m_translation.step, kinds[i]);
        for (u32 exit = 0; exit < m_translation.exit_count; ++exit)
            EXPECT_EQ(m_translation.exits[exit].kind, Exit::Jump);
    }
}

TEST_F(TranslatorTest, SourceThatEndsIsTranslatedUpToThere) {
    append({0x90, 0x48, 0x8b}); // nop, and half an instruction
    const u64 out = reinterpret_cast<u64>(s_near);
    translate({kGuest, s_guest, m_length, false}, {out, out, out, out, out, out, 0x1000, 0x1000, 0x1000}, s_near + 64, s_near + (1 << 20), 0, {}, m_translation);
    EXPECT_EQ(m_translation.source_bytes, 1u);
    translate({kGuest + 1, s_guest + 1, m_length - 1, false}, {out, out, out, out, out, out, 0x1000, 0x1000, 0x1000}, s_near + 64, s_near + (1 << 20), 0, {}, m_translation);
    EXPECT_EQ(m_translation.source_bytes, 0u);
}

TEST_F(TranslatorTest, BranchesLieWithinCacheLines) {
    std::mt19937 random(5);
    const u64 out = reinterpret_cast<u64>(s_near);
    for (u32 round = 0; round < 500; ++round) {
        m_length = 0;
        for (u32 i = 0; i < 12; ++i) {
            for (u32 pad = random() % 5; pad; --pad)
                append({0x90});
            if (i % 4 == 3)
                append({0xe8, static_cast<u8>(random()), 1, 0, 0});
            else
                append({static_cast<u8>(0x70 | random() % 16), static_cast<u8>(random())});
        }
        u8* code = s_near + 64 + 16 * (random() % 16);
        const Mode mode{false, random() % 2 ? 128u : 0u, random() % 2 == 0};
        translate({kGuest, s_guest, m_length, round % 2 == 0}, {out, out, out, out, out, out, 0x1000, 0x1000, 0x1000}, code, s_near + (1 << 20), 0, mode, m_translation);
        ASSERT_GE(m_translation.exit_count, 6u);
        for (u32 i = 0; i < m_translation.exit_count; ++i) {
            const u64 at = reinterpret_cast<u64>(code) + m_translation.exits[i].branch;
            ASSERT_EQ(at / 64, (at + 3) / 64);
        }
        for (u32 i = 0; i < m_translation.landing_count; ++i) {
            const u64 at = reinterpret_cast<u64>(code) + m_translation.landings[i].code + other_target_offset(kGuest, true, mode);
            ASSERT_EQ(at / 64, (at + 3) / 64);
        }
    }
}

// At each point of a translation of copied instructions the guest's rip is known.
TEST_F(TranslatorTest, PointsCoverTheTranslation) {
    append({0x90, 0x48, 0x8b, 0x05, 0, 1, 0, 0, 0x90, 0xe8, 0, 0, 0, 0});
    const u64 out = reinterpret_cast<u64>(s_far);
    translate({kGuest, s_guest, m_length, false}, {out, out, out, out, out, out, 0x1000, 0x1000, 0x1000}, s_far + 64, s_far + (1 << 20), 0, {}, m_translation);
    ASSERT_GT(m_translation.point_count, 3u);
    EXPECT_EQ(m_translation.points[0].host, 0u);
    for (u32 i = 1; i < m_translation.point_count; ++i) {
        EXPECT_GT(m_translation.points[i].host, m_translation.points[i - 1].host);
        EXPECT_LT(m_translation.points[i].host, m_translation.code_bytes);
    }
}

} // namespace
