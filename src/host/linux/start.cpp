#include "host/linux/start.hpp"

#include "abi/elf.hpp"
#include "abi/fcntl.hpp"
#include "abi/mman.hpp"
#include "abi/resource.hpp"
#include "engine/engine.hpp"
#include "host/linux/internal.hpp"

extern "C" [[noreturn]] void lx_switch_stack(u64 stack, void (*function)());
asm(R"(
        .text
        .globl _start
_start:
        xorl    %ebp, %ebp
        movq    %rsp, %rdi
        andq    $-16, %rsp
        call    lx_main
        ud2
        .globl lx_switch_stack
lx_switch_stack:
        movq    %rdi, %rsp
        xorl    %ebp, %ebp
        call    *%rsi
        ud2
)");

namespace host::linux_host {

void complain(std::string_view text) {
    (void)host_call(abi::SYS_write, 2, address_of(text.data()), text.size());
}

[[noreturn]] void fail(std::string_view what, std::string_view why, i64 result) {
    base::FixedWriter<400> text;
    base::print(text, "lxkernel: {}: {}", what, why);
    if (is_error(result))
        base::print(text, " ({})", abi::errno_text(error_of(result)));
    text.put('\n');
    complain(text.view());
    if (g_state.log >= 0)
        log(text.view().substr(0, text.length() - 1));
    for (;;)
        (void)host_call(abi::SYS_exit_group, static_cast<u64>(g_state.failure_status));
}

i32 open_folder(const char* path) {
    const i64 folder = host_call(abi::SYS_openat, static_cast<u64>(i64{abi::AT_FDCWD}), address_of(path),
                                 abi::O_RDONLY | abi::O_DIRECTORY | abi::O_CLOEXEC);
    if (is_error(folder))
        fail(path, "cannot open the folder", folder);
    return static_cast<i32>(folder);
}

namespace {

void read_auxiliary_vector(const u64* vector) {
    for (; vector[0] != abi::AT_NULL; vector += 2) {
        if (vector[0] == abi::AT_SYSINFO_EHDR)
            g_state.vdso = vector[1];
        else if (vector[0] == abi::AT_HWCAP2)
            g_state.has_fsgsbase = (vector[1] & 2) != 0;
    }
}

// Finds __vdso_clock_gettime in the host's vDSO.
void read_vdso() {
    if (!g_state.vdso)
        return;
    const u64 image = g_state.vdso;
    const auto& header = *reinterpret_cast<const abi::Elf64_Ehdr*>(image);
    const auto* segments = reinterpret_cast<const abi::Elf64_Phdr*>(image + header.e_phoff);
    u64 bias = image, dynamic = 0;
    for (u32 i = 0; i < header.e_phnum; ++i) {
        if (segments[i].p_type == abi::PT_LOAD && segments[i].p_offset == 0)
            bias = image - segments[i].p_vaddr;
        else if (segments[i].p_type == abi::PT_DYNAMIC)
            dynamic = segments[i].p_vaddr;
    }
    if (!dynamic)
        return;
    const u32* hash = nullptr;
    const char* strings = nullptr;
    struct Symbol {
        u32 name;
        u8 info, other;
        u16 section;
        u64 value, size;
    };
    const Symbol* symbols = nullptr;
    u64 string_bytes = 0;
    for (const u64* entry = reinterpret_cast<const u64*>(bias + dynamic); entry[0] != 0; entry += 2) {
        switch (entry[0]) {
        case 4: hash = reinterpret_cast<const u32*>(bias + entry[1]); break;    // DT_HASH
        case 5: strings = reinterpret_cast<const char*>(bias + entry[1]); break; // DT_STRTAB
        case 6: symbols = reinterpret_cast<const Symbol*>(bias + entry[1]); break; // DT_SYMTAB
        case 10: string_bytes = entry[1]; break;                                // DT_STRSZ
        default: break;
        }
    }
    if (!strings || !symbols)
        return;
    // Without DT_HASH (newer kernels leave it out) the string table, which follows the symbols, bounds them.
    const u64 count = hash ? hash[1]
                           : (reinterpret_cast<u64>(strings) - reinterpret_cast<u64>(symbols)) / sizeof(Symbol);
    for (u64 i = 0; i < count; ++i) {
        if (symbols[i].name < string_bytes &&
            std::string_view(strings + symbols[i].name) == "__vdso_clock_gettime")
            g_state.vdso_clock_gettime =
                reinterpret_cast<i32 (*)(i32, abi::timespec*)>(bias + symbols[i].value);
    }
}

void read_vector_state_size() {
    u32 eax, ebx, ecx, edx;
    asm volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(1), "c"(0));
    if (!(ecx & (1u << 27)))
        fail("processor", "XSAVE is needed and missing");
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    // x87, SSE, AVX, AVX-512 and PKRU; tile state would need a permission request.
    g_state.xsave_mask = low & 0x2e7;
    asm volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(0xd), "c"(0));
    u32 bytes = 576;
    for (u32 component = 2; component < 32; ++component) {
        if (!(g_state.xsave_mask & (u64{1} << component)))
            continue;
        asm volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(0xd), "c"(component));
        bytes = base::max(bytes, ebx + eax);
    }
    g_state.xsave_bytes = bytes;
}

u64 parse_hex(const char*& at) {
    u64 value = 0;
    for (;; ++at) {
        const char c = *at;
        if (c >= '0' && c <= '9')
            value = value * 16 + static_cast<u64>(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + static_cast<u64>(c - 'a' + 10);
        else
            return value;
    }
}

// What the host occupies in every pico process's guest range.
void read_reserved_ranges(u64 stack_pointer) {
    static char text[16 * 1024];
    const usize length = host_information("self/maps", text, sizeof(text) - 1);
    text[length] = 0;
    for (const char* at = text; *at;) {
        const u64 start = parse_hex(at);
        ++at;
        const u64 end = parse_hex(at);
        if (stack_pointer >= start && stack_pointer < end) {
            g_state.initial_stack = {start, end};
        } else if (end <= base::kGuestEnd + base::kPageSize && (end <= base::kKernelBase || start >= base::kKernelEnd) &&
                   g_state.reserved_count < base::array_size(g_state.reserved)) {
            g_state.reserved[g_state.reserved_count++] = {start, end};
        }
        while (*at && *at != '\n')
            ++at;
        if (*at)
            ++at;
    }
}

void create_arena() {
    abi::rlimit64 limit{};
    (void)host_call(abi::SYS_prlimit64, 0, abi::RLIMIT_AS, 0, address_of(&limit));
    u64 bytes = u64{64} << 30;
    // A limited address space must hold the arena and the guest's programs.
    if (limit.rlim_cur != abi::RLIM_INFINITY)
        while (bytes > limit.rlim_cur / 2 && bytes > (u64{256} << 20))
            bytes /= 2;
    // Patched text is mapped from it: say so where the host wants to know (6.3 and newer); older ones refuse the flag.
    i64 file = host_call(abi::SYS_memfd_create, address_of("lxss-arena"), abi::MFD_CLOEXEC | abi::MFD_EXEC);
    if (is_error(file))
        file = host_call(abi::SYS_memfd_create, address_of("lxss-arena"), abi::MFD_CLOEXEC);
    if (is_error(file))
        fail("arena", "memfd_create failed", file);
    g_state.arena = static_cast<i32>(file);
    i64 result = host_call(abi::SYS_ftruncate, static_cast<u64>(file), bytes);
    if (is_error(result))
        fail("arena", "ftruncate failed", result);
    result = host_call(abi::SYS_mmap, base::kArenaBase, bytes, abi::PROT_READ | abi::PROT_WRITE,
                       abi::MAP_SHARED | abi::MAP_FIXED_NOREPLACE | abi::MAP_NORESERVE, static_cast<u64>(file), 0);
    if (is_error(result))
        fail("arena", "mapping failed; is the address space limited (ulimit -v)?", result);
    g_state.arena_bytes = bytes;
}

// Every process inherits it. At the top of the lowest 2 GiB, where nothing but very large heaps of old-style programs come by.
void map_code_memory() {
    const u64 length = base::page_ceil(engine::code_memory_bytes());
    if (!length)
        return;
    const u64 address = 0x8000'0000 - length;
    const auto mapped = map_code(address, length);
    if (mapped.is_error())
        fail("translated code: the host gives no memory for it that is writable and executable", abi::errno_text(mapped.error()));
    engine::use_code_memory(address);
}

// Puts text and constants into anonymous memory, a large page where the host has them. Clones then have them from the
// start: the host copies page tables of mappings with anonymous pages only, so that each process faulted its way through
// the file's pages (13 faults of 16 pages each, all to be taken down again at its end). An optimization: where it fails,
// all stays as it is.
void use_large_page() {
    constexpr u64 kLargePage = u64{2} << 20;
    static_assert(base::kKernelBase % kLargePage == 0);
    const auto& header = *reinterpret_cast<const abi::Elf64_Ehdr*>(base::kKernelBase);
    const auto* segments = reinterpret_cast<const abi::Elf64_Phdr*>(base::kKernelBase + header.e_phoff);
    u64 bytes = 0;
    for (u32 i = 0; i < header.e_phnum; ++i) {
        if (segments[i].p_type != abi::PT_LOAD)
            continue;
        if (segments[i].p_vaddr == base::kKernelBase && !(segments[i].p_flags & abi::PF_W))
            bytes = segments[i].p_memsz;
        else if (segments[i].p_vaddr < base::kKernelBase + kLargePage)
            return; // linked in another way than src/kernel.cmake does
    }
    if (bytes == 0 || bytes > kLargePage)
        return;
    const i64 room = host_call(abi::SYS_mmap, 0, 2 * kLargePage, abi::PROT_READ | abi::PROT_WRITE,
                               abi::MAP_PRIVATE | abi::MAP_ANONYMOUS | abi::MAP_NORESERVE, static_cast<u64>(-1), 0);
    if (is_error(room))
        return;
    const u64 start = static_cast<u64>(room), page = base::align_up(start, kLargePage);
    (void)host_call(abi::SYS_madvise, page, kLargePage, abi::MADV_HUGEPAGE);
    __builtin_memcpy(reinterpret_cast<void*>(page), reinterpret_cast<const void*>(base::kKernelBase), bytes);
    if (!is_error(host_call(abi::SYS_mprotect, page, kLargePage, abi::PROT_READ | abi::PROT_EXEC)))
        (void)host_call(abi::SYS_mremap, page, kLargePage, kLargePage, abi::MREMAP_MAYMOVE | abi::MREMAP_FIXED,
                        base::kKernelBase);
    (void)host_call(abi::SYS_munmap, start, 2 * kLargePage); // what is left of it
}

void raise_limits() {
    abi::rlimit64 limit{};
    (void)host_call(abi::SYS_prlimit64, 0, abi::RLIMIT_NOFILE, 0, address_of(&limit));
    limit.rlim_cur = limit.rlim_max;
    (void)host_call(abi::SYS_prlimit64, 0, abi::RLIMIT_NOFILE, address_of(&limit), 0);
}

} // namespace

Arguments read_start(u64* stack) {
    const auto count = static_cast<i32>(stack[0]);
    auto** arguments = reinterpret_cast<char**>(stack + 1);
    u64* after = stack + 1 + count + 1;
    auto** environment = reinterpret_cast<char**>(after);
    while (*after)
        ++after;
    read_auxiliary_vector(after + 1);
    g_state.instance_process = static_cast<i32>(host_call(abi::SYS_getpid));
    return {count, arguments, environment};
}

void prepare_host(u64* stack) {
    read_vdso();
    read_vector_state_size();
    raise_limits();
    use_large_page();
    map_code_memory();
    read_reserved_ranges(reinterpret_cast<u64>(stack));
    create_arena();
    (void)host_call(abi::SYS_umask, 0);
    install_signal_handlers();
}

void enter_block(ThreadBlock& block, void (*function)()) {
    block.frame = reinterpret_cast<u64>(&block) + kFrameOffset;
    lx_switch_stack(block.frame, function);
}

} // namespace host::linux_host
