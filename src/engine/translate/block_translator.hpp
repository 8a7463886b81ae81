// One block's translation while it is made. What it consists of: translator.cpp (copies, exits), operands.cpp, stack.cpp, control.cpp,
// comparisons.cpp, switch_jumps.cpp, kernel_calls.cpp, source_check.cpp.
#pragma once

#include "engine/translate/decoder.hpp"
#include "engine/translate/emitter.hpp"
#include "engine/translate/translator.hpp"

namespace engine::translate {

constexpr u8 bit_of(u8 number) { return static_cast<u8>(1u << number); }

inline bool is_load_address(const Instruction& in) {
    return in.encoding == Encoding::Legacy && in.map == 0 && in.opcode == 0x8d;
}

class Translator {
public:
    Translator(const Source& source, const Glue& glue, u8* code, u8* stubs_end, u32 first_exit, const Mode& mode, Translation& out)
        : m_source(source), m_glue(glue), m_mode(mode), m_emit(code), m_out(out), m_code(code), m_stubs_end(stubs_end),
          m_first_exit(first_exit), m_rewrite_fs(mode.rewrite_fs), m_bias(static_cast<i32>(mode.stack_bias)) {}

    void run();
    // translate_entry()
    void run_entry(u64 direct, bool is_return);
    // translate_missing_case()
    void run_missing_case(u32 number, bool is_kept, u64 kernel);
    // Opcodes after 0F whose ModRM registers are all vectors, in every encoding.
    static bool is_vector_only(u8 opcode);

private:
    void begin();
    u32 here() const { return static_cast<u32>(m_emit.at() - m_code); }
    u64 rip() const { return m_source.address + m_at; }
    u64 next_rip() const { return m_source.address + m_next; }
    bool has_room() const;
    // The current instruction.
    bool is_translated() const { return m_source.known && m_source.known->may_have(rip()) && m_source.is_translated(rip()); }
    void point(Point::Kind kind, u32 guest, u8 restore = 0, i32 rsp_less_bias = 0);
    void sequence(u8 restore = 0, i32 rsp = 0) { point(Point::Sequence, m_at, restore, rsp); }
    // The instruction is done; what follows only tidies up.
    void done(u8 restore, i32 rsp = 0) { point(Point::Sequence, m_next, restore, rsp); }

    // ---- plain instructions ----
    void instruction(const Instruction& in);
    void copy(const Instruction& in);
    u64 rip_target(const Instruction& in) const;
    // Whether the operand that RIP names can be named so from here, too.
    bool can_reach(const Instruction& in) const;
    void copy_moved(const Instruction& in);
    bool needs_segment(const Instruction& in) const {
        return in.segment == 0x65 || (in.segment == 0x64 && m_rewrite_fs);
    }
    bool names_stack_pointer(const Instruction& in) const;
    void plain(const Instruction& in);
    void load_rip_address(const Instruction& in);

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
    static bool shift(Operand& operand, const Instruction& in, i32 amount);
    // A register that the instruction does not name, nor use without naming it: rdi and rsi are only used so by string
    // instructions and maskmovdqu, rbx by cmpxchg8b, cpuid and xlat, rax and rdx by no instruction that names four others. Compilers'
    // code overwrites rdi and rsi often: a register that it leaves alone would become a chain of stores and loads.
    u8 scratch(const Instruction& in, u8 taken) const;
    void save(u8 number, u8& used);
    void load_saved(u8 used);
    void restore(u8 used);
    // The operand as it can be used in the translation; saves what it changes.
    Operand rewritten(const Instruction& in, bool segment, u8& used);
    // The instruction with another memory operand.
    void emit_with(const Instruction& in, const Operand& operand) { emit_form(in, operand, in.opcode, false, 0); }
    // With `replaces`, another one-byte opcode and a 64-bit register operand instead of its own.
    void emit_form(const Instruction& in, const Operand& operand, u8 opcode, bool replaces, u8 reg);
    static bool is_vector_index(const Instruction& in);
    void emit_operand(const Instruction& in, const Operand& operand, u8 reg);

    // ---- rsp, where the host's is not the guest's ----
    // rsp is the guest's for the time of the instruction.
    void unbiased(const Instruction& in);
    void stack_instruction(const Instruction& in);
    i32 push_immediate(const Instruction& in) const;

    // ---- control ----
    i64 branch_displacement(const Instruction& in) const;
    u64 branch_target(const Instruction& in) const;
    // False when the instruction is to be treated as a plain one.
    bool control(const Instruction& in);
    bool control_two_bytes(const Instruction& in);
    void conditional(u8 condition, u64 target);
    // loop, loope, loopne, jrcxz reach 127 bytes only.
    void loop(const Instruction& in);
    void call(const Instruction& in);
    // Pushes the address behind the instruction. `used`: registers in their slots.
    void push_return(u8 used);
    void ret(const Instruction& in);
    void indirect(const Instruction& in, bool is_call);
    // What an indirect branch does whose target is in rcx, and rcx in its slot.
    void goto_loaded(bool is_call);
    // The same for a target in another register.
    void goto_register(u8 number, bool is_call);
    // What both end with; rcx is the index in the lookup table.
    void goto_entry(bool is_call);
    // Indirect branches to `guest`, the address of the source's byte `at`, come in here, or returns to it: see lookup.hpp.
    void compare_target(u64 guest, u32 at, bool is_return);
    // Its ways to compare: the whole address, below 2 GiB, or all that pext takes of it; with BMI2's shifts; without.
    void compare_loaded(u64 guest, u32 at, bool is_return);
    void compare_shifted(u64 guest, bool is_return);
    void compare_parts(u64 guest, bool is_return);
    void skip_if_zero(u32 bytes);
    void jump_elsewhere(bool is_return);
    // Where the return of the call comes in that is the current instruction.
    void landing();
    // No cache line border cuts the displacement of the comparison that begins here, and that of the host call before it, if there is one.
    void align_comparison(u64 guest, bool is_return, bool has_call);
    void emit_indirect_calls();
    // Goes to the guest address in rcx; the guest's rcx is in its slot.
    void lookup();
    // Its first part, after which rcx is the index in the lookup table; and the second.
    void find_entry();
    void index_of(u8 number);
    void jump_to_entry();

    // ---- jumps through jump tables ----
    // A jump with such an operand, or a load that is followed by one: translates it, and what follows, if it is a switch. It ends the block.
    bool switch_jump(const Instruction& in);
    // A jump through one word, such as the global offset table has: the same for a table of one entry.
    bool word_jump(const Instruction& in);
    // Asks for the switch; false when the jump has to be translated as any other.
    bool find_switch(const Switch& key, SwitchPlace& place);
    struct SwitchCode;
    bool match_switch(const Instruction& in, SwitchCode& code) const;
    bool follows(u32 at, Instruction& in) const;
    void emit_switch(const SwitchCode& code, u64 slots);

    void software_interrupt(u8 number);
    // An exception with rip at the instruction, or behind it.
    void raise(u32 trap, u32 error);
    void raise_trap(u32 trap);
    void raise_at(u32 trap, u32 error, u64 at);
    void invalid();
    // mov to a segment register, pop of one. Only null selectors and those that the guest has can be loaded natively; gs is the
    // kernel's here, and so is fs where it is rewritten: their bases become 0, as a null selector makes them.
    bool segment_load(const Instruction& in, u32 segment);
    // rdfsbase, rdgsbase, wrfsbase, wrgsbase
    bool segment_base(const Instruction& in);

    // ---- exits ----
    // Keeps the displacement of a branch whose opcode has `opcode_bytes` within one cache line: it is changed in one write.
    void align_branch(u32 opcode_bytes);
    void exit_displacement(u64 target, Exit::Kind kind = Exit::Jump);
    void exit_jump(u64 target);
    // The block ends before the current instruction, or behind it.
    void leave();
    void leave_after();
    void leave_to(u32 at); // an offset in the source
    void emit_stubs();
    void emit_literals();

    // ---- source that may change ----
    void reserve_check();
    // Behind the block's code, because how much is to be checked is known only now; entered by the jump at its start.
    void fill_check();

    struct Literal {
        u32 at;
        u64 value;
    };

    const Source& m_source;
    const Glue& m_glue;
    const Mode& m_mode;
    Emitter m_emit;
    Translation& m_out;
    u8* m_code;
    u8* m_stubs_end;
    u32 m_first_exit;
    bool m_rewrite_fs;
    i32 m_bias;
    u32 m_at = 0, m_next = 0; // offsets in the source
    u32 m_instruction_start = 0; // of the current one's translation
    bool m_ended = false;
    u32 m_check_jump = 0;
    Literal m_literals[kMaxLandings + 1];
    u32 m_literal_count = 0;
    u32 m_indirect_calls[kMaxLandings]; // displacements of host calls whose code is still to come
    u32 m_indirect_call_count = 0;
};

} // namespace engine::translate
