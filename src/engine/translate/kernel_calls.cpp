// Instructions that enter the kernel, raise an exception, or set what is the kernel's here: segment bases.
#include "engine/translate/block_translator.hpp"
#include "engine/translate/slots.hpp"

namespace engine::translate {

void Translator::software_interrupt(u8 number) {
    if (number == 0x80) {
        sequence();
        m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
        sequence(bit_of(kRcx));
        m_emit.move_immediate(kRcx, next_rip());
        m_emit.jump_to(m_glue.interrupt_80);
        m_ended = true;
    } else if (number == 3) {
        raise_trap(3);
    } else if (number == 4) {
        raise_trap(4);
    } else {
        raise(13, u32{number} * 8 + 2);
    }
}

void Translator::raise(u32 trap, u32 error) { raise_at(trap, error, rip()); }

void Translator::raise_trap(u32 trap) { raise_at(trap, 0, next_rip()); }

void Translator::raise_at(u32 trap, u32 error, u64 at) {
    sequence();
    m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
    sequence(bit_of(kRcx));
    m_emit.move_immediate(kRcx, at);
    m_emit.store_slot(kRcx, LX_SLOT_TARGET);
    m_emit.store_slot_immediate(LX_SLOT_EXIT, trap | error << 8);
    m_emit.jump_to(m_glue.raise);
    m_ended = true;
}

void Translator::invalid() {
    sequence();
    m_emit.byte(0x0f);
    m_emit.byte(0x0b);
    m_ended = true;
}

bool Translator::segment_load(const Instruction& in, u32 segment) {
    const bool is_ours = segment == 5 || (segment == 4 && m_rewrite_fs);
    if (!is_ours)
        return false;
    if (in.map == 1) { // pop
        sequence();
        m_emit.adjust_stack(8);
        done(0);
    }
    sequence();
    m_emit.store_slot_immediate(segment == 5 ? LX_SLOT_GUEST_GS : LX_SLOT_GUEST_FS, 0);
    return true;
}

bool Translator::segment_base(const Instruction& in) {
    const u8 group = in.group();
    const bool is_gs = group & 1, is_write = group >= 2, is_wide = in.rex & 8;
    if (!is_gs && !m_rewrite_fs)
        return false;
    if (m_bias && in.rm == kRsp) {
        invalid();
        return true;
    }
    const i32 slot = is_gs ? LX_SLOT_GUEST_GS : LX_SLOT_GUEST_FS;
    sequence();
    if (!is_write) {
        m_emit.load_slot(in.rm, slot, is_wide);
    } else if (is_wide) {
        m_emit.store_slot(in.rm, slot);
    } else { // the upper half becomes zero
        u8 used = 0;
        const u8 number = in.rm == kRdi ? kRsi : kRdi;
        save(number, used);
        m_emit.move_32(number, in.rm);
        m_emit.store_slot(number, slot);
        restore(used);
    }
    return true;
}

} // namespace engine::translate
