#include "engine/translate/block_translator.hpp"
#include "engine/translate/slots.hpp"

namespace engine::translate {

namespace {

constexpr u32 kMaxSequenceBytes = 256; // of one guest instruction
constexpr u32 kMaxSequencePoints = 40; // with what follows at the block's end

// Instructions that use memory at rsi or rdi, or at an address in the instruction, without ModRM.
bool has_implicit_memory(const Instruction& in) {
    if (in.encoding != Encoding::Legacy)
        return in.map == 1 && in.opcode == 0xf7; // vmaskmovdqu
    if (in.map == 1)
        return in.opcode == 0xf7;
    return in.map == 0 && ((in.opcode >= 0xa0 && in.opcode <= 0xa7) || in.opcode == 0xac || in.opcode == 0xad ||
                           in.opcode == 0x6e || in.opcode == 0x6f || in.opcode == 0xd7);
}

} // namespace

void Translator::begin() {
    m_out.source_bytes = m_out.exit_count = m_out.point_count = m_out.landing_count = m_out.instruction_count = 0;
    m_out.step = Step::None;
    m_out.direct = m_out.entry = m_out.switch_number = 0;
}

void Translator::run() {
    begin();
    if (m_source.is_step)
        m_out.step = Step::Plain;
    sequence(0, 8);
    m_emit.adjust_stack(8); // the call entry
    sequence();
    if (m_source.is_target) {
        static constexpr u8 kOver[] = {0xeb, 0};
        m_emit.bytes(kOver, sizeof(kOver));
        const u32 start = here();
        align_comparison(m_source.address, false, false);
        m_out.entry = here();
        compare_target(m_source.address, 0, false);
        m_code[start - 1] = static_cast<u8>(here() - start);
    }
    m_out.direct = here();
    if (m_source.may_change)
        reserve_check();
    const u32 most = m_source.is_step ? 1 : kMaxInstructions;
    for (m_ended = false; !m_ended;) {
        Instruction in;
        if (m_out.instruction_count == most || !has_room() || (m_at && is_translated())) {
            leave();
            break;
        }
        const Decoded result = decode(m_source.bytes + m_at, m_source.available - m_at, in);
        if (result == Decoded::Truncated) {
            if (m_at == 0)
                return;
            leave();
            break;
        }
        m_next = m_at + in.length;
        m_instruction_start = here();
        m_out.instructions[m_out.instruction_count++] = {static_cast<u16>(here()), static_cast<u16>(m_at)};
        if (result == Decoded::TooLong) {
            m_next = m_at + 1; // never executed
            raise(13, 0);
        } else if (result == Decoded::Invalid) {
            invalid();
        } else {
            instruction(in);
        }
        m_at = m_next;
    }
    m_out.source_bytes = m_at;
    if (m_source.may_change)
        fill_check();
    emit_indirect_calls();
    emit_stubs();
    emit_literals();
    m_out.code_bytes = here();
}

bool Translator::has_room() const {
    return m_out.exit_count + 2 < kMaxExits && m_out.landing_count < kMaxLandings && m_out.point_count + kMaxSequencePoints < kMaxPoints &&
           here() + kMaxSequenceBytes + kMaxSourceBytes * 4 < kMaxCodeBytes;
}

void Translator::point(Point::Kind kind, u32 guest, u8 restore, i32 rsp_less_bias) {
    const Point made{static_cast<u16>(here()), static_cast<u16>(guest), kind, restore, static_cast<i16>(m_bias + rsp_less_bias)};
    if (m_out.point_count) {
        Point& last = m_out.points[m_out.point_count - 1];
        if (last.host == made.host) {
            last = made;
            return;
        }
    }
    m_out.points[m_out.point_count++] = made;
}

void Translator::instruction(const Instruction& in) {
    if ((in.flags & kControl) && control(in))
        return;
    if (in.index != kNoRegister && m_source.find_switch && switch_jump(in))
        return;
    plain(in);
    if (in.encoding != Encoding::Legacy || in.map != 0 || (in.opcode != 0x9c && in.opcode != 0x9d))
        return;
    if (m_source.is_step)
        m_out.step = in.opcode == 0x9c ? Step::PushFlags : Step::PopFlags;
    if (in.opcode == 0x9d) // what follows is to be stepped through, if it has set TF
        leave_after();
}

void Translator::copy(const Instruction& in) {
    // Within a run rips agree by themselves.
    const Point* last = m_out.point_count ? &m_out.points[m_out.point_count - 1] : nullptr;
    const bool continues = last && last->kind == Point::Run && u32{last->guest} + (here() - last->host) == m_at;
    if (!continues)
        point(Point::Run, m_at);
    m_emit.bytes(m_source.bytes + m_at, in.length);
}

u64 Translator::rip_target(const Instruction& in) const {
    const u64 target = next_rip() + static_cast<u64>(i64{in.displacement});
    return in.address_32 ? target & 0xffff'ffff : target;
}

bool Translator::can_reach(const Instruction& in) const {
    const i64 distance = static_cast<i64>(rip_target(in) - (reinterpret_cast<u64>(m_emit.at()) + in.length));
    return distance == static_cast<i32>(distance);
}

void Translator::copy_moved(const Instruction& in) {
    const u32 start = here();
    copy(in);
    const u32 displacement = static_cast<u32>(rip_target(in) - reinterpret_cast<u64>(m_emit.at()));
    __builtin_memcpy(m_code + start + in.displacement_offset, &displacement, 4);
}

void Translator::plain(const Instruction& in) {
    const bool segment = needs_segment(in) && !is_load_address(in);
    if (segment && !in.has_memory && has_implicit_memory(in)) {
        invalid(); // string instructions on gs: (or fs: where it is rewritten) are not translated
        return;
    }
    if (in.base == kRip && !segment && !in.address_32 && can_reach(in) &&
        !(m_bias && ((in.flags & kUsesStack) || names_stack_pointer(in)))) {
        copy_moved(in);
        return;
    }
    const bool moves_memory = in.has_memory && (segment || in.base == kRip);
    const bool on_stack = m_bias && in.has_memory && in.base == kRsp;
    if (m_bias && ((in.flags & kUsesStack) || names_stack_pointer(in))) {
        stack_instruction(in);
        return;
    }
    if (!moves_memory && !on_stack) {
        copy(in);
        return;
    }
    if (is_load_address(in) && in.base == kRip) {
        load_rip_address(in);
        return;
    }
    sequence();
    u8 used = 0;
    Operand operand = rewritten(in, segment, used);
    if (on_stack && !segment && !shift(operand, in, m_bias)) {
        unbiased(in);
        return;
    }
    emit_with(in, operand);
    restore(used);
}

void Translator::load_rip_address(const Instruction& in) {
    const u64 target = rip_target(in);
    sequence();
    if (m_bias && in.reg == kRsp) {
        invalid();
        return;
    }
    if (in.operand_16 && !(in.rex & 8)) {
        m_emit.byte(0x66);
        if (in.reg >= 8)
            m_emit.byte(0x41);
        m_emit.byte(static_cast<u8>(0xb8 | (in.reg & 7)));
        m_emit.half(static_cast<u16>(target));
    } else {
        m_emit.move_immediate(in.reg, in.rex & 8 ? target : target & 0xffff'ffff);
    }
}

void Translator::align_branch(u32 opcode_bytes) {
    const u64 at = reinterpret_cast<u64>(m_emit.at()) + opcode_bytes;
    const u32 in_line = at & 63;
    if (in_line > 60)
        m_emit.pad(64 - in_line);
}

void Translator::exit_displacement(u64 target, Exit::Kind kind) {
    Exit& exit = m_out.exits[m_out.exit_count++];
    exit = {target, here(), kind};
    m_emit.word(0);
}

void Translator::exit_jump(u64 target) {
    align_branch(1);
    m_emit.byte(0xe9);
    exit_displacement(target);
}

void Translator::leave() { leave_to(m_at); }

void Translator::leave_after() { leave_to(m_next); }

void Translator::leave_to(u32 at) {
    if (m_out.landing_count && m_out.landings[m_out.landing_count - 1].direct == here())
        m_out.landings[m_out.landing_count - 1].is_passage = true;
    point(Point::Sequence, at);
    exit_jump(m_source.address + at);
    m_ended = true;
}

void Translator::emit_stubs() {
    for (u32 i = 0; i < m_out.exit_count; ++i) {
        u8* const at = m_stubs_end - (i + 1) * kStubBytes;
        const u32 displacement = static_cast<u32>(at - (m_code + m_out.exits[i].branch) - 4);
        __builtin_memcpy(m_code + m_out.exits[i].branch, &displacement, 4);
        Emitter stub(at);
        stub.store_slot_immediate(LX_SLOT_EXIT, m_first_exit + i);
        if (m_out.exits[i].kind == Exit::Call)
            stub.adjust_stack(8);
        stub.jump_to(m_glue.exit);
        while (stub.at() < at + kStubBytes)
            stub.byte(0xcc);
    }
}

void Translator::emit_literals() {
    while (here() % 8)
        m_emit.byte(0xcc);
    for (u32 i = 0; i < m_literal_count; ++i) {
        const u32 displacement = here() - m_literals[i].at - 4;
        __builtin_memcpy(m_code + m_literals[i].at, &displacement, 4);
        m_emit.quad(m_literals[i].value);
    }
}

void Translator::run_entry(u64 direct, bool is_return) {
    begin();
    align_comparison(m_source.address, is_return, false);
    m_out.entry = here();
    compare_target(m_source.address, 0, is_return);
    m_emit.jump_to(direct);
    m_out.code_bytes = here();
}

void Translator::run_missing_case(u32 number, bool is_kept, u64 kernel) {
    begin();
    point(Point::Switched, number, is_kept ? bit_of(kRcx) : u8{0});
    m_emit.store_slot_immediate(LX_SLOT_EXIT, number);
    m_emit.jump_to(kernel);
    m_out.code_bytes = here();
}

void translate_missing_case(u32 number, bool is_kept, u64 kernel, u8* code, const Mode& mode, Translation& out) {
    static constexpr Glue kNoGlue{};
    const Source source{0, nullptr, 0, false};
    Translator(source, kNoGlue, code, nullptr, 0, mode, out).run_missing_case(number, is_kept, kernel);
}

void translate_entry(u64 guest, u64 direct, bool is_return, const Glue& glue, u8* code, const Mode& mode, Translation& out) {
    const Source source{guest, nullptr, 0, false};
    Translator(source, glue, code, nullptr, 0, mode, out).run_entry(direct, is_return);
}

void translate(const Source& source, const Glue& glue, u8* code, u8* stubs_end, u32 first_exit, const Mode& mode, Translation& out) {
    Translator(source, glue, code, stubs_end, first_exit, mode, out).run();
}

} // namespace engine::translate
