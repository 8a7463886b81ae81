// Source that may change under the engine's eyes: a block compares it at each entry.
#include "engine/translate/block_translator.hpp"
#include "engine/translate/slots.hpp"

#include <initializer_list>

namespace engine::translate {

void Translator::reserve_check() {
    point(Point::Check, 0);
    m_check_jump = here();
    m_emit.byte(0xe9);
    m_emit.word(0);
}

void Translator::fill_check() {
    const u32 back = m_check_jump + 5;
    u32 displacement = here() - back;
    __builtin_memcpy(m_code + m_check_jump + 1, &displacement, 4);
    constexpr u8 kUsed = bit_of(kRax) | bit_of(kRcx) | bit_of(kRdx);
    point(Point::Check, 0);
    for (const u8 number : {kRax, kRcx, kRdx})
        m_emit.store_slot(number, LX_SLOT_REGISTER(number));
    point(Point::Check, 0, kUsed);
    m_emit.move_immediate(kRdx, m_source.address);
    u32 failures[kMaxSourceBytes / 8 + 3];
    u32 failure_count = 0;
    for (u32 at = 0; at < m_at;) {
        const u32 left = m_at - at;
        const u32 bytes = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        u64 expected = 0;
        __builtin_memcpy(&expected, m_source.bytes + at, bytes);
        m_emit.load_zero_extended(kRcx, kRdx, static_cast<i32>(at), bytes);
        m_emit.move_immediate(kRax, -expected);
        static constexpr u8 kCompare[] = {0x48, 0x8d, 0x0c, 0x01, // lea (%rcx,%rax), %rcx
                                          0xe3, 0x05, 0xe9};      // jrcxz over; jmp
        m_emit.bytes(kCompare, sizeof(kCompare));
        failures[failure_count++] = here();
        m_emit.word(0);
        at += bytes;
    }
    for (const u8 number : {kRax, kRcx, kRdx})
        m_emit.load_slot(number, LX_SLOT_REGISTER(number));
    m_emit.jump_to(reinterpret_cast<u64>(m_code) + back);
    for (u32 i = 0; i < failure_count; ++i) {
        const u32 distance = here() - failures[i] - 4;
        __builtin_memcpy(m_code + failures[i], &distance, 4);
    }
    for (const u8 number : {kRax, kRcx, kRdx})
        m_emit.load_slot(number, LX_SLOT_REGISTER(number));
    point(Point::Check, 0);
    exit_jump(m_source.address);
    m_out.exits[m_out.exit_count - 1].kind = Exit::Check;
}

} // namespace engine::translate
