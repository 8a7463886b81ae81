// Hardware exceptions in guest code become signals: see sigaction(2), "The si_code field".
#include "engine/engine.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/signal/internal.hpp"

namespace lxcore {

namespace {

constexpr u32 kDivide = 0, kDebug = 1, kBreakpoint = 3, kInvalidOpcode = 6, kSegmentNotPresent = 11,
              kStackSegment = 12, kPageFault = 14, kX87 = 16, kAlignment = 17, kSimd = 19;

// The lowest unmasked exception of an x87 status or MXCSR word, in the processor's own order of precedence.
i32 float_code(u32 raised) {
    if (raised & 0x01)
        return abi::FPE_FLTINV;
    if (raised & 0x04)
        return abi::FPE_FLTDIV;
    if (raised & 0x08)
        return abi::FPE_FLTOVF;
    if (raised & 0x12)
        return abi::FPE_FLTUND;
    if (raised & 0x20)
        return abi::FPE_FLTRES;
    return 0;
}

// The guest's floating-point unit is live: the kernel never touches it.
i32 x87_code() {
    u16 status, control;
    asm volatile("fnstsw %0" : "=m"(status));
    asm volatile("fnstcw %0" : "=m"(control));
    return float_code(status & ~control & 0x3f);
}

i32 simd_code() {
    u32 mxcsr;
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    return float_code(~(mxcsr >> 7) & mxcsr & 0x3f);
}

void page_fault(Task& task, const engine::Exception& exception, abi::siginfo& info) {
    info._sigfault.addr = exception.address;
    if (exception.bus_error) {
        info.si_signo = abi::SIGBUS;
        info.si_code = abi::BUS_ADRERR;
        return;
    }
    info.si_signo = abi::SIGSEGV;
    info.si_code = abi::SEGV_MAPERR;
    if (!task.mm)
        return;
    LockGuard guard(task.mm->lock);
    const Vma* vma = task.mm->find(exception.address);
    if (!vma || vma->start > exception.address)
        return;
    info.si_code = abi::SEGV_ACCERR;
    if (Mm::is_behind_end(*vma, exception.address, exception.error)) {
        info.si_signo = abi::SIGBUS;
        info.si_code = abi::BUS_ADRERR;
    }
}

} // namespace

} // namespace lxcore

extern "C" void lxcore_exception(host::Frame* frame, const engine::Exception* exception) {
    using namespace lxcore;
    Task& task = current();
    frame->original_rax = ~u64{0};
    if (exception->trap == kPageFault && !exception->bus_error && task.mm &&
        task.mm->handle_fault(exception->address, exception->error)) {
        ++task.min_faults;
        lxcore_return_work(frame);
        return;
    }
    if (const u64 rip = engine::canonical_rip(frame->rip); exception->trap == kDebug && rip != frame->rip) {
        // A step has led from patched text to its trampoline, which shows as no step at all: the guest goes on with plain text.
        frame->rip = rip;
        lxcore_abandon_texts();
        lxcore_return_work(frame);
        return;
    }
    task.fault_trap = exception->trap;
    task.fault_error = exception->error;
    if (exception->trap == kPageFault)
        task.fault_address = exception->address;

    abi::siginfo info{};
    info._sigfault.addr = engine::canonical_rip(frame->rip);
    switch (exception->trap) {
    case kDivide:
        info.si_signo = abi::SIGFPE;
        info.si_code = abi::FPE_INTDIV;
        break;
    case kDebug:
        (void)ptrace_step_done(task);
        info.si_signo = abi::SIGTRAP;
        info.si_code = abi::TRAP_TRACE;
        break;
    case kBreakpoint:
        info.si_signo = abi::SIGTRAP;
        info.si_code = abi::SI_KERNEL;
        info._sigfault.addr = 0;
        break;
    case kInvalidOpcode:
        info.si_signo = abi::SIGILL;
        info.si_code = abi::ILL_ILLOPN;
        break;
    case kSegmentNotPresent:
    case kStackSegment:
        info.si_signo = abi::SIGBUS;
        info.si_code = abi::SI_KERNEL;
        info._sigfault.addr = 0;
        break;
    case kPageFault:
        page_fault(task, *exception, info);
        break;
    case kX87:
        info.si_signo = abi::SIGFPE;
        info.si_code = x87_code();
        break;
    case kAlignment:
        info.si_signo = abi::SIGBUS;
        info.si_code = abi::BUS_ADRALN;
        break;
    case kSimd:
        info.si_signo = abi::SIGFPE;
        info.si_code = simd_code();
        break;
    default: // #OF, #BR, #GP and what else there may be
        info.si_signo = abi::SIGSEGV;
        info.si_code = abi::SI_KERNEL;
        info._sigfault.addr = 0;
        break;
    }
    if (!info.si_code)
        info.si_code = abi::FPE_FLTUNK;
    force_signal(task, info);
    lxcore_return_work(frame);
}
