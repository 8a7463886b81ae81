// Text of /proc/<pid>/maps and smaps: proc_pid_maps(5), proc_pid_smaps(5).
#include "base/format.hpp"
#include "lxcore/fs/mount.hpp"
#include "lxcore/mm/mm.hpp"

namespace lxcore {

namespace {

constexpr u64 kShownStackBytes = 33 * base::kPageSize; // what a fresh Linux stack shows

constexpr u32 device_major(u64 device) { return static_cast<u32>(((device >> 8) & 0xfff) | ((device >> 32) & ~0xfffull)); }
constexpr u32 device_minor(u64 device) { return static_cast<u32>((device & 0xff) | ((device >> 12) & ~0xffull)); }

// The name column starts here.
constexpr usize kNameColumn = 73;

// The stack is mapped with its full size at exec; what is shown is what a Linux stack would have grown to at first.
u64 shown_start(const Vma& vma) {
    if (vma.kind != VmaKind::Stack || vma.length() <= kShownStackBytes)
        return vma.start;
    return vma.end - kShownStackBytes;
}

void put_name(base::Writer& writer, const Vma& vma, const Path& root) {
    if (vma.file && vma.file->path) {
        PageBuffer page;
        if (!page)
            return;
        const auto length = print_path(vma.file->path, root, page.data(), page.size());
        if (length.is_error())
            return;
        for (usize i = 0; i < length.value(); ++i) {
            if (page.data()[i] == '\n')
                writer.put("\\012");
            else
                writer.put(page.data()[i]);
        }
    } else if (vma.label) {
        writer.put(vma.label);
    } else if (vma.shared_object) {
        writer.put("/dev/zero (deleted)");
    }
}

bool has_name(const Vma& vma) { return (vma.file && vma.file->path) || vma.label || vma.shared_object; }

} // namespace

void print_maps_entry(base::Writer& writer, const Vma& vma, const Path& root) {
    base::FixedWriter<128> line;
    u64 device = 0, inode = 0;
    if (vma.file && vma.file->path) {
        const Inode& file_inode = vma.file->inode();
        device = file_inode.super_block ? file_inode.super_block->device : 0;
        inode = file_inode.number;
    }
    print(line, "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ", shown_start(vma), vma.end,
          vma.protection & abi::PROT_READ ? "r" : "-", vma.protection & abi::PROT_WRITE ? "w" : "-",
          vma.protection & abi::PROT_EXEC ? "x" : "-", vma.flags & abi::MAP_SHARED ? "s" : "p",
          vma.file ? vma.offset : 0, device_major(device), device_minor(device), inode);
    writer.put(line.view());
    if (has_name(vma)) {
        for (usize column = line.length(); column < kNameColumn; ++column)
            writer.put(' ');
        put_name(writer, vma, root);
    }
    writer.put('\n');
}

void print_smaps_entry(base::Writer& writer, const Vma& vma, const Path& root) {
    print_maps_entry(writer, vma, root);
    // Which pages are resident only the owning process could tell; a mapping counts as resident when it is locked.
    const u64 size = (vma.end - shown_start(vma)) >> 10;
    const u64 locked = vma.flags & abi::MAP_LOCKED ? size : 0;
    print(writer, "Size:           {:8} kB\n", size);
    print(writer, "KernelPageSize: {:8} kB\nMMUPageSize:    {:8} kB\n", 4u, 4u);
    print(writer, "Rss:            {:8} kB\nPss:            {:8} kB\n", locked, locked);
    static constexpr const char* kZero[] = {
        "Shared_Clean:   ", "Shared_Dirty:   ", "Private_Clean:  ", "Private_Dirty:  ", "Referenced:     ",
        "Anonymous:      ", "LazyFree:       ", "AnonHugePages:  ", "ShmemPmdMapped: ", "FilePmdMapped:  ",
        "Shared_Hugetlb: ", "Private_Hugetlb:", "Swap:           ", "SwapPss:        "};
    for (const char* field : kZero)
        print(writer, "{}{:8} kB\n", field, 0u);
    print(writer, "Locked:         {:8} kB\nTHPeligible:    {:8}\nVmFlags:", locked, 0u);
    const u32 may = vma.max_protection;
    const struct {
        bool is_set;
        const char* name;
    } flags[] = {{(vma.protection & abi::PROT_READ) != 0, " rd"},
                 {(vma.protection & abi::PROT_WRITE) != 0, " wr"},
                 {(vma.protection & abi::PROT_EXEC) != 0, " ex"},
                 {(vma.flags & abi::MAP_SHARED) != 0, " sh"},
                 {(may & abi::PROT_READ) != 0, " mr"},
                 {(may & abi::PROT_WRITE) != 0, " mw"},
                 {(may & abi::PROT_EXEC) != 0, " me"},
                 {(vma.flags & abi::MAP_SHARED) != 0, " ms"},
                 {(vma.flags & abi::MAP_GROWSDOWN) != 0, " gd"},
                 {(vma.flags & abi::MAP_LOCKED) != 0, " lo"},
                 {(vma.advice & kAdviceDontFork) != 0, " dc"},
                 {(vma.flags & abi::MAP_NORESERVE) != 0, " nr"},
                 {(vma.advice & kAdviceWipeOnFork) != 0, " wf"},
                 {(vma.advice & kAdviceDontDump) != 0, " dd"}};
    for (const auto& flag : flags)
        if (flag.is_set)
            writer.put(flag.name);
    writer.put(" \n");
}

} // namespace lxcore
