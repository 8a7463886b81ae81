#include "engine/translate/translator.hpp"

#include <initializer_list>

#include "engine/translate/decoder.hpp"
#include "engine/translate/emitter.hpp"
#include "engine/translate/lookup.hpp"
#include "engine/translate/slots.hpp"

namespace engine::translate {

namespace {

constexpr u32 kMaxInstructions = 64;
constexpr u32 kMaxSequenceBytes = 160; // of one guest instruction
constexpr u32 kMaxSequencePoints = 12;

constexpr u8 bit_of(u8 number) { return static_cast<u8>(1u << number); }

bool is_load_address(const Instruction& in) {
    return in.encoding == Encoding::Legacy && in.map == 0 && in.opcode == 0x8d;
}

// Moves from memory to a general register that write all of it: the register can hold the address before.
bool is_whole_load(const Instruction& in) {
    if (in.encoding != Encoding::Legacy || in.operand_16 || in.reg >= 8 || in.reg == kRsp || in.reg == kRbp)
        return false;
    if (in.map == 0)
        return in.opcode == 0x8b || in.opcode == 0x63;
    return in.map == 1 && (in.opcode == 0xb6 || in.opcode == 0xb7 || in.opcode == 0xbe || in.opcode == 0xbf) && !in.rep && !in.repne;
}

// Instructions that use memory at rsi or rdi, or at an address in the instruction, without ModRM.
bool has_implicit_memory(const Instruction& in) {
    if (in.encoding != Encoding::Legacy)
        return in.map == 1 && in.opcode == 0xf7; // vmaskmovdqu
    if (in.map == 1)
        return in.opcode == 0xf7;
    return in.map == 0 && ((in.opcode >= 0xa0 && in.opcode <= 0xa7) || in.opcode == 0xac || in.opcode == 0xad ||
                           in.opcode == 0x6e || in.opcode == 0x6f || in.opcode == 0xd7);
}

class Translator {
public:
    Translator(const Source& source, const Glue& glue, u8* code, u8* stubs_end, u32 first_exit, bool rewrite_fs, u32 bias, Translation& out)
        : m_source(source), m_glue(glue), m_emit(code), m_out(out), m_code(code), m_stubs_end(stubs_end), m_first_exit(first_exit),
          m_rewrite_fs(rewrite_fs), m_bias(static_cast<i32>(bias)) {}

    void run() {
        m_out.exit_count = m_out.point_count = 0;
        m_out.source_bytes = 0;
        indirect_entry();
        if (m_source.may_change)
            reserve_check();
        u32 count = 0;
        for (m_ended = false; !m_ended;) {
            Instruction in;
            if (count++ >= kMaxInstructions || !has_room()) {
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
            m_in = &in;
            m_next = m_at + in.length;
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
        emit_stubs();
        emit_literals();
        m_out.code_bytes = here();
    }

private:
    u32 here() const { return static_cast<u32>(m_emit.at() - m_code); }
    u64 rip() const { return m_source.address + m_at; }
    u64 next_rip() const { return m_source.address + m_next; }

    bool has_room() const {
        return m_out.exit_count + 2 < kMaxExits && m_out.point_count + kMaxSequencePoints < kMaxPoints &&
               here() + kMaxSequenceBytes + kMaxSourceBytes * 4 < kMaxCodeBytes;
    }

    void point(Point::Kind kind, u32 guest, u8 restore = 0, i32 rsp_less_bias = 0) {
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
    void sequence(u8 restore = 0, i32 rsp = 0) { point(Point::Sequence, m_at, restore, rsp); }
    // The instruction is done; what follows only tidies up.
    void done(u8 restore, i32 rsp = 0) { point(Point::Sequence, m_next, restore, rsp); }

    // ---- plain instructions ----

    void instruction(const Instruction& in) {
        if (in.flags & kControl) {
            if (control(in))
                return;
        }
        plain(in);
    }

    void copy(const Instruction& in) {
        // Within a run rips agree by themselves.
        const Point* last = m_out.point_count ? &m_out.points[m_out.point_count - 1] : nullptr;
        const bool continues = last && last->kind == Point::Run && u32{last->guest} + (here() - last->host) == m_at;
        if (!continues)
            point(Point::Run, m_at);
        m_emit.bytes(m_source.bytes + m_at, in.length);
    }

    u64 rip_target(const Instruction& in) const {
        const u64 target = next_rip() + static_cast<u64>(i64{in.displacement});
        return in.address_32 ? target & 0xffff'ffff : target;
    }
    // Whether the operand that RIP names can be named so from here, too.
    bool can_reach(const Instruction& in) const {
        const i64 distance = static_cast<i64>(rip_target(in) - (reinterpret_cast<u64>(m_emit.at()) + in.length));
        return distance == static_cast<i32>(distance);
    }
    void copy_moved(const Instruction& in) {
        const u32 start = here();
        copy(in);
        const u32 displacement = static_cast<u32>(rip_target(in) - reinterpret_cast<u64>(m_emit.at()));
        __builtin_memcpy(m_code + start + in.displacement_offset, &displacement, 4);
    }

    bool needs_segment(const Instruction& in) const {
        return in.segment == 0x65 || (in.segment == 0x64 && m_rewrite_fs);
    }

    bool names_stack_pointer(const Instruction& in) const {
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
    // Opcodes after 0F whose ModRM registers are all vectors, in every encoding.
    static bool is_vector_only(u8 opcode) {
        return (opcode >= 0x10 && opcode <= 0x17) || opcode == 0x28 || opcode == 0x29 || opcode == 0x2b || opcode == 0x2e ||
               opcode == 0x2f || (opcode >= 0x51 && opcode <= 0x6d) || opcode == 0x6f || opcode == 0x7f || opcode == 0xc2 ||
               opcode == 0xc6 || (opcode >= 0xd0 && opcode <= 0xef && opcode != 0xd7) || (opcode >= 0xf1 && opcode <= 0xfe);
    }

    void plain(const Instruction& in) {
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

    void load_rip_address(const Instruction& in) {
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

    // ---- memory operands ----

    struct Operand {
        u8 base, index, scale;
        i32 displacement;
        bool keeps_displacement; // in its own encoding: EVEX scales short ones
        bool drops_segment;
        bool drops_address_32;
    };

    Operand original(const Instruction& in) const {
        return {in.base, in.index, in.scale, in.displacement, true, false, false};
    }

    // Adds to the displacement; false when its encoding is not known here.
    static bool shift(Operand& operand, const Instruction& in, i32 amount) {
        if (in.encoding == Encoding::Evex && in.displacement_bytes == 1)
            return false;
        operand.displacement += amount;
        operand.keeps_displacement = false;
        return true;
    }

    // A register that the instruction does not name, nor use without naming it: rdi and rsi are only used so by string
    // instructions and maskmovdqu, rbx by cmpxchg8b, cpuid and xlat, rax and rdx by no instruction that names four others. Compilers'
    // code overwrites rdi and rsi often: a register that it leaves alone would become a chain of stores and loads.
    u8 scratch(const Instruction& in, u8 taken) const {
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

    void save(u8 number, u8& used) {
        m_emit.store_slot(number, LX_SLOT_REGISTER(number));
        used |= bit_of(number);
        sequence(used);
    }
    void load_saved(u8 used) {
        for (u8 number = 0; number < 8; ++number)
            if (used & bit_of(number))
                m_emit.load_slot(number, LX_SLOT_REGISTER(number));
    }

    void restore(u8 used) {
        if (!used)
            return;
        done(used);
        load_saved(used);
    }

    // The operand as it can be used in the translation; saves what it changes.
    Operand rewritten(const Instruction& in, bool segment, u8& used) {
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

    // The instruction with another memory operand.
    void emit_with(const Instruction& in, const Operand& operand) { emit_form(in, operand, in.opcode, false, 0); }

    // With `replaces`, another one-byte opcode and a 64-bit register operand instead of its own.
    void emit_form(const Instruction& in, const Operand& operand, u8 opcode, bool replaces, u8 reg) {
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

    static bool is_vector_index(const Instruction& in) {
        return in.encoding != Encoding::Legacy && in.map == 2 &&
               ((in.opcode >= 0x90 && in.opcode <= 0x93) || (in.opcode >= 0xa0 && in.opcode <= 0xa3) || in.opcode == 0xc6 ||
                in.opcode == 0xc7);
    }

    void emit_operand(const Instruction& in, const Operand& operand, u8 reg) {
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

    // ---- rsp, where the host's is not the guest's ----

    // rsp is the guest's for the time of the instruction.
    void unbiased(const Instruction& in) {
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

    void stack_instruction(const Instruction& in) {
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

    i32 push_immediate(const Instruction& in) const {
        const u8* at = m_source.bytes + m_at + in.immediate_offset;
        if (in.immediate_bytes == 1)
            return static_cast<i8>(*at);
        i32 value;
        __builtin_memcpy(&value, at, 4);
        return value;
    }

    // ---- control ----

    i64 branch_displacement(const Instruction& in) const {
        const u8* at = m_source.bytes + m_at + in.immediate_offset;
        if (in.immediate_bytes == 1)
            return static_cast<i8>(*at);
        i32 value;
        __builtin_memcpy(&value, at, 4);
        return value;
    }
    u64 branch_target(const Instruction& in) const { return next_rip() + static_cast<u64>(branch_displacement(in)); }

    // False when the instruction is to be treated as a plain one.
    bool control(const Instruction& in) {
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
            return segment_load((in.modrm >> 3) & 7);
        default: return false;
        }
    }

    bool control_two_bytes(const Instruction& in) {
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
            return segment_load(code == 0xa1 ? 4 : 5);
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

    void conditional(u8 condition, u64 target) {
        sequence();
        align_branch(2);
        m_emit.byte(0x0f);
        m_emit.byte(static_cast<u8>(0x80 | condition));
        exit_displacement(target);
    }

    // loop, loope, loopne, jrcxz reach 127 bytes only.
    void loop(const Instruction& in) {
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

    void call(const Instruction& in) {
        const u64 target = branch_target(in);
        sequence();
        push_return(in, 0);
        point(Point::Exit, m_out.exit_count);
        exit_jump(target);
        m_ended = true;
    }

    // Pushes the address behind the instruction. `used`: registers in their slots.
    void push_return(const Instruction&, u8 used) {
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

    void ret(const Instruction& in) {
        sequence();
        m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
        sequence(bit_of(kRcx));
        i32 drop = 8;
        if (in.opcode == 0xc2) {
            u16 bytes;
            __builtin_memcpy(&bytes, m_source.bytes + m_at + in.immediate_offset, 2);
            drop += bytes;
        }
        if (m_bias) {
            m_emit.load_stack(kRcx, m_bias);
            m_emit.adjust_stack(drop);
        } else if (drop == 8) {
            m_emit.byte(0x59); // pop %rcx
        } else {
            m_emit.load_stack(kRcx, 0);
            m_emit.adjust_stack(drop);
        }
        lookup();
    }

    void indirect(const Instruction& in, bool is_call) {
        sequence();
        m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
        sequence(bit_of(kRcx));
        if (!in.has_memory) {
            if (in.rm == kRsp)
                m_emit.load_address(kRcx, kRsp, m_bias);
            else if (in.rm != kRcx)
                m_emit.move(kRcx, in.rm);
        } else {
            const bool segment = needs_segment(in);
            Operand operand = original(in);
            u8 used = bit_of(kRcx);
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
        if (is_call)
            push_return(in, bit_of(kRcx));
        lookup();
    }

    // Indirect branches come in here, with the target and rcx in their slots. See lookup.hpp. The halves of the target are compared one
    // by one: without another register, and with loads that the processor can feed from the store before.
    void indirect_entry() {
        point(Point::BranchedSlot, 0, bit_of(kRcx));
        const auto subtract = [&](u64 half) { // lea -half(%rcx), %ecx; jecxz over ...
            m_emit.byte(0x8d);
            m_emit.byte(0x89);
            m_emit.word(static_cast<u32>(-half));
            m_emit.byte(0x67);
            m_emit.byte(0xe3);
        };
        m_emit.load_slot(kRcx, LX_SLOT_TARGET, false);
        subtract(m_source.address & 0xffff'ffff);
        m_emit.byte(5);
        m_emit.jump_to(m_glue.other_target);
        m_emit.load_slot(kRcx, LX_SLOT_TARGET + 4, false);
        subtract(m_source.address >> 32);
        m_emit.byte(2);
        m_emit.byte(0xeb); // to the jump above
        m_emit.byte(static_cast<u8>(-25));
        point(Point::Sequence, 0, bit_of(kRcx));
        m_emit.load_slot(kRcx, LX_SLOT_REGISTER(kRcx));
    }

    // Goes to the guest address in rcx; the guest's rcx is in its slot.
    void lookup() {
        point(Point::BranchedRcx, m_at, bit_of(kRcx));
        m_emit.store_slot(kRcx, LX_SLOT_TARGET);
        point(Point::BranchedSlot, m_at, bit_of(kRcx));
        static constexpr u8 kFind[] = {0x0f, 0xb7, 0xc9,  // movzwl %cx, %ecx
                                       0xff, 0x24, 0xcd}; // jmp *heads(,%rcx,8)
        m_emit.bytes(kFind, sizeof(kFind));
        m_emit.word(static_cast<u32>(m_glue.heads));
        m_ended = true;
    }

    void software_interrupt(u8 number) {
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

    // An exception with rip at the instruction, or behind it.
    void raise(u32 trap, u32 error) { raise_at(trap, error, rip()); }
    void raise_trap(u32 trap) { raise_at(trap, 0, next_rip()); }
    void raise_at(u32 trap, u32 error, u64 at) {
        sequence();
        m_emit.store_slot(kRcx, LX_SLOT_REGISTER(kRcx));
        sequence(bit_of(kRcx));
        m_emit.move_immediate(kRcx, at);
        m_emit.store_slot(kRcx, LX_SLOT_TARGET);
        m_emit.store_slot_immediate(LX_SLOT_EXIT, trap | error << 8);
        m_emit.jump_to(m_glue.raise);
        m_ended = true;
    }
    void invalid() {
        sequence();
        m_emit.byte(0x0f);
        m_emit.byte(0x0b);
        m_ended = true;
    }

    // mov to a segment register, pop of one. Only null selectors and those that the guest has can be loaded natively; gs is the
    // kernel's here, and so is fs where it is rewritten: their bases become 0, as a null selector makes them.
    bool segment_load(u32 segment) {
        const bool is_ours = segment == 5 || (segment == 4 && m_rewrite_fs);
        if (!is_ours)
            return false;
        if (m_in->map == 1) { // pop
            sequence();
            m_emit.adjust_stack(8);
            done(0);
        }
        sequence();
        m_emit.store_slot_immediate(segment == 5 ? LX_SLOT_GUEST_GS : LX_SLOT_GUEST_FS, 0);
        return true;
    }

    // rdfsbase, rdgsbase, wrfsbase, wrgsbase
    bool segment_base(const Instruction& in) {
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

    // ---- exits ----

    // Keeps the displacement of a branch whose opcode has `opcode_bytes` within one cache line: it is changed in one write.
    void align_branch(u32 opcode_bytes) {
        const u64 at = reinterpret_cast<u64>(m_emit.at()) + opcode_bytes;
        const u32 in_line = at & 63;
        if (in_line > 60)
            m_emit.pad(64 - in_line);
    }
    void exit_displacement(u64 target) {
        Exit& exit = m_out.exits[m_out.exit_count++];
        exit = {target, here(), false};
        m_emit.word(0);
    }
    void exit_jump(u64 target) {
        align_branch(1);
        m_emit.byte(0xe9);
        exit_displacement(target);
    }
    // The block ends before the current instruction, or behind it.
    void leave() {
        point(Point::Sequence, m_at);
        exit_jump(rip());
        m_ended = true;
    }
    void leave_after() {
        point(Point::Sequence, m_next);
        exit_jump(next_rip());
        m_ended = true;
    }

    void emit_stubs() {
        for (u32 i = 0; i < m_out.exit_count; ++i) {
            u8* const at = m_stubs_end - (i + 1) * kStubBytes;
            const u32 displacement = static_cast<u32>(at - (m_code + m_out.exits[i].branch) - 4);
            __builtin_memcpy(m_code + m_out.exits[i].branch, &displacement, 4);
            Emitter stub(at);
            stub.store_slot_immediate(LX_SLOT_EXIT, m_first_exit + i);
            stub.jump_to(m_glue.exit);
            stub.half(0xcccc);
        }
    }
    void emit_literals() {
        while (here() % 8)
            m_emit.byte(0xcc);
        for (u32 i = 0; i < m_literal_count; ++i) {
            const u32 displacement = here() - m_literals[i].at - 4;
            __builtin_memcpy(m_code + m_literals[i].at, &displacement, 4);
            m_emit.quad(m_literals[i].value);
        }
    }

    // ---- source that may change ----

    void reserve_check() {
        point(Point::Check, 0);
        m_check_jump = here();
        m_emit.byte(0xe9);
        m_emit.word(0);
    }
    // Behind the block's code, because how much is to be checked is known only now; entered by the jump at its start.
    void fill_check() {
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
        m_out.exits[m_out.exit_count - 1].is_check = true;
    }

    struct Literal {
        u32 at;
        u64 value;
    };

    const Source& m_source;
    const Glue& m_glue;
    Emitter m_emit;
    Translation& m_out;
    u8* m_code;
    u8* m_stubs_end;
    u32 m_first_exit;
    bool m_rewrite_fs;
    i32 m_bias;
    const Instruction* m_in = nullptr;
    u32 m_at = 0, m_next = 0; // offsets in the source
    bool m_ended = false;
    u32 m_check_jump = 0;
    Literal m_literals[2];
    u32 m_literal_count = 0;
};

} // namespace

void translate(const Source& source, const Glue& glue, u8* code, u8* stubs_end, u32 first_exit, bool rewrite_fs, u32 stack_bias, Translation& out) {
    Translator(source, glue, code, stubs_end, first_exit, rewrite_fs, stack_bias, out).run();
}

} // namespace engine::translate
