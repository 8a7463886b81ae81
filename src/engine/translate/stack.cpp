// Instructions that use rsp where the host's is not the guest's (a stack bias).
#include "engine/translate/block_translator.hpp"
#include "engine/translate/slots.hpp"

namespace engine::translate {

bool Translator::names_stack_pointer(const Instruction& in) const {
    if (in.encoding == Encoding::Legacy) {
        if (in.map == 0) {
            const u8 code = in.opcode;
            const u8 low = static_cast<u8>((code & 7) | (in.rex & 1 ? 8 : 0));
            if (((code >= 0x91 && code <= 0x97) || (code >= 0xb0 && code <= 0xbf)) && low == kRsp)
                return true;
            if (code >= 0xd8 && code <= 0xdf)
                return false; // x87: registers of its own
        } else if (in.map == 1) {
            if (in.opcode >= 0xc8 && in.opcode <= 0xcf && ((in.opcode & 7) | (in.rex & 1 ? 8 : 0)) == kRsp)
                return true;
            if (is_vector_only(in.opcode))
                return false;
        }
    } else if (in.map == 1 && is_vector_only(in.opcode) && in.encoding != Encoding::Xop) {
        return false;
    }
    if (in.vvvv == kRsp)
        return true;
    return in.has_modrm && (in.reg == kRsp || (!in.has_memory && in.rm == kRsp));
}

bool Translator::is_vector_only(u8 opcode) {
    return (opcode >= 0x10 && opcode <= 0x17) || opcode == 0x28 || opcode == 0x29 || opcode == 0x2b || opcode == 0x2e ||
           opcode == 0x2f || (opcode >= 0x51 && opcode <= 0x6d) || opcode == 0x6f || opcode == 0x7f || opcode == 0xc2 ||
           opcode == 0xc6 || (opcode >= 0xd0 && opcode <= 0xef && opcode != 0xd7) || (opcode >= 0xf1 && opcode <= 0xfe);
}

void Translator::unbiased(const Instruction& in) {
    sequence();
    m_emit.adjust_stack(m_bias);
    sequence(0, -m_bias);
    u8 used = 0;
    const bool segment = needs_segment(in) && !is_load_address(in) && in.has_memory;
    if (in.has_memory && (segment || in.base == kRip)) {
        const i32 bias = m_bias;
        m_bias = 0; // of operands and points
        const Operand operand = rewritten(in, segment, used);
        emit_with(in, operand);
        m_bias = bias;
        if (used) {
            done(used, -m_bias);
            load_saved(used);
        }
    } else {
        m_emit.bytes(m_source.bytes + m_at, in.length);
    }
    done(0, -m_bias);
    m_emit.adjust_stack(-m_bias);
}

void Translator::stack_instruction(const Instruction& in) {
    if (in.encoding == Encoding::Legacy && in.map == 0 && !in.operand_16) {
        const u8 code = in.opcode;
        const u8 low = static_cast<u8>((code & 7) | (in.rex & 1 ? 8 : 0));
        if (code >= 0x50 && code <= 0x57 && low != kRsp) { // push
            sequence();
            m_emit.store_stack(low, m_bias - 8);
            m_emit.adjust_stack(-8);
            return;
        }
        if (code >= 0x58 && code <= 0x5f && low != kRsp) { // pop
            sequence();
            m_emit.load_stack(low, m_bias);
            m_emit.adjust_stack(8);
            return;
        }
        if (code == 0x68 || code == 0x6a) { // push immediate
            sequence();
            m_emit.store_stack_immediate(push_immediate(in), m_bias - 8);
            m_emit.adjust_stack(-8);
            return;
        }
        if (code == 0x8d && in.base == kRsp && in.reg == kRsp && (in.rex & 8) && !in.address_32) { // lea x(%rsp), %rsp
            copy(in);
            return;
        }
        if ((in.rex & 8) && (code == 0x8b || code == 0x89) && !in.has_memory) { // mov
            const u8 from = code == 0x8b ? in.rm : in.reg, to = code == 0x8b ? in.reg : in.rm;
            if (from != to) {
                sequence();
                m_emit.load_address(to, from, from == kRsp ? m_bias : -m_bias);
                return;
            }
        }
        if ((in.rex & 8) && code == 0x8d && in.base == kRsp && in.reg != kRsp && !in.address_32) {
            sequence();
            Operand operand = original(in);
            (void)shift(operand, in, m_bias);
            emit_with(in, operand);
            return;
        }
    }
    unbiased(in);
}

i32 Translator::push_immediate(const Instruction& in) const {
    const u8* at = m_source.bytes + m_at + in.immediate_offset;
    if (in.immediate_bytes == 1)
        return static_cast<i8>(*at);
    i32 value;
    __builtin_memcpy(&value, at, 4);
    return value;
}

} // namespace engine::translate
