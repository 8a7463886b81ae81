// Jumps through the jump tables that compilers make of `switch` and of computed gotos. Where the block itself
// shows that the index is within a table that does not change, its entries are all the targets there can be,
// and the translation jumps by a table of its own: nothing is to be looked up and compared. The same goes for
// a jump through one word that does not change: the global offset table's, once it can only be read.
#include "engine/translate/block_translator.hpp"
#include "engine/translate/known_values.hpp"
#include "engine/translate/slots.hpp"

namespace engine::translate {

// The instructions, which follow each other: a load of the entry unless the jump does that itself, an add of
// the table's address if entries are relative to it, and the jump.
struct Translator::SwitchCode {
    u8 table_register; // kNoRegister: the table's address is in the instruction
    u8 index;
    u8 target; // register; kNoRegister: there is no load
    i32 displacement;
    u8 entry_bytes;
    u32 parts;   // instructions
    u32 ends[3]; // offsets in the source
    bool changes_index() const { return target == index; }
};

// Decodes what lies at offset `at`, a plain instruction in the form that compilers use.
bool Translator::follows(u32 at, Instruction& in) const {
    return decode(m_source.bytes + at, m_source.available - at, in) == Decoded::Ok &&
           in.encoding == Encoding::Legacy && in.map == 0;
}

bool Translator::match_switch(const Instruction& in, SwitchCode& code) const {
    if (in.encoding != Encoding::Legacy || in.map != 0 || !in.has_memory || in.address_32 || in.operand_16 ||
        in.segment || in.base == kRsp)
        return false;
    const bool is_jump = in.opcode == 0xff; // of group 4, says the caller
    const bool is_relative = in.opcode == 0x63;
    if (!is_jump && ((!is_relative && in.opcode != 0x8b) || !(in.rex & 8) || in.reg == kRsp))
        return false;
    if (in.scale != (is_relative ? 2 : 3) || (is_relative && in.base == kNoRegister))
        return false;
    code = {in.base,
            in.index,
            is_jump ? kNoRegister : in.reg,
            in.displacement,
            static_cast<u8>(is_relative ? 4 : 8),
            0,
            {}};
    u32 at = m_next;
    code.ends[code.parts++] = at;
    Instruction next;
    if (is_relative) {
        const bool adds = follows(at, next) && !next.has_memory && (next.rex & 8) && !next.lock &&
                          ((next.opcode == 0x01 && next.rm == in.reg && next.reg == in.base) ||
                           (next.opcode == 0x03 && next.reg == in.reg && next.rm == in.base));
        if (!adds || in.reg == in.base)
            return false;
        at += next.length;
        code.ends[code.parts++] = at;
    }
    if (!is_jump) {
        if (!follows(at, next) || next.opcode != 0xff || next.group() != 4 || next.has_memory ||
            next.rm != in.reg)
            return false;
        code.ends[code.parts++] = at + next.length;
    }
    return true;
}

bool Translator::switch_jump(const Instruction& in) {
    SwitchCode code;
    if (m_source.is_step || m_source.may_change || !match_switch(in, code))
        return false;
    const bool is_kept = code.changes_index();
    if (is_kept && (code.index == kRcx || code.table_register == kRcx))
        return false;
    const KnownValues known(m_source.address, m_source.bytes, m_at);
    const u64 most = known.of(code.index).most;
    u64 table = static_cast<u64>(i64{code.displacement});
    if (code.table_register != kNoRegister) {
        const KnownValues::Value& value = known.of(code.table_register);
        if (!value.is_constant)
            return false;
        table += value.address;
    }
    if (most >= kMaxSwitchEntries)
        return false;
    const u64 base = code.entry_bytes == 4 ? table - static_cast<u64>(i64{code.displacement}) : 0;
    SwitchPlace place;
    if (!find_switch({table, base, static_cast<u32>(most) + 1, code.entry_bytes,
                      is_kept ? u8{kRcx} : code.index, is_kept},
                     place))
        return false;
    // Nobody may come in between the instructions that bound the index and the jump.
    while (m_out.instruction_count &&
           m_out.instructions[m_out.instruction_count - 1].guest > known.holds_from())
        --m_out.instruction_count;
    emit_switch(code, place.slots);
    m_ended = true;
    return true;
}

bool Translator::find_switch(const Switch& key, SwitchPlace& place) {
    if (m_out.switch_number) // a block belongs to one
        return false;
    place = m_source.find_switch(key);
    m_out.switch_number = place.number;
    return place.is_constant;
}

bool Translator::word_jump(const Instruction& in) {
    SwitchPlace place;
    if (m_source.is_step || m_source.may_change || in.segment || in.address_32 || in.operand_16 ||
        !find_switch({rip_target(in), 0, 1, 8, kNoRegister, false}, place))
        return false;
    sequence();
    static constexpr u8 kJump[] = {0xff, 0x24, 0x25}; // jmp *slot
    m_emit.bytes(kJump, sizeof(kJump));
    m_emit.word(static_cast<u32>(place.slots));
    m_ended = true;
    return true;
}

void Translator::emit_switch(const SwitchCode& code, u64 slots) {
    const bool is_kept = code.changes_index();
    const u8 saved = is_kept ? bit_of(kRcx) : u8{0};
    sequence();
    if (is_kept) {
        m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
        sequence(saved);
        m_emit.move_32(kRcx, code.index);
    }
    for (u32 part = 0; part + 1 < code.parts;
         ++part) { // what names no register or memory that would be another here
        m_emit.bytes(m_source.bytes + m_at, code.ends[part] - m_at);
        m_at = code.ends[part];
        sequence(saved);
    }
    static constexpr u8 kJump = 0x24; // jmp *slots(,index,8)
    const u8 index = is_kept ? u8{kRcx} : code.index;
    if (index >= 8)
        m_emit.byte(0x42);
    m_emit.byte(0xff);
    m_emit.byte(kJump);
    m_emit.byte(static_cast<u8>(0xc5 | (index & 7) << 3));
    m_emit.word(static_cast<u32>(slots));
    m_next = code.ends[code.parts - 1];
}

} // namespace engine::translate
