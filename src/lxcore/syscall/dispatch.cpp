// From a guest's registers to a handler and back.
#include "lxcore/kernel.hpp"
#include "lxcore/ptrace/ptrace.hpp"
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

i64 invoke(host::Frame& frame) {
    const u32 number = static_cast<u32>(frame.original_rax);
    const SystemCall& call = system_call(number);
    return call.invoke ? call.invoke(frame) : missing_call(number);
}

// The call of a task that is watched: by lxss --trace, by a guest's ptrace(2), or both.
[[gnu::noinline]] void watched_call(host::Frame& frame) {
    Task& task = current();
    if (is_traced(task) && !ptrace_call_entry(task, frame)) {
        // The tracer took the number away: rax holds its result, ENOSYS unless it set another.
        if (is_traced(task))
            ptrace_call_exit(task, frame);
        return;
    }
    if (task.tracer)
        trace_enter(frame);
    const i64 result = invoke(frame);
    frame.rax = static_cast<u64>(result);
    if (is_restart_code(result))
        task.work.fetch_or(host::kWorkRestart, std::memory_order_relaxed);
    if (task.tracer)
        trace_leave(frame, result);
    if (is_traced(task))
        ptrace_call_exit(task, frame);
}

} // namespace

} // namespace lxcore

extern "C" void lxcore_system_call(host::Frame* frame) {
    using namespace lxcore;
    if (current().work.load(std::memory_order_relaxed) & host::kWorkTrace) [[unlikely]] {
        watched_call(*frame);
        return;
    }
    const i64 result = invoke(*frame);
    // rt_sigreturn and exec leave the whole frame as it is to be: they return what rax is to hold.
    frame->rax = static_cast<u64>(result);
    if (is_restart_code(result)) [[unlikely]]
        current().work.fetch_or(host::kWorkRestart, std::memory_order_relaxed);
}
