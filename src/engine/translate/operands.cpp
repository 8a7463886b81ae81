// Memory operands that cannot stay as they are: rip, fs:, gs:, and rsp with a stack bias.
#include "engine/translate/block_translator.hpp"
#include "engine/translate/slots.hpp"

#include <initializer_list>

namespace engine::translate {

namespace {

// Moves from memory to a general register that write all of it: the register can hold the address before.
bool is_whole_load(const Instruction& in) {
    if (in.encoding != Encoding::Legacy || in.operand_16 || in.reg >= 8 || in.reg == kRsp || in.reg == kRbp)
        return false;
    if (in.map == 0)
        return in.opcode == 0x8b || in.opcode == 0x63;
    return in.map == 1 && (in.opcode == 0xb6 || in.opcode == 0xb7 || in.opcode == 0xbe || in.opcode == 0xbf) && !in.rep && !in.repne;
}

} // namespace

bool Translator::shift(Operand& operand, const Instruction& in, i32 amount) {
    if (in.encoding == Encoding::Evex && in.displacement_bytes == 1)
        return false;
    operand.displacement += amount;
    operand.keeps_displacement = false;
    return true;
}

u8 Translator::scratch(const Instruction& in, u8 taken) const {
    for (const u8 candidate : {kRdi, kRsi, kRbx, kRbp, kRax}) {
        const bool is_named = in.reg == candidate || in.vvvv == candidate || in.base == candidate || in.index == candidate ||
                              (taken & bit_of(candidate)) ||
                              // bh, and what cmpxchg16b takes
                              (candidate == kRbx && in.reg == 7 && !in.rex && in.encoding == Encoding::Legacy) ||
                              (candidate == kRbx && in.map == 1 && in.opcode == 0xc7);
        if (!is_named)
            return candidate;
    }
    return kRdx;
}

void Translator::save(u8 number, u8& used) {
    m_emit.store_slot(number, LX_SLOT_REGISTER(number));
    used |= bit_of(number);
    sequence(used);
}

void Translator::load_saved(u8 used) {
    for (u8 number = 0; number < 8; ++number)
        if (used & bit_of(number))
            m_emit.load_slot(number, LX_SLOT_REGISTER(number));
}

void Translator::restore(u8 used) {
    if (!used)
        return;
    done(used);
    load_saved(used);
}

Translator::Operand Translator::rewritten(const Instruction& in, bool segment, u8& used) {
    Operand operand = original(in);
    if (in.base == kRip) {
        const u64 target = rip_target(in);
        operand.displacement = 0;
        operand.keeps_displacement = false;
        if (target < 0x8000'0000) {
            operand.base = kNoRegister;
            operand.displacement = static_cast<i32>(target);
            if (!segment)
                return operand;
        } else {
            const bool loads_itself = is_whole_load(in) && !segment;
            const u8 number = loads_itself ? in.reg : scratch(in, used);
            save(number, used);
            m_emit.move_immediate(number, target);
            operand.base = number;
            if (loads_itself)
                used = 0; // nothing to restore when it is done
            if (!segment)
                return operand;
        }
    }
    if (!segment)
        return operand;
    const u8 number = scratch(in, used);
    save(number, used);
    operand.drops_segment = true;
    const i32 slot = in.segment == 0x65 ? LX_SLOT_GUEST_GS : LX_SLOT_GUEST_FS;
    if (operand.base == kNoRegister && !in.address_32) {
        m_emit.load_slot(number, slot);
        operand.base = number;
        return operand;
    }
    if (operand.index == kNoRegister && operand.base != kRsp && !in.address_32) {
        m_emit.load_slot(number, slot);
        operand.index = operand.base;
        operand.base = number;
        operand.scale = 0;
        return operand;
    }
    if (!in.address_32) { // base and index: the base moves into the scratch register
        m_emit.load_slot(number, slot);
        m_emit.add_address(number, operand.base, operand.base == kRsp ? m_bias : 0);
        operand.base = number;
        return operand;
    }
    // A 32-bit address is computed first, then added to.
    const u8 second = scratch(in, used);
    save(second, used);
    m_emit.load_address_32(number, operand.base, operand.index, operand.scale,
                           operand.displacement + (operand.base == kRsp ? m_bias : 0));
    m_emit.load_slot(second, slot);
    operand = {second, number, 0, 0, false, true, true};
    return operand;
}

void Translator::emit_form(const Instruction& in, const Operand& operand, u8 opcode, bool replaces, u8 reg) {
    const u8* bytes = m_source.bytes + m_at;
    const u8 extension = static_cast<u8>((operand.index != kNoRegister && operand.index >= 8 ? 2 : 0) |
                                         (operand.base != kNoRegister && operand.base >= 8 ? 1 : 0));
    for (u32 i = 0; i < in.form_offset; ++i) {
        if ((operand.drops_segment && (bytes[i] == 0x64 || bytes[i] == 0x65)) || (operand.drops_address_32 && bytes[i] == 0x67))
            continue;
        if (replaces && bytes[i] != 0x64 && bytes[i] != 0x65 && bytes[i] != 0x67)
            continue;
        if ((bytes[i] & 0xf0) == 0x40)
            continue; // an ignored REX
        m_emit.byte(bytes[i]);
    }
    if (replaces) {
        m_emit.byte(static_cast<u8>(0x48 | extension | (reg >= 8 ? 4 : 0)));
        m_emit.byte(opcode);
    } else if (in.encoding == Encoding::Legacy) {
        if (in.rex || extension)
            m_emit.byte(static_cast<u8>(0x40 | (in.rex & 0xc) | extension));
        m_emit.bytes(bytes + in.opcode_offset, u32{in.modrm_offset} - in.opcode_offset);
    } else {
        const u32 first = here();
        m_emit.bytes(bytes + in.form_offset, u32{in.modrm_offset} - in.form_offset);
        if (in.encoding != Encoding::Vex2) {
            u8& payload = m_code[first + 1];
            const bool has_vector_index = is_vector_index(in);
            const u8 mask = has_vector_index ? 1 : 3;
            payload = static_cast<u8>(payload | (mask << 5)) & static_cast<u8>(~((extension & mask) << 5));
        }
    }
    emit_operand(in, operand, replaces ? reg & 7 : in.group());
    if (!replaces)
        m_emit.bytes(bytes + in.immediate_offset, in.immediate_bytes);
}

bool Translator::is_vector_index(const Instruction& in) {
    return in.encoding != Encoding::Legacy && in.map == 2 &&
           ((in.opcode >= 0x90 && in.opcode <= 0x93) || (in.opcode >= 0xa0 && in.opcode <= 0xa3) || in.opcode == 0xc6 ||
            in.opcode == 0xc7);
}

void Translator::emit_operand(const Instruction& in, const Operand& operand, u8 reg) {
    const u8 base = operand.base & 7;
    u32 bytes;
    if (operand.base == kNoRegister)
        bytes = 4;
    else if (operand.keeps_displacement)
        bytes = in.base == kNoRegister ? 4 : in.displacement_bytes;
    else if (operand.displacement == 0 && base != 5)
        bytes = 0;
    else
        bytes = in.encoding != Encoding::Evex && operand.displacement == static_cast<i8>(operand.displacement) ? 1 : 4;
    if (bytes == 0 && base == 5)
        bytes = 1;
    const u8 mod = operand.base == kNoRegister || bytes == 0 ? 0 : bytes == 1 ? 1 : 2;
    const bool has_sib = operand.base == kNoRegister || operand.index != kNoRegister || base == 4;
    m_emit.byte(static_cast<u8>((mod << 6) | (reg << 3) | (has_sib ? 4 : base)));
    if (has_sib)
        m_emit.byte(static_cast<u8>((operand.scale << 6) | ((operand.index == kNoRegister ? 4 : operand.index & 7) << 3) |
                                    (operand.base == kNoRegister ? 5 : base)));
    if (bytes == 1)
        m_emit.byte(static_cast<u8>(operand.displacement));
    else if (bytes == 4)
        m_emit.word(static_cast<u32>(operand.displacement));
}

} // namespace engine::translate
