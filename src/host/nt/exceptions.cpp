// Exceptions of guarded code and of guest code, by a vectored handler. As on Linux, the handler runs no kernel code: it puts the
// registers into the thread's frame and has Windows continue at an entry point on the kernel stack.
#include "host/nt/exceptions.hpp"

#include "engine/engine.hpp"
#include "host/nt/engine_port.hpp"
#include "host/nt/memory.hpp"

extern "C" {
// guarded.S
extern const char lx_copy_begin[], lx_copy_end[], lx_copy_fixup[];
extern const char lx_fill_begin[], lx_fill_end[], lx_fill_fixup[];
extern const char lx_string_begin[], lx_string_end[], lx_string_fixup[];
extern const char lx_atomic_begin[], lx_atomic_end[], lx_atomic_fixup[];
extern const char lx_vector_begin[], lx_vector_end[], lx_vector_fixup[];
}

namespace host::nt {

namespace {

struct Range {
    const char *begin, *end, *target;
    bool contains(u64 rip) const { return rip >= address_of(begin) && rip < address_of(end); }
};

constexpr u64 kCallRoom = 40; // above the stack pointer that a function begins with: the return address and four words

void save_registers(Frame& frame, const CONTEXT& context) {
    frame.r15 = context.R15;
    frame.r14 = context.R14;
    frame.r13 = context.R13;
    frame.r12 = context.R12;
    frame.rbp = context.Rbp;
    frame.rbx = context.Rbx;
    frame.r11 = context.R11;
    frame.r10 = context.R10;
    frame.r9 = context.R9;
    frame.r8 = context.R8;
    frame.rax = context.Rax;
    frame.rcx = context.Rcx;
    frame.rdx = context.Rdx;
    frame.rsi = context.Rsi;
    frame.rdi = context.Rdi;
    frame.original_rax = ~u64{0};
    frame.rip = context.Rip;
    frame.cs = kGuestCodeSelector;
    frame.rflags = context.EFlags;
    frame.rsp = context.Rsp;
    frame.ss = kGuestStackSelector;
}

void continue_at(CONTEXT& context, const char* entry, u64 rsp, u64 first, u64 second) {
    context.Rip = address_of(entry);
    context.Rsp = rsp;
    context.Rcx = first;
    context.Rdx = second;
    context.EFlags &= ~0x40500u; // DF, TF, AC
}

// The exception as the processor has it; false for codes that are no exceptions of the processor's.
bool describe(const EXCEPTION_RECORD& record, CONTEXT& context, engine::Exception& exception) {
    constexpr u32 kWrite = 2, kUser = 4, kFetch = 16;
    exception = {};
    switch (static_cast<NTSTATUS>(record.ExceptionCode)) {
    case EXCEPTION_ACCESS_VIOLATION:
    case EXCEPTION_IN_PAGE_ERROR:
    case EXCEPTION_GUARD_PAGE:
        // A non-canonical address is told as -1.
        if (record.ExceptionInformation[1] == ~u64{0}) {
            exception.trap = 13;
            return true;
        }
        exception.trap = 14;
        exception.address = record.ExceptionInformation[1];
        exception.error = kUser | (record.ExceptionInformation[0] == 1 ? kWrite : record.ExceptionInformation[0] == 8 ? kFetch : 0);
        exception.bus_error =
            static_cast<NTSTATUS>(record.ExceptionCode) == EXCEPTION_IN_PAGE_ERROR;
        return true;
    case EXCEPTION_STACK_OVERFLOW:
        exception.trap = 14;
        exception.address = record.ExceptionInformation[1];
        exception.error = kUser | kWrite;
        return true;
    case EXCEPTION_INT_DIVIDE_BY_ZERO:
    case EXCEPTION_INT_OVERFLOW: exception.trap = 0; return true;
    case EXCEPTION_SINGLE_STEP: exception.trap = 1; return true;
    case EXCEPTION_BREAKPOINT:
        exception.trap = 3;
        // Windows tells the address of the int3; the processor that behind it.
        if (context.Rip == reinterpret_cast<u64>(record.ExceptionAddress))
            ++context.Rip;
        return true;
    case EXCEPTION_ILLEGAL_INSTRUCTION: exception.trap = 6; return true;
    case EXCEPTION_PRIV_INSTRUCTION: exception.trap = 13; return true;
    case EXCEPTION_DATATYPE_MISALIGNMENT: exception.trap = 17; return true;
    case EXCEPTION_FLT_DENORMAL_OPERAND:
    case EXCEPTION_FLT_DIVIDE_BY_ZERO:
    case EXCEPTION_FLT_INEXACT_RESULT:
    case EXCEPTION_FLT_INVALID_OPERATION:
    case EXCEPTION_FLT_OVERFLOW:
    case EXCEPTION_FLT_STACK_CHECK:
    case EXCEPTION_FLT_UNDERFLOW: exception.trap = 16; return true;
    case STATUS_FLOAT_MULTIPLE_FAULTS: // of SSE
    case STATUS_FLOAT_MULTIPLE_TRAPS: exception.trap = 19; return true;
    default: return false;
    }
}

[[noreturn]] void kernel_fault(const EXCEPTION_RECORD& record, const CONTEXT& context, const ThreadBlock* block) {
    base::FixedWriter<512> text;
    base::print(text, "kernel fault: code {:x} rip {:x} rsp {:x} address {:x} kind {} rax {:x} rcx {:x} rdx {:x} rbx {:x} "
                      "rsi {:x} rdi {:x} r8 {:x} block {:x}",
                static_cast<u32>(record.ExceptionCode), context.Rip, context.Rsp, record.ExceptionInformation[1],
                record.ExceptionInformation[0], context.Rax, context.Rcx, context.Rdx, context.Rbx, context.Rsi, context.Rdi,
                context.R8, address_of(block));
    log(text.view());
    base::FixedWriter<1024> trace;
    trace.put("stack:");
    if (block && context.Rsp >= address_of(block) && context.Rsp < address_of(block) + kThreadBlockBytes) {
        u32 found = 0;
        for (u64 at = base::align_up(context.Rsp, 8); at + 8 <= address_of(block) + kThreadBlockBytes && found < 40; at += 8) {
            const u64 value = *reinterpret_cast<u64*>(at);
            if (value >= base::kKernelBase && value < kSharedBase)
                base::print(trace, " {:x}", value), ++found;
        }
    }
    log(trace.view());
    base::panic("fault in kernel code (see the lines before)", __FILE__, __LINE__);
}

// The handler goes on here after a guard page's exception, on the kernel stack: nobody wants the record any more that lies where the
// page was left open.
[[noreturn]] void close_guard_page(u64 frame, const engine::Exception* exception) {
    preserve_vectors();
    guard_again(exception->address);
    asm volatile("movq %2, %%rsp\n\tjmp *%3"
                 :
                 : "c"(frame), "d"(exception), "r"(exception), "r"(lx_enter_exception)
                 : "memory");
    __builtin_unreachable();
}

LONG CALLBACK handle_exception(EXCEPTION_POINTERS* pointers) {
    CONTEXT& context = *pointers->ContextRecord;
    const EXCEPTION_RECORD& record = *pointers->ExceptionRecord;
    static constexpr Range kGuarded[] = {{lx_copy_begin, lx_copy_end, lx_copy_fixup},
                                         {lx_fill_begin, lx_fill_end, lx_fill_fixup},
                                         {lx_string_begin, lx_string_end, lx_string_fixup},
                                         {lx_atomic_begin, lx_atomic_end, lx_atomic_fixup},
                                         {lx_vector_begin, lx_vector_end, lx_vector_fixup}};
    for (const Range& range : kGuarded) {
        if (range.contains(context.Rip)) {
            context.Rip = address_of(range.target);
            return EXCEPTION_CONTINUE_EXECUTION;
        }
    }
    engine::Exception exception;
    if (!describe(record, context, exception))
        return EXCEPTION_CONTINUE_SEARCH;
    ThreadBlock* block = current_block();
    const Range exit{lx_exit_full_begin, lx_exit_full_end, nullptr};
    const Range fast_exit{lx_exit_fast_begin, lx_exit_fast_end, nullptr};
    if (!block || !runs_guest_code(context.Rip)) {
        // Flags that the guest set are loaded on the way out.
        if (exception.trap == 1) {
            context.EFlags &= ~0x100u;
            return EXCEPTION_CONTINUE_EXECUTION;
        }
        if (!block || (!exit.contains(context.Rip) && !fast_exit.contains(context.Rip)))
            kernel_fault(record, context, block);
        // A bad rip or rsp in the frame: the guest's own fault, with the frame as it is.
    } else {
        save_registers(block->guest_frame(), context);
        if (exception.trap == 1)
            block->guest_frame().rflags |= 0x100; // TF, which Windows takes out of the context of a single step
    }
    const u64 below = block->frame - 64;
    *reinterpret_cast<engine::Exception*>(below) = exception;
    if (static_cast<NTSTATUS>(record.ExceptionCode) == EXCEPTION_GUARD_PAGE)
        continue_at(context, reinterpret_cast<const char*>(close_guard_page), below - kCallRoom, block->frame, below);
    else
        continue_at(context, lx_enter_exception, below, block->frame, below);
    return EXCEPTION_CONTINUE_EXECUTION;
}

} // namespace

void install_exception_handler() {
    if (!AddVectoredExceptionHandler(1, handle_exception))
        fail("exceptions", "no handler can be installed", GetLastError());
}

bool interrupt_context(CONTEXT& context, ThreadBlock& block) {
    const Range exits[] = {{lx_exit_fast_begin, lx_exit_fast_end, nullptr}, {lx_exit_full_begin, lx_exit_full_end, nullptr}};
    for (const Range& range : exits) {
        if (range.contains(context.Rip)) {
            continue_at(context, lx_exit_restart, block.frame, 0, 0);
            return true;
        }
    }
    if (!runs_guest_code(context.Rip))
        return false; // in the kernel: the work bits are looked at on the way out
    save_registers(block.guest_frame(), context);
    continue_at(context, lx_enter_interrupt, block.frame, block.frame, 0);
    return true;
}

} // namespace host::nt
