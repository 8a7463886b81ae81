// The engine's side of engine.hpp, and what entry.S calls.
#include "abi/mman.hpp"
#include "base/assert.hpp"
#include "base/layout.hpp"
#include "engine/engine.hpp"
#include "engine/translate/cache.hpp"
#include "engine/translate/glue.hpp"
#include "engine/translate/host_hooks.hpp"
#include "engine/translate/registers.hpp"
#include "engine/translate/slots.hpp"

namespace engine {

using namespace translate;

namespace {

constexpr u64 kFetchFault = 0x14; // page-fault error code: user, instruction fetch
constexpr u64 kUserRead = 4;
constexpr u64 kPresent = 1;
constexpr u64 kTrapFlag = 0x100;
constexpr u32 kDebugTrap = 1, kPageFault = 14;

u64 read_slot(u64 number) {
    u64 value;
    asm volatile("movq %%gs:%c2(,%1,8), %0" : "=r"(value) : "r"(number), "i"(LX_SLOT_REGISTERS));
    return value;
}
constexpr u64 kRcxNumber = 1, kTargetNumber = 4, kExitNumber = 5;

bool is_canonical(u64 address) { return static_cast<u64>(static_cast<i64>(address << 16) >> 16) == address; }

// What executing at frame.rip does when there is no code.
void raise_fetch_fault(host::Frame& frame, const Place& place) {
    Exception exception{};
    if (!is_canonical(frame.rip)) {
        exception.trap = 13;
    } else {
        exception.trap = kPageFault;
        exception.error = kFetchFault | (place.found == Found::Unreadable ? kPresent : 0);
        exception.address = place.fault;
        exception.bus_error = place.found == Found::Unreadable;
    }
    lxcore_exception(&frame, &exception);
}

// Goes to where the return leads whose word is at `word`, which is dropped. False when it cannot be read.
bool finish_return(host::Frame& frame, u64 word) {
    u64 target;
    if (host::copy_guarded(&target, reinterpret_cast<const void*>(word), sizeof(target)) != 0)
        return false;
    frame.rip = target;
    frame.rsp = word + sizeof(target);
    return true;
}

// Registers of the guest from those of the processor in translated code.
State recover(host::Frame& frame) {
    State state = state_at(frame.rip);
    switch (state.point.kind) {
    case Point::BranchedRcx: frame.rip = frame.rcx; break;
    case Point::BranchedSlot: frame.rip = read_slot(kTargetNumber); break;
    case Point::Switched: frame.rip = taken_case(state.point.guest, frame).target; break;
    default: frame.rip = state.rip; break;
    }
    frame.rsp += static_cast<u64>(i64{state.point.rsp});
    if (state.point.kind == Point::Returned && !finish_return(frame, frame.rsp - 8)) {
        // Another thread has just taken the stack away: this return, or the instruction that it leads to, cannot read it.
        frame.rsp -= 8;
        state.point.kind = Point::Sequence;
    }
    for (u32 number = 0; number < 8; ++number)
        if (state.point.restore & (1u << number))
            register_of(frame, number) = read_slot(number);
    return state;
}

// What ThreadBlock::in_translation says. While a step is taken, TF is kept from the processor, which would trap between the instructions
// of a translation, and the frame has to get it back.
enum : u32 { kOutside, kInside, kInStep };

// Whether a step was being taken.
bool leave_translation() {
    auto& state = host::current_block()->in_translation;
    const bool was_step = state.load(std::memory_order_relaxed) == kInStep;
    state.store(kOutside, std::memory_order_release);
    return was_step;
}

// An instruction with TF set has been executed, and the frame is as it left it but for TF.
void finish_step(host::Frame& frame, Step step) {
    if (step != Step::PopFlags)
        frame.rflags |= kTrapFlag;
    if (step == Step::PushFlags) {
        u64 flags = 0;
        auto* const place = reinterpret_cast<void*>(frame.rsp);
        if (host::copy_guarded(&flags, place, sizeof(flags)) == 0) {
            flags |= kTrapFlag;
            (void)host::copy_guarded(place, &flags, sizeof(flags));
        }
    }
    Exception exception{};
    exception.trap = kDebugTrap;
    lxcore_exception(&frame, &exception);
}

} // namespace

Result<void> initialize() { return {}; }

// Text runs from the cache: there are no copies of it, and rip is always the guest's.
Text* find_text(u64, u64, const TextIdentity&) { return nullptr; }
Text* learn_site(host::Handle, u64, u64, const TextIdentity&, u64) { return nullptr; }
u64 trampoline_address(const Text&, u64 address) { return address; }
Result<void> map_text(const Text&, u64, u32) { return Errno::EINVAL; }
u64 canonical_rip(u64 rip) { return rip; }
u64 executable_rip(u64 rip) { return rip; }

void guest_owns_gs(u64 base) {
    host::current_block()->guest_gs_base = base; // where lxcore reads it; on Linux, the slot itself
    asm volatile("movq %0, %%gs:%c1" : : "r"(base), "i"(LX_SLOT_GUEST_GS) : "memory");
}

bool configure(std::string_view text) {
    Options options;
    while (!text.empty()) {
        const std::string_view option = text.substr(0, text.find(','));
        text.remove_prefix(base::min(option.size() + 1, text.size()));
        constexpr std::string_view kStackBias = "stack-bias=";
        if (option == "rewrite-fs") {
            options.rewrite_fs = true;
        } else if (option == "old-processor") {
            options.old_processor = true;
        } else if (option.starts_with(kStackBias)) {
            u32 value = 0;
            for (const char digit : option.substr(kStackBias.size())) {
                if (digit < '0' || digit > '9' || value > 10'000)
                    return false;
                value = value * 10 + static_cast<u32>(digit - '0');
            }
            if (value % 64 || value > 16'384) // points keep it in 16 bits
                return false;
            options.stack_bias = value;
        } else {
            return false;
        }
    }
    set_options(options);
    return true;
}

bool keeps_fs_base() { return options().rewrite_fs; }
bool runs_in_place() { return false; }
u32 host_protection(u32 protection) {
    // What may be executed is read by the translator; it never runs where it lies.
    return protection & abi::PROT_EXEC ? (protection & ~abi::PROT_EXEC) | abi::PROT_READ : protection;
}
void code_changed(u64 address, u64 length) { drop(address, length); }
void before_fork() { lock_cache(); }
void after_fork() { unlock_cache(); }

} // namespace engine

using namespace engine;

u64 translate_resolve(host::Frame* frame) {
    host::ThreadBlock& block = *host::current_block();
    for (;;) {
        const bool steps = frame->rflags & kTrapFlag;
        const Entering how = steps ? Entering::Step : Entering::Any;
        block.in_translation.store(steps ? kInStep : kInside, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst); // a flush makes it a fence for all: cache.cpp
        if (!is_flushing()) {
            if (const u64 host = find_quickly(frame->rip, how)) [[likely]]
                return host;
        }
        block.in_translation.store(kOutside, std::memory_order_release);
        const Place place = find(frame->rip, how);
        if (place.found != Found::Yes)
            raise_fetch_fault(*frame, place);
    }
}

void translate_exit(host::Frame* frame) {
    const u32 number = static_cast<u32>(read_slot(kExitNumber));
    const TakenExit exit = taken_exit(number);
    const bool was_step = leave_translation();
    frame->rip = exit.target;
    frame->original_rax = ~u64{0};
    if (exit.kind == Exit::Check) {
        if (was_step)
            frame->rflags |= kTrapFlag;
        drop_source_of(number, exit.generation);
    } else if (was_step) {
        finish_step(*frame, exit.step);
    } else {
        const Place place = find(exit.target, exit.kind == Exit::Call ? Entering::ByCall : Entering::Any);
        if (place.found == Found::Yes)
            link(number, exit.generation, place.entry);
    }
}

void translate_indirect(host::Frame* frame) {
    const bool was_step = leave_translation();
    frame->rip = read_slot(kTargetNumber);
    frame->original_rax = ~u64{0};
    if (was_step)
        finish_step(*frame, Step::Plain);
    else if (find(frame->rip, Entering::Indirectly).found == Found::Yes)
        make_target(frame->rip, false);
}

void translate_case(host::Frame* frame) {
    const u32 number = static_cast<u32>(read_slot(kExitNumber));
    const TakenCase taken = taken_case(number, *frame);
    (void)leave_translation(); // no step is part of a switch
    frame->rip = taken.target;
    frame->original_rax = ~u64{0};
    if (taken.has_kept_register)
        frame->rcx = read_slot(kRcxNumber);
    if (find(taken.target, taken.has_kept_register ? Entering::Indirectly : Entering::Any).found == Found::Yes)
        link_case(number, taken);
}

void translate_return(host::Frame* frame) {
    (void)leave_translation(); // steps do not return this way
    frame->original_rax = ~u64{0};
    if (!finish_return(*frame, frame->rsp)) { // another thread has taken the stack away since the return has read it
        frame->rip = 0;
        Exception exception{};
        exception.trap = kPageFault;
        exception.error = kUserRead;
        exception.address = frame->rsp;
        lxcore_exception(frame, &exception);
    } else if (find(frame->rip, Entering::Any).found == Found::Yes) {
        make_target(frame->rip, true);
    }
}

void translate_raise(host::Frame* frame) {
    if (leave_translation())
        frame->rflags |= kTrapFlag;
    const u32 code = static_cast<u32>(read_slot(kExitNumber));
    frame->rip = read_slot(kTargetNumber);
    frame->original_rax = ~u64{0};
    Exception exception{};
    exception.trap = code & 0xff;
    exception.error = code >> 8;
    lxcore_exception(frame, &exception);
}

void translate_exception(host::Frame* frame, const Exception* exception) {
    LXSS_ASSERT(holds(frame->rip));
    const State state = recover(*frame);
    const bool was_step = leave_translation();
    // The guest has set TF by popf, which ends its block: the instruction behind it is still to be executed, as a step.
    const bool is_own_trap = exception->trap == kDebugTrap && (frame->rflags & kTrapFlag);
    if (was_step && (is_own_trap || state.is_done) && exception->trap == kDebugTrap) {
        finish_step(*frame, state.step);
        return;
    }
    if (was_step)
        frame->rflags |= kTrapFlag;
    if (is_own_trap)
        return;
    if (exception->trap == kPageFault) {
        switch (state.point.kind) {
        // The source of a block that checks it cannot be read any more: resolving it tells what that means.
        case Point::Check:
        // The host's return address cannot be written where the guest, which has executed its branch, writes nothing.
        case Point::Exit:
        case Point::BranchedSlot:
        case Point::Returned: return;
        default: break;
        }
    }
    lxcore_exception(frame, exception);
}

void translate_interrupt(host::Frame* frame) {
    LXSS_ASSERT(holds(frame->rip));
    const State state = recover(*frame);
    if (leave_translation()) {
        if (state.is_done) {
            finish_step(*frame, state.step);
            return; // work is looked at on the way out
        }
        frame->rflags |= kTrapFlag;
    }
    lxcore_interrupt(frame);
}
