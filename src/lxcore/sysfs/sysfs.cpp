#include "lxcore/sysfs/sysfs.hpp"

#include "lxcore/fs/generated_tree.hpp"

namespace lxcore {

namespace {

constexpr u32 kFile = abi::S_IFREG, kFolder = abi::S_IFDIR, kLink = abi::S_IFLNK;
using Node = GeneratedNode;

constexpr GeneratedTable kEmpty{nullptr, 0};

// ---- processors

i32 processors() { return static_cast<i32>(base::max<u32>(host::processor_count(), 1)); }

Result<void> print_processor_list(base::Writer& writer, const Node&) {
    writer.put('0');
    if (processors() > 1)
        base::print(writer, "-{}", processors() - 1);
    writer.put('\n');
    return {};
}

Result<void> print_highest_processor(base::Writer& writer, const Node&) {
    base::print(writer, "{}\n", processors() - 1);
    return {};
}

// Groups of 32 bits, the highest first.
void put_mask(base::Writer& writer, i32 first, i32 last) {
    for (i32 group = (processors() - 1) / 32; group >= 0; --group) {
        u32 bits = 0;
        for (i32 bit = 0; bit < 32; ++bit)
            if (group * 32 + bit >= first && group * 32 + bit <= last)
                bits |= u32{1} << bit;
        base::print(writer, "{:08x}{}", bits, group ? "," : "\n");
    }
}

Result<void> print_all_mask(base::Writer& writer, const Node&) {
    put_mask(writer, 0, processors() - 1);
    return {};
}

// Each processor is a core of one package.
Result<void> print_own_mask(base::Writer& writer, const Node& node) {
    put_mask(writer, node.entry, node.entry);
    return {};
}

Result<void> print_own_number(base::Writer& writer, const Node& node) {
    base::print(writer, "{}\n", node.entry);
    return {};
}

constexpr GeneratedRow kProcessorRows[] = {
    {.path = "online", .mode = kFile | 0444, .print = print_constant, .argument = "1\n"},
    {.path = "topology/core_cpus", .mode = kFile | 0444, .print = print_own_mask},
    {.path = "topology/core_cpus_list", .mode = kFile | 0444, .print = print_own_number},
    {.path = "topology/core_id", .mode = kFile | 0444, .print = print_own_number},
    {.path = "topology/core_siblings", .mode = kFile | 0444, .print = print_all_mask},
    {.path = "topology/core_siblings_list", .mode = kFile | 0444, .print = print_processor_list},
    {.path = "topology/die_id", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "topology/package_cpus", .mode = kFile | 0444, .print = print_all_mask},
    {.path = "topology/package_cpus_list", .mode = kFile | 0444, .print = print_processor_list},
    {.path = "topology/physical_package_id", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "topology/thread_siblings", .mode = kFile | 0444, .print = print_own_mask},
    {.path = "topology/thread_siblings_list", .mode = kFile | 0444, .print = print_own_number},
};
constexpr GeneratedTable kProcessorTable{kProcessorRows, base::array_size(kProcessorRows)};

i32 next_processor(const Node&, i32 from) { return from < processors() ? from : -1; }
Result<void> enter_processor(const Node&, i32 number, Node& entry) {
    if (number >= processors())
        return Errno::ENOENT;
    entry.entry = number;
    return {};
}
constexpr NumberedEntries kProcessors{
    next_processor, enter_processor, {.path = "", .mode = kFolder | 0555, .table = &kProcessorTable}, "cpu"};

constexpr GeneratedRow kProcessorsRows[] = {
    {.path = "isolated", .mode = kFile | 0444, .print = print_constant, .argument = "\n"},
    {.path = "kernel_max", .mode = kFile | 0444, .print = print_highest_processor},
    {.path = "offline", .mode = kFile | 0444, .print = print_constant, .argument = "\n"},
    {.path = "online", .mode = kFile | 0444, .print = print_processor_list},
    {.path = "possible", .mode = kFile | 0444, .print = print_processor_list},
    {.path = "present", .mode = kFile | 0444, .print = print_processor_list},
    {.path = "smt/active", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "smt/control", .mode = kFile | 0444, .print = print_constant, .argument = "notsupported\n"},
};
constexpr GeneratedTable kProcessorsTable{kProcessorsRows, base::array_size(kProcessorsRows), &kProcessors};

// ---- memory

Result<void> print_node_memory(base::Writer& writer, const Node&) {
    const host::MemoryStatus memory = host::memory_status();
    base::print(writer, "Node 0 MemTotal:       {:8} kB\nNode 0 MemFree:        {:8} kB\nNode 0 MemUsed:        {:8} kB\n",
                memory.total_bytes >> 10, memory.free_bytes >> 10, (memory.total_bytes - memory.free_bytes) >> 10);
    return {};
}

constexpr char kLoopback[] = "../../devices/virtual/net/lo";

// Rows of one directory stand together.
constexpr GeneratedRow kRows[] = {
    {.path = "block", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "bus/cpu/devices", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "bus/pci/devices", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "bus/usb/devices", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/block", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/dmi", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/drm", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/graphics", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/hwmon", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/input", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/mem", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/net/lo", .mode = kLink | 0777, .print = print_constant, .argument = kLoopback},
    {.path = "class/power_supply", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/thermal", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "class/tty", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "dev/block", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "dev/char", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "devices/system/cpu", .mode = kFolder | 0755, .table = &kProcessorsTable},
    {.path = "devices/system/node/has_cpu", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "devices/system/node/has_memory", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "devices/system/node/has_normal_memory", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "devices/system/node/node0/cpulist", .mode = kFile | 0444, .print = print_processor_list},
    {.path = "devices/system/node/node0/cpumap", .mode = kFile | 0444, .print = print_all_mask},
    {.path = "devices/system/node/node0/distance", .mode = kFile | 0444, .print = print_constant, .argument = "10\n"},
    {.path = "devices/system/node/node0/meminfo", .mode = kFile | 0444, .print = print_node_memory},
    {.path = "devices/system/node/online", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "devices/system/node/possible", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "devices/virtual/net/lo/addr_assign_type", .mode = kFile | 0444, .print = print_constant, .argument = "0\n"},
    {.path = "devices/virtual/net/lo/addr_len", .mode = kFile | 0444, .print = print_constant, .argument = "6\n"},
    {.path = "devices/virtual/net/lo/address", .mode = kFile | 0444, .print = print_constant, .argument = "00:00:00:00:00:00\n"},
    {.path = "devices/virtual/net/lo/carrier", .mode = kFile | 0444, .print = print_constant, .argument = "1\n"},
    {.path = "devices/virtual/net/lo/flags", .mode = kFile | 0444, .print = print_constant, .argument = "0x9\n"},
    {.path = "devices/virtual/net/lo/ifindex", .mode = kFile | 0444, .print = print_constant, .argument = "1\n"},
    {.path = "devices/virtual/net/lo/iflink", .mode = kFile | 0444, .print = print_constant, .argument = "1\n"},
    {.path = "devices/virtual/net/lo/mtu", .mode = kFile | 0444, .print = print_constant, .argument = "65536\n"},
    {.path = "devices/virtual/net/lo/operstate", .mode = kFile | 0444, .print = print_constant, .argument = "unknown\n"},
    {.path = "devices/virtual/net/lo/type", .mode = kFile | 0444, .print = print_constant, .argument = "772\n"},
    {.path = "firmware", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "fs/cgroup", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "fs/fuse/connections", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "fs/pstore", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "hypervisor", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "kernel/config", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "kernel/debug", .mode = kFolder | 0700, .table = &kEmpty},
    {.path = "kernel/mm/hugepages", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "kernel/mm/transparent_hugepage/defrag", .mode = kFile | 0444, .print = print_constant,
     .argument = "always defer defer+madvise [madvise] never\n"},
    {.path = "kernel/mm/transparent_hugepage/enabled", .mode = kFile | 0444, .print = print_constant,
     .argument = "always madvise [never]\n"},
    {.path = "kernel/mm/transparent_hugepage/hpage_pmd_size", .mode = kFile | 0444, .print = print_constant,
     .argument = "2097152\n"},
    {.path = "kernel/security", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "kernel/tracing", .mode = kFolder | 0700, .table = &kEmpty},
    {.path = "module", .mode = kFolder | 0755, .table = &kEmpty},
    {.path = "power/state", .mode = kFile | 0444, .print = print_constant, .argument = "\n"},
};
constexpr GeneratedTable kRootTable{kRows, base::array_size(kRows)};

Result<RefPtr<SuperBlock>> create_sysfs(std::string_view, std::string_view, u32) {
    return create_generated("sysfs", abi::SYSFS_MAGIC, kRootTable);
}
constexpr FileSystemType kType{"sysfs", false, create_sysfs};

} // namespace

Result<void> initialize_sysfs() { return register_file_system_type(kType); }

} // namespace lxcore
