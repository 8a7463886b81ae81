// What an entry for indirect branches or returns begins with: the comparison of their target with its address
// (lookup.hpp).
#include "engine/translate/block_translator.hpp"
#include "engine/translate/lookup.hpp"
#include "engine/translate/slots.hpp"

namespace engine::translate {

namespace {

// Whether the displacement of a `lea` reaches from there to 0.
bool is_low(u64 guest) {
    return guest < 0x8000'0000;
}

constexpr u32 kJumpBytes = 5, kSubtractBytes = 7, kStepBackBytes = 5, kExtractBytes = 10;

} // namespace

u32 other_target_offset(u64 guest, bool is_return, const Mode& mode) {
    constexpr u32 kSkip = 2, kOpcode = 1; // jrcxz, jmp
    if (is_low(guest) || (is_return && mode.has_extract)) {
        const u32 load_bytes = !is_return ? 9 : mode.stack_bias == 0 ? 1 : mode.stack_bias < 128 ? 5 : 8;
        return load_bytes + (is_low(guest) ? 0 : kExtractBytes) + kSubtractBytes + kSkip +
               (is_return && !mode.stack_bias ? kStepBackBytes : 0) + kOpcode;
    }
    if (mode.has_shifts) // mov, shrx
        return 5 + (!is_return ? 11 : mode.stack_bias ? 10 : 6) + kSubtractBytes + kSkip + kOpcode;
    return (is_return ? 7 : 8) + kSubtractBytes - 1 + kSkip + 1 + kOpcode; // in 32 bits
}

u32 kept_register_offset(u64 guest, const Mode& mode) {
    constexpr u32 kDisplacementBytes = 4, kUpperHalfBytes = 13;
    return other_target_offset(guest, false, mode) + kDisplacementBytes +
           (is_low(guest) || mode.has_shifts ? 0 : kUpperHalfBytes);
}

void Translator::align_comparison(u64 guest, bool is_return, bool has_call) {
    const u32 start = has_call ? kJumpBytes : 0;
    const auto is_cut = [&](u32 offset) { return ((reinterpret_cast<u64>(m_emit.at()) + offset) & 63) > 60; };
    while ((has_call && is_cut(1)) || is_cut(start + other_target_offset(guest, is_return, m_mode)))
        m_emit.pad(1);
}

void Translator::compare_target(u64 guest, u32 at, bool is_return) {
    const i32 drop = is_return ? 8 : 0;
    point(is_return ? Point::Returned : Point::BranchedSlot, at, bit_of(kRcx), drop);
    const bool is_loaded = is_low(guest) || (is_return && m_mode.has_extract);
    if (is_loaded)
        compare_loaded(guest, at, is_return);
    else if (m_mode.has_shifts)
        compare_shifted(guest, is_return);
    else
        compare_parts(guest, is_return);
    if (is_return && !(is_loaded && !m_bias)) {
        point(Point::Sequence, at, bit_of(kRcx), drop);
        m_emit.adjust_stack(drop);
    }
    point(Point::Sequence, at, bit_of(kRcx));
    m_emit.load_slot(kRcx, LX_SLOT_REGISTER(kRcx));
    point(Point::Sequence, at);
}

void Translator::jump_elsewhere(bool is_return) {
    m_emit.jump_to(is_return ? m_glue.other_return : m_glue.other_target);
}

void Translator::skip_if_zero(u32 bytes) {
    m_emit.byte(0xe3); // jrcxz
    m_emit.byte(static_cast<u8>(bytes));
}

void Translator::compare_loaded(u64 guest, u32 at, bool is_return) {
    const bool pops = is_return && !m_bias;
    if (!is_return) {
        m_emit.load_slot(kRcx, LX_SLOT_TARGET);
    } else if (m_bias) {
        m_emit.load_stack(kRcx, m_bias);
    } else {
        m_emit.byte(0x59); // pop %rcx
        point(Point::Returned, at, bit_of(kRcx));
    }
    if (!is_low(guest))
        m_emit.extract_bits(kRcx, kRcx, m_glue.return_masks + 8);
    m_emit.subtract_address(kRcx, static_cast<i32>(is_low(guest) ? guest : return_rest(guest)), true);
    skip_if_zero(kJumpBytes + (pops ? kStepBackBytes : 0));
    if (pops) {
        m_emit.adjust_stack(-8);
        point(Point::Returned, at, bit_of(kRcx), 8);
    }
    jump_elsewhere(is_return);
}

// The table compares the low 16 bits: the others are not too long for a displacement.
void Translator::compare_shifted(u64 guest, bool is_return) {
    m_emit.move_immediate(kRcx, 16);
    if (is_return)
        m_emit.load_stack_shifted(kRcx, m_bias);
    else
        m_emit.load_slot_shifted(kRcx, LX_SLOT_TARGET);
    m_emit.subtract_address(kRcx, static_cast<i32>(guest >> 16), true);
    skip_if_zero(kJumpBytes);
    jump_elsewhere(is_return);
}

void Translator::compare_parts(u64 guest, bool is_return) {
    const auto load = [&](i32 offset, u32 bytes) {
        if (is_return)
            m_emit.load_stack_part(kRcx, m_bias + offset, bytes);
        else
            m_emit.load_slot_part(kRcx, LX_SLOT_TARGET + offset, bytes);
    };
    load(2, 4);
    m_emit.subtract_address(kRcx, static_cast<i32>(guest >> 16), false);
    m_emit.byte(0x67); // jecxz
    skip_if_zero(kJumpBytes);
    const u32 elsewhere = here();
    jump_elsewhere(is_return);
    load(6, 2);
    skip_if_zero(2);
    m_emit.byte(0xeb);
    m_emit.byte(static_cast<u8>(elsewhere - (here() + 1)));
}

} // namespace engine::translate
