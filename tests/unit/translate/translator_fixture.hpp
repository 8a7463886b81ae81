// Runs instructions as they are and translated, from the same registers, flags and memory, in every mode of
// the translator.
#pragma once

#include "engine/translate/decoder.hpp"
#include "engine/translate/emitter.hpp"
#include "engine/translate/lookup.hpp"
#include "engine/translate/slots.hpp"
#include "engine/translate/translator.hpp"

#include <asm/prctl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace translate_test {

using namespace engine::translate;

struct State {
    u64 registers[16]; // in the processor's order; rsp is set by the harness
    u64 flags;
    bool operator==(const State&) const = default;
};

// Enters code with the state's registers and returns when it jumps to leave_code; rsp: in the state, less
// `bias`.
extern "C" void test_enter(State* state, u64 code, u64 bias);
extern "C" char test_leave[];

struct Setting {
    const char* name;
    bool far, may_change;
    Mode mode;
};
inline constexpr Setting kSettings[] = {{"near", false, false, {false, 0, true}},
                                        {"near, pext", false, false, {false, 0, true, true}},
                                        {"old processor", false, false, {}},
                                        {"far", true, false, {}},
                                        {"far rewriting fs", true, false, {true, 0, true}},
                                        {"bias", false, false, {false, 256, true, true}},
                                        {"bias, old processor", false, false, {false, 256, false}},
                                        {"small bias", false, false, {false, 64, true}},
                                        {"far, all", true, true, {true, 256, true}},
                                        {"checked", false, true, {}}};

inline u8* map_at(u64 hint, usize length, int protection) {
    void* at = mmap(reinterpret_cast<void*>(hint), length, protection,
                    MAP_PRIVATE | MAP_ANONYMOUS | (hint ? MAP_FIXED_NOREPLACE : 0), -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<u8*>(at);
}

class TranslatorTest : public testing::Test {
protected:
    static constexpr u64 kGuest = 0x5000'0000'0000, kNear = kGuest + 0x1000'0000, kFar = 0x5a00'0000'0000;
    static constexpr usize kTableWords = kHeads + kMaxReturnHeads + 512; // the last two are masks
    static constexpr usize kDataBytes = 4096, kStackBytes = 8192;

    static void SetUpTestSuite() {
        if (s_guest) // for another suite
            return;
        constexpr int kAll = PROT_READ | PROT_WRITE | PROT_EXEC;
        s_guest = map_at(kGuest, 1 << 16, kAll);
        s_near = map_at(kNear, 1 << 20, kAll);
        s_far = map_at(kFar, 1 << 20, kAll);
        s_jumps = reinterpret_cast<u64*>(map_at(0x1000'0000, kTableWords * 8, PROT_READ | PROT_WRITE));
        ASSERT_TRUE(s_guest && s_near && s_far && s_jumps);
        s_returns = s_jumps + kHeads;
        s_data = s_guest + 0x8000;
        s_stack = s_guest + 0xa000;
        // What the kernel keeps for a thread, as far as translated code knows it; FS's replacement is found
        // here, too.
        u8* block = s_block;
        ASSERT_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, block), 0);
        memcpy(block + LX_SLOT_GUEST_GS, &s_segment, 8);
        u64 fs;
        ASSERT_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs), 0);
        memcpy(block + LX_SLOT_GUEST_FS, &fs, 8);
    }

    // Runs what lies at s_guest up to `length` and jumps to test_leave.
    struct Outcome {
        State state;
        std::vector<u8> data, stack;
        bool operator==(const Outcome&) const = default;
    };

    Outcome run_natively(const State& start) {
        u8* at = s_guest + m_length;
        static constexpr u8 kJump[] = {0xff, 0x25, 0, 0, 0, 0}; // jmp *0(%rip)
        memcpy(at, kJump, sizeof(kJump));
        const u64 leave = reinterpret_cast<u64>(test_leave);
        memcpy(at + 6, &leave, 8);
        Outcome outcome = begin(start);
        test_enter(&outcome.state, kGuest, 0);
        finish(outcome);
        return outcome;
    }

    Outcome run_translated(const State& start, const Setting& setting) {
        u8* zone = setting.far ? s_far : s_near;
        // Everything that leaves a translation ends up here.
        static constexpr u8 kJump[] = {0xff, 0x25, 0, 0, 0, 0};
        memcpy(zone, kJump, sizeof(kJump));
        const u64 leave = reinterpret_cast<u64>(test_leave);
        memcpy(zone + 6, &leave, 8);
        const u64 out = reinterpret_cast<u64>(zone);
        const u64 jumps = reinterpret_cast<u64>(s_jumps), returns = reinterpret_cast<u64>(s_returns);
        const Glue glue{out,
                        out,
                        out,
                        out,
                        put_other_target(zone),
                        put_other_return(zone, setting.mode.stack_bias),
                        jumps,
                        returns,
                        reinterpret_cast<u64>(s_jumps + kTableWords - 2)};
        std::fill_n(s_jumps, kHeads, glue.other_target);
        std::fill_n(s_returns, kMaxReturnHeads, glue.other_return);
        s_jumps[kTableWords - 2] = kReturnMask;
        s_jumps[kTableWords - 1] = ~kReturnMask;
        s_jumps[kTableWords - 3] = reinterpret_cast<u64>(zone) + 96;
        s_jumps[kTableWords - 4] = out;
        Outcome outcome = begin(start);
        // From exit to exit, as the engine goes when nothing is linked.
        for (u64 at = kGuest; at != kGuest + m_length;) {
            const u32 offset = static_cast<u32>(at - kGuest);
            Source source{at, s_guest + offset, m_length - offset, setting.may_change};
            source.find_switch = find_switch;
            translate(source, glue, zone + kCode, zone + (1 << 20), 0, setting.mode, m_translation);
            EXPECT_GT(m_translation.source_bytes, 0u) << setting.name;
            test_enter(&outcome.state, reinterpret_cast<u64>(zone) + kCode + m_translation.direct,
                       setting.mode.stack_bias);
            u64 exit;
            memcpy(&exit, s_block + LX_SLOT_EXIT, 8);
            if (exit == kSwitch) {
                u64& rcx = outcome.state.registers[1];
                const Switch& key = s_switch;
                const u64 index = key.index == kNoRegister ? 0 : outcome.state.registers[key.index];
                EXPECT_LT(index, key.count) << setting.name;
                if (key.is_kept)
                    memcpy(&rcx, s_block + LX_SLOT_REGISTER(1), 8);
                at = case_at(index);
                ++m_switches_taken;
                continue;
            }
            if (exit == kIndirect) {
                memcpy(&at, s_block + LX_SLOT_TARGET, 8);
                continue;
            }
            EXPECT_LT(exit, m_translation.exit_count);
            EXPECT_NE(m_translation.exits[exit].kind, Exit::Check);
            at = m_translation.exits[exit].target;
        }
        finish(outcome);
        return outcome;
    }

    // Code for an indirect branch that finds nothing: with rcx as the guest has it, and LX_SLOT_EXIT saying
    // so.
    static constexpr u64 kIndirect = ~u64{0};

    // Any switch whose table lies in the guest's memory; its slots lead out.
    static constexpr u32 kSwitch = 0x1234;
    static SwitchPlace find_switch(const Switch& key) {
        s_switch = key;
        u64* const slots = s_jumps + kHeads + kMaxReturnHeads;
        u8* const missing = reinterpret_cast<u8*>(s_jumps[kTableWords - 3]);
        Translation made;
        translate_missing_case(kSwitch, key.is_kept, s_jumps[kTableWords - 4], missing, {}, made);
        std::fill_n(slots, 256, reinterpret_cast<u64>(missing));
        return {kSwitch, key.count <= 256, reinterpret_cast<u64>(slots)};
    }
    static u64 case_at(u64 index) {
        if (s_switch.entry_bytes == 8) {
            u64 target;
            memcpy(&target, reinterpret_cast<const void*>(s_switch.table + index * 8), 8);
            return target;
        }
        i32 distance;
        memcpy(&distance, reinterpret_cast<const void*>(s_switch.table + index * 4), 4);
        return s_switch.base + static_cast<u64>(i64{distance});
    }
    static inline Switch s_switch;
    u32 m_switches_taken = 0;

    static u64 put_other_target(u8* zone) {
        Emitter emit(zone + 16);
        emit.store_slot_immediate(LX_SLOT_EXIT, 0xffff'ffff);
        emit.load_slot(kRcx, LX_SLOT_REGISTER(kRcx));
        emit.jump_to(reinterpret_cast<u64>(zone));
        return reinterpret_cast<u64>(zone) + 16;
    }

    // The same for a return, whose word is on the stack.
    static u64 put_other_return(u8* zone, u32 bias) {
        Emitter emit(zone + 64);
        emit.load_stack(kRcx, static_cast<i32>(bias));
        emit.store_slot(kRcx, LX_SLOT_TARGET);
        emit.adjust_stack(8);
        emit.jump_to(reinterpret_cast<u64>(zone) + 16);
        return reinterpret_cast<u64>(zone) + 64;
    }
    static constexpr u32 kCode = 128; // where translations begin

    static Outcome begin(const State& start) {
        std::mt19937 random(1);
        for (usize i = 0; i < kDataBytes; ++i)
            s_data[i] = static_cast<u8>(random());
        for (usize i = 0; i < kStackBytes; ++i)
            s_stack[i] = static_cast<u8>(random());
        return {start, {}, {}};
    }
    void finish(Outcome& outcome) const {
        outcome.data.assign(s_data, s_data + kDataBytes);
        // What lies below the guest's rsp by less than a red zone counts; what host signals might write
        // further down does not.
        outcome.stack.assign(s_stack + kStackBytes / 2 - m_red_zone, s_stack + kStackBytes);
    }

    void check(const State& start, const std::string& what) {
        const Outcome expected = run_natively(start);
        for (const Setting& setting : kSettings) {
            const Outcome got = run_translated(start, setting);
            for (u32 i = 0; i < 16; ++i)
                ASSERT_EQ(got.state.registers[i], expected.state.registers[i])
                    << "register " << i << ", " << setting.name << ": " << what;
            ASSERT_EQ(got.state.flags, expected.state.flags) << setting.name << ": " << what;
            ASSERT_EQ(got.data, expected.data) << setting.name << ": " << what;
            ASSERT_EQ(got.stack, expected.stack) << setting.name << ": " << what;
        }
    }

    void append(std::initializer_list<u8> bytes) {
        for (const u8 byte : bytes)
            s_guest[m_length++] = byte;
    }
    void append_word(u32 value) {
        memcpy(s_guest + m_length, &value, 4);
        m_length += 4;
    }

    std::string text() const {
        std::string result;
        char part[4];
        for (u32 i = 0; i < m_length; ++i) {
            snprintf(part, sizeof(part), "%02x ", s_guest[i]);
            result += part;
        }
        return result;
    }

    static State start_state(std::mt19937& random) {
        State state{};
        for (u64& value : state.registers)
            value = (u64{random()} << 32) | random();
        // rbx and rsi point into the data, rcx and rdx are small.
        state.registers[3] = reinterpret_cast<u64>(s_data) + 1024 + (random() % 64) * 8;
        state.registers[6] = reinterpret_cast<u64>(s_data) + 2048 + (random() % 64) * 8;
        state.registers[1] = random() % 64;
        state.registers[2] = random() % 64;
        state.registers[4] = reinterpret_cast<u64>(s_stack) + kStackBytes / 2 + (random() % 16) * 16;
        state.flags = 0x202 | (random() & 0x8d5); // the arithmetic flags
        return state;
    }

    // The displacement that names a place in the data, for an instruction that ends `after` bytes further on.
    u32 data_displacement(u32 offset, u32 after) {
        return static_cast<u32>(reinterpret_cast<u64>(s_data) + offset - (kGuest + m_length + after));
    }

    static inline u8 *s_guest, *s_near, *s_far, *s_data, *s_stack;
    static inline u8 s_segment_area[4096];
    alignas(64) static inline u8 s_block[4096];
    static inline u64 s_segment = reinterpret_cast<u64>(s_segment_area);
    static inline u64 *s_jumps, *s_returns;
    u32 m_length = 0;
    u32 m_red_zone = 128;
    Translation m_translation;
};

} // namespace translate_test
