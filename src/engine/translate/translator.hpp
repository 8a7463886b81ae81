// Translates one block of guest code: pure computation, from bytes to bytes. What is known of the block's parts afterwards
// (points, exits) suffices to tell the guest's state at any instruction of the translation.
//
// A block begins at a guest address and goes on past conditional branches that are not taken, to the next unconditional one.
// Most instructions are copied. Those that name RIP, an address space that is not theirs here, or (with a stack bias) rsp become
// sequences, which may use registers once these are saved in the thread's slots; arithmetic flags are never changed.
#pragma once

#include "base/types.hpp"

namespace engine::translate {

// Guest state within a translation, from `host` to the next point.
struct Point {
    enum Kind : u8 {
        Run,            // copied instructions: the guest's rip advances with the host's
        Sequence,       // rip is that of the guest instruction at `guest`: it is executed anew
        Exit,           // the branch of exit number `guest` has been taken
        BranchedRcx,    // the target of an indirect branch is in rcx
        BranchedSlot,   // and here in LX_SLOT_TARGET
        Returned,       // and here, that of a return, in the word below the guest's rsp
        Check,          // as Sequence; a fault is one of fetching the instruction
        Switched,       // a jump through jump table number `guest` has been taken, with its index in the register that Switch names
    };
    u16 host;      // offset in the translation
    u16 guest;     // offset in the block's source
    u8 kind;
    u8 restore;    // bit n: register n (0..7) is the one in its slot
    i16 rsp;       // guest rsp - host rsp
};

// A way out of a block to an address known at translation. It starts as a branch to its stub, and can be linked. Stubs lie apart
// from the blocks, which are denser without them.
struct Exit {
    enum Kind : u8 {
        Jump,
        Call,  // a host call, whose return address is to be dropped: by the stub, or by the target's call entry
        Check, // taken when the source has changed
    };
    u64 target;
    u32 branch; // offset in the translation of the branch's 32-bit displacement, which no cache line border cuts
    Kind kind;
};

// A place behind a call in the block, where its return comes in by the table of returns (lookup.hpp).
struct Landing {
    u32 code;   // offset in the translation of what compares the target, as translate_entry() makes it
    u32 direct; // and of what follows, with the guest's registers
    u32 guest;  // offset in the source
    u32 call, call_guest; // the same two of the call
    bool is_passage; // what follows is only an exit to that address
};

// Code that translations jump to, within reach of them; see entry.S.
struct Glue {
    u64 exit;         // an exit's stub: LX_SLOT_EXIT holds its number
    u64 system_call;  // rcx: address behind the syscall instruction; the guest's rcx is in its slot
    u64 interrupt_80; // the same, for int $0x80
    u64 raise;        // LX_SLOT_EXIT: trap | error << 8, LX_SLOT_TARGET: rip, and rcx is in its slot
    u64 other_target; // an indirect branch to LX_SLOT_TARGET is not to this block; rcx is in its slot
    u64 other_return; // a return to the guest's address on the stack is not to this one; rcx is in its slot
    u64 jumps, returns; // the lookup tables, see lookup.hpp; below 2 GiB
    u64 return_masks; // two words there: kReturnMask, and its complement
};

// What all translations of a process have in common.
struct Mode {
    bool rewrite_fs = false; // fs: operands use LX_SLOT_GUEST_FS
    u32 stack_bias = 0;      // guest rsp - host rsp
    bool has_shifts = false; // the processor has BMI2's shifts, which leave the flags alone
    bool has_extract = false; // and its pext, which is not as slow as a dozen others
};

// Where the translation of an instruction begins, with the guest's registers.
struct InstructionPlace {
    u16 code;  // offset in the translation
    u16 guest; // offset in the source
};

inline constexpr u32 kMaxSourceBytes = 256;
inline constexpr u32 kMaxInstructions = 32; // of a block
inline constexpr u32 kMaxExits = 18;
inline constexpr u32 kMaxLandings = 8;
inline constexpr u32 kMaxPoints = 400;
inline constexpr u32 kMaxCodeBytes = 12 * 1024; // of one translation
inline constexpr u32 kStubBytes = 24;
inline constexpr u32 kStubNumberOffset = 9;  // where a stub holds its exit's number
inline constexpr u32 kStubDropOffset = 13;   // and, that of a call, drops the host's return address
// In the code of an entry for indirect branches to `guest`, or of one for returns: the offset of the displacement of the jump that is
// taken for another target.
u32 other_target_offset(u64 guest, bool is_return, const Mode& mode);
// In an entry for indirect branches to `guest`: the offset of what follows when the target has been compared, where rcx is in its slot still.
u32 kept_register_offset(u64 guest, const Mode& mode);

// Guest addresses that have been added since the last flush, and others with the same low bits: most searches for translations, which
// find nothing, end here.
class KnownAddresses {
public:
    bool may_have(u64 address) const { return word(address) >> address % 64 & 1; }
    void add(u64 address) { m_words[address % kBits / 64] |= u64{1} << address % 64; }
    // And those around it.
    void forget(u64 address) { m_words[address % kBits / 64] = 0; }

private:
    static constexpr u32 kBits = 1 << 20;
    u64 word(u64 address) const { return m_words[address % kBits / 64]; }
    u64 m_words[kBits / 64];
};

// A jump whose target comes from a compiler's jump table: entry 0, 1, ... or count - 1, as the index in a register says, and no other.
struct Switch {
    u64 table; // guest address of the entries
    u64 base;  // to which entries of 4 bytes are added; those of 8 are addresses
    u32 count;
    u8 entry_bytes;
    u8 index;     // the register that holds the index when the jump is taken; zero-extended. kNoRegister: the only entry is meant
    bool is_kept; // it is rcx, and the guest's rcx is in its slot
    bool operator==(const Switch&) const = default;
};
inline constexpr u32 kMaxSwitchEntries = 512;

// What the cache has for one.
struct SwitchPlace {
    u32 number; // to which the block belongs then: it is dropped when the table's memory changes, or who may write it. 0: none
    bool is_constant; // if not, the jump is to be translated as any other indirect one
    u64 slots; // below 2 GiB: for each entry the address at which its target's translation goes on
};

struct Source {
    u64 address;
    const u8* bytes;
    u32 available; // at most kMaxSourceBytes
    bool may_change; // the translation verifies at each entry that its source is the same still
    // Whether the instruction at a guest address has a translation that can be entered: the block ends before it then. What has been
    // translated once takes no memory again, and the processor foretells a return rightly where all translations of a call share one
    // host call.
    bool (*is_translated)(u64 guest) = nullptr;
    const KnownAddresses* known = nullptr; // has all for which that can be true
    bool is_target = false; // an indirect branch leads there: the block has an entry for such
    SwitchPlace (*find_switch)(const Switch& wanted) = nullptr;
    bool is_step = false; // one instruction alone, behind which every way leads through Glue::exit or other_target
};

// What a block of one instruction does to TF's place in the flags, which the engine keeps from the processor.
enum class Step : u8 { None, Plain, PushFlags, PopFlags };

struct Translation {
    u32 code_bytes;
    u32 source_bytes; // 0: not even one instruction is there
    Step step; // None, unless Source::is_step
    u32 direct; // offset of the direct entry
    u32 entry;  // of the entry for indirect branches; 0: there is none
    u32 exit_count, point_count, landing_count, instruction_count;
    u32 switch_number; // SwitchPlace::number
    Exit exits[kMaxExits];
    Landing landings[kMaxLandings];
    InstructionPlace instructions[kMaxInstructions]; // at which the block can be entered
    Point points[kMaxPoints];
};

// `code`: where the translation will run, with kMaxCodeBytes of room. Exits get numbers from `first_exit` on. The call entry is at
// `code`. The stub of exit number n of the block ends n * kStubBytes below `stubs_end`.
void translate(const Source& source, const Glue& glue, u8* code, u8* stubs_end, u32 first_exit, const Mode& mode, Translation& out);

// Makes at `code` what a slot of switch `number` leads to before its target has a translation there: a jump to `kernel`, with the number in
// LX_SLOT_EXIT.
void translate_missing_case(u32 number, bool is_kept, u64 kernel, u8* code, const Mode& mode, Translation& out);

// Makes at `code` an entry for indirect branches to `guest`, or for returns, whose translation is at `direct`: a translation without
// source.
void translate_entry(u64 guest, u64 direct, bool is_return, const Glue& glue, u8* code, const Mode& mode, Translation& out);

} // namespace engine::translate
