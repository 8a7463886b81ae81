// Branches, calls, returns, and how they look up their targets.
#include "engine/translate/block_translator.hpp"
#include "engine/translate/slots.hpp"

namespace engine::translate {

i64 Translator::branch_displacement(const Instruction& in) const {
    const u8* at = m_source.bytes + m_at + in.immediate_offset;
    if (in.immediate_bytes == 1)
        return static_cast<i8>(*at);
    i32 value;
    __builtin_memcpy(&value, at, 4);
    return value;
}

u64 Translator::branch_target(const Instruction& in) const { return next_rip() + static_cast<u64>(branch_displacement(in)); }

bool Translator::control(const Instruction& in) {
    if (in.encoding != Encoding::Legacy)
        return false;
    if (in.map == 1)
        return control_two_bytes(in);
    if (in.map != 0)
        return false;
    const u8 code = in.opcode;
    if (code >= 0x70 && code <= 0x7f) {
        conditional(code & 15, branch_target(in));
        return true;
    }
    switch (code) {
    case 0xe0: case 0xe1: case 0xe2: case 0xe3: loop(in); return true;
    case 0xe9: case 0xeb:
        sequence();
        exit_jump(branch_target(in));
        m_ended = true;
        return true;
    case 0xe8: call(in); return true;
    case 0xc3: case 0xc2: ret(in); return true;
    case 0xff:
        if (in.group() == 2 || in.group() == 4) {
            indirect(in, in.group() == 2);
            return true;
        }
        if (in.group() == 3 || in.group() == 5) { // far: through a selector
            raise(13, 0);
            return true;
        }
        invalid();
        return true;
    case 0xca: case 0xcb: case 0xcf: // far returns: no other code segment is offered
        raise(13, 0);
        return true;
    case 0xcc: // the trap leaves rip behind the instruction
    case 0xf1:
        copy(in);
        leave_after();
        return true;
    case 0xcd: software_interrupt(m_source.bytes[m_at + in.immediate_offset]); return true;
    case 0xc6: return false;
    case 0xc7:
        if (in.modrm == 0xf8) { // xbegin: its fallback is a branch
            const u64 target = branch_target(in);
            sequence();
            align_branch(2);
            m_emit.byte(0xc7);
            m_emit.byte(0xf8);
            exit_displacement(target);
            return true;
        }
        return false;
    case 0x8e: // loads of fs and gs change their bases
        return segment_load(in, (in.modrm >> 3) & 7);
    default: return false;
    }
}

bool Translator::control_two_bytes(const Instruction& in) {
    const u8 code = in.opcode;
    if (code >= 0x80 && code <= 0x8f) {
        conditional(code & 15, branch_target(in));
        return true;
    }
    switch (code) {
    case 0x05:
        sequence();
        m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
        sequence(bit_of(kRcx));
        m_emit.move_immediate(kRcx, next_rip());
        m_emit.jump_to(m_glue.system_call);
        m_ended = true;
        return true;
    case 0x07: // sysret
        raise(13, 0);
        return true;
    case 0x34: case 0x35: // sysenter, sysexit
        invalid();
        return true;
    case 0xa1: case 0xa9: // pop fs, pop gs
        return segment_load(in, code == 0xa1 ? 4 : 5);
    case 0xb2: case 0xb4: case 0xb5: // lss, lfs, lgs
        if (!in.has_memory)
            invalid();
        else
            raise(13, 0);
        return true;
    case 0xae:
        if (in.rep && (in.modrm >> 6) == 3 && in.group() < 4)
            return segment_base(in);
        return false;
    default: return false;
    }
}

void Translator::conditional(u8 condition, u64 target) {
    sequence();
    align_branch(2);
    m_emit.byte(0x0f);
    m_emit.byte(static_cast<u8>(0x80 | condition));
    exit_displacement(target);
}

void Translator::loop(const Instruction& in) {
    const u64 target = branch_target(in);
    sequence();
    if (in.address_32)
        m_emit.byte(0x67);
    m_emit.byte(in.opcode);
    m_emit.byte(2); // taken: over the next jump
    done(0);
    u8* over = m_emit.at();
    m_emit.byte(0xeb);
    m_emit.byte(0);
    point(Point::Exit, m_out.exit_count);
    exit_jump(target);
    over[1] = static_cast<u8>(m_emit.at() - over - 2);
}

void Translator::call(const Instruction& in) {
    const u64 target = branch_target(in);
    sequence();
    push_return(0);
    point(Point::Exit, m_out.exit_count);
    if (m_source.is_step) {
        exit_jump(target);
        m_ended = true;
        return;
    }
    align_comparison(next_rip(), true, true);
    m_emit.byte(0xe8);
    exit_displacement(target, Exit::Call);
    landing();
}

void Translator::push_return(u8 used) {
    const u64 value = next_rip();
    if (m_bias) {
        if (value < 0x8000'0000) {
            m_emit.store_stack_immediate(static_cast<i32>(value), m_bias - 8);
        } else {
            // rcx is free in an indirect call only for its target: rdx then.
            const u8 number = used ? kRdx : kRcx;
            m_emit.store_slot(number, LX_SLOT_REGISTER(number));
            sequence(static_cast<u8>(used | bit_of(number)));
            m_emit.move_immediate(number, value);
            m_emit.store_stack(number, m_bias - 8);
            m_emit.load_slot(number, LX_SLOT_REGISTER(number));
        }
        m_emit.adjust_stack(-8);
    } else if (value < 0x8000'0000) {
        m_emit.byte(0x68);
        m_emit.word(static_cast<u32>(value));
    } else {
        m_emit.byte(0xff); // push value(%rip)
        m_emit.byte(0x35);
        m_literals[m_literal_count++] = {here(), value};
        m_emit.word(0);
    }
}

void Translator::ret(const Instruction& in) {
    sequence();
    m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
    sequence(bit_of(kRcx));
    m_emit.load_stack(kRcx, m_bias); // all of it: a word that cannot be read is this instruction's fault
    u32 drop = 8;
    if (in.opcode == 0xc2) {
        u16 bytes;
        __builtin_memcpy(&bytes, m_source.bytes + m_at + in.immediate_offset, 2);
        drop += bytes;
    }
    if (m_source.is_step || drop != 8) { // as a jump: no caller is foretold where arguments are dropped
        m_emit.adjust_stack(static_cast<i32>(drop));
        lookup();
        return;
    }
    // A host return, for which the processor expects the landing behind the host call.
    point(Point::BranchedRcx, m_at, bit_of(kRcx), 8);
    if (m_mode.has_extract)
        m_emit.extract_bits(kRcx, kRcx, m_glue.return_masks);
    else
        index_of(kRcx);
    point(Point::Returned, m_at, bit_of(kRcx), 8);
    static constexpr u8 kPushEntry[] = {0xff, 0x34, 0xcd}; // push returns(,%rcx,8)
    m_emit.bytes(kPushEntry, sizeof(kPushEntry));
    m_emit.word(static_cast<u32>(m_glue.returns));
    point(Point::Returned, m_at, bit_of(kRcx), 16);
    m_emit.byte(0xc3);
    m_ended = true;
}

void Translator::indirect(const Instruction& in, bool is_call) {
    if (!is_call && in.has_memory && m_source.find_switch && (in.base == kRip ? word_jump(in) : in.index != kNoRegister && switch_jump(in)))
        return;
    sequence();
    m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
    sequence(bit_of(kRcx));
    if (!in.has_memory) {
        if (in.rm != kRsp && !m_source.is_step) {
            goto_register(in.rm, is_call);
            return;
        }
        if (in.rm == kRsp)
            m_emit.load_address(kRcx, kRsp, m_bias);
        else if (in.rm != kRcx)
            m_emit.move(kRcx, in.rm);
    } else {
        const bool segment = needs_segment(in);
        Operand operand = original(in);
        u8 used = bit_of(kRcx);
        if (in.base == kRip && !segment && !in.address_32 && can_reach(in)) {
            m_emit.load_relative(kRcx, rip_target(in));
            sequence(bit_of(kRcx));
            goto_loaded(is_call);
            return;
        }
        if (in.base == kRip && !segment) {
            m_emit.move_immediate(kRcx, rip_target(in));
            operand = {kRcx, kNoRegister, 0, 0, false, false, false};
        } else if (segment) {
            operand = rewritten(in, true, used);
        } else if (m_bias && in.base == kRsp) {
            (void)shift(operand, in, m_bias);
        }
        emit_form(in, operand, 0x8b, true, kRcx);
        load_saved(used & static_cast<u8>(~bit_of(kRcx)));
        sequence(bit_of(kRcx));
    }
    goto_loaded(is_call);
}

void Translator::goto_register(u8 number, bool is_call) {
    m_emit.store_slot(number, LX_SLOT_TARGET);
    if (is_call)
        push_return(bit_of(kRcx));
    point(Point::BranchedSlot, m_at, bit_of(kRcx));
    index_of(number);
    goto_entry(is_call);
}

void Translator::goto_loaded(bool is_call) {
    if (is_call)
        push_return(bit_of(kRcx));
    if (m_source.is_step) {
        lookup();
        return;
    }
    find_entry();
    goto_entry(is_call);
}

void Translator::goto_entry(bool is_call) {
    if (!is_call) {
        jump_to_entry();
        m_ended = true;
        return;
    }
    align_comparison(next_rip(), true, true);
    m_emit.byte(0xe8);
    m_indirect_calls[m_indirect_call_count++] = here();
    m_emit.word(0);
    landing();
}

void Translator::emit_indirect_calls() {
    for (u32 i = 0; i < m_indirect_call_count; ++i) {
        const u32 displacement = here() - m_indirect_calls[i] - 4;
        __builtin_memcpy(m_code + m_indirect_calls[i], &displacement, 4);
        point(Point::BranchedSlot, 0, bit_of(kRcx), 8);
        m_emit.adjust_stack(8);
        point(Point::BranchedSlot, 0, bit_of(kRcx));
        jump_to_entry();
    }
}

void Translator::landing() {
    Landing& made = m_out.landings[m_out.landing_count++];
    made = {here(), 0, m_next, m_instruction_start, m_at, false};
    compare_target(next_rip(), m_next, true);
    made.direct = here();
    if (m_source.may_change) // by now, perhaps
        leave_after();
}

void Translator::index_of(u8 number) { // movzwl to %ecx
    if (number >= 8)
        m_emit.byte(0x41);
    m_emit.byte(0x0f);
    m_emit.byte(0xb7);
    m_emit.byte(static_cast<u8>(0xc8 | (number & 7)));
}

void Translator::find_entry() {
    point(Point::BranchedRcx, m_at, bit_of(kRcx));
    m_emit.store_slot(kRcx, LX_SLOT_TARGET);
    point(Point::BranchedSlot, m_at, bit_of(kRcx));
    index_of(kRcx);
}

void Translator::jump_to_entry() {
    static constexpr u8 kJump[] = {0xff, 0x24, 0xcd}; // jmp *jumps(,%rcx,8)
    m_emit.bytes(kJump, sizeof(kJump));
    m_emit.word(static_cast<u32>(m_glue.jumps));
}

void Translator::lookup() {
    m_ended = true;
    if (m_source.is_step) {
        point(Point::BranchedRcx, m_at, bit_of(kRcx));
        m_emit.store_slot(kRcx, LX_SLOT_TARGET);
        point(Point::BranchedSlot, m_at, bit_of(kRcx));
        m_emit.jump_to(m_glue.other_target);
        return;
    }
    find_entry();
    jump_to_entry();
}

} // namespace engine::translate
