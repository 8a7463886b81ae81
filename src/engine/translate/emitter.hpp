// Writes the few instructions that translations consist of besides the guest's own. None of them changes arithmetic flags.
#pragma once

#include "base/types.hpp"

namespace engine::translate {

enum RegisterNumber : u8 { kRax, kRcx, kRdx, kRbx, kRsp, kRbp, kRsi, kRdi };

class Emitter {
public:
    explicit Emitter(u8* at) : m_at(at) {}
    u8* at() const { return m_at; }

    void byte(u8 value) { *m_at++ = value; }
    void half(u16 value) { put(&value, 2); }
    void word(u32 value) { put(&value, 4); }
    void quad(u64 value) { put(&value, 8); }
    void bytes(const u8* values, u32 count) {
        for (u32 i = 0; i < count; ++i)
            m_at[i] = values[i];
        m_at += count;
    }
    // A 32-bit displacement, which ends its instruction, to `target`.
    void relative(u64 target) { word(static_cast<u32>(target - (reinterpret_cast<u64>(m_at) + 4))); }

    void jump_to(u64 target) {
        byte(0xe9);
        relative(target);
    }
    // 1 to 3 bytes that do nothing.
    void pad(u32 count) {
        if (count == 3)
            byte(0x0f), byte(0x1f), byte(0x00);
        else if (count == 2)
            byte(0x66), byte(0x90);
        else
            byte(0x90);
    }

    // Slots are offsets from GS. Nine bytes each.
    void store_slot(u8 number, i32 slot) { slot_access(0x89, number, slot, true); }
    void load_slot(u8 number, i32 slot, bool is_wide = true) { slot_access(0x8b, number, slot, is_wide); }
    // Sign-extended.
    void store_slot_immediate(i32 slot, u32 value) {
        static constexpr u8 kCode[] = {0x65, 0x48, 0xc7, 0x04, 0x25};
        bytes(kCode, sizeof(kCode));
        word(static_cast<u32>(slot));
        word(value);
    }

    void move_immediate(u8 number, u64 value) {
        if (value <= 0xffff'ffff) {
            if (number >= 8)
                byte(0x41);
            byte(static_cast<u8>(0xb8 | (number & 7)));
            word(static_cast<u32>(value));
        } else {
            byte(number >= 8 ? 0x49 : 0x48);
            byte(static_cast<u8>(0xb8 | (number & 7)));
            quad(value);
        }
    }
    void move(u8 to, u8 from) { registers(0x8b, to, from, true); }
    void move_32(u8 to, u8 from) { registers(0x8b, to, from, false); }

    void load_address(u8 to, u8 base, i32 displacement) { memory(0x8d, to, base, displacement, true); }
    // to = to + base + displacement
    void add_address(u8 to, u8 base, i32 displacement) {
        // rsp cannot be an index: it is the base then.
        const u8 first = base == kRsp ? base : to, second = base == kRsp ? to : base;
        byte(static_cast<u8>(0x48 | (to >= 8 ? 4 : 0) | (second >= 8 ? 2 : 0) | (first >= 8 ? 1 : 0)));
        byte(0x8d);
        byte(static_cast<u8>(0x84 | ((to & 7) << 3)));
        byte(static_cast<u8>(((second & 7) << 3) | (first & 7)));
        word(static_cast<u32>(displacement));
    }
    // to = the low 32 bits of the address; base and index may be missing (0xff)
    void load_address_32(u8 to, u8 base, u8 index, u8 scale, i32 displacement) {
        const u8 rex = static_cast<u8>((to >= 8 ? 4 : 0) | (index != 0xff && index >= 8 ? 2 : 0) | (base != 0xff && base >= 8 ? 1 : 0));
        if (rex)
            byte(static_cast<u8>(0x40 | rex));
        byte(0x8d);
        byte(static_cast<u8>((base == 0xff ? 0x04 : 0x84) | ((to & 7) << 3)));
        byte(static_cast<u8>((scale << 6) | ((index == 0xff ? 4 : index & 7) << 3) | (base == 0xff ? 5 : base & 7)));
        word(static_cast<u32>(displacement));
    }
    void load_zero_extended(u8 to, u8 base, i32 displacement, u32 count) {
        if (count == 8) {
            memory(0x8b, to, base, displacement, true);
        } else if (count == 4) {
            memory(0x8b, to, base, displacement, false);
        } else { // movzx; both are below 8
            byte(0x0f);
            byte(count == 2 ? 0xb7 : 0xb6);
            byte(static_cast<u8>(0x80 | (to << 3) | base));
            word(static_cast<u32>(displacement));
        }
    }

    // to = the bits of `from` that the word at `mask`, below 2 GiB, has set, moved together (BMI2); `to` is below r8.
    void extract_bits(u8 to, u8 from, u64 mask) {
        static constexpr u8 kVex[] = {0xc4, 0xe2};
        bytes(kVex, sizeof(kVex));
        byte(static_cast<u8>(0x82 | (~from & 15) << 3));
        byte(0xf5);
        byte(static_cast<u8>(0x04 | to << 3));
        byte(0x25);
        word(static_cast<u32>(mask));
    }

    // The whole word, shifted to the right by the number that the register has before (BMI2); below r8.
    void load_stack_shifted(u8 to, i32 displacement) {
        shift_right(to);
        byte(static_cast<u8>((displacement ? 0x84 : 0x04) | (to << 3)));
        byte(0x24);
        if (displacement)
            word(static_cast<u32>(displacement));
    }
    void load_slot_shifted(u8 to, i32 slot) {
        byte(0x65);
        shift_right(to);
        byte(static_cast<u8>(0x04 | (to << 3)));
        byte(0x25);
        word(static_cast<u32>(slot));
    }
    // The 2 or 4 bytes there, zero-extended.
    void load_slot_part(u8 to, i32 slot, u32 count) {
        byte(0x65);
        load_opcode(count);
        byte(static_cast<u8>(0x04 | (to << 3)));
        byte(0x25);
        word(static_cast<u32>(slot));
    }
    void load_stack_part(u8 to, i32 displacement, u32 count) {
        load_opcode(count);
        byte(static_cast<u8>(0x84 | (to << 3)));
        byte(0x24);
        word(static_cast<u32>(displacement));
    }
    // to -= value, in 64 or 32 bits, in six or seven bytes; below r8.
    void subtract_address(u8 to, i32 value, bool is_wide) {
        if (is_wide)
            byte(0x48);
        byte(0x8d);
        byte(static_cast<u8>(0x80 | (to << 3) | to));
        word(0 - static_cast<u32>(value));
    }

    // From an address within reach; below r8.
    void load_relative(u8 to, u64 address) {
        byte(0x48);
        byte(0x8b);
        byte(static_cast<u8>(0x05 | (to << 3)));
        relative(address);
    }

    void store_stack(u8 number, i32 displacement) { memory(0x89, number, kRsp, displacement, true); }
    void load_stack(u8 number, i32 displacement) { memory(0x8b, number, kRsp, displacement, true); }
    void store_stack_immediate(i32 value, i32 displacement) {
        byte(0x48);
        byte(0xc7);
        byte(0x84);
        byte(0x24);
        word(static_cast<u32>(displacement));
        word(static_cast<u32>(value));
    }
    void adjust_stack(i32 amount) { memory(0x8d, kRsp, kRsp, amount, true); }

private:
    void put(const void* value, u32 count) {
        __builtin_memcpy(m_at, value, count);
        m_at += count;
    }
    void slot_access(u8 opcode, u8 number, i32 slot, bool is_wide) {
        byte(0x65);
        byte(static_cast<u8>((is_wide ? 0x48 : 0x40) | (number >= 8 ? 4 : 0)));
        byte(opcode);
        byte(static_cast<u8>(0x04 | ((number & 7) << 3)));
        byte(0x25);
        word(static_cast<u32>(slot));
    }
    // shrx %to, ..., %to up to its ModRM
    void shift_right(u8 to) {
        byte(0xc4);
        byte(0xe2);
        byte(static_cast<u8>(0x83 | ((~to & 15) << 3)));
        byte(0xf7);
    }
    void load_opcode(u32 count) {
        if (count == 4) {
            byte(0x8b);
        } else { // movzx
            byte(0x0f);
            byte(0xb7);
        }
    }
    void registers(u8 opcode, u8 reg, u8 rm, bool is_wide) {
        byte(static_cast<u8>(0x40 | (is_wide ? 8 : 0) | (reg >= 8 ? 4 : 0) | (rm >= 8 ? 1 : 0)));
        byte(opcode);
        byte(static_cast<u8>(0xc0 | ((reg & 7) << 3) | (rm & 7)));
    }
    void memory(u8 opcode, u8 reg, u8 base, i32 displacement, bool is_wide) {
        const bool is_short = displacement == static_cast<i8>(displacement);
        byte(static_cast<u8>(0x40 | (is_wide ? 8 : 0) | (reg >= 8 ? 4 : 0) | (base >= 8 ? 1 : 0)));
        byte(opcode);
        byte(static_cast<u8>((is_short ? 0x40 : 0x80) | ((reg & 7) << 3) | (base & 7)));
        if ((base & 7) == 4)
            byte(0x24);
        if (is_short)
            byte(static_cast<u8>(displacement));
        else
            word(static_cast<u32>(displacement));
    }
    u8* m_at;
};

} // namespace engine::translate
