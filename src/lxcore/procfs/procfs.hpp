// proc(5). Private to this folder but for the init function.
#pragma once

#include "lxcore/fs/generated_tree.hpp"
#include "lxcore/task/life.hpp"

namespace lxcore {

// Registers the type "proc".
Result<void> initialize_procfs();

namespace proc {

inline constexpr u32 kFile = abi::S_IFREG, kFolder = abi::S_IFDIR, kLink = abi::S_IFLNK;
inline constexpr u64 kTick = 10'000'000; // ns of a clock tick (100 Hz) as stat files count

using Node = GeneratedNode;

extern const GeneratedTable kProcessTable, kThreadTable, kEmptyTable;
extern const NumberedEntries kProcesses; // of the root

// The thread a node is about (of a process: its leader). ESRCH.
Result<void> thread_information(const Node& node, TaskInformation& out);
// A change to that thread under tree_lock. ESRCH.
template <typename Change>
Result<void> with_task(const Node& node, Change&& change) {
    LockGuard guard(task_state().tree_lock);
    const i32 tid = node.thread ? node.thread : node.process->pid;
    for (Task& task : node.process->threads)
        if (task.tid == tid) {
            change(task);
            return {};
        }
    return Errno::ESRCH;
}
u64 resident_pages(Process& process, const Mm* mm);
inline u64 ticks_since_boot(u64 monotonic_ns) {
    const u64 boot = kernel().boot_monotonic_ns;
    return monotonic_ns > boot ? (monotonic_ns - boot) / kTick : 0;
}

// process_status.cpp
Result<void> print_stat(base::Writer&, const Node&);
Result<void> print_statm(base::Writer&, const Node&);
Result<void> print_status(base::Writer&, const Node&);
Result<void> print_limits(base::Writer&, const Node&);
Result<void> print_io(base::Writer&, const Node&);
Result<void> print_schedstat(base::Writer&, const Node&);
Result<void> print_children(base::Writer&, const Node&);

// process_memory.cpp
Result<void> print_command_line(base::Writer&, const Node&);
Result<void> print_environment(base::Writer&, const Node&);
Result<void> print_auxiliary_vector(base::Writer&, const Node&);
Result<void> print_maps(base::Writer&, const Node&);
Result<void> print_smaps(base::Writer&, const Node&);
Result<void> print_smaps_rollup(base::Writer&, const Node&);
Result<RefPtr<File>> open_memory(const Node&, u32 flags);

// process_files.cpp
extern const GeneratedTable kDescriptorTable, kDescriptorInformationTable;
Result<Path> executable_of(const Node&);
Result<Path> directory_of(const Node&);
Result<Path> root_of(const Node&);

// mounts.cpp
Result<void> print_mounts(base::Writer&, const Node&);
Result<RefPtr<File>> open_mounts(const Node&, u32 flags);

// settings.cpp: sys/
extern const GeneratedTable kSettingsTable;
Result<void> initialize_settings();

// net.cpp
Result<void> print_unix_sockets(base::Writer&, const Node&);
Result<void> print_net_page(base::Writer&, const Node&);

// system_v.cpp; row->argument: "msg", "sem" or "shm"
Result<void> print_system_v(base::Writer&, const Node&);

} // namespace proc
} // namespace lxcore
