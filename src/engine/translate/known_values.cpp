#include "engine/translate/known_values.hpp"

#include "engine/translate/block_translator.hpp"

namespace engine::translate {

namespace {

constexpr u64 kLow32 = 0xffff'ffff;

u32 width_of(const Instruction& in) {
    return in.rex & 8 ? 64 : in.operand_16 ? 16 : 32;
}
u8 low_register(const Instruction& in) {
    return static_cast<u8>((in.opcode & 7) | (in.rex & 1 ? 8 : 0));
}

i64 immediate(const Instruction& in, const u8* bytes) {
    if (in.immediate_bytes == 1)
        return static_cast<i8>(bytes[in.immediate_offset]);
    if (in.immediate_bytes != 4)
        return -1; // of no use here
    i32 value;
    __builtin_memcpy(&value, bytes + in.immediate_offset, 4);
    return value;
}

} // namespace

KnownValues::KnownValues(u64 address, const u8* bytes, u32 end) {
    for (u32 at = 0; at < end;) {
        Instruction in;
        if (decode(bytes + at, end - at, in) != Decoded::Ok) { // not what a block has been made of
            forget_all();
            return;
        }
        after(in, bytes + at, address + at + in.length);
        at += in.length;
        const bool is_call = in.encoding == Encoding::Legacy && in.map == 0 &&
                             (in.opcode == 0xe8 || (in.opcode == 0xff && in.group() == 2));
        if (is_call)
            m_holds_from = at;
    }
}

void KnownValues::forget_all() {
    for (Value& value : m_values)
        value = {};
    m_compared = kNone;
}

void KnownValues::write(u8 number, u32 width) {
    m_values[number] = {};
    if (width == 32)
        m_values[number].most = kLow32;
    if (m_compared == number)
        m_compared = kNone;
}

void KnownValues::write_byte(u8 number, u8 rex) {
    write(!rex && number >= 4 ? static_cast<u8>(number - 4) : number, 8);
}

void KnownValues::write_operand(const Instruction& in, u32 width) {
    if (in.has_memory)
        return;
    if (width == 8)
        write_byte(in.rm, in.rex);
    else
        write(in.rm, width);
}

void KnownValues::move(u8 to, u8 from, u32 width) {
    const Value value = m_values[from];
    write(to, width);
    if (width == 64) {
        m_values[to] = value;
    } else if (width == 32) {
        m_values[to].most = base::min(value.most, u64{value.most_of_low[2]});
        for (u32 part = 0; part < 3; ++part)
            m_values[to].most_of_low[part] = value.most_of_low[part];
    }
}

// movzx of a byte (part 0) or two (1)
void KnownValues::extend(const Instruction& in, u32 part) {
    const bool is_high_byte = part == 0 && !in.rex && in.rm >= 4;
    u64 most = part ? 0xffff : 0xff;
    if (!in.has_memory && !is_high_byte)
        most = base::min(u64{m_values[in.rm].most_of_low[part]}, base::min(most, m_values[in.rm].most));
    write(in.reg, width_of(in));
    if (!in.operand_16)
        m_values[in.reg].most = most;
}

void KnownValues::bound(u8 number, u32 width, u64 most) {
    Value& value = m_values[number];
    const u64 whole = width == 64 ? ~u64{0} : (u64{1} << width) - 1;
    if (value.most <= whole)
        value.most = base::min(value.most, most);
    if (width < 64) {
        u32& low = value.most_of_low[width == 8 ? 0 : width == 16 ? 1 : 2];
        low = static_cast<u32>(base::min(u64{low}, most));
    }
}

void KnownValues::not_taken(u8 condition) {
    if (m_compared == kNone)
        return;
    if (condition == 7) // ja
        bound(m_compared, m_compared_width, m_compared_with);
    else if (condition == 3 && m_compared_with) // jae
        bound(m_compared, m_compared_width, m_compared_with - 1);
}

void KnownValues::after(const Instruction& in, const u8* bytes, u64 next_rip) {
    if (in.encoding == Encoding::Legacy && in.map == 0) {
        after_one_byte(in, bytes, next_rip);
    } else if (in.encoding == Encoding::Legacy && in.map == 1) {
        after_two_bytes(in);
    } else if (in.encoding != Encoding::Xop && in.map == 1 && Translator::is_vector_only(in.opcode)) {
        m_compared = kNone; // some compare
    } else {
        forget_all();
    }
}

// add or adc sbb and sub xor cmp, in all their forms
void KnownValues::after_arithmetic(const Instruction& in, const u8* bytes) {
    const u8 code = in.opcode;
    const bool is_group = code >= 0x80;
    const u8 operation = is_group ? in.group() : static_cast<u8>(code >> 3);
    const bool is_byte = !(code & 1);
    const u32 width = is_byte ? 8 : width_of(in);
    const bool has_immediate = is_group || (code & 7) >= 4;
    const bool names_operand = is_group || (code & 7) < 2;
    const u8 number = is_group || names_operand ? in.rm : (code & 7) < 4 ? in.reg : u8{kRax};
    const i64 value = has_immediate ? immediate(in, bytes) : -1;
    const bool is_high_byte = is_byte && !in.rex && number >= 4;
    m_compared = kNone;
    if (names_operand && in.has_memory)
        return;
    if (operation == 7) {
        if (value >= 0 && !is_high_byte) {
            m_compared = number;
            m_compared_width = width;
            m_compared_with = static_cast<u64>(value);
        }
        return;
    }
    if (is_byte)
        write_byte(number, in.rex);
    else
        write(number, width);
    if (operation == 4 && value >= 0 && !is_high_byte)
        bound(number, width, static_cast<u64>(value));
}

void KnownValues::after_one_byte(const Instruction& in, const u8* bytes, u64 next_rip) {
    const u8 code = in.opcode;
    const u32 width = width_of(in);
    if (code < 0x40 || code == 0x80 || code == 0x81 || code == 0x83) {
        after_arithmetic(in, bytes);
        return;
    }
    if (code >= 0x70 && code <= 0x7f) {
        not_taken(code & 15);
        return;
    }
    if (code >= 0x58 && code <= 0x5f) { // pop
        write(low_register(in), 64);
        return;
    }
    if (code >= 0xb0 && code <= 0xbf) { // mov
        const u8 number = low_register(in);
        if (code < 0xb8) {
            write_byte(number, in.rex);
            return;
        }
        write(number, width);
        const i64 value = immediate(in, bytes);
        if (width == 32 && value >= 0) {
            m_values[number].most = m_values[number].address = static_cast<u64>(value);
            m_values[number].is_constant = true;
        }
        return;
    }
    switch (code) {
    case 0x50:
    case 0x51:
    case 0x52:
    case 0x53:
    case 0x54:
    case 0x55:
    case 0x56:
    case 0x57:
    case 0x68:
    case 0x6a:
        return; // push
    case 0x63:
        write(in.reg, width);
        return;
    case 0x69:
    case 0x6b: // imul
        m_compared = kNone;
        write(in.reg, width);
        return;
    case 0x84:
    case 0x85:
    case 0xa8:
    case 0xa9:
        m_compared = kNone;
        return; // test
    case 0x88:
        write_operand(in, 8);
        return;
    case 0x89:
        if (!in.has_memory)
            move(in.rm, in.reg, width);
        return;
    case 0x8a:
        write_byte(in.reg, in.rex);
        return;
    case 0x8b:
        if (in.has_memory)
            write(in.reg, width);
        else
            move(in.reg, in.rm, width);
        return;
    case 0x8d:
        write(in.reg, width);
        if (in.base == kRip && width == 64 && !in.address_32) {
            m_values[in.reg].address = next_rip + static_cast<u64>(i64{in.displacement});
            m_values[in.reg].is_constant = true;
        }
        return;
    case 0x98:
        write(kRax, width);
        return;
    case 0x99:
        write(kRdx, width);
        return;
    case 0xc0:
    case 0xd0:
    case 0xd2: // shifts
        m_compared = kNone;
        write_operand(in, 8);
        return;
    case 0xc1:
    case 0xd1:
    case 0xd3:
        m_compared = kNone;
        write_operand(in, width);
        return;
    case 0x90:
        if (in.rex & 1) // xchg
            forget_all();
        return;
    case 0xc6:
    case 0xc7:
        if (in.group() == 0)
            write_operand(in, code == 0xc6 ? 8 : width);
        else
            forget_all();
        return;
    case 0xf6:
    case 0xf7: // test, not, neg; mul and div
        m_compared = kNone;
        if (in.group() == 2 || in.group() == 3) {
            write_operand(in, code == 0xf6 ? 8 : width);
        } else if (in.group() > 3) {
            write(kRax, 64);
            write(kRdx, 64);
        }
        return;
    case 0xfe:
    case 0xff: // inc, dec
        if (in.group() > 1) {
            if (in.group() != 6)
                forget_all();
            return;
        }
        m_compared = kNone;
        write_operand(in, code == 0xfe ? 8 : width);
        return;
    default:
        forget_all();
        return;
    }
}

void KnownValues::after_two_bytes(const Instruction& in) {
    const u8 code = in.opcode;
    const u32 width = width_of(in);
    if (code >= 0x80 && code <= 0x8f) {
        not_taken(code & 15);
    } else if ((code >= 0x40 && code <= 0x4f) || code == 0xbe || code == 0xbf) { // cmov, movsx
        write(in.reg, width);
    } else if (code >= 0x90 && code <= 0x9f) { // set
        write_operand(in, 8);
    } else if (code == 0xb6 || code == 0xb7) {
        extend(in, code - 0xb6);
    } else if (code == 0xaf || code == 0xbc || code == 0xbd) { // imul, bit scans
        m_compared = kNone;
        write(in.reg,
              code == 0xaf ? width : 64); // a scan that finds nothing may leave all of the register as it is
    } else if (code == 0x6e || Translator::is_vector_only(code)) {
        m_compared = kNone;
    } else if (code == 0x1f || (code == 0x1e && in.modrm == 0xfa)) { // nop, endbr64
        return;
    } else {
        forget_all();
    }
}

} // namespace engine::translate
