// From a guest's registers to a handler and back.
#include "lxcore/kernel.hpp"
#include "lxcore/syscall/syscall.hpp"
#include "lxcore/syscall/trace.hpp"

namespace lxcore {

namespace {

// Once per instance and call, so that the log lists what a program needed and did not get.
[[gnu::noinline]] i64 missing_call(u32 number) {
    const char* name = system_call(number).name;
    if (number < kSystemCallCount) {
        u64& word = kernel().missing_call_logged[number / 64];
        const u64 bit = u64{1} << (number % 64);
        if (!(__atomic_fetch_or(&word, bit, __ATOMIC_RELAXED) & bit)) {
            base::FixedWriter<128> line;
            base::print(line, "missing system call {} ({}), first asked for by {}", name ? name : "unknown", number,
                        static_cast<const char*>(current().name));
            log_line(line.view());
        }
    }
    return -static_cast<i64>(Errno::ENOSYS);
}

bool is_restart_code(i64 result) {
    return result <= -static_cast<i64>(Errno::ERESTARTSYS) &&
           result >= -static_cast<i64>(Errno::ERESTART_RESTARTBLOCK);
}

} // namespace

} // namespace lxcore

extern "C" void lxcore_system_call(host::Frame* frame) {
    using namespace lxcore;
    const u32 number = static_cast<u32>(frame->original_rax);
    const SystemCall& call = system_call(number);
    if (current().work.load(std::memory_order_relaxed) & host::kWorkTrace) [[unlikely]]
        trace_enter(*frame);
    i64 result = call.invoke ? call.invoke(*frame) : missing_call(number);
    // rt_sigreturn and exec leave the whole frame as it is to be: they return what rax is to hold.
    frame->rax = static_cast<u64>(result);
    if (is_restart_code(result)) [[unlikely]]
        current().work.fetch_or(host::kWorkRestart, std::memory_order_relaxed);
    if (current().work.load(std::memory_order_relaxed) & host::kWorkTrace) [[unlikely]]
        trace_leave(*frame, result);
}
