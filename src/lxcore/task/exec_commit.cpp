// execve(2), past the point of no return: the new address space and everything that exec resets in a task.
#include "abi/prctl.hpp"
#include "engine/engine.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/ptrace/ptrace.hpp"
#include "lxcore/signal/signals.hpp"
#include "lxcore/task/exec_image.hpp"
#include "lxcore/task/life.hpp"
#include "lxcore/time/timer.hpp"

namespace lxcore {

namespace {

constexpr u32 kMapRandomBits = 28;             // of pages, as vm.mmap_rnd_bits
constexpr u32 kStackRandomBits = 22;           // of pages: 16 GiB
constexpr u64 kBrkRandomBytes = 0x0200'0000;
constexpr u64 kBrkRandomBytesProgram = 0x4000'0000; // of position-independent programs
constexpr u64 kMinStackGap = u64{128} << 20;
constexpr u64 kMinStackBytes = u64{256} << 10;
constexpr u64 kMaxStackBytes = u64{256} << 20; // for an unlimited stack
constexpr u64 kGuardGap = 256 * base::kPageSize;
constexpr u64 kSecureStackLimit = u64{8} << 20;

u64 random_pages(u32 bits) {
    u64 value;
    host::random_bytes(&value, sizeof(value));
    return (value & ((u64{1} << bits) - 1)) << base::kPageShift;
}

struct Layout {
    u64 stack_top, stack_bytes;
};

// Where stack and mappings go: Linux's layout, stack on top, mappings downwards below it.
Layout lay_out(Mm& mm, const ExecImage& image) {
    const u64 limit = current().process->limits[abi::RLIMIT_STACK].rlim_cur;
    const u64 needed = image.strings.length() + ExecImage::kPrefixPages * base::kPageSize +
                       (u64{image.argument_count} + image.environment_count) * sizeof(u64);
    Layout layout;
    layout.stack_bytes = base::page_ceil(
        base::max(base::min(limit, kMaxStackBytes), base::max(kMinStackBytes, needed + kMinStackBytes)));
    layout.stack_top = base::kGuestEnd - (mm.randomize ? random_pages(kStackRandomBits) : 0);
    u64 gap = limit == abi::RLIM_INFINITY ? kMaxStackBytes : limit;
    gap = base::min(base::max(gap, base::max(kMinStackGap, layout.stack_bytes)), base::kGuestEnd / 6 * 5);
    gap += kGuardGap + (mm.randomize ? u64{1} << (kStackRandomBits + base::kPageShift) : 0);
    mm.mmap_top = base::page_floor(base::kGuestEnd - gap - (mm.randomize ? random_pages(kMapRandomBits) : 0));
    return layout;
}

// Maps the whole stack at once; the host fills it in page by page, so that it never has to grow.
Result<void> map_stack(Mm& mm, Layout& layout, bool executable) {
    const u32 protection = abi::PROT_READ | abi::PROT_WRITE | (executable ? abi::PROT_EXEC : 0);
    constexpr u32 kFlags =
        abi::MAP_PRIVATE | abi::MAP_GROWSDOWN | abi::MAP_NORESERVE | abi::MAP_FIXED_NOREPLACE;
    constexpr u32 kTries = 16; // the host may have something up there
    for (u32 i = 0; i < kTries; ++i) {
        const u64 start = layout.stack_top - layout.stack_bytes;
        if (mm.is_free(start - kGuardGap, layout.stack_bytes + kGuardGap)) {
            TRY(mm.map(start, layout.stack_bytes, protection, kFlags, nullptr, 0, VmaKind::Stack, "[stack]"));
            mm.stack_top = layout.stack_top;
            mm.stack_limit_bytes = layout.stack_bytes;
            mm.set_stack_low(start);
            return {};
        }
        layout.stack_top = mm.randomize ? base::kGuestEnd - random_pages(kStackRandomBits)
                                        : layout.stack_top - (u64{16} << 20);
    }
    const u64 start = TRY(mm.find_free(layout.stack_bytes + kGuardGap, base::kPageSize)) + kGuardGap;
    TRY(mm.map(start, layout.stack_bytes, protection, kFlags, nullptr, 0, VmaKind::Stack, "[stack]"));
    mm.stack_top = layout.stack_top = start + layout.stack_bytes;
    mm.stack_limit_bytes = layout.stack_bytes;
    mm.set_stack_low(start);
    return {};
}

// How far the program moves from the addresses in its file.
Result<u64> choose_bias(Mm& mm, const ElfImage& image, bool low_area) {
    if (!image.is_position_independent)
        return u64{0};
    const u64 span = image.high - image.low + engine::kTrampolineSlack;
    if (low_area) {
        u64 base = base::kProgramBase + (mm.randomize ? random_pages(kMapRandomBits) : 0);
        base = base::align_down(base, image.alignment);
        if (mm.is_free(base, span))
            return base - image.low;
    }
    return TRY(mm.find_free(span, image.alignment)) - image.low;
}

void set_ranges(Mm& mm, const ElfImage& image, u64 bias) {
    u64 code_start = ~u64{0}, code_end = 0, data_start = 0, data_end = 0;
    for (const ElfSegment& segment : image.segments) {
        const u64 end = segment.address + segment.file_size;
        if (segment.protection & abi::PROT_EXEC) {
            code_start = base::min(code_start, segment.address);
            code_end = base::max(code_end, end);
        }
        data_start = base::max(data_start, segment.address);
        data_end = base::max(data_end, end);
    }
    mm.code_start = (code_start == ~u64{0} ? image.low : code_start) + bias;
    mm.code_end = code_end + bias;
    mm.data_start = data_start + bias;
    mm.data_end = data_end + bias;
}

// The break starts behind the program and the engine's room; that of a program that is a loader itself starts where
// programs usually lie, since the loader sits among the mappings.
void set_brk_start(Mm& mm, const ExecImage& image, u64 bias, bool low_area) {
    u64 start = low_area ? image.program.high + bias + engine::kTrampolineSlack : base::kProgramBase;
    if (mm.randomize) {
        const u64 range = image.program.is_position_independent ? kBrkRandomBytesProgram : kBrkRandomBytes;
        u64 random;
        host::random_bytes(&random, sizeof(random));
        start += random & (range - 1) & ~u64{base::kPageSize - 1};
    }
    mm.brk_start = mm.brk = start;
}

struct Entry {
    u64 rip, rsp;
};

Result<Entry> load(Mm& mm, ExecImage& image) {
    Layout layout = lay_out(mm, image);
    const ElfImage& program = image.program;
    const bool low_area = !program.is_position_independent || image.interpreter.file;
    StackPlan plan{};
    plan.program_bias = TRY(choose_bias(mm, program, low_area));
    TRY(map_elf(mm, program, plan.program_bias));
    set_ranges(mm, program, plan.program_bias);
    plan.entry = program.entry + plan.program_bias;
    if (image.interpreter.file) {
        const u64 bias = TRY(choose_bias(mm, image.interpreter, false));
        TRY(map_elf(mm, image.interpreter, bias));
        plan.interpreter_base = image.interpreter.is_position_independent ? bias : image.interpreter.low;
        plan.entry = image.interpreter.entry + bias;
    }
    mm.entry = plan.entry;
    set_brk_start(mm, image, plan.program_bias, low_area);
    TRY(map_stack(mm, layout, program.wants_executable_stack));
    TRY(mm.set_executable(program.file));
    plan.top = layout.stack_top;
    plan.bytes = layout.stack_bytes;
    const u64 rsp = TRY(build_stack(mm, image, plan));
    return Entry{plan.entry, rsp};
}

// The address space that the program goes to, empty.
Result<RefPtr<Mm>> empty_address_space(Task& task, const ExecImage& image) {
    // A fresh pico process has an empty one already.
    if (!image.in_place && task.mm && task.mm->count() == 0)
        return task.mm;
    RefPtr<Mm> fresh = TRY(Mm::create());
    if (image.in_place)
        task.mm->unmap_everything();
    set_mm(task, fresh);
    return fresh;
}

void reset_personality(Task& task, const ExecImage& image) {
    task.personality &= ~abi::READ_IMPLIES_EXEC;
    if (image.drops_dumpable)
        task.personality &= ~(abi::ADDR_NO_RANDOMIZE | abi::ADDR_COMPAT_LAYOUT | abi::MMAP_PAGE_ZERO);
}

void reset_task(Task& task, ExecImage& image) {
    Process& process = *task.process;
    if (task.credentials.get() != image.credentials.get() && image.credentials)
        set_credentials(task, image.credentials);
    if (image.is_secure || image.drops_dumpable) {
        task.parent_death_signal = 0;
        auto& stack = process.limits[abi::RLIMIT_STACK];
        stack.rlim_cur = base::min(stack.rlim_cur, kSecureStackLimit);
    }
    process.is_dumpable = !image.drops_dumpable && check_permission(image.program.file->inode(), abi::R_OK).is_ok();
    __builtin_memcpy(task.name, image.name, sizeof(task.name));
    reset_handlers_for_exec(task);
    delete_timers_for_exec(process);
    task.alternate_stack = {};
    task.clear_child_tid = task.set_child_tid = 0;
    task.robust_list = 0;
    task.rseq_address = 0;
    task.restart_deadline = 0;
    task.files->close_on_exec_all();
    RefPtr<File> old;
    {
        LockGuard guard(process.info_lock);
        old = std::exchange(process.executable, image.program.file);
    }
}

void set_registers(Task& task, const Entry& entry) {
    host::Frame& frame = task.guest_frame();
    frame = {};
    frame.original_rax = ~u64{0};
    frame.rip = entry.rip;
    frame.cs = host::kGuestCodeSelector;
    frame.rflags = 0x202;
    frame.rsp = entry.rsp;
    frame.ss = host::kGuestStackSelector;
    task.fork_fs_base = 0;
    task.guest_gs_base = 0;
    task.uses_guest_gs = 0;
    host::set_guest_fs_base(0);
    host::reset_vector_state();
    task.work.fetch_or(host::kWorkFullReturn, std::memory_order_acq_rel);
}

} // namespace

void commit_exec(Task& task, ExecImage* image) {
    Process& process = *task.process;
    reset_personality(task, *image);
    if (auto space = empty_address_space(task, *image); space.is_ok()) {
        Mm& mm = *space.value();
        mm.randomize = !(task.personality & abi::ADDR_NO_RANDOMIZE);
        reset_task(task, *image);
        auto loaded = load(mm, *image);
        if (loaded.is_ok())
            set_registers(task, loaded.value());
        discard_exec(image);
        if (loaded.is_ok()) {
            process.has_execed = true;
            process.exit_wait.wake_all();
            if (is_traced(task)) {
                task.tracee.exec_is_to_be_reported = true;
                task.work.fetch_or(host::kWorkStop, std::memory_order_acq_rel);
            }
            return;
        }
    } else {
        discard_exec(image);
    }
    // Nothing is left to return to.
    begin_group_exit(process, abi::SIGSEGV);
}

} // namespace lxcore
