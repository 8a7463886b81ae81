#include "lxcore/task/elf_loader.hpp"

#include "abi/limits.hpp"
#include "engine/engine.hpp"

namespace lxcore {

namespace {

constexpr usize kMaxHeaderBytes = 65536;

u32 protection_of(u32 segment_flags) {
    return (segment_flags & abi::PF_R ? abi::PROT_READ : 0) | (segment_flags & abi::PF_W ? abi::PROT_WRITE : 0) |
           (segment_flags & abi::PF_X ? abi::PROT_EXEC : 0);
}

bool is_for_this_machine(const abi::Elf64_Ehdr& header) {
    // As Linux does it: class and byte order are not looked at, the machine is.
    return __builtin_memcmp(header.e_ident, abi::ELFMAG, sizeof(abi::ELFMAG)) == 0 &&
           header.e_machine == abi::EM_X86_64 && header.e_phentsize == sizeof(abi::Elf64_Phdr) &&
           header.e_phnum != 0 && header.e_phnum * sizeof(abi::Elf64_Phdr) <= kMaxHeaderBytes;
}

Result<void> add_segment(ElfImage& image, const abi::Elf64_Phdr& header) {
    if (header.p_filesz > header.p_memsz || header.p_memsz > base::kGuestEnd ||
        header.p_vaddr > base::kGuestEnd - header.p_memsz ||
        header.p_offset > (~u64{0} >> 1) - header.p_filesz - base::kPageSize ||
        ((header.p_vaddr ^ header.p_offset) & (base::kPageSize - 1))) {
        image.is_malformed = true;
        return {};
    }
    if (header.p_memsz == 0)
        return {};
    const u64 low = base::page_floor(header.p_vaddr), high = base::page_ceil(header.p_vaddr + header.p_memsz);
    image.low = image.segments.is_empty() ? low : base::min(image.low, low);
    image.high = base::max(image.high, high);
    if (header.p_align > image.alignment && (header.p_align & (header.p_align - 1)) == 0 &&
        header.p_align <= u64{1} << 30)
        image.alignment = header.p_align;
    return image.segments.push_back({header.p_vaddr, header.p_memsz, header.p_offset, header.p_filesz,
                                     protection_of(header.p_flags)});
}

Result<void> read_interpreter(ElfImage& image, const abi::Elf64_Phdr& header) {
    if (header.p_filesz < 2 || header.p_filesz > abi::PATH_MAX)
        return Errno::ENOEXEC;
    if (header.p_offset > (~u64{0} >> 1) - header.p_filesz)
        return Errno::EINVAL;
    PageBuffer text;
    if (!text)
        return Errno::ENOMEM;
    const usize length = TRY(read_kernel(*image.file, text.data(), header.p_filesz, header.p_offset));
    if (length != header.p_filesz)
        return Errno::EIO;
    if (text.data()[length - 1] != 0)
        return Errno::ENOEXEC;
    // Linux opens the empty name, which is the working directory: not a regular file.
    if (text.data()[0] == 0)
        return Errno::EACCES;
    image.interpreter = TRY(String::create(std::string_view(text.data(), __builtin_strlen(text.data()))));
    return {};
}

} // namespace

Result<void> parse_elf(RefPtr<File> file, bool is_interpreter, ElfImage& out) {
    const Errno refused = is_interpreter ? Errno::ELIBBAD : Errno::ENOEXEC;
    abi::Elf64_Ehdr header;
    const usize length = TRY(read_kernel(*file, &header, sizeof(header), 0));
    if (length < sizeof(header))
        return is_interpreter ? Errno::EIO : Errno::ENOEXEC;
    const bool is_program = header.e_type == abi::ET_EXEC || header.e_type == abi::ET_DYN;
    if (!is_for_this_machine(header) || (!is_program && !is_interpreter) || header.e_phoff > ~u64{0} >> 1)
        return refused;
    out.is_malformed = !is_program;
    const usize table_bytes = header.e_phnum * sizeof(abi::Elf64_Phdr);
    PageBuffer table(base::page_ceil(table_bytes) >> base::kPageShift);
    if (!table)
        return Errno::ENOMEM;
    const auto table_length = read_kernel(*file, table.data(), table_bytes, header.e_phoff);
    if (table_length.is_error() || table_length.value() != table_bytes)
        return refused;

    out.file = std::move(file);
    out.is_position_independent = header.e_type == abi::ET_DYN;
    out.entry = header.e_entry;
    out.header_count = header.e_phnum;
    const auto* headers = reinterpret_cast<const abi::Elf64_Phdr*>(table.data());
    TRY(out.segments.reserve(8));
    for (u32 i = 0; i < header.e_phnum; ++i) {
        const abi::Elf64_Phdr& entry = headers[i];
        switch (entry.p_type) {
        case abi::PT_LOAD:
            TRY(add_segment(out, entry));
            if (header.e_phoff >= entry.p_offset && header.e_phoff - entry.p_offset < entry.p_filesz)
                out.header_address = header.e_phoff - entry.p_offset + entry.p_vaddr;
            break;
        case abi::PT_INTERP:
            if (out.interpreter.length() == 0 && !is_interpreter)
                TRY(read_interpreter(out, entry));
            break;
        case abi::PT_GNU_STACK: out.wants_executable_stack = entry.p_flags & abi::PF_X; break;
        default: break;
        }
    }
    if (out.segments.is_empty() ||
        (!out.is_position_independent &&
         (out.low < base::kGuestLowest || !base::is_guest_range(out.low, out.high - out.low))))
        out.is_malformed = true;
    return {};
}

namespace {

Result<void> map_segment(Mm& mm, const ElfImage& image, const ElfSegment& segment, u64 bias) {
    const u64 start = base::page_floor(segment.address) + bias;
    const u64 file_end = segment.address + segment.file_size + bias;
    const u64 end = base::page_ceil(segment.address + segment.memory_size + bias);
    u64 rest = start; // where zeroed memory starts
    if (segment.file_size) {
        rest = base::page_ceil(file_end);
        TRY(mm.map(start, rest - start, segment.protection, abi::MAP_PRIVATE | abi::MAP_FIXED, image.file,
                   base::page_floor(segment.offset)));
        // The last page shows what follows in the file; only a writable one can be cleared, and only there it
        // matters.
        if (segment.memory_size > segment.file_size && rest > file_end && (segment.protection & abi::PROT_WRITE))
            TRY(clear_user(file_end, rest - file_end));
    }
    if (end > rest)
        TRY(mm.map(rest, end - rest, segment.protection, abi::MAP_PRIVATE | abi::MAP_FIXED, nullptr, 0));
    return {};
}

} // namespace

Result<void> map_elf(Mm& mm, const ElfImage& image, u64 bias) {
    if (image.is_malformed)
        return Errno::EINVAL;
    mm.reserve_slack(image.high + bias, engine::kTrampolineSlack);
    for (const ElfSegment& segment : image.segments)
        TRY(map_segment(mm, image, segment, bias));
    return {};
}

} // namespace lxcore
