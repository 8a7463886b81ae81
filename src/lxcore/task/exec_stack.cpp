// The first stack of a program: texts, auxiliary vector, envp, argv, argc. See execve(2), getauxval(3).
#include "abi/signal_frame.hpp"
#include "lxcore/task/exec_image.hpp"

namespace lxcore {

namespace {

constexpr std::string_view kPlatform{"x86_64", 7}; // with its NUL
constexpr u64 kClockTicks = 100;
constexpr usize kRandomBytes = 16;

// Collects words for consecutive guest addresses and writes them page by page.
class WordWriter {
public:
    WordWriter(char* buffer, usize bytes, u64 address)
        : m_words(reinterpret_cast<u64*>(buffer)), m_capacity(bytes / sizeof(u64)), m_address(address) {}
    Result<void> put(u64 word) {
        if (m_count == m_capacity)
            TRY(flush());
        m_words[m_count++] = word;
        return {};
    }
    Result<void> flush() {
        TRY(copy_to_user(m_address, m_words, m_count * sizeof(u64)));
        m_address += m_count * sizeof(u64);
        m_count = 0;
        return {};
    }

private:
    u64* m_words;
    usize m_capacity;
    usize m_count = 0;
    u64 m_address;
};

// CPUID leaf 1, EDX: what AT_HWCAP has always been on x86.
u64 hardware_capabilities() {
    u32 eax = 1, ebx, ecx = 0, edx;
    asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return edx;
}

// Copies `strings` from `from` to `to` to guest memory.
Result<void> copy_strings(const ExecStrings& strings, u64 from, u64 to, u64 address) {
    while (from < to) {
        std::string_view text = strings.piece(from);
        text = text.substr(0, base::min<u64>(text.size(), to - from));
        TRY(copy_to_user(address, text.data(), text.size()));
        from += text.size();
        address += text.size();
    }
    return {};
}

void fill_auxiliary_vector(Mm& mm, const ExecImage& image, const StackPlan& plan, u64 random, u64 platform,
                           u64 display_name) {
    u32 count = 0;
    auto add = [&](u64 type, u64 value) {
        mm.auxv[count++] = type;
        mm.auxv[count++] = value;
    };
    const Credentials& credentials = *image.credentials;
    if (const u64 vdso = host::vdso_address())
        add(abi::AT_SYSINFO_EHDR, vdso);
    // The host lays the vector state of signal frames behind the frame proper, each aligned to 64 bytes.
    add(abi::AT_MINSIGSTKSZ, base::align_up(sizeof(abi::rt_sigframe) + host::vector_state_bytes() + 2 * 64, 16));
    add(abi::AT_HWCAP, hardware_capabilities());
    add(abi::AT_PAGESZ, base::kPageSize);
    add(abi::AT_CLKTCK, kClockTicks);
    add(abi::AT_PHDR, image.program.header_address ? image.program.header_address + plan.program_bias : 0);
    add(abi::AT_PHENT, sizeof(abi::Elf64_Phdr));
    add(abi::AT_PHNUM, image.program.header_count);
    add(abi::AT_BASE, plan.interpreter_base);
    add(abi::AT_FLAGS, 0);
    add(abi::AT_ENTRY, image.program.entry + plan.program_bias);
    add(abi::AT_UID, credentials.uid);
    add(abi::AT_EUID, credentials.euid);
    add(abi::AT_GID, credentials.gid);
    add(abi::AT_EGID, credentials.egid);
    add(abi::AT_SECURE, image.is_secure);
    add(abi::AT_RANDOM, random);
    add(abi::AT_HWCAP2, 0); // FSGSBASE is not for the guest: FS and GS belong to lxcore as well
    add(abi::AT_EXECFN, display_name);
    add(abi::AT_PLATFORM, platform);
    add(abi::AT_NULL, 0);
    mm.auxv_count = count;
}

} // namespace

Result<u64> build_stack(Mm& mm, ExecImage& image, const StackPlan& plan) {
    const ExecStrings& strings = image.strings;
    const std::string_view name = image.display_name.view();
    const u32 prefix_bytes =
        image.prefix ? ExecImage::kPrefixPages * base::kPageSize - image.prefix_offset : 0;
    const u64 own_arguments = image.environment_offset - image.argument_offset;
    const u64 environment_bytes = strings.length() - image.environment_offset;

    // Downwards from the top: a null word, the program's name, environment, arguments.
    u64 at = plan.top - sizeof(u64);
    at -= name.size() + 1;
    const u64 display_name = at;
    TRY(copy_to_user(at, image.display_name.c_str(), name.size() + 1));
    at -= environment_bytes;
    mm.environment_start = at;
    mm.environment_end = at + environment_bytes;
    TRY(copy_strings(strings, image.environment_offset, strings.length(), at));
    at -= own_arguments;
    TRY(copy_strings(strings, image.argument_offset, image.environment_offset, at));
    mm.argument_end = at + own_arguments;
    at -= prefix_bytes;
    mm.argument_start = at;
    if (prefix_bytes)
        TRY(copy_to_user(at, image.prefix + image.prefix_offset, prefix_bytes));

    u8 random[kRandomBytes + sizeof(u16)];
    host::random_bytes(random, sizeof(random));
    at = base::align_down(at, 16);
    if (mm.randomize)
        at -= (random[kRandomBytes] | (random[kRandomBytes + 1] & 0x1f) << 8) & ~15u;
    at -= base::align_up(kPlatform.size(), 16);
    const u64 platform = at;
    TRY(copy_to_user(at, kPlatform.data(), kPlatform.size()));
    at -= kRandomBytes;
    const u64 random_at = at;
    TRY(copy_to_user(at, random, kRandomBytes));
    fill_auxiliary_vector(mm, image, plan, random_at, platform, display_name);

    const u64 arguments = u64{image.prefix_count} + image.argument_count;
    const u64 words = 1 + arguments + 1 + image.environment_count + 1 + mm.auxv_count;
    const u64 stack_pointer = base::align_down(at - words * sizeof(u64), 16);
    PageBuffer page;
    if (!page)
        return Errno::ENOMEM;
    WordWriter writer(page.data(), page.size(), stack_pointer);
    TRY(writer.put(arguments));
    u64 text = mm.argument_start;
    for (u32 i = 0, offset = image.prefix_offset; i < image.prefix_count; ++i) {
        TRY(writer.put(text));
        const u32 length = static_cast<u32>(__builtin_strlen(image.prefix + offset) + 1);
        text += length;
        offset += length;
    }
    const u64 base_address = mm.argument_end - image.environment_offset; // of strings' offset 0
    u64 offset = image.argument_offset;
    for (u32 i = 0; i < image.argument_count; ++i) {
        TRY(writer.put(base_address + offset));
        offset = strings.skip(offset);
    }
    TRY(writer.put(0));
    offset = image.environment_offset;
    for (u32 i = 0; i < image.environment_count; ++i) {
        TRY(writer.put(mm.environment_start + (offset - image.environment_offset)));
        offset = strings.skip(offset);
    }
    TRY(writer.put(0));
    for (u32 i = 0; i < mm.auxv_count; ++i)
        TRY(writer.put(mm.auxv[i]));
    TRY(writer.flush());
    return stack_pointer;
}

} // namespace lxcore
