// What a block's own instructions say of the general registers at one of its instructions: enough to tell
// where a jump through a compiler's jump table can lead. Conservative: of what it does not know it says
// nothing.
#pragma once

#include "engine/translate/decoder.hpp"

namespace engine::translate {

class KnownValues {
public:
    struct Value {
        u64 most = ~u64{0};                           // of the whole register, as an unsigned number
        u32 most_of_low[3] = {0xff, 0xffff, ~u32{0}}; // of its lowest byte, two, and four
        u64 address = 0;                              // if it is a constant
        bool is_constant = false;
    };

    // Reads the instructions of `bytes`, which lie at guest address `address`, up to offset `end`. They are
    // executed one after the other, with nothing known before the first one and behind each call.
    KnownValues(u64 address, const u8* bytes, u32 end);

    const Value& of(u8 number) const { return m_values[number]; }
    // What is known holds if no instruction behind this offset is entered but from the one before it.
    u32 holds_from() const { return m_holds_from; }

private:
    void forget_all();
    void after(const Instruction& in, const u8* bytes, u64 next_rip);
    void after_one_byte(const Instruction& in, const u8* bytes, u64 next_rip);
    void after_two_bytes(const Instruction& in);
    void after_arithmetic(const Instruction& in, const u8* bytes);
    // The register is written by an instruction with operands of `width` bits.
    void write(u8 number, u32 width);
    void write_byte(u8 number, u8 rex);
    void write_operand(const Instruction& in, u32 width); // ModRM's, if it is a register
    void move(u8 to, u8 from, u32 width);
    void extend(const Instruction& in, u32 part);
    void bound(u8 number, u32 width, u64 most);
    void not_taken(u8 condition);

    static constexpr u8 kNone = 0xff;
    Value m_values[16];
    u32 m_holds_from = 0;
    // The last comparison of a register with a constant, while flags and register are as it left them.
    u8 m_compared = kNone;
    u32 m_compared_width = 0;
    u64 m_compared_with = 0;
};

} // namespace engine::translate
