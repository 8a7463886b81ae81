// ELF images: checking one, and mapping it into an address space. See elf(5).
#pragma once

#include "abi/elf.hpp"
#include "lxcore/mm/mm.hpp"

namespace lxcore {

struct ElfSegment {
    u64 address, memory_size; // as the file says
    u64 offset, file_size;
    u32 protection; // abi::PROT_*
};

// What the loader needs of a checked file. Unless it is malformed, all numbers in it are known to be sane: segments lie
// in guest memory, do not wrap around, and their offsets and addresses agree within a page.
struct ElfImage {
    RefPtr<File> file;
    bool is_position_independent = false;
    bool wants_executable_stack = false;
    // Its segments cannot be mapped. Linux finds out only when the old program is gone, and kills the process then; so
    // does map_elf().
    bool is_malformed = false;
    u64 entry = 0;
    u64 header_address = 0; // of the program headers in memory; 0 when no segment holds them
    u32 header_count = 0;
    u64 low = 0, high = 0;  // page-aligned span of all segments
    u64 alignment = base::kPageSize;
    Vector<ElfSegment> segments;
    String interpreter; // PT_INTERP, or empty
};

// Reads and checks `file`. ENOEXEC for what is no program for this machine; as an interpreter, ELIBBAD.
Result<void> parse_elf(RefPtr<File> file, bool is_interpreter, ElfImage& out);

// Maps all segments, moved by `bias`, and keeps room for the engine's trampolines behind them. The space is free.
// EINVAL, ENOMEM.
Result<void> map_elf(Mm& mm, const ElfImage& image, u64 bias);

} // namespace lxcore
