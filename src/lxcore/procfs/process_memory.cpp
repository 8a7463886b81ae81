// What lies in a process's memory: cmdline, environ, auxv, maps, smaps, mem.
#include "lxcore/mm/mm.hpp"
#include "lxcore/procfs/procfs.hpp"
#include "lxcore/ptrace/ptrace.hpp"

namespace lxcore::proc {

namespace {

// Appends guest memory; stops at the first page that cannot be read.
void put_memory(base::Writer& writer, const Process& process, u64 start, u64 end) {
    PageBuffer page;
    if (!page || process.host_process <= 0)
        return;
    while (start < end) {
        const auto length =
            host::read_process_memory(process.host_process, start, page.data(), base::min<u64>(end - start, page.size()));
        if (length.is_error() || length.value() == 0)
            return;
        writer.put({page.data(), length.value()});
        start += length.value();
    }
}

u8 byte_at(const Process& process, u64 address) {
    u8 byte = 0;
    (void)host::read_process_memory(process.host_process, address, &byte, 1);
    return byte;
}

class MemoryFile final : public File {
public:
    MemoryFile(RefPtr<Process> process, RefPtr<Mm> mm) : m_process(std::move(process)), m_mm(std::move(mm)) {}
    bool is_seekable() const override { return true; }
    Result<u64> seek(i64 offset, i32 whence) override {
        LockGuard guard(position_lock);
        if (whence == static_cast<i32>(abi::SEEK_SET))
            position = static_cast<u64>(offset);
        else if (whence == static_cast<i32>(abi::SEEK_CUR))
            position += static_cast<u64>(offset);
        else
            return Errno::EINVAL;
        return position;
    }
    Result<usize> read(IoBuffer& buffer, i64 offset) override {
        return at_position(offset, [&](u64 at) { return transfer(buffer, at, false); });
    }
    Result<usize> write(IoBuffer& buffer, i64 offset) override {
        return at_position(offset, [&](u64 at) { return transfer(buffer, at, true); });
    }

private:
    // By the process itself when it stands still for us as its tracer, else by the host.
    Result<usize> access(u64 address, char* data, usize length, bool is_write) {
        const auto by_tracer = ptrace_access_memory(*m_process, address, data, length, is_write);
        if (by_tracer.is_ok() || by_tracer.error() != Errno::ESRCH)
            return by_tracer;
        return is_write ? host::write_process_memory(m_process->host_process, address, data, length)
                        : host::read_process_memory(m_process->host_process, address, data, length);
    }

    Result<usize> transfer(IoBuffer& buffer, u64 address, bool is_write) {
        // After an exec or the end, the memory that was opened is no more.
        if (mm_of(*m_process) != m_mm)
            return usize{0};
        PageBuffer page;
        if (!page)
            return Errno::ENOMEM;
        usize total = 0;
        while (buffer.left() > 0) {
            usize length = base::min(buffer.left(), page.size());
            if (!base::is_guest_range(address, length))
                break;
            if (is_write) {
                length = TRY(buffer.peek(page.data(), length));
                const auto written = access(address, page.data(), length, true);
                if (written.is_error() || written.value() == 0)
                    break;
                length = written.value();
                buffer.advance(length);
            } else {
                const auto read = access(address, page.data(), length, false);
                if (read.is_error() || read.value() == 0)
                    break;
                length = TRY(buffer.copy_in(page.data(), read.value()));
            }
            total += length;
            address += length;
        }
        if (total == 0 && buffer.left() > 0)
            return Errno::EIO;
        return total;
    }
    RefPtr<Process> m_process;
    RefPtr<Mm> m_mm;
};

struct MapsPrinter {
    base::Writer& writer;
    const Path& root;
    void (*print)(base::Writer&, const Vma&, const Path&);
};

Result<void> print_vmas(base::Writer& writer, const Node& node,
                        void (*print)(base::Writer&, const Vma&, const Path&)) {
    const RefPtr<Mm> mm = mm_of(*node.process);
    if (!mm)
        return {};
    const Path root = current_root();
    MapsPrinter printer{writer, root, print};
    for_each_vma(
        *mm, 0,
        [](void* context, const Vma& vma) {
            auto& to = *static_cast<MapsPrinter*>(context);
            to.print(to.writer, vma, to.root);
            return true;
        },
        &printer);
    return {};
}

} // namespace

Result<void> print_command_line(base::Writer& writer, const Node& node) {
    const RefPtr<Mm> mm = mm_of(*node.process);
    if (!mm || mm->argument_end <= mm->argument_start)
        return {};
    const Process& process = *node.process;
    u64 end = mm->argument_end;
    // A program that has written a title over its arguments, and past them into the environment: up to the first NUL.
    if (byte_at(process, end - 1) != 0) {
        PageBuffer page;
        if (!page)
            return Errno::ENOMEM;
        u64 at = mm->argument_start;
        const u64 last = base::max(mm->environment_end, end);
        while (at < last) {
            const auto length =
                host::read_process_memory(process.host_process, at, page.data(), base::min<u64>(last - at, page.size()));
            if (length.is_error() || length.value() == 0)
                return {};
            const std::string_view part{page.data(), length.value()};
            const usize nul = part.find('\0');
            writer.put(part.substr(0, nul));
            if (nul != std::string_view::npos)
                return {};
            at += length.value();
        }
        return {};
    }
    put_memory(writer, process, mm->argument_start, end);
    return {};
}

Result<void> print_environment(base::Writer& writer, const Node& node) {
    if (const RefPtr<Mm> mm = mm_of(*node.process))
        put_memory(writer, *node.process, mm->environment_start, mm->environment_end);
    return {};
}

Result<void> print_auxiliary_vector(base::Writer& writer, const Node& node) {
    if (const RefPtr<Mm> mm = mm_of(*node.process))
        writer.put({reinterpret_cast<const char*>(mm->auxv), mm->auxv_count * sizeof(mm->auxv[0])});
    return {};
}

Result<void> print_maps(base::Writer& writer, const Node& node) { return print_vmas(writer, node, print_maps_entry); }
Result<void> print_smaps(base::Writer& writer, const Node& node) { return print_vmas(writer, node, print_smaps_entry); }

Result<void> print_smaps_rollup(base::Writer& writer, const Node& node) {
    const RefPtr<Mm> mm = mm_of(*node.process);
    if (!mm)
        return Errno::ESRCH;
    u64 first = 0, last = 0;
    {
        LockGuard guard(mm->lock);
        if (const Vma* vma = mm->first())
            first = vma->start;
        last = mm->stack_top;
    }
    const u64 resident = resident_pages(*node.process, mm.get()) * (base::kPageSize / 1024);
    base::print(writer, "{:08x}-{:08x} ---p 00000000 00:00 0                                  [rollup]\n", first, last);
    base::print(writer, "Rss:            {:8} kB\nPss:            {:8} kB\nPss_Dirty:      {:8} kB\n", resident, resident, 0u);
    static constexpr const char* kZero[] = {"Shared_Clean:   ", "Shared_Dirty:   ", "Private_Clean:  "};
    for (const char* field : kZero)
        base::print(writer, "{}{:8} kB\n", field, 0u);
    base::print(writer, "Private_Dirty:  {:8} kB\nReferenced:     {:8} kB\nAnonymous:      {:8} kB\n", resident, resident,
                resident);
    static constexpr const char* kRest[] = {"LazyFree:       ", "AnonHugePages:  ", "ShmemPmdMapped: ",
                                            "FilePmdMapped:  ", "Shared_Hugetlb: ", "Private_Hugetlb:",
                                            "Swap:           ", "SwapPss:        "};
    for (const char* field : kRest)
        base::print(writer, "{}{:8} kB\n", field, 0u);
    base::print(writer, "Locked:         {:8} kB\n", mm->locked_bytes >> 10);
    return {};
}

Result<RefPtr<File>> open_memory(const Node& node, u32) {
    RefPtr<Mm> mm = mm_of(*node.process);
    if (!mm)
        return Errno::ESRCH;
    return RefPtr<File>(TRY(make_ref<MemoryFile>(node.process, std::move(mm))));
}

} // namespace lxcore::proc
