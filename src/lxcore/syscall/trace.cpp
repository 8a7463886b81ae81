#include "lxcore/syscall/trace.hpp"

#include "abi/errno.hpp"
#include "abi/poll.hpp"
#include "abi/syscall_numbers.hpp"
#include "lxcore/task/task.hpp"

namespace lxcore {

namespace {

constexpr usize kLineBytes = 1024;

void write_all(host::Handle output, std::string_view text) {
    while (!text.empty()) {
        abi::iovec vector{reinterpret_cast<u64>(text.data()), text.size()};
        auto written = host::stream_write(output, &vector, 1);
        if (written.is_error()) {
            if (written.error() != Errno::EAGAIN)
                return;
            host::PollItem item{output, abi::POLLOUT, 0};
            (void)host::poll_interruptible(&item, 1, host::monotonic_ns() + 100'000'000);
            continue;
        }
        text.remove_prefix(written.value());
    }
}

// Calls whose effect or arguments are gone when they return, or that do not return.
bool prints_before(u32 number) {
    return number == abi::SYS_execve || number == abi::SYS_execveat || number == abi::SYS_exit ||
           number == abi::SYS_exit_group || number == abi::SYS_rt_sigreturn;
}

void print_call(base::Writer& line, const host::Frame& frame, i64 result, bool after) {
    const u32 number = static_cast<u32>(frame.original_rax);
    const SystemCall& call = system_call(number);
    base::print(line, "[{}] ", current().tid);
    if (call.name)
        line.put(call.name);
    else
        base::print(line, "syscall_{}", number);
    line.put('(');
    if (call.print) {
        call.print(line, frame, result, after);
    } else {
        base::print(line, "{:x}, {:x}, {:x}, {:x}", frame.rdi, frame.rsi, frame.rdx, frame.r10);
    }
    line.put(')');
}

void print_result(base::Writer& line, u32 number, i64 result) {
    if (result < 0 && result >= -4095) {
        const auto error = static_cast<Errno>(-result);
        base::print(line, " = -1 {}", abi::errno_name(error));
        const char* text = abi::errno_text(error);
        if (text && *text)
            base::print(line, " ({})", text);
    } else if (number == abi::SYS_mmap || number == abi::SYS_brk || number == abi::SYS_mremap) {
        base::print(line, " = 0x{:x}", static_cast<u64>(result));
    } else {
        base::print(line, " = {}", result);
    }
    line.put('\n');
}

} // namespace

Tracer::~Tracer() {
    if (summary)
        print_summary();
    release(counters, kSystemCallCount * sizeof(Counter));
    if (output != host::kNoHandle)
        host::close(output);
}

void Tracer::print_summary() {
    PageBuffer page;
    if (!page || !counters)
        return;
    write_all(output, "     calls    errors       time (us)  us/call  call\n");
    // Most time first; a table of 512 needs no better sort.
    for (;;) {
        u32 best = kSystemCallCount;
        for (u32 i = 0; i < kSystemCallCount; ++i)
            if (counters[i].calls && (best == kSystemCallCount || counters[i].nanoseconds > counters[best].nanoseconds))
                best = i;
        if (best == kSystemCallCount)
            return;
        Counter& counter = counters[best];
        const char* name = system_call(best).name;
        base::Writer line(page.data(), page.size());
        base::print(line, "{:10}{:10}{:16}{:9}  {}{}\n", counter.calls, counter.errors, counter.nanoseconds / 1000,
                    counter.nanoseconds / counter.calls / 1000, name ? name : "unknown",
                    system_call(best).invoke ? "" : " (missing)");
        write_all(output, line.view());
        counter.calls = 0;
    }
}

Result<RefPtr<Tracer>> create_tracer(host::Handle output, bool summary) {
    RefPtr<Tracer> tracer = TRY(make_ref<Tracer>());
    tracer->output = output;
    tracer->summary = summary;
    if (summary) {
        tracer->counters = static_cast<Tracer::Counter*>(allocate(kSystemCallCount * sizeof(Tracer::Counter)));
        if (!tracer->counters)
            return Errno::ENOMEM;
    }
    return tracer;
}

void trace_enter(host::Frame& frame) {
    Task& task = current();
    Tracer* tracer = task.tracer.get();
    if (!tracer)
        return;
    task.trace_start_ns = host::monotonic_ns();
    const u32 number = static_cast<u32>(frame.original_rax);
    if (tracer->summary || !prints_before(number))
        return;
    PageBuffer page;
    if (!page)
        return;
    base::Writer line(page.data(), kLineBytes);
    print_call(line, frame, 0, false);
    line.put('\n');
    write_all(tracer->output, line.view());
}

void trace_leave(host::Frame& frame, i64 result) {
    Task& task = current();
    Tracer* tracer = task.tracer.get();
    if (!tracer)
        return;
    const u32 number = static_cast<u32>(frame.original_rax);
    if (tracer->summary) {
        const u64 elapsed = host::monotonic_ns() - task.trace_start_ns;
        if (number < kSystemCallCount) {
            LockGuard guard(tracer->lock);
            Tracer::Counter& counter = tracer->counters[number];
            ++counter.calls;
            counter.errors += result < 0 && result >= -4095;
            counter.nanoseconds += elapsed;
        }
        return;
    }
    PageBuffer page;
    if (!page)
        return;
    base::Writer line(page.data(), kLineBytes);
    if (prints_before(number)) {
        if (result >= 0)
            return;
        base::print(line, "[{}] ... {}", task.tid, system_call(number).name);
    } else {
        print_call(line, frame, result, true);
    }
    print_result(line, number, result);
    write_all(tracer->output, line.view());
}

void trace_note(Task& task, std::string_view text) {
    Tracer* tracer = task.tracer.get();
    if (!tracer || tracer->summary)
        return;
    base::FixedWriter<256> line;
    base::print(line, "[{}] {}\n", task.tid, text);
    write_all(tracer->output, line.view());
}

} // namespace lxcore
