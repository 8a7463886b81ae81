// The files at the top of /proc that tell of the system: proc(5).
#include "abi/mman.hpp"
#include "lxcore/procfs/procfs.hpp"
#include "lxcore/syscall/syscall.hpp"

namespace lxcore::proc {

namespace {

u64 kilobytes(u64 bytes) { return bytes >> 10; }

Result<void> print_memory(base::Writer& writer, const Node&) {
    const host::MemoryStatus memory = host::memory_status();
    const ArenaStatistics arena = arena_statistics();
    const u64 used = memory.total_bytes - base::min(memory.total_bytes, memory.free_bytes + memory.cached_bytes +
                                                                            memory.buffers_bytes);
    const struct {
        const char* name;
        u64 bytes;
    } rows[] = {
        {"MemTotal:", memory.total_bytes},
        {"MemFree:", memory.free_bytes},
        {"MemAvailable:", memory.available_bytes},
        {"Buffers:", memory.buffers_bytes},
        {"Cached:", memory.cached_bytes},
        {"SwapCached:", 0},
        {"Active:", used + memory.cached_bytes / 2},
        {"Inactive:", memory.cached_bytes / 2},
        {"Active(anon):", used},
        {"Inactive(anon):", 0},
        {"Active(file):", memory.cached_bytes / 2},
        {"Inactive(file):", memory.cached_bytes / 2},
        {"Unevictable:", 0},
        {"Mlocked:", 0},
        {"SwapTotal:", memory.swap_total_bytes},
        {"SwapFree:", memory.swap_free_bytes},
        {"Dirty:", 0},
        {"Writeback:", 0},
        {"AnonPages:", used},
        {"Mapped:", 0},
        {"Shmem:", 0},
        {"KReclaimable:", 0},
        {"Slab:", arena.object_bytes},
        {"SReclaimable:", 0},
        {"SUnreclaim:", arena.object_bytes},
        {"KernelStack:", task_state().thread_count * u64{64} << 10},
        {"PageTables:", 0},
        {"NFS_Unstable:", 0},
        {"Bounce:", 0},
        {"WritebackTmp:", 0},
        {"CommitLimit:", memory.total_bytes / 2 + memory.swap_total_bytes},
        {"Committed_AS:", used},
        {"VmallocTotal:", arena.total_pages * base::kPageSize},
        {"VmallocUsed:", arena.used_pages * base::kPageSize},
        {"VmallocChunk:", 0},
        {"Percpu:", 0},
        {"AnonHugePages:", 0},
        {"ShmemHugePages:", 0},
        {"ShmemPmdMapped:", 0},
        {"FileHugePages:", 0},
        {"FilePmdMapped:", 0},
    };
    for (const auto& row : rows)
        base::print(writer, "{:-15} {:8} kB\n", row.name, kilobytes(row.bytes));
    writer.put("HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\n"
               "Hugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    return {};
}

Result<void> print_processors(base::Writer& writer, const Node&) {
    if (put_host_page(writer, "cpuinfo"))
        return {};
    for (u32 i = 0; i < host::processor_count(); ++i)
        base::print(writer,
                    "processor\t: {}\nvendor_id\t: unknown\ncpu family\t: 6\nmodel\t\t: 0\nmodel name\t: x86-64 processor\n"
                    "physical id\t: 0\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\nfpu\t\t: yes\n"
                    "flags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx lm\n\n",
                    i, host::processor_count(), i, host::processor_count());
    return {};
}

// The processor lines are the host's; the counts of processes our own.
Result<void> print_statistics(base::Writer& writer, const Node&) {
    PageBuffer page(16);
    if (!page)
        return Errno::ENOMEM;
    const usize length = host::host_information("stat", page.data(), page.size());
    std::string_view rest{page.data(), length};
    bool has_processors = false;
    std::string_view switches;
    while (!rest.empty()) {
        const usize end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (line.starts_with("cpu")) {
            base::print(writer, "{}\n", line);
            has_processors = true;
        } else if (line.starts_with("ctxt ")) {
            switches = line;
        }
    }
    if (!has_processors) {
        const u64 ticks = (host::monotonic_ns() - kernel().boot_monotonic_ns) / kTick;
        const u32 count = base::max<u32>(host::processor_count(), 1);
        base::print(writer, "cpu  0 0 0 {} 0 0 0 0 0 0\n", ticks * count);
        for (u32 i = 0; i < count; ++i)
            base::print(writer, "cpu{} 0 0 0 {} 0 0 0 0 0 0\n", i, ticks);
    }
    const TaskState& tasks = task_state();
    base::print(writer, "intr 0\n{}\nbtime {}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n",
                switches.empty() ? std::string_view("ctxt 0") : switches, kernel().boot_realtime_seconds, tasks.forks);
    return {};
}

Result<void> print_load(base::Writer& writer, const Node&) {
    char text[96];
    const usize length = host::host_information("loadavg", text, sizeof(text));
    std::string_view loads{text, length};
    usize end = 0;
    for (u32 spaces = 0; end < loads.size(); ++end)
        if (loads[end] == ' ' && ++spaces == 3)
            break;
    base::print(writer, "{} 1/{} {}\n", length ? loads.substr(0, end) : std::string_view("0.00 0.00 0.00"),
                task_state().thread_count, task_state().last_pid);
    return {};
}

Result<void> print_uptime(base::Writer& writer, const Node&) {
    const u64 hundredths = (host::monotonic_ns() - kernel().boot_monotonic_ns) / kTick;
    const u64 idle = hundredths * base::max<u32>(host::processor_count(), 1);
    base::print(writer, "{}.{:02} {}.{:02}\n", hundredths / 100, hundredths % 100, idle / 100, idle % 100);
    return {};
}

Result<void> print_version(base::Writer& writer, const Node&) {
    LockGuard guard(kernel().utsname_lock);
    const abi::new_utsname& name = kernel().utsname;
    base::print(writer, "{} version {} (lxss@lxss) (gcc) {}\n", static_cast<const char*>(name.sysname),
                static_cast<const char*>(name.release), static_cast<const char*>(name.version));
    return {};
}

Result<void> print_file_systems(base::Writer& writer, const Node&) {
    const FileSystemType* types[32];
    const usize count = file_system_types(types, base::array_size(types));
    for (usize i = 0; i < count; ++i) {
        bool is_repeated = false;
        for (usize j = 0; j < i; ++j)
            is_repeated = is_repeated || std::string_view(types[j]->name) == types[i]->name;
        if (!is_repeated)
            base::print(writer, "{}\t{}\n", types[i]->needs_device ? "" : "nodev", types[i]->name);
    }
    return {};
}

Result<void> print_self(base::Writer& writer, const Node&) {
    base::print(writer, "{}", current().process->pid);
    return {};
}

Result<void> print_thread_self(base::Writer& writer, const Node&) {
    base::print(writer, "{}/task/{}", current().process->pid, current().tid);
    return {};
}

Result<void> print_statistics_of_memory(base::Writer& writer, const Node&) {
    if (put_host_page(writer, "vmstat"))
        return {};
    const host::MemoryStatus memory = host::memory_status();
    base::print(writer, "nr_free_pages {}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n",
                memory.free_bytes / base::kPageSize);
    return {};
}

// ---- lxss

Result<void> print_arena(base::Writer& writer, const Node&) {
    const ArenaStatistics arena = arena_statistics();
    base::print(writer, "total_kb {}\nused_kb {}\nobjects_kb {}\ndentries {}\nprocesses {}\nthreads {}\n",
                arena.total_pages * 4, arena.used_pages * 4, kilobytes(arena.object_bytes),
                dentry_cache().count.load(std::memory_order_relaxed), task_state().process_count,
                task_state().thread_count);
    return {};
}

// What file systems keep in memory, and up to how much.
Result<void> print_caches(base::Writer& writer, const Node&) {
    DentryCache& cache = dentry_cache();
    base::print(writer, "dentries {}\ndentry_limit {}\nnegative_dentries {}\nevicted_dentries {}\n",
                cache.count.load(std::memory_order_relaxed), cache.limit,
                cache.negative_count.load(std::memory_order_relaxed), cache.evicted.load(std::memory_order_relaxed));
    current_root().mount->super_block->print_caches(writer);
    return {};
}

// How often the calling thread has asked the host about files, names and attributes.
Result<void> print_host_file_calls(base::Writer& writer, const Node&) {
    base::print(writer, "{}\n", current().host_file_calls);
    return {};
}

// System calls that programs have asked for in vain since boot.
Result<void> print_missing_calls(base::Writer& writer, const Node&) {
    for (u32 number = 0; number < 64 * base::array_size(kernel().missing_call_logged); ++number)
        if ((kernel().missing_call_logged[number / 64] >> (number % 64)) & 1)
            base::print(writer, "{}\n", number);
    return {};
}

constexpr char kDevices[] = "Character devices:\n  1 mem\n  4 /dev/vc/0\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n"
                            " 10 misc\n136 pts\n\nBlock devices:\n";
constexpr char kPartitions[] = "major minor  #blocks  name\n\n";
constexpr char kSwaps[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
constexpr char kCommandLine[] = "BOOT_IMAGE=lxss root=/ rw\n";
constexpr char kControlGroups[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";

constexpr GeneratedRow kRows[] = {
    {.path = "buddyinfo", .mode = kFile | 0400, .print = print_constant, .argument = ""},
    {.path = "bus/pci/devices", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "cgroups", .mode = kFile | 0444, .print = print_constant, .argument = kControlGroups},
    {.path = "cmdline", .mode = kFile | 0444, .print = print_constant, .argument = kCommandLine},
    {.path = "consoles", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "cpuinfo", .mode = kFile | 0444, .print = print_processors},
    {.path = "crypto", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "devices", .mode = kFile | 0444, .print = print_constant, .argument = kDevices},
    {.path = "diskstats", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "filesystems", .mode = kFile | 0444, .print = print_file_systems},
    {.path = "interrupts", .mode = kFile | 0444, .print = print_host_page, .argument = "interrupts"},
    {.path = "iomem", .mode = kFile | 0400, .print = print_constant, .argument = ""},
    {.path = "ioports", .mode = kFile | 0400, .print = print_constant, .argument = ""},
    {.path = "key-users", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "keys", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "loadavg", .mode = kFile | 0444, .print = print_load},
    {.path = "locks", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "lxss/arena", .mode = kFile | 0444, .print = print_arena},
    {.path = "lxss/caches", .mode = kFile | 0444, .print = print_caches},
    {.path = "lxss/calls", .mode = kFile | 0444, .print = print_missing_calls},
    {.path = "lxss/host_file_calls", .mode = kFile | 0444, .print = print_host_file_calls},
    {.path = "meminfo", .mode = kFile | 0444, .print = print_memory},
    {.path = "misc", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "modules", .mode = kFile | 0444, .print = print_constant, .argument = ""},
    {.path = "mounts", .mode = kLink | 0777, .print = print_constant, .argument = "self/mounts"},
    {.path = "net", .mode = kLink | 0777, .print = print_constant, .argument = "self/net"},
    {.path = "partitions", .mode = kFile | 0444, .print = print_constant, .argument = kPartitions},
    {.path = "self", .mode = kLink | 0777, .print = print_self},
    {.path = "softirqs", .mode = kFile | 0444, .print = print_host_page, .argument = "softirqs"},
    {.path = "stat", .mode = kFile | 0444, .print = print_statistics},
    {.path = "swaps", .mode = kFile | 0444, .print = print_constant, .argument = kSwaps},
    {.path = "sys", .mode = kFolder | 0555, .table = &kSettingsTable},
    {.path = "sysvipc/msg", .mode = kFile | 0444, .print = print_system_v, .argument = "msg"},
    {.path = "sysvipc/sem", .mode = kFile | 0444, .print = print_system_v, .argument = "sem"},
    {.path = "sysvipc/shm", .mode = kFile | 0444, .print = print_system_v, .argument = "shm"},
    {.path = "thread-self", .mode = kLink | 0777, .print = print_thread_self},
    {.path = "tty/drivers", .mode = kFile | 0444, .print = print_constant,
     .argument = "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
                 "/dev/ptmx            /dev/ptmx       5       2 system\n"
                 "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
                 "pty_master           /dev/ptm      128 0-1048575 pty:master\n"},
    {.path = "uptime", .mode = kFile | 0444, .print = print_uptime},
    {.path = "version", .mode = kFile | 0444, .print = print_version},
    {.path = "vmstat", .mode = kFile | 0444, .print = print_statistics_of_memory},
    {.path = "zoneinfo", .mode = kFile | 0400, .print = print_constant, .argument = ""},
};

constexpr GeneratedTable kRootTable{kRows, base::array_size(kRows), &kProcesses};

Result<RefPtr<SuperBlock>> create_proc(std::string_view, std::string_view, u32) {
    RefPtr<SuperBlock> super_block = TRY(create_generated("proc", abi::PROC_SUPER_MAGIC, kRootTable));
    super_block->has_fixed_names = true;
    return super_block;
}
constexpr FileSystemType kType{"proc", false, create_proc};

} // namespace
} // namespace lxcore::proc

namespace lxcore {

Result<void> initialize_procfs() {
    TRY(proc::initialize_settings());
    return register_file_system_type(proc::kType);
}

} // namespace lxcore
