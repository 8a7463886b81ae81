// stat, statm, status, limits and other figures of one process or thread: proc_pid_stat(5), proc_pid_status(5).
#include "abi/prctl.hpp"
#include "lxcore/fs/fd_table.hpp"
#include "lxcore/mm/mm.hpp"
#include "lxcore/procfs/procfs.hpp"
#include "lxcore/tty/tty.hpp"

namespace lxcore::proc {

namespace {

u64 pages(u64 bytes) { return bytes / base::kPageSize; }
u64 kilobytes(u64 bytes) { return bytes >> 10; }

std::string_view name_of(const char (&name)[16]) {
    usize length = 0;
    while (length < 15 && name[length])
        ++length;
    return {name, length};
}

// Device number and foreground group of the controlling terminal, as stat shows them.
struct Terminal {
    i32 device = 0, foreground = -1;
};
Terminal terminal_of(Process& process) {
    LockGuard guard(task_state().tree_lock);
    Terminal terminal;
    if (const Tty* tty = process.session ? process.session->tty : nullptr) {
        terminal.device = static_cast<i32>(abi::makedev(136 + tty->index / 256, tty->index % 256));
        terminal.foreground = tty->foreground;
    }
    return terminal;
}

// Sizes by kind, in bytes.
struct Sizes {
    u64 data = 0, stack = 0, text = 0, library = 0, shared = 0;
};
Sizes sizes_of(Mm& mm) {
    Sizes sizes;
    for_each_vma(
        mm, 0,
        [](void* context, const Vma& vma) {
            auto& out = *static_cast<Sizes*>(context);
            const u64 length = vma.length();
            if (vma.flags & abi::MAP_SHARED)
                out.shared += length;
            if (vma.kind == VmaKind::Stack)
                out.stack += length;
            else if ((vma.protection & abi::PROT_EXEC) && !(vma.protection & abi::PROT_WRITE))
                out.library += length;
            else if ((vma.protection & abi::PROT_WRITE) && !(vma.flags & abi::MAP_SHARED))
                out.data += length;
            return true;
        },
        &sizes);
    sizes.text = mm.code_end - mm.code_start;
    sizes.library = sizes.library > sizes.text ? sizes.library - sizes.text : 0;
    return sizes;
}

u64 available_processors() { return base::max<u32>(host::processor_count(), 1); }

void put_processor_mask(base::Writer& writer) {
    // Groups of 32 bits, the highest first.
    const u64 count = available_processors();
    for (u64 group = (count + 31) / 32; group-- > 0;) {
        const u64 bits = base::min<u64>(count - group * 32, 32);
        base::print(writer, "{:08x}{}", (u64{1} << bits) - 1, group ? "," : "");
    }
}

const char* state_name(char state) {
    switch (state) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'T': return "stopped";
    case 't': return "tracing stop";
    case 'Z': return "zombie";
    default: return "dead";
    }
}

} // namespace

u64 resident_pages(Process& process, const Mm* mm) {
    if (!mm)
        return 0;
    base::FixedWriter<32> page;
    base::print(page, "{}/statm", process.host_process);
    char text[96];
    const usize length = process.host_process > 0 ? host::host_information(page.view(), text, sizeof(text)) : 0;
    usize at = 0;
    while (at < length && text[at] != ' ')
        ++at;
    u64 resident = 0;
    for (++at; at < length && text[at] >= '0' && text[at] <= '9'; ++at)
        resident = resident * 10 + static_cast<u64>(text[at] - '0');
    // The host counts the arena's shared pages too.
    return base::min(resident, pages(mm->total_bytes));
}

Result<void> thread_information(const Node& node, TaskInformation& out) {
    const i32 tid = node.thread ? node.thread : node.process->pid;
    if (!next_thread(*node.process, tid - 1, out) || out.tid != tid)
        return Errno::ESRCH;
    return {};
}

Result<void> print_stat(base::Writer& writer, const Node& node) {
    Process& process = *node.process;
    ProcessInformation info;
    process_information(process, info);
    TaskInformation task{};
    const bool is_thread = node.thread != 0;
    if (is_thread) {
        TRY(thread_information(node, task));
        __builtin_memcpy(info.name, task.name, sizeof(info.name));
        info.state = task.state;
        const host::CpuTimes times = task.host_thread && process.host_process > 0
                                         ? host::other_thread_cpu_times(process.host_process, task.host_thread)
                                         : host::CpuTimes{};
        info.user_ns = times.user_ns;
        info.system_ns = times.system_ns;
        info.start_time_ns = task.start_time_ns;
        info.nice = task.nice;
        info.min_faults = task.min_faults;
        info.maj_faults = task.maj_faults;
        info.pending = task.pending;
        info.blocked = task.blocked;
    }
    const RefPtr<Mm> mm = mm_of(process);
    const Terminal terminal = terminal_of(process);
    const bool shows_memory = mm && may_inspect(process).is_ok();
    const bool is_realtime = info.scheduler_policy == abi::SCHED_FIFO || info.scheduler_policy == abi::SCHED_RR;
    const i32 priority = is_realtime ? -1 - static_cast<i32>(info.realtime_priority) : 20 + info.nice;
    base::print(writer, "{} ({}) {:c} {} {} {} {} {} {} ", is_thread ? node.thread : info.pid, name_of(info.name),
                info.state, info.parent_pid, info.pgid, info.sid, terminal.device, terminal.foreground, 0x400000u);
    base::print(writer, "{} 0 {} 0 {} {} {} {} ", info.min_faults, info.maj_faults, info.user_ns / kTick,
                info.system_ns / kTick, info.children_user_ns / kTick, info.children_system_ns / kTick);
    base::print(writer, "{} {} {} 0 {} ", priority, info.nice, info.thread_count, ticks_since_boot(info.start_time_ns));
    base::print(writer, "{} {} {} ", mm ? mm->total_bytes : 0, resident_pages(process, mm.get()),
                process.limits[abi::RLIMIT_RSS].rlim_cur);
    base::print(writer, "{} {} {} 0 0 ", shows_memory ? mm->code_start : 1, shows_memory ? mm->code_end : 1,
                shows_memory ? mm->stack_top : 0);
    base::print(writer, "{} {} {} {} 0 0 0 {} 0 {} {} 0 0 0 ", info.pending & 0x7fff'ffff, info.blocked & 0x7fff'ffff,
                info.ignored & 0x7fff'ffff, info.caught & 0x7fff'ffff, is_thread ? -1 : info.exit_signal,
                info.realtime_priority, info.scheduler_policy);
    if (shows_memory)
        base::print(writer, "{} {} {} {} {} {} {} ", mm->data_start, mm->data_end, mm->brk_start, mm->argument_start,
                    mm->argument_end, mm->environment_start, mm->environment_end);
    else
        writer.put("0 0 0 0 0 0 0 ");
    base::print(writer, "{}\n", may_inspect(process).is_ok() ? info.exit_status : 0);
    return {};
}

Result<void> print_statm(base::Writer& writer, const Node& node) {
    const RefPtr<Mm> mm = mm_of(*node.process);
    if (!mm) {
        writer.put("0 0 0 0 0 0 0\n");
        return {};
    }
    const Sizes sizes = sizes_of(*mm);
    const u64 resident = resident_pages(*node.process, mm.get());
    base::print(writer, "{} {} {} {} 0 {} 0\n", pages(mm->total_bytes), resident,
                base::min(pages(sizes.library + sizes.text), resident), pages(sizes.text), pages(sizes.data + sizes.stack));
    return {};
}

Result<void> print_status(base::Writer& writer, const Node& node) {
    Process& process = *node.process;
    ProcessInformation info;
    process_information(process, info);
    i32 tid = info.pid;
    if (node.thread) {
        TaskInformation task{};
        TRY(thread_information(node, task));
        tid = task.tid;
        __builtin_memcpy(info.name, task.name, sizeof(info.name));
        info.state = task.state;
        info.pending = task.pending;
        info.blocked = task.blocked;
    }
    const RefPtr<Credentials> credentials = credentials_of(process);
    const RefPtr<FsContext> fs = fs_of(process);
    const RefPtr<FdTable> files = files_of(process);
    const RefPtr<Mm> mm = mm_of(process);
    writer.put("Name:\t");
    for (char character : name_of(info.name)) {
        if (character == '\n')
            writer.put("\\n");
        else if (character == '\\')
            writer.put("\\\\");
        else
            writer.put(character);
    }
    writer.put('\n');
    if (fs)
        base::print(writer, "Umask:\t{:04o}\n", fs->umask);
    base::print(writer, "State:\t{:c} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t{}\n", info.state,
                state_name(info.state), info.pid, tid, info.parent_pid, info.tracer_pid);
    const Credentials* ids = credentials.get();
    if (ids) {
        base::print(writer, "Uid:\t{}\t{}\t{}\t{}\n", ids->uid, ids->euid, ids->suid, ids->fsuid);
        base::print(writer, "Gid:\t{}\t{}\t{}\t{}\n", ids->gid, ids->egid, ids->sgid, ids->fsgid);
    } else {
        writer.put("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
    }
    base::print(writer, "FDSize:\t{}\nGroups:\t", files ? files->capacity() : 0);
    if (ids)
        for (u32 group : ids->groups)
            base::print(writer, "{} ", group);
    base::print(writer, "\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", info.pid, tid, info.pgid, info.sid);
    if (mm) {
        const Sizes sizes = sizes_of(*mm);
        const u64 resident = resident_pages(process, mm.get()) * (base::kPageSize / 1024);
        const u64 from_files = base::min(kilobytes(sizes.library + sizes.text), resident);
        base::print(writer, "VmPeak:\t{:8} kB\nVmSize:\t{:8} kB\nVmLck:\t{:8} kB\nVmPin:\t{:8} kB\n",
                    kilobytes(base::max(mm->peak_bytes, mm->total_bytes)), kilobytes(mm->total_bytes),
                    kilobytes(mm->locked_bytes), 0u);
        base::print(writer, "VmHWM:\t{:8} kB\nVmRSS:\t{:8} kB\nRssAnon:\t{:8} kB\nRssFile:\t{:8} kB\nRssShmem:\t{:8} kB\n",
                    base::max(kilobytes(process.max_resident_bytes), resident), resident, resident - from_files,
                    from_files, 0u);
        base::print(writer, "VmData:\t{:8} kB\nVmStk:\t{:8} kB\nVmExe:\t{:8} kB\nVmLib:\t{:8} kB\nVmPTE:\t{:8} kB\nVmSwap:\t{:8} kB\n",
                    kilobytes(sizes.data), kilobytes(sizes.stack), kilobytes(sizes.text), kilobytes(sizes.library),
                    resident / 512 + 4, 0u);
        writer.put("HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\n");
    }
    u32 queued;
    {
        LockGuard guard(process.signal_lock);
        queued = process.pending.count;
    }
    base::print(writer, "Threads:\t{}\nSigQ:\t{}/{}\n", info.thread_count, queued,
                process.limits[abi::RLIMIT_SIGPENDING].rlim_cur);
    base::print(writer, "SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
                info.pending, info.shared_pending, info.blocked, info.ignored, info.caught);
    base::print(writer, "CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\n",
                ids ? ids->inheritable : 0, ids ? ids->permitted : 0, ids ? ids->effective : 0, ids ? ids->bounding : 0,
                ids ? ids->ambient : 0);
    base::print(writer, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tvulnerable\n",
                process.no_new_privileges ? 1 : 0);
    writer.put("SpeculationIndirectBranch:\tconditional enabled\nCpus_allowed:\t");
    put_processor_mask(writer);
    writer.put("\nCpus_allowed_list:\t0");
    if (available_processors() > 1)
        base::print(writer, "-{}", available_processors() - 1);
    writer.put("\nMems_allowed:\t00000001\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
    return {};
}

Result<void> print_limits(base::Writer& writer, const Node& node) {
    static constexpr struct {
        const char *name, *unit;
    } kRows[abi::RLIM_NLIMITS] = {
        {"Max cpu time", "seconds"},         {"Max file size", "bytes"},        {"Max data size", "bytes"},
        {"Max stack size", "bytes"},         {"Max core file size", "bytes"},   {"Max resident set", "bytes"},
        {"Max processes", "processes"},      {"Max open files", "files"},       {"Max locked memory", "bytes"},
        {"Max address space", "bytes"},      {"Max file locks", "locks"},       {"Max pending signals", "signals"},
        {"Max msgqueue size", "bytes"},      {"Max nice priority", ""},         {"Max realtime priority", ""},
        {"Max realtime timeout", "us"},
    };
    writer.put("Limit                     Soft Limit           Hard Limit           Units     \n");
    for (u32 i = 0; i < abi::RLIM_NLIMITS; ++i) {
        const abi::rlimit64 limit = node.process->limits[i];
        base::print(writer, "{:-25} ", kRows[i].name);
        for (u64 value : {limit.rlim_cur, limit.rlim_max}) {
            if (value == abi::RLIM_INFINITY)
                writer.put("unlimited            ");
            else
                base::print(writer, "{:-20} ", value);
        }
        base::print(writer, "{:-10}\n", kRows[i].unit);
    }
    return {};
}

Result<void> print_io(base::Writer& writer, const Node& node) {
    base::FixedWriter<32> page;
    base::print(page, "{}/io", node.process->host_process);
    if (node.process->host_process > 0 && put_host_page(writer, page.view()))
        return {};
    writer.put("rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
    return {};
}

Result<void> print_schedstat(base::Writer& writer, const Node& node) {
    const host::CpuTimes times = cpu_times(*node.process);
    base::print(writer, "{} 0 1\n", times.user_ns + times.system_ns);
    return {};
}

Result<void> print_children(base::Writer& writer, const Node& node) {
    // Linux lists a thread's own children; they belong to the process here and are shown with its leader.
    if (node.thread && node.thread != node.process->pid)
        return {};
    LockGuard guard(task_state().tree_lock);
    for (Process& child : node.process->children)
        base::print(writer, "{} ", child.pid);
    return {};
}

} // namespace lxcore::proc
